package group

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// Limits. spec/group.md, 1.
const (
	Letters     = 500 // in a generation
	MaxAudience = 200

	age   = seal.Tick(7 * 24 * 60 * 60)
	grace = seal.Tick(4 * 24 * 60 * 60)
	day   = seal.Tick(24 * 60 * 60)
)

// Pen is a member's own chain.
type Pen struct {
	gen, next uint32
	ck        key
	began     seal.Tick
}

// NewPen begins a generation with a fresh key.
func NewPen(gen uint32, now seal.Tick) *Pen {
	p := &Pen{gen: gen, began: now}
	rand.Read(p.ck[:])
	return p
}

// Gen is the generation.
func (p *Pen) Gen() uint32 { return p.gen }

// Next is the index of the next letter.
func (p *Pen) Next() uint32 { return p.next }

// Spent reports whether a new generation is due by count or by age.
func (p *Pen) Spent(now seal.Tick) bool { return p.next >= Letters || now-p.began >= age }

// Sealed is an envelope that is ready to leave, once the pen is durable.
type Sealed struct {
	Bytes []byte
	Done  []byte // the proof for carriers, for when every reader has it
	ID    envelope.ID
	Tag   envelope.Tag
	Key   [32]byte // one-time
	Index uint32
}

// Seal puts the parts into one envelope of the class. Errors: seal.ErrCap when
// the generation is spent, seal.ErrTooLarge, seal.ErrMalformed; none changes
// the pen.
func (p *Pen) Seal(s Secret, w seal.Where, h Head, parts []seal.Part) (Sealed, error) {
	if p.next >= Letters {
		return Sealed{}, seal.ErrCap
	}
	if err := checkParts(parts); err != nil {
		return Sealed{}, err
	}
	if h.LifeDays == 0 {
		h.LifeDays = envelope.Lifetime
	}
	if w.Class.BodySize() == 0 || w.Expiry == envelope.NoDay || h.LifeDays < 0 || h.LifeDays > envelope.MaxLifetime {
		return Sealed{}, fmt.Errorf("%w: class, expiry or lifetime", seal.ErrMalformed)
	}
	plain, err := appendLetter(nil, h, parts, w.Class.BodySize()-bodyCost)
	if err != nil {
		return Sealed{}, err
	}
	defer clear(plain)
	next, seed := step(&p.ck)
	mk, blind := letterKeys(&seed)
	clear(seed[:])
	by := s.signer(blind)
	body := appendSealed(make([]byte, 0, w.Class.BodySize()), &mk, plain, envelope.Head(w.Class, w.Shard, w.Expiry, by.Key))
	clear(mk[:])
	e, err := envelope.NewBy(w.Class, w.Shard, w.Expiry, by, body)
	if err != nil {
		return Sealed{}, err
	}
	done, err := envelope.NewDoneBy(e, by)
	if err != nil {
		return Sealed{}, err
	}
	out := Sealed{e.Bytes(), done.Bytes(), e.ID(), e.Tag(), by.Key, p.next}
	p.ck, p.next = next, p.next+1
	return out, nil
}

// Marshal writes the pen, secrets included: 1 | gen 4 | next 4 | ck 32 | began 8.
func (p *Pen) Marshal() []byte {
	b := binary.BigEndian.AppendUint32([]byte{1}, p.gen)
	b = binary.BigEndian.AppendUint32(b, p.next)
	return binary.BigEndian.AppendUint64(append(b, p.ck[:]...), uint64(p.began))
}

// ParsePen reads what Marshal wrote: seal.ErrState.
func ParsePen(b []byte) (*Pen, error) {
	if len(b) != 49 || b[0] != 1 {
		return nil, seal.ErrState
	}
	p := &Pen{gen: binary.BigEndian.Uint32(b[1:]), next: binary.BigEndian.Uint32(b[5:])}
	p.ck, p.began = key(b[9:]), seal.Tick(binary.BigEndian.Uint64(b[41:]))
	if p.next > Letters || p.began < 0 {
		return nil, seal.ErrState
	}
	return p, nil
}

// Handout is a chain as it is given to others. spec/group.md, 4.
type Handout struct {
	Group     [16]byte
	Key       Key
	Gen, Next uint32
	Audience  [][8]byte // ascending
	ck        key
	raw       []byte
}

const (
	handoutHead = 1 + 16 + 32 + 4 + 4 + 32 + 1
	// MaxHandout is the size of the largest.
	MaxHandout = handoutHead + 8*MaxAudience + ed25519.SignatureSize
)

// HandOut writes the chain from its next letter on, for these members.
func (p *Pen) HandOut(s Secret, group [16]byte, audience [][8]byte) ([]byte, error) {
	if p.next >= Letters {
		return nil, seal.ErrCap
	}
	list := slices.Clone(audience)
	slices.SortFunc(list, func(a, b [8]byte) int { return bytes.Compare(a[:], b[:]) })
	if list = slices.Compact(list); len(list) == 0 || len(list) > MaxAudience {
		return nil, fmt.Errorf("%w: %d members, at most %d", seal.ErrTooLarge, len(list), MaxAudience)
	}
	k := s.Key()
	b := append(append([]byte{1}, group[:]...), k[:]...)
	b = binary.BigEndian.AppendUint32(b, p.gen)
	b = binary.BigEndian.AppendUint32(b, p.next)
	b = append(append(b, p.ck[:]...), byte(len(list)))
	for _, m := range list {
		b = append(b, m[:]...)
	}
	return append(b, ed25519.Sign(s.priv, signedHandout(b))...), nil
}

func signedHandout(fields []byte) []byte { return append([]byte("jauap/1 group key"), fields...) }

// ParseHandout reads one and checks its signature: seal.ErrMalformed,
// seal.ErrWrongKey, seal.ErrUpdate.
func ParseHandout(b []byte) (*Handout, error) {
	if len(b) > 0 && b[0] != 1 {
		return nil, seal.ErrUpdate
	}
	if len(b) < handoutHead || len(b) > MaxHandout {
		return nil, fmt.Errorf("%w: a chain of %d bytes", seal.ErrMalformed, len(b))
	}
	h := &Handout{Group: [16]byte(b[1:]), Key: Key(b[17:]), ck: key(b[57:]), raw: bytes.Clone(b)}
	h.Gen, h.Next = binary.BigEndian.Uint32(b[49:]), binary.BigEndian.Uint32(b[53:])
	n := int(b[89])
	if n == 0 || n > MaxAudience || h.Next >= Letters || len(b) != handoutHead+8*n+ed25519.SignatureSize {
		return nil, fmt.Errorf("%w: a chain", seal.ErrMalformed)
	}
	for i := range n {
		m := [8]byte(b[handoutHead+8*i:])
		if i > 0 && bytes.Compare(h.Audience[i-1][:], m[:]) >= 0 {
			return nil, fmt.Errorf("%w: order of the audience", seal.ErrMalformed)
		}
		h.Audience = append(h.Audience, m)
	}
	if _, err := h.Key.point(); err != nil {
		return nil, fmt.Errorf("%w: a chain's key", seal.ErrMalformed)
	}
	end := len(b) - ed25519.SignatureSize
	if !ed25519.Verify(h.Key[:], signedHandout(b[:end]), b[end:]) {
		return nil, seal.ErrWrongKey
	}
	return h, nil
}

// Bytes are the handout as it travels.
func (h *Handout) Bytes() []byte { return h.raw }

// For reports whether a member is in the audience.
func (h *Handout) For(m [8]byte) bool { return slices.Contains(h.Audience, m) }
