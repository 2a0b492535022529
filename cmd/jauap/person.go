package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/web/api"
)

func personCommands(d *door) []*cli.Command {
	return []*cli.Command{
		{
			Name: "init", Category: "people", Usage: "make a pseudonym on this device",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "name", Usage: "what others see; any name, or none", Local: true},
				&cli.BoolFlag{Name: "no-passphrase", Usage: "protect this profile by the disk alone", Local: true},
			},
			Action: d.init,
		},
		{Name: "me", Category: "people", Usage: "show my fingerprint words and digits", Flags: []cli.Flag{jsonFlag()}, Action: d.me},
		{
			Name: "invite", Category: "people", Usage: "make an invitation for one person",
			Flags: []cli.Flag{
				jsonFlag(),
				&cli.BoolFlag{Name: "link", Usage: "as text for any messenger (default)", Local: true},
				&cli.BoolFlag{Name: "qr", Usage: "as the shorter text for a QR code, for people who stand side by side", Local: true},
				&cli.BoolFlag{Name: "digits", Usage: "as 24 digits or eight words, to read to one person on the telephone", Local: true},
			},
			Action: d.invite,
		},
		{
			Name: "accept", Category: "people", Usage: "take somebody's invitation, a photo of its picture, or the digits or words that they read aloud", ArgsUsage: "CODE|FILE|DIGITS|WORDS",
			Flags: []cli.Flag{
				jsonFlag(),
				&cli.StringFlag{Name: "name", Usage: "what to call them here", Local: true},
				&cli.BoolFlag{Name: "in-person", Usage: "they stand beside me", Local: true},
				&cli.DurationFlag{Name: "wait", Usage: "wait so long for the card of digits or words", Local: true},
			},
			Action: d.accept,
		},
		{Name: "people", Category: "people", Usage: "list whom I can write to", Flags: []cli.Flag{jsonFlag()}, Action: d.people},
		{Name: "rename", Category: "people", Usage: "change what somebody is called on this device, and only here", ArgsUsage: "NAME NEW-NAME", Flags: []cli.Flag{jsonFlag()}, Action: d.rename},
		{
			Name: "verify", Category: "people", Usage: "compare the words or digits that somebody reads aloud", ArgsUsage: "NAME [WORDS|DIGITS]",
			Flags:  []cli.Flag{jsonFlag(), &cli.BoolFlag{Name: "compared", Usage: "we looked at both screens side by side", Local: true}},
			Action: d.verify,
		},
	}
}

func (d *door) init(_ context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	var pass []byte
	if !c.Bool("no-passphrase") {
		var err error
		if pass, err = d.newPassphrase(c); err != nil {
			return err
		}
	}
	dir := c.String("data")
	if err := daemon.Init(dir, c.String("name"), pass, nil); err != nil {
		return err
	}
	d.say("A pseudonym is ready in %s.", dir)
	d.say("Next: `jauap` opens the page; `jauap invite` makes an invitation.")
	return nil
}

// minPassphrase is the shortest in bytes; spec/THREATS.md tells what it is
// worth.
const minPassphrase = 8

// newPassphrase asks twice at a terminal.
func (d *door) newPassphrase(c *cli.Command) ([]byte, error) {
	pass, err := d.passphrase(c, "New passphrase (five random words are good): ")
	if err != nil {
		return nil, err
	}
	if len(pass) < minPassphrase {
		return nil, usage("a passphrase of %d characters is guessed in minutes: take at least %d, best five random words (for a profile without one say --no-passphrase)", len(pass), minPassphrase)
	}
	if c.String("passphrase-file") != "" || os.Getenv("JAUAP_PASSPHRASE") != "" {
		return pass, nil
	}
	again, err := d.passphrase(c, "Once more: ")
	if err != nil {
		return nil, err
	}
	if string(again) != string(pass) {
		return nil, errors.New("the two passphrases differ: start again")
	}
	return pass, nil
}

func (d *door) me(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		me, err := b.Me(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, me))
		}
		d.say("name    %s", orNone(me.Name))
		d.say("id      %s", me.ID)
		d.say("words   %s", strings.Join(me.Words, " "))
		for _, lang := range []string{"kk", "ru"} {
			if w := me.WordsIn[lang]; w != nil {
				d.say("words   %s (%s)", strings.Join(w, " "), lang)
			}
		}
		d.say("digits  %s", me.Digits)
		return nil
	})
}

