package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/link/lan"
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
	at, err := netip.ParseAddrPort(d.ListenAddr())
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
		if addr == d.ListenAddr() {
			continue
		}
		d.spawn(func() {
			ctx, done := context.WithTimeout(d.ctx, besideFor)
			defer done()
			for ctx.Err() == nil && !d.meetingWith(addr) {
				if err := d.MeetFor(ctx, addr, 0); err == nil {
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

// codeAt begins the text of a picture that says where a device is reached; addresses
// follow as behind an invitation. spec/lan.md, 3.1.
const codeAt = "JAUAP-AT"

// Here implements api.Near.
func (d *Daemon) Here(context.Context) (api.Here, error) {
	room := d.lan()
	h := api.Here{Addrs: []string{}, Off: room == nil}
	if room == nil {
		h.Why, h.Causes = []string{d.whyAlone().Error()}, []api.Cause{cause.Of(d.whyAlone())}
		return h, nil
	}
	h.Addrs = append(h.Addrs, room.Addrs()...)
	for _, n := range room.Notes() {
		h.Why = append(h.Why, strings.TrimPrefix(n.Where+": "+n.What, ": "))
		h.Causes = append(h.Causes, api.Cause{Code: "near-" + n.Code, Args: []string{n.Where}})
	}
	for _, a := range d.listensAt() {
		if h.Code == "" {
			h.Code = codeAt
		}
		h.Code += "/" + a.String()
	}
	return h, nil
}

// Meet implements api.Near.
func (d *Daemon) Meet(ctx context.Context, ask api.MeetAsk) (api.Met, error) {
	addrs := []string{strings.TrimSpace(ask.Addr)}
	if code, at := identity.SplitPlaces(addrs[0]); strings.EqualFold(code, codeAt) {
		addrs = nil
		for _, a := range callable(at, ownNets()) { // a picture says, not a person
			addrs = append(addrs, a.String())
		}
		if addrs == nil {
			return api.Met{}, cause.ErrApart
		}
	}
	if len(addrs) == 1 {
		addrs = lan.Spell(addrs[0])
	}
	var err error
	for _, addr := range addrs {
		var met api.Met
		if met, err = d.meetOne(ctx, addr); err == nil {
			return met, nil
		}
	}
	if errors.Is(err, lan.ErrNoReply) {
		err = lan.ErrNoReply // without what each way said
	}
	text := strings.TrimPrefix(err.Error(), "lan: ")
	if errors.Is(err, lan.ErrAddress) || errors.Is(err, lan.ErrSelf) {
		return api.Met{}, cause.Say(api.ErrUsage, err, text)
	}
	return api.Met{}, cause.Say(api.ErrNotFound, err, text)
}

// whyAlone is why there is no link to neighbours.
func (d *Daemon) whyAlone() error {
	if d.opts.Config.Listen == "off" {
		return cause.ErrMeetOff
	}
	return cause.ErrMeetNode
}

// whoWait is how long a device that was met is given to say whose it is.
const whoWait = 2 * time.Second

// meetOne calls one address and leaves the meeting running.
func (d *Daemon) meetOne(ctx context.Context, addr string) (api.Met, error) {
	if who, up := d.whoAt(addr); up {
		return api.Met{Addr: addr, Who: who}, nil
	}
	room := d.lan()
	if room == nil {
		return api.Met{}, d.whyAlone()
	}
	ctx, done := context.WithTimeout(ctx, dialTimeout)
	defer done()
	conn, err := room.Dial(ctx, addr)
	if err != nil {
		if !errors.Is(err, lan.ErrAddress) && !errors.Is(err, lan.ErrMet) {
			d.rowDown("lan", addr, err)
		}
		return api.Met{}, err
	}
	at := conn.Peer().Addr
	d.spawn(func() { d.rowDown("lan", at, d.hold(conn, "lan")) })
	for late := time.Now().Add(whoWait); time.Now().Before(late); {
		if who, _ := d.whoAt(at); who != "" {
			return api.Met{Addr: at, Who: who}, nil
		}
		select {
		case <-ctx.Done():
			return api.Met{Addr: at}, nil
		case <-time.After(20 * time.Millisecond):
		}
	}
	return api.Met{Addr: at}, nil
}

// whoAt is the contact who was recognised at an address, and whether the device there
// is being met now.
func (d *Daemon) whoAt(addr string) (who string, up bool) {
	d.courier.Lock()
	defer d.courier.Unlock()
	if r := d.rows["lan "+addr]; r != nil {
		return r.who, r.state == "up"
	}
	return "", false
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
