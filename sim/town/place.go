package town

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jauap/jauap/internal/durable"
)

// Place is where a town is struck once, and by nothing else: the N-th effect or
// commit of a device, or the N-th call on its disk since the town was founded.
// In print: "relay:fails:37".
type Place struct {
	Of   string // person0, person1, ... or relay
	What string // one of Blows
	N    int    // from 1; 0: nowhere
}

// Blows are what can happen at a place.
func Blows() []string {
	return []string{
		"killed",  // the process ends at the n-th effect or commit
		"fails",   // the n-th call on the disk fails
		"full",    // the n-th call on the disk finds no room
		"sector",  // the n-th read finds a bad block, and in the fourth hour the process starts anew
		"refused", // as fails, and the person's vault has no room for two hours before
	}
}

func (p Place) String() string { return fmt.Sprintf("%s:%s:%d", p.Of, p.What, p.N) }

// ParsePlace reads what String prints; nothing is nowhere.
func ParsePlace(s string) (p Place, err error) {
	if s == "" {
		return p, nil
	}
	f := strings.Split(s, ":")
	if len(f) == 3 {
		p.Of, p.What = f[0], f[1]
		p.N, err = strconv.Atoi(f[2])
	}
	who, person := strings.CutPrefix(p.Of, "person")
	if _, no := strconv.ParseUint(who, 10, 8); no != nil || !person {
		person = false
	}
	if err != nil || p.N < 1 || !person && p.Of != "relay" || !slices.Contains(Blows(), p.What) || !person && p.What == "refused" {
		return Place{}, fmt.Errorf("town: no such place: %q; one is relay:fails:37 or person1:killed:5, the blows are %v, the last for persons only", s, Blows())
	}
	return p, nil
}

// Small is the town of six hours in which a place is tried: two people who meet, or
// only meet the relay when that is struck.
func Small(seed uint64, p Place) Options {
	return Options{Seed: seed, Hours: 6, People: 2, Apart: p.Of == "relay", Place: p}
}

// struckAt makes the place ready, and answers whether it was reached.
func (w *world) struckAt(p Place) (reached func() bool, err error) {
	d := w.relay
	if p.Of != "relay" {
		i, err := strconv.Atoi(strings.TrimPrefix(p.Of, "person"))
		if err != nil || i >= len(w.people) {
			return nil, fmt.Errorf("town: there is no %s", p.Of)
		}
		d = w.people[i]
	}
	at := d.disk.Calls() + p.N
	called := func() bool { return d.disk.Calls() >= at }
	switch p.What {
	case "killed":
		d.fuse = p.N
		return func() bool { return d.fuse == 0 }, nil
	case "full":
		d.disk.FailAt(p.N, durable.ErrNoSpace, false)
		return called, nil
	case "sector":
		at := d.disk.Reads() + p.N
		d.disk.SpoilRead(p.N, d.spoilt(1))
		w.later(4, d.gone)
		return func() bool { return d.disk.Reads() >= at }, nil
	case "refused":
		w.later(1, func() { d.vault.full = true })
		w.later(3, func() { d.vault.full = false })
	}
	d.disk.FailAt(p.N, errDisk, false)
	return called, nil
}

// sweep goes through all places of the small town, one after the other.
type sweep struct {
	seed uint64
	kind int
	n    int
	done bool
}

// swept are the devices and blows of a sweep.
func swept() (list []Place) {
	for _, of := range []string{"person0", "person1", "relay"} {
		for _, what := range Blows() {
			if of != "relay" || what != "refused" {
				list = append(list, Place{Of: of, What: what})
			}
		}
	}
	return list
}

// some plays so many further places and notes what broke there. After the last
// place of all it plays none.
func (x *sweep) some(ctx context.Context, most int, r *Report) error {
	kinds := swept()
	for ; most > 0 && !x.done && ctx.Err() == nil; most-- {
		p := kinds[x.kind]
		x.n++
		p.N = x.n
		got, err := Run(ctx, Small(x.seed, p))
		switch {
		case errors.Is(err, ErrBroken):
			r.Broken = append(r.Broken, err.Error())
		case err != nil:
			return err
		case !got.Reached:
			x.n = 0
			x.kind++
			x.done = x.kind == len(kinds)
			continue
		}
		r.Places++
	}
	return nil
}
