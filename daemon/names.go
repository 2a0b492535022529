package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/jauap/jauap/link/dns/wire"
	"github.com/jauap/jauap/relay"
	far "github.com/jauap/jauap/relay/dns"
)

// names is the part of a relay that answers as a name server.
type names struct {
	zone  wire.Zone
	key   *wire.Server
	pc    net.PacketConn
	addrs []netip.Addr
	lines []string
}

func openNames(o RelayOptions, k relay.Key) (*names, error) {
	zone, err := wire.ParseZone(o.Zone)
	if err != nil {
		return nil, err
	}
	secret, err := k.Derive("dns")
	if err != nil {
		return nil, err
	}
	n := &names{zone: zone}
	if n.key, err = wire.NewServer(secret); err != nil {
		return nil, err
	}
	if n.pc, err = net.ListenPacket("udp", o.DNS); err != nil {
		return nil, fmt.Errorf("cannot listen on %s by UDP: %w; choose another --dns, or stop the resolver that has it (on many systems systemd-resolved or named)", o.DNS, err)
	}
	if !zone.Fits() {
		n.lines = append(n.lines, fmt.Sprintf("the zone %s has more than 16 characters: names will be longer than %d bytes, which some networks drop", zone, wire.ShortName))
	}
	for _, place := range []string{o.Public, reachable(n.pc.LocalAddr())} {
		host, _, err := net.SplitHostPort(place)
		if ip, err2 := netip.ParseAddr(host); err == nil && err2 == nil {
			n.addrs = append(n.addrs, ip.Unmap())
			break
		}
	}
	return n, nil
}

// serve answers until ctx ends.
func (n *names) serve(ctx context.Context, box relay.Box, room *relay.Mailbox) error {
	return far.New(far.Options{Zone: n.zone, Key: n.key, Box: box, Deposit: room.Deposit, Addrs: n.addrs, LoopbackFree: true}).Serve(ctx, n.pc)
}

func (n *names) close() error {
	if err := n.pc.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Tunnel is what people need to reach this relay through name servers: its zone
// and the key behind it; empty when it is no name server.
func (r *Relay) Tunnel() string {
	if r.names == nil {
		return ""
	}
	return string(r.names.zone) + "#" + r.names.key.Public().String()
}

// NameServer is where the relay answers as one; nil without DNS.
func (r *Relay) NameServer() net.Addr {
	if r.names == nil {
		return nil
	}
	return r.names.pc.LocalAddr()
}
