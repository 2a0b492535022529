package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/web/api"
)

func deskCommands(d *door) []*cli.Command {
	text := func(name, usage string) cli.Flag { return &cli.StringFlag{Name: name, Usage: usage, Local: true} }
	act := func(name, usage, args string, f func(*cli.Command) (api.DeskAct, error)) *cli.Command {
		return &cli.Command{Name: name, Usage: usage, ArgsUsage: args, Flags: []cli.Flag{jsonFlag()}, Action: d.deskAct(f)}
	}
	lang := text("lang", "language of the paper: en, ru or kk")
	return []*cli.Command{{
		Name: "desk", Category: "evidence", Usage: "verified reports, incidents, and what others claim",
		Description: "Reports that came to an own inbox are checked and wait here. A person joins them to incidents; a program only\n" +
			"suggests. Claims stand side by side with their history. Everything is named by the beginning of its id.",
		Flags:  []cli.Flag{jsonFlag(), &cli.IntFlag{Name: "page", Usage: "which page, from 0", Local: true}, lang},
		Action: d.showDesk,
		Commands: []*cli.Command{
			act("name", "what the desk calls itself in what it enters", "NAME", one("name", func(a *api.DeskAct, s []string) { a.Text = s[0] }, 1)),
			{Name: "report", Usage: "one report: what it proves, and incidents that are alike", ArgsUsage: "REPORT", Flags: []cli.Flag{jsonFlag()}, Action: d.deskReport},
			{Name: "incident", Usage: "one incident with its reports", ArgsUsage: "INCIDENT", Flags: []cli.Flag{jsonFlag()}, Action: d.deskIncident},
			act("new", "make an incident", "TITLE", one("incident", func(a *api.DeskAct, s []string) { a.Text = s[0] }, 1)),
			act("put", "say that a report belongs to an incident; \"new\" makes one, \"none\" takes it out", "REPORT INCIDENT|new|none [TITLE]", putAct),
			act("join", "say that an incident is another one", "INCIDENT INTO", one("merge", func(a *api.DeskAct, s []string) { a.Of, a.Into = s[0], s[1] }, 2)),
			act("grade", "confirmed, fair, weak, contested or discounted", "INCIDENT GRADE", one("grade", func(a *api.DeskAct, s []string) { a.Of, a.State = s[0], s[1] }, 2)),
			act("source", "name whom a report comes from: reports of one name are one source", "REPORT NAME", one("source", func(a *api.DeskAct, s []string) { a.Of, a.State = s[0], s[1] }, 2)),
			act("note", "write a note about anything", "ID TEXT", one("note", func(a *api.DeskAct, s []string) { a.Of, a.Text = s[0], s[1] }, 2)),
			act("undo", "let an entry not count; an undo can be undone", "ENTRY", one("undo", func(a *api.DeskAct, s []string) { a.Of = s[0] }, 1)),
			{
				Name: "claim", Usage: "enter what somebody said of a number", Flags: []cli.Flag{jsonFlag(),
					text("topic", "what it is about: claims of one topic stand side by side"), text("who", "who said it"), text("side", "official, hospital, monitor, witness, media or other"),
					text("number", "killed=164 or killed=30-60"), text("said", "when: 2022-01-09"), text("scope", "of which place, period, people"), text("ref", "where it can be read")},
				Action: d.deskAct(claimAct),
			},
			act("status", "say that a claim was withdrawn or revised, or stands; it is never deleted", "CLAIM withdrawn|revised|stands [TEXT]", statusAct),
			{Name: "claims", Usage: "what was claimed, with its history", Flags: []cli.Flag{jsonFlag()}, Action: d.deskClaims},
			{Name: "log", Usage: "all entries, newest first", Flags: []cli.Flag{jsonFlag(), &cli.IntFlag{Name: "page", Usage: "which page, from 0", Local: true}}, Action: d.deskLog},
			{Name: "take", Usage: "check packages of evidence, or merge the entries of another desk", ArgsUsage: "FILE…", Flags: []cli.Flag{jsonFlag()}, Action: d.deskTake},
			{Name: "export", Usage: "a ZIP of tables, GeoJSON and paper: --level redacted for everybody, full for those you work with", ArgsUsage: "FILE", Flags: []cli.Flag{text("level", "redacted or full; redacted by default"), lang}, Action: d.deskExport},
			{Name: "give", Usage: "write all entries, but for private reports, for another desk", ArgsUsage: "FILE", Action: d.deskGive},
		},
	}}
}

// one makes an act of so many arguments.
func one(kind string, set func(*api.DeskAct, []string), n int) func(*cli.Command) (api.DeskAct, error) {
	return func(c *cli.Command) (api.DeskAct, error) {
		a := api.DeskAct{Kind: kind}
		if c.Args().Len() != n {
			return a, usage("%s takes %s", c.Name, c.ArgsUsage)
		}
		set(&a, c.Args().Slice())
		return a, nil
	}
}

