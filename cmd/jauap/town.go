package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jauap/jauap/sim/town"
	"github.com/urfave/cli/v3"
)

// townFlags are those of whole people under faults.
func townFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "hours", Usage: "how long, for town (0: 48)", Local: true},
		&cli.StringFlag{Name: "faults", Usage: fmt.Sprintf("what strikes a town: all, none, or some of %v, with commas", town.Faults()), Value: "all", Local: true},
		&cli.IntFlag{Name: "most", Usage: "only so many of a town's faults, in order (0: all)", Local: true},
		&cli.BoolFlag{Name: "apart", Usage: "in a town people meet nobody but the relay", Local: true},
		&cli.StringFlag{Name: "place", Usage: "strike a town once and nowhere else, as relay:fails:37", Local: true},
		&cli.DurationFlag{Name: "soak", Usage: "play towns from this seed on for so long, and report", Local: true},
	}
}

// shrinkRuns bounds the search for a smaller town that breaks.
const shrinkRuns = 80

// town plays whole people under faults.
func (d *door) town(ctx context.Context, c *cli.Command) error {
	faults, err := town.ParseFaults(c.String("faults"))
	if err != nil {
		return usageError{err}
	}
	place, err := town.ParsePlace(c.String("place"))
	if err != nil {
		return usageError{err}
	}
	o := town.Options{Place: place, Seed: c.Uint64("seed"), People: c.Int("people"), Hours: c.Int("hours"), Faults: faults, Most: c.Int("most"), Apart: c.Bool("apart")}
	r, err := town.Run(ctx, o)
	if errors.Is(err, town.ErrBroken) {
		d.say("%v; looking for a smaller one", err)
		if _, n, small := town.Shrink(ctx, o, shrinkRuns); small != nil {
			err = fmt.Errorf("the smallest of %d runs: %w", n, small)
		}
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return d.jsonIf(nil, r)
	}
	d.say("%s", r)
	return nil
}

// soak plays towns for a while.
func (d *door) soak(ctx context.Context, c *cli.Command) error {
	end := time.Now().Add(c.Duration("soak"))
	broken := 0
	r, err := town.Soak(ctx, c.Uint64("seed"), shrinkRuns, func(r town.Report) bool {
		for ; broken < len(r.Broken); broken++ {
			d.say("%s", r.Broken[broken])
		}
		return time.Now().Before(end)
	})
	if err == nil && len(r.Broken) > 0 {
		err = fmt.Errorf("%d of %d towns broke a promise", len(r.Broken), r.Towns)
	}
	if c.Bool("json") {
		return errors.Join(err, d.jsonIf(err, r))
	}
	d.say("%s", r)
	return err
}
