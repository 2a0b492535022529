package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/web/api"
)

// followed is how far `read --follow` came, over the lives of several nodes.
type followed struct {
	ask     api.ReadAsk
	unsaved []api.Letter // shown, and their files are to be saved
}

// followAgain is how often it looks for a node that ended.
const followAgain = 300 * time.Millisecond

// followLetters shows what arrives until it is interrupted. When the node ends it
// waits for the next one and goes on behind the last letter shown.
func (d *door) followLetters(ctx context.Context, c *cli.Command, ask api.ReadAsk) error {
	dir := c.String("data")
	node, err := api.Dial(ctx, dir)
	if errors.Is(err, api.ErrNoDoor) {
		return usage("--follow needs a running node: start `jauap up` first")
	}
	f := followed{ask: ask}
	for asked := ctx; ; asked = api.Unasked(ctx) {
		if err == nil {
			err = d.followOne(asked, c, node, &f)
			node.Close()
		}
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, errNodeGone) {
			return err
		}
		fmt.Fprintln(d.errs, "The node ended. Waiting for it to run again; Ctrl-C ends this.")
		if node, err = awaitNode(ctx, dir); ctx.Err() != nil {
			return nil
		}
		if err == nil {
			fmt.Fprintln(d.errs, "The node runs again.")
		}
	}
}

var errNodeGone = errors.New("the node ended")

// gone tells a node that ended from one that says no.
func gone(err error) error {
	if _, said := errors.AsType[*api.Fault](err); err == nil || said {
		return err
	}
	return fmt.Errorf("%w: %w", errNodeGone, err)
}

// followOne shows what arrives at one node. What was shown is not shown again, and
// files that it could not give any more are saved with the next one's help.
func (d *door) followOne(ctx context.Context, c *cli.Command, b api.Backend, f *followed) error {
	for seen := uint64(0); ; ctx = api.Unasked(ctx) {
		// The counter first: what arrives while we list is not missed.
		var err error
		if seen, err = b.Wait(ctx, seen); err != nil {
			return gone(err)
		}
		if err := d.saveShown(ctx, c, b, f); err != nil {
			return err
		}
		list, err := b.Read(ctx, f.ask)
		if err != nil {
			return gone(err)
		}
		if err := d.show(c, list); err != nil {
			return err
		}
		if n := len(list); n > 0 {
			f.ask.After, f.unsaved = list[n-1].ID, list
		}
		if err := d.saveShown(ctx, c, b, f); err != nil {
			return err
		}
	}
}

func (d *door) saveShown(ctx context.Context, c *cli.Command, b api.Backend, f *followed) error {
	if len(f.unsaved) == 0 {
		return nil
	}
	err := saveFiles(ctx, b, c.String("save"), f.unsaved)
	if err != nil {
		if _, kerr := b.Wait(ctx, 0); kerr != nil {
			return gone(kerr) // not the folder's fault
		}
		return err
	}
	f.unsaved = nil
	return nil
}

// awaitNode waits until a node of these data answers, or they are erased.
func awaitNode(ctx context.Context, dir string) (*api.Client, error) {
	for {
		node, err := api.Dial(ctx, dir)
		if err == nil {
			return node, nil
		}
		if !daemon.Exists(dir) {
			return nil, daemon.ErrNoProfile
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(followAgain):
		}
	}
}
