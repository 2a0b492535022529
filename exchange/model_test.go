package exchange

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jauap/jauap/envelope"
)

// shelf is a model of a shelf: what is durable, and what a crash would lose.
type shelf struct {
	t       testing.TB
	epoch   [8]byte
	seq     uint64
	items   []Item
	bytes   map[id][]byte
	partial map[id][]byte
	fresh   []Item // put, not synced
	refuse  func(Item) bool
	later   func(Item) bool
	broken  error
	wants   map[id]int
	syncs   int
	sketch  bool // offered in all meetings, each with another nonce
	met     uint32
	overlap bool // bytes that are here may come again
}

func newShelf(t testing.TB) *shelf {
	return &shelf{t: t, bytes: map[id][]byte{}, partial: map[id][]byte{}, wants: map[id]int{}}
}

// eachWay runs a test with sketches and without. make is newShelf for it.
func eachWay(t *testing.T, test func(t *testing.T, empty func() *shelf)) {
	for name, on := range map[string]bool{"sketch": true, "plain": false} {
		t.Run(name, func(t *testing.T) {
			test(t, func() *shelf {
				s := newShelf(t)
				s.sketch = on
				return s
			})
		})
	}
}

// unit makes bytes of a class that nobody else has.
func unit(rng *rand.Rand, c envelope.Class) []byte {
	n := c.Size()
	if c == envelope.S0 {
		n = shortSizes[rng.IntN(3)]
	}
	b := make([]byte, n)
	for i := range 3 {
		copy(b[8*i:], fmt.Sprintf("%08x", rng.Uint32()))
	}
	b[0] = 1<<4 | byte(c)
	return b
}

func (s *shelf) add(raw []byte, shard, rank uint8) Item {
	s.seq++
	it := Item{
		ID: envelope.IDOf(raw), Class: envelope.Class(raw[0] & 15), Size: len(raw),
		Shard: shard, Expiry: 7, Seq: s.seq, Rank: rank,
	}
	s.items = append(s.items, it)
	s.bytes[it.ID] = raw
	return it
}

func (s *shelf) drop(x id) {
	delete(s.bytes, x)
	s.items = slices.DeleteFunc(s.items, func(it Item) bool { return it.ID == x })
}

func (s *shelf) Since(seq uint64, max int) []Item {
	i, _ := slices.BinarySearchFunc(s.items, seq+1, func(it Item, q uint64) int {
		if it.Seq < q {
			return -1
		}
		return 1
	})
	page := slices.Clone(s.items[i:min(len(s.items), i+max)])
	if len(s.fresh) > 0 {
		n := slices.IndexFunc(page, func(it Item) bool { return it.Seq >= s.fresh[0].Seq })
		if n >= 0 {
			page = page[:n]
		}
	}
	return page
}

func (s *shelf) Want(it Item) (int, bool) {
	s.wants[it.ID]++
	switch {
	case s.bytes[it.ID] != nil:
		return it.Size, false
	case s.refuse != nil && s.refuse(it):
		return 0, false
	case s.later != nil && s.later(it):
		return NotNow, false
	}
	return len(s.partial[it.ID]), true
}

func (s *shelf) Append(to []byte, x id, from, max int) ([]byte, error) {
	b := s.bytes[x]
	if from >= len(b) {
		return nil, errors.New("missing")
	}
	return append(to, b[from:min(len(b), from+max)]...), nil
}

func (s *shelf) Write(it Item, from int, data []byte) (Verdict, bool, error) {
	if s.broken != nil {
		return 0, false, s.broken
	}
	if s.bytes[it.ID] != nil {
		return Keep, true, nil
	}
	p := s.partial[it.ID]
	if s.overlap && from < len(p) {
		skip := min(len(p)-from, len(data))
		from, data = from+skip, data[skip:]
	}
	if from != len(p) {
		s.t.Fatalf("write at %d of %d", from, len(p))
	}
	p = append(p, data...)
	if len(p) > it.Size {
		s.t.Fatalf("%d bytes of %d", len(p), it.Size)
	}
	if len(p) < it.Size {
		s.partial[it.ID] = p
		return 0, false, nil
	}
	delete(s.partial, it.ID)
	if envelope.IDOf(p) != it.ID {
		return Refuse, false, ErrMismatch
	}
	s.fresh = append(s.fresh, s.add(p, it.Shard, 2))
	return KeepAndOffer, true, nil
}

