package group

import (
	"encoding/binary"
	"fmt"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// Ear is one generation of another member's chain.
type Ear struct {
	from    Key
	gen     uint32
	base    uint32 // one past the highest index opened
	ck      key    // at base
	life    int    // days
	missing []missed
}

type missed struct {
	index  uint32
	passed seal.Tick
	seed   key
}

// Ear begins to listen to what was handed out.
func (h *Handout) Ear() *Ear {
	return &Ear{from: h.Key, gen: h.Gen, base: h.Next, ck: h.ck, life: envelope.Lifetime}
}

// Gen is the generation.
func (e *Ear) Gen() uint32 { return e.gen }

// Next is one past the highest index opened.
func (e *Ear) Next() uint32 { return e.base }

// Tag is the address of one letter.
type Tag struct {
	Index uint32
	Tag   envelope.Tag
}

// Tags are the addresses of all letters to come. It costs about 40 µs for each
// of up to 500: ask once and keep them.
func (e *Ear) Tags() ([]Tag, error) {
	k, err := e.from.point()
	if err != nil {
		return nil, err
	}
	list := make([]Tag, 0, Letters-e.base)
	ck := e.ck
	for i := e.base; i < Letters; i++ {
		next, seed := step(&ck)
		mk, h := letterKeys(&seed)
		clear(mk[:])
		clear(seed[:])
		list = append(list, Tag{i, envelope.TagOf(blinded(k, h))})
		ck = next
	}
	clear(ck[:])
	return list, nil
}

// Opened is what an envelope held.
type Opened struct {
	Head
	Parts []seal.Part // the caller's, in one buffer
}

// Open reads the letter of an index, which its tag told, and erases its key.
// Errors: seal.ErrUnknownTag for indexes opened before or forgotten,
// seal.ErrWrongKey, seal.ErrMalformed, seal.ErrUpdate; none changes the ear.
func (e *Ear) Open(now seal.Tick, unit envelope.Envelope, index uint32) (o Opened, err error) {
	f, ok := e.find(index)
	if !ok {
		return o, seal.ErrUnknownTag
	}
	defer clear(f.seed[:])
	k, err := e.from.point()
	if err != nil {
		return o, err
	}
	mk, h := letterKeys(&f.seed)
	defer clear(mk[:])
	if unit.Class().BodySize() == 0 || unit.Key() != blinded(k, h) {
		return o, seal.ErrUnknownTag
	}
	plain, err := opened(&mk, unit.Body(), unit.Header())
	if err != nil {
		return o, err
	}
	// A member could have sealed it, but only the writer can have signed it.
	if unit.Verify() != nil {
		return o, seal.ErrWrongKey
	}
	if o.Head, o.Parts, err = parseLetter(plain); err != nil {
		return Opened{}, err
	}
	e.life = max(e.life, o.LifeDays)
	if f.at >= 0 {
		e.drop(f.at)
		return o, nil
	}
	for _, m := range f.passed {
		m.passed = now
		e.missing = append(e.missing, m)
	}
	e.base, e.ck = index+1, f.next
	return o, nil
}

// found is where the key of an index is: at its place among the missing ones,
// or, when at is -1, ahead; then passed are those that it overtakes and next
// is the chain key after it.
type found struct {
	seed, next key
	at         int
	passed     []missed
}

func (e *Ear) find(index uint32) (f found, ok bool) {
	for i := range e.missing {
		if e.missing[i].index == index {
			return found{seed: e.missing[i].seed, at: i}, true
		}
	}
	if index < e.base || index >= Letters {
		return f, false
	}
	f.at, f.next = -1, e.ck
	for i := e.base; ; i++ {
		if f.next, f.seed = step(&f.next); i == index {
			return f, true
		}
		f.passed = append(f.passed, missed{index: i, seed: f.seed})
	}
}

func (e *Ear) drop(i int) {
	copy(e.missing[i:], e.missing[i+1:])
	clear(e.missing[len(e.missing)-1:])
	e.missing = e.missing[:len(e.missing)-1]
}

// Expire erases keys of missing letters that no carrier keeps any more, and
// tells their indexes.
func (e *Ear) Expire(now seal.Tick) (gone []uint32) {
	keep := seal.Tick(e.life)*day + grace
	for i := 0; i < len(e.missing); {
		if now-e.missing[i].passed < keep {
			i++
			continue
		}
		gone = append(gone, e.missing[i].index)
		e.drop(i)
	}
	return gone
}

// Marshal writes the ear, secrets included: 1 | K 32 | gen 4 | base 4 | ck 32 |
// life 1 | n 2 | n × (index 4, passed 8, seed 32).
func (e *Ear) Marshal() []byte {
	b := append(make([]byte, 0, 76+44*len(e.missing)), 1)
	b = append(b, e.from[:]...)
	b = binary.BigEndian.AppendUint32(b, e.gen)
	b = binary.BigEndian.AppendUint32(b, e.base)
	b = append(append(b, e.ck[:]...), byte(e.life))
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.missing)))
	for i := range e.missing {
		m := &e.missing[i]
		b = binary.BigEndian.AppendUint32(b, m.index)
		b = binary.BigEndian.AppendUint64(b, uint64(m.passed))
		b = append(b, m.seed[:]...)
	}
	return b
}

// ParseEar reads what Marshal wrote: seal.ErrState.
func ParseEar(b []byte) (*Ear, error) {
	const head, each = 76, 44
	if len(b) < head || b[0] != 1 || len(b) != head+each*int(binary.BigEndian.Uint16(b[74:])) {
		return nil, seal.ErrState
	}
	e := &Ear{from: Key(b[1:]), gen: binary.BigEndian.Uint32(b[33:]), base: binary.BigEndian.Uint32(b[37:]), ck: key(b[41:]), life: int(b[73])}
	if e.base > Letters || e.life < 1 || e.life > envelope.MaxLifetime {
		return nil, fmt.Errorf("%w: a chain", seal.ErrState)
	}
	seen := map[uint32]bool{}
	for b = b[head:]; len(b) > 0; b = b[each:] {
		m := missed{binary.BigEndian.Uint32(b), seal.Tick(binary.BigEndian.Uint64(b[4:])), key(b[12:])}
		if m.index >= e.base || seen[m.index] || m.passed < 0 {
			return nil, fmt.Errorf("%w: a missing letter", seal.ErrState)
		}
		seen[m.index] = true
		e.missing = append(e.missing, m)
	}
	return e, nil
}

// Waits reports whether the letter of an index may still be opened.
func (e *Ear) Waits(index uint32) bool {
	if index >= e.base {
		return index < Letters
	}
	for i := range e.missing {
		if e.missing[i].index == index {
			return true
		}
	}
	return false
}
