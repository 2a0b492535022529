package sqlite

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/jauap/jauap/account"
)

// SetDuress makes a second passphrase that destroys the vault's key wherever it is
// given instead of the first, and then opens an empty vault; nil takes it away, if
// there was one. Nothing on the disk tells which. Errors: ErrPassphrase for a vault
// without one, ErrWrongPassphrase, ErrNear, and ErrDestroyed when passphrase is the
// second one itself.
func SetDuress(path string, passphrase, second []byte) error {
	return files{path: path}.setDuress(passphrase, second)
}

func (f files) setDuress(passphrase, second []byte) error {
	h, key, root, err := f.unseal(passphrase)
	if err != nil {
		return err
	}
	defer clear(key)
	defer clear(root)
	if h.kdf != "argon2id" {
		return ErrPassphrase
	}
	if second != nil && near(passphrase, second) {
		return ErrNear
	}
	if err := h.fill(key, root); err != nil {
		return err
	}
	if second != nil {
		k := f.derive(h, second)
		defer clear(k)
		filler := make([]byte, 32)
		rand.Read(filler)
		if h.other, err = h.seal(k, filler, forDuress); err != nil {
			return err
		}
	}
	return f.putQuietly(h, key, root)
}

// renew writes the header anew at an opening, so that its times and its place on the
// disk tell of openings alone and not of what was set between them.
func (f files) renew(h header, key, root []byte) (err error) {
	other := h.other
	first := h.first
	if err = h.fill(key, root); err != nil {
		return err
	}
	if !first {
		h.other = other // whatever it is
	}
	return f.putHeader(h, key, root)
}

// putQuietly is putHeader that leaves the time of the last opening.
func (f files) putQuietly(h header, key, root []byte) error {
	was, err := os.Stat(headerPath(f.path))
	if err != nil {
		return err
	}
	if err := f.putHeader(h, key, root); err != nil {
		return err
	}
	_ = f.do("time", func() error { return os.Chtimes(headerPath(f.path), time.Time{}, was.ModTime()) }) // the next opening does it
	return nil
}

// unseal answers the header, the key behind a secret and the root key of a vault that is
// whole. If it was the second passphrase, the key is destroyed and err ErrDestroyed.
func (f files) unseal(passphrase []byte) (h header, key, root []byte, err error) {
	if h, err = readHeader(f.path); err != nil {
		return h, nil, nil, err
	}
	secret, err := h.secretOf(f.path, passphrase)
	if err != nil {
		return h, nil, nil, err
	}
	key = f.derive(h, secret)
	root, what, err := h.try(key)
	switch {
	case err != nil:
		return h, nil, nil, err
	case what == duress:
		if root, err = f.fire(&h, key); err != nil {
			return h, nil, nil, err
		}
		fallthrough
	case what == begun:
		err = ErrDestroyed
	case what == nothing && h.kdf == "file":
		err = fmt.Errorf("%w: its key file is not what it was", account.ErrDamaged) // nobody gave a passphrase
	case what == nothing:
		err = ErrWrongPassphrase
	}
	return h, key, root, err
}

// fire writes another root key over the first, where that stands: of a vault that is to
// be made. Until it is, the other place stays, so that whatever a crash leaves of the
// first is nobody's, and the same passphrase goes on from there.
func (f files) fire(h *header, key []byte) (root []byte, err error) {
	_ = f.tidy() // an interrupted change may have left the key there, too; tried again at each opening
	root = make([]byte, 32)
	rand.Read(root)
	if h.sealed, err = h.seal(key, root, forBegun); err != nil {
		return nil, err
	}
	at := int64(len(h.public()) + len(rootWord))
	err = f.do("root", func() error {
		d, err := os.OpenFile(headerPath(f.path), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = d.WriteAt([]byte(hex.EncodeToString(h.sealed)), at)
		if err == nil {
			err = d.Sync()
		}
		return errors.Join(err, d.Close())
	})
	if err == nil {
		err = f.destroy(keyPath(f.path))
	}
	return root, fault(err)
}

// beginning is a vault that takes the place of one of which the key is gone.
type beginning struct {
	files
	header
	key, root []byte
}

// begin makes the data anew.
func (f files) begin(h header, key, root []byte) (*Vault, error) {
	if err := f.removeData(); err != nil {
		return nil, fault(err)
	}
	if err := f.do("data", func() error { return makeData(f.path, root) }); err != nil {
		return nil, err
	}
	v, err := connect(f.path, root, "adiantum")
	if err != nil {
		return nil, err
	}
	v.begun = &beginning{f, h, key, root}
	return v, nil
}

// Begun reports that this vault was made just now, in place of one of which the
// passphrase under duress destroyed the key. It is made anew at each Open until Settle.
func (v *Vault) Begun() bool { return v.begun != nil }

// Settle makes a vault that was begun a vault like any other: what is in it stays.
func (v *Vault) Settle() error {
	b := v.begun
	if b == nil {
		return nil
	}
	if err := b.fill(b.key, b.root); err != nil {
		return err
	}
	if err := b.putHeader(b.header, b.key, b.root); err != nil {
		return err
	}
	v.forget()
	return nil
}

func (v *Vault) forget() {
	if v.begun != nil {
		clear(v.begun.key)
		clear(v.begun.root)
		v.begun = nil
	}
}

// near reports whether a slip could make one passphrase of the other: case, spaces, the
// keyboard's language, two slips of a finger, or an end that was left out.
func near(a, b []byte) bool {
	x, y := keys(a), keys(b)
	return strings.Contains(string(x), string(y)) || strings.Contains(string(y), string(x)) || within(x, y, 2)
}

// The letters of the Russian and Kazakh keyboards, and the keys on which they stand.
const (
	letters = "йцукенгшщзхъфывапролджэячсмитьбюёәіңғүұқөһ"
	latin   = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`2345890-="
)

func keys(pass []byte) (list []rune) {
	at := []rune(letters)
	for _, r := range strings.ToLower(strings.ToUpper(string(pass))) {
		for i, c := range at {
			if r == c {
				r = rune(latin[i])
				break
			}
		}
		if !unicode.IsSpace(r) {
			list = append(list, r)
		}
	}
	return list
}

// within reports whether k slips make y of x: a letter too many, too few, another, or
// two that changed places.
func within(x, y []rune, k int) bool {
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	if len(x) == 0 || len(y) == 0 {
		return len(x)+len(y) <= k
	}
	if k == 0 {
		return false
	}
	swapped := len(x) > 1 && len(y) > 1 && x[0] == y[1] && x[1] == y[0]
	return within(x[1:], y, k-1) || within(x, y[1:], k-1) || within(x[1:], y[1:], k-1) || swapped && within(x[2:], y[2:], k-1)
}
