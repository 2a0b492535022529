package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

var errDisk = errors.New("input/output error")

// small makes rotations, moves and drains happen within a few dozen deeds.
var small = Options{Quota: 1 << 20, SegmentSize: 4 << 10, Today: testDay}

// script is the same life each time: puts, proofs, drops, marks, partials,
// expiry and restarts. What the disk refuses is refused.
func script(m *model) {
	ignore := func(err error) {
		if !isRuled(err) && !errors.Is(err, errDisk) && !errors.Is(err, durable.ErrClosed) {
			m.fail("%v", err)
		}
	}
	n := uint64(0)
	unit := func(c envelope.Class, days int) envelope.Envelope {
		n++
		return fake(c, n, testDay+envelope.Day(days))
	}
	var es []envelope.Envelope
	for round := range 3 {
		for k := range 6 {
			e := unit(envelope.Class(k%3), 1+k%4)
			es = append(es, e)
			ignore(m.put(e, Meta{Own: k == 5, Rank: 1, Today: m.today}))
		}
		ignore(m.sync())
		ignore(m.mark("cursor", fmt.Sprint(round)))
		ignore(m.drop(es[round*6+1].ID()))
		ignore(m.put(es[round*6+2], Meta{Own: true, Today: m.today}))
		e := es[round*6+4]
		ignore(m.put(proof(e.ID(), e.Key(), testDay+4), Meta{Rank: 2, Today: m.today}))
		p := unit(envelope.S3, 4)
		ignore(m.s.AddPartial(p.ID(), len(p.Bytes()), 0, p.Bytes()[:3000]))
		ignore(m.s.AddPartial(p.ID(), len(p.Bytes()), 3000, p.Bytes()[3000:]))
		if b, err := m.s.TakePartial(p.ID()); err == nil && string(b) != string(p.Bytes()) {
			m.fail("partial: other bytes")
		}
		ignore(m.sync())
		if round == 1 {
			ignore(m.expire(testDay + 2))
		}
		for range 4 {
			ignore(m.sync())
			_, err := m.s.step(round%2 == 1)
			ignore(err)
		}
	}
}

// TestErrorAtEveryCall lets the n-th call on the disk fail, for every n, once
// or from then on, or ends the process there, and wants all that was
// acknowledged afterwards, whether power is lost, the process is killed, or
// life goes on.
func TestErrorAtEveryCall(t *testing.T) {
	t.Parallel()
	faults := []struct {
		err     error
		forever bool
		end     string
	}{{errDisk, false, "power"}, {errDisk, false, "kill"}, {errDisk, false, "on"},
		{errDisk, true, "power"}, {errDisk, true, "on"}, {durable.ErrClosed, true, "kill"}}
	failed := 0
	for n, beyond := 1, false; !beyond; n++ {
		for _, f := range faults {
			m := newModel(t, uint64(n), small)
			m.fs.FailAt(n, f.err, f.forever)
			m.faulty = true
			before := m.fs.Calls()
			script(m)
			m.say = fmt.Sprintf("call %d, forever %v, then %s", n, f.forever, f.end)
			beyond = m.fs.Calls()-before < n
			m.fs.FailAt(0, nil, false)
			failed++
			switch f.end {
			case "power":
				m.crash()
			case "kill":
				m.kill()
				m.say += ", opened"
			case "on":
				must(t, m.sync())
				m.verify(false)
			}
			m.crash()
			m.say += ", the error is over"
			must(t, m.put(fake(envelope.S1, 1<<40, testDay+5), Meta{Today: m.today}))
			must(t, m.sync())
			m.crash()
			must(t, m.s.Close())
		}
	}
	if failed < 600 {
		t.Fatalf("only %d calls failed", failed)
	}
}

// TestFailedFlush: what the system shows after a flush that failed may not be
// on disk, so the next process must not take it for sure.
func TestFailedFlush(t *testing.T) {
	for seed := range uint64(20) {
		m := newModel(t, seed, small)
		must(t, m.put(fake(envelope.S1, 1, testDay+5), Meta{Today: m.today}))
		m.fs.FailAt(2, errDisk, false) // the write works, its flush does not
		wantErr(t, m.sync(), errDisk)
		m.kill()
		m.crash()
		must(t, m.s.Close())
	}
}

