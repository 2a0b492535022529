package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/web/api"
)

func safeCommands(d *door) []*cli.Command {
	to := &cli.StringSliceFlag{Name: "to", Usage: "whom to tell; everybody by default", Local: true}
	group := &cli.StringSliceFlag{Name: "to", Usage: "whom to tell, people or groups; all people by default", Local: true}
	return []*cli.Command{
		{
			Name: "safe", Category: "people", Usage: "tell people that I am safe; it leaves before all letters",
			Flags: []cli.Flag{
				jsonFlag(), group,
				&cli.BoolFlag{Name: "moved", Usage: "safe, in another place", Local: true},
				&cli.BoolFlag{Name: "hurt", Usage: "hurt, or in need of help", Local: true},
				&cli.StringFlag{Name: "looking", Usage: "I look for this person", Local: true},
				&cli.StringFlag{Name: "note", Usage: "a few words, at most 280 bytes", Local: true},
				&cli.StringFlag{Name: "place", Usage: "where I am, as coarse as I like: a town or region", Local: true},
				&cli.StringFlag{Name: "network", Usage: "whose network is used there", Local: true},
				&cli.StringSliceFlag{Name: "with", Usage: "a contact who is here too: whoever knows them learns it", Local: true},
				&cli.BoolFlag{Name: "heard", Usage: "also tell whose devices this one heard lately; who knows them too learns that I know them", Local: true},
				&cli.BoolFlag{Name: "sms", Usage: "print it as SMS, or for paper, one for each person", Local: true},
				&cli.StringFlag{Name: "qr", Usage: "also write the code of each as a picture for paper into this folder", Local: true},
				&cli.StringFlag{Name: "lang", Usage: "language of the SMS: en, ru or kk", Local: true},
			},
			Action: d.safe,
		},
		{
			Name: "sms", Aliases: []string{"note"}, Category: "people", Usage: "check what came by SMS or on paper and file it", ArgsUsage: "TEXT|-|PHOTO…",
			Description: "The text may hold several messages, as they are copied out of a telephone. A photo is\n" +
				"of the code on a printed note. Wrong characters of a code are put right where that is sure.",
			Flags: []cli.Flag{jsonFlag()}, Action: d.sms,
		},
		{Name: "told", Category: "people", Usage: "what I told about me, and what became of it", Flags: []cli.Flag{jsonFlag()}, Action: d.told},
		{
			Name: "checkin", Category: "people", Usage: "promise to report by an hour, or see the promises",
			Flags: []cli.Flag{
				jsonFlag(), to,
				&cli.StringFlag{Name: "by", Usage: "the hour: 18:00, 3h, or 2026-01-31T18:00", Local: true},
				&cli.IntFlag{Name: "grace", Usage: "minutes for which the place must have answered before anybody worries; 60 by default", Local: true},
				&cli.BoolFlag{Name: "cancel", Usage: "take it back", Local: true},
			},
			Action: d.checkin,
		},
	}
}

// safeAsk reads the flags of one word.
func safeAsk(c *cli.Command) (api.SafeAsk, error) {
	a := api.SafeAsk{
		Kind: "safe", Whom: c.String("looking"), Town: c.String("place"), Net: c.String("network"), Note: c.String("note"),
		With: c.StringSlice("with"), To: c.StringSlice("to"), Heard: c.Bool("heard"),
	}
	n := 0
	for _, k := range []string{"moved", "hurt", "looking"} {
		if c.IsSet(k) {
			a.Kind = k
			n++
		}
	}
	if n > 1 {
		return a, usage("safe: one of --moved, --hurt and --looking at a time")
	}
	switch c.String("lang") {
	case "", "en", "ru", "kk":
		return a, nil
	}
	return a, usage("--lang is en, ru or kk")
}

func (d *door) safe(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	a, err := safeAsk(c)
	if err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		out := struct {
			api.Told
			Notes []api.Note `json:"notes,omitempty"`
		}{}
		if out.Told, err = b.Safe(ctx, a); err != nil {
			return err
		}
		people := persons(out.To) // a group gets no SMS
		if (c.Bool("sms") || c.String("qr") != "") && len(people) > 0 {
			if out.Notes, err = b.Notes(ctx, api.NotesAsk{To: people, Lang: smsLang(c), Seq: out.Seq}); err != nil {
				return err
			}
		}
		if err := writeNotes(c.String("qr"), out.Notes); err != nil {
			return err
		}
		if c.Bool("json") {
			return d.json(out)
		}
		d.say("Saved for %s. It leaves by itself, before all letters.", names(out.To))
		for _, n := range out.Notes {
			d.say("%s (%d of %d characters):", n.To, n.Units, n.Limit)
			d.say("  %s", n.Text)
			if n.Cut {
				d.say("  Not all of your words fitted.")
			}
		}
		return nil
	})
}

