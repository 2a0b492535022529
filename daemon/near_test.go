package daemon

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/web/api"
)

// beside opens a device that listens on the loopback.
func beside(t *testing.T, name string, quota int64) *Daemon {
	t.Helper()
	o := newOne(t, name, time.Now)
	c := config.Default()
	c.Listen, c.Multicast, c.Receipts, c.Quota = "127.0.0.1:0", false, config.ReceiptsPrompt, quota
	d, err := Open(Options{Dir: o.dir, Config: c, Prompt: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	return d
}

// visit lets a call b until nothing moves between them.
func visit(t *testing.T, a, b *Daemon, even func() bool) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	done := make(chan error, 1)
	go func() { done <- a.MeetFor(ctx, b.ListenAddr(), time.Minute) }()
	wait(t, "the meeting to be over", even)
	a.courier.Lock()
	for _, m := range a.meetings {
		if m.conn != nil {
			m.conn.Close()
		}
	}
	a.courier.Unlock()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// quiet says whether a device gave a lot in its meeting and nothing moves any more.
func quiet(d *Daemon) func() bool {
	last, same := int64(0), 0
	return func() bool {
		d.courier.Lock()
		defer d.courier.Unlock()
		now := int64(0)
		for _, m := range d.meetings {
			now += m.in.Load() + m.out.Load()
		}
		if same++; now != last {
			last, same = now, 0
		}
		return now > 10_000 && same > 20
	}
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for late := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// met is whom a device's status names as its neighbour.
func met(t *testing.T, d *Daemon) (who string) {
	t.Helper()
	s, err := d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.Links {
		if l.Kind == "lan" && l.Who != "" {
			who = l.Who
		}
	}
	return who
}

// units makes junk that verifies, as a stranger's device can.
func units(t *testing.T, n int) (list [][]byte, ids []envelope.ID) {
	t.Helper()
	for range n {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, envelope.S1.BodySize())
		_, _ = rand.Read(body)
		e, err := envelope.New(envelope.S1, 0, envelope.DayOf(time.Now())+20, key, body)
		if err != nil {
			t.Fatal(err)
		}
		list, ids = append(list, e.Bytes()), append(ids, e.ID())
	}
	return list, ids
}

func put(d *Daemon, list [][]byte, ev func([]byte) node.Event) {
	evs := make([]node.Event, len(list))
	for i, b := range list {
		evs[i] = ev(b)
	}
	d.step(evs...)
}

// held counts which of the units a device holds, and how many of them as near.
func held(d *Daemon, ids []envelope.ID) (n, near int) {
	d.courier.Lock()
	defer d.courier.Unlock()
	for _, id := range ids {
		if e, ok := d.shelf.Entry(id); ok {
			n++
			if e.Rank == routing.Near {
				near++
			}
		}
	}
	return n, near
}

// TestContactsAreRecognised: two contacts whose letters crossed by stick know each
// other on the LAN, by name, and a stranger knows nobody and is nobody.
func TestContactsAreRecognised(t *testing.T) {
	t.Parallel()
	a, b, c := beside(t, "Aigerim", 64<<20), beside(t, "Timur", 64<<20), beside(t, "Stranger", 64<<20)
	befriend(t, a, b, "Aigerim", "Timur")
	carry(t, t.TempDir(), a, b, a)
	visit(t, a, b, func() bool { return met(t, a) == "Timur" && met(t, b) == "Aigerim" })
	for d, name := range map[*Daemon]string{a: "Timur", b: "Aigerim"} {
		wait(t, "the meeting to be noted", func() bool {
			p, err := d.acc.Contact(name)
			return err == nil && time.Since(p.HeardAt) < time.Minute
		})
	}
	list, ids := units(t, 1)
	put(c, list, func(b []byte) node.Event { return node.Found{Raw: b} })
	visit(t, c, b, func() bool { n, _ := held(b, ids); return n == 1 })
	if who := met(t, c); who != "" {
		t.Fatalf("a stranger met %q", who)
	}
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, l := range s.Links {
		if l.Who != "" {
			named++
		}
	}
	if named != 1 {
		t.Fatalf("%d neighbours have names, want Aigerim alone: %+v", named, s.Links)
	}
}

// TestFloodOnDevices keeps promise P8 on real nodes: what a contact gave stays,
// ranked by the edge, whatever strangers bring; of what a stranger gave before
// the flood less stays, although it was as much.
func TestFloodOnDevices(t *testing.T) {
	t.Parallel()
	const quota, each, floods = 1 << 20, 100, 18
	b := beside(t, "Bearer", quota)
	a, s := beside(t, "Aigerim", 64<<20), beside(t, "Somebody", 64<<20)
	befriend(t, a, b, "Aigerim", "Bearer")
	if _, err := a.Verify(t.Context(), api.VerifyAsk{Name: "Bearer", Compared: true}); err != nil {
		t.Fatal(err) // only who was checked is told which units are a's own
	}
	carry(t, t.TempDir(), a, b, a)

	mail, mailIDs := units(t, each)
	put(a, mail, func(b []byte) node.Event { return node.Submit{Raw: b} })
	visit(t, a, b, func() bool { _, near := held(b, mailIDs); return near == each })

	other, otherIDs := units(t, each)
	put(s, other, func(b []byte) node.Event { return node.Found{Raw: b} })
	visit(t, s, b, func() bool { n, _ := held(b, otherIDs); return n == each })

	f := beside(t, "Flood", 64<<20)
	for range floods { // each time another number: strangers have none
		junk, ids := units(t, 200)
		put(f, junk, func(b []byte) node.Event { return node.Found{Raw: b} })
		visit(t, f, b, quiet(f))
		if _, near := held(b, ids); near != 0 {
			t.Fatalf("%d units of a stranger count as near", near)
		}
	}
	st := b.shelf.Stats()
	n, near := held(b, mailIDs)
	left, _ := held(b, otherIDs)
	t.Logf("shelf %d of %d bytes in %d units; of the contact's %d are here, %d near; of the stranger's %d", st.Bytes, st.Quota, st.Envelopes, n, near, left)
	if n != each || near != each {
		t.Fatal("a flood by strangers pushed out a contact's mail")
	}
	if left > each*3/4 {
		t.Fatal("the stranger's units are all here: there was no flood")
	}
}

// TestOwnIsHidden: a contact whom nobody checked is not told which units were written
// here; they are carried as near all the same.
func TestOwnIsHidden(t *testing.T) {
	t.Parallel()
	a, b := beside(t, "Aigerim", 64<<20), beside(t, "Timur", 64<<20)
	befriend(t, a, b, "Aigerim", "Timur")
	carry(t, t.TempDir(), a, b, a)
	fixed := func(ids []envelope.ID) (n int) {
		b.courier.Lock()
		defer b.courier.Unlock()
		for _, id := range ids {
			if e, ok := b.shelf.Entry(id); ok && e.Fixed {
				n++
			}
		}
		return n
	}
	for _, checked := range []bool{false, true} {
		if checked {
			if _, err := a.Verify(t.Context(), api.VerifyAsk{Name: "Timur", Compared: true}); err != nil {
				t.Fatal(err)
			}
		}
		list, ids := units(t, 3)
		put(a, list, func(b []byte) node.Event { return node.Submit{Raw: b} })
		visit(t, a, b, func() bool { _, near := held(b, ids); return near == len(ids) })
		if got := fixed(ids) == len(ids); got != checked {
			t.Errorf("checked %v: told %v", checked, got)
		}
	}
}

// TestRecognisedAgain: a neighbour whose address is known is recognised anew at each
// meeting, also where letters precede the handshake.
func TestRecognisedAgain(t *testing.T) {
	t.Parallel()
	b := beside(t, "Timur", 64<<20)
	o := newOne(t, "Aigerim", time.Now)
	c := config.Default()
	c.Listen, c.Multicast, c.Links = "127.0.0.1:0", false, []string{b.ListenAddr()}
	a, err := Open(Options{Dir: o.dir, Config: c, Prompt: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	befriend(t, a, b, "Aigerim", "Timur")
	carry(t, t.TempDir(), a, b, a)
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	up := func(d *Daemon) (who string, m *meeting) {
		d.courier.Lock()
		defer d.courier.Unlock()
		for _, r := range d.rows {
			if r.kind == "lan" && r.state == "up" && r.m.conn != nil {
				return r.who, r.m
			}
		}
		return "", nil
	}
	var last *meeting
	for range 3 {
		wait(t, "a meeting of two who know each other", func() bool {
			x, m := up(a)
			y, _ := up(b)
			return x == "Timur" && y == "Aigerim" && m != last
		})
		_, last = up(a)
		list, ids := units(t, 1)
		put(a, list, func(b []byte) node.Event { return node.Submit{Raw: b} })
		wait(t, "a unit", func() bool { _, near := held(b, ids); return near == 1 })
		last.conn.Close()
	}
}