func putAct(c *cli.Command) (api.DeskAct, error) {
	a := api.DeskAct{Kind: "put", Of: c.Args().Get(0), Into: c.Args().Get(1), Text: c.Args().Get(2)}
	if n := c.Args().Len(); n < 2 || n > 3 || n == 3 && a.Into != "new" {
		return a, usage("put takes %s", c.ArgsUsage)
	}
	if a.Into == "none" {
		a.Into = ""
	}
	return a, nil
}

func statusAct(c *cli.Command) (api.DeskAct, error) {
	if n := c.Args().Len(); n < 2 || n > 3 {
		return api.DeskAct{}, usage("status takes %s", c.ArgsUsage)
	}
	return api.DeskAct{Kind: "status", Of: c.Args().Get(0), State: c.Args().Get(1), Text: c.Args().Get(2)}, nil
}

func claimAct(c *cli.Command) (api.DeskAct, error) {
	n, err := numbers(c.String("number"))
	if err != nil {
		return api.DeskAct{}, usageError{err}
	}
	return api.DeskAct{Kind: "claim", Claim: &api.DeskClaim{Topic: c.String("topic"), Who: c.String("who"), Side: c.String("side"), What: n.What, Min: n.Min, Max: n.Max,
		Said: c.String("said"), Scope: c.String("scope"), Ref: c.String("ref")}}, nil
}

func (d *door) deskAct(make func(*cli.Command) (api.DeskAct, error)) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		a, err := make(c)
		if err != nil {
			return err
		}
		return d.with(ctx, c, func(b api.Backend) error {
			e, err := b.DeskAct(ctx, a)
			if err != nil || c.Bool("json") {
				return errors.Join(err, d.jsonIf(err, e))
			}
			switch {
			case e.Name == "":
				d.say("Done.")
			case a.Into == "new":
				d.say("Entered: %s, incident %s. Take it back with: jauap desk undo %s", e.Name[:12], e.Into[:12], e.Name[:12])
			default:
				d.say("Entered: %s. Take it back with: jauap desk undo %s", e.Name[:12], e.Name[:12])
			}
			return nil
		})
	}
}

func countsText(list []api.DeskCount) string {
	var out []string
	for _, n := range list {
		if n.Min == n.Max {
			out = append(out, fmt.Sprintf("%s at least %d", n.What, n.Min))
		} else {
			out = append(out, fmt.Sprintf("%s %d to %d", n.What, n.Min, n.Max))
		}
	}
	return cmp.Or(strings.Join(out, ", "), "no numbers")
}

func (d *door) showDesk(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		x, err := b.Desk(ctx, api.DeskAsk{Page: c.Int("page"), Lang: c.String("lang")})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, x))
		}
		d.say("%s, %d to be joined by a person; %s: %s.", many(x.Reports, "report"), x.Waiting, many(x.All, "incident"), countsText(x.Tally))
		for _, r := range x.Queue {
			d.say("  report   %s  %s, %s: %s", r.Root[:12], r.From[:10], oneLine(r.Place), cut(oneLine(r.What), 60))
		}
		for _, i := range x.Incidents {
			d.say("  incident %s  %s, %s, %s from %s: %s", i.ID[:12], oneLine(i.Title), cmp.Or(i.Grade, "not graded"), many(i.Count, "report"), many(i.Sources, "source"), countsText(i.Counts))
		}
		for _, p := range x.Broken {
			d.say("  BROKEN   %s  %s: %s", p.ID[:12], p.Fault, oneLine(p.Words))
		}
		if len(x.Claims) > 0 {
			d.say("%s: jauap desk claims", many(len(x.Claims), "claim"))
		}
		return nil
	})
}

// many counts things: 1 report, 2 reports.
func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// cut shortens a line to so many letters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

func (d *door) deskReport(ctx context.Context, c *cli.Command) error {
	root, err := arg(c, 0, "the report")
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		r, err := b.DeskReport(ctx, root)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, r))
		}
		d.say("%s", r.Root)
		d.say("%s, %s; %s; consent: %s", oneLine(r.Place), r.From, r.Basis, r.Consent)
		for line := range strings.Lines(r.What) {
			d.say("    %s", oneLine(strings.TrimRight(line, "\n")))
		}
		for _, n := range r.Numbers {
			d.say("    %s", numberText(n.What, n.Min, n.Max))
		}
		for _, a := range r.Actors {
			d.say("    actor: %s", oneLine(a))
		}
		for _, m := range r.Media {
			d.say("    [%s, %s, %d bytes]", m.Name, oneLine(m.Type), m.Bytes)
		}
		for _, f := range r.Findings {
			d.say("%-10s  %s", f.Class, oneLine(f.Words))
		}
		if r.Package != "" {
			d.say("Its package: jauap inbox get %s FILE", r.Package[:12])
		}
		for _, s := range r.Alike {
			why := []string{}
			if s.Time {
				why = append(why, "within a day")
			}
			if s.Place {
				why = append(why, "near")
			}
			if s.Words > 0 {
				why = append(why, fmt.Sprintf("%d words alike", s.Words))
			}
			d.say("Perhaps %s (%s): jauap desk put %s %s", oneLine(s.Title), strings.Join(why, ", "), r.Root[:12], s.ID[:12])
		}
		return nil
	})
}

