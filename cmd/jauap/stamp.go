package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/bulletin/evidence/ask"
	"github.com/jauap/jauap/bulletin/evidence/stamp"
	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/web/api"
)

func stampCommands(d *door) *cli.Command {
	list := func(name, usage string) cli.Flag { return &cli.StringSliceFlag{Name: name, Usage: usage, Local: true} }
	proxy := &cli.StringFlag{Name: "proxy", Usage: "http://HOST:PORT or socks5://HOST:PORT; that of the profile's settings, if not given; \"none\" for none", Local: true}
	calendar := list("calendar", "a calendar of OpenTimestamps, https://HOST")
	return &cli.Command{
		Name: "evidence", Category: "evidence", Usage: "ask outside witnesses that a report existed now",
		Description: "Only the report's root leaves this device, for a calendar not even that but a hash over it. Whoever is asked\n" +
			"sees the address from which it comes, unless a proxy or Tor stands between. Nothing is ever asked by itself.",
		Commands: []*cli.Command{
			{
				Name: "stamp", Usage: "copy a package with time stamps; of a root alone, write one stamp to keep beside it", ArgsUsage: "FILE|ROOT NEWFILE",
				Flags:  []cli.Flag{list("tsa", "a time-stamp authority (RFC 3161), http:// or https://"), calendar, proxy},
				Action: d.stamp,
			},
			{
				Name: "upgrade", Usage: "ask calendars again, some hours later, for the block of Bitcoin", ArgsUsage: "FILE NEWFILE",
				Flags: []cli.Flag{calendar, proxy}, Action: d.upgradeStamps,
			},
			{
				Name: "ask", Usage: "of a report that was sent from here or is at the desk; what is signed is kept beside it", ArgsUsage: "REPORT",
				Flags:  []cli.Flag{jsonFlag(), list("tsa", "a time-stamp authority (RFC 3161)"), calendar, &cli.BoolFlag{Name: "again", Usage: "ask calendars for the block of Bitcoin", Local: true}, &cli.BoolFlag{Name: "look", Usage: "ask nobody, show what is kept", Local: true}},
				Action: d.askWitnesses,
			},
		},
	}
}

// stampArgs are two files and the way that the settings name; past a Tor that
// they ask for it never goes.
func (d *door) stampArgs(c *cli.Command) (from, to string, a ask.Asker, set config.Config, err error) {
	if from, err = arg(c, 0, "a package or its root"); err == nil {
		to, err = arg(c, 1, "the file to write")
	}
	if err == nil {
		set, err = daemon.LoadConfig(c.String("data"))
	}
	if err != nil {
		return "", "", a, set, err
	}
	a.Proxy = cmp.Or(c.String("proxy"), set.Proxy)
	if set.Tor && a.Proxy == "" {
		return "", "", a, set, usage("the settings ask for Tor: say where it listens, --proxy socks5://127.0.0.1:9050, or --proxy none to go past it")
	}
	if a.Proxy == "none" {
		a.Proxy = ""
	}
	return from, to, a, set, nil
}

// stampFile hands the stamps of a package to f and writes the copy with what f
// answers.
func (d *door) stampFile(from, to string, f func(root evidence.Root, had []evidence.File) ([]evidence.File, error)) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	had, root, err := evidence.Stamps(in, info.Size())
	if err != nil {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s exists already", to)
	}
	all, err := f(root, had)
	if err != nil {
		return err
	}
	if err := newFile(to, 0o600, func(w io.Writer) error { return evidence.Stamped(in, info.Size(), w, all) }); err != nil {
		return err
	}
	v, err := checkFile(to, evidence.Beside{})
	if err == nil {
		d.say("Written: %s", to)
		for _, f := range v.Findings {
			if f.About == "stamp" {
				d.say("%-10s  %s", f.Class, oneLine(f.Words))
			}
		}
	}
	return err
}

