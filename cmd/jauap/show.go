package main

import (
	"bufio"
	"context"
	"errors"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/bench"
	"github.com/jauap/jauap/demo"
	"github.com/jauap/jauap/sim"
)

func showCommands(d *door) []*cli.Command {
	return []*cli.Command{
		{
			Name: "demo", Category: "look", Usage: "a blackout on one machine, with a page to play in",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "page", Usage: "where the page opens, loopback only", Value: "127.0.0.1:0", Local: true},
				&cli.BoolFlag{Name: "no-browser", Usage: "print the page's address and leave it at that", Local: true},
			},
			Action: d.demo,
		},
		{
			Name: "sim", Category: "look", Usage: "many nodes in one process, from one seed", ArgsUsage: strings.Join(sim.Names(), "|") + "|town|FILE.toml",
			Flags: append([]cli.Flag{
				jsonFlag(),
				&cli.IntFlag{Name: "people", Usage: "how many, where people are synthetic (0: as many as usual)", Local: true},
				&cli.StringFlag{Name: "class", Usage: "size class of all letters, S1, S1b, S2 to S5 (default: the scenario's)", Local: true},
				&cli.StringFlag{Name: "postage", Usage: "who has it: none, honest (letters, not junk) or all (default: the scenario's)", Local: true},
				&cli.IntFlag{Name: "junk-stamps", Usage: "units of each hostile device that have valid postage (default: the scenario's)", Local: true},
				&cli.FloatFlag{Name: "junk-proofs", Usage: "hours after which informants prove to contacts that their junk arrived (default: the scenario's)", Local: true},
				&cli.IntFlag{Name: "rate", Usage: "bytes a second each way of each meeting (0: the scenario's)", Local: true},
				&cli.StringFlag{Name: "svg", Usage: "draw what happened into this file", Local: true},
				&cli.Uint64Flag{Name: "seed", Usage: "the same seed gives the same events", Value: 7, Local: true},
			}, townFlags()...),
			Action: d.sim,
		},
		{
			Name: "bench", Category: "look", Usage: "measure this machine, or a window over a bad link: store, seal, reconcile or window", ArgsUsage: "store|seal|reconcile|window",
			Flags: append([]cli.Flag{
				jsonFlag(),
				&cli.IntFlag{Name: "envelopes", Usage: "how many, for store", Value: 100_000, Local: true},
				&cli.StringFlag{Name: "dir", Usage: "disk to measure, for store and window", Local: true},
			}, windowFlags()...),
			Action: d.bench,
		},
	}
}

func (d *door) demo(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{Page: c.String("page"), Log: d.logger(c), Ready: func(link func() string) {
		url := link()
		d.say("page %s", url)
		d.say("Aigerim is in Almaty, Dana and a newsroom abroad, Timur travels. The country's network is off. Two pages: letters and voices. Ctrl-C ends it all.")
		d.say("The link opens the page in one browser; press Enter here for a new one.")
		go d.newLinks(link)
		if !c.Bool("no-browser") {
			openBrowser(url)
		}
	}})
}

// newLinks prints a link for each line that a person enters.
func (d *door) newLinks(link func() string) {
	for s := bufio.NewScanner(d.in); s.Scan(); {
		d.say("page %s", link())
	}
}

func (d *door) bench(ctx context.Context, c *cli.Command) error {
	what, err := arg(c, 0, "what to measure")
	if err != nil {
		return err
	}
	var figures []bench.Figure
	switch what {
	case "seal":
		figures, err = bench.Seal()
	case "store":
		if n := c.Int("envelopes"); n < 1000 || n > 10_000_000 {
			return usage("--envelopes is from 1,000 to 10,000,000")
		}
		figures, err = bench.Store(c.String("dir"), c.Int("envelopes"))
	case "reconcile":
		figures, err = bench.Reconcile()
	case "window":
		return d.benchWindow(ctx, c)
	default:
		return usage("bench: %q cannot be measured; say store, seal, reconcile or window", what)
	}
	if err != nil || c.Bool("json") {
		return errors.Join(err, d.jsonIf(err, figures))
	}
	for _, f := range figures {
		d.say("%-48s %12.3f %-4s (promised: %s)", f.Name, f.Value, f.Unit, f.Limit)
	}
	return nil
}
