package dns

import (
	"math/rand/v2"
	"net/netip"

	"github.com/jauap/jauap/link/dns/wire"
)

// route is one way to ask: which resolver, for which records, with or without
// EDNS.
type route struct {
	to    netip.AddrPort
	typ   wire.Type
	edns  int
	score float64 // share of queries that are answered, fading
	tried bool
}

const (
	scoreFade = 0.1
	explore   = 24 // one query in so many goes by another route than the best
)

// modes in the order in which they are tried: plain text records pass nearly
// everywhere.
func modes() []route {
	return []route{
		{typ: wire.TXT, edns: wire.EDNSSize}, {typ: wire.AAAA, edns: wire.EDNSSize}, {typ: wire.TXT},
		{typ: wire.NULL, edns: wire.EDNSSize}, {typ: wire.AAAA},
	}
}

// routesOf lists all ways over some resolvers; routes that were known keep their
// score.
func routesOf(resolvers []netip.AddrPort, old []*route) (list []*route) {
	for _, m := range modes() {
		for _, to := range resolvers {
			r := m
			r.to = to
			for _, o := range old {
				if o.to == r.to && o.typ == r.typ && o.edns == r.edns {
					r.score, r.tried = o.score, o.tried
				}
			}
			list = append(list, &r)
		}
	}
	return list
}

// size is the most bytes of an answer.
func (r *route) size() int {
	if r.edns > 0 {
		return r.edns
	}
	return wire.PlainSize
}

// room is the most bytes of sealed answer that fit beside everything else.
func (r *route) room() int {
	const around = 110 // head, question, record, EDNS
	if r.typ == wire.AAAA {
		return (r.size() - around) / 28 * 15
	}
	return r.size() - around
}

// worth is what one query by the route brings.
func (r *route) worth() float64 {
	size := float64(r.size())
	if r.typ == wire.AAAA {
		size /= 2
	}
	return r.score * (0.3 + size/wire.EDNSSize)
}

func (r *route) note(answered bool) {
	r.tried = true
	r.score *= 1 - scoreFade
	if answered {
		r.score += scoreFade
	}
}

// pick chooses a route: all in turn while none is known to work, then the best
// one, and now and then another.
func pick(list []*route, turn int, blind bool, rng *rand.Rand) *route {
	if len(list) == 0 {
		return nil
	}
	var best *route
	for _, r := range list {
		if r.score > 0 && (best == nil || r.worth() > best.worth()) {
			best = r
		}
	}
	if best == nil || blind && turn%2 == 0 {
		return list[turn/2%len(list)]
	}
	if rng.IntN(explore) == 0 {
		return list[rng.IntN(len(list))]
	}
	return best
}
