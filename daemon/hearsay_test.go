package daemon

import (
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/observe"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/web/api"
)

// TestNeighbourSaysOpen: a device through which a relay answers tells one on its
// LAN, which tries at once and shows nothing else than before. Who goes out by
// another way tells contacts alone.
func TestNeighbourSaysOpen(t *testing.T) {
	t.Parallel()
	direct, through := startRelay(t)
	a, err := relay.ParseAddr(direct)
	if err != nil {
		t.Fatal(err)
	}
	filter := newSwallower(t, a.HostPort())
	filter.set(true)
	aigerim, dana := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	onLAN := func(c *config.Config) { c.Listen = "127.0.0.1:0" }
	out := aigerim.reopen(direct, onLAN)
	defer aigerim.down()
	in := dana.reopen(through(filter.ln.Addr().String()), func(c *config.Config) {
		onLAN(c)
		c.Power, c.Poll = config.PowerBattery, time.Minute
	})
	defer dana.down()
	for _, d := range []*Daemon{out, in} {
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
	}
	await(t, out, "an open network", func(s api.Status) bool { return s.Network.State == "open" })
	await(t, in, "a dark network", func(s api.Status) bool { return s.Network.State == "dark" })
	rung := in.notice.try.rung()
	go func() { _ = in.MeetFor(in.ctx, out.ListenAddr(), 0) }()
	select {
	case <-rung:
	case <-time.After(time.Minute):
		t.Fatal("the word made nobody try")
	}
	in.courier.Lock()
	told, state := in.ear.Told(), in.watch
	in.courier.Unlock()
	if told.IsZero() {
		t.Error("it rang for another reason")
	}
	if v, _ := state.Verdict(time.Now()); v != observe.Dark {
		t.Errorf("by a neighbour's word the network is %s", v)
	}
	// The filter is gone when the next word comes: the poll is a minute, and the
	// letter need not wait for it.
	filter.set(false)
	in.courier.Lock()
	in.ear = observe.Ear{}
	in.courier.Unlock()
	began := time.Now()
	out.tellNear()
	await(t, in, "an open network", func(s api.Status) bool { return s.Network.State == "open" })
	if late := time.Since(began); late > 45*time.Second {
		t.Errorf("noticed after %v, as without a neighbour", late)
	}
}

func TestSharesWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		neighbour string
		host      string
		want      bool
	}{
		{"127.0.0.1:1", "127.0.0.1", true},
		{"[::ffff:127.0.0.1]:1", "127.0.0.1", true},
		{"192.0.2.1:1", "127.0.0.1", false}, // not on a network of this device
		{"127.0.0.1:1", "192.0.2.1", false}, // by another interface, or none
		{"127.0.0.1:1", "relay.example.org", false},
		{"nonsense", "127.0.0.1", false},
	} {
		if got := sharesWay(c.neighbour, []string{c.host}); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if sharesWay("127.0.0.1:1", nil) {
		t.Error("without a relay that answers")
	}
}
