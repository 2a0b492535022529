package lan

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// DefaultGroup is where Rooms look for each other: an IPv4 group of the
// administrative scope (RFC 2365) and an IPv6 one that never leaves the link
// (RFC 4291, 2.7).
const DefaultGroup = "239.255.83.17:48731,[ff12::8311]:48731"

// The first beacons come fast, so that a meeting of a minute is used; then they
// are rare, so that a phone can sleep.
const (
	beaconSlow    = 6 * time.Second
	beaconJitter  = 0.3             // part of a pause that is random
	answerSoonest = 1 * time.Second // between two answers to newcomers
)

// quickBeacons are the pauses before the first beacons.
var quickBeacons = [...]time.Duration{
	10 * time.Millisecond, 150 * time.Millisecond, 350 * time.Millisecond, 800 * time.Millisecond, 2 * time.Second,
}

// parseGroups reads Config.Group.
func parseGroups(s string) ([]netip.AddrPort, error) {
	if s == "" {
		s = DefaultGroup
	}
	var groups []netip.AddrPort
	for _, g := range strings.Split(s, ",") {
		ap, err := netip.ParseAddrPort(strings.TrimSpace(g))
		if err != nil || !ap.Addr().IsMulticast() || ap.Port() == 0 {
			return nil, fmt.Errorf("%w: %q is not a multicast group", ErrAddress, g)
		}
		groups = append(groups, ap)
	}
	return groups, nil
}

// beacons is the multicast side of a Room: ears that hear others, voices that
// speak, and the loop that keeps both in step with the interfaces.
type beacons struct {
	room   *Room
	groups []netip.AddrPort
	own    beacon
	ears   []*ear
	voices []*voice
	joined []place
	todo   []swept       // of the sweep that is going on
	fresh  chan struct{} // somebody new was heard

	mu    sync.Mutex
	crowd *crowd
}

func newBeacons(r *Room, groups []netip.AddrPort) *beacons {
	return &beacons{room: r, groups: groups, own: beacon{beaconVersion, r.local.Port(), r.token},
		fresh: make(chan struct{}, 1), crowd: newCrowd(r.token)}
}

// run works until the Room closes.
func (b *beacons) run() {
	ctx := b.room.ctx
	for _, g := range b.groups {
		e, err := newEar(ctx, g)
		if err != nil {
			b.room.note("unheard", g.String(), "others cannot be heard here (%v): type their address", err)
			continue
		}
		b.ears = append(b.ears, e)
	}
	var listening sync.WaitGroup
	for _, e := range b.ears {
		listening.Go(func() { b.listen(e) })
	}
	b.look()
	b.speak(ctx)
	for _, e := range b.ears {
		_ = e.conn.Close()
	}
	b.hush()
	listening.Wait()
}

// speak sends beacons and looks at the interfaces until ctx ends.
func (b *beacons) speak(ctx context.Context) {
	look := time.NewTicker(b.room.config.pace.look)
	defer look.Stop()
	next := time.NewTimer(jitter(quickBeacons[0]))
	defer next.Stop()
	sweep := time.NewTimer(jitter(b.room.config.pace.sweepWait))
	defer sweep.Stop()
	count, answered := 1, time.Time{}
	seen := func() {
		if b.look() { // a new network: as at the start
			count = 1
			next.Reset(jitter(quickBeacons[0]))
			b.todo = nil
			sweep.Reset(jitter(b.room.config.pace.sweepWait))
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			seen()
		case <-b.room.poke:
			seen()
		case <-sweep.C:
			sweep.Reset(b.sweepStep(time.Now()))
		case <-b.fresh: // let the newcomer know us soon, not all in one instant
			if time.Since(answered) > answerSoonest {
				answered = time.Now()
				next.Reset(10*time.Millisecond + rand.N(100*time.Millisecond))
			}
		case <-next.C:
			b.say()
			pause := beaconSlow
			if count < len(quickBeacons) {
				pause = quickBeacons[count]
				count++
			}
			next.Reset(jitter(pause))
		}
	}
}

func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()*2-1)*beaconJitter*float64(d))
}

// say sends one beacon everywhere. A voice that fails is made anew at the next
// look.
func (b *beacons) say() {
	kept := b.voices[:0]
	for _, v := range b.voices {
		if err := v.say(b.own); err != nil {
			b.room.note("unsent", v.place.name, "beacons cannot be sent here (%v): type the address on the other device", rootCause(err))
			_ = v.conn.Close()
			b.dropPlace(v.place)
			continue
		}
		kept = append(kept, v)
	}
	b.voices = kept
}

// dropPlace makes the next look see a place as new.
func (b *beacons) dropPlace(p place) {
	for i, q := range b.joined {
		if q.same(p) {
			b.joined = append(b.joined[:i], b.joined[i+1:]...)
			return
		}
	}
}

func (b *beacons) hush() {
	for _, v := range b.voices {
		_ = v.conn.Close()
	}
	b.voices = nil
}

