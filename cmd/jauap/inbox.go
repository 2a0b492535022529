package main

import (
	"context"
	"errors"
	"io"

	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"
	"rsc.io/qr"

	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/web/api"
)

func inboxCommands(d *door) []*cli.Command {
	return []*cli.Command{{
		Name: "inbox", Category: "evidence", Usage: "public inboxes: open one, write to one",
		Description: "A desk opens an inbox once and publishes its card. Who has the card can write without having met\n" +
			"anybody: jauap inbox write, jauap report --to. Nothing tells who wrote.",
		Flags:  []cli.Flag{jsonFlag()},
		Action: d.inboxes,
		Commands: []*cli.Command{
			{Name: "open", Usage: "open an inbox; prints the card to publish", ArgsUsage: "NAME", Flags: []cli.Flag{jsonFlag()}, Action: d.openInbox},
			{Name: "card", Usage: "print a card again, or write it as a picture", ArgsUsage: "INBOX", Flags: []cli.Flag{&cli.StringFlag{Name: "png", Usage: "write a QR code to this file", Local: true}}, Action: d.inboxCard},
			{Name: "save", Usage: "keep somebody's card under its name", ArgsUsage: "CARD", Flags: []cli.Flag{jsonFlag()}, Action: d.saveInbox},
			{Name: "close", Usage: "erase the keys of an own inbox for good, or forget somebody's card", ArgsUsage: "INBOX", Action: d.closeInbox},
			{Name: "write", Usage: "write a letter to an inbox; nothing tells who wrote", ArgsUsage: "INBOX|CARD TEXT|-", Flags: []cli.Flag{jsonFlag()}, Action: d.writeInbox},
			{Name: "read", Usage: "what came to the own inboxes", Flags: []cli.Flag{jsonFlag()}, Action: d.received},
			{Name: "get", Usage: "write what came to a file; - is standard output", ArgsUsage: "ID FILE", Action: d.getReceived},
			{Name: "delete", Usage: "erase what came", ArgsUsage: "ID", Action: d.deleteReceived},
		},
	}}
}

func (d *door) inboxes(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Inboxes(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		if len(list) == 0 {
			d.say("No inboxes. Open one with `jauap inbox open NAME`, or keep somebody's card with `jauap inbox save CARD`.")
		}
		for _, x := range list {
			kind := "somebody's"
			switch {
			case x.Closed:
				kind = "mine, closed"
			case x.Mine:
				kind = "mine"
			}
			d.say("%s  %s  %s, new card needed by %s", x.ID[:8], oneLine(x.Name), kind, x.Until.Format("2006-01-02"))
			if x.Late > 0 {
				d.say("          %d letters came after their key was erased and cannot be read.", x.Late)
			}
		}
		return nil
	})
}

func (d *door) openInbox(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "the inbox's name")
	if err != nil {
		return err
	}
	return d.askInbox(ctx, c, api.InboxAsk{Do: "open", Name: name}, func(x api.Inbox) {
		d.say("%s", x.Card)
		d.say("Publish this card once; it serves until %s. Whoever has it can write to you.", x.Until.Format("2006-01-02"))
	})
}

func (d *door) askInbox(ctx context.Context, c *cli.Command, a api.InboxAsk, say func(api.Inbox)) error {
	return d.with(ctx, c, func(b api.Backend) error {
		x, err := b.Inbox(ctx, a)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, x))
		}
		say(x)
		return nil
	})
}

func (d *door) saveInbox(ctx context.Context, c *cli.Command) error {
	card, err := arg(c, 0, "the card: jauap-inbox:1:…")
	if err != nil {
		return err
	}
	return d.askInbox(ctx, c, api.InboxAsk{Do: "save", Card: card}, func(x api.Inbox) { d.say("Kept as %s.", oneLine(x.Name)) })
}

func (d *door) closeInbox(ctx context.Context, c *cli.Command) error {
	id, err := arg(c, 0, "the inbox")
	if err != nil {
		return err
	}
	return d.askInbox(ctx, c, api.InboxAsk{Do: "close", ID: id}, func(x api.Inbox) {
		if x.Mine {
			d.say("Closed. What is still under way to it can never be read.")
			return
		}
		d.say("Forgotten.")
	})
}

func (d *door) inboxCard(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "the inbox")
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Inboxes(ctx)
		if err != nil {
			return err
		}
		for _, x := range list {
			if !strings.EqualFold(x.Name, name) && !(len(name) >= 4 && strings.HasPrefix(x.ID, name)) {
				continue
			}
			if c.String("png") == "" {
				d.say("%s", x.Card)
				return nil
			}
			code, err := qr.Encode(x.QR, qr.L)
			if err != nil {
				return err
			}
			code.Scale = 6
			return newFile(c.String("png"), 0o644, func(f io.Writer) error { _, err := f.Write(code.PNG()); return err })
		}
		return errors.Join(api.ErrNotFound, usage("there is no inbox %q; `jauap inbox` lists them", name))
	})
}

