package node

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// kinds are the names of effects in order, without Progress.
func kinds(effects []Effect) (k []string) {
	for _, e := range effects {
		switch e.(type) {
		case Send:
			k = append(k, "send")
		case Close:
			k = append(k, "close")
		case Stored:
			k = append(k, "stored")
		case Arrived:
			k = append(k, "arrived")
		case Handed:
			k = append(k, "handed")
		case Even:
			k = append(k, "even")
		case Refused:
			k = append(k, "refused")
		case Trouble:
			k = append(k, "trouble")
		}
	}
	return k
}

func TestStepTable(t *testing.T) {
	rng := seeded(1)
	good, other, bad := sealed(t, rng, envelope.S1), sealed(t, rng, envelope.S2), forged(t, rng, envelope.S1)
	old, err := envelope.New(envelope.S1, 0, today-1, keyOf(rng), make([]byte, envelope.S1.BodySize()))
	if err != nil {
		t.Fatal(err)
	}
	up, ready := Up{Link: 1}, Ready{Link: 1, Bytes: credit}
	hello := []byte{0x81, 1, 0, 8, 0, 0}
	for _, c := range []struct {
		name string
		had  []Event
		ev   []Event
		want []string
	}{
		{"submit", nil, []Event{Submit{Raw: good}}, []string{"stored"}},
		{"submit again", []Event{Submit{Raw: good}}, []Event{Submit{Raw: good}}, []string{"stored"}},
		{"submit garbage", nil, []Event{Submit{Raw: []byte("x")}}, []string{"refused"}},
		{"submit forged", nil, []Event{Submit{Raw: bad}}, []string{"refused"}},
		{"submit expired", nil, []Event{Submit{Raw: old.Bytes()}}, []string{"refused"}},
		{"find", nil, []Event{Found{good}, Found{other}}, []string{"arrived", "arrived"}},
		{"find again", []Event{Found{good}}, []Event{Found{good}}, nil},
		{"find own", []Event{Submit{Raw: good}}, []Event{Found{good}}, nil},
		{"find garbage", nil, []Event{Found{nil}, Found{make([]byte, 300<<10)}}, []string{"refused", "refused"}},
		{"find forged", nil, []Event{Found{bad}}, []string{"refused"}},
		{"up without room", nil, []Event{up}, nil},
		{"up with room", nil, []Event{up, ready}, []string{"send"}},
		{"little room", []Event{up}, []Event{Ready{Link: 1, Bytes: 100}}, nil},
		{"negative room", []Event{up}, []Event{Ready{Link: 1, Bytes: -1}}, nil},
		{"up twice", []Event{up, ready}, []Event{up}, nil},
		{"nothing for a greeted stranger", []Event{up, ready}, []Event{Frame{1, hello}}, []string{"send"}},
		{"even with an empty stranger", []Event{up, ready, Frame{1, hello}}, []Event{Frame{1, []byte{0x83}}}, []string{"even"}},
		{"something for a greeted stranger", []Event{Submit{Raw: good}, up, ready}, []Event{Frame{1, hello}}, []string{"send", "send"}},
		{"hostile frame", []Event{up, ready}, []Event{Frame{1, []byte{0xff}}}, []string{"send", "close"}},
		{"frame after the end", []Event{up, ready, Frame{1, []byte{0xff}}}, []Event{Frame{1, hello}, Ready{1, credit}}, nil},
		{"good bye", []Event{up, ready}, []Event{Frame{1, []byte{0x87, 0}}}, []string{"close"}},
		{"frame of nobody", nil, []Event{Frame{7, hello}, Ready{7, 9}, Down{7}}, nil},
		{"live addition", []Event{up, ready, Frame{1, hello}}, []Event{Submit{Raw: good}}, []string{"stored", "send", "send"}},
		{"tick", []Event{up, ready}, []Event{Tick{}}, nil},
		{"day", []Event{Submit{Raw: good}}, []Event{Day{today + 1}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPerson(t, 1, Config{})
			now := today.Start()
			for _, ev := range c.had {
				p.n.Step(now, ev)
			}
			if got := kinds(p.n.Step(now, c.ev...)); !slices.Equal(got, c.want) {
				t.Fatalf("effects %v, want %v", got, c.want)
			}
		})
	}
}

