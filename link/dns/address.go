package dns

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/jauap/jauap/link/dns/wire"
)

// Port is where resolvers listen.
const Port = 53

const (
	maxResolvers = 8
	resolvConf   = "/etc/resolv.conf"
)

// Errors of addresses.
var (
	ErrAddress    = errors.New("dns: not the address of a tunnel")
	ErrNoResolver = errors.New("dns: this system does not say which resolver it asks; name one behind the tunnel's address, such as …@192.168.1.1 (often the router's)")
)

// Address is a relay's zone, the key behind it, and the resolvers to ask; none
// means those of the system.
type Address struct {
	Zone      wire.Zone
	Key       wire.Public
	Resolvers []netip.AddrPort
}

// ParseAddress reads ZONE#KEY or ZONE#KEY@RESOLVER,RESOLVER. A resolver is an IP
// address, with a port if it is not 53.
func ParseAddress(text string) (a Address, err error) {
	where, by, _ := strings.Cut(strings.TrimSpace(text), "@")
	zone, key, ok := strings.Cut(where, "#")
	if !ok {
		return a, fmt.Errorf("%w: the part from # on is missing; copy the whole text that the relay printed, ZONE#KEY", ErrAddress)
	}
	if a.Zone, err = wire.ParseZone(zone); err != nil {
		return a, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if a.Key, err = wire.ParsePublic(key); err != nil {
		return a, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if by == "" {
		return a, nil
	}
	for r := range strings.SplitSeq(by, ",") {
		ap, err := resolver(strings.TrimSpace(r))
		if err != nil || len(a.Resolvers) == maxResolvers {
			return a, fmt.Errorf("%w: behind @ stand up to %d IP addresses of resolvers, with commas between them; %q is none", ErrAddress, maxResolvers, r)
		}
		a.Resolvers = append(a.Resolvers, ap)
	}
	return a, nil
}

func resolver(s string) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPortFrom(ip, Port), nil
	}
	ap, err := netip.ParseAddrPort(s)
	if err == nil && ap.Port() == 0 {
		err = ErrAddress
	}
	return ap, err
}

// Text is the address without resolvers, as the relay prints it.
func (a Address) Text() string { return string(a.Zone) + "#" + a.Key.String() }

// System lists the resolvers of this system, where it says which.
func System() ([]netip.AddrPort, error) {
	f, err := os.Open(resolvConf)
	if err != nil {
		return nil, ErrNoResolver
	}
	defer f.Close()
	var list []netip.AddrPort
	for s := bufio.NewScanner(f); s.Scan() && len(list) < maxResolvers; {
		fields := strings.Fields(s.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if ap, err := resolver(fields[1]); err == nil {
			list = append(list, ap)
		}
	}
	if len(list) == 0 {
		return nil, ErrNoResolver
	}
	return list, nil
}
