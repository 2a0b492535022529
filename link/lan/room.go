package lan

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apernet/quic-go"

	"github.com/jauap/jauap/link"
)

// Errors, usable with errors.Is.
var (
	ErrAddress = errors.New("lan: not an address: write it like 192.168.1.5:4242 or [fe80::1%wlan0]:4242")
	ErrBusy    = errors.New("lan: the port is taken: choose another or 0")
	ErrNoReply = errors.New("lan: nobody answers: is the other device on this network, and is its address right?")
	ErrSelf    = errors.New("lan: this is our own address")
	ErrMet     = errors.New("lan: we are meeting this peer already")
	ErrCrowded = errors.New("lan: too many meetings at once: let some end first")
)

// Limits of one Room.
const (
	maxConns   = 128
	maxPerHost = 32 // conns and handshakes from one address
	maxWaiting = 16 // accepted conns that nobody has fetched, addresses found
	maxNotes   = 32
	// maxHalfOpen bounds connections that have said nothing yet; they cost a
	// goroutine each until the handshake's time is over.
	maxHalfOpen = 512

	dialTime = 10 * time.Second
)

// Config of a Room. The zero value listens on all addresses at a random port
// and finds nobody by itself.
type Config struct {
	// Addr is where to listen, "ip:port" or ":port"; port 0 is a random one.
	// TCP uses the same number as UDP. Empty means ":0".
	Addr string
	// Multicast turns finding and being found on. When it cannot be had, Notes
	// says so and everything else works.
	Multicast bool
	// Group is the multicast groups to meet in, one for IPv4 or IPv6 or both,
	// separated by a comma: "239.1.2.3:4567,[ff12::1]:4567". Empty means
	// DefaultGroup.
	Group string
	// Sweep asks the addresses around the own one in private IPv4 networks, 25 a second
	// and at most 254 each ten minutes, where no multicast was heard. It is part of
	// Multicast and does nothing without it.
	Sweep bool
	// Interfaces are the names of those to use for multicast; empty for all
	// that are up and can, but tunnels and the loopback.
	Interfaces []string
	// Loopback adds this machine's own interface, so that several nodes on it
	// find each other. A Room on a loopback Addr always has it, and only it.
	Loopback bool

	pace times                   // usualTimes when zero
	look func() ([]place, error) // places when nil
}

// token tells the Rooms apart for as long as they run.
type token [16]byte

// Room is a device's place on the local network. It is made by Listen.
type Room struct {
	config Config
	token  token
	local  netip.AddrPort

	udp  net.PacketConn
	sock *calm // around udp
	quic *quic.Transport
	in   *quic.EarlyListener
	tcp  *net.TCPListener

	quicTLS, tcpTLS *tls.Config
	quicConfig      *quic.Config
	farConfig       *quic.Config // for who is far away

	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	hurry   context.Context // ends when goodbyes must
	hurryUp context.CancelFunc
	work    sync.WaitGroup // loops and handshakes
	leaving sync.WaitGroup // goodbyes
	once    sync.Once      // Close

	halfOpen atomic.Int32

	ready chan *Conn
	found chan string

	mu     sync.Mutex
	over   bool // no more goodbyes
	conns  map[*Conn]bool
	known  map[netip.AddrPort]*acquaintance // whom we knock at
	hosts  map[netip.Addr]int               // conns and handshakes
	places []place
	notes  []link.Note

	home  map[netip.Addr]bool // IPv4 addresses, when there were any last
	moved chan struct{}       // closed when none of them is left and there are others
	poke  chan struct{}       // look at the interfaces now
}

