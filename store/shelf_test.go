package store

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

const testDay envelope.Day = 1700

// fake makes a unit that parses, without signing: the store does not look at
// signatures. n decides everything.
func fake(c envelope.Class, n uint64, expiry envelope.Day) envelope.Envelope {
	size := c.Size()
	if c == envelope.S0 {
		size = 96
	}
	raw := make([]byte, size)
	raw[0] = 1<<4 | byte(c)
	at := 4
	if c == envelope.S0 {
		at = 1
	} else {
		raw[1] = byte(n % 3)
		binary.BigEndian.PutUint16(raw[2:], uint16(expiry))
	}
	binary.LittleEndian.PutUint64(raw[at:], n+1)
	binary.LittleEndian.PutUint64(raw[at+8:], n*0x9e3779b97f4a7c15)
	for k := 64; k+8 <= len(raw); k += 64 {
		binary.LittleEndian.PutUint64(raw[k:], n^uint64(k)<<32)
	}
	e, err := envelope.Parse(raw)
	if err != nil {
		panic(err)
	}
	return e
}

// body makes another body under the key of e.
func body(e envelope.Envelope, b byte) envelope.Envelope {
	raw := append([]byte{}, e.Bytes()...)
	raw[len(raw)-1] ^= b
	o, err := envelope.Parse(raw)
	if err != nil {
		panic(err)
	}
	return o
}

// proof makes a Done for id under the key.
func proof(id envelope.ID, key [32]byte, expiry envelope.Day) envelope.Envelope {
	raw := make([]byte, envelope.DoneSize)
	raw[0] = 1<<4 | byte(envelope.Done)
	binary.BigEndian.PutUint16(raw[2:], uint16(expiry))
	copy(raw[4:], id[:])
	copy(raw[20:], key[:])
	e, err := envelope.Parse(raw)
	if err != nil {
		panic(err)
	}
	return e
}

