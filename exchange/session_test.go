package exchange

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jauap/jauap/envelope"
)

const never = 1 << 30

// Random shelves, random cuts: both end with the union, every payload byte
// arrives exactly once, and at most one chunk each way is lost by a cut.
func TestConverge(t *testing.T) { eachWay(t, testConverge) }

func testConverge(t *testing.T, empty func() *shelf) {
	for seed := range uint64(200) {
		rng := seeded(seed)
		a, b := empty(), empty()
		fill(rng, a, rng.IntN(30))
		fill(rng, b, rng.IntN(30))
		for range rng.IntN(20) { // held by both
			raw := unit(rng, envelope.S1)
			a.add(raw, 0, 1)
			b.add(raw, 0, 2)
		}
		diff := difference(a, b) + difference(b, a)
		var sent, lost int64
		cuts := 0
		const chunk = 4 << 10
		for n := 0; ; n++ {
			if n > 400 {
				t.Fatalf("seed %d: not even after %d meetings", seed, n)
			}
			c := [2]Config{{Chunk: chunk, First: rng.IntN(3) * 4096, From: rng.Uint64N(40)}, {Chunk: chunk, From: rng.Uint64N(40)}}
			m := meet(t, c, a, b)
			m.room = func() int { return MinRoom + rng.IntN(3)*rng.IntN(MaxFrame-MinRoom)/2 }
			cut := never
			if n < 60 {
				cut = rng.IntN(200_000)
			}
			ended := m.run(rng, cut)
			sent += m.sent[0] + m.sent[1]
			lost += m.lost
			if !ended {
				cuts++
				continue
			}
			if !m.marks[0].Even || !m.marks[1].Even {
				t.Fatalf("seed %d: stopped before it was even", seed)
			}
			break
		}
		if !same(a, b) {
			t.Fatalf("seed %d: shelves differ", seed)
		}
		// A first flight may repeat what the other side already has.
		first := sent - lost - diff
		if first < 0 || first > int64(cuts+1)*8192 {
			t.Fatalf("seed %d: %d bytes for a difference of %d, %d lost in %d cuts", seed, sent, diff, lost, cuts)
		}
		if lost > int64(cuts)*2*chunk {
			t.Fatalf("seed %d: %d bytes lost in %d cuts", seed, lost, cuts)
		}
	}
}

// Without a first flight nothing that arrived is ever sent again.
func TestResumeCounts(t *testing.T) { eachWay(t, testResumeCounts) }

func testResumeCounts(t *testing.T, empty func() *shelf) {
	for seed := range uint64(100) {
		rng := seeded(seed)
		a, b := empty(), empty()
		fill(rng, a, 25)
		fill(rng, b, 25)
		diff := difference(a, b) + difference(b, a)
		var sent, lost int64
		for range 60 {
			m := meet(t, [2]Config{}, a, b)
			m.depth = 1 + rng.IntN(4)
			m.run(rng, rng.IntN(300_000))
			sent, lost = sent+m.sent[0]+m.sent[1], lost+m.lost
		}
		m := meet(t, [2]Config{}, a, b)
		m.run(rng, never)
		sent += m.sent[0] + m.sent[1]
		if !same(a, b) || sent != diff+lost {
			t.Fatalf("seed %d: sent %d, difference %d, lost %d", seed, sent, diff, lost)
		}
	}
}

// shuffled is an order by chance.
type shuffled struct {
	rng   *rand.Rand
	items []Item
}

func (o *shuffled) Add(it Item) {
	o.items = append(o.items, it)
	k := o.rng.IntN(len(o.items))
	o.items[k], o.items[len(o.items)-1] = it, o.items[k]
}
func (o *shuffled) Len() int { return len(o.items) }
func (o *shuffled) Next() (it Item, ok bool) {
	if len(o.items) == 0 {
		return it, false
	}
	return o.items[len(o.items)-1], true
}
func (o *shuffled) Take()           { o.items = o.items[:len(o.items)-1] }
func (o *shuffled) Listed(Item)     {}
func (o *shuffled) Asked(Item, int) {}
func (o *shuffled) Held(Item)       {}

// Meetings too short for two large units, each with another order of listing:
// what was begun is ended before another is begun.
func TestBeginningsFirst(t *testing.T) { eachWay(t, testBeginningsFirst) }