func (s *shelf) Sync() error {
	s.syncs++
	if s.broken != nil {
		return s.broken
	}
	s.fresh = nil
	return nil
}

// put adds a unit that came by another way, durably.
func (s *shelf) put(raw []byte, shard, rank uint8) Item {
	s.fresh = nil
	return s.add(raw, shard, rank)
}

// crash loses what was not synced.
func (s *shelf) crash() {
	for _, it := range s.fresh {
		s.drop(it.ID)
	}
	s.fresh = nil
	clear(s.partial)
}

// durable says whether a crash now would leave the unit.
func (s *shelf) durable(x id) bool {
	return s.bytes[x] != nil && !slices.ContainsFunc(s.fresh, func(it Item) bool { return it.ID == x })
}

// meeting joins two sessions by frames that may be cut.
type meeting struct {
	t     testing.TB
	s     [2]*Session
	sh    [2]*shelf
	pipe  [2][][]byte // frames on their way from side i
	sent  [2]int64    // payload bytes that left side i
	lost  int64       // payload bytes that left and did not arrive
	total int         // bytes that left, prefixes included
	after func()      // called after each frame delivered
	depth int         // frames on their way, each direction
	room  func() int
	marks [2]Outcome // the last outcome of each side
	all   [2]Outcome // lists summed up
}

func meet(t testing.TB, c [2]Config, a, b *shelf) *meeting {
	m := &meeting{t: t, sh: [2]*shelf{a, b}, depth: 1, room: func() int { return MaxFrame }}
	for i, sh := range m.sh {
		sh.Sync()
		if c[i].Epoch != [8]byte{} {
			c[i].Top = sh.seq
		}
		if sh.sketch {
			sh.met++
			binary.BigEndian.PutUint32(c[i].Nonce[:], sh.met*0x9e3779b1)
			c[i].Nonce[7] = byte(i + 1)
			c[i].Parts = sh.beginnings()
		}
		m.s[i] = New(c[i], sh)
	}
	return m
}

