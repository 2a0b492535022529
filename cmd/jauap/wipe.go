package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/web/api"
)

// doorTime bounds what a wipe waits for a node that runs.
const doorTime = 2 * time.Second

func wipeCommands(d *door) []*cli.Command {
	return []*cli.Command{{
		Name: "wipe", Category: "people", Usage: "erase this profile for good, its key first; needs no passphrase",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "yes", Usage: "do it: there is no way back", Local: true}},
		Action: d.wipe,
	}}
}

func (d *door) wipe(ctx context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	dir := c.String("data")
	if !c.Bool("yes") {
		return usageError{fmt.Errorf("this erases all letters, contacts and keys in %s for good; say --yes if you want that", dir)}
	}
	// The door is on disk, so it is looked for first; the key waits for nobody long.
	asked, done := context.WithTimeout(ctx, doorTime)
	running, dialErr := api.Dial(asked, dir)
	done()
	left, inUse, err := daemon.Wipe(dir)
	if err != nil {
		return err
	}
	d.say("The profile in %s is erased.", dir)
	if len(left) > 0 {
		d.say("Not Jauap's, and left there: %s", strings.Join(left, ", "))
	}
	if inUse && dialErr == nil {
		asked, done := context.WithTimeout(ctx, doorTime)
		defer done()
		if _, err := running.Wipe(asked, api.WipeAsk{Sure: true}); err == nil {
			d.say("The node that ran on it ends now.")
			return nil
		}
	}
	if inUse {
		return errors.New("a node still runs on it and has its keys in memory: end it now, or switch the device off")
	}
	return nil
}
