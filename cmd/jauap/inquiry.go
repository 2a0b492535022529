package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/web/api"
)

func inquiryCommands(d *door) []*cli.Command {
	text := func(name, usage string) cli.Flag { return &cli.StringFlag{Name: name, Usage: usage, Local: true} }
	to := &cli.StringSliceFlag{Name: "to", Usage: "a helper among your contacts; may be repeated", Local: true}
	days := &cli.IntFlag{Name: "days", Usage: "how long it is worth asking: 1 to 120, 14 by default", Local: true}
	return []*cli.Command{
		{
			Name: "ask", Category: "asking after people", Usage: "ask helpers to find out about somebody", ArgsUsage: "[NAME]",
			Flags: []cli.Flag{
				jsonFlag(), to, text("inbox", "or a public inbox, by its card or name: nobody there need know you"), days,
				text("phone", "their telephone number"), text("address", "where they live"), text("question", "what to ask"),
				text("from", "who asks, as they would know you"), text("say", "what may be said to them"),
				text("pfif", "ask after everybody in this PFIF file"), text("csv", "or in this table: name, phone, address, question, from, say"),
			},
			Action: d.ask,
		},
		{
			Name: "slips", Category: "asking after people", Usage: "whom others ask after, and what became of mine", ArgsUsage: "[ID]",
			Flags: []cli.Flag{
				jsonFlag(),
				&cli.BoolFlag{Name: "all", Usage: "also those that are over", Local: true},
				&cli.BoolFlag{Name: "mine", Usage: "only those that I asked", Local: true},
				text("export", "write them to standard output: pfif or csv"),
				text("lang", "language of what PFIF demands and nobody said: en, ru or kk"),
			},
			Action: d.slips,
			Commands: []*cli.Command{
				{Name: "take", Usage: "I am on it; the others see that", ArgsUsage: "ID", Action: d.act("taken", "Taken. Who asked and your team will see it.")},
				{Name: "give-back", Usage: "somebody else may", ArgsUsage: "ID", Action: d.act("given-back", "Given back.")},
				{Name: "withdraw", Usage: "my question is settled", ArgsUsage: "ID", Action: d.act("withdrawn", "Withdrawn. Helpers will forget it.")},
				{Name: "delete", Usage: "forget it on this device", ArgsUsage: "ID", Action: d.act("deleted", "Deleted here.")},
				{
					Name: "print", Usage: "a reply slip to hand over: text on standard output, or --pdf FILE", ArgsUsage: "ID",
					Flags: []cli.Flag{text("pdf", "write a page to print to this file"), text("lang", "en, ru or kk")}, Action: d.printSlip,
				},
				{
					Name: "team", Usage: "show or choose the contacts with whom slips are shared", ArgsUsage: "[NAME]…",
					Flags:  []cli.Flag{jsonFlag(), &cli.BoolFlag{Name: "nobody", Usage: "share with nobody", Local: true}},
					Action: d.team,
				},
			},
		},
		{
			Name: "answer", Category: "asking after people", Usage: "say what came of a slip", ArgsUsage: "ID OUTCOME [TEXT], or --code CODE [TEXT]",
			Description: "OUTCOME is one of: spoke (to the person), close (somebody close says), neighbour, no-answer, not-there, other.",
			Flags: []cli.Flag{jsonFlag(), text("code", "the code beside the answer that was ticked on a printed slip"),
				&cli.BoolFlag{Name: "look", Usage: "with --code: only say what it stands for", Local: true}},
			Action: d.answerSlip,
		},
	}
}

func (d *door) ask(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 1); err != nil {
		return err
	}
	a := api.AskAfter{To: c.StringSlice("to"), Name: c.Args().First(), Phone: c.String("phone"), Address: c.String("address"),
		Question: c.String("question"), From: c.String("from"), Say: c.String("say"), Days: c.Int("days"), Inbox: c.String("inbox")}
	if len(a.To) > 0 == (a.Inbox != "") {
		return usage("ask: say which of your contacts asks for you, --to NAME, or which public inbox, --inbox CARD")
	}
	for _, form := range []string{"pfif", "csv"} {
		if name := c.String(form); name != "" {
			return d.askFile(ctx, c, form, name, a)
		}
	}
	return d.with(ctx, c, func(b api.Backend) error {
		sent, err := b.AskAfter(ctx, a)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, sent))
		}
		d.say("Saved as %s. It leaves by itself; `jauap slips --mine` tells what became of it.", sent.ID[:8])
		return nil
	})
}

func (d *door) askFile(ctx context.Context, c *cli.Command, form, name string, a api.AskAfter) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		r, err := b.ImportSlips(ctx, api.SlipFile{Form: form, Data: data, To: a.To, Inbox: a.Inbox, Days: a.Days})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, r))
		}
		for _, n := range r.Notes {
			d.say("not asked: %s", oneLine(n))
		}
		d.say("%d slips saved. They leave by themselves.", r.Asked)
		return nil
	})
}

func (d *door) slips(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 1); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		if form := c.String("export"); form != "" {
			f, err := b.ExportSlips(ctx, api.SlipFile{Form: form, Lang: smsLang(c)})
			if err == nil {
				_, err = d.out.Write(f.Data)
			}
			return err
		}
		list, err := b.Slips(ctx)
		if err != nil {
			return err
		}
		shown := []api.Slip{}
		for _, s := range list {
			over := s.State == "answered" || s.State == "withdrawn" || s.State == "expired"
			switch id := c.Args().First(); {
			case id != "" && !strings.HasPrefix(s.ID, id), c.Bool("mine") && !s.Mine, id == "" && over && !s.Mine && !c.Bool("all"):
				continue
			}
			shown = append(shown, s)
		}
		if c.Bool("json") {
			return d.json(shown)
		}
		if len(shown) == 0 {
			d.say("No slips.")
		}
		for _, s := range shown {
			d.saySlip(&s)
		}
		return d.sayWaiting(ctx, b)
	})
}

