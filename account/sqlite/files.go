package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/jauap/jauap/account"
)

func headerPath(path string) string { return path + ".head" }
func keyPath(path string) string    { return path + ".key" }
func draftPath(path string) string  { return path + ".new" }

// unfinished is a file as long as it has not taken its name.
func unfinished(name string) string { return name + ".tmp" }

// files are those of one vault. Whatever changes the two small ones, or the data
// when the key is gone, goes through do.
type files struct {
	path string

	// For tests, else nil: in step the process dies, and kek costs nothing.
	step func(what string) error
	kek  func(h header, secret []byte) []byte
}

// derive answers the key behind a secret.
func (f files) derive(h header, secret []byte) []byte {
	if f.kek != nil {
		return f.kek(h, secret)
	}
	defer debug.FreeOSMemory() // Argon2id leaves its memory to the collector
	return h.kek(secret)
}

func (f files) do(what string, act func() error) error {
	if f.step != nil {
		if err := f.step(what); err != nil {
			return err
		}
	}
	return act()
}

// Exists reports whether there is a vault at path, or what is left of one.
func Exists(path string) bool {
	for _, name := range []string{path, headerPath(path)} {
		if _, err := os.Lstat(name); err == nil {
			return true
		}
	}
	return false
}

func readHeader(path string) (header, error) {
	f, err := os.Open(headerPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return header{}, ErrNoVault
	}
	if err != nil {
		return header{}, fmt.Errorf("account/sqlite: %w", err)
	}
	defer f.Close()
	b := make([]byte, maxHeader)
	n, err := f.Read(b)
	if err != nil {
		return header{}, fmt.Errorf("%w: its header cannot be read: %w", account.ErrDamaged, err)
	}
	return parseHeader(b[:n])
}

// putHeader replaces the header durably, if key opens the new one. What stood in the
// old one is overwritten where that is possible, as it opens with a passphrase that
// may be another by now.
func (f files) putHeader(h header, key, root []byte) error {
	b := h.marshal()
	again, err := parseHeader(b)
	if err != nil {
		return err
	}
	if got, what, err := again.try(key); err != nil || what != whole || !bytes.Equal(got, root) {
		return fmt.Errorf("account/sqlite: the new header would not open: nothing was changed (%w)", err)
	}
	name := headerPath(f.path)
	var old *os.File
	if runtime.GOOS != "windows" { // there an open file is not replaced
		if old, err = os.OpenFile(name, os.O_WRONLY, 0); err == nil {
			defer old.Close()
		}
	}
	if err := f.write(name, b); err != nil {
		return fault(err)
	}
	if old == nil {
		return nil
	}
	was, err1 := old.Stat()
	is, err2 := os.Stat(name)
	if err1 == nil && err2 == nil && !os.SameFile(was, is) {
		_ = f.do("noise over the old header", func() error { return noise(old) }) // it has no name any more
	}
	return nil
}

// write replaces a file durably: a power cut leaves the old or the new one.
func (f files) write(name string, b []byte) error {
	tmp := unfinished(name)
	err := f.do("write "+tmp, func() error {
		t, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		_, err = t.Write(b)
		if err == nil {
			err = t.Sync()
		}
		return errors.Join(err, t.Close())
	})
	if err == nil {
		err = f.do("rename "+tmp, func() error { return os.Rename(tmp, name) })
	}
	if err != nil {
		_ = f.do("remove "+tmp, func() error { return os.Remove(tmp) }) // else the next attempt truncates it
		return err
	}
	return syncDir(name)
}

// tidy destroys what an interrupted change left of the two small files.
func (f files) tidy() error {
	return errors.Join(f.destroy(unfinished(headerPath(f.path))), f.destroy(unfinished(keyPath(f.path))))
}

// destroy overwrites a file and removes it; it may be missing.
func (f files) destroy(name string) error {
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(f.do("noise over "+name, func() error { return overwrite(name) }), f.remove(name))
}

func (f files) remove(name string) error {
	return f.do("remove "+name, func() error { return gone(os.Remove(name)) })
}
