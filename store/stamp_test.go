package store

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// A second stamp with the same token is refused, for the same envelope and for others;
// an envelope has a few, of small classes only.
func TestStamps(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, plain)
	e, other := fake(envelope.S1, 1, testDay+9), fake(envelope.S3, 2, testDay+9)
	if s.Stamped(e.ID()) {
		t.Fatal("a stamp before there is one")
	}
	first := stampOf(e.ID(), 7, testDay+9)
	put(t, s, first, Meta{Rank: 2})
	put(t, s, e, Meta{Rank: 2})
	put(t, s, other, Meta{Rank: 2})
	look := func() {
		t.Helper()
		if !s.Stamped(e.ID()) || s.Stamped(other.ID()) || s.Done(e.ID()) {
			t.Fatal("stamps are not found, or found where none are")
		}
		for _, twice := range []envelope.Envelope{stampOf(other.ID(), 7, testDay+9), stampOf(e.ID(), 7, testDay+8)} {
			_, err := s.Put(twice, Meta{Rank: 2})
			wantErr(t, err, ErrTaken)
		}
		_, err := s.Put(first, Meta{})
		wantErr(t, err, ErrHave)
	}
	look()
	must(t, s.Close())
	s = open(t, m, plain)
	look()
	settleAll(t, s)
	must(t, s.Close())
	s = open(t, m, plain)
	look()
	for n := range uint64(maxAlike - 1) {
		put(t, s, stampOf(e.ID(), 20+n, testDay+9), Meta{})
	}
	_, err := s.Put(stampOf(e.ID(), 30, testDay+9), Meta{})
	wantErr(t, err, ErrTaken)
	film := fake(envelope.S4, 3, testDay+9)
	put(t, s, film, Meta{})
	for _, of := range []envelope.ID{film.ID(), first.ID()} {
		_, err = s.Put(stampOf(of, 40, testDay+9), Meta{})
		wantErr(t, err, ErrBogus)
	}
	must(t, s.Drop(first.ID()))
	put(t, s, stampOf(other.ID(), 7, testDay+9), Meta{}) // its token is free again
	check(t, s, m)
}

// A proof takes the stamps along, in every order, also own ones, and over a power cut.
func TestProofTakesStampsAlong(t *testing.T) {
	for _, own := range []bool{false, true} {
		m := durable.NewMem()
		s := open(t, m, plain)
		e := fake(envelope.S2, 1, testDay+9)
		genuine := proof(e.ID(), e.Key(), testDay+9)
		stamp, another := stampOf(e.ID(), 7, testDay+9), stampOf(fake(envelope.S2, 2, testDay+9).ID(), 9, testDay+9)
		put(t, s, another, Meta{Own: own})
		put(t, s, stamp, Meta{Own: own})
		put(t, s, e, Meta{Own: own})
		if own {
			settleAll(t, s)
		}
		// A bogus proof takes nothing along.
		_, err := s.Put(proof(e.ID(), [32]byte{7}, testDay+9), Meta{})
		wantErr(t, err, ErrBogus)
		put(t, s, genuine, Meta{})
		must(t, s.Sync())
		twin := open(t, m.CrashClone(rand.New(rand.NewPCG(1, 1))), plain)
		must(t, s.Close())
		for _, s := range []*Shelf{twin, open(t, m, plain)} {
			if s.Has(stamp.ID()) || s.Has(e.ID()) || s.Stamped(e.ID()) || !s.Done(e.ID()) || !s.Has(another.ID()) {
				t.Fatal("the stamp stayed, or another went")
			}
			_, err := s.Put(stamp, Meta{})
			wantErr(t, err, ErrDone)
			check(t, s, nil)
		}
	}
}

// A proof of an envelope that is not here may be anybody's: stamps stay until it is seen to be
// the envelope's, which is when that comes.
func TestStampsUntilAProofIsSure(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, plain)
	e := fake(envelope.S1, 1, testDay+9)
	stamp := stampOf(e.ID(), 7, testDay+9)
	put(t, s, proof(e.ID(), e.Key(), testDay+9), Meta{})
	put(t, s, stamp, Meta{})
	if !s.Stamped(e.ID()) {
		t.Fatal("a proof counts whose key nobody could compare")
	}
	_, err := s.Put(e, Meta{})
	wantErr(t, err, ErrDone)
	if s.Has(stamp.ID()) || s.Stamped(e.ID()) {
		t.Fatal("the stamp outlived its envelope's proof")
	}
	_, err = s.Put(stamp, Meta{})
	wantErr(t, err, ErrDone)
	check(t, s, m)

	// What says that a stamp is delivered says nothing.
	f := stampOf(envelope.ID{3}, 8, testDay+9)
	put(t, s, proof(f.ID(), f.Key(), testDay+9), Meta{})
	put(t, s, f, Meta{})
	_, err = s.Put(proof(f.ID(), f.Key(), testDay+9), Meta{})
	wantErr(t, err, ErrBogus)
	if s.Done(f.ID()) || !s.Stamped(envelope.ID{3}) {
		t.Fatal("a stamp was proven")
	}
}

// Stamps cost memory nothing where there are none: the field stands where there was a hole.
func TestUnitSize(t *testing.T) {
	if n := unsafe.Sizeof(unit{}); n != 96 {
		t.Fatalf("a unit takes %d bytes of memory", n)
	}
}
