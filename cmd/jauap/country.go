package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jauap/jauap/sim"
	"github.com/urfave/cli/v3"
)

func (d *door) sim(ctx context.Context, c *cli.Command) error {
	if c.Duration("soak") > 0 {
		return d.soak(ctx, c)
	}
	name, err := arg(c, 0, "a scenario")
	if err == nil && name == "town" {
		return d.town(ctx, c)
	}
	if err != nil {
		return err
	}
	s, err := scenario(name, c)
	if err != nil {
		return usageError{err}
	}
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(12 << 30) // a city fills memory with what stays: from here on garbage may not double it
	}
	r, err := sim.Run(ctx, s, c.Uint64("seed"))
	if err != nil {
		return errors.Join(err, d.jsonIf(err, r))
	}
	if file := c.String("svg"); file != "" {
		if err := os.WriteFile(file, []byte(r.SVG()), 0o644); err != nil {
			return fmt.Errorf("the picture: %w", err)
		}
	}
	if c.Bool("json") {
		return d.jsonIf(nil, r)
	}
	d.say("%s, seed %d: %d people, %d contacts, %d letters of %s", r.Scenario, r.Seed, r.People, r.Contacts, r.Letters, r.Class)
	type row struct {
		name string
		o    sim.Outcome
	}
	rows := []row{{"Jauap", r.Outcome}, {"ideal flooding", r.Ideal}}
	for _, rival := range r.Rivals {
		rows = append(rows, row{rival.Name, rival.Outcome})
	}
	for _, row := range rows {
		d.say("%-18s delivered %5.1f %%; within 1 h %5.1f %%, 6 h %5.1f %%, 24 h %5.1f %%; median %6.0f s, 90 %% %6.0f s; %6.1f copies each until then, %6.1f in all",
			row.name, 100*row.o.Share, 100*row.o.Within1h, 100*row.o.Within6h, 100*row.o.Within24h, row.o.MedianSeconds, row.o.P90Seconds, row.o.Copies, row.o.InAll)
	}
	if r.Lost != (sim.Lost{}) {
		d.say("%v", r.Lost)
	}
	d.say("shelves hold %.0f bytes of %d on average, %d at most; %.0f %% of the units are junk", r.Shelf.Mean, r.Shelf.Quota, r.Shelf.Most, 100*r.Shelf.Junk)
	d.say("%d people carried letters of others; the busiest tenth of them did %.0f %% of it", r.Carriers.People, 100*r.Carriers.Tenth)
	d.say("%.0f bytes per delivered letter; %d steps; events %s", r.BytesPerDelivered, r.Steps, r.Hash)
	return nil
}

// scenario is a ready one, or that of a file.
func scenario(name string, c *cli.Command) (s sim.Scenario, err error) {
	if strings.HasSuffix(name, ".toml") {
		s, err = readScenario(name)
	} else {
		s, err = sim.Named(name, c.Uint64("seed"), c.Int("people"))
	}
	if err == nil && c.String("class") != "" {
		s.Class, err = sim.ParseClass(c.String("class"))
	}
	if err == nil && c.String("postage") != "" {
		s.Postage, err = sim.ParsePostage(c.String("postage"))
	}
	s.Bought = cmp.Or(c.Int("junk-stamps"), s.Bought)
	s.JunkProofs = cmp.Or(time.Duration(c.Float("junk-proofs")*float64(time.Hour)), s.JunkProofs)
	s.Network.Rate = cmp.Or(c.Int("rate"), s.Network.Rate)
	if err == nil {
		err = s.Check()
	}
	s.Repeat = name
	for _, flag := range []string{"people", "class", "postage", "junk-stamps", "junk-proofs", "rate"} {
		if c.IsSet(flag) {
			s.Repeat += fmt.Sprintf(" --%s %v", flag, c.Value(flag))
		}
	}
	return s, err
}

func readScenario(name string) (sim.Scenario, error) {
	f, err := os.Open(name)
	if err != nil {
		return sim.Scenario{}, err
	}
	defer f.Close()
	// A scenario names traces beside itself, and no other files.
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return sim.Scenario{}, err
	}
	defer root.Close()
	return sim.Read(f, func(trace string) (io.ReadCloser, error) { return root.Open(trace) })
}