// stampOf makes a stamp for id with the token n.
func stampOf(id envelope.ID, n uint64, expiry envelope.Day) envelope.Envelope {
	raw := make([]byte, envelope.StampSize)
	raw[0] = 1<<4 | byte(envelope.Stamp)
	binary.BigEndian.PutUint16(raw[2:], uint16(expiry))
	copy(raw[4:], id[:])
	binary.LittleEndian.PutUint64(raw[20:], n+1)
	binary.LittleEndian.PutUint64(raw[28:], n*0x9e3779b97f4a7c15)
	e, err := envelope.Parse(raw)
	if err != nil {
		panic(err)
	}
	return e
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

var plain = Options{Quota: 8 << 20, Today: testDay}

func open(t testing.TB, fs durable.FS, o Options) *Shelf {
	t.Helper()
	s, _, err := Open(fs, o)
	must(t, err)
	return s
}

func put(t testing.TB, s *Shelf, e envelope.Envelope, m Meta) Entry {
	t.Helper()
	entry, err := s.Put(e, m)
	must(t, err)
	return entry
}

// check reads all that is on the shelf and compares the files with Stats.
func check(t testing.TB, s *Shelf, m *durable.Mem) {
	t.Helper()
	last, n := uint64(0), 0
	for {
		list := s.Since(last, 7)
		for _, e := range list {
			if e.Seq <= last {
				t.Fatalf("seq %d after %d", e.Seq, last)
			}
			last = e.Seq
			n++
			b, err := s.Get(e.ID)
			must(t, err)
			if len(b) != int(e.Size) || envelope.IDOf(b) != e.ID {
				t.Fatal("other bytes")
			}
		}
		if len(list) == 0 {
			break
		}
	}
	st := s.Stats()
	if st.Envelopes != n || last > s.Top() {
		t.Fatalf("%d units listed, %d counted, last seq %d of %d", n, st.Envelopes, last, s.Top())
	}
	if st.Bytes > st.Quota {
		t.Fatalf("%d bytes of %d", st.Bytes, st.Quota)
	}
	if m != nil && m.Used() > st.Bytes {
		t.Fatalf("%d bytes on disk, %d counted", m.Used(), st.Bytes)
	}
}

func TestPutGet(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, plain)
	if s.Epoch() == [8]byte{} {
		t.Fatal("no epoch")
	}
	var all []envelope.Envelope
	for c := envelope.S0; c <= envelope.Stamp; c++ {
		e := fake(c, uint64(c), testDay+9)
		if c == envelope.Stamp {
			e = stampOf(envelope.ID{1}, 99, testDay+9)
		}
		entry := put(t, s, e, Meta{Rank: 2, Today: testDay})
		want := Entry{ID: e.ID(), Tag: e.Tag(), Class: c, Shard: e.Shard(), Expiry: e.Expiry(),
			Size: uint32(len(e.Bytes())), Seq: entry.Seq, Rank: 2}
		if entry != want {
			t.Fatalf("entry %+v, want %+v", entry, want)
		}
		all = append(all, e)
	}
	look := func(s *Shelf) {
		t.Helper()
		check(t, s, m)
		for _, e := range all {
			b, err := s.Get(e.ID())
			must(t, err)
			if string(b) != string(e.Bytes()) {
				t.Fatal("other bytes")
			}
			part, err := s.ReadAt(e.ID(), 50, 40)
			must(t, err)
			if string(part) != string(e.Bytes()[50:90]) {
				t.Fatal("other bytes from the middle")
			}
			part, err = s.ReadAt(e.ID(), len(e.Bytes())-3, 40)
			must(t, err)
			if len(part) != 3 {
				t.Fatal("no end")
			}
			byTag, ok := s.ByTag(e.Tag())
			if e.Class() != envelope.Done && (!ok || byTag.ID != e.ID()) {
				t.Fatal("not found by tag")
			}
			_, err = s.Put(e, Meta{})
			wantErr(t, err, ErrHave)
		}
	}
	look(s)
	must(t, s.Sync())
	look(s)
	epoch, top := s.Epoch(), s.Top()
	must(t, s.Close())
	_, err := s.Get(all[0].ID())
	wantErr(t, err, ErrClosed)
	s, rep, err := Open(m, plain)
	must(t, err)
	if rep.Envelopes != len(all) || rep.NewEpoch || rep.Damaged > 0 || rep.Cut > 0 || s.Epoch() != epoch || s.Top() < top {
		t.Fatalf("report %+v", rep)
	}
	look(s)
	_, _, err = Open(m, plain)
	wantErr(t, err, durable.ErrLocked)
	_, err = s.Get(envelope.ID{1})
	wantErr(t, err, ErrMissing)
	must(t, s.Close())
}

// TestSigned uses units as the node gets them.
func TestSigned(t *testing.T) {
	_, osk, err := ed25519.GenerateKey(nil)
	must(t, err)
	e, err := envelope.New(envelope.S1, 3, testDay+20, osk, make([]byte, envelope.S1.BodySize()))
	must(t, err)
	other := make([]byte, envelope.S1.BodySize())
	other[5] = 1
	twin, err := envelope.New(envelope.S1, 3, testDay+20, osk, other)
	must(t, err)
	done, err := envelope.NewDone(e, osk)
	must(t, err)
	s := open(t, durable.NewMem(), plain)
	put(t, s, e, Meta{})
	_, err = s.Put(twin, Meta{})
	wantErr(t, err, ErrTaken)
	if s.Done(e.ID()) {
		t.Fatal("done before its proof")
	}
	put(t, s, done, Meta{})
	if s.Has(e.ID()) || !s.Done(e.ID()) {
		t.Fatal("the proof was not honoured")
	}
	_, err = s.Put(e, Meta{})
	wantErr(t, err, ErrDone)
	_, err = s.Put(done, Meta{})
	wantErr(t, err, ErrHave)
}

