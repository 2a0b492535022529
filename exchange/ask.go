package exchange

import (
	"encoding/binary"

	"github.com/jauap/jauap/envelope"
)

// Sizes of an ask. spec/folder.md, 5.
const (
	AskNonce  = 16
	minAsk    = 64   // symbols
	maxAsk    = 4096 // symbols: some 2,900 differences
	askSpread = 2    // symbols for each unit of a small shelf
)

// Ask is a sketch of a shelf for somebody who cannot answer: whoever reads it
// later finds what the shelf lacks. each calls its function with every unit. The
// nonce is random and used once; without a shelf that is nearly the same the sketch
// tells how many units there are, to a factor of two and up to about a thousand, and nothing else.
func Ask(nonce [AskNonce]byte, each func(func(envelope.ID))) []byte {
	n := 0
	each(func(envelope.ID) { n++ })
	size := minAsk
	for size < maxAsk && size < askSpread*n {
		size *= 2
	}
	row := make(sketch, size)
	k := askKey(nonce)
	each(func(id envelope.ID) { row.toggle(k.short(&id)) })
	b := append(make([]byte, 0, AskNonce+size*symbolSize), nonce[:]...)
	for _, s := range row {
		b = appendSymbol(b, s)
	}
	return b
}

func askKey(nonce [AskNonce]byte) *keyed {
	return newKeyed([8]byte(nonce[:8]), [8]byte(nonce[8:]))
}

// Lacking finds which units of a shelf the one who left the ask lacked. even says
// that both shelves held the same. ok is false when the ask is none, or the shelves
// differ by more than it can tell.
func Lacking(ask []byte, each func(func(envelope.ID))) (lacks map[envelope.ID]bool, even, ok bool) {
	n := (len(ask) - AskNonce) / symbolSize
	if n < minAsk || n > maxAsk || len(ask) != AskNonce+n*symbolSize {
		return nil, false, false
	}
	k := askKey([AskNonce]byte(ask))
	row := make(sketch, n)
	for i := range row {
		b := ask[AskNonce+i*symbolSize:]
		row[i].sum = uint64(binary.BigEndian.Uint16(b))<<32 | uint64(binary.BigEndian.Uint32(b[2:]))
		row[i].check = binary.BigEndian.Uint32(b[6:])
	}
	each(func(id envelope.ID) { row.toggle(k.short(&id)) })
	units, ok := row.solve()
	if !ok {
		return nil, false, false
	}
	lacks = map[envelope.ID]bool{}
	each(func(id envelope.ID) {
		if units[k.short(&id)] {
			lacks[id] = true
		}
	})
	return lacks, len(units) == 0, true
}
