package daemon

import (
	"fmt"
	"strings"
	"time"

	"github.com/jauap/jauap/link/lan"
)

// lan is the link to neighbours as it is now; nil when it is switched off.
func (d *Daemon) lan() *lan.Room {
	d.courier.Lock()
	defer d.courier.Unlock()
	return d.room
}

// startLAN opens the LAN link, meets whoever is found there, and opens it anew in
// each network.
func (d *Daemon) startLAN() error {
	if d.opts.Config.Listen == "off" {
		return nil
	}
	room, err := d.openRoom()
	if err != nil {
		return fmt.Errorf("cannot listen for neighbours on %s: %w; choose another --listen, or off", d.opts.Config.Listen, err)
	}
	d.spawn(func() { d.stay(room) })
	return nil
}

func (d *Daemon) openRoom() (*lan.Room, error) {
	c := d.opts.Config
	room, err := lan.Listen(d.ctx, lan.Config{Addr: c.Listen, Multicast: c.Multicast, Sweep: c.Sweep})
	if err != nil {
		return nil, err
	}
	d.courier.Lock()
	d.room = room
	d.courier.Unlock()
	d.spawn(func() {
		for {
			conn, err := room.Accept(d.ctx)
			if err != nil {
				return
			}
			d.spawn(func() { d.rowDown("lan", conn.Peer().Addr, d.hold(conn, "lan")) })
		}
	})
	d.spawn(func() { d.meetFound(room) })
	return room, nil
}

const (
	stayLook  = 15 * time.Second
	stayRetry = time.Second
)

// stay closes the Room where this device is in another network than before, and
// opens one that has nothing in common with it: port, token and keys would tell both
// networks that the same device came by. spec/lan.md, 1.
func (d *Daemon) stay(room *lan.Room) {
	place := d.opts.Place()
	look := time.NewTicker(stayLook)
	defer look.Stop()
	for {
		select {
		case <-d.ctx.Done():
			room.Close()
			return
		case <-room.Moved():
		case <-look.C:
			// Two networks may give one address.
			now := d.opts.Place()
			if place == "" {
				place = now
			}
			if now == "" || now == place || d.meetsAny() {
				continue
			}
		}
		d.log.Debug("another network: listening anew")
		room.Close()
		for {
			var err error
			if room, err = d.openRoom(); err == nil {
				d.setTrouble("lan", "")
				break
			}
			d.setTrouble("lan", "neighbours cannot reach this device: "+strings.TrimPrefix(err.Error(), "lan: "))
			d.rest(stayRetry)
			if d.ctx.Err() != nil {
				return
			}
		}
		place = d.opts.Place()
	}
}

// meetsAny says whether a neighbour is being met.
func (d *Daemon) meetsAny() bool {
	d.courier.Lock()
	defer d.courier.Unlock()
	for _, m := range d.meetings {
		if m.kind == "lan" && m.conn != nil {
			return true
		}
	}
	return false
}