// look joins the groups on new interfaces and leaves those that are gone; it
// says whether there are new ones.
func (b *beacons) look() (changed bool) {
	seen, err := b.room.config.look()
	if err != nil {
		b.room.note("network", "", "%v", err)
	}
	b.room.setPlaces(seen)
	var still []place
	for _, old := range b.joined {
		if containsPlace(seen, old) {
			still = append(still, old)
			continue
		}
		b.part(old)
	}
	b.joined = still
	for _, p := range seen {
		if containsPlace(b.joined, p) {
			continue
		}
		b.part(p) // what is left of an attempt that failed half
		if err := b.join(p); err != nil {
			b.room.note("unsent", p.name, "multicast cannot be used here (%v): type the address on the other device", rootCause(err))
			continue // again at the next look
		}
		b.joined = append(b.joined, p)
		changed = true
	}
	return changed
}

func containsPlace(all []place, p place) bool {
	for _, q := range all {
		if q.same(p) {
			return true
		}
	}
	return false
}

// join hears and speaks on p, in at least one family.
func (b *beacons) join(p place) error {
	var errs []error
	worked := false
	for _, e := range b.ears {
		from := p.v4
		if e.group.Addr().Is6() {
			from = p.v6
		}
		if !from.IsValid() {
			continue
		}
		if err := e.join(p); err != nil {
			errs = append(errs, err)
			continue
		}
		v, err := newVoice(b.room.ctx, p, from, e.group)
		if err == nil {
			// Only a first packet tells whether the system lets it out: a
			// loopback may have no way for one family.
			if err = v.say(b.own); err != nil {
				_ = v.conn.Close()
			}
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		b.voices = append(b.voices, v)
		worked = true
	}
	if worked {
		return nil
	}
	return errors.Join(errs...)
}

// part undoes join.
func (b *beacons) part(p place) {
	kept := b.voices[:0]
	for _, v := range b.voices {
		if v.place.same(p) {
			_ = v.conn.Close()
			continue
		}
		kept = append(kept, v)
	}
	b.voices = kept
	for _, e := range b.ears {
		_ = e.leave(p) // gone with the interface, most likely
	}
}

// listen takes in what one ear hears until it is closed.
func (b *beacons) listen(e *ear) {
	buf := make([]byte, beaconMost+1)
	for {
		n, at, err := e.read(buf)
		if errors.Is(err, net.ErrClosed) || b.room.ctx.Err() != nil {
			return
		}
		if err != nil { // a passing fault of the network
			select {
			case <-b.room.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
				continue
			}
		}
		b.hear(time.Now(), buf[:n], at, e)
	}
}

// heard is where a packet came from.
type heard struct {
	from  netip.AddrPort
	index int        // of the interface; 0 when the system does not tell
	to    netip.Addr // the group; not valid when the system does not tell
}

// hear judges one packet of an ear.
func (b *beacons) hear(now time.Time, packet []byte, at heard, e *ear) {
	r := b.room
	if !b.believable(at) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.crowd.admit(now, at.from.Addr())
	var got beacon
	if err == nil {
		got, err = parseBeacon(packet)
	}
	var tell netip.AddrPort
	var fresh bool
	if err == nil {
		dial := netip.AddrPortFrom(at.from.Addr(), got.port)
		tell, fresh, err = b.crowd.hear(now, got, dial, r.meeting)
		if n := b.crowd.known[got.token]; n != nil && at.to.IsMulticast() {
			n.cast = now
		}
	}
	switch {
	case errors.Is(err, errFlood):
		r.note("flood", at.from.Addr().String(), "somebody floods the network with beacons: some are not heard")
		return
	case errors.Is(err, errNewerBeacon):
		r.note("version", at.from.Addr().String(), "another version of Jauap is near: update to meet it")
		return
	case err != nil:
		return
	}
	if fresh {
		if e != nil && !at.to.IsMulticast() {
			b.answer(e, at.from.Addr())
		}
		select {
		case b.fresh <- struct{}{}:
		default:
		}
	}
	if tell.IsValid() {
		select {
		case r.found <- tell.String():
			b.crowd.said(now, got.token)
		default: // told with a later beacon, when somebody listens
		}
	}
}

// believable drops packets whose sender is not on the network that they came
// from. Else a forged address could make every Room here dial a far host, which
// would learn who runs one.
func (b *beacons) believable(at heard) bool {
	a := at.from.Addr()
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
		return false
	}
	r := b.room
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.places {
		if at.index != 0 && p.index != 0 && at.index != p.index {
			continue
		}
		if p.holds(a) || a.IsLinkLocalUnicast() || p.index == 0 && a.IsPrivate() {
			return true
		}
	}
	return false
}

// ear is a socket that hears one group.
type ear struct {
	conn  net.PacketConn
	group netip.AddrPort
	v4    *ipv4.PacketConn
	v6    *ipv6.PacketConn
}

