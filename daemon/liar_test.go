package daemon

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/finds"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/udp"
	"github.com/jauap/jauap/web/api"
)

// liar is a relay with a key of its own that does what it likes with a line.
func liar(t *testing.T, do func(relay.Line)) relay.Addr {
	t.Helper()
	key, err := relay.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := key.TLS(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- udp.Serve(ctx, pc, conf, func(l relay.Line, _ string) {
			context.AfterFunc(ctx, l.Cut)
			do(l)
			l.Cut()
		}, udp.Options{})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return relay.Addr{Host: "127.0.0.1", Port: uint16(pc.LocalAddr().(*net.UDPAddr).Port), Key: key.ID()}
}

func frame(l relay.Line, b ...byte) { _ = exchange.WriteFrame(l, b) }

// amid is a running node whose letter left by the one relay of several that is honest.
func amid(t *testing.T, honest string, bad map[string]relay.Addr) *Daemon {
	t.Helper()
	aigerim, dana := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	d := aigerim.reopen(honest, func(c *config.Config) {
		for _, a := range bad {
			c.Relays = append(c.Relays, a.String())
		}
	})
	t.Cleanup(aigerim.down)
	befriend(t, d, dana.up(), "Aigerim", "Dana")
	dana.down()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	awaitState(t, d, send(t, d, "Dana", "By the honest one."), api.Left)
	return d
}

// TestLiars: relays that send garbage, lie in their exchange, promise units that
// never come, stall, or have another key are named with a reason, cost nothing
// but time, and the letter leaves by the relay that is honest.
func TestLiars(t *testing.T) {
	t.Parallel()
	honest, _ := startRelay(t)
	hello := []byte{0x81, 1, 1, 1, 0, 0} // a relay without a name
	drain := func(l relay.Line) { _, _ = io.Copy(io.Discard, l) }
	bad := map[string]relay.Addr{
		"garbage": liar(t, func(l relay.Line) {
			_, _ = l.Write([]byte("\x00\x00\x05hello, this is no exchange at all"))
			drain(l)
		}),
		"unknown numbers": liar(t, func(l relay.Line) {
			frame(l, hello...)
			frame(l, 0x86, 3, 200, 1, 100) // GOT held of units that nobody listed
			drain(l)
		}),
		"lies in its sketch": liar(t, func(l relay.Line) {
			// It offers a sketch of five units and sums that fit no set at all.
			frame(l, append([]byte{0x81, 1, 1 | 8, 1, 0, 0}, append(make([]byte, 8), append([]byte{5, 1, 2, 3, 4}, make([]byte, 20)...)...)...)...)
			lies := append([]byte{0x01}, 100)
			for i := range 100 * 10 {
				lies = append(lies, byte(i*i))
			}
			frame(l, lies...)
			frame(l, 0x02, 0, 1, 2, 3, 4, 5, 2, 2, 3, 4, 5) // LACK: what it says that it lacks
			drain(l)
		}),
		"stalls": liar(t, drain),
	}
	other := liar(t, drain)
	other.Key[0] ^= 1
	bad["another key"] = other

	d := amid(t, honest, bad)
	for name, a := range bad {
		say := map[string]string{"stalls": "silent", "another key": "another key", "lies in its sketch": "sums of a list"}[name]
		if say == "" {
			say = "exchange"
		}
		await(t, d, "a reason: "+name, func(s api.Status) bool {
			i := slices.IndexFunc(s.Links, func(l api.Link) bool { return l.Addr == a.HostPort() })
			return i >= 0 && strings.Contains(s.Links[i].Error, say)
		})
	}
}

// TestFindsTravel: that an odd port of a relay answered reaches a contact who
// uses the same relay inside a letter, and is tried there.
func TestFindsTravel(t *testing.T) {
	t.Parallel()
	const address = "https://192.0.2.1:443/#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	aigerim, dana := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	a, b := aigerim.reopen(address, nil), dana.reopen(address, nil)
	defer aigerim.down()
	defer dana.down()
	befriend(t, a, b, "Aigerim", "Dana")
	stick := t.TempDir()
	carry(t, stick, a, b, a, b) // their first greetings
	w := mustWay(t, a)
	if err := a.finds.Tell(a.moment(), finds.Relay(w.addr.Key), false, 3785); err != nil {
		t.Fatal(err)
	}
	if carry(t, stick, a, b); len(b.book(b.place(), w).Finds) != 0 {
		t.Error("it went without a letter")
	}
	send(t, a, "Dana", "We are well.")
	carry(t, stick, a, b)
	got := b.book(b.place(), w).Finds
	if len(got) != 1 || got[0].UDP || got[0].Addr.HostPort() != "192.0.2.1:3785" || got[0].Addr.Key != w.addr.Key {
		t.Errorf("found: %v", got)
	}
	if first := b.book(b.place(), w).Volley(0); first[0] != got[0] {
		t.Errorf("a volley begins with %v", first[0])
	}
	if all := texts(t, b, "Aigerim"); len(all) != 1 {
		t.Errorf("the letter arrived as %q", all)
	}
}
