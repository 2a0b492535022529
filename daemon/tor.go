package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/jauap/jauap/link/tor"
	"github.com/jauap/jauap/web/api"
)

const (
	torLook  = time.Minute // between looks for a running Tor
	torRetry = 10 * time.Second
)

var errTorAndProxy = errors.New("a proxy and tor exclude each other: leave out one of them")

// startTor lets links to relays go through Tor, when the settings ask for it: through
// the one that runs, or else through a child. Nothing goes past it when it fails.
func (d *Daemon) startTor() error {
	c := &d.opts.Config
	if !c.Tor {
		if c.Proxy == "" {
			d.spawn(d.lookForTor)
		}
		return nil
	}
	if c.Proxy != "" {
		return errTorAndProxy
	}
	seen := tor.Look(d.ctx, d.opts.TorPorts)
	if seen.Running != "" {
		c.Proxy = "socks5://" + seen.Running
		d.setTor(&api.Tor{Used: true, Running: seen.Running})
		d.rowAir("tor", seen.Running, "up", nil, 0, 0)
		return nil
	}
	o := tor.Options{Program: seen.Installed, Dir: filepath.Join(d.opts.Dir, "tor"), Bridges: c.Bridges, Snowflake: seen.Snowflake, More: d.opts.TorMore}
	child, err := tor.Start(o)
	if err != nil {
		return err
	}
	c.Proxy = "socks5://" + child.Socks()
	d.setTor(&api.Tor{Used: true, Child: true, Installed: true, Snowflake: seen.Snowflake != ""})
	d.spawn(func() { d.keepTor(child) })
	return nil
}

// keepTor tells how far the child is, and starts it again when it ends.
func (d *Daemon) keepTor(child *tor.Child) {
	row := "127.0.0.1 (child)"
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for {
		percent, what := child.Progress()
		if percent == 100 {
			d.rowAir("tor", row, "up", nil, 0, 0)
		} else {
			d.rowAir("tor", row, "trying", fmt.Errorf("%d %%, %s", percent, what), 0, 0)
		}
		select {
		case <-d.ctx.Done():
			_ = child.Close()
			return
		case <-child.Done():
			d.rowAir("tor", row, "down", fmt.Errorf("tor ended: %s", what), 0, 0)
			d.rest(torRetry)
			if again, err := child.Again(); err == nil {
				child = again
			}
		case <-t.C:
		}
	}
}

// lookForTor notes a Tor that could be used, for Status.
func (d *Daemon) lookForTor() {
	for d.ctx.Err() == nil {
		ctx, done := context.WithTimeout(d.ctx, 5*time.Second)
		seen := tor.Look(ctx, d.opts.TorPorts)
		done()
		var found *api.Tor
		if seen.Running != "" || seen.Installed != "" {
			found = &api.Tor{Running: seen.Running, Installed: seen.Installed != "", Snowflake: seen.Snowflake != ""}
		}
		d.setTor(found)
		d.rest(torLook)
	}
}

func (d *Daemon) setTor(t *api.Tor) {
	d.courier.Lock()
	defer d.courier.Unlock()
	d.tor = t
}
