package daemon

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/postage"
	"github.com/jauap/jauap/postage/purse"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/web/api"
)

// Asking for tokens must cost no window: it waits until a link has been idle for askIdle
// and no letter waits, and needs a link of askRate, on which the 9 kB of sixteen tokens
// are a tenth of a second. Where bytes cost money they are a hundredth of what is left at
// most. spec/postage.md, 5.
const (
	askIdle = 10 * time.Second
	askRate = 100 << 10 // bytes a second
	askCost = 10 << 10  // bytes
	askPart = 100       // of a budget
)

// asking is a meeting's talk about postage.
type asking struct {
	sync.Mutex
	talk  postage.Talk
	own   int64     // bytes of this talk
	moved int64     // other bytes that the meeting had moved when it was looked at last
	idle  time.Time // since when that has not changed
}

// openPurse opens what this device has of postage.
func (d *Daemon) openPurse() error {
	path := filepath.Join(d.opts.Dir, "postage")
	saved, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.log.Warn("postage", "error", err) // relays show their keys again
	}
	p, err := purse.Open(d.vault, saved, func(b []byte) error { return replaceFile(path, b) })
	if p == nil {
		return err
	}
	if err != nil {
		d.log.Warn("postage", "error", err)
	}
	d.purse = p
	d.trustRelays()
	return nil
}

// trustRelays tells the purse which relays this person uses. people is held, or nobody
// else is there yet.
func (d *Daemon) trustRelays() {
	var list []postage.Relay
	for _, r := range d.myRelays() {
		if a, err := relay.ParseAddr(r.Addr); err == nil {
			list = append(list, postage.Relay(a.Key))
		}
	}
	d.purse.Trust(list)
}

// askPostage asks relays for tokens over links that are not needed for anything else.
func (d *Daemon) askPostage() {
	d.courier.Lock()
	var idle []*meeting
	for _, m := range d.meetings {
		if m.kind == "relay" && m.conn != nil && d.idle(m) {
			idle = append(idle, m)
		}
	}
	d.courier.Unlock()
	if len(idle) == 0 || d.acc.Waiting() > 0 {
		return
	}
	if left := d.metered.status(); left != nil && left.Left < askPart*askCost {
		return
	}
	want := d.purse.Want()
	if d.opts.Locked {
		want = 0 // there is nowhere to put them; keys are of use
	}
	for _, m := range idle {
		m.asking.Lock()
		frame, err := m.asking.talk.Next(want, d.opts.Now())
		if frame != nil {
			m.asking.own += int64(len(frame)) + exchange.Prefix
			m.pushLast(frame)
		}
		m.asking.Unlock()
		if err != nil {
			d.log.Warn("postage", "relay", m.addr, "error", err)
		}
	}
}

// idle reports whether a link has had nothing to carry for a while, and is no narrow one.
// courier is held.
func (d *Daemon) idle(m *meeting) bool {
	a := &m.asking
	a.Lock()
	defer a.Unlock()
	now, moved := d.opts.Now(), m.in.Load()+m.out.Load()-a.own
	if moved != a.moved || a.idle.IsZero() || now.Before(a.idle) {
		a.moved, a.idle = moved, now
		return false
	}
	least := askIdle
	if d.opts.Prompt {
		least = 0
	}
	return moved > 0 && now.Sub(a.idle) >= least && !m.gauge.slow.Load() && !m.gauge.narrow.Load()
}

// heardPostage takes a relay's answer.
func (d *Daemon) heardPostage(m *meeting, frame []byte) {
	key, err := relay.ParseKeyID(strings.TrimPrefix(m.peer.Key, "relay:"))
	if err != nil {
		return // links to relays have proven a key
	}
	today := d.today()
	m.asking.Lock()
	m.asking.own += int64(len(frame)) + exchange.Prefix
	keys, tokens, err := m.asking.talk.Heard(frame, today, d.opts.Now())
	m.asking.Unlock()
	if d.opts.Locked {
		tokens = nil
	}
	if err := errors.Join(err, d.purse.Take(postage.Relay(key), keys, tokens, today)); err != nil {
		d.log.Warn("postage", "relay", m.addr, "error", err)
	}
	if len(tokens) > 0 {
		d.changes.bump()
	}
}

// paid puts before each unit that is to be submitted its stamp, while there are tokens
// and no relay is met: a unit that goes abroad at once meets no stranger who asks for one.
// One that was paid for, and that the shelf had no room for, is not paid for again.
func (d *Daemon) paid(list []node.Submit) []node.Event {
	var units []envelope.Envelope
	d.courier.Lock()
	for _, u := range list {
		if e, err := envelope.Parse(u.Raw); err == nil && !d.abroad() && !d.shelf.Has(e.ID()) && !d.shelf.Stamped(e.ID()) {
			units = append(units, e)
		}
	}
	d.courier.Unlock()
	stamps := map[envelope.ID][]byte{}
	paid, err := d.purse.Pay(units, d.today())
	if err != nil {
		d.log.Warn("postage", "error", err) // letters leave without
	}
	for i, s := range paid {
		stamps[units[i].ID()] = s.Bytes()
	}
	evs := make([]node.Event, 0, 2*len(list))
	for _, u := range list {
		if s := stamps[envelope.IDOf(u.Raw)]; s != nil {
			evs = append(evs, node.Submit{Raw: s, Words: u.Words})
		}
		evs = append(evs, u)
	}
	return evs
}

// abroad reports whether a relay is met. courier is held.
func (d *Daemon) abroad() bool {
	for _, m := range d.meetings {
		if m.kind == "relay" && m.conn != nil {
			return true
		}
	}
	return false
}

// submits are units to submit.
func submits(raws [][]byte) (list []node.Submit) {
	for _, raw := range raws {
		list = append(list, node.Submit{Raw: raw})
	}
	return list
}

// postage is what the status tells; nil when there is nothing of it.
func (d *Daemon) postage() *api.Postage {
	p := &api.Postage{Tokens: d.purse.Len(), Issuers: []api.Issuer{}}
	for _, i := range d.purse.Honoured() {
		id := i.Key.Issuer()
		p.Issuers = append(p.Issuers, api.Issuer{ID: hex.EncodeToString(id[:]), Relay: relay.KeyID(i.Relay).String(), Until: i.Key.Last.String()})
	}
	if p.Tokens+len(p.Issuers) == 0 {
		return nil
	}
	return p
}
