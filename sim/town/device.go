package town

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/clock"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// device is one phone, or a relay, which has no person.
type device struct {
	w     *world
	i     int
	name  string // "" of relays and strangers
	relay bool
	rng   *rand.Rand

	disk  *durable.Mem
	vault *vault
	clock clock.Saved
	error time.Duration // of the wall clock

	// What a process holds; nil while the device is off.
	sh      *store.Shelf
	n       *node.Node
	acc     *account.Account
	talk    *chat.Chat
	started time.Duration
	arrived [][]byte
	handed  []account.Handover
	stored  []envelope.ID
	// What retry looks at.
	unopened, stranded bool
	trouble            error
	links              map[node.LinkID]*wire
	fuse               int // points until it dies; 0: none

	sealed map[envelope.ID]bool // own envelopes of which the shelf said Stored
	under  map[envelope.ID]bool // of them, that lay on a place when it went bad
	silent map[envelope.ID]bool // of them, lost at the last look, and nothing said
}

func (d *device) wall() time.Time   { return d.w.wall().Add(d.error) }
func (d *device) on() time.Duration { return d.w.now - d.started }
func (d *device) up() bool          { return d.n != nil }

func (d *device) when() (account.Moment, bool) { return d.clock.Moment(d.wall(), d.on()) }

// start opens disk and vault as a process does. It answers false when the disk
// does not let it; nothing is lost then.
func (d *device) start() (ok bool) {
	d.started = d.w.now
	d.links = map[node.LinkID]*wire{}
	ok = d.life(func() {
		m, _ := d.when()
		sh, _, err := store.Open(d.disk, store.Options{Quota: d.w.o.Quota, SegmentSize: 64 << 10, Today: m.Day, Shares: routing.Shares()})
		if err != nil {
			d.trouble = err
			d.gone()
			return
		}
		d.sh = sh
		d.n = node.New(node.Config{Today: d.clock.Clearing(m, d.on()), Verify: d.w.verify}, sh, d.rng)
		if d.name == "" {
			return
		}
		acc, err := account.Open(d.vault, m)
		if err != nil {
			d.w.fail("%s cannot open the vault: %v", d, err)
			return
		}
		c := account.DefaultConfig()
		c.Rand = d.rng
		acc.Configure(c)
		d.acc, d.talk = acc, chat.New(acc, chat.Config{Rand: d.rng, ReceiptMin: 10 * time.Minute, ReceiptMax: 2 * time.Hour})
		left, err := acc.Unhanded()
		if err != nil {
			d.w.fail("%s: %v", d, err)
			return
		}
		d.submit(left)
		d.offerShelf()
		d.settle()
	})
	return ok && d.up()
}

// life runs what a process does, and answers false when it died in it.
func (d *device) life(f func()) (alive bool) {
	defer func() {
		r := recover()
		if _, ok := r.(died); r != nil && !ok {
			panic(r)
		}
		if r != nil {
			d.gone()
			alive = false
		}
	}()
	f()
	return true
}

// gone: the process is no more. What the system was given stays.
func (d *device) gone() {
	if d.n != nil || d.sh != nil {
		d.clock = d.clock.Next(d.wall(), d.on())
	}
	links := d.links
	d.sh, d.n, d.acc, d.talk, d.links = nil, nil, nil, nil, map[node.LinkID]*wire{}
	d.arrived, d.handed, d.stored, d.fuse, d.unopened, d.stranded = nil, nil, nil, 0, false, false
	d.disk.Kill()
	if d.vault != nil {
		d.vault = &vault{MemVault: d.vault.Clone(), d: d, full: d.vault.full}
	}
	for _, id := range slices.Sorted(maps.Keys(links)) { // bad links draw what happens to what others say then
		links[id].end()
	}
}

// step moves the node and does what it says.
func (d *device) step(evs ...node.Event) {
	if !d.up() {
		return
	}
	for _, e := range d.n.Step(d.wallForNode(), evs...) {
		d.moment()
		switch e := e.(type) {
		case node.Send:
			if l := d.links[e.Link]; l != nil {
				l.send(d, e.Data)
			}
		case node.Close:
			if l := d.links[e.Link]; l != nil {
				delete(d.links, e.Link)
				l.end()
			}
		case node.Stored:
			d.stored = append(d.stored, e.ID)
			if d.sealed != nil {
				d.sealed[e.ID] = true
			}
		case node.Arrived:
			d.arrived = append(d.arrived, e.Raw)
		case node.Handed:
			who := e.Peer.Key
			if who == "" {
				who = fmt.Sprintf("meeting %d", e.Link)
			}
			d.handed = append(d.handed, account.Handover{ID: e.ID, Who: who, Abroad: e.Peer.Abroad})
		case node.Trouble:
			d.trouble = e.Err
			if !d.w.struck(e.Err) {
				d.w.fail("%s: %v", d, e.Err)
			}
		}
	}
}

