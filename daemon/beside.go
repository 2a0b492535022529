package daemon

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/jauap/jauap/scan"
	"github.com/jauap/jauap/web/api"
)

const (
	// besideFor is how long a device whose picture was scanned is called.
	besideFor = 10 * time.Minute
	besideGap = 5 * time.Second
	// besideMost is how many addresses a picture of ours holds, so that its
	// points stay large.
	besideMost = 2
)

// ownNets are the networks that this device is on.
func ownNets() (nets []netip.Prefix) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range list {
		if n, err := netip.ParsePrefix(a.String()); err == nil {
			nets = append(nets, n)
		}
	}
	return nets
}

// listensAt is where a device beside this one reaches it.
func (d *Daemon) listensAt() []netip.AddrPort {
	at, err := netip.ParseAddrPort(d.lanAddr)
	if err != nil {
		return nil
	}
	if !at.Addr().IsUnspecified() {
		return []netip.AddrPort{at}
	}
	return shown(ownNets(), at.Port())
}

// shown chooses the addresses for a picture: private ones, shortest first.
func shown(nets []netip.Prefix, port uint16) (list []netip.AddrPort) {
	for _, n := range nets {
		if a := n.Addr(); a.Is4() && a.IsPrivate() && len(list) < besideMost {
			list = append(list, netip.AddrPortFrom(a, port))
		}
	}
	return list
}

// callable leaves those that are on a network of this device and of no other:
// a picture must not make it call anywhere else. spec/pairing.md, 2.
func callable(at []netip.AddrPort, nets []netip.Prefix) (list []netip.AddrPort) {
	for _, a := range at {
		ip := a.Addr()
		if !ip.IsPrivate() && !ip.IsLinkLocalUnicast() && !ip.IsLoopback() {
			continue
		}
		for _, n := range nets {
			if n.Contains(ip) {
				list = append(list, a)
				break
			}
		}
	}
	return list
}

// callBeside calls a device beside this one, as any neighbour, until they meet
// or ten minutes are over.
func (d *Daemon) callBeside(at []netip.AddrPort) {
	for _, a := range callable(at, ownNets()) {
		addr := a.String()
		if addr == d.lanAddr {
			continue
		}
		d.spawn(func() {
			ctx, done := context.WithTimeout(d.ctx, besideFor)
			defer done()
			for ctx.Err() == nil && !d.meetingWith(addr) {
				if err := d.Meet(ctx, addr); err == nil {
					return
				}
				select {
				case <-ctx.Done():
				case <-time.After(besideGap):
				}
			}
		})
	}
}

// Scan implements api.Pairing.
func (d *Daemon) Scan(_ context.Context, picture []byte) (api.Scanned, error) {
	// One at a time: unpacked, a photo is large.
	d.scanning.Lock()
	defer d.scanning.Unlock()
	text, err := scan.Read(picture)
	if err != nil {
		return api.Scanned{}, doorError(err)
	}
	if len(text) > 8192 {
		return api.Scanned{}, fmt.Errorf("%w: it holds no invitation", api.ErrBadPicture)
	}
	return api.Scanned{Code: text}, nil
}
