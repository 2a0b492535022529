package daemon

import (
	"context"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/web/api"
)

// swallower is a way to a relay on which a filter swallows what passes, without
// a reset. A connection that lost bytes is lost for good, as one is whose
// system has begun to wait long between its attempts.
type swallower struct {
	ln net.Listener
	to string

	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]*bool // false once it lost bytes
}

func newSwallower(t *testing.T, to string) *swallower {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &swallower{ln: ln, to: to, conns: map[net.Conn]*bool{}}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			alive := new(bool)
			s.mu.Lock()
			*alive = !s.shut
			s.conns[near], s.conns[far] = alive, alive
			s.mu.Unlock()
			group.Go(func() { s.pass(far, near, alive) })
			group.Go(func() { s.pass(near, far, alive) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		group.Wait()
	})
	return s
}

func (s *swallower) pass(to, from net.Conn, alive *bool) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		s.mu.Lock()
		ok := *alive
		s.mu.Unlock()
		if n > 0 && ok {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if ok {
				to.Close()
			}
			return
		}
	}
}

func (s *swallower) set(shut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = shut
	for _, alive := range s.conns {
		*alive = *alive && !shut
	}
}

// startRelay runs a relay in this process and answers its address, and the
// same by another way.
func startRelay(t *testing.T) (direct string, through func(hostport string) string) {
	t.Helper()
	r, err := OpenRelay(RelayOptions{Dir: t.TempDir(), Listen: "127.0.0.1:0", Quota: 100 << 20})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		<-served
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	a, err := relay.ParseAddr(r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return r.Addr(), func(hostport string) string { return "https://" + hostport + "/#" + a.Key.String() }
}

// upWith opens a node that knows one relay.
func (o *one) upWith(relay string) *Daemon {
	o.t.Helper()
	c := config.Default()
	c.Listen, c.Multicast, c.Relays, c.Receipts, c.Power = "off", false, []string{relay}, config.ReceiptsPrompt, config.PowerMains
	d, err := Open(Options{Dir: o.dir, Config: c, Now: o.now, Prompt: true})
	if err != nil {
		o.t.Fatal(err)
	}
	o.open = d
	return d
}

// await waits for a change of the node's status until it is as wanted.
func await(t *testing.T, d *Daemon, what string, ok func(api.Status) bool) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	var seen uint64
	for {
		s, err := d.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ok(s) {
			return
		}
		if seen, err = d.Wait(ctx, seen); err != nil {
			t.Fatalf("%s never came; the status is %+v", what, s)
		}
	}
}

func awaitState(t *testing.T, d *Daemon, id string, states ...api.State) {
	t.Helper()
	await(t, d, string(states[0]), func(api.Status) bool {
		list, err := d.Outbox(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			for _, s := range states {
				if o.ID == id && o.State == s {
					return true
				}
			}
		}
		return false
	})
}

func send(t *testing.T, d *Daemon, to, text string) string {
	t.Helper()
	sent, err := d.Send(t.Context(), api.SendAsk{To: to, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return sent.ID
}

func thorough() bool { return os.Getenv("JAUAP_TEST") == "all" }

// TestSwallowed: a filter falls over a link that is in use, without a reset,
// and is lifted after a while. The letter that was written meanwhile, and the
// answer to it, pass within two seconds. A shorter filter than 10 s is used
// unless JAUAP_TEST=all.
func TestSwallowed(t *testing.T) {
	t.Parallel()
	direct, through := startRelay(t)
	a, err := relay.ParseAddr(direct)
	if err != nil {
		t.Fatal(err)
	}
	filter := newSwallower(t, a.HostPort())
	aigerim, dana := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	inside, abroad := aigerim.upWith(through(filter.ln.Addr().String())), dana.upWith(direct)
	defer dana.down()
	defer aigerim.down()
	befriend(t, inside, abroad, "Aigerim", "Dana")
	for _, d := range []*Daemon{inside, abroad} {
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, d, "an open network", func(s api.Status) bool { return s.Network.State == "open" })
	}
	awaitState(t, inside, send(t, inside, "Dana", "Before the filter."), api.Delivered, api.Read)

	filter.set(true)
	id := send(t, inside, "Dana", "Under the filter.")
	began := time.Now()
	await(t, inside, "a doubt of the link", func(s api.Status) bool { return s.Links[0].State != "up" })
	noticed := time.Since(began)
	dark := 6 * time.Second
	if thorough() {
		dark = 10 * time.Second
	}
	<-time.After(dark - time.Since(began)) // real time: the filter's
	filter.set(false)
	lifted := time.Now()
	awaitState(t, inside, id, api.Left, api.Delivered, api.Read)
	left := time.Since(lifted)
	awaitState(t, inside, id, api.Delivered, api.Read)
	delivered := time.Since(lifted)
	t.Logf("silence noticed %.1f s after the letter was written; filter lifted: letter left after %v, its proof came after %v", noticed.Seconds(), left, delivered)
	// A letter over the open link says how fast this machine is now.
	began = time.Now()
	awaitState(t, inside, send(t, inside, "Dana", "After the filter."), api.Delivered, api.Read)
	if usual := time.Since(began); delivered > 2*time.Second+5*usual {
		t.Errorf("%v, where a letter takes %v: the opening was missed", delivered, usual)
	}
	s, err := inside.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Network.State != "open" || s.Links[0].State != "up" || s.Progress == nil || s.Progress.Sent != 3 || s.Progress.Total != 3 {
		t.Errorf("afterwards: %+v, %+v, %+v", s.Network, s.Links, s.Progress)
	}
	if w := s.Windows[len(s.Windows)-1]; w.Out < 1000 || w.In < 1000 {
		t.Errorf("the window says %+v", w)
	}
	if got := texts(t, abroad, "Aigerim"); len(got) != 3 {
		t.Errorf("abroad reads %q", got)
	}
}