// sayWaiting tells what of the own public inboxes is not in the queue.
func (d *door) sayWaiting(ctx context.Context, b api.Backend) error {
	list, err := b.Inboxes(ctx)
	for _, x := range list {
		if x.SlipsWait > 0 {
			d.say("%s: %d slips wait until others are answered or deleted.", oneLine(x.Name), x.SlipsWait)
		}
		if x.SlipsFull {
			d.say("%s: so many wait that further ones stay with those who carry them.", oneLine(x.Name))
		}
		if x.SlipsRefused > 0 {
			d.say("%s: %d slips were refused: unreadable, or about another's slip.", oneLine(x.Name), x.SlipsRefused)
		}
	}
	return err
}

func (d *door) saySlip(s *api.Slip) {
	who := oneLine(s.Name)
	switch {
	case s.Erased:
		who = "(forgotten here)"
	case who == "":
		who = "(no name)"
	}
	state := s.State
	if len(s.Takers) > 0 && state == "taken" {
		state = "taken by " + oneLine(strings.Join(s.Takers, ", "))
	}
	if s.Mine && s.Inbox && state == "open" {
		state = "on its way to " + oneLine(s.Via)
		if s.Arrived {
			state = "arrived at " + oneLine(s.Via)
		}
	}
	if s.Tries > 0 {
		state += fmt.Sprintf(", no answer ×%d", s.Tries)
	}
	d.say("%s  %s  %s, %s", s.ID[:8], who, state, age(&s.Received))
	if s.Inbox && !s.Mine {
		d.say("    through the public inbox %s: nobody vouches for who asks%s", oneLine(s.Via), map[bool]string{true: fmt.Sprintf("; %d asked the same", s.Askers)}[s.Askers > 1])
	}
	for _, line := range []struct{ what, text string }{{"telephone", s.Phone}, {"address", s.Address}, {"question", s.Question}, {"asked by", s.From}, {"say", s.Say}} {
		if line.text != "" {
			d.say("    %s: %s", line.what, oneLine(line.text))
		}
	}
	for _, e := range s.Events {
		if e.Kind != "answered" {
			continue
		}
		by := oneLine(e.Who)
		if e.Via != "" && e.Via != e.Who {
			by += ", by way of " + oneLine(e.Via)
		}
		said := ""
		if e.Text != "" {
			said = ": " + oneLine(e.Text)
		}
		d.say("    %s (%s, %s)%s", e.Outcome, by, age(&e.At), said)
	}
}

// act is the action of a command that does one thing to a slip.
func (d *door) act(kind, done string) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		id, err := arg(c, 0, "a slip; `jauap slips` lists them")
		if err == nil {
			err = tooMany(c, 1)
		}
		if err != nil {
			return err
		}
		return d.with(ctx, c, func(b api.Backend) error {
			if _, err := b.Act(ctx, api.SlipAct{ID: id, Kind: kind}); err != nil {
				return err
			}
			d.say("%s", done)
			return nil
		})
	}
}

// printSlip writes a slip as something to hand over.
func (d *door) printSlip(ctx context.Context, c *cli.Command) error {
	id, err := arg(c, 0, "a slip; `jauap slips` lists them")
	if err != nil {
		return err
	}
	a := api.SlipPrint{ID: id, Form: "text", Lang: c.String("lang")}
	if c.String("pdf") != "" {
		a.Form = "pdf"
	}
	return d.with(ctx, c, func(b api.Backend) error {
		f, err := b.PrintSlip(ctx, a)
		if err != nil {
			return err
		}
		if a.Form == "pdf" {
			return newFile(c.String("pdf"), 0o600, func(w io.Writer) error { _, err := w.Write(f.Data); return err })
		}
		_, err = d.out.Write(f.Data)
		return err
	})
}

func (d *door) answerSlip(ctx context.Context, c *cli.Command) error {
	if code := c.String("code"); code != "" {
		return d.answer(ctx, c, api.SlipAct{Code: code, Look: c.Bool("look"), Text: strings.Join(c.Args().Slice(), " ")})
	}
	id, err := arg(c, 0, "a slip; `jauap slips` lists them")
	if err != nil {
		return err
	}
	outcome, err := arg(c, 1, "the outcome: spoke, close, neighbour, no-answer, not-there or other")
	if err != nil {
		return err
	}
	text := strings.Join(c.Args().Slice()[2:], " ")
	return d.answer(ctx, c, api.SlipAct{ID: id, Kind: "answered", Outcome: outcome, Text: text})
}

func (d *door) answer(ctx context.Context, c *cli.Command, a api.SlipAct) error {
	return d.with(ctx, c, func(b api.Backend) error {
		s, err := b.Act(ctx, a)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, s))
		}
		if a.Look {
			d.say("%s: %s", s.Outcome, oneLine(s.Name))
			return nil
		}
		d.say("Saved. It goes to who asked by itself.")
		return nil
	})
}

func (d *door) team(ctx context.Context, c *cli.Command) error {
	return d.with(ctx, c, func(b api.Backend) (err error) {
		var names []string
		if c.Args().Present() || c.Bool("nobody") {
			names, err = b.SetTeam(ctx, c.Args().Slice())
		} else {
			names, err = b.Team(ctx)
		}
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, names))
		}
		if len(names) == 0 {
			d.say("Slips are shared with nobody.")
		}
		for _, n := range names {
			d.say("%s", oneLine(n))
		}
		return nil
	})
}