func TestTwoNodes(t *testing.T) {
	w := newWorld(t, 2)
	a, b := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
	var ids []envelope.ID
	for _, c := range []envelope.Class{envelope.S5, envelope.S1, envelope.S3, envelope.S1} {
		raw := sealed(t, w.rng, c)
		ids = append(ids, envelope.IDOf(raw))
		w.step(a, Submit{Raw: raw})
	}
	x := w.meet(a, b, -1)
	w.run()
	for _, id := range ids {
		if !a.stored[id] || !b.arrived[id] || a.handed[id] != 1 {
			t.Fatalf("%v: stored %v, arrived %v, handed %d times", id, a.stored[id], b.arrived[id], a.handed[id])
		}
	}
	if len(b.stored)+len(a.arrived) != 0 {
		t.Fatal("told more than happened")
	}
	first, _ := b.sh.Entry(ids[1])
	last, _ := b.sh.Entry(ids[0])
	if first.Seq >= last.Seq || first.Rank != routing.Other || first.Own {
		t.Fatalf("%+v %+v", first, last)
	}
	w.end(x)
	// Meeting again moves no payload and says once more that b holds them.
	x = w.meet(a, b, -1)
	w.run()
	if x.data[0]+x.data[1] != 0 {
		t.Fatalf("%d bytes sent again", x.data[0]+x.data[1])
	}
}

// Frames leave only within the room that the link has.
func TestCredit(t *testing.T) {
	w := newWorld(t, 3)
	a := newPerson(t, 1, Config{})
	for range 40 {
		w.step(a, Submit{Raw: sealed(t, w.rng, envelope.S1)})
	}
	room := 0
	step := func(evs ...Event) {
		for _, e := range evs {
			if r, ok := e.(Ready); ok {
				room += r.Bytes
			}
		}
		for _, s := range a.step(w.now, evs...) {
			if room -= len(s.Data) + exchange.Prefix; room < 0 {
				t.Fatalf("%d bytes more than there was room for", -room)
			}
		}
	}
	step(Up{Link: 1, Peer: link.Peer{Relay: true}})
	for range 30 {
		step(Ready{1, 1000})
	}
	if room > 30_000-firstFlight {
		t.Fatalf("%d bytes of room unused", room)
	}
}

// The same unit is asked from one link only; when that goes down, from the
// other.
func TestOneLinkAtATime(t *testing.T) {
	w := newWorld(t, 4)
	a, b, c := newPerson(t, 1, Config{}), newPerson(t, 2, Config{}), newPerson(t, 3, Config{})
	raws := [][]byte{sealed(t, w.rng, envelope.S4), sealed(t, w.rng, envelope.S3), sealed(t, w.rng, envelope.S1)}
	size := 0
	for _, raw := range raws {
		w.step(a, Submit{Raw: raw})
		w.step(b, Found{raw})
		size += len(raw)
	}
	xa, xb := w.meet(a, c, -1), w.meet(b, c, -1)
	w.run()
	if n := xa.data[0] + xb.data[0]; n > size+200 {
		t.Fatalf("%d bytes for %d", n, size)
	}
	if len(c.arrived) != 3 || a.handed[envelope.IDOf(raws[0])] != 1 {
		t.Fatalf("%d arrived", len(c.arrived))
	}
	// b learned that c holds them too, so both are even.
	if m := b.n.meetings[0]; !m.even {
		t.Fatal("not even with the second link")
	}

	d := newPerson(t, 4, Config{})
	xa = w.meet(a, d, 50_000)
	w.most(12)
	xb = w.meet(b, d, -1)
	w.run()
	if !xa.down || len(d.arrived) != 3 {
		t.Fatalf("cut %v, %d arrived", xa.down, len(d.arrived))
	}
	if n := xa.data[0] + xb.data[0]; n > size+credit+1000 {
		t.Fatalf("%d bytes for %d over a cut link and another", n, size)
	}
}

// liar speaks the protocol, lists units and delivers nothing.
type liar struct {
	s  *exchange.Session
	id LinkID
}

type emptyHands struct{ items []exchange.Item }

