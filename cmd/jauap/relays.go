package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/web/api"
)

func relayCommands(d *door) []*cli.Command {
	one := func(do, use, args string, most int) *cli.Command {
		return &cli.Command{Name: do, Usage: use, ArgsUsage: args, Action: func(ctx context.Context, c *cli.Command) error {
			if c.NArg() != most {
				return usage("`jauap relays %s %s`", do, args)
			}
			return d.changeRelays(ctx, c, do)
		}}
	}
	use := one("use", "use one from now on: its number in the list, or its address", "NUMBER|ADDRESS", 1)
	use.Flags = []cli.Flag{&cli.BoolFlag{Name: "inland", Usage: "it is inside the country: its answers do not count as a way abroad", Local: true}}
	return []*cli.Command{{
		Name: "relays", Category: "network", Usage: "which relays are used, and those that contacts told of",
		Description: "A relay that a contact tells of is never used by itself: it could be one that sees when this\n" +
			"device asks. What is taken is written into the settings.",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			if err := tooMany(c, 0); err != nil {
				return err
			}
			return d.with(ctx, c, func(b api.Backend) error {
				list, err := b.Relays(ctx)
				return d.showRelays(c, list, err)
			})
		},
		Commands: []*cli.Command{
			use,
			one("refuse", "do not offer one again", "NUMBER|ADDRESS", 1),
			one("tell", "tell a contact of a relay that is used here", "NUMBER|ADDRESS NAME", 2),
		},
	}}
}

func (d *door) changeRelays(ctx context.Context, c *cli.Command, do string) error {
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Relays(ctx)
		if err != nil {
			return err
		}
		ask := api.RelayAsk{Do: do, Relay: api.Relay{Addr: c.Args().First(), Inland: c.Bool("inland")}, To: c.Args().Get(1)}
		all := list.Mine
		for _, o := range list.Offered {
			all = append(all, o.Relay)
		}
		if n, err := strconv.Atoi(ask.Addr); err == nil {
			if n < 1 || n > len(all) {
				return usage("the list has %d relays; `jauap relays` shows it", len(all))
			}
			ask.Addr = all[n-1].Addr
		}
		for _, o := range list.Offered {
			ask.Inland = ask.Inland || o.Addr == ask.Addr && o.Inland
		}
		list, err = b.ChangeRelays(ctx, ask)
		return d.showRelays(c, list, err)
	})
}

func (d *door) showRelays(c *cli.Command, list api.Relays, err error) error {
	if err != nil || c.Bool("json") {
		return errors.Join(err, d.jsonIf(err, list))
	}
	kind := func(r api.Relay) string {
		if r.Inland {
			return ", inside the country"
		}
		return ""
	}
	n := 0
	for _, r := range list.Mine {
		n++
		d.say("%d. %s\n   in use%s", n, r.Addr, kind(r))
		if text := faultText(r.Fault); text != "" {
			d.say("   %s", text)
		}
	}
	for _, o := range list.Offered {
		n++
		d.say("%d. %s\n   %s told of it on %s%s; it is not used", n, o.Addr, o.From, o.Day, kind(o.Relay))
	}
	if n == 0 {
		d.say("no relay is set up, and nobody told of one")
	}
	if list.Later {
		d.say("it is another address of a relay in use, and is used from the next start on")
	}
	return nil
}

// faultText says what a relay did wrong, as it was seen; empty for nothing.
func faultText(fault string) string {
	switch fault {
	case api.FaultSums:
		return "it sent sums of its list that nobody asked for; the connection was ended, others are used"
	case api.FaultList:
		return "its list did not match what it sent: an envelope had other bytes than its name says; nothing of that was kept"
	case api.FaultGarbage:
		return "it proved its key and then sent what is no exchange; the connection was ended, others are used"
	case api.FaultStall:
		return "it proved its key and then fell silent, which may also be the network; other ways are tried"
	case api.FaultKey:
		return "another key answers in its place: somebody opens the connection, or it has a new address; nothing was given to it"
	}
	return ""
}