func TestProofs(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, plain)
	e := fake(envelope.S2, 1, testDay+9)
	genuine, bogus := proof(e.ID(), e.Key(), testDay+9), proof(e.ID(), [32]byte{7}, testDay+9)

	// A bogus proof that comes first must not keep the envelope away.
	put(t, s, bogus, Meta{})
	if s.Done(e.ID()) {
		t.Fatal("a proof counts whose key nobody could compare")
	}
	put(t, s, e, Meta{})
	if s.Has(bogus.ID()) {
		t.Fatal("the bogus proof stayed")
	}
	_, err := s.Put(bogus, Meta{})
	wantErr(t, err, ErrBogus)
	put(t, s, genuine, Meta{})
	must(t, s.Sync())
	must(t, s.Close())
	s = open(t, m, plain)
	if s.Has(e.ID()) || !s.Done(e.ID()) {
		t.Fatal("forgotten after a restart")
	}
	must(t, s.Drop(genuine.ID()))
	put(t, s, e, Meta{})

	// A proof that comes before its envelope, beside others that may be bogus.
	f := fake(envelope.S1, 2, testDay+9)
	genuine = proof(f.ID(), f.Key(), testDay+9)
	for k := range byte(maxAlike - 1) {
		put(t, s, proof(f.ID(), [32]byte{1, k}, testDay+9), Meta{})
	}
	put(t, s, genuine, Meta{})
	_, err = s.Put(proof(f.ID(), [32]byte{2}, testDay+9), Meta{})
	wantErr(t, err, ErrTaken)
	_, err = s.Put(proof(f.ID(), f.Key(), testDay+8), Meta{})
	wantErr(t, err, ErrHave)
	_, err = s.Put(f, Meta{})
	wantErr(t, err, ErrDone)
	if !s.Done(f.ID()) {
		t.Fatal("the envelope was seen and its proof does not count")
	}
	check(t, s, m)
}

func TestShortUnitsShareATag(t *testing.T) {
	s := open(t, durable.NewMem(), plain)
	var tag envelope.Tag
	for k := range 5 {
		var sealed [75]byte
		sealed[0] = byte(k)
		e, err := envelope.NewShort(envelope.Tag{1}, [8]byte{}, sealed[:])
		must(t, err)
		tag = e.Tag()
		_, err = s.Put(e, Meta{})
		if k < 4 {
			must(t, err)
		} else {
			wantErr(t, err, ErrTaken)
		}
	}
	n := 0
	for e, ok := s.ByTag(tag); ok; e, ok = s.ByTag(tag) {
		must(t, s.Drop(e.ID))
		n++
	}
	if n != 4 {
		t.Fatalf("%d found by tag", n)
	}
}

func TestUpgrade(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, plain)
	e := fake(envelope.S1, 1, testDay+9)
	first := put(t, s, e, Meta{Rank: 2})
	must(t, s.Sync())
	for _, meta := range []Meta{{Rank: 1}, {Rank: 2}, {Own: true, Rank: 1}} {
		_, err := s.Put(e, meta)
		wantErr(t, err, ErrHave)
	}
	must(t, s.Sync())
	s2 := open(t, m.CrashClone(rand.New(rand.NewPCG(1, 1))), plain)
	for _, s := range []*Shelf{s, s2} {
		got, ok := s.Entry(e.ID())
		if !ok || !got.Own || got.Rank != 1 || got.Seq != first.Seq || s.Stats().Own != 1 || s.Stats().Envelopes != 1 {
			t.Fatalf("%+v", got)
		}
		b, err := s.Get(e.ID())
		must(t, err)
		if string(b) != string(e.Bytes()) {
			t.Fatal("other bytes")
		}
	}
}

// TestUpgradeLeavesNoGhost: the copy that an upgrade left behind in a segment
// must not come back when the unit is dropped.
func TestUpgradeLeavesNoGhost(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, plain)
	e := fake(envelope.S1, 1, testDay+9)
	put(t, s, e, Meta{Rank: 2})
	put(t, s, fake(envelope.S1, 2, testDay+9), Meta{})
	settleAll(t, s)
	_, err := s.Put(e, Meta{Own: true})
	wantErr(t, err, ErrHave)
	must(t, s.Drop(e.ID()))
	settleAll(t, s)
	must(t, s.Close())
	s = open(t, m, plain)
	if s.Has(e.ID()) || s.Stats().Envelopes != 1 {
		t.Fatal("it came back")
	}
}

