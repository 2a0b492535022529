package store

import (
	"math/rand/v2"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// Bulk is the bytes of large units of others, however they come and go.
func TestBulk(t *testing.T) {
	m := durable.NewMem()
	o := Options{Quota: 16 << 20, Today: testDay}
	s := open(t, m, o)
	want := func(n int64) {
		t.Helper()
		if got := s.Stats().Bulk; got != n {
			t.Fatalf("bulk of %d bytes, want %d", got, n)
		}
	}
	s4, s5 := int64(envelope.S4.Size()), int64(envelope.S5.Size())
	put(t, s, fake(envelope.S3, 1, testDay+9), Meta{Rank: 2})
	put(t, s, fake(envelope.S4, 2, testDay+9), Meta{Own: true})
	want(0)
	a, b, c := fake(envelope.S4, 3, testDay+9), fake(envelope.S5, 4, testDay+1), fake(envelope.S4, 5, testDay+9)
	for _, e := range []envelope.Envelope{a, b, c} {
		put(t, s, e, Meta{Rank: 2})
	}
	want(2*s4 + s5)
	_, err := s.Put(a, Meta{Own: true})
	wantErr(t, err, ErrHave)
	want(s4 + s5)
	must(t, s.Sync())
	s = open(t, m.CrashClone(rand.New(rand.NewPCG(1, 1))), o)
	want(s4 + s5)
	_, err = s.Expire(testDay + 2)
	must(t, err)
	want(s4)
	must(t, s.Drop(c.ID()))
	want(0)
}

// TestPartialsListed: what lacks something is listed, the newest first.
func TestPartialsListed(t *testing.T) {
	sh := open(t, durable.NewMem(), Options{Quota: 16 << 20, Today: testDay})
	ids := []envelope.ID{{1}, {2}, {3}}
	for i, id := range ids {
		if err := sh.AddPartial(id, 100, 0, make([]byte, 10*(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	if err := sh.AddPartial(ids[1], 100, 20, make([]byte, 80)); err != nil {
		t.Fatal(err)
	}
	have := map[envelope.ID]int{}
	for _, p := range sh.Partials() {
		have[p.ID] = p.Have
		if p.Size != 100 {
			t.Errorf("%v is said to have %d bytes", p.ID, p.Size)
		}
	}
	if len(have) != 2 || have[ids[0]] != 10 || have[ids[2]] != 30 {
		t.Errorf("listed: %v", have)
	}
}

// A partial counts for the size under which it was begun, and no other.
func TestPartialOf(t *testing.T) {
	s := open(t, durable.NewMem(), Options{Quota: 16 << 20, Today: testDay})
	id := envelope.ID{1}
	must(t, s.AddPartial(id, 4096, 0, []byte{1, 2}))
	if s.PartialOf(id, 4096) != 2 || s.PartialOf(id, 1024) != 0 || s.PartialSize(id) != 2 {
		t.Fatalf("%d %d %d", s.PartialOf(id, 4096), s.PartialOf(id, 1024), s.PartialSize(id))
	}
	must(t, s.AddPartial(id, 1024, 0, []byte{3}))
	if s.PartialOf(id, 4096) != 0 || s.PartialOf(id, 1024) != 1 {
		t.Fatal("the old size is still believed")
	}
}
