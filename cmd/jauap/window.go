package main

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/bench"
)

// windowFlags describe the link of `bench window`.
func windowFlags() []cli.Flag {
	u := bench.UsualWindow()
	return []cli.Flag{
		&cli.StringFlag{Name: "rate", Usage: "of the link each way, such as 64kbit or 20Mbit, for window", Value: "64kbit", Local: true},
		&cli.DurationFlag{Name: "rtt", Usage: "round trip of the link, for window", Value: u.RTT, Local: true},
		&cli.StringFlag{Name: "loss", Usage: "of packets each way, such as 1%, for window", Value: "1%", Local: true},
		&cli.DurationFlag{Name: "up", Usage: "how long the link stays up, for window", Value: u.Up, Local: true},
		&cli.IntFlag{Name: "windows", Usage: "how many windows follow each other; the pause lasts until both ends see the link gone", Value: 1, Local: true},
		&cli.IntFlag{Name: "runs", Usage: "how often to measure; the median is told, for window", Value: 1, Local: true},
		&cli.Uint64Flag{Name: "seed", Usage: "of losses and beginnings, for window", Value: 1, Local: true},
		&cli.BoolFlag{Name: "fresh", Usage: "the two nodes never met before, for window", Local: true},
	}
}

// benchWindow measures two real nodes over an emulated link.
func (d *door) benchWindow(ctx context.Context, c *cli.Command) error {
	o := bench.UsualWindow()
	var err error
	if o.Rate, err = parseRate(c.String("rate")); err != nil {
		return usageError{err}
	}
	if o.Loss, err = parsePercent(c.String("loss")); err != nil {
		return usageError{err}
	}
	o.RTT, o.Up, o.Windows, o.Runs, o.Seed = c.Duration("rtt"), c.Duration("up"), c.Int("windows"), c.Int("runs"), c.Uint64("seed")
	o.Fresh, o.Dir = c.Bool("fresh"), c.String("dir")
	if o.Up <= 0 || o.RTT < 0 || o.Windows < 1 || o.Runs < 1 {
		return usage("--up, --windows and --runs must be more than 0")
	}
	if !c.Bool("json") && o.Windows > 1 {
		o.Log = d.say
	}
	median, runs, err := bench.Windows(ctx, o)
	if err != nil || c.Bool("json") {
		return errors.Join(err, d.jsonIf(err, struct {
			Median bench.Window   `json:"median"`
			Runs   []bench.Window `json:"runs"`
		}{median, runs}))
	}
	if len(runs) > 1 {
		d.say("median of %d runs", len(runs))
	}
	for _, line := range median.Report() {
		d.say("%s", line)
	}
	return nil
}

// parseRate reads bits a second: 64000, 64kbit, 1Mbit.
func parseRate(s string) (float64, error) {
	factor := 1.0
	for _, u := range []struct {
		suffix string
		factor float64
	}{{"kbit", 1e3}, {"Mbit", 1e6}, {"bit", 1}} {
		if digits, ok := strings.CutSuffix(s, u.suffix); ok {
			s, factor = digits, u.factor
			break
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f*factor < 1000 || f*factor > 1e9 {
		return 0, errors.New("--rate is a rate such as 64kbit, from 1kbit to 1000Mbit")
	}
	return f * factor, nil
}

func parsePercent(s string) (float64, error) {
	f, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || f < 0 || f > 90 {
		return 0, errors.New("--loss is a share of packets such as 1%, at most 90%")
	}
	return f / 100, nil
}
