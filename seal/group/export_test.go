package group

import (
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// What tests outside the package need of its inside.

// ReadLetter is parseLetter.
func ReadLetter(b []byte) (Head, []seal.Part, error) { return parseLetter(b) }

// WriteLetter is appendLetter, padded to a size.
func WriteLetter(h Head, parts []seal.Part, size int) ([]byte, error) {
	return appendLetter(nil, h, parts, size)
}

// PenAt is a chain with a known key.
func PenAt(gen, next uint32, ck [32]byte) *Pen { return &Pen{gen: gen, next: next, ck: key(ck)} }

// SealRaw seals any plaintext with the pen's next key.
func (p *Pen) SealRaw(s Secret, w seal.Where, plain []byte) envelope.Envelope {
	next, seed := step(&p.ck)
	mk, h := letterKeys(&seed)
	by := s.signer(h)
	e, err := envelope.NewBy(w.Class, w.Shard, w.Expiry, by, appendSealed(nil, &mk, plain, envelope.Head(w.Class, w.Shard, w.Expiry, by.Key)))
	if err != nil {
		panic(err)
	}
	p.ck, p.next = next, p.next+1
	return e
}

// Plain is what an envelope of an index holds, as it was sealed.
func (e *Ear) Plain(unit envelope.Envelope, index uint32) ([]byte, error) {
	f, ok := e.find(index)
	if !ok {
		return nil, seal.ErrUnknownTag
	}
	mk, _ := letterKeys(&f.seed)
	return opened(&mk, unit.Body(), unit.Header())
}
