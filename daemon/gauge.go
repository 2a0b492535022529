package daemon

import (
	"sync/atomic"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
)

// A link is slow when a large envelope takes more than two seconds of it: then a window
// may end before the next photo is whole. Before it is known, a long way is taken for
// slow, and the way to an address for what it was before.
const (
	slowTrip   = 200 * time.Millisecond
	slowRate   = 32 << 10 // bytes a second: below it a link is slow
	fastRate   = 64 << 10 // above it no more
	gaugeLeast = 24 << 10 // bytes: the first leave at once
	gaugeMost  = 64 << 10 // bytes until older ones count half
	slowAhead  = 128 << 10
)

// gauge measures at what rate a link takes what is written. Its writer alone adds.
type gauge struct {
	bytes, seconds float64
	slow           atomic.Bool
	narrow         atomic.Bool // not for what can wait
}

// add counts n bytes that the link took in some time.
func (g *gauge) add(n int, took time.Duration) {
	if n < creditLeast/2 {
		return // it was idle before: what is little leaves at once
	}
	g.bytes, g.seconds = g.bytes+float64(n), g.seconds+took.Seconds()
	if g.bytes < gaugeLeast {
		return
	}
	if g.bytes < slowRate*g.seconds {
		g.slow.Store(true)
	} else if g.bytes > fastRate*g.seconds {
		g.slow.Store(false)
	}
	g.narrow.Store(g.bytes < askRate*g.seconds)
	if g.bytes >= gaugeMost {
		g.bytes, g.seconds = g.bytes/2, g.seconds/2
	}
}

// startsSlow is what is thought at first of a link whose round trip is known.
func (d *Daemon) startsSlow(kind, addr string, t link.Traits) bool {
	d.courier.Lock()
	defer d.courier.Unlock()
	return t.Latency >= slowTrip || d.wasSlow(kind, addr)
}

// wasSlow is what the last meeting found. courier is held.
func (d *Daemon) wasSlow(kind, addr string) bool {
	r := d.rows[kind+" "+addr]
	return r != nil && r.slow
}

// slowLinks reports whether there are links and all of them are slow, so that attachments
// are cut small. They are not where size tells them from texts. courier is held.
func (d *Daemon) slowLinks() bool {
	if d.metered.onlyTexts() {
		return false
	}
	n := 0
	for _, m := range d.meetings {
		if m.conn == nil {
			continue
		}
		if !m.gauge.slow.Load() {
			return false
		}
		n++
	}
	return n > 0
}

// planAhead is how much may be sealed, and what of, so that no more than most bytes are
// sealed and held by nobody else; unsent are. Attachments that are sealed keep no text
// waiting: what is new is to leave with the first words. ok is false when it is not
// worth it.
func planAhead(most, unsent int, slow bool) (max int, h account.Ahead, ok bool) {
	h = account.Ahead{Unsent: unsent, Slow: slow}
	files, least := most-unsent, envelope.S4.Size()
	if slow {
		files, least = min(files, slowAhead-unsent), envelope.S3.Size()
	}
	// An attachment is not cut smaller because something is sealed already.
	if h.Texts = unsent > 0 && files < least; !h.Texts {
		return files, h, true
	}
	if max = min(most, 2*aheadBytes-unsent); max < aheadLeast {
		return 0, h, false
	}
	return max, h, true
}
