package main

import (
	"context"
	"errors"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/web/api"
)

func (d *door) introduce(ctx context.Context, c *cli.Command) error {
	x, err := arg(c, 0, "a name")
	if err != nil {
		return err
	}
	y, err := arg(c, 1, "a second name")
	if err != nil {
		return err
	}
	if err := tooMany(c, 2); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		n, err := b.Introduce(ctx, api.IntroduceAsk{A: x, B: y})
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, n))
		}
		d.say("%s and %s are asked. When both say yes, each gets the other's card, as introduced by you.", n.Two[0], n.Two[1])
		return nil
	})
}

func (d *door) introductions(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	yes, no := c.String("yes"), c.String("no")
	if yes != "" && no != "" {
		return usage("introductions: --yes or --no, not both")
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Introductions(ctx)
		if err != nil {
			return err
		}
		if which := yes + no; which != "" {
			ask := api.AnswerAsk{ID: which, Yes: yes != ""}
			for _, n := range list {
				if n.By != "" && n.Answer == "" && !n.Over && n.Name == which {
					ask.ID = n.ID
				}
			}
			if _, err := b.AnswerIntroduction(ctx, ask); err != nil {
				return err
			}
			if list, err = b.Introductions(ctx); err != nil {
				return err
			}
		}
		if c.Bool("json") {
			return d.json(list)
		}
		if len(list) == 0 {
			d.say("No introductions. `jauap introduce NAME NAME` makes one.")
		}
		for _, n := range list {
			d.sayIntroduction(n)
		}
		return nil
	})
}

func (d *door) sayIntroduction(n api.Introduction) {
	said := func(a string) string {
		if a == "" {
			return "no answer yet"
		}
		return a
	}
	switch {
	case n.By == "":
		d.say("%s (%s) and %s (%s), introduced by me %s", n.Two[0], said(n.Answers[0]), n.Two[1], said(n.Answers[1]), age(&n.Since))
	case n.Answer == "" && !n.Over:
		d.say("%s wants to introduce you to %s. Say `jauap introductions --yes %q` or --no.", n.By, n.Name, n.Name)
		d.say("  id %s · %s", n.ID, age(&n.Since))
	case n.Answer == "yes" && !n.Over:
		d.say("%s, introduced by %s: you said yes; the other answer is awaited.", n.Name, n.By)
	default:
		d.say("%s, introduced by %s: you said %s, it is over.", n.Name, n.By, said(n.Answer))
	}
}