// newEar binds the group's port. Given a group's address, Go's net binds the
// wildcard address and lets others on this machine share the port, on every
// system; that is why the address is not ":port".
func newEar(ctx context.Context, group netip.AddrPort) (*ear, error) {
	var lc net.ListenConfig
	network := "udp6"
	if group.Addr().Is4() {
		network = "udp4"
	}
	conn, err := lc.ListenPacket(ctx, network, group.String())
	if err != nil {
		return nil, rootCause(err)
	}
	e := &ear{conn: conn, group: group}
	// Windows has no control messages; then index and group stay unknown.
	if group.Addr().Is4() {
		e.v4 = ipv4.NewPacketConn(conn)
		_ = e.v4.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true)
	} else {
		e.v6 = ipv6.NewPacketConn(conn)
		_ = e.v6.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)
	}
	return e, nil
}

// netInterface is what the system calls p; nil lets it choose.
func (p place) netInterface() *net.Interface {
	if p.index == 0 {
		return nil
	}
	return &net.Interface{Index: p.index, Name: p.name}
}

func (e *ear) join(p place) error {
	group := &net.UDPAddr{IP: e.group.Addr().AsSlice()}
	all := &net.UDPAddr{IP: everybody(e.group).AsSlice()}
	if e.v4 != nil {
		_ = e.v4.JoinGroup(p.netInterface(), all) // every host is in it; some systems want to be asked
		return e.v4.JoinGroup(p.netInterface(), group)
	}
	_ = e.v6.JoinGroup(p.netInterface(), all)
	return e.v6.JoinGroup(p.netInterface(), group)
}

// everybody is the group of all hosts on a link (RFC 1112, RFC 4291). Switches that
// pass multicast only to who asked for it pass this one to all (RFC 4541, 2.1.2), and
// so does an access point that was told nothing of ours.
func everybody(group netip.AddrPort) netip.Addr {
	if group.Addr().Is4() {
		return netip.AddrFrom4([4]byte{224, 0, 0, 1})
	}
	return netip.IPv6LinkLocalAllNodes()
}

func (e *ear) leave(p place) error {
	group := &net.UDPAddr{IP: e.group.Addr().AsSlice()}
	if e.v4 != nil {
		return e.v4.LeaveGroup(p.netInterface(), group)
	}
	return e.v6.LeaveGroup(p.netInterface(), group)
}

func (e *ear) read(buf []byte) (int, heard, error) {
	var n int
	var src net.Addr
	var err error
	var at heard
	if e.v4 != nil {
		var cm *ipv4.ControlMessage
		if n, cm, src, err = e.v4.ReadFrom(buf); cm != nil {
			at.index = cm.IfIndex
			at.to, _ = netip.AddrFromSlice(cm.Dst)
		}
	} else {
		var cm *ipv6.ControlMessage
		if n, cm, src, err = e.v6.ReadFrom(buf); cm != nil {
			at.index = cm.IfIndex
			at.to, _ = netip.AddrFromSlice(cm.Dst)
		}
	}
	if err != nil {
		return 0, heard{}, err
	}
	at.from = addrPortOf(src)
	return n, at, nil
}

// voice is a socket that speaks to one group on one interface. It is bound to
// that interface's address, so that hearers learn the right one.
type voice struct {
	conn  net.PacketConn
	place place
	from  netip.Addr
	to    [2]net.Addr // the group, and everybody
	port  uint16      // of the group
}

// say sends one beacon. An error is the group's.
func (v *voice) say(b beacon) error {
	_, err := v.conn.WriteTo(b.encode(), v.to[0])
	_, _ = v.conn.WriteTo(b.encode(), v.to[1])
	return err
}

func newVoice(ctx context.Context, p place, from netip.Addr, group netip.AddrPort) (*voice, error) {
	var lc net.ListenConfig
	network, to := "udp6", net.UDPAddrFromAddrPort(group)
	all := net.UDPAddrFromAddrPort(netip.AddrPortFrom(everybody(group).WithZone(""), group.Port()))
	if from.Is4() {
		network = "udp4"
	} else if p.index != 0 {
		to.Zone, all.Zone = p.name, p.name
	}
	conn, err := lc.ListenPacket(ctx, network, netip.AddrPortFrom(from, 0).String())
	if err != nil {
		return nil, err
	}
	if from.Is4() {
		c := ipv4.NewPacketConn(conn)
		err = errors.Join(c.SetTTL(1), c.SetMulticastTTL(1), c.SetMulticastLoopback(true)) // never beyond this network
		if ifi := p.netInterface(); ifi != nil && err == nil {
			err = c.SetMulticastInterface(ifi)
		}
	} else {
		c := ipv6.NewPacketConn(conn)
		err = errors.Join(c.SetMulticastHopLimit(1), c.SetMulticastLoopback(true))
		if ifi := p.netInterface(); ifi != nil && err == nil {
			err = c.SetMulticastInterface(ifi)
		}
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &voice{conn, p, from, [2]net.Addr{to, all}, group.Port()}, nil
}

// rootCause is a network error without the addresses that stand beside it.
func rootCause(err error) error {
	if oe := (*net.OpError)(nil); errors.As(err, &oe) {
		return oe.Err
	}
	return err
}