// TestErrorAtEveryCallOfOpen: an Open that fails has lost nothing.
func TestErrorAtEveryCallOfOpen(t *testing.T) {
	m := newModel(t, 1, small)
	script(m)
	for n := 1; ; n++ {
		m.fs = m.fs.CrashClone(m.rng)
		m.fs.FailAt(n, errDisk, n%2 == 0)
		s, _, err := Open(m.fs, m.o)
		m.fs.FailAt(0, nil, false)
		if err == nil {
			must(t, s.Close()) // a call that need not work, or n is beyond the last
		} else if !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
		m.reopen()
		m.verify(true)
		if must(t, m.s.Close()); err == nil && n > 200 {
			return
		}
	}
}

// TestDiskFull fills the disk under a shelf with room in its quota.
func TestDiskFull(t *testing.T) {
	for seed := range uint64(40) {
		m := newModel(t, seed, Options{Quota: 4 << 20, SegmentSize: 8 << 10, Today: testDay})
		for range 20 {
			must(t, m.put(m.fresh(), Meta{Today: m.today}))
		}
		must(t, m.sync())
		m.fs.SetLimit(m.fs.Used() + int64(m.rng.IntN(20000)))
		full := 0
		for range 60 {
			err := m.act()
			if errors.Is(err, durable.ErrNoSpace) {
				full++
				if !strings.Contains(err.Error(), "disk is full") {
					t.Fatalf("not clear: %v", err)
				}
			} else if !isRuled(err) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if m.rng.IntN(20) == 0 {
				must(t, readAll(m.s))
			}
		}
		if err := m.sync(); err == nil && full == 0 {
			continue // this seed dropped more than it put
		}
		m.verify(false)
		m.fs.SetLimit(0)
		m.say = "space is back"
		must(t, m.sync())
		for range 10 {
			must(t, m.put(m.fresh(), Meta{Today: m.today}))
		}
		must(t, m.sync())
		m.crash()
		must(t, m.s.Close())
	}
}

func readAll(s *Shelf) error {
	for _, e := range s.Since(0, 1<<30) {
		if _, err := s.Get(e.ID); err != nil {
			return err
		}
	}
	return nil
}

// copyOf is the folder with one file cut to a length.
func copyOf(t *testing.T, m *durable.Mem, name string, size int64) *durable.Mem {
	t.Helper()
	out := m.CrashClone(rand.New(rand.NewPCG(1, 1)))
	f, err := out.Open(name, durable.Write)
	must(t, err)
	must(t, f.Truncate(size))
	must(t, f.Sync())
	must(t, f.Close())
	return out
}

// TestTornTail cuts a journal, a segment and its sidecar at every byte of the
// last record.
func TestTornTail(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, plain)
	var ids []envelope.ID
	for k := range uint64(5) {
		ids = append(ids, put(t, s, fake(envelope.S1, k, testDay+9), Meta{}).ID)
	}
	must(t, s.Sync())
	last := recordTotal(unitRecord, envelope.S1, 1024)

	end := s.active.size
	for n := int64(0); n <= last; n++ {
		c := copyOf(t, m, s.active.name(), end-n)
		s2, rep, err := Open(c, plain)
		must(t, err)
		want := 5
		if n > 0 {
			want = 4
		}
		if s2.Stats().Envelopes != want || rep.Envelopes != want || n > 0 && n < last && rep.Cut != last-n || rep.Damaged > 0 {
			t.Fatalf("%d bytes cut: %d units, report %+v", n, s2.Stats().Envelopes, rep)
		}
		check(t, s2, c)
		if n == last/2 {
			put(t, s2, fake(envelope.S1, 4, testDay+9), Meta{})
			must(t, s2.Sync())
			check(t, s2, c)
		}
	}

	settleAll(t, s)
	must(t, s.Close())
	must(t, m.Sync()) // the journal is gone for good
	f := s.files[s.x.at(s.x.find(ids[4])).file]
	if f.journal() || f.side != fileHeadSize+5*recordHeadSize {
		t.Fatalf("%s, sidecar of %d bytes", f.name(), f.side)
	}
	for n := int64(0); n <= last; n++ {
		c := copyOf(t, m, f.name(), f.size-n)
		s2, rep, err := Open(c, plain)
		must(t, err)
		if want := 5 - int((n+last-1)/last); s2.Stats().Envelopes != want || rep.Damaged > 0 {
			t.Fatalf("%d bytes of the segment cut: %d units, report %+v", n, s2.Stats().Envelopes, rep)
		}
		check(t, s2, c)
	}
	for n := int64(0); n <= f.side; n++ {
		c := copyOf(t, m, f.sideName(), n)
		s2, rep, err := Open(c, plain)
		must(t, err)
		if s2.Stats().Envelopes != 5 || rep.Damaged > 0 || rep.Cut > 0 {
			t.Fatalf("sidecar of %d bytes: %d units, report %+v", n, s2.Stats().Envelopes, rep)
		}
		must(t, s2.Close())
		s2 = open(t, c, plain) // and it is whole again
		if side := s2.files[f.num].side; side != f.side {
			t.Fatalf("sidecar of %d bytes, then %d", n, side)
		}
		check(t, s2, c)
	}
}

