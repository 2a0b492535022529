package serial

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// Limits of a digest. spec/serial.md, 4.
const (
	haveHead   = 6
	havePlaces = 4   // bits for each unit
	haveBits   = 10  // of the filter for each unit, about
	haveMost   = 128 // units in one digest
	haveFilter = haveMost * haveBits / 8
	maxDepth   = 8
)

// have is a digest: which of the units in one cell a station holds, with few
// mistakes, and always other ones.
type have struct {
	salt   uint32
	depth  uint8 // the cells are 2^depth
	cell   uint8
	filter []byte
}

func (h *have) places(id ID) (cell uint8, places [havePlaces]uint32) {
	b := binary.BigEndian.AppendUint32([]byte("jauap/1 have"), h.salt)
	sum := sha256.Sum256(append(b, id[:]...))
	for i := range places {
		places[i] = binary.BigEndian.Uint32(sum[4+4*i:]) % uint32(8*len(h.filter))
	}
	return sum[0] >> (8 - h.depth), places
}

// holds tells whether a unit is in the digest's cell, and whether it seems to be
// held.
func (h *have) holds(id ID) (in, held bool) {
	cell, places := h.places(id)
	if h.depth > 0 && cell != h.cell {
		return false, false
	}
	for _, p := range places {
		if h.filter[p/8]>>(p%8)&1 == 0 {
			return true, false
		}
	}
	return true, true
}

// makeHave tells of one cell of what is held, drawn at random, in a frame of at
// most frame bytes.
func makeHave(ids []ID, frame int, rng *rand.Rand) []byte {
	most := min(haveMost, (frame-2-haveHead-sumSize)*8/haveBits)
	h := &have{salt: rng.Uint32()}
	for len(ids)>>h.depth > most*3/4 && h.depth < maxDepth {
		h.depth++
	}
	h.cell = uint8(rng.IntN(1 << h.depth))
	h.filter = make([]byte, 1)
	var in []ID
	for _, id := range ids {
		if cell, _ := h.places(id); h.depth == 0 || cell == h.cell {
			in = append(in, id)
		}
	}
	h.filter = make([]byte, min(max(len(in)*haveBits/8, 1), frame-2-haveHead-sumSize, haveFilter))
	for _, id := range in {
		_, places := h.places(id)
		for _, p := range places {
			h.filter[p/8] |= 1 << (p % 8)
		}
	}
	b := binary.BigEndian.AppendUint32([]byte{magic, kindHave}, h.salt)
	return sealed(append(append(b, h.depth, h.cell), h.filter...))
}

func parseHave(rest []byte) (*have, error) {
	if len(rest) <= haveHead || len(rest) > haveHead+haveFilter {
		return nil, fmt.Errorf("%w: a digest", ErrFrame)
	}
	h := &have{binary.BigEndian.Uint32(rest), rest[4], rest[5], rest[haveHead:]}
	if h.depth > maxDepth || int(h.cell) >= 1<<h.depth {
		return nil, fmt.Errorf("%w: a digest's cell", ErrFrame)
	}
	return h, nil
}