// wallForNode never goes back: a node takes monotonic time.
func (d *device) wallForNode() time.Time { return d.w.wall() }

// settle lets the person's side catch up, as daemon does.
func (d *device) settle() {
	for d.up() {
		if d.acc == nil {
			d.arrived, d.handed = nil, nil
			return
		}
		arrived, handed := d.arrived, d.handed
		d.arrived, d.handed = nil, nil
		d.open(arrived)
		if len(handed) > 0 {
			m, _ := d.when()
			d.ours(d.acc.HandedAll(m, handed))
		}
		moved := len(d.links) > 0 && d.pack()
		if len(arrived)+len(handed) == 0 && !moved {
			return
		}
	}
}

func (d *device) open(raws [][]byte) {
	var known [][]byte
	for _, raw := range raws {
		e, err := envelope.Parse(raw)
		if err == nil && (e.Class() == envelope.Done || d.acc.Knows(e.Tag())) {
			known = append(known, raw)
		}
		if err == nil && e.Class() == envelope.Done {
			delete(d.sealed, e.Proves()) // and the proof may be evicted before the watchers look
		}
	}
	if len(known) == 0 {
		return
	}
	m, _ := d.when()
	results, err := d.acc.ReceiveAll(m, known)
	d.ours(err)
	d.unopened = d.unopened || err != nil
	for _, r := range results {
		d.unopened = d.unopened || r.Later
		if r.Err != nil && !errors.Is(r.Err, account.ErrNotOurs) {
			d.w.fail("%s: an envelope for us does not open: %v", d, r.Err)
		}
	}
}

// ours takes an error of the vault: only a full one is no broken promise.
func (d *device) ours(err error) {
	if err != nil && !errors.Is(err, account.ErrFull) && !errors.Is(err, account.ErrClock) {
		d.w.fail("%s: %v", d, err)
	}
}

// pack seals what waits and hands it to the node; it says whether anything moved.
func (d *device) pack() bool {
	m, known := d.when()
	if !known {
		return false
	}
	proofs, err := d.acc.Proofs(m, false)
	d.ours(err)
	var evs []node.Event
	for _, p := range proofs {
		evs = append(evs, node.Blend{Raw: p})
	}
	if len(evs) > 0 {
		d.step(evs...)
		var ids []envelope.ID
		for _, p := range proofs {
			if id := envelope.IDOf(p); d.sh.Has(id) {
				ids = append(ids, id)
			}
		}
		d.ours(d.acc.Submitted(ids...))
	}
	packed, err := d.acc.Pack(m, 2<<20)
	d.ours(err)
	return d.submit(packed) > 0
}

// submit answers how many envelopes the shelf has synced.
func (d *device) submit(packed []account.Packed) int {
	if len(packed) == 0 {
		return 0
	}
	evs := make([]node.Event, len(packed))
	for i, p := range packed {
		d.w.watch.sealed(d, p.Bytes)
		d.w.watch.owned(d, p)
		evs[i] = node.Submit{Raw: p.Bytes}
	}
	d.step(evs...)
	ids := d.stored
	d.stored = nil
	d.stranded = d.stranded || len(ids) < len(packed)
	d.ours(d.acc.Submitted(ids...))
	return len(ids)
}

// retry does again what a disk or vault without room stopped.
func (d *device) retry() {
	if d.acc == nil {
		return
	}
	if d.stranded {
		d.stranded = false
		left, err := d.acc.Unhanded()
		d.ours(err)
		d.submit(left)
	}
	if d.unopened {
		d.unopened = false
		d.offerShelf()
		d.settle()
	}
}

// offerShelf gives everything on the shelf to the account, as after a start.
func (d *device) offerShelf() {
	for seq := uint64(0); ; {
		page := d.sh.Since(seq, 512)
		if len(page) == 0 {
			return
		}
		var raws [][]byte
		for _, e := range page {
			seq = e.Seq
			raw, err := d.sh.Get(e.ID)
			gone := errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrMissing)
			switch {
			case err == nil:
				raws = append(raws, raw)
			case !gone && d.w.struck(err):
				d.unopened = true
			case !gone:
				d.w.fail("%s: the shelf lists %v and has it not: %v", d, e.ID, err)
			}
		}
		d.open(raws)
	}
}

func (d *device) String() string {
	switch {
	case d.relay:
		return "the relay"
	case d.name == "":
		return fmt.Sprintf("stranger %d", d.i)
	}
	return fmt.Sprintf("person %d", d.i)
}
