package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/link/dns"
	"github.com/jauap/jauap/link/lan"
	"github.com/jauap/jauap/node"
)

const (
	tickEvery = time.Second
	saveEvery = time.Minute
	tellEvery = 10 * time.Minute // that the network is open
)

// Start brings up the links of the settings and keeps them up.
func (d *Daemon) Start() error {
	if err := d.startLAN(); err != nil {
		return err
	}
	if err := d.startTor(); err != nil {
		return err
	}
	ways, err := waysOf(d.opts.Config)
	if err != nil {
		return err
	}
	radios, err := radiosOf(d.opts.Config.Serial)
	if err != nil {
		return err
	}
	d.notice.setPower(d.opts.Config.Power)
	d.people.Lock()
	d.running = true
	for _, r := range d.taken {
		d.keepTaken(r)
	}
	d.people.Unlock()
	d.spawn(func() { d.watchWorld(ways) })
	for _, r := range radios {
		d.spawn(func() { d.keepRadio(r) })
	}
	for _, w := range ways {
		d.spawn(func() { d.keepRelay(w) })
	}
	for _, text := range d.opts.Config.DNS {
		a, err := dns.ParseAddress(text)
		if err != nil {
			return err
		}
		d.spawn(func() { d.keepTunnel(a) })
	}
	for _, addr := range d.opts.Config.Links {
		d.spawn(func() { d.keepNeighbour(addr) })
	}
	for _, addr := range d.opts.Config.Tuned() {
		d.spawn(func() { d.keepTuned(addr) })
	}
	if err := d.startBundles(); err != nil {
		return err
	}
	d.startSticks()
	d.spawn(d.tick)
	d.spawn(d.clear)
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
			evs = append(evs, node.Day{Today: d.clock.clearing(m)})
		}
		d.step(evs...)
		d.settle()
		if err := d.finds.Flush(d.today()); err != nil {
			d.log.Warn("finds", "error", err)
		}
		d.askPostage()
		if n%int(tellEvery/tickEvery) == 0 {
			d.tellNear()
		}
		if n%int(saveEvery/tickEvery) == 0 {
			d.retry()
			d.remind()
			d.notice.setPower(d.opts.Config.Power)
			d.eraseOver()
			if err := d.purse.Tend(d.today()); err != nil {
				d.log.Warn("postage", "error", err)
			}
			d.tendInboxes(n / int(saveEvery/tickEvery))
			if err := errors.Join(d.clock.save(), d.saveWindows()); err != nil {
				d.setTrouble("disk", err.Error())
			}
		}
	}
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
				if err := d.MeetFor(d.ctx, addr, 0); err != nil {
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

// MeetFor calls a neighbour by address and holds the meeting for a while, as two people
// who stay near each other; 0 means until one of them goes.
func (d *Daemon) MeetFor(ctx context.Context, addr string, stay time.Duration) error {
	room := d.lan()
	if room == nil {
		return cause.ErrMeetOff
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

const (
	knockMains = 100 * time.Millisecond
	// A neighbour that answers no knock, since UDP does not pass, is called all the
	// same.
	callFirst = 300 * time.Millisecond
	callEvery = 5 * time.Second
)

// keepNeighbour meets a typed address for as long as the node runs: it knocks, and
// calls at once when somebody answers.
func (d *Daemon) keepNeighbour(addr string) {
	for d.ctx.Err() == nil {
		room := d.lan()
		if room == nil {
			return // switched off
		}
		d.awaitNeighbour(room, addr)
		began := time.Now()
		if err := d.MeetFor(d.ctx, addr, 0); err != nil {
			d.log.Debug("neighbour", "addr", addr, "error", err)
		}
		if time.Since(began) < tickEvery {
			d.rest(tickEvery / 2)
		}
	}
}

// awaitNeighbour returns when addr has answered a knock, or after a meeting that came
// about without one.
func (d *Daemon) awaitNeighbour(room *lan.Room, addr string) {
	ctx, cancel := context.WithCancel(d.ctx)
	defer cancel()
	every := knockMains
	if d.notice.onBattery() {
		every = max(d.opts.Config.Poll, tickEvery)
	}
	d.packFirst()
	answered := make(chan error, 1)
	go func() { answered <- room.Knock(ctx, addr, every) }()
	t := time.NewTimer(callFirst)
	defer t.Stop()
	for {
		select {
		case err := <-answered:
			if err != nil && ctx.Err() == nil {
				d.rowDown("lan", addr, err)
				d.rest(callEvery)
			}
			return
		case <-t.C:
		}
		called := make(chan error, 1)
		calling, hangUp := context.WithCancel(ctx)
		d.spawn(func() { called <- d.MeetFor(calling, addr, 0) })
		select {
		case err := <-called:
			hangUp()
			if err == nil {
				return
			}
			d.log.Debug("neighbour", "addr", addr, "error", err)
		case <-answered:
			hangUp()
			if d.meetingWith(addr) { // the call came through, too
				<-called
			}
			return
		}
		d.packFirst()
		t.Reset(callEvery)
	}
}

// ListenAddr is where neighbours reach this node; empty when they do not.
func (d *Daemon) ListenAddr() string {
	if room := d.lan(); room != nil {
		return room.Addr()
	}
	return ""
}

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