// smsLang is the language of notes: the flag's, or the terminal's.
func smsLang(c *cli.Command) string {
	if l := c.String("lang"); l != "" {
		return l
	}
	for _, v := range []string{os.Getenv("LC_ALL"), os.Getenv("LANG")} {
		if len(v) >= 2 && (v[:2] == "ru" || v[:2] == "kk") {
			return v[:2]
		}
	}
	return "en"
}

func persons(to []api.ToldTo) (ids []string) {
	for _, t := range to {
		if !t.Group {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

func names(to []api.ToldTo) string {
	list := make([]string, len(to))
	for i, t := range to {
		list[i] = t.Name
	}
	return strings.Join(list, ", ")
}

// wordText says a word in one line.
func wordText(w api.Word) string {
	text := map[string]string{"safe": "safe", "moved": "safe, in another place", "hurt": "NEEDS HELP", "looking": "looks for " + plain(w.Whom)}[w.Kind]
	if place := strings.TrimSpace(w.Town + " " + w.Net); place != "" {
		text += " · " + plain(place)
	}
	if w.Note != "" {
		text += " · " + plain(w.Note)
	}
	if len(w.With) > 0 {
		text += " · with " + plain(strings.Join(w.With, ", "))
	}
	if w.Noted {
		text += " · by SMS or on paper"
	}
	if w.At.IsZero() {
		return text + " (when: not known)"
	}
	return text + " (" + age(&w.At) + ")"
}

func (d *door) told(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Told(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		if len(list) == 0 {
			d.say("You have told nothing yet: `jauap safe` does.")
		}
		for _, t := range list {
			d.say("%s", wordText(t.Word))
			for _, to := range t.To {
				d.say("  %-24s %s %s", stateText(api.Outgoing{State: to.State, Carriers: to.Carriers}), to.Name, age(&to.At))
				if r := to.Reach; r != nil && to.State != api.Replaced {
					d.say("  %-24s %d of %d have it%s", "", r.Delivered, r.Of, missing(r.Missing))
				}
			}
		}
		return nil
	})
}

func missing(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; not known of " + plain(strings.Join(names, ", "))
}

func (d *door) checkin(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	if !c.IsSet("by") && !c.Bool("cancel") {
		return d.promises(ctx, c)
	}
	a := api.PromiseAsk{Grace: c.Int("grace"), To: c.StringSlice("to"), Cancel: c.Bool("cancel")}
	if !a.Cancel {
		var err error
		if a.By, err = hour(c.String("by"), time.Now()); err != nil {
			return err
		}
	}
	return d.with(ctx, c, func(b api.Backend) error {
		p, err := b.Promise(ctx, a)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, p))
		}
		if a.Cancel {
			d.say("Taken back.")
			return nil
		}
		d.say("Promised to report by %s. `jauap safe` keeps it; a new --by puts it off.", p.By.Local().Format("2 Jan 15:04"))
		return nil
	})
}

// hour reads a time of day, which is the next such, a span from now, or a date
// with an hour.
func hour(s string, now time.Time) (time.Time, error) {
	if t, err := time.ParseInLocation("15:04", s, now.Location()); err == nil {
		by := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), 0, 0, now.Location())
		if !by.After(now) {
			by = by.AddDate(0, 0, 1)
		}
		return by, nil
	}
	if span, err := time.ParseDuration(s); err == nil {
		return now.Add(span), nil
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage("--by %q is no hour: say 18:00, 3h or 2026-01-31T18:00", s)
}

func (d *door) promises(ctx context.Context, c *cli.Command) error {
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Promises(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		if len(list) == 0 {
			d.say("No promises. `jauap checkin --by 18:00` makes one.")
		}
		for _, p := range list {
			who := "I promised"
			if p.Who != "" {
				who = p.Who + " promised"
			}
			d.say("%s to report by %s: %s", who, p.By.Local().Format("2 Jan 15:04"), verdictText(p))
		}
		return nil
	})
}

func verdictText(p api.Promise) string {
	switch p.Verdict {
	case "waiting":
		return "there is time yet"
	case "reported":
		return "reported"
	case "cancelled":
		return "taken back"
	case "overdue":
		if p.Who == "" {
			return "the hour is over; `jauap safe` reports"
		}
		return "OVERDUE since " + age(p.Since) + "; the place answered and no word came"
	}
	return "cannot tell: the place is dark"
}