func (e emptyHands) Since(seq uint64, _ int) []exchange.Item {
	if seq > 0 {
		return nil
	}
	return e.items
}
func (e emptyHands) Want(exchange.Item) (int, bool) { return 0, false }
func (e emptyHands) Append([]byte, envelope.ID, int, int) ([]byte, error) {
	return nil, errors.New("no")
}
func (e emptyHands) Sync() error { return nil }
func (e emptyHands) Write(exchange.Item, int, []byte) (exchange.Verdict, bool, error) {
	return exchange.Refuse, true, nil
}

func (l *liar) play(w *world, p *person) {
	evs := []Event{Up{Link: l.id}, Ready{l.id, credit}}
	for range 10 {
		for f := l.s.Next(exchange.MaxFrame); f != nil; f = l.s.Next(exchange.MaxFrame) {
			if f[0] != 0x85 {
				evs = append(evs, Frame{l.id, f})
			}
		}
		for _, s := range p.step(w.now, evs...) {
			if err := l.s.Receive(s.Data); err != nil {
				w.t.Fatal(err)
			}
		}
		evs = nil
	}
}

func TestLiar(t *testing.T) {
	w := newWorld(t, 5)
	a, b := newPerson(t, 1, Config{}), newPerson(t, 2, Config{Patience: 10 * time.Second})
	var items []exchange.Item
	for i := range 5 {
		raw := sealed(t, w.rng, envelope.S3)
		w.step(a, Submit{Raw: raw})
		items = append(items, exchange.Item{ID: envelope.IDOf(raw), Class: envelope.S3, Size: envelope.S3.Size(), Expiry: today + 30, Seq: uint64(i + 1)})
	}
	l := &liar{s: exchange.New(exchange.Config{}, emptyHands{items}), id: 999}
	l.play(w, b)
	w.meet(a, b, -1)
	w.run()
	if len(b.arrived) != 0 {
		t.Fatal("asked two links at once")
	}
	for range 20 {
		at := b.n.Next()
		if at.IsZero() {
			break
		}
		w.now = at
		w.step(b, Tick{})
		w.run()
	}
	if len(b.arrived) != 5 {
		t.Fatalf("%d of 5 arrived in spite of the liar", len(b.arrived))
	}
	if d := w.now.Sub(today.Start()); d > 20*time.Second {
		t.Fatalf("it took %v", d)
	}
}

// A unit with a wrong signature is refused, and fetched once, not per link.
func TestForged(t *testing.T) {
	w := newWorld(t, 6)
	raw := forged(t, w.rng, envelope.S1)
	it := exchange.Item{ID: envelope.IDOf(raw), Class: envelope.S1, Size: len(raw), Expiry: today + 30, Seq: 1}
	p := newPerson(t, 1, Config{})
	for i := range LinkID(3) {
		sent := 0
		s := exchange.New(exchange.Config{}, forger{emptyHands{[]exchange.Item{it}}, raw})
		evs := []Event{Up{Link: i + 1}, Ready{i + 1, credit}}
		for range 10 {
			for f := s.Next(exchange.MaxFrame); f != nil; f = s.Next(exchange.MaxFrame) {
				if f[0] == 0x85 {
					sent++
				}
				evs = append(evs, Frame{i + 1, f})
			}
			for _, f := range p.step(w.now, evs...) {
				s.Receive(f.Data)
			}
			evs = nil
		}
		if want := 1; i == 0 && sent != want || i > 0 && sent != 0 {
			t.Fatalf("link %d: sent %d times", i, sent)
		}
		if o := s.Take(); len(o.Refused) != 1 {
			t.Fatalf("link %d: not refused", i)
		}
	}
	if len(p.ids()) != 0 || len(p.arrived) != 0 {
		t.Fatal("a forged unit was kept")
	}
}

type forger struct {
	emptyHands
	raw []byte
}

func (f forger) Append(b []byte, _ envelope.ID, from, max int) ([]byte, error) {
	return append(b, f.raw[from:min(len(f.raw), from+max)]...), nil
}

