package group

import (
	"bytes"
	"fmt"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// MaxHeads is how many heads of the roster a letter tells.
const MaxHeads = 4

// Head is the beginning of every letter.
type Head struct {
	LifeDays int        // longest lifetime that the writer uses; 0 is envelope.Lifetime
	Heads    [][16]byte // of the roster as the writer knows it, ascending
}

const (
	letterVersion = 1
	headSize      = 3
	partHead      = 4
	maxParts      = 8192
	bitApp        = 0x40
)

// Room is what the parts of a letter may take, by seal.PartSize; not positive
// for classes that hold no letter.
func Room(c envelope.Class, heads int) int {
	return c.BodySize() - bodyCost - headSize - 16*min(heads, MaxHeads)
}

func appendLetter(b []byte, h Head, parts []seal.Part, size int) ([]byte, error) {
	end := len(b) + size
	n := min(len(h.Heads), MaxHeads)
	b = append(b, letterVersion, byte(h.LifeDays), byte(n))
	for _, id := range h.Heads[:n] {
		b = append(b, id[:]...)
	}
	for _, p := range parts {
		n := len(p.Body)
		b = append(b, p.Kind, byte(n>>16), byte(n>>8), byte(n))
		b = append(b, p.Body...)
	}
	if len(b) > end {
		return nil, seal.ErrTooLarge
	}
	return append(b, make([]byte, end-len(b))...), nil
}

// parseLetter reads a plaintext; there is one encoding of each. Its parts alias
// the bytes. spec/group.md, 3.
func parseLetter(b []byte) (h Head, parts []seal.Part, err error) {
	bad := func(what string) (Head, []seal.Part, error) {
		return Head{}, nil, fmt.Errorf("%w: %s", seal.ErrMalformed, what)
	}
	if len(b) < headSize {
		return bad("length")
	}
	if b[0] != letterVersion {
		return h, nil, seal.ErrUpdate
	}
	h.LifeDays = int(b[1])
	n := int(b[2])
	if h.LifeDays < 1 || h.LifeDays > envelope.MaxLifetime || n > MaxHeads || len(b) < headSize+16*n {
		return bad("head")
	}
	b = b[headSize:]
	for i := range n {
		id := [16]byte(b)
		if i > 0 && bytes.Compare(h.Heads[i-1][:], id[:]) >= 0 {
			return bad("order of heads")
		}
		h.Heads, b = append(h.Heads, id), b[16:]
	}
	for len(b) > 0 && b[0] != 0 {
		if len(b) < partHead {
			return bad("part without length")
		}
		size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if size > len(b)-partHead || len(parts) >= maxParts {
			return bad("part")
		}
		if b[0]&bitApp == 0 {
			return bad("kind of a part")
		}
		end := partHead + size
		parts = append(parts, seal.Part{Kind: b[0], Body: b[partHead:end:end]})
		b = b[end:]
	}
	for _, c := range b {
		if c != 0 {
			return bad("padding")
		}
	}
	return h, parts, nil
}

func checkParts(parts []seal.Part) error {
	if len(parts) > maxParts {
		return fmt.Errorf("%w: more than %d parts", seal.ErrTooLarge, maxParts)
	}
	for _, p := range parts {
		if p.Kind&bitApp == 0 {
			return fmt.Errorf("%w: part kind %#x is not the caller's", seal.ErrMalformed, p.Kind)
		}
		if len(p.Body) > envelope.MaxSize {
			return seal.ErrTooLarge
		}
	}
	return nil
}
