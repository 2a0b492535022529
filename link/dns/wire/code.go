package wire

import (
	"errors"

	"rsc.io/qr/gf256"
)

// Symbol is how many bytes of a unit travel together.
const Symbol = 16

// Code says how large a unit is, and which block of it is meant. spec/dns.md, 4.
type Code uint8

// The sizes that units have. Those above 1,024 bytes go in blocks of 1,024.
const (
	none Code = iota
	size96
	sizeDone
	size160
	size222
	size1024
	size4096            // the first of 4
	size16384 Code = 10 // the first of 16
	size2048  Code = 26 // the first of 2
	codes     Code = 28
)

// Block is the largest block, MaxUnit the largest unit, in bytes.
const (
	Block   = 1024
	MaxUnit = 16384
)

// CodeOf is the code of a unit's first block; false when none of that size goes
// through a tunnel.
func CodeOf(size int) (Code, bool) {
	for _, c := range []Code{size96, sizeDone, size160, size222, size1024, size2048, size4096, size16384} {
		if c.Unit() == size {
			return c, true
		}
	}
	return none, false
}

// Small and Large are the codes by which a stream is named: all units of less than
// 1,024 bytes, or all others.
func Small() Code { return size222 }

// Large names the stream of all units of 1,024 bytes and more: the code of the largest.
func Large() Code { return size16384 }

// Unit is the size of the whole unit in bytes, 0 for what is no code.
func (c Code) Unit() int {
	switch {
	case c == size96:
		return 96
	case c == sizeDone:
		return 116
	case c == size160:
		return 160
	case c == size222:
		return 222
	case c == size1024:
		return 1024
	case c >= size4096 && c < size16384:
		return 4096
	case c >= size16384 && c < size2048:
		return 16384
	case c >= size2048 && c < codes:
		return 2048
	}
	return 0
}

// First is the code of the unit's first block, N which block this is.
func (c Code) First() Code {
	switch c.Unit() {
	case 2048:
		return size2048
	case 4096:
		return size4096
	case 16384:
		return size16384
	}
	return c
}

// N is the number of the block, from 0.
func (c Code) N() int { return int(c - c.First()) }

// Blocks is how many the unit has.
func (c Code) Blocks() int { return max(1, c.Unit()/Block) }

// Size is the block's size in bytes.
func (c Code) Size() int { return min(c.Unit(), Block) }

// K is how many symbols the block is cut into.
func (c Code) K() int { return (c.Size() + Symbol - 1) / Symbol }

// gf is GF(2^8) over x^8+x^4+x^3+x^2+1.
var gf = gf256.NewField(0x11d, 2)

// addTo adds m times src to dst.
func addTo(dst, src []byte, m uint8) {
	if m == 0 {
		return
	}
	for i := range src {
		dst[i] ^= gf.Mul(m, src[i])
	}
}

// rowOf is what symbol i is made of: one source symbol for i < k, then a row of a
// Cauchy matrix, of which all square parts can be inverted.
func rowOf(i, k int) []uint8 {
	row := make([]uint8, k)
	if i < k {
		row[i] = 1
		return row
	}
	for j := range row {
		row[j] = gf.Inv(uint8(i) ^ uint8(j))
	}
	return row
}

// Spread makes the symbols of one block.
type Spread struct {
	Code Code
	data []byte // filled up with zeros
}

// ErrUnit: no unit of that size goes through a tunnel.
var ErrUnit = errors.New("dns: only units of up to 16,384 bytes go through name servers")

// Cut makes the Spreads of a unit's blocks.
func Cut(unit []byte) (list []*Spread, err error) {
	c, ok := CodeOf(len(unit))
	if !ok {
		return nil, ErrUnit
	}
	for i := range c.Blocks() {
		list = append(list, NewSpread(c+Code(i), unit[i*Block:min(len(unit), (i+1)*Block)]))
	}
	return list, nil
}

// NewSpread copies a block of the code's size.
func NewSpread(c Code, block []byte) *Spread {
	s := &Spread{Code: c, data: make([]byte, c.K()*Symbol)}
	copy(s.data, block)
	return s
}

// Append appends symbol i, from 0 to 255, to b.
func (s *Spread) Append(b []byte, i uint8) []byte {
	k := s.Code.K()
	if int(i) < k {
		return append(b, s.data[int(i)*Symbol:(int(i)+1)*Symbol]...)
	}
	var sum [Symbol]byte
	for j, m := range rowOf(int(i), k) {
		addTo(sum[:], s.data[j*Symbol:(j+1)*Symbol], m)
	}
	return append(b, sum[:]...)
}

// Gather brings a block back from its symbols, in any order.
type Gather struct {
	Code Code
	have map[uint8][Symbol]byte
	done []byte
	over bool
}

// NewGather begins a block. A code that is none never becomes whole.
func NewGather(c Code) *Gather { return &Gather{Code: c, have: map[uint8][Symbol]byte{}} }

// Close forgets what came; the unit needs nothing more.
func (g *Gather) Close() { g.over, g.have, g.done = true, nil, nil }

// Done tells whether the unit was closed.
func (g *Gather) Done() bool { return g.over }

// Have is how many different symbols came, at most K.
func (g *Gather) Have() int { return len(g.have) }

// Add takes one symbol and answers the block once it is whole, each time. Who
// adds symbols of another block gets noise.
func (g *Gather) Add(i uint8, symbol []byte) (block []byte, whole bool) {
	if g.done != nil {
		return g.done, true
	}
	k := g.Code.K()
	if k == 0 || g.over || len(symbol) != Symbol {
		return nil, false
	}
	if _, ok := g.have[i]; ok {
		return nil, false
	}
	g.have[i] = [Symbol]byte(symbol)
	if len(g.have) < k {
		return nil, false
	}
	g.done = g.solve(k)[:g.Code.Size()]
	return g.done, true
}

// solve inverts what came by elimination: k rows of k coefficients.
func (g *Gather) solve(k int) []byte {
	data := make([]byte, k*Symbol)
	var rows [][]uint8
	var sums [][]byte
	for i, sym := range g.have {
		row, sum := rowOf(int(i), k), append([]byte(nil), sym[:]...)
		if int(i) < k {
			copy(data[int(i)*Symbol:], sum)
			continue
		}
		rows, sums = append(rows, row), append(sums, sum)
	}
	var missing []int
	for j := range k {
		sym, ok := g.have[uint8(j)]
		if !ok {
			missing = append(missing, j)
			continue
		}
		for r := range rows {
			addTo(sums[r], sym[:], rows[r][j])
		}
	}
	for n, j := range missing {
		p := n
		for rows[p][j] == 0 {
			p++ // there is one: the matrix can be inverted
		}
		rows[n], rows[p], sums[n], sums[p] = rows[p], rows[n], sums[p], sums[n]
		m := gf.Inv(rows[n][j])
		scale(rows[n], m)
		scale(sums[n], m)
		for r := range rows {
			if m := rows[r][j]; r != n && m != 0 {
				addTo(rows[r], rows[n], m)
				addTo(sums[r], sums[n], m)
			}
		}
	}
	for n, j := range missing {
		copy(data[j*Symbol:], sums[n])
	}
	return data
}

func scale(row []uint8, m uint8) {
	for i := range row {
		row[i] = gf.Mul(row[i], m)
	}
}
