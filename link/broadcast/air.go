package broadcast

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/jauap/jauap/link/fountain"
)

// DefaultGroup is where programmes are sent unless told otherwise: an IPv4
// group of the administrative scope (RFC 2365).
const DefaultGroup = "239.255.83.18:48732"

// DefaultRate in bits per second: what a poor Wi-Fi takes as multicast.
const DefaultRate = 2_000_000

// Limits of a rate.
const (
	MinRate = 1_000
	MaxRate = 10_000_000_000
)

// ErrAddress: the address cannot be used.
var ErrAddress = errors.New("broadcast: not a group or address, such as 239.255.83.18:48732")

func parseAddr(s string) (netip.AddrPort, error) {
	if s == "" {
		s = DefaultGroup
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil || a.Port() == 0 {
		return a, fmt.Errorf("%w: %q", ErrAddress, s)
	}
	return a, nil
}

// Air sends packets to one address.
type Air struct {
	rate  int64
	conns []*net.UDPConn
	to    *net.UDPAddr
	begin time.Time
	bits  int64 // since begin

	Sent atomic.Int64 // bytes
}

// Dial opens an Air to a multicast group, on each interface that can, or to one
// address. rate is in bits per second, IP and UDP heads included; 0 for
// DefaultRate. Multicast does not pass routers.
func Dial(addr string, rate int64) (*Air, error) {
	a, err := parseAddr(addr)
	if err != nil {
		return nil, err
	}
	if rate == 0 {
		rate = DefaultRate
	}
	if rate < MinRate || rate > MaxRate {
		return nil, fmt.Errorf("broadcast: a rate is %d to %d bits per second", MinRate, int64(MaxRate))
	}
	air := &Air{rate: rate, to: net.UDPAddrFromAddrPort(a)}
	if !a.Addr().IsMulticast() {
		c, err := net.ListenUDP(network(a.Addr()), nil)
		if err != nil {
			return nil, fmt.Errorf("broadcast: %w", err)
		}
		air.conns = []*net.UDPConn{c}
		return air, nil
	}
	var errs []error
	for _, i := range voices(a.Addr()) {
		c, err := net.ListenUDP(network(a.Addr()), nil)
		if err == nil {
			if err = speakOn(c, a.Addr(), i); err != nil {
				c.Close()
			} else {
				air.conns = append(air.conns, c)
			}
		}
		errs = append(errs, err)
	}
	if len(air.conns) == 0 {
		return nil, fmt.Errorf("broadcast: no interface of this device can send to %s: is Wi-Fi or a cable on? %w", a, errors.Join(errs...))
	}
	return air, nil
}

func network(a netip.Addr) string {
	if a.Is4() || a.Is4In6() {
		return "udp4"
	}
	return "udp6"
}

// voices are the interfaces that can reach a group.
func voices(group netip.Addr) (list []net.Interface) {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 || group.Zone() != "" && group.Zone() != i.Name {
			continue
		}
		list = append(list, i)
	}
	return list
}

func speakOn(c *net.UDPConn, group netip.Addr, i net.Interface) error {
	if group.Is4() || group.Is4In6() {
		p := ipv4.NewPacketConn(c)
		return errors.Join(p.SetMulticastInterface(&i), p.SetMulticastTTL(1), p.SetMulticastLoopback(true))
	}
	p := ipv6.NewPacketConn(c)
	return errors.Join(p.SetMulticastInterface(&i), p.SetMulticastHopLimit(1), p.SetMulticastLoopback(true))
}

// headBytes stand before each packet: IP and UDP.
const headBytes = 28

