package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/dtn7/dtn7-go/pkg/bpv7"
	"github.com/dtn7/dtn7-go/pkg/cla/mtcp"
	"github.com/dtn7/dtn7-go/pkg/cla/tcpclv4"
	"github.com/dtn7/dtn7-go/pkg/routing"
	"github.com/sirupsen/logrus"

	"github.com/jauap/jauap/link/bp"
	"github.com/jauap/jauap/link/bundle"
)

const patience = 45 * time.Second

// free is an address of this machine that nobody uses at the moment.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// node runs dtn7 with epidemic routing.
func node(t *testing.T, name string) *routing.Core {
	t.Helper()
	logrus.SetOutput(io.Discard)
	// dtn7 may write there after the test: see below.
	dir, err := os.MkdirTemp("", "jauap-interop-")
	if err != nil {
		t.Fatal(err)
	}
	core, err := routing.NewCore(dir, bpv7.MustNewEndpointID("dtn://"+name+"/"), false, routing.RoutingConf{Algorithm: "epidemic"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closed := make(chan struct{})
		go func() { defer close(closed); core.Close() }()
		select {
		case <-closed:
		case <-time.After(time.Second): // it sometimes waits for itself
		}
		_ = os.RemoveAll(dir)
	})
	return core
}

// chain is two dtn7 nodes, joined: who calls the first reaches the second.
func chain(t *testing.T) (left, right string) {
	t.Helper()
	l, r := node(t, "left"), node(t, "right")
	left, right = free(t), free(t)
	l.RegisterConvergable(tcpclv4.ListenTCP(left, l.NodeId))
	r.RegisterConvergable(tcpclv4.ListenTCP(right, r.NodeId))
	l.RegisterConvergable(tcpclv4.DialTCP(right, l.NodeId, true))
	return left, right
}