func TestEvictionOrder(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, Options{Quota: MinQuota, Today: testDay})
	mine := fake(envelope.S3, 1, testDay+1)
	put(t, s, mine, Meta{Own: true, Rank: 2})
	type kind struct {
		rank  uint8
		until envelope.Day
	}
	// In the order in which they have to go.
	kinds := []kind{{2, 3}, {2, 9}, {1, 2}, {1, 8}}
	var want []envelope.ID
	n := uint64(10)
	for _, k := range kinds {
		for range 4 {
			n++
			e := fake(envelope.S3, n, testDay+k.until)
			want = append(want, e.ID())
			_, err := s.Put(e, Meta{Rank: k.rank})
			must(t, err)
		}
	}
	for _, id := range want {
		if !s.Has(id) {
			t.Fatal("evicted without need")
		}
	}
	var gone []envelope.ID
	for k := range uint64(200) {
		e := fake(envelope.S3, 1000+k, testDay+20)
		put(t, s, e, Meta{Rank: 0})
		for _, id := range want[len(gone):] {
			if !s.Has(id) {
				gone = append(gone, id)
			}
		}
		check(t, s, m)
	}
	if !slices.Equal(gone, want) || !s.Has(mine.ID()) {
		t.Fatalf("gone in another order")
	}
	// What is full of better things takes nothing worse, and loses nothing.
	before := s.Stats().Envelopes
	_, err := s.Put(fake(envelope.S3, 5000, testDay+25), Meta{Rank: 1})
	wantErr(t, err, ErrFull)
	_, err = s.Put(fake(envelope.S5, 5002, testDay+25), Meta{Own: true})
	wantErr(t, err, ErrFull)
	if s.Stats().Envelopes != before {
		t.Fatal("a refused unit displaced others")
	}
	// What is alike takes turns, however short its time is.
	brief := fake(envelope.S3, 5003, testDay+1)
	put(t, s, brief, Meta{Rank: 0})
	put(t, s, fake(envelope.S3, 5004, testDay+20), Meta{Rank: 0})
	if s.Has(brief.ID()) || s.Stats().Envelopes != before {
		t.Fatal("the nearest last day did not go first")
	}
	// Own units displace all others, and then nothing more fits.
	for k := range uint64(200) {
		if _, err = s.Put(fake(envelope.S3, 6000+k, testDay+2), Meta{Own: true, Rank: 2}); err != nil {
			break
		}
	}
	wantErr(t, err, ErrFull)
	if st := s.Stats(); st.Own != st.Envelopes {
		t.Fatalf("%d of %d are own", st.Own, st.Envelopes)
	}
	check(t, s, m)
	must(t, s.Sync())
	must(t, s.Close())
	s = open(t, m, Options{Quota: MinQuota, Today: testDay})
	check(t, s, m)
}

// TestQuotaHolds loads a shelf at random on a disk that has not one byte more
// than the quota.
func TestQuotaHolds(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 9))
		m := durable.NewMem()
		o := Options{Quota: 2 << 20, Today: testDay}
		m.SetLimit(o.Quota)
		s := open(t, m, o)
		var ids []envelope.ID
		full := 0
		for k := range uint64(4000) {
			e := fake(envelope.Class(rng.IntN(5)), k<<8|seed, testDay+envelope.Day(rng.IntN(40)))
			_, err := s.Put(e, Meta{Own: rng.IntN(50) == 0, Rank: uint8(rng.IntN(3))})
			if !isRuled(err) {
				t.Fatalf("put %d: %v", k, err)
			}
			if errors.Is(err, ErrFull) {
				full++
			} else {
				ids = append(ids, e.ID())
			}
			if rng.IntN(4) == 0 {
				err := s.Drop(ids[rng.IntN(len(ids))])
				if !isRuled(err) {
					t.Fatal(err)
				}
			}
			if rng.IntN(5) == 0 {
				p := fake(envelope.S4, 1<<40|k, testDay)
				if err := s.AddPartial(p.ID(), len(p.Bytes()), 0, p.Bytes()[:rng.IntN(60000)]); !isRuled(err) {
					t.Fatal(err)
				}
			}
			if rng.IntN(9) == 0 {
				must(t, s.Sync())
			}
			if rng.IntN(900) == 0 {
				m.Kill()
				s = open(t, m, o)
			}
			if st := s.Stats(); st.Bytes > o.Quota {
				t.Fatalf("%d bytes", st.Bytes)
			}
		}
		must(t, s.Sync())
		check(t, s, m)
		// It is used well, too: that is what the quota is for.
		if live := s.x.cost; live < o.Quota/2 || full > 2500 {
			t.Fatalf("%d bytes live of %d, %d times full", live, o.Quota, full)
		}
	}
}