// Listen opens a Room. It closes when ctx ends or by Close. Errors: ErrAddress,
// ErrBusy, or what the system says. That multicast cannot be used is no error but
// a note.
func Listen(ctx context.Context, config Config) (*Room, error) {
	if config.pace == (times{}) {
		config.pace = usualTimes
	}
	if config.look == nil {
		config.look = func() ([]place, error) { return places(config) }
	}
	groups, err := parseGroups(config.Group)
	if err != nil {
		return nil, err
	}
	cert, own, err := newCertificate()
	if err != nil {
		return nil, err
	}
	r := &Room{config: config, token: own, known: make(map[netip.AddrPort]*acquaintance), ready: make(chan *Conn, maxWaiting), found: make(chan string, maxWaiting),
		moved: make(chan struct{}), poke: make(chan struct{}, 1), conns: make(map[*Conn]bool), hosts: make(map[netip.Addr]int)}
	r.quicTLS, r.tcpTLS = tlsConfigs(cert)
	r.quicConfig = &quic.Config{
		HandshakeIdleTimeout:  config.pace.handshake,
		MaxIdleTimeout:        config.pace.idle,
		KeepAlivePeriod:       config.pace.idle / 3,
		MaxIncomingStreams:    1, // one meeting per connection
		MaxIncomingUniStreams: -1,
		Allow0RTT:             true,
		InitialPacketSize:     1350, // passes nearly everywhere, TCP elsewhere; discovery finds what more is possible
	}
	r.farConfig = r.quicConfig.Clone()
	r.farConfig.DisablePathMTUDiscovery = true
	if err := r.bind(ctx); err != nil {
		return nil, err
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.hurry, r.hurryUp = context.WithCancel(context.Background())
	if err := r.listen(); err != nil {
		r.stop()
		r.hurryUp()
		_ = r.tcp.Close()
		_ = r.udp.Close()
		return nil, err
	}
	seen, _ := config.look() // the multicast loop reports errors
	r.setPlaces(seen)
	r.work.Go(r.acceptQUIC)
	r.work.Go(r.acceptTCP)
	r.work.Go(r.answerKnocks)
	if config.Multicast {
		b := newBeacons(r, groups)
		r.work.Go(b.run)
	}
	unhook := context.AfterFunc(ctx, func() { _ = r.Close() })
	context.AfterFunc(r.ctx, func() { unhook() })
	return r, nil
}

// bind takes one port number on UDP and TCP.
func (r *Room) bind(ctx context.Context) error {
	addr := r.config.Addr
	if addr == "" {
		addr = ":0"
	}
	la, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrAddress, addr)
	}
	family := ""
	if la.IP != nil && la.IP.To4() != nil {
		family = "4"
	}
	var lc net.ListenConfig
	for range 8 { // a random UDP port may be taken on TCP
		if r.udp, err = lc.ListenPacket(ctx, "udp"+family, la.String()); err != nil {
			break
		}
		r.local = addrPortOf(r.udp.LocalAddr())
		var ln net.Listener
		ta := net.TCPAddr{IP: la.IP, Zone: la.Zone, Port: int(r.local.Port())}
		if ln, err = lc.Listen(ctx, "tcp"+family, ta.String()); err == nil {
			r.tcp = ln.(*net.TCPListener)
			return nil
		}
		_ = r.udp.Close()
		if la.Port != 0 {
			break
		}
	}
	if isBusy(err) {
		return fmt.Errorf("%w (%v)", ErrBusy, err)
	}
	return fmt.Errorf("lan: listen: %w", err)
}

// listen starts QUIC on the UDP socket.
func (r *Room) listen() error {
	var reset quic.StatelessResetKey
	_, _ = rand.Read(reset[:])
	r.sock = newCalm(r.udp.(*net.UDPConn))
	r.quic = &quic.Transport{
		Conn: r.sock,
		// Tells far ends at once when we have let a link go.
		StatelessResetKey: &reset,
		// Under a flood of handshakes their addresses must be proven first.
		VerifySourceAddress: func(net.Addr) bool { return r.crowded() },
	}
	var err error
	if r.in, err = r.quic.ListenEarly(r.quicTLS, r.farConfig); err != nil {
		return fmt.Errorf("lan: listen: %w", err)
	}
	return nil
}

// Addr is where the Room listens, "ip:port"; the ip is unspecified when it
// listens on all.
func (r *Room) Addr() string { return r.local.String() }

// Addrs are the addresses that somebody on the same network can type to meet us.
func (r *Room) Addrs() []string {
	if !r.local.Addr().IsUnspecified() {
		return []string{r.Addr()}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, p := range r.places {
		for _, a := range []netip.Addr{p.v4, p.v6} {
			if a.IsValid() && !a.IsUnspecified() && !p.loopback {
				all = append(all, netip.AddrPortFrom(a, r.local.Port()).String())
			}
		}
	}
	return all
}

// Found gives the addresses of others as they are heard, for Dial: once for each
// when it is first heard, and again half a minute later as long as it is heard and
// no meeting is going on. Of two Rooms only one is told, if that one's dialling
// works. Who does not listen misses the newest. The channel closes with the Room.
func (r *Room) Found() <-chan string { return r.found }

// Notes are what could not be used since the start, the latest 32.
func (r *Room) Notes() []link.Note {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notes)
}

