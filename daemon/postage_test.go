package daemon

import (
	"bytes"
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/postage"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
	"github.com/jauap/jauap/web/api"
)

// relayWith runs a relay in this process until stop.
func relayWith(t *testing.T, dir, listen string, tokens int) (addr string, stop func()) {
	t.Helper()
	r, err := OpenRelay(RelayOptions{Dir: dir, Listen: listen, Quota: 100 << 20, Postage: tokens})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	return r.Addr(), func() {
		t.Helper()
		end()
		<-served
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// atRelay opens a device that uses a relay and listens on the loopback.
func atRelay(t *testing.T, o *one, addr string) *Daemon {
	t.Helper()
	d := o.reopen(addr, func(c *config.Config) { c.Listen = "127.0.0.1:0" })
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	return d
}

func tokens(s api.Status) (tokens, issuers int) {
	if s.Postage == nil {
		return 0, 0
	}
	return s.Postage.Tokens, len(s.Postage.Issuers)
}

// reached says whether a relay is met.
func reached(s api.Status) bool {
	return slices.ContainsFunc(s.Links, func(l api.Link) bool { return l.Kind == "relay" && l.State == "up" })
}

// entry finds what a device holds.
func entry(d *Daemon, is func(store.Entry) bool) (found []store.Entry) {
	d.courier.Lock()
	defer d.courier.Unlock()
	d.shelf.Each(0, 1<<20, func(e store.Entry) {
		if is(e) {
			found = append(found, e)
		}
	})
	return found
}

// TestPostage: two devices that do not know each other used one relay while there was
// one. In the dark the letter of one goes over the other with postage, before junk of
// somebody who never met the relay, and neither a forged stamp nor a used token helps.
func TestPostage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	addr, stop := relayWith(t, dir, "127.0.0.1:0", 200)
	aigerim, timur := newOne(t, "Aigerim", time.Now), newOne(t, "Timur", time.Now)
	a, b := atRelay(t, aigerim, addr), atRelay(t, timur, addr)
	for _, d := range []*Daemon{a, b} {
		await(t, d, "tokens", func(s api.Status) bool { n, keys := tokens(s); return n > 0 && keys == 2 })
	}
	s, err := a.Status(t.Context())
	if err != nil || s.Progress != nil && s.Progress.Total+s.Progress.Received > 0 || s.Waiting != 0 {
		t.Errorf("postage counts as letters: %+v, %v", s, err)
	}
	stop()
	await(t, a, "the dark", func(s api.Status) bool { return !reached(s) })
	before, _ := tokens(stateOf(t, a))

	// Restarts keep what there is, and the relay its key.
	aigerim.down()
	a = atRelay(t, aigerim, addr)
	defer func() { aigerim.down() }()
	defer func() { timur.down() }()
	if n, keys := tokens(stateOf(t, a)); n != before || keys != 2 {
		t.Fatalf("%d tokens and %d keys after a restart, %d before", n, keys, before)
	}

	dana := newOne(t, "Dana", time.Now)
	c := dana.up()
	defer dana.down()
	befriend(t, a, c, "Aigerim", "Dana")
	send(t, a, "Dana", "From the dark.")
	visit(t, a, b, func() bool {
		return len(entry(b, func(e store.Entry) bool { return e.Class == envelope.Stamp && e.Rank == routing.Paid })) > 0 &&
			len(entry(b, func(e store.Entry) bool { return e.Class.Sealed() && e.Rank == routing.Paid })) > 0
	})
	if n, _ := tokens(stateOf(t, a)); n != before-1 {
		t.Errorf("%d tokens of %d are left", n, before)
	}
	if s := stateOf(t, b); s.Waiting != 0 {
		t.Errorf("%d letters wait at a stranger", s.Waiting)
	}

	// A unit whose stamp is on the shelf already, while it was refused itself, is not paid again.
	full, _ := units(t, 1)
	first := a.paid(submits(full))
	if len(first) != 2 {
		t.Fatalf("%d events for a unit with its stamp", len(first))
	}
	a.step(first[0])
	if again := a.paid(submits(full)); len(again) != 1 {
		t.Error("a unit was paid for twice")
	}

	// A forger holds a good stamp: neither its signature nor its token serves again.
	unit, _ := units(t, 1)
	e, err := envelope.Parse(unit[0])
	if err != nil {
		t.Fatal(err)
	}
	list, err := a.purse.Pay([]envelope.Envelope{e, e}, a.today())
	if err != nil {
		t.Fatal(err)
	}
	good := list[0]
	forged := bytes.Clone(list[1].Bytes())
	forged[70] ^= 1
	put(b, [][]byte{forged}, func(b []byte) node.Event { return node.Found{Raw: b} })
	put(b, [][]byte{unit[0], good.Bytes()}, func(b []byte) node.Event { return node.Found{Raw: b} })
	rank := func(raw []byte) int {
		for _, e := range entry(b, func(e store.Entry) bool { return e.ID == envelope.IDOf(raw) }) {
			return int(e.Rank)
		}
		return -1
	}
	if rank(forged) >= 0 || rank(good.Bytes()) != int(routing.Paid) || rank(unit[0]) != int(routing.Paid) {
		t.Errorf("forged stamp %d, good stamp %d, its unit %d", rank(forged), rank(good.Bytes()), rank(unit[0]))
	}
	junk, _ := units(t, 1)
	put(b, junk, func(b []byte) node.Event { return node.Found{Raw: b} })
	if rank(junk[0]) != int(routing.Other) {
		t.Errorf("junk has rank %d", rank(junk[0]))
	}

	// The relay comes back with the same keys, and goes on counting anew.
	_, again := relayWith(t, dir, hostPort(t, addr), 200)
	defer again()
	await(t, a, "the relay", func(s api.Status) bool { return reached(s) })
	await(t, a, "more tokens", func(s api.Status) bool { n, keys := tokens(s); return n > before && keys == 2 })
}

func stateOf(t *testing.T, d *Daemon) api.Status {
	t.Helper()
	s, err := d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func hostPort(t *testing.T, addr string) string {
	t.Helper()
	a, err := relay.ParseAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	return a.HostPort()
}

// lineTo is a link to a relay of which nothing comes.
type lineTo struct{ net.Conn }

func (lineTo) Peer() link.Peer     { return link.Peer{Key: "relay:x", Addr: "x", Relay: true} }
func (lineTo) Traits() link.Traits { return link.Traits{} }

// TestAskWaits: nothing is asked while letters wait, before the link has been idle for
// long, over a narrow link, or when the budget is small; a window is not spent on it.
func TestAskWaits(t *testing.T) {
	t.Parallel()
	now := time.Now()
	o := newOne(t, "Aigerim", time.Now)
	c := config.Default()
	c.Listen, c.Metered.Budget = "off", 1<<20
	d, err := Open(Options{Dir: o.dir, Config: c, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	m := d.prepare("relay", link.Peer{Key: "relay:x", Addr: "x", Relay: true}, link.Traits{})
	m.conn = lineTo{near}
	m.in.Store(100)
	defer d.discard(m)
	asked := func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		n := 0
		for _, f := range m.queue {
			if f[0] == postage.FrameAsk {
				n++
			}
		}
		return n > 0
	}
	pass := func(what string, seconds int) {
		t.Helper()
		for range seconds {
			now = now.Add(time.Second)
			d.askPostage()
		}
		if asked() {
			t.Fatalf("asked %s", what)
		}
	}
	pass("at once", 9)
	m.in.Add(1)
	pass("although something moved", 10)
	m.gauge.narrow.Store(true)
	pass("over a narrow link", 30)
	m.gauge.narrow.Store(false)
	m.gauge.slow.Store(true)
	pass("over a slow link", 30)
	m.gauge.slow.Store(false)

	d.metered.spend(200 << 10)
	pass("with little of the budget left", 30)
	d.metered.config.Budget = 0
	now = now.Add(time.Second)
	if d.askPostage(); !asked() {
		t.Error("not asked when nothing is in the way")
	}
	m.queue, m.asking.talk = nil, postage.Talk{}
	dana := newOne(t, "Dana", time.Now)
	befriend(t, d, dana.up(), "Aigerim", "Dana")
	dana.down()
	send(t, d, "Dana", "This comes first.")
	pass("while a letter waits", 30)
}