func TestSpaceComesBack(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, Options{Quota: 4 << 20, Today: testDay})
	var ids []envelope.ID
	for k := range uint64(2000) {
		e := fake(envelope.S1, k, testDay+envelope.Day(k%20))
		put(t, s, e, Meta{})
		ids = append(ids, e.ID())
		if k%50 == 49 {
			must(t, s.Sync())
		}
	}
	full := m.Used()
	for k, id := range ids {
		if k%10 != 0 {
			must(t, s.Drop(id))
		}
	}
	for k := range 300 {
		must(t, s.SetMark("x", []byte{byte(k), byte(k >> 8), 1}))
		must(t, s.Sync()) // each pays for a bit of moving
	}
	check(t, s, m)
	if used := m.Used(); used > full/4 {
		t.Fatalf("%d bytes with all, %d with a tenth", full, used)
	}
	must(t, s.Close())
	s = open(t, m, Options{Quota: 4 << 20, Today: testDay})
	if n := s.Stats().Envelopes; n != 200 {
		t.Fatalf("%d units", n)
	}
	check(t, s, m)
}

// dayFiles counts the segments per day.
func dayFiles(t *testing.T, m *durable.Mem) map[envelope.Day]int {
	infos, err := m.List()
	must(t, err)
	days := map[envelope.Day]int{}
	for _, i := range infos {
		if f, side, ok := parseName(i.Name); ok && !side && f.kind == dayFile {
			days[f.day]++
		}
	}
	return days
}

func settleAll(t *testing.T, s *Shelf) {
	t.Helper()
	must(t, s.flush())
	must(t, s.rotate())
	for {
		n, err := s.step(false)
		must(t, err)
		if n == 0 {
			return
		}
	}
}

func TestExpireDeletesFiles(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, Options{Quota: 8 << 20, SegmentSize: 32 << 10, Today: testDay})
	for k := range uint64(1000) {
		put(t, s, fake(envelope.S1, k, testDay+envelope.Day(k%10)), Meta{Own: k%3 == 0})
	}
	settleAll(t, s)
	days := dayFiles(t, m)
	if len(days) != 10 || days[testDay] < 3 {
		t.Fatalf("segments: %v", days)
	}
	// And some that are still in a journal.
	for k := range uint64(10) {
		put(t, s, fake(envelope.S1, 5000+k, testDay+envelope.Day(k)), Meta{})
	}
	must(t, s.Sync())
	calls := m.Calls()
	n, err := s.Expire(testDay + 4)
	must(t, err)
	if n != 404 || s.Stats().Envelopes != 606 {
		t.Fatalf("expired %d, left %d", n, s.Stats().Envelopes)
	}
	if calls = m.Calls() - calls; calls > 2*len(days)*days[testDay] {
		t.Fatalf("%d calls", calls)
	}
	for day := range dayFiles(t, m) {
		if day < testDay+4 {
			t.Fatalf("a segment of day %d is left", day)
		}
	}
	must(t, s.Sync())
	check(t, s, m)
	for seed := range uint64(20) {
		s2 := open(t, m.CrashClone(rand.New(rand.NewPCG(seed, 1))), plain)
		if n := s2.Stats().Envelopes; n != 606 {
			t.Fatalf("%d units after a crash", n)
		}
	}
	_, err = s.Put(fake(envelope.S1, 9999, testDay+3), Meta{})
	wantErr(t, err, ErrExpired)
	if n, err := s.Expire(testDay + 4); n != 0 || err != nil {
		t.Fatal("expired twice")
	}
}