// When the disk fails nothing is confirmed and everything is tried again.
func TestTrouble(t *testing.T) {
	troubles := 0
	defer func() {
		if troubles < 3 {
			t.Errorf("only %d of 12 failing calls were trouble: the test sees too little", troubles)
		}
	}()
	for at := range 12 {
		w := newWorld(t, 7)
		a, b := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
		raw, own := sealed(t, w.rng, envelope.S1), sealed(t, w.rng, envelope.S1)
		id := envelope.IDOf(raw)
		w.step(a, Submit{Raw: raw})
		trouble := errors.New("input/output error")
		b.fs.FailAt(at+1, trouble, false)
		w.step(b, Submit{Raw: own})
		w.meet(a, b, -1)
		w.run()
		if len(b.trouble) > 0 {
			if !errors.Is(b.trouble[0], ErrShelf) || !errors.Is(b.trouble[0], trouble) {
				t.Fatalf("call %d: told %v", at, b.trouble[0])
			}
			troubles++
		}
		if a.handed[id] > 0 && !b.durable(w.rng, id) {
			t.Fatalf("call %d: confirmed and not durable", at)
		}
		if b.stored[envelope.IDOf(own)] && !b.durable(w.rng, envelope.IDOf(own)) {
			t.Fatalf("call %d: told as stored and not durable", at)
		}
		for _, x := range w.wires {
			w.end(x)
		}
		w.step(b, Submit{Raw: own})
		w.meet(a, b, -1)
		w.run()
		if !b.durable(w.rng, id) || a.handed[id] == 0 || !b.stored[envelope.IDOf(own)] {
			t.Fatalf("call %d: not well after the trouble: %v", at, b.trouble)
		}
		if !b.arrived[id] {
			t.Fatalf("call %d: it is on the shelf, and nobody was told that it arrived", at)
		}
	}
}

// durable says whether a unit survives a crash now.
func (p *person) durable(rng *rand.Rand, id envelope.ID) bool {
	sh, _, err := store.Open(p.fs.CrashClone(rng), store.Options{Quota: 64 << 20, Today: today, Shares: routing.Shares()})
	if err != nil {
		p.t.Fatal(err)
	}
	defer sh.Close()
	return sh.Has(id)
}

// A large unit goes on at the byte after the receiver was killed.
func TestResumeAfterKill(t *testing.T) {
	w := newWorld(t, 8)
	a, b := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
	raw := sealed(t, w.rng, envelope.S5)
	w.step(a, Submit{Raw: raw})
	sent, meetings := 0, 0
	for len(b.arrived) == 0 {
		if meetings++; meetings > 30 {
			t.Fatal("no end")
		}
		x := w.meet(a, b, 70_000)
		w.run()
		w.end(x)
		sent += x.data[0]
		b.restart()
	}
	if limit := len(raw) + meetings*(credit+200); sent > limit {
		t.Fatalf("%d bytes sent in %d meetings, at most %d", sent, meetings, limit)
	}
	if meetings < 4 {
		t.Fatalf("only %d meetings: nothing was cut", meetings)
	}
}

func TestOffer(t *testing.T) {
	w := newWorld(t, 9)
	p := newPerson(t, 1, Config{})
	own, big := sealed(t, w.rng, envelope.S1), sealed(t, w.rng, envelope.S4)
	for range 3 {
		w.step(p, Found{sealed(t, w.rng, envelope.S1)})
	}
	w.step(p, Submit{Raw: big}, Submit{Raw: own})
	o := p.n.Offer(w.now, link.Traits{})
	var sizes []int
	for raw, ok := o.Next(); ok; raw, ok = o.Next() {
		if len(sizes) == 0 && envelope.IDOf(raw) != envelope.IDOf(own) {
			t.Fatal("the own letter is not first")
		}
		if len(sizes) == 1 && len(o.Left()) != 1 {
			t.Fatal("more left than handed out")
		}
		sizes = append(sizes, len(raw))
	}
	if !slices.Equal(sizes, []int{1024, 1024, 1024, 1024, 65536}) || len(o.Left()) != 2 {
		t.Fatalf("sizes %v, left %d", sizes, len(o.Left()))
	}
	o = p.n.Offer(w.now, link.Traits{Unit: 2000})
	n := 0
	for _, ok := o.Next(); ok; _, ok = o.Next() {
		n++
	}
	if n != 4 {
		t.Fatalf("%d units fit the drop", n)
	}
}

