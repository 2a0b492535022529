package race

import (
	"math/rand/v2"
	"slices"

	linkrelay "github.com/jauap/jauap/link/relay"
	"github.com/jauap/jauap/relay"
)

// Way is one path to one address of a relay.
type Way struct {
	Addr relay.Addr // its Port is the path's
	UDP  bool
}

// Path is what link/relay dials.
func (w Way) Path() linkrelay.Path { return linkrelay.Path{UDP: w.UDP, Port: w.Addr.Port} }

// String is for people: "quic 192.0.2.1:443".
func (w Way) String() string { return w.Path().Transport() + " " + w.Addr.HostPort() }

// Name is what the observatory calls the way; what stands before the last
// colon is the host.
func (w Way) Name() string {
	if w.UDP {
		return w.Addr.HostPort() + "/udp"
	}
	return w.Addr.HostPort()
}

// Ways lists the ways to a relay that has these addresses: first those of the
// addresses' own ports, QUIC before TLS, then those of the odd ports. Without
// udp there is TLS only.
func Ways(addrs []relay.Addr, udp bool) (own, odd []Way) {
	add := func(list []Way, a relay.Addr) []Way {
		for _, quic := range []bool{true, false} {
			w := Way{a, quic}
			if (udp || !quic) && !slices.Contains(own, w) && !slices.Contains(list, w) {
				list = append(list, w)
			}
		}
		return list
	}
	for _, a := range addrs {
		own = add(own, a)
	}
	for _, a := range addrs {
		for _, port := range relay.OddPorts() {
			a.Port = port
			odd = add(odd, a)
		}
	}
	return own, odd
}

// Book is what is known of the ways to one relay.
type Book struct {
	Own, Odd []Way
	Last     []Way // that answered last in this network, the newest first
	Finds    []Way // that contacts found
}

// volleyFinds is how many of the finds a volley tries: one after another.
const volleyFinds = 1

// Volley is the n-th attempt: the way that answered last, the relay's own
// port, and one of the finds in turn.
func (b Book) Volley(n int) []Way {
	list := slices.Clone(b.Last[:min(1, len(b.Last))])
	for i := range min(volleyFinds, len(b.Finds)) {
		list = append(list, b.Finds[(n+i)%len(b.Finds)])
	}
	// Of several hosts each volley tries one.
	if hosts := hostsOf(b.Own); len(hosts) > 0 {
		for _, w := range b.Own {
			if w.Addr.Host == hosts[n%len(hosts)] {
				list = append(list, w)
			}
		}
	}
	return unique(list)
}

func hostsOf(ways []Way) (hosts []string) {
	for _, w := range ways {
		if !slices.Contains(hosts, w.Addr.Host) {
			hosts = append(hosts, w.Addr.Host)
		}
	}
	return hosts
}

// Sweep is all that volleys do not try each time: what answered once, finds,
// then the rest in an order of chance, so that no observer can tell us by it.
func (b Book) Sweep(rng *rand.Rand) []Way {
	rest := slices.Clone(b.Odd)
	rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	return unique(slices.Concat(b.Last[min(1, len(b.Last)):], b.Finds, rest))
}

func unique(list []Way) (out []Way) {
	for _, w := range list {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}