func (d *door) stamp(ctx context.Context, c *cli.Command) error {
	what, to, a, set, err := d.stampArgs(c)
	if err != nil {
		return err
	}
	authorities, calendars := c.StringSlice("tsa"), c.StringSlice("calendar")
	if len(authorities)+len(calendars) == 0 {
		authorities, calendars = set.TSA, set.Calendars
	}
	if len(authorities)+len(calendars) == 0 {
		return usage("name a witness: --tsa URL or --calendar URL; or `tsa = URL` in the settings")
	}
	root, bad := evidence.ParseRoot(what)
	if bad != nil {
		return d.stampFile(what, to, func(root evidence.Root, had []evidence.File) ([]evidence.File, error) {
			fresh, err := d.witness(ctx, a, authorities, calendars, root)
			return append(had, fresh...), err
		})
	}
	if len(authorities)+min(len(calendars), 1) != 1 {
		return usage("for a root alone, name one authority or only calendars")
	}
	fresh, err := d.witness(ctx, a, authorities, calendars, root)
	if err == nil {
		err = newFile(to, 0o600, func(w io.Writer) error { _, err := w.Write(fresh[0].Data); return err })
	}
	if err == nil {
		d.say("Written: %s. Keep it beside the package: jauap verify-evidence FILE --stamp %s", to, to)
	}
	return err
}

// witness asks them all; those that fail are named when others do not.
func (d *door) witness(ctx context.Context, a ask.Asker, authorities, calendars []string, root evidence.Root) (list []evidence.File, err error) {
	list, missed := a.All(ctx, authorities, calendars, root)
	if err = missed.Err(); len(list) > 0 && err != nil {
		fmt.Fprintf(d.errs, "not all witnesses answered: %v\n", err)
		err = nil
	}
	return list, err
}

func (d *door) upgradeStamps(ctx context.Context, c *cli.Command) error {
	from, to, a, set, err := d.stampArgs(c)
	if err != nil {
		return err
	}
	calendars := c.StringSlice("calendar")
	if len(calendars) == 0 {
		calendars = set.Calendars
	}
	return d.stampFile(from, to, func(root evidence.Root, had []evidence.File) ([]evidence.File, error) {
		kept, missed := a.Upgrade(ctx, calendars, root, had)
		if kept == 0 {
			return nil, cmp.Or(missed.Err(), errors.New("there is no proof in it that waits for a calendar"))
		}
		return had, nil
	})
}

func (d *door) askWitnesses(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "a report: its root or id")
	if err != nil {
		return err
	}
	a := api.WitnessAsk{Report: name, Again: c.Bool("again"), Look: c.Bool("look"), Authorities: c.StringSlice("tsa"), Calendars: c.StringSlice("calendar")}
	return d.with(ctx, c, func(b api.Backend) error {
		w, err := b.AskWitnesses(ctx, a)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, w))
		}
		for _, m := range w.Failed {
			d.say("no answer   %s %s", oneLine(m.Who), oneLine(m.Why))
		}
		for _, f := range w.Findings {
			d.say("%-10s  %s", f.Class, oneLine(f.Words))
		}
		if w.SentTo != "" {
			d.say("What they signed goes to %s as well, sealed, by itself.", oneLine(w.SentTo))
		}
		if w.NoCard != "" {
			d.say("It is kept here alone: the card of %s is not among your inboxes. `jauap inbox save` it and ask once more.", oneLine(w.NoCard))
		}
		if len(w.Failed) > 0 && w.Fresh == 0 {
			return errors.New("no witness gave anything new")
		}
		return nil
	})
}

// beside reads what a reader brings to a package.
func beside(c *cli.Command) (b evidence.Beside, err error) {
	for _, name := range c.StringSlice("stamp") {
		data, err := os.ReadFile(name)
		if err != nil {
			return b, err
		}
		b.Stamps = append(b.Stamps, evidence.File{Name: path.Base(name), Data: data})
	}
	for _, name := range c.StringSlice("tsa-cert") {
		data, err := os.ReadFile(name)
		if err != nil {
			return b, err
		}
		list := stamp.Certificates(data)
		if len(list) == 0 {
			return b, fmt.Errorf("%s holds no certificate, neither PEM nor DER", name)
		}
		b.Named = append(b.Named, list...)
	}
	return b, nil
}
