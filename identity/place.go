package identity

import (
	"net/netip"
	"strings"
)

// MaxPlaces is how many addresses a QR code may hold.
const MaxPlaces = 3

// QRTextAt is QRText with addresses at which the device listens on its LAN, of
// at most MaxPlaces. They are hints that nobody vouches for. spec/pairing.md, 2.
func (i Invite) QRTextAt(at ...netip.AddrPort) string {
	s := i.QRText()
	for _, a := range at[:min(len(at), MaxPlaces)] {
		s += "/" + placeText(a)
	}
	return s
}

func placeText(a netip.AddrPort) string {
	_, port, _ := strings.Cut(netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port()).String(), ":")
	return strings.ToUpper(a.Addr().Unmap().WithZone("").String()) + ":" + port
}

// SplitPlaces separates an invitation from the addresses behind it. What is no
// address is passed over: it must not keep anybody from the invitation.
func SplitPlaces(s string) (invite string, at []netip.AddrPort) {
	invite, rest, _ := strings.Cut(s, "/")
	if len(rest) > 1024 {
		return invite, nil
	}
	for _, p := range strings.Split(rest, "/") {
		p = strings.TrimSpace(p)
		n := strings.LastIndexByte(p, ':')
		if n < 0 {
			continue
		}
		ip, err := netip.ParseAddr(p[:n])
		port, err2 := netip.ParseAddrPort("0.0.0.0:" + p[n+1:])
		if err != nil || err2 != nil || ip.Zone() != "" || port.Port() == 0 {
			continue
		}
		if at = append(at, netip.AddrPortFrom(ip.Unmap(), port.Port())); len(at) == MaxPlaces {
			break
		}
	}
	return invite, at
}