func testBeginningsFirst(t *testing.T, empty func() *shelf) {
	rng := seeded(5)
	a, b := empty(), empty()
	for range 8 {
		a.add(unit(rng, envelope.S4), 0, 1)
	}
	a.Sync()
	mixed := Config{Chunk: 4096, Order: func() Order { return &shuffled{rng: rng} }}
	for n := 0; len(b.bytes) < 8; n++ {
		m := meet(t, [2]Config{mixed, {}}, a, b)
		m.run(rng, 40_000)
		if len(b.partial) > 1 || n > 30 {
			t.Fatalf("after %d meetings %d units are whole and %d begun", n+1, len(b.bytes), len(b.partial))
		}
	}
}

// Crashes lose what was not synced; what was confirmed stays (meeting.note
// checks it at every step), and the shelves still end even.
func TestConvergeThroughCrashes(t *testing.T) { eachWay(t, testConvergeThroughCrashes) }

func testConvergeThroughCrashes(t *testing.T, empty func() *shelf) {
	for seed := range uint64(120) {
		rng := seeded(seed)
		a, b := empty(), empty()
		fill(rng, a, 15)
		fill(rng, b, 15)
		for range 30 {
			m := meet(t, [2]Config{}, a, b)
			m.depth = 3
			m.run(rng, rng.IntN(400_000))
			if rng.IntN(2) == 0 {
				a.crash()
			}
			if rng.IntN(2) == 0 {
				b.crash()
			}
		}
		meet(t, [2]Config{}, a, b).run(rng, never)
		if !same(a, b) {
			t.Fatalf("seed %d: shelves differ", seed)
		}
	}
}

func TestSmallestFirst(t *testing.T) { eachWay(t, testSmallestFirst) }

func testSmallestFirst(t *testing.T, empty func() *shelf) {
	rng := seeded(1)
	a, b := empty(), empty()
	var raws [][]byte
	for _, c := range []envelope.Class{5, 4, 3, 2, 7, 1, 0, 6} {
		for _, rank := range []uint8{2, 1, 0} {
			raws = append(raws, unit(rng, c))
			a.add(raws[len(raws)-1], 0, rank)
		}
	}
	m := meet(t, [2]Config{}, a, b)
	m.run(rng, never)
	var got []int
	for _, it := range b.items {
		for i, raw := range raws {
			if envelope.IDOf(raw) == it.ID {
				got = append(got, i)
			}
		}
	}
	want := []int{23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}
	if !slices.Equal(got, want) {
		t.Fatalf("arrived in order %v", got)
	}
}

// A stamp stands where an S1 does: of one rank the older of the two goes first, whichever
// class it is, behind all that is smaller and before all that is larger.
func TestStampsStandWithTexts(t *testing.T) { eachWay(t, testStampsStandWithTexts) }

func testStampsStandWithTexts(t *testing.T, empty func() *shelf) {
	rng := seeded(3)
	a, b := empty(), empty()
	var want []envelope.ID
	for range 6 {
		for _, c := range []envelope.Class{envelope.Stamp, envelope.S1} {
			want = append(want, a.add(unit(rng, c), 0, 2).ID)
		}
	}
	large := a.add(unit(rng, envelope.S1b), 0, 0).ID
	near := []envelope.ID{a.add(unit(rng, envelope.Stamp), 0, 1).ID, a.add(unit(rng, envelope.S1), 0, 1).ID}
	small := a.add(unit(rng, envelope.Done), 0, 2).ID
	want = slices.Concat([]envelope.ID{small}, near, want, []envelope.ID{large})
	meet(t, [2]Config{}, a, b).run(rng, never)
	var got []envelope.ID
	for _, it := range b.items {
		got = append(got, it.ID)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("arrived in the order %v, want %v", got, want)
	}
}

// What may not be offered does not leave in a first flight either.
func TestNothingMuteFlies(t *testing.T) {
	rng := seeded(4)
	a, b := newShelf(t), newShelf(t)
	stamp := a.add(unit(rng, envelope.Stamp), 0, 0)
	text := a.add(unit(rng, envelope.S1), 0, 0)
	a.items[0].Mute = true
	meet(t, [2]Config{{First: 8192}, {Serve: true}}, a, b).run(rng, never)
	if b.bytes[stamp.ID] != nil || b.bytes[text.ID] == nil {
		t.Fatal("the stamp was offered, or the text was not")
	}
}

