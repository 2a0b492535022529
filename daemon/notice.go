package daemon

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/observe"
	"github.com/jauap/jauap/observe/probe"
	"github.com/jauap/jauap/web/api"
)

// bell calls everybody who waits for it.
type bell struct {
	mu   sync.Mutex
	next chan struct{} // closed when it rings
}

func newBell() *bell { return &bell{next: make(chan struct{})} }

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.next)
	b.next = make(chan struct{})
}

// rung is closed at the next ring.
func (b *bell) rung() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

// notice is what the links know of the world around this device.
type notice struct {
	try   *bell // now is a good moment to try
	moved *bell // this device's network changed: links may hang in an old one

	mu    sync.Mutex
	power observe.Power
	rng   *rand.Rand

	counted  uint64 // of changes, when progress was counted
	progress *api.Progress
}

func newNotice() *notice {
	return &notice{try: newBell(), moved: newBell(), rng: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
}

// setPower follows the settings, or the system where they leave it to it.
func (n *notice) setPower(c config.Power) {
	power := observe.Mains
	switch c {
	case config.PowerBattery:
		power = observe.Battery
	case config.PowerAuto, "":
		power = probe.Supply()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.power = power
}

// onBattery reports whether each packet counts.
func (n *notice) onBattery() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.power == observe.Battery
}

func (n *notice) wait(o observe.Occasion) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	o.Power = n.power
	return observe.Wait(o, n.rng)
}

// between picks a time, so that many devices do not come back at once.
func (n *notice) between(least, most time.Duration) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return least + time.Duration(n.rng.Int64N(int64(most-least)))
}

// watchWorld rings when the network changed or the device woke.
func (d *Daemon) watchWorld(ways []way) {
	var targets []string
	for _, w := range ways {
		if net.ParseIP(w.addr.Host) != nil {
			targets = append(targets, w.addr.Host)
		}
	}
	d.lookAround(targets)
	for change := range probe.Watch(d.ctx) {
		d.log.Debug("network", "change", change)
		d.notice.try.ring() // try first, look then
		d.notice.moved.ring()
		if room := d.lan(); room != nil {
			room.Look()
		}
		d.lookAround(targets)
		if change == probe.Woken {
			d.notice.setPower(d.opts.Config.Power)
		}
	}
}

// lookAround tells the observatory what this device sees by itself.
func (d *Daemon) lookAround(targets []string) {
	s := probe.Look(targets)
	tell := func(a probe.Answer, yes, no observe.Kind) {
		switch a {
		case probe.Yes:
			d.observe(observe.Evidence{Kind: yes})
		case probe.No:
			d.observe(observe.Evidence{Kind: no})
		}
	}
	tell(s.Link, observe.Linked, observe.Unlinked)
	tell(s.Route, observe.Routed, observe.Unrouted)
}

// observe takes evidence. When the network opens or closes by it, all ways are
// tried at once: what one finds the others use.
func (d *Daemon) observe(e observe.Evidence) {
	now := d.opts.Now()
	d.courier.Lock()
	before, _ := d.watch.Verdict(now)
	changed := d.watch.Note(now, e)
	after, _ := d.watch.Verdict(now)
	if after.Answers() {
		d.ear.Opened(now)
	}
	d.courier.Unlock()
	if before.Answers() != after.Answers() {
		d.notice.try.ring()
		d.tellNear()
	}
	if changed {
		d.log.Info("network", "state", string(after), "way", e.Way)
		d.changes.bump()
	}
}

// pause is how long a way waits until its next try; since is when it fell
// silent.
func (d *Daemon) pause(w way, since time.Time) time.Duration {
	o := observe.Occasion{Now: d.opts.Now(), Poll: d.opts.Config.Poll, Since: since}
	d.courier.Lock()
	o.Answers = d.watch.Others(w.names()...)
	o.History, o.Told = d.watch.Lately(o.Now), d.ear.Told()
	d.courier.Unlock()
	return d.notice.wait(o)
}

// longWindow is the age at which an open network is no window to hurry in.
const longWindow = 24 * time.Hour

// countLetters says how far the letters of the open window are, nil when none
// is open. It counts anew only when something changed.
func (d *Daemon) countLetters(now time.Time) (*api.Progress, error) {
	change, err := d.changes.wait(d.ctx, 0)
	if err != nil {
		return nil, err
	}
	d.courier.Lock()
	w, open := d.watch.Current()
	d.courier.Unlock()
	if !open || now.Sub(w.From) > longWindow {
		return nil, nil
	}
	from := w.From
	d.notice.mu.Lock()
	last, counted := d.notice.progress, d.notice.counted
	d.notice.mu.Unlock()
	if last != nil && last.Since.Equal(from) && counted == change {
		return last, nil
	}
	p, err := d.countSince(from)
	if err != nil {
		return nil, err
	}
	d.notice.mu.Lock()
	defer d.notice.mu.Unlock()
	d.notice.progress, d.notice.counted = p, change
	return p, nil
}

// maxCounted bounds the letters that countSince looks at, the newest.
const maxCounted = 2000

func (d *Daemon) countSince(from time.Time) (*api.Progress, error) {
	p := &api.Progress{Since: from.UTC()}
	from = from.Truncate(time.Millisecond) // as letters keep their times
	mine, err := d.chat.Outbox(maxCounted)
	if err != nil {
		return nil, doorError(err)
	}
	for _, l := range mine {
		switch at := leftAt(l); {
		case !at.IsZero() && !at.Before(from):
			p.Sent++
			p.Total++
		case at.IsZero() && unsent(l):
			p.Total++
		}
	}
	theirs, err := d.chat.Arrived([16]byte{}, [16]byte{}, maxCounted)
	if err != nil {
		return nil, doorError(err)
	}
	for _, l := range theirs {
		if !l.ReceivedAt.Before(from) {
			p.Received++
		}
	}
	return p, nil
}

// leftAt is when a letter was first known to have left the country, zero for
// one that has not.
func leftAt(l chat.Letter) time.Time {
	for _, c := range l.History {
		switch c.State {
		case chat.Left, chat.Delivered, chat.Read:
			return c.At
		}
	}
	return time.Time{}
}

func unsent(l chat.Letter) bool { return l.State == chat.Saved || l.State == chat.Carried }

// forecast words the hours at which the network used to open and close, in
// this device's zone; nil when nothing can be said.
func forecast(f observe.Forecast) *api.Forecast {
	hours := func(s *observe.Span) *api.Hours {
		if s == nil {
			return nil
		}
		clock := func(t time.Duration) string { return time.Time{}.Add(t).Format("15:04") }
		return &api.Hours{From: clock(s.From), To: clock(s.To), Days: s.Days}
	}
	if f.Opens == nil && f.Closes == nil {
		return nil
	}
	return &api.Forecast{Opens: hours(f.Opens), Closes: hours(f.Closes)}
}
