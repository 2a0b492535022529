package daemon

import (
	"context"
	"slices"
	"strings"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/observe"
	"github.com/jauap/jauap/postage"
	"github.com/jauap/jauap/slots"
)

// contactKey begins the link.Peer.Key of contacts; their id follows.
const contactKey = "contact:"

// near lists whose devices would be recognised now.
func (d *Daemon) near() []slots.Person {
	list := d.acc.Near()
	people := make([]slots.Person, len(list))
	for i, n := range list {
		people[i] = slots.Person{Key: contactKey + n.ID.String(), Say: n.Say, Hear: n.Hear}
	}
	return people
}

// boundNow is a link's secret if the far end has taken part in it already.
func boundNow(b link.Bound) (slots.Link, bool) {
	past, cancel := context.WithCancel(context.Background())
	cancel()
	l, err := b.Binding(past)
	return slots.Link(l), err == nil
}

// sayNear lets the far end find out whether it is a contact's. Where a first flight
// precedes the handshake, that comes after it.
func (d *Daemon) sayNear(m *meeting, conn link.Conn) {
	b, ok := conn.(link.Bound)
	if !ok {
		return
	}
	if l, ok := boundNow(b); ok {
		m.pushSecond(slots.Say(d.near(), l, uint(m.id)))
		return
	}
	d.spawn(func() {
		if l, err := b.Binding(d.ctx); err == nil {
			m.pushSecond(slots.Say(d.near(), slots.Link(l), uint(m.id)))
		}
	})
}

// pushSecond queues a frame behind the first one, which is HELLO: whoever does not
// know the frame passes over it.
func (m *meeting) pushSecond(frame []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ended {
		m.queue = slices.Insert(m.queue, min(1, len(m.queue)), frame)
		m.unasked += len(frame) + exchange.Prefix
		m.more.Signal()
	}
}

// pushLast queues a frame behind all others, for which the courier gave no credit.
func (m *meeting) pushLast(frame []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ended {
		m.queue = append(m.queue, frame)
		m.unasked += len(frame) + exchange.Prefix
		m.more.Signal()
	}
}

// event is what a frame means to the courier.
func (d *Daemon) event(m *meeting, frame []byte) node.Event {
	b, bound := m.conn.(link.Bound)
	switch {
	case bound && len(frame) > 0 && frame[0] == observe.WordType:
		return d.hear(m, frame)
	case m.kind == "relay" && len(frame) > 0 && frame[0] == postage.FrameAnswer:
		d.heardPostage(m, frame)
		return node.Tick{}
	case !bound || len(frame) == 0 || frame[0] != slots.FrameType:
		return node.Frame{Link: m.id, Data: frame}
	}
	l, ok := boundNow(b)
	if m.listened || !ok {
		return node.Tick{}
	}
	m.listened = true // one answer a meeting: who asks again and again learns no more
	key, err := slots.Heard(d.near(), l, frame)
	if err != nil {
		d.log.Debug("slots", "error", err)
	}
	if key == "" {
		return node.Tick{}
	}
	return node.Named{Link: m.id, Key: key, HideOwn: !d.meet(m, key)}
}

// meet notes whose device a meeting is with, and says whether its owner is one whom
// this person has checked: others need not know what was written here.
func (d *Daemon) meet(m *meeting, key string) (checked bool) {
	c, err := d.acc.Contact(strings.TrimPrefix(key, contactKey))
	if err != nil {
		return false
	}
	d.courier.Lock()
	d.row(m.kind, m.addr).who = c.Name
	d.courier.Unlock()
	d.tell(m)
	d.spawn(func() {
		d.people.Lock()
		defer d.people.Unlock()
		at, known := d.clock.moment()
		if !known {
			return
		}
		if err := d.acc.Met(at, c.ID); err != nil {
			d.log.Warn("met", "error", err)
		}
		d.changes.bump()
	})
	return c.Verified >= account.ByVoice && !c.KeyChanged && !c.Forked
}