// note keeps one line, once.
func (r *Room) note(code, where, format string, args ...any) {
	n := link.Note{Where: where, What: fmt.Sprintf(format, args...), Code: code}
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.notes, n) {
		return
	}
	if len(r.notes) == maxNotes {
		r.notes = slices.Delete(r.notes, 0, 1)
	}
	r.notes = append(r.notes, n)
}

// Close ends all meetings, as far as half a second allows with a goodbye, and
// frees the port.
func (r *Room) Close() error {
	r.once.Do(func() {
		r.stop()
		_ = r.tcp.Close()
		r.mu.Lock()
		open := make([]*Conn, 0, len(r.conns))
		for c := range r.conns {
			open = append(open, c)
		}
		r.mu.Unlock()
		for _, c := range open {
			_ = c.Close()
		}
		r.mu.Lock()
		r.over = true
		r.mu.Unlock()
		timer := time.AfterFunc(r.config.pace.hurry, r.hurryUp)
		r.leaving.Wait()
		timer.Stop()
		r.hurryUp()
		_ = r.in.Close()
		_ = r.quic.Close()
		_ = r.udp.Close()
		r.work.Wait()
		close(r.found)
	})
	return nil
}

// linger runs a goodbye in the background; false when it is too late for any.
func (r *Room) linger(goodbye func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	r.leaving.Go(goodbye)
	return true
}

// arrive counts a conn or handshake with host; false when there are too many.
// Each true needs a depart.
func (r *Room) arrive(host netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	total := 0
	for _, n := range r.hosts {
		total += n
	}
	if r.ctx.Err() != nil || total >= maxConns || r.hosts[host] >= maxPerHost {
		return false
	}
	r.hosts[host]++
	return true
}

func (r *Room) depart(host netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hosts[host]--; r.hosts[host] == 0 {
		delete(r.hosts, host)
	}
}

func (r *Room) crowded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns) > maxConns/4
}

// forget drops a conn that has ended, once.
func (r *Room) forget(c *Conn) {
	r.mu.Lock()
	known := r.conns[c]
	delete(r.conns, c)
	r.mu.Unlock()
	if known && c.unfollow != nil {
		c.unfollow()
	}
	if known {
		r.depart(c.remote.Addr())
	}
}

// crossMoment is how far apart two dials count as the same moment.
const crossMoment = 2 * time.Second

// begin is where a meeting starts: at the dialler's before it says so, at the
// other end when it hears so. ErrMet lets it go because the two meet already. When
// both dial at the same moment they must not both let go, and should not meet twice:
// the lower token's link stays.
func (r *Room) begin(c *Conn) error {
	first := lower(r.token, c.token)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return net.ErrClosed
	}
	for other := range r.conns {
		if other == c || other.token != c.token {
			continue
		}
		crossed := other.dialed && time.Since(other.since) < crossMoment
		if c.dialed || crossed && first {
			return ErrMet
		}
	}
	r.conns[c] = true
	if _, ok := c.c.(*quicCarrier); ok && c.traits.Latency >= farTrip {
		c.unfollow = r.sock.follow(c.remote)
	}
	return nil
}

// meeting says whether there is a conn with the peer that has this token or one
// of these addresses.
func (r *Room) meeting(t token, addrs []netip.AddrPort) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		if c.token == t || slices.Contains(addrs, c.remote) {
			return true
		}
	}
	return false
}

func (r *Room) setPlaces(p []place) {
	now := map[netip.Addr]bool{}
	for _, q := range p {
		if q.v4.IsValid() && !q.loopback && !q.v4.IsUnspecified() {
			now[q.v4] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.places = p
	if len(now) == 0 {
		return // between two networks, or in one without IPv4
	}
	left := len(r.home) == 0
	for a := range r.home {
		left = left || now[a]
	}
	r.home = now
	select {
	case <-r.moved:
	default:
		if !left {
			close(r.moved)
		}
	}
}

// Moved is closed when this device has other IPv4 addresses than before and none of
// those is left: it is in another network, or its network was renumbered. What runs
// over the Room may be cut any moment, and whoever goes on with it is followed from
// one network into the other: close it and listen anew. A Room without Multicast
// does not look.
func (r *Room) Moved() <-chan struct{} { return r.moved }

// Look makes the Room look at the interfaces now rather than within seconds.
func (r *Room) Look() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

// exposure tells peers on our own networks from those beyond.
func (r *Room) exposure(a netip.Addr) link.Exposure {
	if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() {
		return link.Nearby
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.places {
		if p.holds(a) {
			return link.Nearby
		}
	}
	return link.Open
}
