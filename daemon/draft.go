package daemon

import (
	"sync"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/node"
)

// A draft is a meeting with a relay that has not answered yet. What it says
// first travels with the first packet of each try, so that on a dark link the
// try is the first delivery. All tries of a race say the same; the meeting goes
// on with the one that is answered. spec/relay.md, 10.1.
const (
	// firstMost bounds what a try carries, in bytes: greeting, and an envelope
	// of S1 or two, in two datagrams.
	firstMost = 2300
	// draftLife is how long a draft serves: what it lists may become useless.
	draftLife = 30 * time.Second
)

// drafts are those of one relay. A draft lives while it is the newest or a try
// holds it.
type drafts struct {
	mu    sync.Mutex
	newer *draft
	held  map[*draft]int
}

type draft struct {
	m       *meeting
	made    time.Time
	submits int  // of the daemon, when it was made
	taken   bool // its meeting has begun
}

// take answers the newest draft, a fresh one if need be, and what a try sends
// of it, in whole frames: bytes and how many. Each take needs a drop.
func (d *Daemon) takeDraft(ds *drafts, peer link.Peer, traits link.Traits) (x *draft, first []byte, frames int) {
	d.packFirst()
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if n := ds.newer; n != nil && (n.m.over() || time.Since(n.made) > draftLife || n.submits != d.submitted()) {
		d.unlist(ds)
	}
	if ds.newer == nil {
		ds.newer = &draft{m: d.prepare("relay", peer, traits), made: time.Now(), submits: d.submitted()}
	}
	x = ds.newer
	if ds.held == nil {
		ds.held = map[*draft]int{}
	}
	ds.held[x]++
	first, frames = x.m.opening(firstMost)
	return x, first, frames
}

// unlist lets go of the newest draft. mu is held.
func (d *Daemon) unlist(ds *drafts) {
	old := ds.newer
	ds.newer = nil
	if old != nil && ds.held[old] == 0 {
		d.discard(old.m)
	}
}

// drop gives a draft back.
func (d *Daemon) drop(ds *drafts, x *draft) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if ds.held[x]--; ds.held[x] > 0 {
		return
	}
	delete(ds.held, x)
	if ds.newer != x && !x.taken {
		d.discard(x.m)
	}
}

// begin takes a draft out because its meeting begins.
func (ds *drafts) begin(x *draft) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if ds.newer == x {
		ds.newer = nil
	}
	x.taken = true // other tries that hold it come too late
}

// end lets go of what is left when the relay is not tried any more.
func (d *Daemon) endDrafts(ds *drafts) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	d.unlist(ds)
}

// submitted counts the own units that were submitted since Open.
func (d *Daemon) submitted() int {
	d.courier.Lock()
	defer d.courier.Unlock()
	return d.submits
}

// prepare makes a meeting without a link.
func (d *Daemon) prepare(kind string, peer link.Peer, traits link.Traits) *meeting {
	traits = d.metered.traits(kind, traits)
	m := &meeting{kind: kind, peer: peer}
	m.more.L = &m.mu
	d.courier.Lock()
	d.lastLink++
	m.id = d.lastLink
	d.meetings[m.id] = m
	d.courier.Unlock()
	d.step(node.Up{Link: m.id, Peer: peer, Traits: traits}, node.Ready{Link: m.id, Bytes: creditBytes})
	return m
}

// discard forgets a meeting that never had a link.
func (d *Daemon) discard(m *meeting) {
	m.end(nil)
	d.courier.Lock()
	delete(d.meetings, m.id)
	d.courier.Unlock()
	d.step(node.Down{Link: m.id})
}

// opening is the beginning of what the meeting has to say, of whole frames, at
// least one and beyond it at most so many bytes.
func (m *meeting) opening(most int) (b []byte, frames int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var w buffer
	for _, f := range m.queue {
		if frames > 0 && len(w)+len(f)+exchange.Prefix > most {
			break
		}
		if exchange.WriteFrame(&w, f) != nil {
			break // no frame of ours is too long
		}
		frames++
	}
	return w, frames
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// over reports whether the courier has ended the meeting.
func (m *meeting) over() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ended
}

// packFirst seals the most urgent text for the first flight, unless the last
// one sealed for it still waits. The rest is sealed when a way opened, late and
// packed full: a crumb of an attachment, sealed so small, would leave before the
// next text.
func (d *Daemon) packFirst() {
	change, err := d.changes.wait(d.ctx, 0)
	d.courier.Lock()
	waits := d.firstUnit != envelope.ID{} && d.shelf.Has(d.firstUnit)
	seen := d.firstLook == change
	d.firstLook = change
	d.courier.Unlock()
	if err != nil || seen || waits || d.acc.Waiting() == 0 {
		return
	}
	d.people.Lock()
	defer d.people.Unlock()
	m, known := d.clock.moment()
	if !known {
		return
	}
	d.packSmall() // these leave in the first flight, too
	packed, err := d.acc.PackAhead(m, envelope.S1.Size(), account.Ahead{Texts: true})
	if err != nil || len(packed) == 0 {
		return // the next meeting tells why
	}
	d.submit(packed)
	d.courier.Lock()
	d.firstUnit = packed[0].ID
	d.courier.Unlock()
}
