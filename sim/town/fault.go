package town

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/internal/durable"
)

// Fault is something that strikes a town.
type Fault string

// The faults.
const (
	Kill   Fault = "kill"   // the process ends at a random effect, or before or after a random commit
	Power  Fault = "power"  // what was not synced is kept, torn, reordered or lost
	Lie    Fault = "lie"    // syncs answer at once and do nothing, until power is cut
	Disk   Fault = "disk"   // the n-th call on the disk fails, or all from it on
	Full   Fault = "full"   // no room on the disk, for shelf and vault
	Clock  Fault = "clock"  // the wall clock jumps: a day, ten years, to 1970, to 2106
	Frames Fault = "frames" // frames are damaged, doubled, lost, cut, and change places
	Relay  Fault = "relay"  // the relay is wiped, or set back to what it was a day ago
	Image  Fault = "image"  // somebody copies a phone and gives it back
	Sector Fault = "sector" // a place of a shelf's disk cannot be read, for minutes or until it is written anew
)

// Faults are all of them.
func Faults() []Fault { return append(lot(), Sector) }

// lot are those that are drawn from one stream. Whoever is new gets one of its own, so
// that towns without it stay what they were.
func lot() []Fault {
	return []Fault{Kill, Power, Lie, Disk, Full, Clock, Frames, Relay, Image}
}

// ParseFaults reads "kill,power"; "all" and "none" are said so.
func ParseFaults(s string) (list []Fault, err error) {
	switch s {
	case "all", "":
		return Faults(), nil
	case "none":
		return nil, nil
	}
	for name := range strings.SplitSeq(s, ",") {
		if !slices.Contains(Faults(), Fault(name)) {
			return nil, fmt.Errorf("town: no such fault: %q; there are %v, all and none", name, Faults())
		}
		list = append(list, Fault(name))
	}
	return list, nil
}

// errDisk is what a failing disk answers.
var errDisk = errors.New("input/output error")

// struck says whether an error comes from a fault.
func (w *world) struck(err error) bool {
	return errors.Is(err, errDisk) || errors.Is(err, durable.ErrNoSpace) || errors.Is(err, durable.ErrUnread)
}

// strike lets the faults of an hour happen. What is drawn does not depend on
// anything but seed and hour, so that a part of the faults can be tried alone.
func (w *world) strike(hour int) {
	rng := rand.New(rand.NewPCG(w.o.Seed, uint64(hour)<<8|0xfa))
	for range 3 {
		kind := lot()[rng.IntN(len(lot()))]
		victim, x, y := rng.IntN(len(w.people)), rng.Uint64(), rng.IntN(4)
		w.drawn++
		if !slices.Contains(w.o.Faults, kind) || w.drawn > w.o.Most && w.o.Most > 0 {
			continue
		}
		w.counts[kind]++
		w.inflict(kind, w.people[victim], rand.New(rand.NewPCG(x, 1)), y)
	}
	w.decay(hour)
}

func (w *world) inflict(kind Fault, d *device, rng *rand.Rand, way int) {
	switch kind {
	case Kill:
		if d.up() {
			d.fuse = 1 + rng.IntN(120)
		}
	case Power:
		d.powerCut(rng)
	case Lie:
		d.disk.Lie(true)
		w.later(1+rng.IntN(4), func() { d.powerCut(rng) })
	case Disk:
		d.disk.FailAt(1+rng.IntN(60), errDisk, way == 0)
		w.later(1+rng.IntN(3), func() { d.disk.FailAt(0, nil, false) })
	case Full:
		d.disk.SetLimit(d.disk.Used() + int64(rng.IntN(8<<10)) + 1)
		if d.vault != nil {
			d.vault.full = way == 0
		}
		w.later(1+rng.IntN(4), func() { d.roomAgain() })
	case Clock:
		d.error = w.jump(rng)
		w.later(1+rng.IntN(12), func() { d.error = 0 })
	case Frames:
		w.roughUntil = w.now + time.Duration(1+rng.IntN(3))*time.Hour
	case Relay:
		w.relayLoses(way)
	case Image:
		w.images = append(w.images, copyOf(d, w.now))
	}
}

func (w *world) jump(rng *rand.Rand) time.Duration {
	const year = 8766 * time.Hour
	wall := w.wall()
	jumps := []time.Duration{
		24 * time.Hour, -24 * time.Hour, 10 * year, -10 * year,
		time.Unix(0, 0).Sub(wall), time.Date(2106, 2, 7, 6, 28, 15, 0, time.UTC).Sub(wall),
	}
	return jumps[rng.IntN(len(jumps))]
}

// powerCut takes what was not on stable storage. Letters about which the disk
// lied may be gone with it: nobody could keep them.
func (d *device) powerCut(rng *rand.Rand) {
	lied := d.disk.Lying()
	d.gone()
	d.disk = d.disk.CrashClone(rng)
	if lied {
		clear(d.sealed)
		for _, p := range d.w.watch.texts {
			if p.from == d && !p.shown {
				p.excused = true
			}
		}
	}
	d.start()
}

func (d *device) roomAgain() {
	d.disk.SetLimit(0)
	if d.vault != nil {
		d.vault.full = false
	}
}

// relayLoses its memory, wholly or since a day ago.
func (w *world) relayLoses(way int) {
	r := w.relay
	r.gone()
	r.disk = durable.NewMem()
	if old := w.relayImage; way > 0 && old != nil {
		r.disk = old.CrashClone(rand.New(rand.NewPCG(1, 1)))
	}
	r.start()
}

// image is what somebody took from a phone who had it for a moment.
type image struct {
	vault *account.MemVault
	of    *device
	at    time.Duration
}

func copyOf(d *device, at time.Duration) image { return image{vault: d.vault.Clone(), of: d, at: at} }

// later lets f happen so many hours from now.
func (w *world) later(hours int, f func()) {
	w.due = append(w.due, task{w.hour + hours, f})
}

type task struct {
	hour int
	f    func()
}
