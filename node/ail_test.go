package node

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// badPlace is a disk that cannot read the place where it first finds some bytes.
type badPlace struct {
	*durable.Mem
	bytes []byte
	place string
}

type badFile struct {
	durable.File
	d    *badPlace
	name string
}

func (d *badPlace) Open(name string, mode durable.Mode) (durable.File, error) {
	f, err := d.Mem.Open(name, mode)
	return badFile{f, d, name}, err
}

func (f badFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	if i := bytes.Index(b[:n], f.d.bytes); i >= 0 && len(f.d.bytes) > 0 {
		place := fmt.Sprint(f.name, off+int64(i))
		if f.d.place == "" {
			f.d.place = place
		}
		if f.d.place == place {
			return 0, errors.New("input/output error")
		}
	}
	return n, err
}

// onBadPlace gives a new person such a disk.
func onBadPlace(t *testing.T, seed uint64) (*person, *badPlace) {
	p := newPerson(t, seed, Config{})
	if err := p.sh.Close(); err != nil {
		t.Fatal(err)
	}
	d := &badPlace{Mem: p.fs}
	sh, _, err := store.Open(d, store.Options{Quota: p.quota, Today: today, Shares: routing.Shares()})
	if err != nil {
		t.Fatal(err)
	}
	p.sh, p.n = sh, New(Config{Today: today}, sh, seeded(seed))
	return p, d
}

// TestUnreadableIsBroughtAgain: a unit on a place that cannot be read any more is
// fetched again from who has it, also from a relay whose marks say that it is here.
func TestUnreadableIsBroughtAgain(t *testing.T) {
	t.Parallel()
	for _, peer := range []link.Peer{{}, {Key: "contact:x"}, {Relay: true, Key: "relay:x"}} {
		w := newWorld(t, 1)
		giver := newPerson(t, 2, Config{})
		p, d := onBadPlace(t, 3)
		var ids []envelope.ID
		for range 6 {
			raw := sealed(t, w.rng, envelope.S2)
			w.step(giver, Submit{Raw: raw})
			ids = append(ids, envelope.IDOf(raw))
		}
		meet := func() *wire {
			x := w.meetAs(p, giver, peer, link.Peer{}, -1)
			w.run()
			w.end(x)
			return x
		}
		meet()
		bad := ids[2]
		raw, err := p.sh.Get(bad)
		if err != nil {
			t.Fatalf("%+v: %v", peer, err)
		}
		if x := meet(); x.data[1] > 0 {
			t.Fatalf("%+v: %d bytes came twice", peer, x.data[1])
		}
		d.bytes = raw[len(raw)-100:]
		if _, err := p.sh.Get(bad); err == nil || p.sh.Has(bad) {
			t.Fatalf("%+v: held, error %v", peer, err)
		}
		w.step(p, Tick{})
		if at := p.n.Next(); at.IsZero() || at.After(w.now.Add(recheckEvery)) || !p.n.Lost() {
			t.Fatalf("%+v: next at %v", peer, at)
		}
		delete(p.arrived, bad)
		x := meet()
		if got, err := p.sh.Get(bad); err != nil || !bytes.Equal(got, raw) || !p.arrived[bad] {
			t.Fatalf("%+v: not brought again: %v", peer, err)
		}
		if x.data[1] > 2*len(raw) {
			t.Fatalf("%+v: %d bytes came for one unit", peer, x.data[1])
		}
		if x := meet(); x.data[1] > 0 {
			t.Fatalf("%+v: %d bytes came twice", peer, x.data[1])
		}
	}
}

// TestUnreadableForAWhile: what can be read again arrives again, and is offered.
func TestUnreadableForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	giver := newPerson(t, 2, Config{})
	p, d := onBadPlace(t, 3)
	raw := sealed(t, w.rng, envelope.S1)
	bad := envelope.IDOf(raw)
	w.step(giver, Submit{Raw: raw})
	x := w.meet(p, giver, -1)
	w.run()
	w.end(x)
	d.bytes = raw[len(raw)-100:]
	if _, err := p.sh.Get(bad); err == nil {
		t.Fatal("read from a bad place")
	}
	delete(p.arrived, bad)
	other := newPerson(t, 4, Config{})
	w.meet(p, other, -1)
	for range 3 {
		w.step(p, Tick{})
		w.run()
		w.now = p.n.Next()
	}
	if p.arrived[bad] || other.arrived[bad] || len(p.trouble)+len(p.closed) > 0 {
		t.Fatalf("arrived %v %v, trouble %v", p.arrived[bad], other.arrived[bad], p.trouble)
	}
	d.bytes = nil
	w.step(p, Tick{})
	w.run()
	if !p.arrived[bad] || !p.sh.Has(bad) || !other.arrived[bad] {
		t.Fatalf("arrived %v, held %v, offered %v", p.arrived[bad], p.sh.Has(bad), other.arrived[bad])
	}
	if w.step(p, Tick{}); !p.n.recheckAt.IsZero() {
		t.Fatal("still looking")
	}
}
