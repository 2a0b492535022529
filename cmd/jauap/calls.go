package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/web/api"
)

func callCommands(d *door) []*cli.Command {
	return []*cli.Command{
		{
			Name: "calls", Category: "people", Usage: "telephone codes: mine, and those whose card is looked for",
			Flags:  []cli.Flag{jsonFlag(), &cli.StringFlag{Name: "end", Usage: "end the code or the search with this id", Local: true}},
			Action: d.calls,
		},
		{Name: "introduce", Category: "people", Usage: "ask two people whether they want to know each other", ArgsUsage: "NAME NAME", Flags: []cli.Flag{jsonFlag()}, Action: d.introduce},
		{
			Name: "introductions", Category: "people", Usage: "list introductions; say yes or no to one",
			Flags: []cli.Flag{
				jsonFlag(),
				&cli.StringFlag{Name: "yes", Usage: "say yes to the one with this id, or to this person", Local: true},
				&cli.StringFlag{Name: "no", Usage: "say no", Local: true},
			},
			Action: d.introductions,
		},
	}
}

// readAloud makes a code for one telephone call.
func (d *door) readAloud(ctx context.Context, c *cli.Command) error {
	return d.with(ctx, c, func(b api.Backend) error {
		code, err := b.NewCode(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, code))
		}
		d.say("Read this to the person on the telephone: %s", code.Digits)
		for _, lang := range languages(code) {
			d.say("or in words (%s): %s", lang, strings.Join(code.Words[lang], " "))
		}
		d.say("They type it: jauap accept DIGITS. Then they read theirs and you type it, or you cannot know who they are.")
		d.say("It is for one person and three days. `jauap calls` shows how far it is.")
		return nil
	})
}

func languages(code api.Code) (list []string) {
	for lang := range code.Words {
		list = append(list, lang)
	}
	slices.Sort(list)
	return list
}

// typed looks for the card of a code that was read aloud.
func (d *door) typed(ctx context.Context, c *cli.Command) error {
	ask := api.LookAsk{Code: strings.Join(c.Args().Slice(), " "), Name: c.String("name")}
	return d.with(ctx, c, func(b api.Backend) error {
		l, err := b.Look(ctx, ask)
		if err != nil {
			return err
		}
		if wait := c.Duration("wait"); wait > 0 && l.State == "looking" {
			if l, err = awaitLook(ctx, b, l, wait); err != nil {
				return err
			}
		}
		if c.Bool("json") {
			return d.json(l)
		}
		d.sayLook(l)
		if l.State == "looking" {
			d.say("It goes on while Jauap runs (`jauap up`), for three days; `jauap calls` shows it.")
		}
		return nil
	})
}

// awaitLook waits until the card is found or the time is over.
func awaitLook(ctx context.Context, b api.Backend, l api.Look, wait time.Duration) (api.Look, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var seen uint64
	for l.State == "looking" {
		n, err := b.Wait(ctx, seen)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return l, nil
		}
		if err != nil {
			return l, err
		}
		seen = n
		calls, err := b.Calls(ctx)
		if err != nil {
			return l, err
		}
		for _, now := range calls.Looks {
			if now.ID == l.ID {
				l = now
			}
		}
	}
	return l, nil
}

func (d *door) sayLook(l api.Look) {
	if l.False > 0 {
		d.say("WARNING: %d false cards lie in the place of %s. Somebody hears your telephone line and wants to stand between you. None was taken.", l.False, lookName(l))
	}
	switch l.State {
	case "found":
		d.say("%s: found. %s", l.Person.Name, verifiedText(*l.Person))
		d.say("%s", halfText(*l.Person))
	case "too-late":
		d.say("%s: not found in three days. Ask for a new code.", lookName(l))
	default:
		d.say("Looking for the card of %s: asks relays and this Wi-Fi.", lookName(l))
	}
}

func lookName(l api.Look) string {
	if l.Name == "" {
		return "code " + l.Begin + "…"
	}
	return l.Name
}

// checked tells whether two people did it themselves.
func checked(how string) bool { return how == "in person" || how == "by voice" }

// halfText tells what is missing until both know each other.
func halfText(p api.Person) string {
	mine, theirs := checked(p.Verified), checked(p.Theirs)
	switch {
	case theirs && !mine:
		return "They have checked you; you have not checked them."
	case theirs:
		return "They have checked you, too (" + p.Theirs + ")."
	case mine:
		return "They have not said yet that they checked you: read your code to them."
	}
	return ""
}

func (d *door) calls(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		var calls api.Calls
		var err error
		if id := c.String("end"); id != "" {
			calls, err = b.EndCall(ctx, api.EndAsk{ID: id})
		} else {
			calls, err = b.Calls(ctx)
		}
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, calls))
		}
		if len(calls.Codes)+len(calls.Looks) == 0 {
			d.say("No telephone codes. `jauap invite --digits` makes one; `jauap accept DIGITS` takes one.")
		}
		for _, code := range calls.Codes {
			d.sayCode(code)
		}
		for _, l := range calls.Looks {
			d.sayLook(l)
			if l.State == "looking" {
				d.say("  id %s · since %s", l.ID, age(&l.Since))
			}
		}
		return nil
	})
}

func (d *door) sayCode(c api.Code) {
	if c.EndsAt == nil {
		d.say("My code %s ended.", c.Digits)
	} else {
		d.say("My code %s: made %s, %s.", c.Digits, age(&c.MadeAt), map[string]string{
			"waiting": "the card waits for a date that can be believed",
			"here":    "the card waits on this device for a relay or a neighbour",
			"carried": "another device holds the card",
			"relay":   "the card lies at a relay",
		}[c.Out])
		d.say("  id %s", c.ID)
	}
	for _, p := range c.Answers {
		d.say("  answered by %s. %s %s", p.Name, verifiedText(p), halfText(p))
	}
	if len(c.Answers) > 1 {
		d.say("  WARNING: several people answered one code: at most one is who you spoke with. Type their code.")
	}
}

// spoken tells whether the arguments of accept are a code that was read aloud:
// nothing that begins with jauap: and no file of that name.
func spoken(c *cli.Command) bool {
	all := strings.Join(c.Args().Slice(), " ")
	if strings.Contains(strings.ToLower(all), "jauap:") {
		return false
	}
	if _, err := os.Stat(all); err == nil {
		return false
	}
	n := strings.IndexFunc(all, func(r rune) bool { return r < '0' || r > '9' })
	return c.Args().Len() > 1 || n < 0 && all != "" || len(strings.Fields(all)) > 1
}