// jsonIf writes v unless something failed before.
func (d *door) jsonIf(err error, v any) error {
	if err != nil {
		return nil
	}
	return d.json(v)
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

func (d *door) invite(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	if c.Bool("digits") {
		return d.readAloud(ctx, c)
	}
	return d.with(ctx, c, func(b api.Backend) error {
		i, err := b.Invite(ctx)
		switch {
		case err != nil:
			return err
		case c.Bool("json"):
			return d.json(i)
		case c.Bool("qr"):
			d.say("%s", i.QR)
		default:
			d.say("%s", i.Link)
		}
		return nil
	})
}

func (d *door) accept(ctx context.Context, c *cli.Command) error {
	if text := strings.Join(c.Args().Slice(), " "); isNote(text) {
		return d.notes(ctx, c, text)
	}
	if spoken(c) {
		return d.typed(ctx, c)
	}
	code, err := arg(c, 0, "an invitation, or a file that holds one,")
	if err != nil {
		return err
	}
	if err := tooMany(c, 1); err != nil {
		return err
	}
	if info, err := os.Stat(code); err == nil && info.Mode().IsRegular() {
		const most = api.MaxPicture
		if info.Size() > most {
			return usage("%s is too large for an invitation", code)
		}
		b, err := os.ReadFile(code)
		if err != nil {
			return err
		}
		code = string(b)
	}
	if picture := []byte(code); isPicture(picture) {
		err := d.with(ctx, c, func(b api.Backend) error {
			s, err := b.Scan(ctx, picture)
			code = s.Code
			return err
		})
		if err != nil {
			return err
		}
	}
	if !strings.Contains(strings.ToLower(code), "jauap:") {
		if isNote(code) {
			return d.notes(ctx, c, code)
		}
		return usage("there is no file %q, and it is not an invitation, which begins with jauap:", code)
	}
	ask := api.AcceptAsk{Code: code, Name: c.String("name"), InPerson: c.Bool("in-person")}
	return d.with(ctx, c, func(b api.Backend) error {
		p, err := b.Accept(ctx, ask)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, p))
		}
		d.say("You can write to %s now. %s", p.Name, verifiedText(p))
		return nil
	})
}

func verifiedText(p api.Person) string {
	switch {
	case p.KeyChanged:
		return "KEY CHANGED: do not trust it until you compared words again."
	case p.Verified == "":
		return "Not verified: compare words with `jauap verify`."
	}
	if !checked(p.Verified) {
		return "I" + p.Verified[1:] + ", " + age(p.VerifiedAt) + ": compare words with `jauap verify`."
	}
	return "Verified " + p.Verified + "."
}

func (d *door) people(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.People(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		if len(list) == 0 {
			d.say("Nobody yet. Send somebody your `jauap invite`, or `jauap accept` theirs.")
		}
		for _, p := range list {
			d.say("%s", p.Name)
			d.say("  %s %s", verifiedText(p), halfText(p))
			if p.Word != nil {
				d.say("  %s", wordText(*p.Word))
			}
			for _, w := range p.Searches {
				d.say("  %s", wordText(w))
			}
			d.say("  wrote: %s · seen: %s · their place answered: %s", age(p.WroteAt), seenText(p), age(p.PlaceAnsweredAt))
			if p.Promise != nil {
				d.say("  to report by %s: %s", p.Promise.By.Local().Format("2 Jan 15:04"), verdictText(*p.Promise))
			}
			if p.Unread+p.Waiting > 0 {
				d.say("  %d new · %d waiting to leave", p.Unread, p.Waiting)
			}
		}
		return nil
	})
}

func seenText(p api.Person) string {
	if p.SeenBy == "" {
		return age(p.SeenAt)
	}
	return age(p.SeenAt) + " by " + p.SeenBy
}

func (d *door) verify(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "a name")
	if err != nil {
		return err
	}
	ask := api.VerifyAsk{Name: name, Code: strings.Join(c.Args().Tail(), " "), Compared: c.Bool("compared")}
	return d.with(ctx, c, func(b api.Backend) error {
		if ask.Code == "" && !ask.Compared {
			return d.showCode(ctx, b, name)
		}
		p, err := b.Verify(ctx, ask)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, p))
		}
		d.say("%s: %s", p.Name, verifiedText(p))
		return nil
	})
}

func (d *door) rename(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "a name")
	if err != nil {
		return err
	}
	as, err := arg(c, 1, "what to call them")
	if err != nil {
		return err
	}
	if err := tooMany(c, 2); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		p, err := b.Rename(ctx, api.RenameAsk{Name: name, As: as})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, p))
		}
		d.say("Here the name is %s now. It is never sent.", p.Name)
		return nil
	})
}

// showCode tells what to compare when no code was given.
func (d *door) showCode(ctx context.Context, b api.Backend, name string) error {
	list, err := b.People(ctx)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.Name == name || p.ID == name {
			d.say("%s must read these words to you: %s", p.Name, strings.Join(p.Words, " "))
			d.say("or these digits: %s", p.Digits)
			d.say("Type what you hear: jauap verify %q WORDS, or --compared if you saw it on their screen.", p.Name)
			return nil
		}
	}
	return api.ErrUnknownPerson
}
