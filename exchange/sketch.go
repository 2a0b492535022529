package exchange

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math"

	"github.com/jauap/jauap/envelope"
)

// Sizes of sketches. spec/exchange.md, 11.
const (
	symbolSize  = 6 + 4
	maxSymbols  = 1 << 16 // of one sketch
	maxSketched = 1 << 20 // units on a shelf that is sketched
	minSketched = 4       // fewer are listed
	tallies     = 20
	tallyMod    = 512 // differences of tallies are known modulo this
)

// nonce is one side's contribution to the key of a session's sketch.
type nonce [8]byte

// keyed hashes ids for one session: spec/exchange.md, 11.1. AES-128 is a keyed permutation of 16 bytes
// and an id has 16 bytes: whoever does not know both nonces cannot aim at it.
type keyed struct {
	block cipher.Block
	out   [16]byte
}

func newKeyed(a, b nonce) *keyed {
	var key [16]byte
	copy(key[:], a[:])
	copy(key[8:], b[:])
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("exchange: internal error: " + err.Error())
	}
	return &keyed{block: block}
}

// hash is valid until the next call.
func (k *keyed) hash(x *envelope.ID) *[16]byte {
	k.block.Encrypt(k.out[:], x[:])
	return &k.out
}

// short is the 48-bit name of a unit in one session.
func (k *keyed) short(x *envelope.ID) uint64 {
	return binary.BigEndian.Uint64(k.hash(x)[:]) >> 16
}

// summary says how much two shelves differ, not in what. spec/exchange.md, 11.1.
type summary struct {
	nonce nonce
	count uint64
	sum   uint32
	tally [tallies]uint8
}

// add counts one unit.
func (m *summary) add(h *[16]byte) {
	m.count++
	m.sum ^= binary.BigEndian.Uint32(h[12:])
	bits := binary.BigEndian.Uint32(h[8:])
	for i := range m.tally {
		m.tally[i] += uint8(bits>>i) & 1
	}
}

func (m *summary) append(b []byte) []byte {
	b = append(b, m.nonce[:]...)
	b = binary.AppendUvarint(b, m.count)
	b = binary.BigEndian.AppendUint32(b, m.sum)
	return append(b, m.tally[:]...)
}

func (f *fields) summary() (m summary) {
	copy(m.nonce[:], f.take(len(m.nonce)))
	m.count = f.uvarint()
	if p := f.take(4); p != nil {
		m.sum = binary.BigEndian.Uint32(p)
	}
	copy(m.tally[:], f.take(tallies))
	return m
}

// apart estimates how many units only one of two shelves holds, from summaries
// under the same key; 0 if and only if they look equal. The square of the
// difference of two random walks is, on average, the number of steps that only
// one of them made.
func (m *summary) apart(o *summary) int {
	if m.count == o.count && m.sum == o.sum && m.tally == o.tally {
		return 0
	}
	less := int64(min(m.count-o.count, o.count-m.count))
	var squares int64
	for i := range m.tally {
		d := 2*int64(m.tally[i]-o.tally[i]) - int64(m.count-o.count)
		d = (d%tallyMod + tallyMod + tallyMod/2) % tallyMod
		d -= tallyMod / 2
		squares += d * d
	}
	return int(max(squares/tallies, less, 1))
}

// symbol is the sum of some units.
type symbol struct {
	sum   uint64 // of their short names
	check uint32
}

// walk runs through the symbols that a unit is part of. The i-th is one of
// them with probability 1/(1+i/2), so that any beginning of the endless row
// of symbols is a sketch. spec/exchange.md, 11.2.
type walk struct {
	at    uint64
	state uint64
}

const golden = 0x9e3779b97f4a7c15

// mix is the finalizer of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func checkOf(short uint64) uint32 { return uint32(mix(short)) }

func walkOf(short uint64) walk { return walk{state: mix(short)} }

// next goes to the next symbol. All operations are those of IEEE 754, rounded
// one by one, so that it is the same on every machine.
func (w *walk) next() {
	w.state += golden
	u := float64(mix(w.state)>>11 + 1)
	step := math.Ceil((float64(w.at) + 1.5) * (math.Sqrt(float64((1<<53)/u)) - 1))
	w.at += max(uint64(step), 1)
}

// sketch is the beginning of the row of symbols of a set.
type sketch []symbol

// toggle puts a unit in, or takes it out.
func (s sketch) toggle(short uint64) {
	check := checkOf(short)
	for w := walkOf(short); w.at < uint64(len(s)); w.next() {
		s[w.at].sum ^= short
		s[w.at].check ^= check
	}
}

// alone says whether symbol i looks like the sum of one unit.
func (s sketch) alone(i int) bool {
	if s[i] == (symbol{}) || checkOf(s[i].sum) != s[i].check {
		return false
	}
	w := walkOf(s[i].sum)
	for w.at < uint64(i) {
		w.next()
	}
	return w.at == uint64(i)
}

// solve finds the units of a difference of two sketches, which it uses up. ok
// is false when there are too few symbols or they contradict each other. It
// takes at most two steps for each symbol, whatever they are.
func (s sketch) solve() (units map[uint64]bool, ok bool) {
	units = make(map[uint64]bool)
	todo := make([]int, 0, len(s))
	for i := range s {
		if s.alone(i) {
			todo = append(todo, i)
		}
	}
	for steps := 0; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !s.alone(i) {
			continue
		}
		if steps++; steps > 2*len(s) {
			return nil, false
		}
		short := s[i].sum
		// A wrong one, of which the check happened to be right, comes twice.
		if units[short] {
			delete(units, short)
		} else {
			units[short] = true
		}
		check := checkOf(short)
		for w := walkOf(short); w.at < uint64(len(s)); w.next() {
			p := &s[w.at]
			p.sum ^= short
			p.check ^= check
			if p.check == checkOf(p.sum) && p.sum|uint64(p.check) != 0 {
				todo = append(todo, int(w.at))
			}
		}
	}
	for i := range s {
		if s[i] != (symbol{}) {
			return nil, false
		}
	}
	return units, true
}

func appendSymbol(b []byte, p symbol) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(p.sum>>32))
	b = binary.BigEndian.AppendUint32(b, uint32(p.sum))
	return binary.BigEndian.AppendUint32(b, p.check)
}

func (f *fields) symbol() (p symbol) {
	if b := f.take(symbolSize); b != nil {
		p.sum = uint64(binary.BigEndian.Uint16(b))<<32 | uint64(binary.BigEndian.Uint32(b[2:]))
		p.check = binary.BigEndian.Uint32(b[6:])
	}
	return p
}
