package lan

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// place is a network interface that a Room may use for multicast.
type place struct {
	name     string
	index    int // 0 when interfaces cannot be listed
	loopback bool
	v4, v6   netip.Addr // where to speak from; v6 is link-local; not valid: none
	nets     []netip.Prefix
}

// holds says whether a is an address on this network.
func (p place) holds(a netip.Addr) bool {
	a = a.WithZone("")
	for _, n := range p.nets {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// same tells whether nothing has changed that matters for joining and speaking.
func (p place) same(q place) bool {
	return p.name == q.name && p.index == q.index && p.v4 == q.v4 && p.v6 == q.v6
}

// places lists the interfaces that config allows. An error leaves one place
// without a name, the system's own choice.
func places(config Config) ([]place, error) {
	only, loopback, no6 := netip.Addr{}, config.Loopback, false
	if ap, err := netip.ParseAddrPort(config.Addr); err == nil {
		if ap.Addr().IsUnspecified() {
			no6 = ap.Addr().Is4() // we do not listen on IPv6
		} else {
			only = ap.Addr().Unmap()
			loopback = loopback || only.IsLoopback()
		}
	}
	all, err := net.Interfaces()
	if err != nil { // Android 11 and later forbid it
		p := place{name: "the default network", v4: netip.IPv4Unspecified()}
		if only.Is4() {
			p.v4 = only
		}
		return []place{p}, fmt.Errorf("network interfaces cannot be listed: %w", err)
	}
	var found []place
	for _, i := range all {
		if !suitable(i, loopback) || len(config.Interfaces) > 0 && !slices.Contains(config.Interfaces, i.Name) && i.Flags&net.FlagLoopback == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it went away meanwhile
		}
		p := placeOf(i, addrs, only)
		if no6 {
			p.v6 = netip.Addr{}
		}
		if p.v4.IsValid() || p.v6.IsValid() {
			found = append(found, p)
		}
	}
	return found, nil
}

// suitable leaves out what is down, cannot multicast, or is a tunnel: a VPN is
// no local network.
func suitable(i net.Interface, loopback bool) bool {
	switch {
	case i.Flags&net.FlagUp == 0:
		return false
	case i.Flags&net.FlagLoopback != 0:
		return loopback
	}
	return i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagPointToPoint == 0
}

// placeOf picks the addresses to speak from: only that one when it is valid.
func placeOf(i net.Interface, addrs []net.Addr, only netip.Addr) place {
	p := place{name: i.Name, index: i.Index, loopback: i.Flags&net.FlagLoopback != 0}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		if !ok {
			continue
		}
		ip = ip.Unmap()
		bits, _ := n.Mask.Size()
		p.nets = append(p.nets, netip.PrefixFrom(ip, bits).Masked())
		if only.IsValid() && ip != only.WithZone("") {
			continue
		}
		switch {
		case ip.Is4() && !p.v4.IsValid():
			p.v4 = ip
		case ip.Is6() && !p.v6.IsValid() && (ip.IsLinkLocalUnicast() || p.loopback || only.IsValid()):
			if p.v6 = ip; ip.IsLinkLocalUnicast() {
				p.v6 = ip.WithZone(i.Name)
			}
		}
	}
	return p
}

// Spell is an address as this device has to write it for Dial: a link-local one as the
// other device shows it names that device's interface, so that each of ours is to be
// tried in turn.
func Spell(addr string) []string {
	list, err := net.Interfaces()
	if err != nil {
		return []string{addr}
	}
	var own []string
	for _, i := range list {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			own = append(own, i.Name)
		}
	}
	return spelled(addr, own)
}

func spelled(addr string, own []string) []string {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil || !ap.Addr().Is6() || !ap.Addr().IsLinkLocalUnicast() || slices.Contains(own, ap.Addr().Zone()) || len(own) == 0 {
		return []string{addr}
	}
	list := make([]string, len(own))
	for i, name := range own {
		list[i] = netip.AddrPortFrom(ap.Addr().WithZone(name), ap.Port()).String()
	}
	return list
}
