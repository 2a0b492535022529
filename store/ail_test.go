package store

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// badDisk cannot read some places of its files; all is it when nothing can be
// read.
type badDisk struct {
	*durable.Mem
	places map[string][]int64 // by file: the middle of a sector
	all    bool
}

const badSector = 512

func (d *badDisk) Open(name string, mode durable.Mode) (durable.File, error) {
	f, err := d.Mem.Open(name, mode)
	if err == nil {
		f = badFile{f, d, name}
	}
	return f, err
}

type badFile struct {
	durable.File
	d    *badDisk
	name string
}

func (f badFile) ReadAt(b []byte, off int64) (int, error) {
	for _, at := range f.d.places[f.name] {
		if off < at+badSector/2 && at-badSector/2 < off+int64(len(b)) {
			return 0, errDisk
		}
	}
	if f.d.all {
		return 0, errDisk
	}
	return f.File.ReadAt(b, off)
}

// spoil makes the middle of a unit unreadable.
func (d *badDisk) spoil(s *Shelf, id envelope.ID) {
	u := s.x.at(s.x.find(id))
	name := s.files[u.file].name()
	d.places[name] = append(d.places[name], int64(u.off)+u.total()/2)
}

func (d *badDisk) mend() { d.places, d.all = map[string][]int64{}, false }

// three units of S1 on a disk, the second own or not.
func three(t *testing.T, own bool) (*badDisk, *Shelf, [3]envelope.Envelope) {
	d := &badDisk{Mem: durable.NewMem()}
	d.mend()
	s := open(t, d, small)
	var es [3]envelope.Envelope
	for k := range es {
		es[k] = fake(envelope.S1, uint64(k), testDay+9)
		put(t, s, es[k], Meta{Own: own && k == 1, Rank: 2, From: 7})
	}
	must(t, s.Sync())
	return d, s, es
}

func listed(s *Shelf, id envelope.ID) bool {
	found, named := false, false
	s.Each(0, 1<<30, func(e Entry) { found = found || e.ID == id })
	s.Names(0, func(x *envelope.ID, _ uint64, _ envelope.Class, _ int) bool {
		named = *x == id
		return !named
	})
	if found != named {
		panic("Each and Names do not agree")
	}
	return found
}

// lacking wants the unit to count as one that is not here.
func lacking(t *testing.T, s *Shelf, e envelope.Envelope) {
	t.Helper()
	if _, ok := s.ByTag(e.Tag()); ok || s.Has(e.ID()) || listed(s, e.ID()) {
		t.Fatal("a unit that cannot be read counts as held")
	}
	if n := s.Stats().Envelopes; n != 2 || s.Ailing() > 1 || s.Losses() != 1 {
		t.Fatalf("%d units, %d ail, %d losses", n, s.Ailing(), s.Losses())
	}
}

// TestBadPlaceIsReplaced: what cannot be read counts as lacking, and a copy that
// comes takes its place, own or not.
func TestBadPlaceIsReplaced(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		d, s, es := three(t, own)
		bad := es[1].ID()
		d.spoil(s, bad)
		_, err := s.ReadAt(bad, 0, 10)
		if own {
			_, err = s.Get(bad)
		}
		wantErr(t, err, errDisk)
		lacking(t, s, es[1])
		top := s.Top()
		e := put(t, s, es[1], Meta{Rank: 3, From: 8})
		if e.Seq <= top || e.Own != own || e.Rank != 2 || e.From != 7 || !listed(s, bad) || s.Ailing() > 0 {
			t.Fatalf("%+v after %d", e, top)
		}
		must(t, s.Sync())
		settleAll(t, s)
		d.mend()
		check(t, s, d.Mem)
	}
}

// TestBadMinute: what can be read again is there again, as if it had just come,
// and a disk that is away altogether takes nothing from the shelf.
func TestBadMinute(t *testing.T) {
	t.Parallel()
	d, s, es := three(t, false)
	bad := es[1].ID()
	d.all = true
	for _, e := range es {
		_, err := s.Get(e.ID())
		wantErr(t, err, errDisk)
	}
	if s.Ailing() != 0 || !listed(s, bad) {
		t.Fatal("one place is blamed for the whole disk")
	}
	d.mend()
	d.spoil(s, bad)
	_, err := s.ReadAt(bad, 5, 10)
	wantErr(t, err, errDisk)
	lacking(t, s, es[1])
	for range 3 * maxRounds { // without need of its space it is tried as long as it takes
		if len(s.Recheck(4)) > 0 {
			t.Fatal("read from a bad place")
		}
	}
	d.mend()
	top := s.Top()
	back := s.Recheck(4)
	if len(back) != 1 || back[0].ID != bad || back[0].Seq <= top || string(back[0].Raw) != string(es[1].Bytes()) || !listed(s, bad) || s.Ailing() > 0 {
		t.Fatalf("%d are back", len(back))
	}
	must(t, s.Sync())
	settleAll(t, s)
	check(t, s, d.Mem)
}