// beginnings are what the shelf holds of units that are not whole.
func (s *shelf) beginnings() (list []Part) {
	for x, b := range s.partial {
		if len(b) > 0 {
			list = append(list, Part{ID: x, Have: len(b)})
		}
	}
	slices.SortFunc(list, func(a, b Part) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return list
}

func payload(frame []byte) int64 {
	if frame[0] != frameData {
		return 0
	}
	f := fields{b: frame[1:]}
	f.uvarint()
	f.uvarint()
	return int64(len(f.b))
}

// run goes on until nothing moves or cut bytes have left.
func (m *meeting) run(rng *rand.Rand, cut int) (ended bool) {
	var quiet [2]bool
	for !quiet[0] || !quiet[1] {
		i := rng.IntN(2)
		if len(m.pipe[i]) < m.depth {
			room := m.room()
			f := m.s[i].Next(room)
			if len(f) > room {
				m.t.Fatalf("frame of %d bytes in room of %d", len(f), room)
			}
			if f != nil {
				quiet = [2]bool{}
				m.total += len(f) + Prefix
				m.sent[i] += payload(f)
				m.pipe[i] = append(m.pipe[i], f)
			} else if len(m.pipe[0])+len(m.pipe[1]) == 0 {
				quiet[i] = true
			}
			m.note(i)
		}
		if m.total >= cut {
			m.cut(rng)
			return false
		}
		if len(m.pipe[i]) > 0 && rng.IntN(3) > 0 {
			quiet = [2]bool{}
			m.deliver(i)
		}
	}
	return true
}

func (m *meeting) deliver(i int) {
	f := m.pipe[i][0]
	m.pipe[i] = m.pipe[i][1:]
	if err := m.s[1-i].Receive(f); err != nil && !errors.Is(err, ErrOver) {
		m.t.Fatalf("receive %#x: %v", f[0], err)
	}
	m.note(1 - i)
	if m.after != nil {
		m.after()
	}
}

// cut ends the meeting: some of what is on its way still arrives.
func (m *meeting) cut(rng *rand.Rand) {
	for i := range m.pipe {
		for n := rng.IntN(len(m.pipe[i]) + 1); n > 0; n-- {
			m.deliver(i)
		}
		for _, f := range m.pipe[i] {
			m.lost += payload(f)
		}
		m.pipe[i] = nil
	}
}

// note takes a side's outcome and checks what must hold at any time.
func (m *meeting) note(i int) {
	o := m.s[i].Take()
	for _, it := range o.Handed {
		if !m.sh[1-i].durable(it.ID) {
			m.t.Fatalf("side %d believes %v is held, and it is not durable", i, it.ID)
		}
	}
	for _, it := range o.Kept {
		if !m.sh[i].durable(it.ID) {
			m.t.Fatalf("side %d kept %v, and it is not durable", i, it.ID)
		}
	}
	m.marks[i] = o
	m.all[i].Handed = append(m.all[i].Handed, o.Handed...)
	m.all[i].Kept = append(m.all[i].Kept, o.Kept...)
	m.all[i].Refused = append(m.all[i].Refused, o.Refused...)
	limit := m.s[i].c.MaxItems
	if n := len(m.s[i].take.open); n > limit {
		m.t.Fatalf("%d open units, at most %d", n, limit)
	}
	if n := len(m.s[i].give.open); n > limit {
		m.t.Fatalf("%d listed units, at most %d", n, limit)
	}
}

// fill puts n random units on a shelf, mostly small.
func fill(rng *rand.Rand, s *shelf, n int) {
	classes := []envelope.Class{0, 0, 1, 1, 8, 1, 7, 7, 6, 6, 6, 2, 2, 8, 2, 3, 3, 4, 1, 0, 2, 6}
	if rng.IntN(4) == 0 {
		classes[0] = envelope.S5
	}
	for range n {
		s.add(unit(rng, classes[rng.IntN(len(classes))]), uint8(rng.IntN(2)), uint8(rng.IntN(3)))
	}
}

func difference(a, b *shelf) (n int64) {
	for x, raw := range a.bytes {
		if b.bytes[x] == nil {
			n += int64(len(raw))
		}
	}
	return n
}

func same(a, b *shelf) bool {
	return difference(a, b) == 0 && difference(b, a) == 0
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func TestFrameOnStream(t *testing.T) {
	for _, n := range []int{1, 2, 4095, 4096, 70000 - 4464, MaxFrame} {
		var w bytes.Buffer
		in := bytes.Repeat([]byte{7}, n)
		if err := WriteFrame(&w, in); err != nil {
			t.Fatal(err)
		}
		whole := w.Bytes()
		out, err := ReadFrame(bytes.NewReader(whole), nil)
		if err != nil || !bytes.Equal(in, out) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		for _, cut := range []int{1, 2, 3, len(whole) / 2, len(whole) - 1} {
			if _, err := ReadFrame(bytes.NewReader(whole[:cut]), make([]byte, 100)); err == nil {
				t.Fatalf("%d of %d bytes read as a frame", cut, len(whole))
			}
		}
	}
	if err := WriteFrame(&bytes.Buffer{}, make([]byte, MaxFrame+1)); !errors.Is(err, ErrTooLong) {
		t.Fatalf("too long: %v", err)
	}
	if _, err := ReadFrame(bytes.NewReader([]byte{0xff, 0xff, 0xff}), nil); !errors.Is(err, ErrTooLong) {
		t.Fatalf("too long: %v", err)
	}
	if _, err := ReadFrame(bytes.NewReader([]byte{0, 0, 0}), nil); !errors.Is(err, ErrProtocol) {
		t.Fatalf("empty: %v", err)
	}
}