func (d *door) deskIncident(ctx context.Context, c *cli.Command) error {
	id, err := arg(c, 0, "the incident")
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		i, err := b.DeskIncident(ctx, id)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, i))
		}
		d.say("%s: %s", oneLine(i.Title), cmp.Or(i.Grade, "not graded"))
		d.say("%s from %s, %d saw it: %s", many(i.Count, "report"), many(i.Sources, "source"), i.Witnessed, countsText(i.Counts))
		for _, r := range i.Reports {
			d.say("  %s  %s, %s: %s", r.Root[:12], r.From, r.Basis, cut(oneLine(r.What), 60))
		}
		for _, n := range i.Notes {
			d.say("  note of %s: %s", oneLine(n.By), oneLine(n.Text))
		}
		return nil
	})
}

func (d *door) deskClaims(ctx context.Context, c *cli.Command) error {
	return d.with(ctx, c, func(b api.Backend) error {
		x, err := b.Desk(ctx, api.DeskAsk{})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, x.Claims))
		}
		last := ""
		for _, k := range x.Claims {
			if t := k.Topic + ": " + k.What; t != last {
				d.say("%s", oneLine(t))
				last = t
			}
			n := fmt.Sprint(k.Min)
			if k.Max != nil {
				n += fmt.Sprintf(" to %d", *k.Max)
			}
			d.say("  %s  %s  %s  %s (%s), %s. %s", k.ID[:12], k.Said, n, oneLine(k.Who), k.Side, k.State, oneLine(k.Scope))
			for _, h := range k.History {
				d.say("      %s %s %s", h.At.Format(time.DateOnly), cmp.Or(h.State, h.Kind), oneLine(h.Text))
			}
		}
		return nil
	})
}

func (d *door) deskLog(ctx context.Context, c *cli.Command) error {
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.DeskLog(ctx, api.DeskAsk{Page: c.Int("page")})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		for _, e := range list {
			mark := ""
			if e.Undone {
				mark = " (does not count)"
			}
			d.say("%s  %s  %s: %s %.12s %.12s %s %s%s", e.Name[:12], e.At.Format("2006-01-02 15:04"), oneLine(e.By), e.Kind, e.Of, e.Into, oneLine(e.State), cut(oneLine(e.Text), 60), mark)
		}
		return nil
	})
}

func (d *door) deskTake(ctx context.Context, c *cli.Command) error {
	if !c.Args().Present() {
		return usage("take: the files are missing")
	}
	files, err := readFiles(c.Args().Slice())
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.DeskTake(ctx, api.DeskTake{Files: files})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		bad := 0
		for _, t := range list {
			switch {
			case t.Fault != "":
				bad++
				d.say("%s: broken (%s): %s", oneLine(t.Name), t.Fault, oneLine(t.Words))
			case t.Root != "":
				d.say("%s: report %s, %d new", oneLine(t.Name), t.Root[:12], t.Fresh)
			default:
				d.say("%s: %d new entries, %d refused", oneLine(t.Name), t.Fresh, t.Refused)
			}
		}
		if bad > 0 {
			return fmt.Errorf("%d packages do not hold: do not rely on them, ask for them again", bad)
		}
		return nil
	})
}

func (d *door) deskExport(ctx context.Context, c *cli.Command) error {
	return d.deskFile(ctx, c, api.DeskFileAsk{Form: cmp.Or(c.String("level"), "redacted"), Lang: c.String("lang")})
}

func (d *door) deskGive(ctx context.Context, c *cli.Command) error {
	return d.deskFile(ctx, c, api.DeskFileAsk{Form: "entries"})
}

func (d *door) deskFile(ctx context.Context, c *cli.Command, a api.DeskFileAsk) error {
	name, err := arg(c, 0, "the file to write")
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		f, body, err := b.DeskFile(ctx, a)
		if err != nil {
			return err
		}
		defer body.Close()
		if err := newFile(name, 0o600, func(w io.Writer) error { _, err := io.Copy(w, body); return err }); err != nil {
			return err
		}
		d.say("Written: %s, %d bytes.", name, f.Bytes)
		return nil
	})
}