// Large units of others are handed to so many, and later to one more each time; own ones to all.
func TestSpray(t *testing.T) {
	w := newWorld(t, 10)
	p := newPerson(t, 1, Config{})
	others, own := sealed(t, w.rng, envelope.S4), sealed(t, w.rng, envelope.S4)
	w.step(p, Found{others}, Submit{Raw: own})
	next := uint64(1)
	meet := func(people int) (got, ownGot int) {
		for range people {
			next++
			q := newPerson(t, next, Config{})
			x := w.meet(p, q, -1)
			w.run()
			w.end(x)
			if q.arrived[envelope.IDOf(others)] {
				got++
			}
			if q.arrived[envelope.IDOf(own)] {
				ownGot++
			}
		}
		return got, ownGot
	}
	if got, ownGot := meet(routing.Spray + 3); got != routing.Spray || ownGot != routing.Spray+3 {
		t.Fatalf("handed to %d, own to %d", got, ownGot)
	}
	w.now = w.now.Add(2 * routing.Again)
	if got, ownGot := meet(4); got != 2 || ownGot != 4 {
		t.Fatalf("two hours later handed to %d, own to %d", got, ownGot)
	}
	q := newPerson(t, 99, Config{})
	w.meetAs(p, q, link.Peer{Relay: true, Key: "relay:x"}, link.Peer{}, -1)
	w.run()
	if !q.arrived[envelope.IDOf(others)] {
		t.Fatal("not offered to a relay")
	}
}

// Own units stay when the shelf is full of others'.
func TestOwnUnitsStay(t *testing.T) {
	w := newWorld(t, 11)
	p := newPerson(t, 1, Config{})
	sh, _, err := store.Open(p.fs.CrashClone(w.rng), store.Options{Quota: store.MinQuota, Today: today, Shares: routing.Shares()})
	if err != nil {
		t.Fatal(err)
	}
	p.sh, p.n = sh, New(Config{Today: today}, sh, seeded(1))
	own := sealed(t, w.rng, envelope.S1)
	w.step(p, Submit{Raw: own})
	for range 1500 {
		w.step(p, Found{sealed(t, w.rng, envelope.S1)})
	}
	if !sh.Has(envelope.IDOf(own)) {
		t.Fatal("the own unit was evicted")
	}
	if st := sh.Stats(); st.Bytes > st.Quota || len(p.trouble) > 0 {
		t.Fatalf("%d bytes of %d, trouble %v", st.Bytes, st.Quota, p.trouble)
	}
}

// A node is small: hundreds live in one process.
func TestNodeIsSmall(t *testing.T) {
	const nodes = 300
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	rng := seeded(12)
	people := make([]*person, nodes)
	for i := range people {
		people[i] = newPerson(t, uint64(i), Config{})
		people[i].step(today.Start(), Submit{Raw: sealed(t, rng, envelope.S1)})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := int64(after.HeapAlloc-before.HeapAlloc) / nodes
	t.Logf("%d bytes of heap for a node with its shelf in memory", each)
	if each > 256<<10 {
		t.Fatalf("%d bytes for a node", each)
	}
	runtime.KeepAlive(people)
}

// Strangers who met before and hold the same say so in a few bytes; each
// meeting has a nonce of its own, and relays get none.
func TestEqualStrangers(t *testing.T) {
	w := newWorld(t, 60)
	a, b := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
	for range 40 {
		w.step(a, Submit{Raw: sealed(t, w.rng, envelope.S1)})
	}
	for range 5 { // large ones, of which a stranger hands on a few copies only
		w.step(b, Found{sealed(t, w.rng, envelope.S4)})
	}
	x := w.meet(a, b, -1)
	w.run()
	w.end(x)
	for range 5 {
		x = w.meet(b, a, -1)
		w.run()
		if w.end(x); x.all >= 100 {
			t.Fatalf("%d bytes between equal shelves", x.all)
		}
	}
	seen := map[string]bool{}
	for i := range LinkID(20) {
		for _, relay := range []bool{false, true} {
			id := 1000 + 2*i
			if relay {
				id++
			}
			f := a.step(w.now, Up{Link: id, Peer: link.Peer{Relay: relay}}, Ready{id, credit})[0].Data
			if relay != (f[2]&8 == 0) {
				t.Fatalf("HELLO %x to a relay: %v", f, relay)
			}
			if !relay {
				seen[string(f[6:14])] = true
			}
		}
	}
	if len(seen) != 20 {
		t.Fatalf("%d nonces in 20 meetings", len(seen))
	}
}