// Send sends one packet when its time has come. An interface that fails is
// passed over as long as another works; nobody confirms anything.
func (a *Air) Send(ctx context.Context, packet []byte) error {
	if err := a.pace(ctx, len(packet)); err != nil {
		return err
	}
	var errs []error
	for _, c := range a.conns {
		if _, err := c.WriteToUDP(packet, a.to); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == len(a.conns) && !refused(errs) {
		return fmt.Errorf("broadcast: %w", errors.Join(errs...))
	}
	a.Sent.Add(int64(len(packet)))
	return nil
}

// refused says that nobody listens at an address of one machine: that is no
// reason to stop.
func refused(errs []error) bool {
	return slices.ContainsFunc(errs, isRefused)
}

// pace waits until the packet may go. After a pause nothing is made up for.
func (a *Air) pace(ctx context.Context, n int) error {
	now := time.Now()
	due := a.begin.Add(time.Duration(float64(a.bits) / float64(a.rate) * float64(time.Second)))
	if a.begin.IsZero() || now.Sub(due) > 100*time.Millisecond {
		a.begin, a.bits, due = now, 0, now
	}
	a.bits += int64(n+headBytes) * 8
	if wait := due.Sub(now); wait > time.Millisecond {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	return ctx.Err()
}

// Close ends the Air.
func (a *Air) Close() error {
	var errs []error
	for _, c := range a.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Tuner listens. Its counts may be asked for from any goroutine.
type Tuner struct {
	conn  *net.UDPConn
	group netip.AddrPort
	sieve *sieve

	mu     sync.Mutex
	joined map[int]bool // interfaces, by index
	bytes  int64
}

const (
	lookEvery = 5 * time.Second
	earBytes  = 4 << 20 // what the system keeps while this process is busy
)

// Listen begins to listen to a multicast group on each interface, or at one
// address of this device. take is called from Run with the units of each block.
func Listen(addr string, take func(units [][]byte) error) (*Tuner, error) {
	a, err := parseAddr(addr)
	if err != nil {
		return nil, err
	}
	t := &Tuner{group: a, sieve: newSieve(take), joined: map[int]bool{}}
	if !a.Addr().IsMulticast() {
		t.conn, err = net.ListenUDP(network(a.Addr()), net.UDPAddrFromAddrPort(a))
	} else {
		err = fmt.Errorf("no interface of this device can hear %s: is Wi-Fi or a cable on?", a)
		for _, i := range voices(a.Addr()) {
			var c *net.UDPConn
			if c, err = net.ListenMulticastUDP(network(a.Addr()), &i, net.UDPAddrFromAddrPort(a)); err == nil {
				t.conn, t.joined[i.Index] = c, true
				break
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("broadcast: %w", err)
	}
	_ = t.conn.SetReadBuffer(earBytes)
	t.join()
	return t, nil
}

// join joins the group on interfaces that have come up.
func (t *Tuner) join() {
	if !t.group.Addr().IsMulticast() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	up := map[int]bool{}
	for _, i := range voices(t.group.Addr()) {
		if t.joined[i.Index] {
			up[i.Index] = true
			continue
		}
		to := &net.UDPAddr{IP: t.group.Addr().AsSlice()}
		var err error
		if network(t.group.Addr()) == "udp4" {
			err = ipv4.NewPacketConn(t.conn).JoinGroup(&i, to)
		} else {
			err = ipv6.NewPacketConn(t.conn).JoinGroup(&i, to)
		}
		up[i.Index] = err == nil
	}
	t.joined = up
}

// Run listens until ctx ends or take fails, and closes the Tuner.
func (t *Tuner) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { t.conn.Close() })
	defer stop()
	defer t.conn.Close()
	buf := make([]byte, 65536)
	look := time.Now()
	for {
		if time.Since(look) > lookEvery {
			look = time.Now()
			t.join()
		}
		if err := t.conn.SetReadDeadline(time.Now().Add(lookEvery)); err != nil && ctx.Err() == nil {
			return fmt.Errorf("broadcast: %w", err)
		}
		n, _, err := t.conn.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("broadcast: %w", err)
		}
		if err != nil {
			continue // a datagram that was cut, or a complaint from far away
		}
		t.mu.Lock()
		t.bytes += int64(n)
		t.mu.Unlock()
		if err := t.datagram(buf[:n]); err != nil {
			return err
		}
	}
}

// datagram is a packet, or cells as television over IP sends them.
func (t *Tuner) datagram(b []byte) error {
	if len(b) == 0 || b[0] != syncByte || len(b)%cellSize != 0 {
		return t.sieve.packet(b)
	}
	for i := 0; i < len(b); i += cellSize {
		if b[i] != syncByte {
			break
		}
		if err := t.sieve.d.cell(b[i : i+cellSize]); err != nil {
			return err
		}
	}
	return nil
}

// Counts tells what was heard so far.
func (t *Tuner) Counts() (fountain.Stats, fountain.Progress, int64) {
	s, p := t.sieve.counts()
	t.mu.Lock()
	defer t.mu.Unlock()
	return s, p, t.bytes
}

// Addr is where the Tuner listens.
func (t *Tuner) Addr() string { return t.conn.LocalAddr().String() }