// Of texts and stamps in line, what was begun is ended first, and then the order is the
// same whatever they were put in line by: it is an order.
func TestQueueIsAnOrder(t *testing.T) {
	rng := seeded(6)
	var s Session
	q := sendQueue{compare: s.compare}
	for range 60 {
		c := []envelope.Class{envelope.S1, envelope.Stamp, envelope.S1b, envelope.Done}[rng.IntN(4)]
		q.units = append(q.units, &given{item: Item{Class: c, Size: c.Size(), Seq: rng.Uint64N(9), Rank: uint8(rng.IntN(3))}, at: rng.IntN(3) * 50})
	}
	for i := range q.units {
		for j := range q.units {
			for k := range q.units {
				if q.Less(i, j) && q.Less(j, k) && !q.Less(i, k) {
					t.Fatalf("%+v, %+v, %+v", q.units[i].item, q.units[j].item, q.units[k].item)
				}
			}
		}
	}
}

// A small unit that becomes ready while a large one is under way goes between
// its pieces.
func TestInterleave(t *testing.T) { eachWay(t, testInterleave) }

func testInterleave(t *testing.T, empty func() *shelf) {
	rng := seeded(2)
	a, b := empty(), empty()
	a.add(unit(rng, envelope.S5), 0, 0)
	m := meet(t, [2]Config{}, a, b)
	var small Item
	frames := 0
	m.after = func() {
		frames++
		if small.Size == 0 && m.sent[0] > 40_000 {
			small = a.put(unit(rng, envelope.S1), 0, 2)
			m.s[0].Added(small)
		}
	}
	m.run(rng, never)
	if len(b.items) != 2 || b.items[0].ID != small.ID {
		t.Fatalf("the small one came last of %d", len(b.items))
	}
	if !m.marks[0].Even || !m.marks[1].Even {
		t.Fatal("not even")
	}
}

// Units that arrive during a long session are passed on, both ways, and a
// unit that came by another link is no longer asked for.
func TestLiveAdditions(t *testing.T) { eachWay(t, testLiveAdditions) }

func testLiveAdditions(t *testing.T, empty func() *shelf) {
	total := 0
	defer func() {
		if total < 10_000 {
			t.Errorf("only %d units in all runs", total)
		}
	}()
	for seed := range uint64(120) {
		rng := seeded(seed)
		a, b := empty(), empty()
		m := meet(t, [2]Config{{From: 3}, {}}, a, b)
		n := 0
		m.after = func() {
			if n < 300 && rng.IntN(2) == 0 {
				n++
				raw := unit(rng, envelope.Class(1+rng.IntN(3)))
				i := rng.IntN(2)
				m.s[i].Added(m.sh[i].put(raw, 0, uint8(rng.IntN(3))))
				if x := envelope.IDOf(raw); rng.IntN(4) == 0 && m.sh[1-i].bytes[x] == nil {
					m.s[1-i].Added(m.sh[1-i].put(raw, 0, 2))
				}
			}
		}
		m.run(rng, never)
		if total += n; !same(a, b) {
			t.Fatalf("seed %d: %d and %d units", seed, len(a.items), len(b.items))
		}
		if !m.marks[0].Even || !m.marks[1].Even {
			t.Fatalf("seed %d: not even", seed)
		}
	}
}

func TestRefuseAndLater(t *testing.T) { eachWay(t, testRefuseAndLater) }

func testRefuseAndLater(t *testing.T, empty func() *shelf) {
	rng := seeded(3)
	a, b := empty(), empty()
	bad := a.add(unit(rng, envelope.S1), 0, 0)
	put := a.add(unit(rng, envelope.S2), 0, 0)
	good := a.add(unit(rng, envelope.S3), 0, 0)
	b.refuse = func(it Item) bool { return it.ID == bad.ID }
	b.later = func(it Item) bool { return it.ID == put.ID }
	m := meet(t, [2]Config{}, a, b)
	m.after = func() { m.s[0].Added(Item{}); m.s[1].Added(Item{}) }
	m.run(rng, never)
	if len(b.items) != 1 || b.items[0].ID != good.ID {
		t.Fatalf("%d units", len(b.items))
	}
	if b.wants[bad.ID] != 1 || b.wants[put.ID] != 1 {
		t.Fatalf("asked %d and %d times in one session", b.wants[bad.ID], b.wants[put.ID])
	}
	if r := m.all[0].Refused; len(r) != 1 || r[0].ID != bad.ID {
		t.Fatalf("told refused: %v", r)
	}
	b.later = nil
	meet(t, [2]Config{}, a, b).run(rng, never)
	if b.bytes[put.ID] == nil || b.wants[put.ID] != 2 {
		t.Fatal("what was put off did not come in the next session")
	}
}

