package town

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Report of a soak.
type Report struct {
	First   uint64        `json:"first_seed"`
	Towns   int           `json:"towns"`
	Letters int           `json:"letters"` // acknowledged
	Excused int           `json:"excused"`
	Said    int           `json:"said"` // lay on bad places; their writers are told
	Sunk    int           `json:"sunk"` // as in Result
	Frames  int           `json:"frames"`
	Sealed  int           `json:"sealed"` // envelopes
	Faults  map[Fault]int `json:"faults"`
	Slowest int           `json:"slowest_drain_hours"`
	Places  int           `json:"places"` // at which a small town was struck, one at a time
	Broken  []string      `json:"broken"` // what broke, with the smallest command found
}

// placesEach is how many places are tried after each town: all in 120 towns or so.
const placesEach = 24

// Soak plays towns in which everything goes wrong, one seed after the other,
// while more says so. What breaks is made smaller with at most so many runs
// each; the soak goes on.
func Soak(ctx context.Context, first uint64, shrinkRuns int, more func(Report) bool) (Report, error) {
	places := &sweep{seed: first}
	r := Report{First: first, Faults: map[Fault]int{}, Broken: []string{}}
	for seed := first; more(r) && ctx.Err() == nil; seed++ {
		// Every kind of town in turn: few and many people, at the relay only, and
		// one fault alone as well as all together.
		o := Options{Seed: seed, People: 2 + int(seed%7), Hours: 24 + 24*int(seed%3), Faults: Faults(), Apart: seed%4 >= 2}
		if seed%2 == 1 {
			k := int(seed/2) % len(Faults())
			o.Faults = Faults()[k : k+1]
		}
		got, err := Run(ctx, o)
		if errors.Is(err, ErrBroken) {
			_, _, broke := Shrink(ctx, o, shrinkRuns)
			if broke == nil {
				broke = err // not again in two runs with other keys: still it broke
			}
			r.Broken = append(r.Broken, broke.Error())
		} else if err != nil {
			return r, err
		}
		if err := places.some(ctx, placesEach, &r); err != nil {
			return r, err
		}
		r.Towns++
		r.Letters += got.Letters
		r.Excused += got.Excused
		r.Said += got.Said
		r.Sunk += got.Sunk
		r.Frames += got.Frames
		r.Sealed += got.Commits
		r.Slowest = max(r.Slowest, got.Drained)
		for f, n := range got.Faults {
			r.Faults[f] += n
		}
	}
	return r, nil
}

// String says in words what a run showed.
func (r Result) String() string {
	what := counts(r.Faults)
	if p := r.Options.Place; p.N > 0 {
		what = fmt.Sprintf("one at %v", p)
		if !r.Reached {
			what = fmt.Sprintf("none, as %v is behind the end", p)
		}
	}
	return fmt.Sprintf("%d letters acknowledged, all shown once, at the latest after %d h of meetings; about %d a disk had lied%s\n%d frames carried; %d envelopes sealed, each under a key of its own; faults: %s",
		r.Letters, r.Drained, r.Excused, under(r.Said, r.Sunk), r.Frames, r.Commits, what)
}

// String says in words what a soak showed.
func (r Report) String() string {
	return fmt.Sprintf("%d towns from seed %d, %d broke a promise; %d letters acknowledged, about %d of them a disk had lied%s; the slowest drained in %d h; a small town struck once at each of %d places\n%d frames; %d envelopes sealed; faults: %s",
		r.Towns, r.First, len(r.Broken), r.Letters, r.Excused, under(r.Said, r.Sunk), r.Slowest, r.Places, r.Frames, r.Sealed, counts(r.Faults))
}

// under says what bad places took, if anything.
func under(said, sunk int) string {
	if said+sunk == 0 {
		return ""
	}
	return fmt.Sprintf(", %d lay on bad places, which their writers are told, and %d more after whoever carried them had lost them, too", said, sunk)
}

func counts(m map[Fault]int) string {
	var list []string
	for _, f := range slices.Sorted(maps.Keys(m)) {
		list = append(list, fmt.Sprintf("%s %d", f, m[f]))
	}
	return strings.Join(list, ", ")
}
