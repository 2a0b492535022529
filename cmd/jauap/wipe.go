package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/daemon"
)

func wipeCommands(d *door) []*cli.Command {
	return []*cli.Command{{
		Name: "wipe", Category: "people", Usage: "erase this profile for good, its key first; needs no passphrase",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "yes", Usage: "do it: there is no way back", Local: true}},
		Action: d.wipe,
	}}
}

func (d *door) wipe(_ context.Context, c *cli.Command) error {
	if err := tooMany(c, 0); err != nil {
		return err
	}
	dir := c.String("data")
	if !c.Bool("yes") {
		return usageError{fmt.Errorf("this erases all letters, contacts and keys in %s for good; say --yes if you want that", dir)}
	}
	left, inUse, err := daemon.Wipe(dir)
	if err != nil {
		return err
	}
	d.say("The profile in %s is erased.", dir)
	if len(left) > 0 {
		d.say("Not Jauap's, and left there: %s", strings.Join(left, ", "))
	}
	if inUse {
		return errors.New("a node still runs on it and has its keys in memory: end it now, or switch the device off")
	}
	return nil
}
