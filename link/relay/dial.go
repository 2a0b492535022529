package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/relay"
)

// Errors of Dial, and of the first Read after it. Others are the network's.
var (
	// ErrNotOurRelay: somebody else answered. Its text says what was seen.
	// errors.As with *NotOurRelay tells more.
	ErrNotOurRelay = errors.New("relay link: this is not our relay")
	// ErrCut: the connection broke during the greeting. A relay without room
	// and a network that resets connections look alike.
	ErrCut = errors.New("relay link: cut during the greeting: the relay has no room, or the network cuts such connections")
	// ErrProxy: the proxy did not open the way.
	ErrProxy = errors.New("relay link: the proxy did not open the way")
)

// Seen is what answered in a relay's place.
type Seen uint8

// Kinds of strangers.
const (
	SeenOtherKey Seen = iota // TLS with another key: interception, or the operator's new key
	SeenPlain                // plain HTTP: a captive portal
	SeenRedirect             // plain HTTP that sends us elsewhere: a captive portal
	SeenOldTLS               // TLS that refuses version 1.3: an old interceptor
	SeenNoTLS                // bytes of another protocol
	SeenNoPath               // the right key, but no exchange behind it
)

// NotOurRelay says what was seen instead of the relay.
type NotOurRelay struct {
	Kind Seen
	What string // for a person: "another key", "redirect to …"
}

func (e *NotOurRelay) Error() string { return ErrNotOurRelay.Error() + ": " + e.What }

func (e *NotOurRelay) Unwrap() error { return ErrNotOurRelay }

// Dialer says how to reach relays. The zero value dials straight.
type Dialer struct {
	// Proxy is an HTTP proxy that knows CONNECT: http://[USER:PASSWORD@]HOST:PORT,
	// or https:// for one with a certificate of the system's roots; or SOCKS 5,
	// as of Tor: socks5://[USER:PASSWORD@]HOST:PORT. Empty: none.
	Proxy string
	// Timeout bounds Dial and the wait for the relay's first answer; 30 s.
	Timeout time.Duration
	// Quiet and Stall are those of relay.NewStream: 60 s and 2 min. A relay
	// says "still here" every 30 to 45 s: a Quiet below 25 s takes living
	// relays for dead.
	Quiet, Stall time.Duration
	// Tickets keep what lets QUIC go on where the last connection to this
	// relay ended, so that the first flight needs no handshake; nil for none.
	// It holds one ticket, of one relay and one network, under the key "".
	// A ticket is taken out when the relay answered. spec/relay.md, 10.
	Tickets tls.ClientSessionCache
	// Tokens goes with Tickets; nil for none.
	Tokens *Tokens
	// Heard, if it is set, is called when the first sign of a far end comes, be
	// it the relay or not: a try that hangs is told from one that is only slow.
	Heard func()
	// Inland says that the relay is in the same country.
	Inland bool
	// Metered says that each byte costs somebody.
	Metered bool
	// DialContext opens connections; nil for a net.Dialer.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

// conn is a link to a relay.
type conn struct {
	*relay.Stream
	peer   link.Peer
	traits link.Traits
}

func (c *conn) Peer() link.Peer     { return c.peer }
func (c *conn) Traits() link.Traits { return c.traits }

// Dial reaches the relay with the zero Dialer.
func Dial(ctx context.Context, addr relay.Addr) (link.Conn, error) {
	return (&Dialer{}).Dial(ctx, addr)
}

// Dial reaches the relay, or tells why not: ErrNotOurRelay, ErrCut, ErrProxy,
// ctx's error, or the network's. ctx bounds Dial alone; the link lives until
// Close. It does not wait for the relay's answer to the request (one round
// trip is saved): the first Read may yet answer relay.ErrBusy or
// ErrNotOurRelay.
func (d *Dialer) Dial(ctx context.Context, addr relay.Addr) (link.Conn, error) {
	return d.DialPath(ctx, addr, Path{Port: addr.Port}, nil)
}

// Path is a way to a relay: a transport and a port of its host.
type Path struct {
	UDP  bool // QUIC; otherwise TLS over TCP, or through the proxy
	Port uint16
}

func (p Path) String() string { return p.Transport() + " " + strconv.Itoa(int(p.Port)) }

// Transport is "quic" or "tls".
func (p Path) Transport() string {
	if p.UDP {
		return "quic"
	}
	return "tls"
}

// DialPath is Dial by one path. first is what the caller would write first: it
// leaves with the first packet that can carry it, perhaps before the relay has
// proven its key in this connection (but then so encrypted that only it can
// read it), and perhaps more than once. The caller must not write it again.
func (d *Dialer) DialPath(ctx context.Context, addr relay.Addr, p Path, first []byte) (link.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, orElse(d.Timeout, 30*time.Second))
	defer cancel()
	addr.Port = p.Port
	switch {
	case !p.UDP:
		return d.dialTCP(ctx, addr, first)
	case d.Proxy != "":
		return nil, fmt.Errorf("%w: it carries no UDP", ErrProxy)
	}
	return d.dialUDP(ctx, addr, first)
}