func TestWaitAndRetry(t *testing.T) {
	rng := seeded(4)
	a, b := newShelf(t), newShelf(t)
	it := a.add(unit(rng, envelope.S4), 0, 0)
	sh := &waiter{shelf: b, wait: true}
	m := meet(t, [2]Config{}, a, b)
	m.s[1] = New(Config{}, sh)
	m.run(rng, never)
	if m.marks[1].Even || m.marks[1].Waiting != 1 {
		t.Fatalf("even while it waits: %+v", m.marks[1])
	}
	sh.wait = false
	m.s[1].Retry()
	m.run(rng, never)
	if b.bytes[it.ID] == nil || !m.marks[1].Even {
		t.Fatal("it did not come after Retry")
	}
}

type waiter struct {
	*shelf
	wait bool
}

func (w *waiter) Want(it Item) (int, bool) {
	if w.wait {
		return Wait, false
	}
	return w.shelf.Want(it)
}

// A unit that goes away between HAVE and DATA holds nothing up.
func TestGone(t *testing.T) { eachWay(t, testGone) }

func testGone(t *testing.T, empty func() *shelf) {
	rng := seeded(5)
	a, b := empty(), empty()
	gone := a.add(unit(rng, envelope.S1), 0, 0)
	a.add(unit(rng, envelope.S2), 0, 0)
	m := meet(t, [2]Config{}, a, b)
	m.after = func() { delete(a.bytes, gone.ID) }
	m.run(rng, never)
	if len(b.items) != 1 || !m.marks[0].Even || !m.marks[1].Even {
		t.Fatalf("%d units, even %v %v", len(b.items), m.marks[0].Even, m.marks[1].Even)
	}
}

func TestFirstFlight(t *testing.T) {
	rng := seeded(6)
	a, b := newShelf(t), newShelf(t)
	own := a.add(unit(rng, envelope.S1), 0, 0)
	a.add(unit(rng, envelope.S1), 0, 2)
	a.add(unit(rng, envelope.S3), 0, 0)
	s := New(Config{First: 4096}, a)
	other := New(Config{}, b)
	for f := s.Next(MaxFrame); f != nil; f = s.Next(MaxFrame) {
		if err := other.Receive(f); err != nil {
			t.Fatal(err)
		}
	}
	if b.bytes[own.ID] == nil || len(b.items) != 1 {
		t.Fatalf("%d units before a word was heard", len(b.items))
	}
	// Told as held, it is not sent with the next first flight.
	m := meet(t, [2]Config{{First: 4096, Give: Mark{Seq: own.Seq}}, {}}, a, b)
	if m.s[0].Next(MaxFrame); m.s[0].Next(MaxFrame) != nil {
		t.Fatal("a unit below the mark left in the first flight")
	}
}

func TestShelfTrouble(t *testing.T) {
	rng := seeded(7)
	a, b := newShelf(t), newShelf(t)
	a.add(unit(rng, envelope.S1), 0, 0)
	s, other := New(Config{}, a), New(Config{}, b)
	trouble := errors.New("disk full")
	var err error
	for range 20 {
		for f := s.Next(MaxFrame); f != nil; f = s.Next(MaxFrame) {
			if f[0] == frameData {
				b.broken = trouble
			}
			if e := other.Receive(f); e != nil {
				err = e
			}
		}
		for f := other.Next(MaxFrame); f != nil; f = other.Next(MaxFrame) {
			if f[0] == frameGot {
				t.Fatal("confirmed in spite of the trouble")
			}
			if e := s.Receive(f); e != nil && !errors.Is(e, ErrOver) {
				t.Fatal(e)
			}
		}
	}
	if !errors.Is(err, trouble) || !errors.Is(other.Take().Err, trouble) || !s.Take().Bye {
		t.Fatalf("trouble: %v", err)
	}
}

