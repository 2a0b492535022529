package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/sim/town"
	"github.com/urfave/cli/v3"
)

// townFlags are those of whole people under faults.
func townFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "hours", Usage: "how long, for town (0: 48)", Local: true},
		&cli.StringFlag{Name: "faults", Usage: "what strikes a town: all, none, or some of " + faultNames(town.Faults()), Value: "all", Local: true},
		&cli.IntFlag{Name: "most", Usage: "only so many of a town's faults, in order (0: all)", Local: true},
		&cli.BoolFlag{Name: "apart", Usage: "in a town people meet nobody but the relay", Local: true},
		&cli.DurationFlag{Name: "soak", Usage: "play towns from this seed on for so long, and report", Local: true},
	}
}

func faultNames(list []town.Fault) string {
	var names []string
	for _, f := range list {
		names = append(names, string(f))
	}
	return strings.Join(names, ",")
}

// shrinkRuns bounds the search for a smaller town that breaks.
const shrinkRuns = 80

// town plays whole people under faults.
func (d *door) town(ctx context.Context, c *cli.Command) error {
	faults, err := town.ParseFaults(c.String("faults"))
	if err != nil {
		return usageError{err}
	}
	o := town.Options{Seed: c.Uint64("seed"), People: c.Int("people"), Hours: c.Int("hours"), Faults: faults, Most: c.Int("most"), Apart: c.Bool("apart")}
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
	d.say("%d letters acknowledged, all shown once, %d h after the last fault at the latest; about %d a disk had lied", r.Letters, r.Drained, r.Excused)
	d.say("%d frames carried; %d envelopes sealed, each under a key of its own; faults: %s", r.Frames, r.Commits, counts(r.Faults))
	return nil
}

func counts(m map[town.Fault]int) string {
	var list []string
	for _, f := range slices.Sorted(maps.Keys(m)) {
		list = append(list, fmt.Sprintf("%s %d", f, m[f]))
	}
	return strings.Join(list, ", ")
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
	d.say("%d towns from seed %d; %d letters acknowledged, about %d of them a disk had lied; the slowest drained in %d h", r.Towns, r.First, r.Letters, r.Excused, r.Slowest)
	d.say("%d frames; %d envelopes sealed; faults: %s", r.Frames, r.Sealed, counts(r.Faults))
	return err
}
