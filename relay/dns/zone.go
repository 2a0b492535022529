package dns

import (
	"errors"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/jauap/jauap/link/dns/wire"
)

// Times of the zone's own records, in seconds. What is not there is asked for
// again soon, in case a resolver keeps it for the whole zone.
const (
	nsTTL       = 3600
	soaTTL      = 60
	negativeTTL = 5
)

// zone answers as an ordinary authoritative server: the zone has a start of
// authority and one name server, and nothing below it that could be listed. No
// name is said not to exist: resolvers take that for all names below it
// (RFC 8020), and some put an advertisement in its place.
func (s *Server) zone(q wire.Question) ([]byte, error) {
	apex := s.o.Zone.Name(nil)[1:]
	ns, err1 := dnsmessage.NewName("ns." + apex)
	top, err2 := dnsmessage.NewName(apex)
	box, err3 := dnsmessage.NewName("hostmaster." + apex)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	head := func(n dnsmessage.Name, ttl uint32) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: n, Class: dnsmessage.ClassINET, TTL: ttl}
	}
	soa := func(b *dnsmessage.Builder) error {
		return b.SOAResource(head(top, soaTTL), dnsmessage.SOAResource{
			NS: ns, MBox: box, Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, MinTTL: negativeTTL,
		})
	}
	name := strings.ToLower(q.Name.String())
	switch {
	case name == apex && q.Type == dnsmessage.TypeSOA:
		return wire.Say(q, func(b *dnsmessage.Builder) error { return errors.Join(b.StartAnswers(), soa(b)) })
	case name == apex && q.Type == dnsmessage.TypeNS:
		return wire.Say(q, func(b *dnsmessage.Builder) error {
			return errors.Join(b.StartAnswers(), b.NSResource(head(top, nsTTL), dnsmessage.NSResource{NS: ns}))
		})
	case name == "ns."+apex && s.hasAddr(q.Type):
		return wire.Say(q, func(b *dnsmessage.Builder) error {
			err := b.StartAnswers()
			for _, a := range s.o.Addrs {
				switch {
				case q.Type == dnsmessage.TypeA && a.Is4():
					err = errors.Join(err, b.AResource(head(ns, nsTTL), dnsmessage.AResource{A: a.As4()}))
				case q.Type == dnsmessage.TypeAAAA && a.Is6():
					err = errors.Join(err, b.AAAAResource(head(ns, nsTTL), dnsmessage.AAAAResource{AAAA: a.As16()}))
				}
			}
			return err
		})
	}
	return wire.Say(q, func(b *dnsmessage.Builder) error { return errors.Join(b.StartAuthorities(), soa(b)) })
}

func (s *Server) hasAddr(t wire.Type) bool {
	for _, a := range s.o.Addrs {
		if a.Is4() && t == dnsmessage.TypeA || a.Is6() && t == dnsmessage.TypeAAAA {
			return true
		}
	}
	return false
}
