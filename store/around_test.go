package store

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// lived is a shelf with some of everything on disk, closed, and where its units stand.
func lived(t *testing.T) (m *durable.Mem, all map[envelope.ID]envelope.Envelope, where map[envelope.ID]spot, top uint64, epoch [8]byte) {
	m = durable.NewMem()
	s := open(t, m, around)
	all, where = map[envelope.ID]envelope.Envelope{}, map[envelope.ID]spot{}
	for k := range uint64(60) {
		e := fake(envelope.Class(k%3), k, testDay+envelope.Day(k%2)+5)
		put(t, s, e, Meta{Own: k%7 == 0, Rank: 1})
		if all[e.ID()] = e; k == 30 {
			settleAll(t, s)
		}
	}
	for k := range 40 {
		must(t, s.SetMark(fmt.Sprintf("mark %d", k), []byte(strings.Repeat("v", 200))))
	}
	must(t, s.Sync())
	must(t, s.saveMarks())
	e := fake(envelope.S3, 99, testDay+9)
	must(t, s.AddPartial(e.ID(), len(e.Bytes()), 0, e.Bytes()[:9000]))
	must(t, s.Sync())
	for id := range all {
		u := s.x.at(s.x.find(id))
		where[id] = spot{s.files[u.file].name(), int64(u.off), int64(u.off) + u.total()}
	}
	top, epoch = s.Top(), s.Epoch()
	must(t, s.Close())
	for name := range m.Image() {
		f, err := m.Open(name, durable.Write)
		must(t, err)
		must(t, f.Sync())
		must(t, f.Close())
	}
	must(t, m.Sync())
	return m, all, where, top, epoch
}

type spot struct {
	name     string
	from, to int64
}

var around = Options{Quota: 2 << 20, SegmentSize: 64 << 10, Today: testDay}

// TestUnreadableBlocks makes each block of each file unreadable in turn, and with it
// the one behind it. The shelf opens with all that stands elsewhere, gives no seq twice,
// and the next start is clean.
func TestUnreadableBlocks(t *testing.T) {
	t.Parallel()
	base, all, where, top, epoch := lived(t)
	blocks := 0
	for name, b := range base.Image() {
		for off := int64(0); off < int64(len(b)); off += durable.Block {
			blocks++
			m := base.CrashClone(rand.New(rand.NewPCG(1, 1)))
			m.Spoil(name, off)
			m.Spoil(name, off+durable.Block)
			s, rep, err := Open(m, around)
			if err != nil {
				t.Fatalf("%s at %d: %v", name, off, err)
			}
			headLost := off == 0 && len(b) > 0
			for id := range all {
				at := where[id]
				hit := at.name == name && at.from < off+2*durable.Block && at.to > off
				if got, err := s.Get(id); !hit && (err != nil || string(got) != string(all[id].Bytes())) && !headLost {
					t.Fatalf("%s at %d: a unit of %s, %d to %d: %v", name, off, at.name, at.from, at.to, err)
				}
			}
			if s.Top() < top || s.Epoch() != epoch || rep.NewEpoch {
				t.Fatalf("%s at %d: top %d after %d, report %+v", name, off, s.Top(), top, rep)
			}
			if lost := len(all) - s.Stats().Envelopes; lost > 0 && s.Losses() == 0 {
				t.Fatalf("%s at %d: %d are lost, and nothing says so", name, off, lost)
			}
			for id, e := range all {
				if !s.Has(id) {
					put(t, s, e, Meta{})
				}
			}
			must(t, s.Sync())
			clean(t, m, s, len(all), name)
		}
	}
	if blocks < 20 {
		t.Fatalf("%d blocks only", blocks)
	}
}

// clean wants nothing odd of the next start, whether the disk gives the place again or not.
func clean(t *testing.T, m *durable.Mem, s *Shelf, units int, where string) {
	t.Helper()
	for range 4 * maxRounds { // units of which a sidecar tells, but which cannot be read
		s.Recheck(100)
		must(t, s.Sync())
	}
	must(t, s.Close())
	for _, mend := range []bool{false, true} {
		if mend {
			m.Mend()
		}
		s, rep, err := Open(m, around)
		must(t, err)
		if rep.Unread+rep.Damaged > 0 || s.Stats().Envelopes > units || rep.NewEpoch {
			t.Fatalf("%s, mended %v: the next start finds %d units, %+v", where, mend, s.Stats().Envelopes, rep)
		}
		if check(t, s, m); !mend {
			must(t, s.Close())
		}
	}
}

