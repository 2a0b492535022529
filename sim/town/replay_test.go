package town

import (
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/node"
)

// size is how much a town keeps.
type size struct {
	shown   int   // letters of others on all screens
	records int   // in all vaults
	vault   int64 // bytes of them, keys included
	shelf   int64 // bytes of all disks
	units   int   // on all shelves
	memory  int64 // of this process
}

func (w *world) size(t *testing.T) (s size) {
	t.Helper()
	for _, d := range w.people {
		s.shelf += d.disk.Used()
		s.units += d.sh.Stats().Envelopes
		for _, c := range d.acc.Contacts() {
			if err := d.conversation(c.ID, func(l chat.Letter) {
				if !l.Mine {
					s.shown++
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		err := d.vault.View(func(tx account.Tx) error {
			for table := range 255 {
				if err := tx.Scan(account.Table(table), nil, nil, false, func(k, v []byte) (bool, error) {
					s.records++
					s.vault += int64(len(k) + len(v))
					return true, nil
				}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	s.memory = int64(m.HeapAlloc)
	return s
}

// thief is somebody who wrote down every unit that ever left anybody.
type thief struct {
	w     *world
	units [][]byte
	known map[envelope.ID]bool
	shelf *durable.Mem // all envelopes, none of them proven
}

// look copies what people wrote and proved off all shelves.
func (x *thief) look() {
	for _, d := range x.w.all {
		if !d.up() {
			continue
		}
		for seq := uint64(0); ; {
			page := d.sh.Since(seq, 512)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				seq = e.Seq
				_, ours := x.w.watch.bodies[e.Tag]
				if raw, err := d.sh.Get(e.ID); err == nil && !x.known[e.ID] && (ours || e.Class == envelope.Done) {
					x.known[e.ID] = true
					x.units = append(x.units, raw)
				}
			}
		}
	}
}

// fill makes a shelf for meetings with the thief.
func (x *thief) fill(t *testing.T) (envelopes int) {
	t.Helper()
	x.shelf = durable.NewMem()
	d := x.device()
	for _, raw := range x.units {
		if e, err := envelope.Parse(raw); err == nil && e.Class() != envelope.Done {
			d.step(node.Submit{Raw: raw})
			envelopes++
		}
	}
	if d.sh.Stats().Envelopes != envelopes || x.w.failed != nil {
		t.Fatalf("the thief keeps %d of %d envelopes: %v", d.sh.Stats().Envelopes, envelopes, x.w.failed)
	}
	d.sh.Close()
	return envelopes
}

// device is a fresh one of the thief's, with all envelopes and no proof.
func (x *thief) device() *device {
	d := &device{w: x.w, i: 1000, disk: x.shelf.CrashClone(rand.New(rand.NewPCG(1, 1))), rng: rand.New(rand.NewPCG(1, 2))}
	x.shelf = d.disk
	if !d.start() {
		x.w.fail("the thief does not start: %v", d.trouble)
	}
	return d
}

// again gives each person every unit once more: as a Drop does, and as a shelf
// does that was read anew, past everything that the node remembers.
func (x *thief) again(t *testing.T) {
	for _, d := range x.w.people {
		for _, raw := range x.units {
			d.step(node.Found{Raw: raw})
		}
		d.settle()
		m, _ := d.when()
		results, err := d.acc.ReceiveAll(m, x.units)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil && !errors.Is(r.Err, account.ErrNotOurs) {
				t.Fatalf("%s: a repeated envelope: %v", d, r.Err)
			}
		}
	}
}

// meet lets each person meet a thief whose shelf has every envelope as it was
// before anybody proved it.
func (x *thief) meet() {
	for _, d := range x.w.people {
		at, disk := x.w.now, x.shelf
		if l := x.w.connect(d, x.device(), false, 1<<30); l != nil {
			x.w.run([]*wire{l})
		}
		x.shelf, x.w.now = disk, at
	}
}

// restart ends each process, every other time by a power cut.
func (w *world) restart(t *testing.T, power bool) {
	t.Helper()
	for _, d := range w.people {
		if power {
			d.powerCut(w.rng)
		} else {
			d.gone()
			d.start()
		}
		if !d.up() {
			t.Fatalf("%s does not start: %v", d, d.trouble)
		}
	}
}

// TestReplay gives every unit that ever left anybody to everybody again and
// again: 1,000 times with JAUAP_TEST=all, half of them with restarts between.
// Nothing is shown twice and nothing grows, but what is bounded and no replay's:
// a start begins a journal and moves the old one, and a stranger who
// comes again counts as one more who carries an own envelope.
func TestReplay(t *testing.T) {
	rounds, every, meetings, hours := 20, 5, 2, 5
	if os.Getenv("JAUAP_TEST") == "all" {
		rounds, every, meetings, hours = 1000, 25, 100, 20
	}
	w, x := robbed(t, hours)
	envelopes := x.fill(t)
	x.again(t) // what one did not have yet, as every carrier takes it
	x.meet()
	w.restart(t, false)
	x.again(t)
	before := w.size(t)
	if before.shown < 5 || envelopes != len(w.watch.bodies) {
		t.Fatalf("nothing is replayed: %+v, %d envelopes of %d", before, envelopes, len(w.watch.bodies))
	}
	t.Logf("%d units, %d of them letters, to %d people %d times by two ways each", len(x.units), envelopes, len(w.people), rounds)
	t.Logf("before                %+v", before)
	for range rounds / 2 {
		x.again(t)
	}
	same := w.size(t)
	t.Logf("after replays         %+v", same)
	if grown := same.memory - before.memory; same.but(0, 0) != before.but(0, 0) || grown > 256<<10 {
		t.Errorf("replays change what is kept: %d bytes of memory more", grown)
	}
	for round := range rounds / 2 {
		x.again(t)
		if round%every == every-1 {
			w.restart(t, round%(2*every) == every-1)
		}
	}
	after := w.size(t)
	t.Logf("and with %d restarts   %+v", rounds/2/every, after)
	journals := int64(len(w.people)) * 64 << 10
	if grown := after.memory - before.memory; after.but(after.shelf-before.shelf, 0) != before.but(0, 0) || after.shelf-before.shelf > journals || grown > 256<<10 {
		t.Errorf("replays after restarts change what is kept: %d bytes of memory more", grown)
	}
	for range meetings {
		x.meet()
		x.again(t)
	}
	w.watch.disks()
	w.watch.screens()
	if w.failed != nil {
		t.Fatal(w.failed)
	}
	met := w.size(t)
	t.Logf("and with %d meetings %+v", meetings*len(w.people), met)
	carriers := int64(63 * 8 * envelopes)
	if met.but(met.shelf-before.shelf, met.vault-before.vault) != before.but(0, 0) || met.shelf-before.shelf > journals || met.vault-before.vault > carriers || met.memory-before.memory > 512<<10 {
		t.Error("meetings with who has it all change what is kept")
	}
}

// robbed is a town of which somebody copied all that left anybody.
func robbed(t *testing.T, hours int) (*world, *thief) {
	t.Helper()
	w, err := found(Options{Seed: 11, Hours: hours, People: 3}.usual())
	if err != nil {
		t.Fatal(err)
	}
	x := &thief{w: w, known: map[envelope.ID]bool{}}
	for ; w.hour < hours && w.failed == nil; w.hour++ {
		w.anHour()
		x.look()
	}
	w.heal(t.Context())
	x.look()
	if w.failed != nil {
		t.Fatal(w.failed)
	}
	return w, x
}

// but is the size without memory and so many bytes.
func (s size) but(shelf, vault int64) size {
	s.memory, s.shelf, s.vault = 0, s.shelf-shelf, s.vault-vault
	return s
}
