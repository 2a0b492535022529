package town

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

func play(t *testing.T, o Options) Result {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCalm(t *testing.T) {
	if r := play(t, Options{Hours: 12, People: 5}); r.Letters < 10 || r.Drained > 2 {
		t.Fatalf("%+v", r)
	}
}

// TestFaults plays a few towns in which everything goes wrong; the soak plays
// thousands.
func TestFaults(t *testing.T) {
	seeds, struck := uint64(3), map[Fault]int{}
	if os.Getenv("JAUAP_TEST") == "all" {
		seeds = 20
	}
	for seed := range seeds {
		r := play(t, Options{Seed: seed, Hours: 24, People: 4, Faults: Faults(), Apart: seed%3 == 2})
		if r.Letters < 10 {
			t.Fatalf("seed %d: %d letters: nothing is shown", seed, r.Letters)
		}
		for f, n := range r.Faults {
			struck[f] += n
		}
	}
	for _, f := range Faults() {
		if struck[f] == 0 {
			t.Errorf("%s never struck", f)
		}
	}
}

// TestWatchersSee breaks each promise on purpose: a watcher that cannot fail
// watches nothing.
func TestWatchersSee(t *testing.T) {
	own := func(w *world) (*device, envelope.ID) {
		for _, d := range w.people {
			for id := range d.sealed {
				if d.sh.Has(id) {
					return d, id
				}
			}
		}
		t.Fatal("nobody has an own envelope")
		return nil, envelope.ID{}
	}
	for name, c := range map[string]struct {
		breaks func(w *world)
		says   string
	}{
		"a letter that nobody has": {func(w *world) {
			w.watch.texts[canary+" lost"] = &promise{from: w.people[0], to: w.people[1], acked: true}
		}, "are not shown"},
		"a text twice": {func(w *world) {
			d := w.people[0]
			m, _ := d.when()
			text := canary + " twice"
			w.watch.texts[text] = &promise{from: d, to: w.people[1], acked: true}
			for range 2 {
				if _, err := d.talk.Send(m, contact(t, d, w.people[1]), text, nil, 0); err != nil {
					t.Fatal(err)
				}
			}
		}, "twice"},
		"a text that nobody wrote": {func(w *world) {
			d := w.people[0]
			m, _ := d.when()
			if _, err := d.talk.Send(m, contact(t, d, w.people[1]), canary+" forged", nil, 0); err != nil {
				t.Fatal(err)
			}
		}, "which nobody wrote"},
		"a shelf above its quota": {func(w *world) { w.o.Quota = w.people[0].disk.Used() - 1 }, "bytes of"},
		"an own envelope evicted": {func(w *world) {
			d, _ := own(w)
			d.sealed[envelope.ID{1}] = true
		}, "is gone from its shelf"},
		"a name on a shelf": {func(w *world) {
			f, err := w.relay.disk.Open("note", 2)
			if err == nil {
				_, err = f.WriteAt([]byte("for "+w.people[0].name), 0)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, "shows a name"},
		"a text in a frame": {func(w *world) { w.watch.frame([]byte("\x85 " + canary)) }, "a frame shows"},
		"a key twice": {func(w *world) {
			d, id := own(w)
			raw, err := d.sh.Get(id)
			if err != nil {
				t.Fatal(err)
			}
			other := slices.Clone(raw)
			other[len(other)-1] ^= 1
			w.watch.sealed(d, raw)
			w.watch.sealed(d, other)
		}, "sealed two bodies"},
		"a bad place that nobody is told of": {func(w *world) {
			d, id := own(w)
			p := &promise{from: d, to: d, acked: true, saved: true, units: []envelope.ID{id}}
			w.watch.texts[canary+" under a place"], w.watch.owners[id], d.under[id] = p, []*promise{p}, true
			if err := d.sh.Drop(id); err != nil {
				t.Fatal(err)
			}
			w.watch.places()
			w.watch.places() // it had the time from one look to the next
		}, "nobody is told"},
		"a unit beside a bad place": {func(w *world) {
			d, id := own(w)
			d.spoilt(1)("marks", 0) // takes nothing
			if err := d.sh.Drop(id); err != nil {
				t.Fatal(err)
			}
		}, "is gone from its shelf"},
		"a disk that fails unprovoked": {func(w *world) {
			d := w.people[0]
			m, _ := d.when()
			text := canary + " unlucky"
			w.watch.texts[text] = &promise{from: d, to: w.people[1]}
			if _, err := d.talk.Send(m, contact(t, d, w.people[1]), text, nil, 0); err != nil {
				t.Fatal(err)
			}
			d.disk.FailAt(1, errors.New("something else"), true)
			d.pack()
		}, "something else"},
	} {
		w, err := found(Options{Seed: 1, Hours: 4, People: 3}.usual())
		if err != nil {
			t.Fatal(err)
		}
		for ; w.hour < 4; w.hour++ {
			w.anHour()
		}
		if w.failed != nil {
			t.Fatal(w.failed)
		}
		c.breaks(w)
		w.watch.disks()
		w.heal(t.Context())
		if !errors.Is(w.failed, ErrBroken) || !strings.Contains(w.failed.Error(), c.says) {
			t.Errorf("%s: the watchers say %v", name, w.failed)
		}
	}
}

// TestShrink: a town that breaks becomes a smaller one that still does.
func TestShrink(t *testing.T) {
	o := Options{Seed: 4, Hours: 6, People: 4, Faults: []Fault{Clock, Frames, Relay}}
	broken := func(w *world) {
		if w.counts[Clock] > 0 {
			w.fail("made to fail")
		}
	}
	small, runs, err := shrink(t.Context(), o, 40, broken)
	if err == nil || len(small.Faults) != 1 || small.Faults[0] != Clock || small.Hours > 5 || small.People > 2 || small.Most == 0 {
		t.Fatalf("shrunk to %+v in %d runs: %v", small, runs, err)
	}
	if !strings.Contains(err.Error(), "jauap sim town --seed 4 --people ") || !strings.Contains(err.Error(), "--faults clock --most ") {
		t.Fatalf("no command that repeats it: %v", err)
	}
	if _, _, err := shrink(t.Context(), Options{Seed: 3, Hours: 1, People: 2}, 40, broken); err != nil {
		t.Fatalf("a sound town was broken: %v", err)
	}
}

func TestParseFaults(t *testing.T) {
	if list, err := ParseFaults("kill,power"); err != nil || !slices.Equal(list, []Fault{Kill, Power}) {
		t.Fatal(list, err)
	}
	if list, err := ParseFaults("all"); err != nil || len(list) != len(Faults()) {
		t.Fatal(list, err)
	}
	if _, err := ParseFaults("earthquake"); err == nil {
		t.Fatal("an earthquake was read")
	}
}

func contact(t *testing.T, d, of *device) account.ContactID {
	for _, c := range d.acc.Contacts() {
		if c.Name == of.name {
			return c.ID
		}
	}
	t.Fatalf("%s does not know %s", d, of)
	return account.ContactID{}
}

func TestSoak(t *testing.T) {
	r, err := Soak(t.Context(), 8, 5, func(r Report) bool { return r.Towns < 1 })
	if err != nil || r.Towns != 1 || len(r.Broken) != 0 || r.Letters == 0 || r.Faults[Lie] == 0 || r.Places != placesEach {
		t.Fatalf("%+v %v", r, err)
	}
}
