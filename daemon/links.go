package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/lan"
	linkrelay "github.com/jauap/jauap/link/relay"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/observe"
	"github.com/jauap/jauap/relay"
)

const (
	dialTimeout = 8 * time.Second // the longest try
	dialShort   = 2 * time.Second // the shortest: three round trips of a satellite
	tickEvery   = time.Second
	saveEvery   = time.Minute
)

// patience is how long one try may hang and how many hang at once. A packet
// filter swallows packets, so a new try starts at each poll while older ones
// hang: the first second of a window is not spent waiting for a dead one.
func patience(poll time.Duration) (timeout time.Duration, atOnce int) {
	timeout = min(max(8*poll, dialShort), dialTimeout)
	return timeout, min(int(timeout/poll)+1, 12)
}

// Start brings up the links of the settings and keeps them up.
func (d *Daemon) Start() error {
	if err := d.startLAN(); err != nil {
		return err
	}
	for _, text := range d.opts.Config.Relays {
		addr, err := relay.ParseAddr(text)
		if err != nil {
			return err
		}
		d.spawn(func() { d.keepRelay(addr) })
	}
	for _, addr := range d.opts.Config.Links {
		d.spawn(func() { d.keepNeighbour(addr) })
	}
	d.spawn(d.tick)
	return nil
}

func (d *Daemon) spawn(f func()) {
	d.group.Add(1)
	go func() {
		defer d.group.Done()
		f()
	}()
}

// tick lets time pass for the courier and the person.
func (d *Daemon) tick() {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for n := 0; ; n++ {
		select {
		case <-d.ctx.Done():
			return
		case <-t.C:
		}
		evs := []node.Event{node.Tick{}}
		if m, known := d.clock.moment(); known {
			evs = append(evs, node.Day{Today: m.Day})
		}
		d.step(evs...)
		d.settle()
		if n%int(saveEvery/tickEvery) == 0 {
			d.noteInterfaces()
			if err := errors.Join(d.clock.save(), d.saveWindows()); err != nil {
				d.setTrouble("disk", err.Error())
			}
		}
	}
}

// noteInterfaces tells the observatory whether this device has any network.
func (d *Daemon) noteInterfaces() {
	kind := observe.Unlinked
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return // some systems do not say; then nothing is claimed
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			kind = observe.Linked
		}
	}
	d.observe(observe.Evidence{Kind: kind})
}

func (d *Daemon) observe(e observe.Evidence) {
	d.courier.Lock()
	changed := d.watch.Note(d.opts.Now(), e)
	d.courier.Unlock()
	if changed {
		d.changes.bump()
	}
}

// keepRelay tries one relay until it answers, holds the meeting, and begins
// again when it ends.
func (d *Daemon) keepRelay(addr relay.Addr) {
	timeout, _ := patience(d.opts.Config.Poll)
	dialer := &linkrelay.Dialer{Proxy: d.opts.Config.Proxy, Timeout: timeout}
	for d.ctx.Err() == nil {
		conn, err := d.race(addr, dialer)
		if err != nil {
			return
		}
		d.observe(observe.Evidence{Kind: observe.Answered, Way: addr.HostPort()})
		err = d.hold(conn, "relay")
		d.rowDown("relay", addr.HostPort(), err)
		if d.ctx.Err() == nil {
			d.observe(observe.Evidence{Kind: observe.Silent, Way: addr.HostPort()})
		}
	}
}

type dialled struct {
	conn link.Conn
	err  error
}

// race starts a try at each poll, a few at once, until one succeeds.
func (d *Daemon) race(addr relay.Addr, dialer *linkrelay.Dialer) (link.Conn, error) {
	ctx, cancel := context.WithCancel(d.ctx)
	_, atOnce := patience(d.opts.Config.Poll)
	results := make(chan dialled)
	running := 0
	defer func() {
		cancel()
		for ; running > 0; running-- {
			if late := <-results; late.err == nil {
				late.conn.Close()
			}
		}
	}()
	try := func() {
		running++
		go func() {
			conn, err := dialer.Dial(ctx, addr)
			results <- dialled{conn, err}
		}()
	}
	try()
	t := time.NewTicker(d.opts.Config.Poll)
	defer t.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return nil, d.ctx.Err()
		case r := <-results:
			running--
			if r.err == nil {
				return r.conn, nil
			}
			d.noteSilence(addr, r.err)
		case <-t.C:
			if running < atOnce {
				try()
			}
		}
	}
}