// TestClockJumps: a wrong day at Open or Put loses nothing but what Expire is
// told to.
func TestClockJumps(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, plain)
	for k := range uint64(30) {
		put(t, s, fake(envelope.S1, k, testDay+envelope.Day(k)), Meta{Today: testDay})
	}
	settleAll(t, s)
	for k := range uint64(30) {
		put(t, s, fake(envelope.S1, 100+k, testDay+envelope.Day(k)), Meta{Today: testDay})
	}
	must(t, s.Sync())
	far := envelope.Day(84*365 + 21) // in 2106
	for _, today := range []envelope.Day{0, far, envelope.NoDay - 1, envelope.NoDay, testDay + 5, 0} {
		must(t, s.Close())
		s = open(t, m, Options{Quota: plain.Quota, Today: today})
		if n := s.Stats().Envelopes; n != 60 {
			t.Fatalf("opened on day %d: %d units", today, n)
		}
		check(t, s, m)
	}
	// A unit put while the clock stands at 1970 keeps a day of its own.
	early := fake(envelope.S1, 500, testDay+30)
	put(t, s, early, Meta{Today: 0, Until: 10})
	if n, err := s.Expire(0); n != 0 || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	// No unit is kept longer than the most that is allowed.
	for n, meta := range []Meta{{Today: testDay}, {Today: testDay, Until: testDay + 500}} {
		put(t, s, fake(envelope.S1, uint64(600+n), testDay+400), meta)
	}
	s0 := fake(envelope.S0, 700, 0)
	put(t, s, s0, Meta{Today: testDay})
	_, err := s.Expire(testDay + envelope.Lifetime)
	must(t, err)
	if !s.Has(s0.ID()) || s.Stats().Envelopes != 3 {
		t.Fatalf("%d units", s.Stats().Envelopes)
	}
	_, err = s.Expire(testDay + envelope.Lifetime + 1)
	must(t, err)
	if s.Has(s0.ID()) || s.Stats().Envelopes != 2 {
		t.Fatal("the S0 has no end")
	}
	n, err := s.Expire(testDay + envelope.MaxLifetime + envelope.MaxJitter + 1)
	if n != 2 || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	// After a wrong day in 2106 was believed and taken back, work goes on.
	_, err = s.Expire(far)
	must(t, err)
	e := fake(envelope.S1, 800, testDay+9)
	put(t, s, e, Meta{Today: testDay})
	must(t, s.Close())
	s = open(t, m, plain)
	if !s.Has(e.ID()) {
		t.Fatal("a later unit fell to an earlier expiry")
	}
}

func TestSeqIsNeverGivenTwice(t *testing.T) {
	m := durable.NewMem()
	top := uint64(0)
	for k := range uint64(30) {
		s := open(t, m, plain)
		if s.Top() < top {
			t.Fatalf("top %d after %d", s.Top(), top)
		}
		// Not synced: nobody but we know of it, and perhaps a peer.
		if e := put(t, s, fake(envelope.S1, k, testDay+9), Meta{}); e.Seq <= top {
			t.Fatalf("seq %d after %d", e.Seq, top)
		} else {
			top = e.Seq
		}
		m = m.CrashClone(rand.New(rand.NewPCG(k, 5)))
	}
}

// TestNewEpoch: a lost order must be seen by those who hold cursors.
func TestNewEpoch(t *testing.T) {
	m := durable.NewMem()
	s, rep, err := Open(m, plain)
	must(t, err)
	epoch := s.Epoch()
	if !rep.NewEpoch {
		t.Fatal("a new shelf has no new epoch")
	}
	put(t, s, fake(envelope.S1, 1, testDay+9), Meta{})
	settleAll(t, s)
	put(t, s, fake(envelope.S1, 2, testDay+9), Meta{})
	must(t, s.Close())
	damage(t, m, s.active.name(), 20)
	sides := m.CrashClone(rand.New(rand.NewPCG(1, 1)))
	s2, rep, err := Open(sides, plain) // its head stands in the sidecar, too
	must(t, err)
	if rep.NewEpoch || s2.Epoch() != epoch || s2.Stats().Envelopes != 2 {
		t.Fatalf("%+v", rep)
	}
	check(t, s2, sides)
	damage(t, m, s.active.sideName(), 20)
	s, rep, err = Open(m, plain)
	must(t, err)
	if !rep.NewEpoch || s.Epoch() == epoch || s.Stats().Envelopes != 1 || rep.Damaged == 0 {
		t.Fatalf("%+v", rep)
	}
	check(t, s, m)
}

// damage flips a byte of a file.
func damage(t *testing.T, m *durable.Mem, name string, off int64) {
	t.Helper()
	f, err := m.Open(name, durable.Write)
	must(t, err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, off)
	must(t, err)
	b[0] ^= 0x40
	_, err = f.WriteAt(b, off)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}