// TestHeadsAreThereTwice: the block with the head of a journal or a segment costs what
// stands in that block, and no more.
func TestHeadsAreThereTwice(t *testing.T) {
	t.Parallel()
	base, all, where, _, epoch := lived(t)
	heads := 0
	for name := range base.Image() {
		if !strings.HasPrefix(name, "log-") && !strings.HasPrefix(name, "day-") || strings.HasSuffix(name, ".idx") {
			continue
		}
		for _, garbled := range []bool{false, true} {
			heads++
			m := base.CrashClone(rand.New(rand.NewPCG(1, 1)))
			if garbled {
				damage(t, m, name, 33)
			} else {
				m.Spoil(name, 0)
			}
			s, rep, err := Open(m, around)
			must(t, err)
			for id := range all {
				if at := where[id]; !s.Has(id) && (at.name != name || garbled || at.from > durable.Block) {
					t.Fatalf("the head of %s took %v, at %d of %s: %+v", name, id, at.from, at.name, rep)
				}
			}
			if s.Epoch() != epoch {
				t.Fatal("another epoch")
			}
			must(t, s.Sync())
			clean(t, m, s, len(all), name)
		}
	}
	if heads < 4 {
		t.Fatalf("%d heads", heads)
	}
}

// blind cannot read anything, or not open some files.
type blind struct {
	*durable.Mem
	all   bool
	names []string
}

func (d *blind) Open(name string, mode durable.Mode) (durable.File, error) {
	if slices.Contains(d.names, name) {
		return nil, durable.ErrUnread
	}
	f, err := d.Mem.Open(name, mode)
	if err == nil && d.all {
		f = badFile{f, &badDisk{all: true}, name}
	}
	return f, err
}

// TestDiskIsAway: what cannot be read at all is not given up.
func TestDiskIsAway(t *testing.T) {
	t.Parallel()
	base, all, _, _, epoch := lived(t)
	before := base.Image()
	if _, _, err := Open(&blind{Mem: base, all: true}, around); !errors.Is(err, errDisk) {
		t.Fatalf("a disk that reads nothing: %v", err)
	}
	if !maps.EqualFunc(before, base.Image(), func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Fatal("it changed something")
	}
	s, rep, err := Open(base, around)
	must(t, err)
	if s.Stats().Envelopes != len(all) || s.Epoch() != epoch || rep.Unread+rep.Damaged > 0 {
		t.Fatalf("%+v", rep)
	}
	check(t, s, base)
}

// TestLittleOnABadPlace: a shelf that is one block long starts anew.
func TestLittleOnABadPlace(t *testing.T) {
	t.Parallel()
	m := durable.NewMem()
	s := open(t, m, around)
	must(t, s.Close())
	for name := range m.Image() {
		m.Spoil(name, 0)
	}
	s, rep, err := Open(m, around)
	must(t, err)
	if !rep.NewEpoch || rep.Unread == 0 {
		t.Fatalf("%+v", rep)
	}
	put(t, s, fake(envelope.S1, 1, testDay+9), Meta{})
	must(t, s.Sync())
	clean(t, m, s, 1, "all of it")
}

// TestFileDoesNotOpen: neither does what the file system lost of it stop the shelf.
func TestFileDoesNotOpen(t *testing.T) {
	t.Parallel()
	base, all, where, _, _ := lived(t)
	for name := range base.Image() {
		if name == lockName {
			continue
		}
		m := base.CrashClone(rand.New(rand.NewPCG(1, 1)))
		s, rep, err := Open(&blind{Mem: m, names: []string{name}}, around)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for id := range all {
			if !s.Has(id) && where[id].name != name {
				t.Fatalf("%s took a unit of %s: %+v", name, where[id].name, rep)
			}
		}
		if !s.Has(slices.MinFunc(slices.Collect(maps.Keys(all)), func(a, b envelope.ID) int { return strings.Compare(where[a].name, where[b].name) })) && s.Losses() == 0 {
			t.Fatalf("%s: nothing says that it is lost", name)
		}
		check(t, s, m)
	}
}