// TestBadPlaceForGood: a unit keeps its file until the hope for it ends, or the
// space is needed; then it is given up, counted, and the others move on.
func TestBadPlaceForGood(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		for _, pressure := range []bool{false, true} {
			d, s, es := three(t, own)
			d.spoil(s, es[1].ID())
			must(t, s.rotate())
			steps := func() (errs int) {
				for range 20 {
					if _, err := s.step(pressure); errors.Is(err, errDisk) || errors.Is(err, errAiling) {
						errs++
					} else if must(t, err); len(s.old) == 0 {
						break
					}
				}
				return errs
			}
			for round := range maxRounds {
				if pressure {
					break
				}
				if steps() == 0 || len(s.old) == 0 || s.x.find(es[1].ID()) == 0 {
					t.Fatalf("given up after %d rounds", round)
				}
				s.Recheck(4)
			}
			if errs := steps(); errs >= maxTries || len(s.old) > 0 || s.x.find(es[1].ID()) != 0 || s.Losses() != 2 {
				t.Fatalf("pressure %v: %d errors, %d files wait, %d losses", pressure, errs, len(s.old), s.Losses())
			}
			if !s.Has(es[0].ID()) || !s.Has(es[2].ID()) || s.Ailing() > 0 {
				t.Fatal("its neighbours went with it")
			}
			check(t, s, d.Mem)
		}
	}
}

// TestRot: what the disk changed is neither handed on in parts nor held; of our
// own it stays, for perhaps nobody else has it.
func TestRot(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		d, s, es := three(t, own)
		bad := es[1].ID()
		u := s.x.at(s.x.find(bad))
		damage(t, d.Mem, s.files[u.file].name(), int64(u.off)+u.total()-20)
		for range 2 {
			if _, err := s.ReadAt(bad, 100, 10); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrMissing) {
				t.Fatalf("parts of a rotten unit: %v", err)
			}
		}
		lacking(t, s, es[1])
		if (s.x.find(bad) != 0) != own {
			t.Fatalf("own %v: here %v", own, !own)
		}
		if len(s.Recheck(4)) > 0 {
			t.Fatal("rot went away")
		}
		put(t, s, es[1], Meta{Rank: 2})
		must(t, s.Sync())
		check(t, s, d.Mem)
	}
}

// TestBadPlacesAtRandom: places fail and come back while units come, move and go,
// and power is cut. When all can be read again, nothing is lost that was not let go.
func TestBadPlacesAtRandom(t *testing.T) {
	t.Parallel()
	ailed := 0
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 11))
		d := &badDisk{Mem: durable.NewMem()}
		d.mend()
		s := open(t, d, small)
		here := map[envelope.ID]envelope.Envelope{}
		var all []envelope.Envelope
		for deed := range 200 {
			if deed%20 == 0 {
				e := fake(envelope.Class(rng.IntN(4)), uint64(len(all)), testDay+envelope.Day(1+rng.IntN(4)))
				put(t, s, e, Meta{Own: rng.IntN(4) == 0, Rank: 1})
				all, here[e.ID()] = append(all, e), e
				must(t, s.Sync())
			}
			e := all[rng.IntN(len(all))]
			switch rng.IntN(9) {
			case 0:
				if s.x.find(e.ID()) != 0 && len(s.buf) == 0 {
					d.spoil(s, e.ID())
				}
			case 1:
				d.mend()
				for s.Ailing() > 0 { // rounds in vain would end the hope
					s.Recheck(4)
				}
			case 2, 3:
				_, _ = s.Get(e.ID())
			case 4:
				_, _ = s.ReadAt(e.ID(), 3, 9)
			case 5:
				if _, err := s.Put(e, Meta{Rank: 1, Own: rng.IntN(2) == 0}); err != nil && !errors.Is(err, ErrHave) {
					t.Fatal(err)
				}
				here[e.ID()] = e
			case 6:
				if err := s.Drop(e.ID()); err == nil {
					delete(here, e.ID())
				} else {
					wantErr(t, err, ErrMissing)
				}
			case 7:
				_, _ = s.step(false)
			case 8:
				if rng.IntN(8) == 0 {
					must(t, s.Sync())
					d = &badDisk{Mem: d.Mem.CrashClone(rng)}
					d.mend()
					s = open(t, d, small)
				}
			}
			ailed += s.Ailing()
		}
		d.mend()
		for s.Ailing() > 0 {
			s.Recheck(4)
		}
		must(t, s.Sync())
		for id, e := range here {
			if b, err := s.Get(id); err != nil || string(b) != string(e.Bytes()) {
				t.Fatalf("seed %d: %v is lost: %v", seed, id, err)
			}
		}
		if s.Stats().Envelopes != len(here) {
			t.Fatalf("seed %d: %d units, not %d", seed, s.Stats().Envelopes, len(here))
		}
		check(t, s, d.Mem)
	}
	if ailed == 0 {
		t.Fatal("nothing ever ailed")
	}
}
