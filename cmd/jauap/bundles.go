package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web/api"
)

func bundleCommands(d *door) []*cli.Command {
	flags := func() []cli.Flag {
		return []cli.Flag{
			jsonFlag(),
			&cli.StringFlag{Name: "to", Usage: "endpoint that the bundles go to, such as dtn://island/mail or ipn:20.7; dtn://jauap/~mail by default", Local: true},
			&cli.StringFlag{Name: "as", Usage: "node that is ours, such as dtn://shore/ or ipn:10.0: bundles for it are taken, too", Local: true},
		}
	}
	out := append(flags(),
		&cli.IntFlag{Name: "life", Usage: "days that nodes keep a bundle", Value: 30, Local: true},
		&cli.BoolFlag{Name: "bare", Usage: "no checksum in the payload block: some nodes refuse one", Local: true})
	return []*cli.Command{{
		Name: "bp", Category: "network", Usage: "let a delay-tolerant network (BPv7 bundles) carry mail",
		Description: "A node of such a network - ION, dtn7, HDTN, µD3TN, Hardy - carries sealed letters\n" +
			"between two Jauap nodes. Its operator tells you its address and two endpoint ids:\n" +
			"to= is where your mail goes, as= is who you are there. Without them mail goes to\n" +
			"the group dtn://jauap/~mail, and you are somebody new each time.\n\n" +
			"  jauap up --bp tcpcl://HOST:4556,to=ipn:20.7,as=ipn:10.0   TCPCL version 4, both ways\n" +
			"  jauap up --bp tcpcl://:4556,listen                        the node calls here\n" +
			"  jauap up --bp mtcp://HOST:4224 --bp mtcp://:4225,listen   MTCP: one line a way\n" +
			"  jauap up --bp stcp://HOST:4556 --bp stcp://:4557,listen   the same for ION\n\n" +
			"More options: ,tls (no session without TLS) ,tls=off ,bare ,life=DAYS. For tools that\n" +
			"send what lies in a folder, or write there what comes, there are export and import.",
		Commands: []*cli.Command{
			{
				Name: "export", Usage: "leave what was not left there before, one bundle a file", ArgsUsage: "DIR", Flags: out,
				Action: func(ctx context.Context, c *cli.Command) error { return d.bundles(ctx, c, false) },
			},
			{
				Name: "import", Usage: "take what lies there; nothing is removed", ArgsUsage: "DIR", Flags: flags(),
				Action: func(ctx context.Context, c *cli.Command) error { return d.bundles(ctx, c, true) },
			},
		},
	}}
}

func (d *door) bundles(ctx context.Context, c *cli.Command, in bool) error {
	dir, err := arg(c, 0, "the folder")
	if err != nil {
		return err
	}
	if err := tooMany(c, 1); err != nil {
		return err
	}
	// The node may run in another folder.
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	ask := api.BundlesAsk{Dir: dir, Import: in}
	for _, name := range []string{"to", "as"} {
		if c.IsSet(name) {
			ask.Options += "," + name + "=" + c.String(name)
		}
	}
	if c.IsSet("life") {
		ask.Options += fmt.Sprintf(",life=%d", c.Int("life"))
	}
	if c.Bool("bare") {
		ask.Options += ",bare"
	}
	return d.with(ctx, c, func(b api.Backend) error {
		haul, err := b.Bundles(ctx, ask)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, haul))
		}
		if in {
			d.say("Took %d envelopes (%d letters for you).", haul.Read, haul.Opened)
		} else {
			d.say("Left %d bundles (%s of envelopes).", haul.Written, config.FormatBytes(haul.Bytes))
		}
		for _, n := range haul.Notes {
			d.say("  %s", plain(n))
		}
		return nil
	})
}
