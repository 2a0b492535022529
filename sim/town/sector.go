package town

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// Disks go bad place by place: here those of shelves, which must read around them. A
// vault stops over one and says what to do, which nothing in a town could.

// decay lets a place of a disk go bad. What is drawn follows from seed and hour alone,
// and in a stream of its own. It counts as the last of its hour's faults.
func (w *world) decay(hour int) {
	rng := rand.New(rand.NewPCG(w.o.Seed, uint64(hour)<<8|0x5e))
	if rng.IntN(2) == 0 || !slices.Contains(w.o.Faults, Sector) || w.drawn > w.o.Most && w.o.Most > 0 {
		return
	}
	w.counts[Sector]++
	d := w.relay
	if k := rng.IntN(len(w.people) + 1); k < len(w.people) {
		d = w.people[k]
	}
	dies := rng.IntN(3) == 0
	if rng.IntN(3) == 0 {
		d.disk.SpoilRead(1+rng.IntN(60), d.spoilt(durable.Block))
	} else {
		d.spoil(rng)
	}
	if dies && d.up() {
		d.fuse = 1 + rng.IntN(120)
	}
}

// spoil takes one place: of the newest journal, of any file, or of any byte.
func (d *device) spoil(rng *rand.Rand) {
	sector := int64(512) << (3 * rng.IntN(2))
	n := max(sector, 512<<rng.IntN(8))
	way, pick, minutes := rng.IntN(4), rng.Int64(), 1<<rng.IntN(8)
	forGood := rng.IntN(2) == 0
	var files []durable.Info
	var all int64
	image := d.disk.Image()
	for _, name := range slices.Sorted(maps.Keys(image)) {
		if size := int64(len(image[name])); size > 0 {
			files = append(files, durable.Info{Name: name, Size: size})
			all += size
		}
	}
	if len(files) == 0 {
		return
	}
	f, off := files[pick%int64(len(files))], pick/int64(len(files))
	switch way {
	case 0:
		for _, g := range files {
			if strings.HasPrefix(g.Name, "log-") && !strings.HasSuffix(g.Name, ".idx") {
				f = g
			}
		}
	case 1:
	default:
		at := pick % all
		for _, g := range files {
			if f = g; at < g.Size {
				break
			}
			at -= g.Size
		}
		off = at
	}
	off = off % f.Size / sector * sector
	d.disk.SpoilPlace(f.Name, off, n, durable.Block) // systems read and write blocks whole
	d.spoilt(n)(f.Name, off)
	if !forGood {
		d.w.passing = append(d.w.passing, passing{d, f.Name, off, n, d.w.now + time.Duration(minutes)*time.Minute})
	}
}

// passing is a bad place that is sound again at a time.
type passing struct {
	d      *device
	name   string
	off, n int64
	until  time.Duration
}

// pass makes places sound whose time is over.
func (w *world) pass() {
	w.passing = slices.DeleteFunc(w.passing, func(p passing) bool {
		over := p.until <= w.now
		if over {
			p.d.disk.MendPlace(p.name, p.off, p.n)
		}
		return over
	})
}

// spoilt notes which own envelopes lie under n bytes that went bad. Systems read and
// lose blocks, and of a file without a head, in both places, all is lost.
func (d *device) spoilt(n int64) func(name string, off int64) {
	return func(name string, off int64) {
		log := strings.TrimSuffix(name, ".idx")
		image := d.disk.Image()
		from, to := off/durable.Block*durable.Block, (off+n+durable.Block-1)/durable.Block*durable.Block
		headless := d.headless(log, image) && d.headless(log+".idx", image)
		if log != name && !headless {
			return
		}
		for id := range d.sealed {
			raw := d.w.watch.raws[id]
			for at, all := 0, image[log]; len(raw) > 0; at += len(raw) {
				k := bytes.Index(all[at:], raw)
				if k < 0 {
					break
				}
				if at += k; headless || int64(at-recordHead) < to && from < int64(at+len(raw)) {
					d.under[id] = true
				}
			}
		}
	}
}

// recordHead is above what stands before a unit in a file and belongs to it.
const recordHead = 160

func (d *device) headless(name string, image map[string][]byte) bool {
	return len(image[name]) == 0 || d.disk.Spoilt(name, 0, durable.Block)
}

// bare are own envelopes that the writer would be told are lost, as daemon does.
func (d *device) bare() map[envelope.ID]bool {
	said := map[envelope.ID]bool{}
	m, known := d.when()
	if !known || !d.n.Lost() {
		return said
	}
	list, err := d.acc.Bare(m, 4096)
	d.ours(err)
	for _, b := range list {
		if !d.sh.Has(b.ID) {
			said[b.ID] = true
		}
	}
	return said
}

// places looks for own envelopes that are under bad places: of letters among them that
// nobody is known to hold their writers are told.
func (x *watch) places() {
	for _, p := range x.texts {
		p.said = false
	}
	for _, d := range x.w.people {
		if !d.up() || len(d.under) == 0 {
			continue
		}
		said := d.bare()
		left, err := d.acc.Unhanded()
		d.ours(err)
		kept := map[envelope.ID]bool{}
		for _, p := range left {
			kept[p.ID] = true
		}
		for id := range said {
			for _, p := range x.owners[id] {
				p.said = true
			}
		}
		silent := map[envelope.ID]bool{}
		for id := range d.under {
			if d.sh.Has(id) || d.sh.Done(id) || kept[id] {
				continue
			}
			for _, p := range x.owners[id] {
				silent[id] = silent[id] || p.acked && !p.shown && !p.excused && p.saved && !p.said
			}
			if silent[id] && d.silent[id] { // at the look before, too
				x.w.fail("a bad place took own envelope %v of %s, which nobody else had, and nobody is told", id, d)
			}
		}
		d.silent = silent
	}
}

// nowhere says whether an envelope of the letter is on no shelf that meets others at the end.
func (x *watch) nowhere(p *promise) bool {
	for _, id := range p.units {
		held := false
		for _, d := range x.w.all {
			if meets := d.name != "" || d.relay && x.w.o.Apart; meets && d.up() && d.sh.Has(id) {
				held = true
			}
		}
		if !held && p.from.under[id] {
			return true
		}
	}
	return false
}

// owned notes whose letters are in an envelope.
func (x *watch) owned(d *device, p account.Packed) {
	x.raws[p.ID] = p.Bytes
	for _, l := range p.Letters {
		if of := x.letters[letterOf{d, l}]; of != nil && !slices.Contains(of.units, p.ID) {
			of.units = append(of.units, p.ID)
			x.owners[p.ID] = append(x.owners[p.ID], of)
		}
	}
}

// letterOf is a letter as its writer's account names it.
type letterOf struct {
	d  *device
	id account.LetterID
}

// sunk counts letters that never come: those whose writers are told, and those that had
// left and are with nobody any more.
func (x *watch) sunk() (said, sunk int) {
	for _, p := range x.texts {
		switch {
		case !p.acked || p.excused || p.shown:
		case p.said:
			said++
		case x.nowhere(p):
			sunk++
		}
	}
	return said, sunk
}
