package embedded

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/boxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const quota = 64 << 20

func open(tb testing.TB, fs durable.FS, today envelope.Day) *Box {
	tb.Helper()
	b, _, err := Open(fs, Options{Quota: quota, Today: today})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func deposit(e envelope.Envelope) []relay.Deposit {
	return []relay.Deposit{{Unit: e, Rank: 2, Today: boxtest.Today}}
}

func put(tb testing.TB, b *Box, e envelope.Envelope) {
	tb.Helper()
	results, err := b.Put(tb.Context(), deposit(e))
	if err != nil || results[0] != nil {
		tb.Fatal(results, err)
	}
}

func everything() relay.Slots {
	return relay.Slots{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
}

func list(tb testing.TB, b *Box, after relay.Mark) (all []relay.Entry) {
	tb.Helper()
	for {
		page, upto, err := b.List(tb.Context(), after, everything(), 100)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, page...)
		if upto <= after {
			return all
		}
		after = upto
	}
}

func TestBoxInMemory(t *testing.T) {
	boxtest.Run(t, func(t *testing.T) relay.Box {
		b := open(t, durable.NewMem(), boxtest.Today)
		t.Cleanup(func() { b.Close() })
		return b
	})
}

func TestBoxOnDisk(t *testing.T) {
	boxtest.Run(t, func(t *testing.T) relay.Box {
		fs, err := durable.OS(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		b := open(t, fs, boxtest.Today)
		t.Cleanup(func() { b.Close() })
		return b
	})
}

func TestReopen(t *testing.T) {
	fs := durable.NewMem()
	b := open(t, fs, boxtest.Today)
	e, osk := boxtest.Unit(t, envelope.S2, 1, boxtest.Today.Add(9), 1)
	f, _ := boxtest.Unit(t, envelope.S1, 1, boxtest.Today.Add(9), 2)
	put(t, b, e)
	put(t, b, f)
	put(t, b, boxtest.Done(t, e, osk))
	before := list(t, b, 0)
	head, _ := b.Head(t.Context())
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, fs, boxtest.Today.Add(1))
	defer b.Close()
	again, _ := b.Head(t.Context())
	if again.Epoch != head.Epoch || again.Top < head.Top {
		t.Fatalf("head %+v, was %+v", again, head)
	}
	after := list(t, b, 0)
	if len(after) != 2 || after[0] != before[0] || after[1] != before[1] {
		t.Fatalf("%+v, was %+v", after, before)
	}
	if _, err := b.Get(t.Context(), e.ID(), 0, 0); !errors.Is(err, relay.ErrDelivered) {
		t.Fatal("a proven unit:", err)
	}
}

// syncs counts the file syncs of a folder and can hold them up.
type syncs struct {
	durable.FS
	n    atomic.Int64
	hold chan struct{} // each sync takes one, when set
}

func (s *syncs) Open(name string, mode durable.Mode) (durable.File, error) {
	f, err := s.FS.Open(name, mode)
	if err != nil {
		return nil, err
	}
	return &syncFile{f, s}, nil
}

type syncFile struct {
	durable.File
	s *syncs
}

func (f *syncFile) Sync() error {
	f.s.n.Add(1)
	if f.s.hold != nil {
		<-f.s.hold
	}
	return f.File.Sync()
}

// While one sync runs, all deposits that come meanwhile wait for one more.
func TestGroupCommit(t *testing.T) {
	fs := &syncs{FS: durable.NewMem()}
	b := open(t, fs, boxtest.Today)
	defer b.Close()
	first, _ := boxtest.Unit(t, envelope.S1, 0, boxtest.Today.Add(9), 0)
	put(t, b, first)
	const n = 200
	start := fs.n.Load()
	fs.hold = make(chan struct{})
	var all sync.WaitGroup
	give := func(seed uint64) {
		e, _ := boxtest.Unit(t, envelope.S1, 0, boxtest.Today.Add(9), seed)
		all.Go(func() {
			results, err := b.Put(t.Context(), deposit(e))
			if err != nil || results[0] != nil {
				t.Error(results, err)
			}
		})
	}
	give(1)
	for fs.n.Load() == start { // until the disk holds it up
		runtime.Gosched()
	}
	for i := range n - 1 {
		give(uint64(i + 2))
	}
	for waiting := 0; waiting < n-1; {
		b.mu.Lock()
		waiting = len(b.queue)
		b.mu.Unlock()
		runtime.Gosched()
	}
	close(fs.hold)
	all.Wait()
	if used := fs.n.Load() - start; used > 4 {
		t.Errorf("%d syncs for %d deposits", used, n)
	} else {
		t.Logf("%d syncs for %d deposits", used, n)
	}
	if got := len(list(t, b, 0)); got != n+1 {
		t.Errorf("%d listed", got)
	}
}

// shown is what a box has told the world so far.
type shown struct {
	mu    sync.Mutex
	acked map[envelope.ID][]byte
	marks map[relay.Mark]envelope.ID
	head  relay.Head
}

// deposits puts units from several sides and notes all that the box says.
func (s *shown) deposits(t *testing.T, b *Box, seed uint64, all *sync.WaitGroup) {
	for w := range 4 {
		all.Go(func() {
			for i := range 10 {
				e, _ := boxtest.Unit(t, envelope.S1+envelope.Class(i%3), 0, boxtest.Today.Add(9), seed<<20|uint64(w*100+i))
				results, err := b.Put(t.Context(), deposit(e))
				if err != nil || results[0] != nil {
					t.Error(results, err)
					return
				}
				entries := list(t, b, 0)
				s.mu.Lock()
				s.acked[e.ID()] = e.Bytes()
				for _, l := range entries {
					s.marks[l.Mark] = l.ID
				}
				s.mu.Unlock()
			}
		})
	}
}

// check compares a box after the cut with what was shown before.
func (s *shown) check(t *testing.T, b *Box, seed uint64) {
	t.Helper()
	head, _ := b.Head(t.Context())
	if head.Epoch != s.head.Epoch || head.Top < s.head.Top {
		t.Fatalf("seed %d: head %+v after the crash, %+v was shown", seed, head, s.head)
	}
	for id, raw := range s.acked {
		got, err := b.Get(t.Context(), id, 0, len(raw))
		if err != nil || !bytes.Equal(got, raw) {
			t.Fatalf("seed %d: acknowledged and lost: %v", seed, err)
		}
	}
	// New units must not take the marks of old ones.
	for i := range 60 {
		e, _ := boxtest.Unit(t, envelope.S1, 0, boxtest.Today.Add(9), seed<<20|uint64(5000+i))
		put(t, b, e)
	}
	for _, l := range list(t, b, 0) {
		if id, ok := s.marks[l.Mark]; ok && id != l.ID {
			t.Fatalf("seed %d: mark %d was %v and is %v", seed, l.Mark, id, l.ID)
		}
	}
}

// At any moment the power may go: what was acknowledged is there afterwards,
// and a mark that was listed means the same unit, or one that is gone.
func TestCrash(t *testing.T) {
	cuts := 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		fs := durable.NewMem()
		b := open(t, fs, boxtest.Today)
		s := &shown{acked: map[envelope.ID][]byte{}, marks: map[relay.Mark]envelope.ID{}}
		var all sync.WaitGroup
		s.deposits(t, b, seed, &all)
		at := rng.IntN(40)
		for n := 0; n < at; { // until so many are acknowledged
			s.mu.Lock()
			n = len(s.acked)
			s.mu.Unlock()
			runtime.Gosched()
		}
		s.mu.Lock()
		before := &shown{acked: maps.Clone(s.acked), marks: maps.Clone(s.marks)}
		before.head, _ = b.Head(t.Context())
		clone := fs.CrashClone(rng) // the cut: what was shown before it counts
		s.mu.Unlock()
		if len(before.acked) > 0 && len(before.acked) < 40 {
			cuts++
		}
		all.Wait()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		after := open(t, clone, boxtest.Today)
		before.check(t, after, seed)
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if cuts < 20 {
		t.Errorf("only %d of 40 cuts fell amid the deposits", cuts)
	}
}

// A failed sync acknowledges nobody, and shows nothing.
func TestSyncFails(t *testing.T) {
	for n := 1; n < 30; n++ {
		fs := durable.NewMem()
		b := open(t, fs, boxtest.Today)
		e, _ := boxtest.Unit(t, envelope.S1, 0, boxtest.Today.Add(9), 1)
		fs.FailAt(n, durable.ErrNoSpace, true)
		results, err := b.Put(t.Context(), deposit(e))
		failed := err != nil || results[0] != nil
		if failed && len(list(t, b, 0)) != 0 {
			t.Fatalf("call %d: listed and not durable", n)
		}
		clone := fs.CrashClone(rand.New(rand.NewPCG(uint64(n), 1)))
		_ = b.Close() // the disk is full: it may complain
		after := open(t, clone, boxtest.Today)
		if _, err := after.Get(t.Context(), e.ID(), 0, 0); !failed && err != nil {
			t.Fatalf("call %d: acknowledged and lost: %v", n, err)
		}
		after.Close()
		if !failed {
			return
		}
	}
	t.Fatal("never succeeded: the test tests nothing")
}

// An old copy of a box gets a new epoch when it was away for two days, or
// when the operator says so.
func TestOldCopy(t *testing.T) {
	fs := durable.NewMem()
	b := open(t, fs, boxtest.Today)
	e, _ := boxtest.Unit(t, envelope.S1, 0, boxtest.Today.Add(90), 1)
	put(t, b, e)
	head, _ := b.Head(t.Context())
	if _, err := b.Expire(t.Context(), boxtest.Today.Add(3)); err != nil {
		t.Fatal(err)
	}
	b.Close()
	for _, c := range []struct {
		days  int
		renew bool
		same  bool
	}{{3, false, true}, {4, false, true}, {5, false, true}, {7, false, false}, {7, true, false}} {
		b, report, err := Open(fs, Options{Quota: quota, Today: boxtest.Today.Add(c.days), Renew: c.renew})
		if err != nil {
			t.Fatal(err)
		}
		again, _ := b.Head(t.Context())
		if (again.Epoch == head.Epoch) != c.same || report.NewEpoch == c.same {
			t.Errorf("day %d, renew %v: same epoch %v", c.days, c.renew, again.Epoch == head.Epoch)
		}
		if len(list(t, b, 0)) != 1 {
			t.Errorf("day %d: the unit is gone", c.days)
		}
		head = again
		b.Close()
	}
}

// A box that lost something has a new epoch, or who gave it would not give it again.
func TestBadPlace(t *testing.T) {
	fs := durable.NewMem()
	b := open(t, fs, boxtest.Today)
	var units []envelope.Envelope
	for seed := range uint64(20) {
		e, _ := boxtest.Unit(t, envelope.S1, 0, boxtest.Today.Add(90), seed)
		units = append(units, e)
		put(t, b, e)
	}
	head, _ := b.Head(t.Context())
	b.Close()
	for name, all := range fs.Image() {
		if len(all) > 2*durable.Block {
			fs.Spoil(name, durable.Block)
		}
	}
	b, report, err := Open(fs, Options{Quota: quota, Today: boxtest.Today})
	if err != nil {
		t.Fatal(err)
	}
	again, _ := b.Head(t.Context())
	left := len(list(t, b, 0))
	if again.Epoch == head.Epoch || !report.NewEpoch || report.Unread != 1 || left >= len(units) || left < len(units)-6 {
		t.Fatalf("same epoch %v, %d of %d units, %+v", again.Epoch == head.Epoch, left, len(units), report)
	}
	for _, e := range units {
		put(t, b, e)
	}
	b.Close()
	b = open(t, fs, boxtest.Today)
	defer b.Close()
	if third, _ := b.Head(t.Context()); third.Epoch != again.Epoch || len(list(t, b, 0)) != len(units) {
		t.Fatal("the next start is not clean")
	}
}

// So has one that loses something while it is open, once a day; what is lost may come again.
func TestLostWhileOpen(t *testing.T) {
	fs := durable.NewMem()
	b := open(t, fs, boxtest.Today)
	var units []envelope.Envelope
	for seed := range uint64(20) {
		e, _ := boxtest.Unit(t, envelope.S1, 0, boxtest.Today.Add(90), seed)
		units = append(units, e)
		put(t, b, e)
	}
	epoch := func() relay.Epoch {
		t.Helper()
		head, err := b.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return head.Epoch
	}
	first := epoch()
	spoil := func(block int64) (missing int) {
		for name, all := range fs.Image() {
			if int64(len(all)) > (block+1)*durable.Block {
				fs.Spoil(name, block*durable.Block)
			}
		}
		for _, e := range units {
			if _, err := b.Get(t.Context(), e.ID(), 0, len(e.Bytes())); err != nil {
				missing++
			}
		}
		return missing
	}
	if n := spoil(1); n == 0 || n > 6 {
		t.Fatalf("%d units under a block", n)
	}
	second := epoch()
	if second == first {
		t.Fatal("the same epoch, and what is lost is not given again")
	}
	for _, e := range units {
		put(t, b, e)
	}
	if len(list(t, b, 0)) != len(units) || epoch() != second {
		t.Fatal("not all is here again, or there is another epoch for one loss")
	}
	if n := spoil(3); n == 0 {
		t.Fatal("nothing was lost")
	}
	if epoch() != second {
		t.Fatal("two new epochs in a day")
	}
	if _, err := b.Expire(t.Context(), boxtest.Today.Add(1)); err != nil {
		t.Fatal(err)
	}
	third := epoch()
	if third == second {
		t.Fatal("on the next day it is still believed to be here")
	}
	b.Close()
	fs.Mend()
	b = open(t, fs, boxtest.Today.Add(1))
	defer b.Close()
	if epoch() != third {
		t.Fatal("another epoch after a start")
	}
}

// When it is full, those who filled it lose first; nobody else's unit goes.
func TestHeavyDepositorLosesFirst(t *testing.T) {
	b, _, err := Open(durable.NewMem(), Options{Quota: 2 << 20, Today: boxtest.Today})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var honest []envelope.Envelope
	give := func(seed uint64, class envelope.Class, rank uint8) (envelope.Envelope, error) {
		e, _ := boxtest.Unit(t, class, 0, boxtest.Today.Add(30), seed)
		results, err := b.Put(t.Context(), []relay.Deposit{{Unit: e, Rank: rank, Today: boxtest.Today}})
		if err != nil {
			t.Fatal(err)
		}
		return e, results[0]
	}
	for i := range uint64(100) {
		e, err := give(i, envelope.S1, 2)
		if err != nil {
			t.Fatal(err)
		}
		honest = append(honest, e)
	}
	for i := range uint64(300) {
		if _, err := give(1000+i, envelope.S3, 5); err != nil && !errors.Is(err, relay.ErrFull) {
			t.Fatal(err)
		}
	}
	for i := range uint64(100) {
		e, err := give(5000+i, envelope.S1, 2)
		if err != nil {
			t.Fatalf("an honest unit was refused: %v", err)
		}
		honest = append(honest, e)
	}
	for _, e := range honest {
		if _, err := b.Get(t.Context(), e.ID(), 0, 0); err != nil {
			t.Fatal("an honest unit was evicted")
		}
	}
	if s := b.Stats(); s.Bytes > s.Quota {
		t.Fatalf("%d bytes of %d", s.Bytes, s.Quota)
	}
}

// After expiry, eviction and proofs the lines name only what is there.
func TestLinesAreSwept(t *testing.T) {
	b := open(t, durable.NewMem(), boxtest.Today)
	defer b.Close()
	for i := range uint64(50) {
		e, osk := boxtest.Unit(t, envelope.S1, relay.Slot(i%3), boxtest.Today.Add(int(i%2)*10), i)
		put(t, b, e)
		if i%10 == 9 {
			put(t, b, boxtest.Done(t, e, osk))
		}
	}
	if _, err := b.Expire(t.Context(), boxtest.Today.Add(5)); err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, line := range b.lines.slot {
		named += len(line)
	}
	if n := len(list(t, b, 0)); named != n || n != 25 { // 20 units and 5 proofs
		t.Errorf("%d named, %d here, want 25", named, n)
	}
	entries, _, err := b.List(t.Context(), 0, relay.SlotsOf(0, 1, 2), 100)
	if err != nil || len(entries) != 25 {
		t.Errorf("%d listed by lines, %v", len(entries), err)
	}
}

// BenchmarkPull lists what is new in two slots of a large box.
func BenchmarkPull(b *testing.B) {
	box := open(b, durable.NewMem(), boxtest.Today)
	defer box.Close()
	for i := range uint64(20_000) {
		e, _ := boxtest.Unit(b, envelope.S1, relay.Slot(i), boxtest.Today.Add(9), i)
		if _, err := box.put(deposit(e)[0]); err != nil {
			b.Fatal(err)
		}
	}
	if err := box.sync(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		entries, _, err := box.List(b.Context(), 0, relay.SlotsOf(0, 7), 1000)
		if err != nil || len(entries) < 150 {
			b.Fatal(len(entries), err)
		}
	}
}
