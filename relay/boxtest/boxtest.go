package boxtest

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/relay"
)

// Today is the day on which the tests happen.
const Today envelope.Day = 1000

// Unit makes a signed envelope, and the key that can prove it, from a seed.
func Unit(tb testing.TB, c envelope.Class, slot relay.Slot, expiry envelope.Day, seed uint64) (envelope.Envelope, ed25519.PrivateKey) {
	tb.Helper()
	var k [32]byte
	binary.BigEndian.PutUint64(k[:], seed)
	osk := ed25519.NewKeyFromSeed(k[:])
	return Body(tb, c, slot, expiry, seed, osk), osk
}

// Body makes an envelope under a given key; another seed is another body.
func Body(tb testing.TB, c envelope.Class, slot relay.Slot, expiry envelope.Day, seed uint64, osk ed25519.PrivateKey) envelope.Envelope {
	tb.Helper()
	body := make([]byte, c.BodySize())
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i+8 <= len(body); i += 8 {
		binary.BigEndian.PutUint64(body[i:], rng.Uint64())
	}
	e, err := envelope.New(c, slot, expiry, osk, body)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// Done makes the proof of an envelope.
func Done(tb testing.TB, e envelope.Envelope, osk ed25519.PrivateKey) envelope.Envelope {
	tb.Helper()
	d, err := envelope.NewDone(e, osk)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// Short makes an S0 from a seed.
func Short(tb testing.TB, seed uint64) envelope.Envelope {
	tb.Helper()
	var tag envelope.Tag
	binary.BigEndian.PutUint64(tag[:], seed)
	n, _ := envelope.ShortRoom(1)
	e, err := envelope.NewShort(tag, [8]byte{byte(seed)}, make([]byte, n+16))
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// Run checks everything that the contract of relay.Box says. open answers an
// empty Box with room for 8 MiB at least; it cleans up by itself.
func Run(t *testing.T, open func(t *testing.T) relay.Box) {
	for _, c := range []struct {
		name string
		run  func(*check)
	}{
		{"KeepsWhatItTook", keeps},
		{"TakesTwice", twice},
		{"ListsSlotBySlot", slots},
		{"ListsPageByPage", pages},
		{"RefusesSecondBody", taken},
		{"HonoursProofs", proofs},
		{"ForgetsBogusProofs", bogus},
		{"Expires", expires},
		{"Drops", drops},
		{"AnswersEachUnit", mixed},
		{"ServesMany", many},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(&check{t, open(t)}) })
	}
}

type check struct {
	*testing.T
	box relay.Box
}

func deposit(e envelope.Envelope) relay.Deposit {
	return relay.Deposit{Unit: e, Rank: 2, Today: Today}
}

// put puts one unit and wants this result.
func (c *check) put(e envelope.Envelope, want error) {
	c.Helper()
	judged := c.box.Judge(c.Context(), deposit(e))
	results, err := c.box.Put(c.Context(), []relay.Deposit{deposit(e)})
	if err != nil || len(results) != 1 || !errors.Is(results[0], want) || (want == nil && results[0] != nil) {
		c.Fatalf("Put: %v, %v; want %v", results, err, want)
	}
	if want == nil && judged != nil {
		c.Fatalf("Judge said %v and Put took it", judged)
	}
	if want != nil {
		if err := c.box.Judge(c.Context(), deposit(e)); !errors.Is(err, want) {
			c.Fatalf("after Put refused with %v, Judge says %v", want, err)
		}
	}
}

func (c *check) unit(class envelope.Class, slot relay.Slot, seed uint64) envelope.Envelope {
	c.Helper()
	e, _ := Unit(c.T, class, slot, Today.Add(10), seed)
	return e
}

func (c *check) get(id envelope.ID, want error) []byte {
	c.Helper()
	b, err := c.box.Get(c.Context(), id, 0, envelope.MaxSize)
	if !errors.Is(err, want) || (want == nil && err != nil) {
		c.Fatalf("Get: %v; want %v", err, want)
	}
	if _, err := c.box.Get(c.Context(), id, 0, 0); !errors.Is(err, want) || (want == nil && err != nil) {
		c.Fatalf("Get of no bytes: %v; want %v", err, want)
	}
	return b
}

// list walks from after in steps of max and answers all entries.
func (c *check) list(after relay.Mark, s relay.Slots, max int) []relay.Entry {
	c.Helper()
	var all []relay.Entry
	for {
		page, upto, err := c.box.List(c.Context(), after, s, max)
		if err != nil {
			c.Fatalf("List: %v", err)
		}
		if len(page) > max {
			c.Fatalf("List: %d entries, at most %d asked", len(page), max)
		}
		for _, e := range page {
			if e.Mark <= after || e.Mark > upto {
				c.Fatalf("List: mark %d outside (%d, %d]", e.Mark, after, upto)
			}
			if len(all) > 0 && e.Mark <= all[len(all)-1].Mark {
				c.Fatalf("List: mark %d after %d", e.Mark, all[len(all)-1].Mark)
			}
			all = append(all, e)
		}
		if upto <= after {
			if len(page) > 0 {
				c.Fatal("List: entries without progress")
			}
			return all
		}
		after = upto
	}
}

func everything() relay.Slots {
	return relay.Slots{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
}

func (c *check) wantIDs(entries []relay.Entry, want ...envelope.Envelope) {
	c.Helper()
	var got, ids []envelope.ID
	for _, e := range entries {
		got = append(got, e.ID)
	}
	for _, e := range want {
		ids = append(ids, e.ID())
	}
	if !slices.Equal(got, ids) {
		c.Fatalf("listed %v, want %v", got, ids)
	}
}

func keeps(c *check) {
	head, err := c.box.Head(c.Context())
	if err != nil || head.Epoch == (relay.Epoch{}) {
		c.Fatalf("Head of an empty box: %+v, %v", head, err)
	}
	var all []envelope.Envelope
	for i, class := range []envelope.Class{envelope.S1, envelope.S5, envelope.S2, envelope.S4, envelope.S1b, envelope.S3} {
		all = append(all, c.unit(class, 0, uint64(i)))
	}
	all = append(all, Short(c.T, 9))
	for _, e := range all {
		c.get(e.ID(), relay.ErrMissing)
		c.put(e, nil)
		if got := c.get(e.ID(), nil); !slices.Equal(got, e.Bytes()) {
			c.Fatalf("%v came back changed", e.Class())
		}
	}
	entries := c.list(0, everything(), 100)
	c.wantIDs(entries, all...)
	for i, e := range entries {
		u := all[i]
		if e.Class != u.Class() || e.Slot != u.Shard() || e.Size != len(u.Bytes()) || e.Expiry != u.Expiry() {
			c.Fatalf("entry %+v of %v", e, u.Class())
		}
	}
	after, err := c.box.Head(c.Context())
	if err != nil || after.Epoch != head.Epoch || after.Top != entries[len(entries)-1].Mark {
		c.Fatalf("Head %+v (was %+v), last mark %d, %v", after, head, entries[len(entries)-1].Mark, err)
	}
	big := all[1]
	for _, at := range []struct{ off, n, want int }{{0, 1, 1}, {1000, 5000, 5000}, {262140, 100, 4}, {262144, 1, 0}} {
		b, err := c.box.Get(c.Context(), big.ID(), at.off, at.n)
		if err != nil || !slices.Equal(b, big.Bytes()[at.off:at.off+at.want]) {
			c.Fatalf("Get of %d bytes at %d: %d bytes, %v", at.n, at.off, len(b), err)
		}
	}
}

func twice(c *check) {
	e := c.unit(envelope.S1, 0, 1)
	c.put(e, nil)
	c.put(e, nil)
	results, err := c.box.Put(c.Context(), []relay.Deposit{deposit(e), deposit(e)})
	if err != nil || results[0] != nil || results[1] != nil {
		c.Fatal(results, err)
	}
	c.wantIDs(c.list(0, everything(), 10), e)
}

func slots(c *check) {
	everybody, mine, other := c.unit(envelope.S1, 0, 1), c.unit(envelope.S1, 7, 2), c.unit(envelope.S1, 255, 3)
	for _, e := range []envelope.Envelope{other, everybody, mine} {
		c.put(e, nil)
	}
	c.wantIDs(c.list(0, relay.SlotsOf(0, 7), 10), everybody, mine)
	c.wantIDs(c.list(0, relay.SlotsOf(255), 10), other)
	c.wantIDs(c.list(0, relay.SlotsOf(63, 64), 10))
}

func pages(c *check) {
	var odd []envelope.Envelope
	for i := range 40 {
		e := c.unit(envelope.S1, relay.Slot(i%2), uint64(i))
		c.put(e, nil)
		if i%2 == 1 {
			odd = append(odd, e)
		}
	}
	manySlots := relay.SlotsOf(1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 255)
	for _, set := range []relay.Slots{relay.SlotsOf(1), manySlots} {
		for _, max := range []int{1, 3, 20, 1000} {
			entries := c.list(0, set, max)
			c.wantIDs(entries, odd...)
			c.wantIDs(c.list(entries[9].Mark, set, max), odd[10:]...)
		}
	}
	if all := c.list(0, relay.SlotsOf(0, 1), 7); len(all) != 40 {
		c.Fatalf("%d of two slots, want 40", len(all))
	}
	head, err := c.box.Head(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	c.wantIDs(c.list(head.Top, everything(), 10))
	c.wantIDs(c.list(head.Top+100, everything(), 10))
}

func taken(c *check) {
	first, osk := Unit(c.T, envelope.S1, 0, Today.Add(10), 1)
	second := Body(c.T, envelope.S1, 0, Today.Add(10), 2, osk)
	c.put(first, nil)
	c.put(second, relay.ErrTaken)
	c.get(second.ID(), relay.ErrMissing)
	c.wantIDs(c.list(0, everything(), 10), first)
}

func proofs(c *check) {
	e, osk := Unit(c.T, envelope.S2, 3, Today.Add(10), 1)
	done := Done(c.T, e, osk)
	c.put(e, nil)
	c.put(done, nil)
	c.get(e.ID(), relay.ErrDelivered)
	c.put(e, relay.ErrDelivered)
	c.wantIDs(c.list(0, relay.SlotsOf(3), 10), done)

	late, osk := Unit(c.T, envelope.S1, 0, Today.Add(10), 2)
	before := Done(c.T, late, osk)
	c.put(before, nil)
	// Nobody can know yet that this proof is true: the unit is asked for.
	c.get(late.ID(), relay.ErrMissing)
	c.put(late, relay.ErrDelivered)
	c.get(late.ID(), relay.ErrDelivered)
}

func bogus(c *check) {
	// A proof for another's unit, signed with a key of the liar's own.
	forge := func(victim envelope.Envelope, seed uint64) envelope.Envelope {
		var k [32]byte
		binary.BigEndian.PutUint64(k[24:], seed)
		osk := ed25519.NewKeyFromSeed(k[:])
		id := victim.ID()
		raw := append([]byte{1<<4 | byte(envelope.Done), victim.Shard()}, 0, 0)
		binary.BigEndian.PutUint16(raw[2:], uint16(victim.Expiry()))
		raw = append(raw, id[:]...)
		raw = append(raw, osk.Public().(ed25519.PublicKey)...)
		raw = append(raw, ed25519.Sign(osk, append([]byte("jauap/1 done"), raw...))...)
		e, err := envelope.Parse(raw)
		if err != nil || e.Verify() != nil {
			c.Fatal("the forged proof is not even well made", err)
		}
		return e
	}
	held := c.unit(envelope.S1, 0, 1)
	c.put(held, nil)
	c.put(forge(held, 1), relay.ErrBogus)
	c.get(held.ID(), nil)

	later := c.unit(envelope.S1, 0, 2)
	lie := forge(later, 2)
	c.put(lie, nil)
	c.get(later.ID(), relay.ErrMissing)
	c.put(later, nil)
	c.get(later.ID(), nil)
	c.wantIDs(c.list(0, everything(), 10), held, later)
}

func expires(c *check) {
	past, _ := Unit(c.T, envelope.S1, 0, Today.Add(-1), 1)
	last, _ := Unit(c.T, envelope.S1, 0, Today, 2)
	later, _ := Unit(c.T, envelope.S1, 0, Today.Add(5), 3)
	c.put(past, relay.ErrExpired)
	c.put(last, nil)
	c.put(later, nil)
	if _, err := c.box.Expire(c.Context(), Today); err != nil {
		c.Fatal(err)
	}
	c.get(last.ID(), nil)
	n, err := c.box.Expire(c.Context(), Today.Add(1))
	if err != nil || n != 1 {
		c.Fatalf("Expire: %d, %v", n, err)
	}
	c.get(last.ID(), relay.ErrMissing)
	c.get(later.ID(), nil)
	c.wantIDs(c.list(0, everything(), 10), later)
}

func drops(c *check) {
	a, b := c.unit(envelope.S1, 0, 1), c.unit(envelope.S1, 0, 2)
	c.put(a, nil)
	c.put(b, nil)
	before := c.list(0, relay.SlotsOf(0), 10)
	for range 2 {
		if err := c.box.Drop(c.Context(), a.ID()); err != nil {
			c.Fatal(err)
		}
	}
	c.get(a.ID(), relay.ErrMissing)
	after := c.list(0, relay.SlotsOf(0), 10)
	if len(after) != 1 || after[0] != before[1] {
		c.Fatalf("after Drop: %+v, before %+v", after, before)
	}
	c.put(a, nil)
	again := c.list(before[1].Mark, relay.SlotsOf(0), 10)
	c.wantIDs(again, a) // with a new mark, or clients would miss it
}

func mixed(c *check) {
	good, osk := Unit(c.T, envelope.S1, 0, Today.Add(10), 1)
	second := Body(c.T, envelope.S1, 0, Today.Add(10), 2, osk)
	past, _ := Unit(c.T, envelope.S1, 0, Today.Add(-1), 3)
	fine := c.unit(envelope.S3, 0, 4)
	results, err := c.box.Put(c.Context(), []relay.Deposit{deposit(good), deposit(second), deposit(past), deposit(fine)})
	if err != nil {
		c.Fatal(err)
	}
	for i, want := range []error{nil, relay.ErrTaken, relay.ErrExpired, nil} {
		if !errors.Is(results[i], want) || (want == nil && results[i] != nil) {
			c.Fatalf("result %d: %v, want %v", i, results[i], want)
		}
	}
	c.wantIDs(c.list(0, everything(), 10), good, fine)
}

// many puts from several sides while others follow the list: each follower
// must see every unit exactly once, whenever it looked.
func many(c *check) {
	const writers, each, followers = 8, 24, 3
	var all [writers][]envelope.Envelope
	for w := range all {
		for i := range each {
			all[w] = append(all[w], c.unit(envelope.S1, 0, uint64(w*each+i)))
		}
	}
	written := make(chan struct{})
	var follow, write sync.WaitGroup
	for i := range followers {
		set := []relay.Slots{everything(), relay.SlotsOf(0)}[i%2]
		follow.Go(func() {
			seen := map[envelope.ID]bool{}
			var at relay.Mark
			for last := false; ; {
				page, upto, err := c.box.List(c.Context(), at, set, 7)
				if err != nil {
					c.Errorf("List: %v", err)
					return
				}
				for _, e := range page {
					if seen[e.ID] {
						c.Errorf("%v was listed twice", e.ID)
					}
					seen[e.ID] = true
				}
				if upto <= at && last {
					break
				}
				at = max(at, upto)
				select {
				case <-written:
					last = true
				default:
				}
			}
			if len(seen) != writers*each {
				c.Errorf("a follower saw %d of %d", len(seen), writers*each)
			}
		})
	}
	for w := range all {
		write.Go(func() {
			for _, e := range all[w] {
				results, err := c.box.Put(c.Context(), []relay.Deposit{deposit(e)})
				if err != nil || results[0] != nil {
					c.Errorf("Put: %v, %v", results, err)
				}
				if _, err := c.box.Get(c.Context(), e.ID(), 0, 0); err != nil {
					c.Errorf("Get after Put: %v", err)
				}
			}
		})
	}
	write.Wait()
	close(written)
	follow.Wait()
	if n := len(c.list(0, everything(), 50)); n != writers*each {
		c.Errorf("listed %d of %d", n, writers*each)
	}
}
