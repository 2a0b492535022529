package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/finds"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/web/api"
)

// Relays implements api.Mailboxes.
func (d *Daemon) Relays(context.Context) (api.Relays, error) {
	d.people.Lock()
	defer d.people.Unlock()
	return d.relays()
}

// relays lists the relays in use and those on offer. people is held.
func (d *Daemon) relays() (api.Relays, error) {
	list := api.Relays{Mine: d.myRelays()}
	d.faults(list.Mine)
	offers, err := d.finds.Offers()
	if err != nil {
		return list, err
	}
	for _, o := range offers {
		known := slices.ContainsFunc(list.Mine, func(r api.Relay) bool { return r.Addr == o.Addr })
		c, err := d.acc.Contact(o.From.String())
		if _, bad := relay.ParseAddr(o.Addr); bad != nil || err != nil || known {
			continue
		}
		list.Offered = append(list.Offered, api.OfferedRelay{
			Relay: api.Relay{Addr: o.Addr, Inland: o.Inland}, From: c.Name, Day: o.Day.Start().Format(time.DateOnly),
		})
	}
	return list, nil
}

// myRelays are those of the settings, and those that were taken since. people is held.
func (d *Daemon) myRelays() []api.Relay {
	list := []api.Relay{}
	for _, a := range d.opts.Config.Relays {
		list = append(list, api.Relay{Addr: a})
	}
	for _, a := range d.opts.Config.Inland {
		list = append(list, api.Relay{Addr: a, Inland: true})
	}
	return append(list, d.taken...)
}

// ChangeRelays implements api.Mailboxes.
func (d *Daemon) ChangeRelays(_ context.Context, ask api.RelayAsk) (list api.Relays, err error) {
	d.people.Lock()
	defer d.people.Unlock()
	ask.Addr = strings.TrimSpace(ask.Addr)
	addr, err := relay.ParseAddr(ask.Addr)
	if err != nil {
		return list, fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	later := false
	switch ask.Do {
	case "use":
		if later, err = d.useRelay(ask.Relay, addr); err == nil {
			err = d.finds.Settle(ask.Addr)
		}
	case "refuse":
		err = d.finds.Settle(ask.Addr)
	case "tell":
		err = d.tellRelay(ask)
	default:
		err = fmt.Errorf("%w: a relay can be used, refused or told of, not %q", api.ErrUsage, ask.Do)
	}
	if err != nil {
		return list, err
	}
	d.changes.bump()
	list, err = d.relays()
	list.Later = later
	return list, err
}

// useRelay writes a relay into the settings and, if the node runs, uses it from now
// on. later says that it waits for the next start: another address of a relay that
// is in use already. people is held.
func (d *Daemon) useRelay(r api.Relay, addr relay.Addr) (later bool, err error) {
	c, err := LoadConfig(d.opts.Dir)
	if err != nil {
		return false, err
	}
	mine := d.myRelays()
	if !slices.Contains(append(c.Relays, c.Inland...), r.Addr) {
		if r.Inland {
			c.Inland = append(c.Inland, r.Addr)
		} else {
			c.Relays = append(c.Relays, r.Addr)
		}
		if err := SaveConfig(d.opts.Dir, c); err != nil {
			return false, err
		}
	}
	var keys []finds.Relay
	for _, m := range mine {
		if m.Addr == r.Addr {
			return false, nil
		}
		if a, err := relay.ParseAddr(m.Addr); err == nil {
			keys = append(keys, finds.Relay(a.Key))
			later = later || a.Key == addr.Key
		}
	}
	if later {
		return true, nil
	}
	d.taken = append(d.taken, r)
	d.trustRelays()
	d.finds.Relays(append(keys, finds.Relay(addr.Key)))
	if d.running {
		d.keepTaken(r)
	}
	return false, nil
}

// keepTaken keeps up the link to a relay that was taken since Open.
func (d *Daemon) keepTaken(r api.Relay) {
	c := d.opts.Config
	if c.Relays, c.Inland = []string{r.Addr}, nil; r.Inland {
		c.Relays, c.Inland = nil, c.Relays
	}
	ways, err := waysOf(c)
	if err != nil {
		d.log.Error("relay", "error", err) // it was an address when it was taken
		return
	}
	d.spawn(func() { d.keepRelay(ways[0]) })
}

// tellRelay tells a contact of a relay that this device uses. people is held.
func (d *Daemon) tellRelay(ask api.RelayAsk) error {
	i := slices.IndexFunc(d.myRelays(), func(r api.Relay) bool { return r.Addr == ask.Addr })
	if i < 0 {
		return cause.ErrNotUsed
	}
	to, err := d.contacts([]string{ask.To})
	if err != nil {
		return err
	}
	if err := d.finds.TellRelay(d.moment(), to[0], ask.Addr, d.myRelays()[i].Inland); err != nil {
		return doorError(err)
	}
	d.changed()
	return nil
}