// Trouble at Sync, after the bytes were written: nothing is confirmed.
func TestSyncTrouble(t *testing.T) {
	rng := seeded(8)
	a, b := newShelf(t), newShelf(t)
	a.add(unit(rng, envelope.S1), 0, 0)
	m := meet(t, [2]Config{}, a, b)
	m.after = func() {
		if len(b.items) > 0 {
			b.broken = errors.New("no")
		}
	}
	m.run(rng, never)
	if len(m.all[0].Handed) > 0 || m.marks[1].Err == nil || !m.marks[0].Bye {
		t.Fatalf("handed %d", len(m.all[0].Handed))
	}
}

// A giver that lies about bytes is found out; the shelf stays clean.
func TestWrongBytes(t *testing.T) {
	rng := seeded(9)
	a, b := newShelf(t), newShelf(t)
	it := a.add(unit(rng, envelope.S2), 0, 0)
	a.bytes[it.ID] = make([]byte, it.Size)
	s, other := New(Config{}, a), New(Config{}, b)
	var err error
	for range 20 {
		for f := s.Next(MaxFrame); f != nil; f = s.Next(MaxFrame) {
			if e := other.Receive(f); e != nil && err == nil {
				err = e
			}
		}
		for f := other.Next(MaxFrame); f != nil; f = other.Next(MaxFrame) {
			s.Receive(f)
		}
	}
	if !errors.Is(err, ErrProtocol) || !errors.Is(err, ErrMismatch) || len(b.items) != 0 {
		t.Fatalf("lied to: %v, %d units", err, len(b.items))
	}
}

// Large shelves with a small window: the listing continues as it is settled.
func TestLargeShelf(t *testing.T) { eachWay(t, testLargeShelf) }

func testLargeShelf(t *testing.T, empty func() *shelf) {
	rng := seeded(10)
	a, b := empty(), empty()
	for range 12000 {
		raw := unit(rng, envelope.Done)
		a.add(raw, 0, 2)
		if rng.IntN(3) > 0 {
			b.add(raw, 0, 2)
		}
	}
	fill(rng, a, 100)
	m := meet(t, [2]Config{{MaxItems: 100, From: 5000}, {MaxItems: 500}}, a, b)
	m.run(rng, never)
	if !same(a, b) || !m.marks[0].Even || !m.marks[1].Even {
		t.Fatal("not even")
	}
	if f := m.total - int(m.sent[0]+m.sent[1]); f > 12000*24*2+200_000 {
		t.Fatalf("%d bytes beside payload", f)
	}
}

func TestShards(t *testing.T) {
	rng := seeded(11)
	a, b := newShelf(t), newShelf(t)
	for shard := range uint8(8) {
		a.add(unit(rng, envelope.S1), shard, 2)
	}
	meet(t, [2]Config{{Epoch: [8]byte{1}, Serve: true}, {Shards: []uint8{3, 5}}}, a, b).run(rng, never)
	var got []uint8
	for _, it := range b.items {
		got = append(got, it.Shard)
	}
	if !slices.Equal(got, []uint8{0, 3, 5}) {
		t.Fatalf("took shards %v", got)
	}
}

func TestBye(t *testing.T) {
	a, b := New(Config{}, newShelf(t)), New(Config{}, newShelf(t))
	b.Receive(a.Next(MaxFrame))
	a.Bye()
	if err := b.Receive(a.Next(MaxFrame)); err != nil {
		t.Fatal(err)
	}
	if !b.Take().Bye || b.Next(MaxFrame) != nil || a.Next(MaxFrame) != nil {
		t.Fatal("talks on after BYE")
	}
	if err := b.Receive([]byte{1}); !errors.Is(err, ErrOver) {
		t.Fatalf("after the end: %v", err)
	}
}

// Units listed twice are settled at once, and still count until GOT said so.
func TestListedTwiceIsBounded(t *testing.T) {
	s := New(Config{}, newShelf(t))
	h := hello{version: 1, window: minWindow}
	if err := s.Receive(h.encode()); err != nil {
		t.Fatal(err)
	}
	frame := []byte{frameHave, 0}
	for range defaultWindow / 2 {
		frame = appendEntry(frame, Item{Class: envelope.S1, Size: envelope.S1.Size()})
	}
	for range 2 {
		if err := s.Receive(bytes.Clone(frame)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Receive(bytes.Clone(frame)); !errors.Is(err, ErrProtocol) {
		t.Fatalf("%v: %d confirmations wait for who reads none", err, len(s.take.acks))
	}
}
