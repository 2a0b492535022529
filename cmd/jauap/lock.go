package main

import (
	"context"
	"errors"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/web/api"
)

func lockCommands(d *door) []*cli.Command {
	return []*cli.Command{
		{
			Name: "lock", Category: "people", Usage: "close this profile at once; the running node goes on carrying",
			Description: "Afterwards the page asks for the passphrase, commands say that it is locked, and what\n" +
				"comes for you waits unopened. Nobody needs to type anything to lock.",
			Flags: []cli.Flag{
				jsonFlag(),
				&cli.DurationFlag{Name: "after", Usage: "do not lock now, but by itself after so long without a person: 1m to 24h, 0 for never", Local: true},
			},
			Action: d.lock,
		},
		{Name: "unlock", Category: "people", Usage: "open a locked profile with its passphrase", Flags: []cli.Flag{jsonFlag()}, Action: d.unlock},
	}
}

// running is the node of this profile, which must run for locking and unlocking.
func (d *door) running(ctx context.Context, c *cli.Command) (*api.Client, error) {
	dir := c.String("data")
	if !daemon.Exists(dir) {
		return nil, daemon.ErrNoProfile
	}
	if !daemon.NeedsPassphrase(dir) {
		return nil, usage("this profile has no passphrase, so nothing locks it; `jauap wipe` erases it")
	}
	return api.Dial(ctx, dir)
}

func (d *door) lock(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	var ask api.LockAsk
	if c.IsSet("after") {
		n := int64(c.Duration("after") / time.Second)
		ask.After = &n
	}
	node, err := d.running(ctx, c)
	if errors.Is(err, api.ErrNoDoor) && ask.After == nil {
		d.say("No node runs: this profile is closed, and each command asks for the passphrase.")
		return nil
	}
	if err != nil {
		return err
	}
	s, err := node.Lock(ctx, ask)
	if err == nil && ask.After == nil {
		settles(ctx, node)
	}
	if err != nil || c.Bool("json") {
		return errors.Join(err, d.jsonIf(err, s))
	}
	switch {
	case ask.After == nil:
		d.say("Locked. The node goes on carrying; `jauap unlock` opens it.")
	case s.After == 0:
		d.say("It does not lock by itself.")
	default:
		d.say("It locks by itself after %s without a person.", time.Duration(s.After)*time.Second)
	}
	return nil
}

// settles waits until the node carries again, in a process that begins anew.
func settles(ctx context.Context, node *api.Client) {
	ctx, done := context.WithTimeout(ctx, settled)
	defer done()
	for ctx.Err() == nil {
		if _, err := node.Status(ctx); err == nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(busyStep):
		}
	}
}

func (d *door) unlock(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	node, err := d.running(ctx, c)
	if errors.Is(err, api.ErrNoDoor) {
		return errors.New("no node runs that could be unlocked: start `jauap`, or give the passphrase to any command")
	}
	if err != nil {
		return err
	}
	if s, err := node.Status(ctx); err == nil && s.Lock != nil && !s.Lock.Locked {
		if c.Bool("json") {
			return d.json(s.Lock)
		}
		d.say("It is open, and nothing was asked.")
		return nil
	}
	pass, err := d.passphrase(c, "Passphrase: ")
	if err != nil {
		return err
	}
	defer clear(pass)
	s, err := node.Unlock(ctx, api.UnlockAsk{Passphrase: pass})
	if err != nil || c.Bool("json") {
		return errors.Join(err, d.jsonIf(err, s))
	}
	d.say("Open. What arrived meanwhile is there: `jauap read`.")
	return nil
}
