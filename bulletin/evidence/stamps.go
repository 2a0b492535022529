package evidence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/jauap/jauap/bulletin/evidence/stamp"
)

// File is a time stamp or a proof, in a package or beside it.
type File = stamp.File

// Stamps are the stamps in a package whose form holds, and its root.
func Stamps(in io.ReaderAt, size int64) (list []File, root Root, err error) {
	p, v := open(in, size)
	if p == nil || v.Broken() {
		return nil, root, fmt.Errorf("%w: %s", ErrBroken, v.first())
	}
	list, err = p.stampFiles()
	return list, v.Root, err
}

func (p *pack) stampFiles() (list []File, err error) {
	for _, f := range p.stamps {
		b, err := small(f, maxStamp)
		if err != nil {
			return nil, err
		}
		list = append(list, File{Name: f.Name, Data: b})
	}
	return list, nil
}

// checkStamps says what outside witnesses prove. spec/evidence.md, 7.
func (p *pack) checkStamps(v *Verdict, b Beside) error {
	list, err := p.stampFiles()
	if err != nil {
		return fmt.Errorf("evidence: read the stamps: %w", err)
	}
	n := len(v.Findings)
	for _, f := range slices.Concat(list, b.Stamps) {
		if f.Proof() {
			v.proof(f)
		} else {
			v.token(f, b)
		}
	}
	if len(v.Findings) == n {
		v.say(NotProven, "stamp", "no-stamp", "No outside witness stamped the report.")
	}
	return nil
}

// witness says why a stamp does not count; false when it does.
func (v *Verdict) unread(f File, err error) bool {
	name := path.Base(f.Name)
	switch {
	case errors.Is(err, stamp.ErrOther):
		v.fail("stamp", "stamp", "The time stamp %s is for something else.", clip(name))
	case errors.Is(err, stamp.ErrSignature):
		v.fail("stamp", "stamp", "The time stamp %s is forged or was changed: its signature is wrong.", clip(name))
	case err != nil:
		v.say(NotProven, "stamp", "stamp-unread", "The time stamp %s cannot be read here: %s.", clip(name), err)
	}
	return err != nil
}

// token says what an authority signed.
func (v *Verdict) token(f File, b Beside) {
	t, err := stamp.Read(f.Data, v.Root, b.Named)
	if v.unread(f, err) {
		return
	}
	at, mark := t.Time.Format(time.RFC3339), fmt.Sprintf("%x", t.Print[:8])
	switch {
	case t.Led:
		v.say(Proven, "stamp", "stamp-named", "The report existed at %s: %q signed it (certificate %s…), whom the certificate that you named vouches for.", at, t.Signer, mark)
	case len(b.Named) > 0:
		v.say(NotProven, "stamp", "stamp-not-named", "A certificate that calls itself %[2]q (%[3]s…) signed that the report existed at %[1]s, but the certificate that you named does not vouch for it.", at, t.Signer, mark)
	default:
		v.say(Proven, "stamp", "stamp", "Whoever trusts the time-stamp authority that calls itself %[2]q (certificate %[3]s…) knows that the report existed at %[1]s. Its signature is right; whether it deserves trust is not judged here.", at, t.Signer, mark)
	}
}

// proof says which blocks commit to the root. No chain is here to look at.
func (v *Verdict) proof(f File) {
	p, err := stamp.ReadProof(f.Data, v.Root)
	if v.unread(f, err) {
		return
	}
	blocks, waiting := p.Blocks(), p.Waiting()
	for _, b := range blocks[:min(len(blocks), 8)] {
		v.say(Claimed, "stamp", "block", "The report existed before Bitcoin's block %d, if the merkle root of that block is %s: compare.", b.Height, b.Merkle)
	}
	if len(blocks) > 0 {
		return
	}
	for _, w := range waiting[:min(len(waiting), 8)] {
		v.say(NotProven, "stamp", "waiting", "The calendar %s promised to put the report into Bitcoin: ask it later.", w.Calendar)
	}
	if len(waiting) == 0 {
		v.say(NotProven, "stamp", "no-block", "The proof %s names no block of Bitcoin and no calendar.", clip(path.Base(f.Name)))
	}
}

// Witnessed says what stamps prove of a root whose package is not at hand.
func Witnessed(root Root, list []File) []Finding {
	v := Verdict{Root: root}
	for _, f := range list {
		if f.Proof() {
			v.proof(f)
		} else {
			v.token(f, Beside{})
		}
	}
	return v.Findings
}

// MaxLetterStamps is how many stamps a letter to a desk brings.
const MaxLetterStamps = 8

// MaxStampLetter is the longest such letter in bytes.
const MaxStampLetter = stampHead + MaxLetterStamps*(5+maxStamp)

const stampHead = 1 + 32 + 1

// ErrLetter: what came is no letter with stamps.
var ErrLetter = errors.New("evidence: this brings no stamps")

// stampEnds are the kinds of stamps in a letter. spec/evidence.md, 8.
var stampEnds = [...]string{1: ".tsr", 2: ".ots"}

// WriteStamps makes a letter that brings stamps to who has the report of a root.
func WriteStamps(root Root, list []File) ([]byte, error) {
	if len(list) == 0 || len(list) > MaxLetterStamps {
		return nil, fmt.Errorf("%w: 1 to %d", ErrLetter, MaxLetterStamps)
	}
	b := append(append([]byte{1}, root[:]...), byte(len(list)))
	for _, f := range list {
		kind := slices.Index(stampEnds[:], path.Ext(f.Name))
		if kind < 1 || len(f.Data) == 0 || len(f.Data) > maxStamp {
			return nil, fmt.Errorf("%w: %.40q", ErrLetter, f.Name)
		}
		b = binary.BigEndian.AppendUint32(append(b, byte(kind)), uint32(len(f.Data)))
		b = append(b, f.Data...)
	}
	return b, nil
}

// ReadStamps reads what WriteStamps made. Whether the stamps hold it does not say.
func ReadStamps(b []byte) (root Root, list []File, err error) {
	if len(b) < stampHead || b[0] != 1 || b[stampHead-1] == 0 || b[stampHead-1] > MaxLetterStamps {
		return root, nil, ErrLetter
	}
	root = Root(b[1:33])
	n, rest := int(b[stampHead-1]), b[stampHead:]
	for i := range n {
		if len(rest) < 5 || rest[0] < 1 || int(rest[0]) >= len(stampEnds) {
			return root, nil, ErrLetter
		}
		kind, size := rest[0], binary.BigEndian.Uint32(rest[1:])
		rest = rest[5:]
		if size == 0 || size > maxStamp || int(size) > len(rest) {
			return root, nil, ErrLetter
		}
		list = append(list, File{Name: fmt.Sprint(i+1, stampEnds[kind]), Data: slices.Clone(rest[:size])})
		rest = rest[size:]
	}
	if len(rest) > 0 {
		return root, nil, ErrLetter
	}
	return root, list, nil
}

// Holds says why a stamp says nothing of a root: stamp.ErrForm, ErrOther,
// ErrSignature or ErrRefused.
func Holds(root Root, f File) error {
	if f.Proof() {
		_, err := stamp.ReadProof(f.Data, root)
		return err
	}
	_, err := stamp.Read(f.Data, root, nil)
	return err
}