// TestSegmentThatCannotGrow: what is to be noted behind a bad place is noted by moving
// all that is live to another file.
func TestSegmentThatCannotGrow(t *testing.T) {
	t.Parallel()
	m := durable.NewMem()
	s := open(t, m, around)
	var es []envelope.Envelope
	for k := range uint64(20) {
		es = append(es, fake(envelope.S1, k, testDay+9))
		put(t, s, es[k], Meta{})
	}
	settleAll(t, s)
	seg := s.segments()[0]
	m.Spoil(seg.name(), seg.size-1)
	m.Spoil(seg.name(), seg.size) // the place behind the end
	must(t, s.Drop(es[0].ID()))
	must(t, s.Sync())
	must(t, s.rotate())
	for range 20 {
		_, _ = s.step(false)
		s.Recheck(10)
	}
	if len(s.old) > 0 || s.files[seg.num] != nil {
		t.Fatalf("%d journals wait, the segment is there: %v", len(s.old), s.files[seg.num] != nil)
	}
	lost := 0
	for _, e := range es[1:] {
		if !s.Has(e.ID()) {
			lost++
		}
	}
	if lost > 6 || s.Has(es[0].ID()) { // a block and two units that reach into it
		t.Fatalf("%d lost with a block", lost)
	}
	check(t, s, m)
}

// TestBadBlocksAtRandom: blocks of whatever file fail for good, power is cut, and the shelf
// lives on: what it holds is right, nothing comes back that was dropped and
// flushed unless a block failed since, and all starts work.
func TestBadBlocksAtRandom(t *testing.T) {
	t.Parallel()
	unread := 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 12))
		m := durable.NewMem()
		s := open(t, m, around)
		top, epoch := uint64(0), s.Epoch()
		for k := range uint64(120) {
			e := fake(envelope.Class(rng.IntN(4)), k, testDay+envelope.Day(1+rng.IntN(4)))
			if got := put(t, s, e, Meta{Own: rng.IntN(5) == 0, Rank: 1}); got.Seq <= top {
				t.Fatalf("seed %d: seq %d after %d", seed, got.Seq, top)
			}
			top = s.Top()
			if list := s.Since(0, 1000); rng.IntN(3) == 0 && len(list) > 0 {
				if err := s.Drop(list[rng.IntN(len(list))].ID); err != nil && !errors.Is(err, ErrMissing) {
					t.Fatal(err)
				}
			}
			if rng.IntN(2) == 0 {
				must(t, s.SetMark(fmt.Sprint("mark ", rng.IntN(9)), []byte(strings.Repeat("x", 1+rng.IntN(900)))))
			}
			must(t, s.Sync())
			if rng.IntN(15) > 0 {
				continue
			}
			m = m.CrashClone(rng)
			infos, err := m.List()
			must(t, err)
			for range 1 + rng.IntN(3) {
				if i := infos[rng.IntN(len(infos))]; i.Size > 0 {
					m.Spoil(i.Name, rng.Int64N(i.Size))
				}
			}
			var rep Report
			s, rep, err = Open(m, around)
			if err != nil {
				t.Fatalf("seed %d, deed %d: %v", seed, k, err)
			}
			unread += rep.Unread
			if s.Epoch() != epoch {
				top, epoch = 0, s.Epoch()
			} else if s.Top() < top {
				t.Fatalf("seed %d: top %d after %d", seed, s.Top(), top)
			}
		}
		for range 4 * maxRounds {
			s.Recheck(100)
			must(t, s.Sync())
		}
		for _, e := range s.Since(0, 1000) {
			_, _ = s.Get(e.ID) // what cannot be read is not held from then on
		}
		for range 4 * maxRounds {
			s.Recheck(100)
			must(t, s.Sync())
		}
		must(t, s.Close())
		s, _, err := Open(m, around)
		must(t, err)
		m.Mend()
		check(t, s, m)
	}
	if unread < 50 {
		t.Fatalf("%d blocks were unreadable at a start", unread)
	}
}
