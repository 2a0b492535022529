package daemon

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/boxtest"
	"github.com/jauap/jauap/web/api"
)

// crooked is a relay, the real one, whose lines or box somebody has bent.
func crooked(t *testing.T, box relay.Box, bend func(relay.Line) relay.Line) relay.Addr {
	t.Helper()
	m := relay.Handler(box, relay.Options{})
	t.Cleanup(func() { m.Close(context.Background()) })
	return liar(t, func(l relay.Line) { m.Attend(bend(l), "127.0.0.1:1") })
}

// bent is a line that says something else once the relay has greeted.
type bent struct {
	relay.Line
	said atomic.Bool
	say  func(relay.Line, []byte) (int, error)
}

func (b *bent) Write(p []byte) (int, error) {
	if !b.said.Swap(true) {
		return b.Line.Write(p) // HELLO
	}
	return b.say(b.Line, p)
}

// forger is a box that hands out other bytes than it lists.
type forger struct{ relay.Box }

func (f forger) Get(ctx context.Context, id envelope.ID, from, n int) ([]byte, error) {
	b, err := f.Box.Get(ctx, id, from, n)
	if b = slices.Clone(b); len(b) > 0 {
		b[len(b)-1] ^= 1
	}
	return b, err
}

// everybodys is a box with one envelope that all clients are offered.
func everybodys(t *testing.T) relay.Box {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	today := envelope.DayOf(time.Now())
	e, err := envelope.New(envelope.S1, 0, today+20, key, make([]byte, envelope.S1.BodySize()))
	if err != nil {
		t.Fatal(err)
	}
	box := boxtest.NewMemory()
	if _, err := box.Put(t.Context(), []relay.Deposit{{Unit: e, Today: today, Rank: 2}}); err != nil {
		t.Fatal(err)
	}
	return box
}

// TestFaultsAreNamed: a relay that runs our own code and sends sums nobody asked for, other
// bytes than it listed, garbage, or nothing more, is dropped with what was seen, in the
// status and in the list of relays; one in whose place another key answers is named so. The
// letter leaves by the honest one.
func TestFaultsAreNamed(t *testing.T) {
	t.Parallel()
	honest, _ := startRelay(t)
	straight := func(l relay.Line) relay.Line { return l }
	saying := func(say func(relay.Line, []byte) (int, error)) func(relay.Line) relay.Line {
		return func(l relay.Line) relay.Line { return &bent{Line: l, say: say} }
	}
	bad := map[string]relay.Addr{
		api.FaultSums: crooked(t, everybodys(t), saying(func(l relay.Line, p []byte) (int, error) {
			if err := exchange.WriteFrame(l, append([]byte{0x01, 1}, make([]byte, 10)...)); err != nil {
				return 0, err
			}
			return l.Write(p)
		})),
		api.FaultList: crooked(t, forger{everybodys(t)}, straight),
		api.FaultGarbage: crooked(t, everybodys(t), saying(func(l relay.Line, p []byte) (int, error) {
			return l.Write(append([]byte{0, 0, 2, 0xff}, p...))
		})),
		api.FaultStall: crooked(t, everybodys(t), saying(func(_ relay.Line, p []byte) (int, error) { return len(p), nil })),
		api.FaultKey:   crooked(t, everybodys(t), straight),
	}
	other := bad[api.FaultKey]
	other.Key[0] ^= 1
	bad[api.FaultKey] = other

	d := amid(t, honest, bad)
	for fault, a := range bad {
		await(t, d, "a fault: "+fault, func(s api.Status) bool {
			i := slices.IndexFunc(s.Links, func(l api.Link) bool { return l.Addr == a.HostPort() })
			if i < 0 || s.Links[i].Fault != fault {
				return false
			}
			list, err := d.Relays(t.Context())
			return err == nil && slices.ContainsFunc(list.Mine, func(r api.Relay) bool { return r.Addr == a.String() && r.Fault == fault })
		})
	}
	await(t, d, "an honest one without a fault", func(s api.Status) bool {
		at, err := relay.ParseAddr(honest)
		return err == nil && slices.ContainsFunc(s.Links, func(l api.Link) bool { return l.Addr == at.HostPort() && l.State == "up" && l.Fault == "" })
	})
}
