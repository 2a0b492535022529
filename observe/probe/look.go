package probe

import (
	"errors"
	"net"
	"syscall"
)

// Answer of a look.
type Answer uint8

const (
	Unknown Answer = iota // the system does not say
	Yes
	No
)

// Sight is what this device knows of its network by itself.
type Sight struct {
	Link  Answer // an address beyond loopback
	Route Answer // a way on towards the targets
}

// Look asks the system. targets are IP addresses that should be reachable, such
// as the relays'; without one an address of no one stands in. No packet is
// sent: the route is looked up by connecting a UDP socket.
func Look(targets []string) Sight {
	s := Sight{Link: linked()}
	if len(targets) == 0 {
		targets = []string{"192.0.2.1", "2001:db8::1"} // RFC 5737, 3 and RFC 3849
	}
	for _, t := range targets {
		if a := routed(t); a == Yes || s.Route == Unknown {
			s.Route = a
		}
		if s.Route == Yes {
			break
		}
	}
	return s
}

func linked() Answer {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return Unknown
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			return Yes
		}
	}
	return No
}

func routed(ip string) Answer {
	c, err := net.Dial("udp", net.JoinHostPort(ip, "9"))
	switch {
	case err == nil:
		c.Close()
		return Yes
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return No
	}
	return Unknown
}
