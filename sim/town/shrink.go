package town

import (
	"context"
	"errors"
	"slices"
)

// tries: keys are fresh in each run, so a smaller town that holds once may
// break another time.
const tries = 2

// Shrink looks for a smaller town that still breaks a promise: fewer kinds of
// faults, fewer faults, people and hours. It answers the smallest found, what
// broke there, and how many runs it took; most bounds them.
func Shrink(ctx context.Context, o Options, most int) (small Options, runs int, broke error) {
	return shrink(ctx, o, most, nil)
}

func shrink(ctx context.Context, o Options, most int, each func(*world)) (small Options, runs int, broke error) {
	small = o.usual()
	breaks := func(o Options) bool {
		for range tries {
			if broke != nil && same(o, small) {
				return false
			}
			if runs >= most || ctx.Err() != nil {
				return false
			}
			runs++
			if _, err := run(ctx, o, each); errors.Is(err, ErrBroken) {
				small, broke = o, err
				return true
			}
		}
		return false
	}
	if !breaks(small) {
		return small, runs, nil
	}
	for {
		before := small
		for k := range smaller(small) {
			for breaks(smaller(small)[k]) {
			}
		}
		for _, f := range slices.Clone(small.Faults) {
			o := small
			o.Faults = slices.DeleteFunc(slices.Clone(o.Faults), func(g Fault) bool { return g == f })
			breaks(o)
		}
		if same(before, small) {
			return small, runs, broke
		}
	}
}

// smaller are towns with half, or one less, of each number, where that is
// fewer.
func smaller(o Options) (list []Options) {
	drawn := 3 * o.Hours
	if o.Most > 0 {
		drawn = min(drawn, o.Most)
	}
	for _, c := range []struct {
		to, least int
		set       func(*Options, int)
	}{
		{o.Hours / 2, 1, func(o *Options, n int) { o.Hours = n }},
		{o.People / 2, 2, func(o *Options, n int) { o.People = n }},
		{drawn / 2, 1, func(o *Options, n int) { o.Most = n }},
		{drawn * 7 / 8, 1, func(o *Options, n int) { o.Most = n }},
		{o.Hours - 1, 1, func(o *Options, n int) { o.Hours = n }},
		{o.People - 1, 2, func(o *Options, n int) { o.People = n }},
	} {
		p := o
		if c.to >= c.least {
			c.set(&p, c.to)
		}
		list = append(list, p)
	}
	return list
}

func same(a, b Options) bool {
	return a.Hours == b.Hours && a.People == b.People && a.Most == b.Most && len(a.Faults) == len(b.Faults)
}