func spot(t *testing.T, s string) bp.Spot {
	t.Helper()
	p, err := bp.ParseSpot(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// dial calls until somebody answers: dtn7 needs a moment to listen.
func dial(t *testing.T, s bp.Spot) bp.Session {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	for {
		x, err := bp.Dial(ctx, s, bp.Options{})
		if err == nil {
			t.Cleanup(func() { _ = x.Close() })
			return x
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func units(t *testing.T, sizes ...int) (list [][]byte) {
	for _, n := range sizes {
		u := make([]byte, n)
		if _, err := rand.Read(u); err != nil {
			t.Fatal(err)
		}
		list = append(list, u)
	}
	return list
}

var sizes = []int{96, 116, 1024, 4096, 16384, 65536, 262144, 1024, 1024}

// inbox collects what a session brings.
type inbox struct {
	mu   sync.Mutex
	got  [][]byte
	more chan struct{}
}

func collect(s bp.Session) *inbox {
	in := &inbox{more: make(chan struct{}, 1)}
	go func() {
		_, _ = s.Each(context.Background(), func(u []byte) error {
			in.mu.Lock()
			in.got = append(in.got, u)
			in.mu.Unlock()
			select {
			case in.more <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	return in
}

// wait until all of want are there.
func (in *inbox) wait(t *testing.T, want [][]byte) {
	t.Helper()
	late := time.After(patience)
	for {
		missing := 0
		in.mu.Lock()
		for _, w := range want {
			found := false
			for _, g := range in.got {
				found = found || bytes.Equal(g, w)
			}
			if !found {
				missing++
			}
		}
		in.mu.Unlock()
		if missing == 0 {
			return
		}
		select {
		case <-in.more:
		case <-late:
			t.Fatalf("%d of %d units did not arrive", missing, len(want))
		}
	}
}

func from(list [][]byte) func() ([]byte, bool) {
	i := 0
	return func() ([]byte, bool) {
		if i == len(list) {
			return nil, false
		}
		i++
		return list[i-1], true
	}
}

func leave(t *testing.T, s bp.Session, list [][]byte) {
	t.Helper()
	total := int64(0)
	for _, u := range list {
		total += int64(len(u))
	}
	if n, err := s.Leave(context.Background(), from(list)); err != nil || n != total {
		t.Fatalf("%d of %d bytes left: %v", n, total, err)
	}
}

// TestTCPCL: two dtn7 nodes carry units both ways, to a group and to a node's name.
func TestTCPCL(t *testing.T) {
	for _, c := range []struct{ name, a, b string }{
		{"a group", "", ""},
		{"names, dtn", ",as=dtn://shore/,to=dtn://island/mail", ",as=dtn://island/,to=dtn://shore/mail"},
		// dtn7-go 0.9.1 takes no ipn:N.0 for a node's name, as RFC 9171, 4.2.5.2 has it.
		{"an ipn destination", ",to=ipn:20.7", ",to=ipn:20.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			left, right := chain(t)
			a, b := dial(t, spot(t, "tcpcl://"+left+c.a)), dial(t, spot(t, "tcpcl://"+right+c.b))
			atA, atB := collect(a), collect(b)
			there, back := units(t, sizes...), units(t, sizes...)
			leave(t, a, there)
			leave(t, b, back)
			atB.wait(t, there)
			atA.wait(t, back)
		})
	}
}

// TestLater: dtn7 keeps what nobody is there for, and hands it over when somebody comes.
func TestLater(t *testing.T) {
	n, addr := node(t, "keeper"), free(t)
	n.RegisterConvergable(tcpclv4.ListenTCP(addr, n.NodeId))
	list := units(t, 1024, 96)
	a := dial(t, spot(t, "tcpcl://"+addr+",to=dtn://island/mail"))
	leave(t, a, list)
	_ = a.Close()
	b := dial(t, spot(t, "tcpcl://"+addr+",as=dtn://island/"))
	collect(b).wait(t, list)
}

// TestMTCP: the same one way, in by one node's server and out by its client.
func TestMTCP(t *testing.T) {
	n, in := node(t, "mtcp"), free(t)
	l, err := bp.Listen(spot(t, "mtcp://127.0.0.1:0,listen"), bp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan struct{})
	got := make(chan *inbox, 1)
	go func() {
		defer close(served)
		_ = l.Serve(ctx, func(s bp.Session) {
			got <- collect(s)
			<-ctx.Done()
			_ = s.Close()
		})
	}()
	t.Cleanup(func() { stop(); <-served })
	n.RegisterConvergable(mtcp.NewMTCPServer(in, n.NodeId, true))
	n.RegisterConvergable(mtcp.NewMTCPClient(l.Addr(), bpv7.MustNewEndpointID("dtn://jauap/"), true))
	atB := <-got
	list := units(t, sizes...)
	a := dial(t, spot(t, "mtcp://"+in))
	if n, err := a.Leave(ctx, from(list)); err != nil || n == 0 {
		t.Fatal(err)
	}
	atB.wait(t, list)
}

// TestOursIsTheirs: dtn7's decoder agrees with ours on every bundle that we make.
func TestOursIsTheirs(t *testing.T) {
	for _, to := range []string{"dtn://jauap/~mail", "dtn://island/mail", "ipn:20.7"} {
		for _, now := range []time.Time{time.Now(), {}} {
			for _, bare := range []bool{false, true} {
				dest, err := bundle.ParseEID(to)
				if err != nil {
					t.Fatal(err)
				}
				unit := units(t, 1024)[0]
				raw, err := bundle.Pack(unit, bundle.Label{To: dest, Now: now, Bare: bare, Rand: rand.Reader})
				if err != nil {
					t.Fatal(err)
				}
				b, err := bpv7.ParseBundle(bytes.NewReader(raw))
				if err != nil {
					t.Fatalf("%s, bare %v: %v", to, bare, err)
				}
				if err := b.CheckValid(); err != nil {
					t.Fatalf("%s: %v", to, err)
				}
				p, err := b.PayloadBlock()
				if err != nil || !bytes.Equal(p.Value.(*bpv7.PayloadBlock).Data(), unit) {
					t.Fatalf("%s: another payload, %v", to, err)
				}
				if b.PrimaryBlock.Destination.String() != to || b.PrimaryBlock.SourceNode != bpv7.DtnNone() || b.PrimaryBlock.ReportTo != bpv7.DtnNone() ||
					!b.PrimaryBlock.BundleControlFlags.Has(bpv7.MustNotFragmented) || b.PrimaryBlock.GetCRCType() != bpv7.CRC32 {
					t.Errorf("dtn7 reads %v", b.PrimaryBlock)
				}
				if b.IsLifetimeExceeded() {
					t.Error("dtn7 takes it for expired")
				}
			}
		}
	}
}

// TestTheirsIsOurs: ours reads what dtn7 makes, with the blocks that nodes add.
func TestTheirsIsOurs(t *testing.T) {
	unit := units(t, 4096)[0]
	for _, crc := range []bpv7.CRCType{bpv7.CRC16, bpv7.CRC32} {
		b, err := bpv7.Builder().CRC(crc).Source("dtn://someone/x").Destination("dtn://jauap/~mail").CreationTimestampNow().Lifetime("24h").
			HopCountBlock(30).BundleAgeBlock(0).PreviousNodeBlock("dtn://someone/").PayloadBlock(unit).Build()
		if err != nil {
			t.Fatal(err)
		}
		b.SetCRCType(crc)
		var raw bytes.Buffer
		if err := b.WriteBundle(&raw); err != nil {
			t.Fatal(err)
		}
		got, err := bundle.Parse(raw.Bytes())
		if err != nil || !bytes.Equal(got.Payload, unit) || got.To.String() != "dtn://jauap/~mail" || got.From.String() != "dtn://someone/x" || got.Life != 24*time.Hour {
			t.Errorf("%v: %+v, %v", crc, got, err)
		}
		for i := range raw.Len() {
			bad := bytes.Clone(raw.Bytes())
			bad[i] ^= 0x10
			if again, err := bundle.Parse(bad); err == nil && (!bytes.Equal(again.Payload, unit) || again.To != got.To) {
				t.Fatalf("a flipped bit at %d of %d went unseen", i, raw.Len())
			}
		}
	}
}

// TestTheyRefuse: dtn7 sees our checksums, too.
func TestTheyRefuse(t *testing.T) {
	dest, _ := bundle.ParseEID("ipn:20.7")
	raw, err := bundle.Pack(make([]byte, 96), bundle.Label{To: dest, Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(raw); i++ {
		bad := bytes.Clone(raw)
		bad[i] ^= 1
		_, ours := bundle.Parse(bad)
		_, theirs := bpv7.ParseBundle(bytes.NewReader(bad))
		if ours == nil && theirs != nil {
			t.Errorf("byte %d: ours takes what theirs refuses: %v", i, theirs)
		}
		if ours == nil && errors.Is(ours, bundle.ErrCRC) {
			t.Errorf("byte %d: a damaged bundle is taken", i)
		}
	}
}