func (d *Dialer) dialTCP(ctx context.Context, addr relay.Addr, first []byte) (link.Conn, error) {
	raw, err := d.reach(ctx, addr.HostPort())
	if err != nil {
		return nil, err
	}
	if d.Heard != nil {
		d.Heard()
	}
	w := &witness{Conn: raw}
	secure := tls.Client(w, pinned(addr))
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the handshake's error tells more
		return nil, w.judge(ctx, err)
	}
	w.done = true
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	ws, err := upgrade(ctx, secure, addr.HostPort(), orElse(d.Timeout, 30*time.Second), len(first) > 0)
	if err != nil {
		_ = secure.Close()
		return nil, err
	}
	st := relay.NewStream(ws, orElse(d.Quiet, time.Minute), orElse(d.Stall, 2*time.Minute))
	if _, err := st.Write(first); err != nil {
		_ = st.Close()
		return nil, fmt.Errorf("relay link: first flight: %w", err)
	}
	return &conn{st, d.Peer(addr), d.Traits()}, nil
}

// Peer is what the links to the relay say whom they reach.
func (d *Dialer) Peer(addr relay.Addr) link.Peer {
	return link.Peer{Key: "relay:" + addr.Key.String(), Addr: addr.HostPort(), Relay: true, Abroad: !d.Inland}
}

// Traits are those of all its links.
func (d *Dialer) Traits() link.Traits {
	return link.Traits{Latency: 2 * time.Second, Way: link.Both, Metered: d.Metered, Exposure: link.Open}
}

func orElse(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// reach opens a connection whose far end should be the relay.
func (d *Dialer) reach(ctx context.Context, hostport string) (net.Conn, error) {
	if d.Proxy != "" {
		return d.throughProxy(ctx, hostport)
	}
	return d.open(ctx, hostport)
}

func (d *Dialer) open(ctx context.Context, hostport string) (net.Conn, error) {
	dial := d.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	c, err := dial(ctx, "tcp", hostport)
	if err != nil {
		return nil, fmt.Errorf("relay link: cannot reach %s: %w", hostport, err)
	}
	relay.Tune(c)
	return c, nil
}

var errOtherKey = errors.New("another key")

const anotherKey = "another key; somebody intercepts the connection, or the relay has a new address"

// pinned is TLS 1.3 with whoever holds the key; names, dates and roots are not
// looked at, and nothing is kept from one connection to the next.
// spec/relay.md, 2.
func pinned(addr relay.Addr) *tls.Config {
	return &tls.Config{
		ServerName:         addr.Host, // left out by crypto/tls for IP literals
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"http/1.1"},
		InsecureSkipVerify: true, // in favour of the pin
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || relay.KeyIDOf(s.PeerCertificates[0]) != addr.Key {
				return errOtherKey
			}
			return nil
		},
	}
}

// witness remembers the first bytes that came, to tell afterwards who it was.
type witness struct {
	net.Conn
	first []byte
	done  bool
}

// maxFirst is enough for the head of a captive portal's answer.
const maxFirst = 2 << 10

func (w *witness) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if !w.done && len(w.first) < maxFirst {
		w.first = append(w.first, p[:min(n, maxFirst-len(w.first))]...)
	}
	return n, err
}

func (w *witness) Close() error { return relay.CloseWhole(w.Conn) }

// judge translates the handshake's failure.
func (w *witness) judge(ctx context.Context, err error) error {
	const alertRecord = 0x15 // RFC 8446, 5.1
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, errOtherKey):
		return &NotOurRelay{SeenOtherKey, anotherKey}
	case bytes.HasPrefix(w.first, []byte("HTTP/")):
		return portal(w.first)
	case ctx.Err() != nil:
		return fmt.Errorf("relay link: no answer: %w", context.Cause(ctx))
	case errors.As(err, &record):
		return &NotOurRelay{SeenNoTLS, "something that does not speak TLS"}
	case len(w.first) > 0 && w.first[0] == alertRecord:
		return &NotOurRelay{SeenOldTLS, "TLS that refuses version 1.3 (" + clean(err.Error()) + ")"}
	case len(w.first) == 0 || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isNet(err):
		return fmt.Errorf("%w (%w)", ErrCut, err)
	}
	return &NotOurRelay{SeenOldTLS, "TLS of another kind (" + clean(err.Error()) + ")"}
}

func isNet(err error) bool {
	var ne net.Error
	return errors.As(err, &ne)
}

// portal describes a plain HTTP answer.
func portal(head []byte) error {
	line, rest, _ := strings.Cut(string(head), "\n")
	status := strings.TrimSpace(line)
	for field := range strings.SplitSeq(rest, "\n") {
		name, value, ok := strings.Cut(field, ":")
		if ok && strings.EqualFold(strings.TrimSpace(name), "Location") {
			return &NotOurRelay{SeenRedirect, "redirect to " + clean(value) + "; open a web browser and sign in to this network"}
		}
		if strings.TrimSpace(field) == "" {
			break
		}
	}
	return &NotOurRelay{SeenPlain, "plain HTTP answer (" + clean(status) + "); open a web browser and sign in to this network"}
}

// clean makes a stranger's words fit for a person's screen.
func clean(s string) string {
	const most = 120
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

// upgrade asks for the exchange without waiting for the answer; more says that
// the first frame follows, and the request goes with it.
func upgrade(ctx context.Context, c net.Conn, hostport string, timeout time.Duration, more bool) (*websocket.Conn, error) {
	a := &asker{conn: c, timeout: timeout}
	ws, _, err := websocket.Dial(ctx, "https://"+hostport+relay.Path, &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: a},
		HTTPHeader:      http.Header{"User-Agent": {""}},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("relay link: ask for the exchange: %w", err)
	}
	if !more {
		if _, err := a.up.Write(nil); err != nil {
			return nil, fmt.Errorf("relay link: ask for the exchange: %w", err)
		}
	}
	return ws, nil
}