func (d *Daemon) noteSilence(addr relay.Addr, err error) {
	kind := observe.Silent
	if errors.Is(err, linkrelay.ErrNotOurRelay) {
		kind = observe.Foreign
	}
	d.observe(observe.Evidence{Kind: kind, Way: addr.HostPort()})
	d.rowDown("relay", addr.HostPort(), err)
}

// startLAN opens the LAN link and meets whoever is found there.
func (d *Daemon) startLAN() error {
	c := d.opts.Config
	if c.Listen == "off" {
		return nil
	}
	room, err := lan.Listen(d.ctx, lan.Config{Addr: c.Listen, Multicast: c.Multicast})
	if err != nil {
		return fmt.Errorf("cannot listen for neighbours on %s: %w; choose another --listen, or off", c.Listen, err)
	}
	d.lanAddr = room.Addr()
	d.spawn(func() {
		<-d.ctx.Done()
		room.Close()
	})
	d.spawn(func() {
		for {
			conn, err := room.Accept(d.ctx)
			if err != nil {
				return
			}
			d.spawn(func() { d.rowDown("lan", conn.Peer().Addr, d.hold(conn, "lan")) })
		}
	})
	d.spawn(func() { d.meetFound(room) })
	d.courier.Lock()
	d.room = room
	d.courier.Unlock()
	return nil
}

// meetFound calls each neighbour that announces itself, unless a meeting with
// that address is under way.
func (d *Daemon) meetFound(room *lan.Room) {
	for {
		select {
		case <-d.ctx.Done():
			return
		case addr, ok := <-room.Found():
			if !ok {
				return
			}
			if d.meetingWith(addr) {
				continue
			}
			d.spawn(func() {
				if err := d.Meet(d.ctx, addr); err != nil {
					d.log.Info("neighbour", "addr", addr, "error", err)
				}
			})
		}
	}
}

func (d *Daemon) meetingWith(addr string) bool {
	d.courier.Lock()
	defer d.courier.Unlock()
	r := d.rows["lan "+addr]
	return r != nil && (r.state == "up" || d.opts.Now().Sub(r.since) < tickEvery)
}

// Meet calls a neighbour by address and holds the meeting until it ends.
func (d *Daemon) Meet(ctx context.Context, addr string) error {
	return d.MeetFor(ctx, addr, 0)
}

// MeetFor is Meet for two people who stay near each other for a while; 0
// means until one of them goes.
func (d *Daemon) MeetFor(ctx context.Context, addr string, stay time.Duration) error {
	d.courier.Lock()
	room := d.room
	d.courier.Unlock()
	if room == nil {
		return errors.New("meeting neighbours is switched off (listen = off)")
	}
	ctx, done := context.WithTimeout(ctx, dialTimeout)
	defer done()
	conn, err := room.Dial(ctx, addr)
	if err != nil {
		d.rowDown("lan", addr, err)
		return err
	}
	if stay > 0 {
		leave := time.AfterFunc(stay, func() { conn.Close() })
		defer leave.Stop()
	}
	err = d.hold(conn, "lan")
	d.rowDown("lan", conn.Peer().Addr, err)
	if stay > 0 {
		return nil // to part is how it should end
	}
	return err
}

// keepNeighbour calls a typed address for as long as the node runs.
func (d *Daemon) keepNeighbour(addr string) {
	t := time.NewTicker(max(d.opts.Config.Poll, tickEvery))
	defer t.Stop()
	for d.ctx.Err() == nil {
		if err := d.Meet(d.ctx, addr); err != nil {
			d.log.Debug("neighbour", "addr", addr, "error", err)
		}
		select {
		case <-d.ctx.Done():
		case <-t.C:
		}
	}
}

// ListenAddr is where neighbours reach this node; empty when they do not.
func (d *Daemon) ListenAddr() string { return d.lanAddr }

func (d *Daemon) windowsPath() string { return filepath.Join(d.opts.Dir, "windows.json") }

func (d *Daemon) saveWindows() error {
	d.courier.Lock()
	b := d.watch.Save()
	old, err := os.ReadFile(d.windowsPath())
	d.courier.Unlock()
	if err == nil && slices.Equal(old, b) {
		return nil
	}
	return replaceFile(d.windowsPath(), b)
}
