package bp

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jauap/jauap/link/bundle"
)

// DefaultPort is that of TCPCL. RFC 9174, 9.1
const DefaultPort = 4556

// DefaultTo is the endpoint to which bundles go unless told otherwise: a group, so
// that every Jauap node behind the network takes a copy.
const DefaultTo = "dtn://jauap/~mail"

// ErrSpot: not a bundle node's address.
var ErrSpot = errors.New("bp: a bundle node is tcpcl://HOST:PORT, mtcp://HOST:PORT or stcp://HOST:PORT, with ,listen ,to=EID ,as=EID ,tls ,tls=off ,bare ,life=DAYS behind it where needed")

// Line is the protocol between neighbours.
type Line string

// Lines.
const (
	TCPCL Line = "tcpcl" // version 4, both ways, acknowledged
	MTCP  Line = "mtcp"  // one way, from whoever calls to whoever listens
	STCP  Line = "stcp"  // the same, as ION does it
)

// TLS says how a TCPCL session is encrypted. Nobody's certificate is checked: it
// keeps out who only listens.
type TLS uint8

// Ways to do it.
const (
	TLSOffer TLS = iota // if the far end can
	TLSMust             // or no session
	TLSOff
)

// Spot is a bundle node: how to reach it, and as whom.
type Spot struct {
	Line   Line
	Addr   string // host:port
	Listen bool   // wait there for nodes to call, instead
	Packing
	TLS TLS
}

// Packing is how units become bundles and which bundles are ours.
type Packing struct {
	To   bundle.EID    // where bundles go
	As   bundle.EID    // who we are; the zero EID: a new name each time
	Life time.Duration // of a bundle
	Bare bool          // no checksum in the payload block
}

// ParseSpot reads what a person typed, such as
// tcpcl://192.0.2.7:4556,to=ipn:20.7,as=ipn:10.0.
func ParseSpot(s string) (Spot, error) {
	parts := strings.Split(s, ",")
	u, err := url.Parse(parts[0])
	if err != nil || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return Spot{}, fmt.Errorf("%w, not %q", ErrSpot, s)
	}
	spot := Spot{Line: Line(u.Scheme)}
	if spot.Line != TCPCL && spot.Line != MTCP && spot.Line != STCP {
		return Spot{}, fmt.Errorf("%w, not %q", ErrSpot, s)
	}
	port := u.Port()
	if port == "" {
		port = strconv.Itoa(DefaultPort)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 && !contains(parts[1:], "listen") {
		return Spot{}, fmt.Errorf("%w, not port %q", ErrSpot, port)
	}
	spot.Addr = net.JoinHostPort(u.Hostname(), port)
	for _, p := range parts[1:] {
		if err := spot.option(strings.TrimSpace(p)); err != nil {
			return Spot{}, err
		}
	}
	if u.Hostname() == "" && !spot.Listen {
		return Spot{}, fmt.Errorf("%w: a host is missing; to wait for calls on every address add ,listen", ErrSpot)
	}
	if spot.TLS != TLSOffer && spot.Line != TCPCL {
		return Spot{}, fmt.Errorf("%w: only tcpcl can encrypt", ErrSpot)
	}
	return spot, spot.complete()
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if strings.TrimSpace(l) == s {
			return true
		}
	}
	return false
}

// option reads one part behind the address.
func (s *Spot) option(p string) (err error) {
	key, value, _ := strings.Cut(p, "=")
	switch {
	case p == "listen":
		s.Listen = true
	case p == "tls":
		s.TLS = TLSMust
	case p == "tls=off":
		s.TLS = TLSOff
	default:
		err = s.Packing.option(p, key, value)
	}
	return err
}

func (g *Packing) option(p, key, value string) (err error) {
	switch {
	case p == "bare":
		g.Bare = true
	case key == "to":
		g.To, err = bundle.ParseEID(value)
	case key == "as":
		if g.As, err = bundle.ParseEID(value); err == nil && (g.As != g.As.Node() || g.As.Group()) {
			err = fmt.Errorf("%w: as= is a node, dtn://NODE/ or ipn:NODE.0, not %q", ErrSpot, value)
		}
	case key == "life":
		days, convErr := strconv.ParseUint(value, 10, 8)
		if g.Life = time.Duration(days) * 24 * time.Hour; convErr != nil || g.Life < bundle.MinLife || g.Life > bundle.MaxLife {
			err = fmt.Errorf("%w: life= is 1 to 60 days, not %q", ErrSpot, value)
		}
	default:
		err = fmt.Errorf("%w, not %q", ErrSpot, p)
	}
	return err
}

// NewPacking reads to=, as=, life= and bare alone, for a folder of bundles.
func NewPacking(options string) (Packing, error) {
	var g Packing
	for p := range strings.SplitSeq(options, ",") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		key, value, _ := strings.Cut(p, "=")
		if err := g.option(p, key, value); err != nil {
			return g, err
		}
	}
	return g, g.complete()
}

// complete fills in what was not said.
func (g *Packing) complete() (err error) {
	if g.To.None() {
		if g.To, err = bundle.ParseEID(DefaultTo); err != nil {
			return err
		}
	}
	if g.Life == 0 {
		g.Life = bundle.DefaultLife
	}
	return nil
}

// ours reports whether a bundle for e is for us.
func (g *Packing) ours(e bundle.EID) bool {
	return e == g.To || !g.As.None() && e.Node() == g.As
}

// name is who we say we are: as told, or somebody new.
func (g *Packing) name() string {
	if !g.As.None() {
		return g.As.String()
	}
	return "dtn://" + strings.ToLower(rand.Text()[:12]) + "/"
}

// pack makes a bundle of a unit.
func (g *Packing) pack(unit []byte, now time.Time) ([]byte, error) {
	return bundle.Pack(unit, bundle.Label{To: g.To, Life: g.Life, Now: now, Bare: g.Bare, Rand: rand.Reader})
}

// String writes the spot for a person, without what was not said.
func (s Spot) String() string {
	text := string(s.Line) + "://" + s.Addr
	if s.Listen {
		text += ",listen"
	}
	return text + ",to=" + s.To.String()
}