// TestDamage flips single bytes anywhere: what comes back is right or missing,
// and the rest is still there.
func TestDamage(t *testing.T) {
	base := durable.NewMem()
	s := open(t, base, small)
	all := map[envelope.ID][]byte{}
	for k := range uint64(60) {
		e := fake(envelope.Class(k%3), k, testDay+envelope.Day(k%3)+1)
		put(t, s, e, Meta{})
		all[e.ID()] = e.Bytes()
		if k == 40 {
			settleAll(t, s)
		}
	}
	must(t, s.SetMark("cursor", []byte("seven")))
	must(t, s.Close())
	infos, err := base.List()
	must(t, err)
	for _, i := range infos {
		f, err := base.Open(i.Name, durable.Write)
		must(t, err)
		must(t, f.Sync())
		must(t, f.Close())
	}
	must(t, base.Sync())
	rng := rand.New(rand.NewPCG(3, 3))
	for range 600 {
		m := base.CrashClone(rng)
		i := infos[rng.IntN(len(infos))]
		if i.Size == 0 {
			continue
		}
		at := rng.Int64N(i.Size)
		damage(t, m, i.Name, at)
		s, rep, err := Open(m, small)
		must(t, err)
		good := 0
		for _, e := range s.Since(0, 1000) {
			b, err := s.Get(e.ID)
			if errors.Is(err, ErrCorrupt) {
				if s.Has(e.ID) {
					t.Fatal("a damaged unit keeps the good copy away")
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s, byte %d of %d: %v", i.Name, at, i.Size, err)
			}
			if string(b) != string(all[e.ID]) {
				t.Fatalf("%s, byte %d: other bytes", i.Name, at)
			}
			good++
		}
		lost := len(all) - good
		if at < fileHeadSize && !strings.HasSuffix(i.Name, ".idx") {
			continue // all of one file may be lost with its head
		}
		if lost > 1 || lost == 1 && rep.Damaged == 0 && rep.Cut == 0 && rep.Envelopes == good {
			t.Fatalf("%s, byte %d of %d: %d lost, report %+v", i.Name, at, i.Size, lost, rep)
		}
		if v := string(s.Mark("cursor")); v != "seven" && v != "" {
			t.Fatalf("mark %q", v)
		}
		for id, b := range all {
			if !s.Has(id) {
				e, err := envelope.Parse(b)
				must(t, err)
				put(t, s, e, Meta{})
			}
		}
		must(t, s.Sync())
		check(t, s, m)
	}
}

func TestForeignFiles(t *testing.T) {
	m := durable.NewMem()
	names := []string{"README", "day-0001-00000002.idx.bak", "log-1", "day-zz-00000001", "log-00000000", "part-xx"}
	for _, name := range names {
		must(t, durable.WriteFile(m, name, []byte("hello")))
	}
	s, rep, err := Open(m, plain)
	must(t, err)
	slices.Sort(rep.Ignored)
	want := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "part-xx" })
	slices.Sort(want)
	if !slices.Equal(rep.Ignored, want) {
		t.Fatalf("ignored %v", rep.Ignored)
	}
	put(t, s, fake(envelope.S1, 1, testDay+9), Meta{})
	must(t, s.Sync())
	must(t, s.Close())
}

func TestQuotaTooSmall(t *testing.T) {
	_, _, err := Open(durable.NewMem(), Options{Quota: MinQuota - 1})
	wantErr(t, err, ErrQuota)
}

// TestLoweredQuota: a shelf that is opened with less drops others' first.
func TestLoweredQuota(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, plain)
	for k := range uint64(3000) {
		put(t, s, fake(envelope.S1, k, testDay+envelope.Day(k%20)), Meta{Own: k%20 == 7, Rank: 1})
	}
	must(t, s.Close())
	s = open(t, m, Options{Quota: 2 << 20, Today: testDay})
	must(t, s.Sync())
	check(t, s, m)
	if st := s.Stats(); st.Own != 150 || st.Envelopes < 500 {
		t.Fatalf("%+v", st)
	}
}