func (d *door) writeInbox(ctx context.Context, c *cli.Command) error {
	to, err := arg(c, 0, "the inbox or its card")
	if err != nil {
		return err
	}
	texts, err := d.texts(c)
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		s, err := b.WriteInbox(ctx, api.InboxLetter{To: to, Text: strings.Join(texts, "\n")})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, s))
		}
		d.say("Sealed to %s. It leaves by itself when anything opens.", oneLine(s.To))
		return nil
	})
}

func (d *door) received(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Received(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		if len(list) == 0 {
			d.say("Nothing came yet.")
		}
		for _, r := range list {
			if !r.Whole() {
				d.say("%s  %s to %s, %d of %d pieces are here", r.ID[:8], r.Kind, oneLine(r.Inbox), r.Here, r.All)
				continue
			}
			d.say("%s  %s to %s, %d bytes, %s", r.ID[:8], r.Kind, oneLine(r.Inbox), r.Bytes, age(&r.Came))
			for line := range strings.Lines(r.Text) {
				d.say("    %s", oneLine(strings.TrimRight(line, "\n")))
			}
		}
		return nil
	})
}

func (d *door) getReceived(ctx context.Context, c *cli.Command) error {
	id, err := arg(c, 0, "the id")
	if err != nil {
		return err
	}
	to, err := arg(c, 1, "the file to write")
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		f, body, err := b.ReceivedFile(ctx, id)
		if err != nil {
			return err
		}
		defer body.Close()
		if to == "-" {
			_, err := io.Copy(d.out, body)
			return err
		}
		if err := newFile(to, 0o600, func(w io.Writer) error { _, err := io.Copy(w, body); return err }); err != nil {
			return err
		}
		d.say("Written: %s, %d bytes.", to, f.Bytes)
		return nil
	})
}

func (d *door) deleteReceived(ctx context.Context, c *cli.Command) error {
	id, err := arg(c, 0, "the id")
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		_, err := b.DeleteReceived(ctx, id)
		if err == nil {
			d.say("Erased here.")
		}
		return err
	})
}

// reportTo seals a report to a public inbox.
func (d *door) reportTo(ctx context.Context, c *cli.Command) error {
	r, err := d.reportOf(c)
	if err != nil {
		return usageError{err}
	}
	if err := r.Check(); err != nil {
		return usageError{err}
	}
	if c.String("ticket") != "" || len(c.StringSlice("after")) > 0 {
		return usage("with --to the secret is kept in the profile (--claimable), and the newest notices are named by themselves")
	}
	a := api.ReportAsk{To: c.String("to"), ReportForm: formOf(r), Claim: c.Bool("claimable"), Bare: c.Bool("bare"), Forget: c.Int("forget")}
	paths := c.Args().Slice()
	if a.Files, err = readFiles(paths); err != nil {
		return err
	}
	if c.Bool("erase") {
		if a.Forget < 1 {
			return usage("--erase needs --forget N: after how many receipts")
		}
		for _, p := range paths {
			whole, err := filepath.Abs(p)
			if err != nil {
				return err
			}
			a.Erase = append(a.Erase, whole)
		}
	}
	return d.with(ctx, c, func(b api.Backend) error {
		s, err := b.Report(ctx, a)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, s))
		}
		d.say("Sealed to %s: %d bytes in %d pieces. It leaves by itself when anything opens.", oneLine(s.To), s.Bytes, s.Pieces)
		d.say("Root: %s", s.Root)
		d.say("How far it has come: jauap report sent")
		return nil
	})
}

func formOf(r evidence.Report) api.ReportForm {
	f := api.ReportForm{What: r.What, From: r.From, Till: r.To, Place: r.Place.Name, Lat: r.Place.Lat, Lon: r.Place.Lon, Near: r.Place.PrecisionM,
		Basis: r.Basis, Actors: r.Actors, Source: r.Source, Consent: r.Consent}
	for _, n := range r.Numbers {
		f.Numbers = append(f.Numbers, api.ReportCount{What: n.What, Min: n.Min, Max: n.Max})
	}
	return f
}

func (d *door) sentReports(ctx context.Context, c *cli.Command) error {
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.SentReports(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		if len(list) == 0 {
			d.say("Nothing is remembered.")
		}
		for _, s := range list {
			state := "waits here or is under way"
			switch {
			case s.Arrived:
				state = "arrived: the desk has all of it"
			case s.Relays == 1:
				state = "1 relay holds all of it"
			case s.Relays > 1:
				state = strconv.Itoa(s.Relays) + " relays hold all of it"
			}
			d.say("%s  %s to %s, %s: %s", s.ID[:8], s.Kind, oneLine(s.To), age(&s.At), state)
			if s.Forget > 0 {
				d.say("          forgotten here after %d receipts, and %d files erased", s.Forget, len(s.Erase))
			}
		}
		return nil
	})
}

func (d *door) actSent(do string) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		id, err := arg(c, 0, "the id")
		if err != nil {
			return err
		}
		return d.with(ctx, c, func(b api.Backend) error {
			s, err := b.ActSent(ctx, api.SentAct{ID: id, Do: do})
			if err != nil || c.Bool("json") {
				return errors.Join(err, d.jsonIf(err, s))
			}
			if do == "claim" {
				d.say("The claim is sealed to %s and leaves by itself.", oneLine(s.To))
				return nil
			}
			d.say("Forgotten here. What was sealed goes on.")
			return nil
		})
	}
}
