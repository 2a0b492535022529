package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/web/api"
)

func groupCommands(d *door) []*cli.Command {
	act := func(name, do, usage, args string) *cli.Command {
		return &cli.Command{Name: name, Usage: usage, ArgsUsage: args, Flags: []cli.Flag{jsonFlag()}, Action: d.actGroup(do)}
	}
	return []*cli.Command{{
		Name: "group", Category: "letters", Usage: "conversations of several people, up to 50",
		Description: "`jauap send GROUP` and `jauap read GROUP` take a group's name like a person's. People and groups\n" +
			"share one space of names: a person of that name comes first, and a name that is taken gets a number.",
		Commands: []*cli.Command{
			{
				Name: "new", Usage: "found a group and invite people into it", ArgsUsage: "NAME [PERSON]…",
				Description: "The first two become admins beside you. Each must agree with `jauap group join`.",
				Flags: []cli.Flag{
					jsonFlag(),
					&cli.BoolFlag{Name: "family", Usage: "everybody is an admin", Local: true},
					&cli.BoolFlag{Name: "two", Usage: "two admins must add somebody", Local: true},
				},
				Action: d.newGroup,
			},
			act("add", "add", "invite somebody, or agree to whom another admin proposed", "GROUP PERSON"),
			act("remove", "remove", "take somebody out; they read on until the others have heard of it", "GROUP PERSON"),
			act("promote", "promote", "make somebody an admin", "GROUP PERSON"),
			act("join", "join", "agree to an invitation", "GROUP"),
			act("decline", "decline", "refuse an invitation; nobody is told", "GROUP"),
			act("leave", "leave", "leave a group; what I read stays here", "GROUP"),
			act("forget", "forget", "erase a group that you left, and its letters, on this device", "GROUP"),
			{Name: "list", Usage: "list my groups and invitations", Flags: []cli.Flag{jsonFlag()}, Action: d.listGroups},
			{Name: "show", Usage: "show who is in it, and who has not heard of a removal", ArgsUsage: "GROUP", Flags: []cli.Flag{jsonFlag()}, Action: d.showGroup},
		},
		Flags:  []cli.Flag{jsonFlag()},
		Action: d.listGroups,
	}}
}

func (d *door) newGroup(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "a name for the group")
	if err != nil {
		return err
	}
	ask := api.GroupAsk{Name: name, People: c.Args().Tail(), Family: c.Bool("family"), Two: c.Bool("two")}
	return d.with(ctx, c, func(b api.Backend) error {
		g, err := b.NewGroup(ctx, ask)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, g))
		}
		d.say("%s is founded.", g.Name)
		if len(g.Asked) > 0 {
			d.say("Invited: %s. They are in it once they agreed and you heard of it.", strings.Join(g.Asked, ", "))
		}
		return nil
	})
}

func (d *door) actGroup(do string) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		name, err := arg(c, 0, "which group")
		if err != nil {
			return err
		}
		a := api.GroupAct{Group: name, Do: do}
		most := 1
		if do == "add" || do == "remove" || do == "promote" {
			if a.Who, err = arg(c, 1, "a person"); err != nil {
				return err
			}
			most = 2
		}
		if err := tooMany(c, most); err != nil {
			return err
		}
		return d.with(ctx, c, func(b api.Backend) error {
			g, err := b.ActGroup(ctx, a)
			if err != nil || c.Bool("json") {
				return errors.Join(err, d.jsonIf(err, g))
			}
			switch do {
			case "join":
				d.say("Saved. You are in %s once who invited you has heard of it.", g.Name)
			case "decline":
				d.say("Declined. Nobody is told.")
			case "leave":
				d.say("You left %s. The others hear of it by and by.", g.Name)
			case "forget":
				d.say("Erased here. The letters that others have stay with them.")
			default:
				d.sayGroup(g)
			}
			return nil
		})
	}
}

func (d *door) listGroups(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Groups(ctx)
		if err != nil || c.Bool("json") {
			return errors.Join(err, d.jsonIf(err, list))
		}
		if len(list) == 0 {
			d.say("No groups yet. `jauap group new NAME PERSON…` founds one.")
		}
		for _, g := range list {
			switch {
			case g.Status == "invited":
				d.say("%s: %s invites you. `jauap group join %q` agrees.", g.Name, orNone(g.From), g.Name)
			default:
				d.say("%s: %s, %d people, %d new, %d waiting to leave", g.Name, g.Status, len(g.Members), g.Unread, g.Waiting)
			}
		}
		return nil
	})
}

func (d *door) showGroup(ctx context.Context, c *cli.Command) error {
	name, err := arg(c, 0, "which group")
	if err != nil {
		return err
	}
	if err := tooMany(c, 1); err != nil {
		return err
	}
	return d.with(ctx, c, func(b api.Backend) error {
		list, err := b.Groups(ctx)
		if err != nil {
			return err
		}
		for _, g := range list {
			if g.ID != name && !strings.EqualFold(g.Name, name) {
				continue
			}
			if c.Bool("json") {
				return d.json(g)
			}
			d.sayGroup(g)
			return nil
		}
		return fmt.Errorf("%w: there is no group %q", api.ErrNotFound, name)
	})
}

func (d *door) sayGroup(g api.Group) {
	d.say("%s: %s", g.Name, g.Status)
	for _, m := range g.Members {
		d.say("  %s", memberText(m))
	}
	for _, n := range g.Asked {
		d.say("  %s is invited and has not answered yet", n)
	}
	for _, m := range g.Proposed {
		d.say("  %s waits for a second admin: `jauap group add %q %q` agrees", m.Name, g.Name, m.Name)
	}
	for _, r := range g.Removals {
		how := "left"
		if r.By != "" {
			how = "was removed by " + r.By
		}
		d.say("  %s %s. Not known to have heard of it: %s. What they write %s can still read.", r.Name, how, strings.Join(r.NotHeard, ", "), r.Name)
	}
}

func memberText(m api.GroupMember) string {
	text := m.Name
	if m.Me {
		text = strings.TrimSpace(m.Name + " (I)")
	}
	if m.Admin {
		text += ", admin"
	}
	switch {
	case m.Me:
	case m.Said:
	case m.Teller != "":
		text += ", as " + m.Teller + " says"
	default:
		text += ", not known who"
	}
	if m.By != "" {
		text += ", added by " + m.By
	}
	if m.Word != nil {
		text += ": " + wordText(*m.Word)
	}
	return text
}
