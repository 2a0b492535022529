package dns

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link/dns/wire"
	"github.com/jauap/jauap/relay"
	far "github.com/jauap/jauap/relay/dns"
)

// box keeps anything: what a unit is worth is not the tunnel's business.
type box struct {
	mu    sync.Mutex
	units [][]byte
	marks map[envelope.ID]relay.Mark
	judge func([]byte) error
}

func newBox() *box { return &box{marks: map[envelope.ID]relay.Mark{}} }

func (b *box) Deposit(_ context.Context, raw []byte, _ string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.judge != nil {
		if err := b.judge(raw); err != nil {
			return err
		}
	}
	id := envelope.IDOf(raw)
	if b.marks[id] == 0 {
		b.units = append(b.units, append([]byte(nil), raw...))
		b.marks[id] = relay.Mark(len(b.units))
	}
	return nil
}

func (b *box) Head(context.Context) (relay.Head, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return relay.Head{Epoch: relay.Epoch{1, 2, 3, 4}, Top: relay.Mark(len(b.units))}, nil
}

func (b *box) List(_ context.Context, after relay.Mark, _ relay.Slots, most int) (list []relay.Entry, upto relay.Mark, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	upto = after
	for i := int(after); i < len(b.units) && len(list) < most; i++ {
		upto = relay.Mark(i + 1)
		list = append(list, relay.Entry{ID: envelope.IDOf(b.units[i]), Size: len(b.units[i]), Mark: upto})
	}
	return list, upto, nil
}

func (b *box) Get(_ context.Context, id envelope.ID, off, n int) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.marks[id]
	if m == 0 {
		return nil, relay.ErrMissing
	}
	raw := b.units[m-1][off:]
	return append([]byte(nil), raw[:min(n, len(raw))]...), nil
}

func (b *box) Judge(context.Context, relay.Deposit) error            { return nil }
func (b *box) Put(context.Context, []relay.Deposit) ([]error, error) { return nil, nil }
func (b *box) Drop(context.Context, envelope.ID) error               { return nil }
func (b *box) Expire(context.Context, envelope.Day) (int, error)     { return 0, nil }

const zone = wire.Zone("t.jauap.example")

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func newKey(t testing.TB) *wire.Server {
	t.Helper()
	k, err := wire.NewServer([32]byte(noise(32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// serve runs a server on loopback.
func serve(t testing.TB, b *box) Address { return serveAt(t, b, "127.0.0.1:0") }

func serveAt(t testing.TB, b *box, place string) Address {
	t.Helper()
	k := newKey(t)
	s := far.New(far.Options{Zone: zone, Key: k, Box: b, Deposit: b.Deposit, LoopbackFree: true})
	pc, err := net.ListenPacket("udp", place)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, pc) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return Address{Zone: zone, Key: k.Public(), Resolvers: []netip.AddrPort{addrOf(pc)}}
}

func addrOf(pc net.PacketConn) netip.AddrPort { return pc.LocalAddr().(*net.UDPAddr).AddrPort() }

func dial(t testing.TB, c Config) *Tunnel {
	t.Helper()
	tun, err := Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tun.Close() })
	return tun
}
