package daemon

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/link/tor"
	"github.com/jauap/jauap/web/api"
)

// socksPort is a Tor as links see it: SOCKS 5 without a password. It counts the ways
// that it opened.
func socksPort(t *testing.T) (addr string, opened *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	opened = &atomic.Int64{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go pass(c, opened)
		}
	}()
	return l.Addr().String(), opened
}

// pass serves one CONNECT to an IPv4 address. RFC 1928
func pass(c net.Conn, opened *atomic.Int64) {
	defer c.Close()
	var hi [3]byte
	if _, err := io.ReadFull(c, hi[:]); err != nil {
		return
	}
	_, _ = c.Write([]byte{5, 0})
	var ask [10]byte
	if _, err := io.ReadFull(c, ask[:]); err != nil || ask[1] != 1 || ask[3] != 1 {
		return
	}
	far, err := net.Dial("tcp", net.JoinHostPort(net.IP(ask[4:8]).String(), strconv.Itoa(int(binary.BigEndian.Uint16(ask[8:])))))
	if err != nil {
		return
	}
	defer far.Close()
	opened.Add(1)
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(far, c); _ = far.(*net.TCPConn).CloseWrite() })
	both.Go(func() { _, _ = io.Copy(c, far); _ = c.(*net.TCPConn).CloseWrite() })
	both.Wait()
}

func torNode(o *one, relay string, ports []string, proxy string) (*Daemon, error) {
	c := config.Default()
	c.Listen, c.Multicast, c.Relays, c.Poll, c.Tor, c.Proxy = "off", false, []string{relay}, 100*time.Millisecond, true, proxy
	d, err := Open(Options{Dir: o.dir, Config: c, Now: o.now, Prompt: true, TorPorts: ports})
	if err != nil {
		return nil, err
	}
	o.open = d
	return d, d.Start()
}

// TestLettersThroughTor: with tor = on a relay is reached by the SOCKS port of the Tor
// that runs and by nothing else.
func TestLettersThroughTor(t *testing.T) {
	addr, _ := startRelay(t)
	socks, opened := socksPort(t)
	a, b := newOne(t, "aigerim", time.Now), newOne(t, "dana", time.Now)
	befriend(t, a.up(), b.up(), "aigerim", "dana")
	a.down()
	b.down()
	da, err := torNode(a, addr, []string{"127.0.0.1:1", socks}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer a.down()
	db, err := torNode(b, addr, []string{socks}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.down()
	if _, err := da.Send(t.Context(), api.SendAsk{To: "dana", Text: "through Tor"}); err != nil {
		t.Fatal(err)
	}
	got(t, db, "aigerim", "through Tor")
	if opened.Load() < 2 {
		t.Errorf("%d ways were opened through Tor", opened.Load())
	}
	st, err := da.Status(t.Context())
	if err != nil || st.Tor == nil || !st.Tor.Used || st.Tor.Running != socks {
		t.Errorf("status %+v, %v", st.Tor, err)
	}
	for _, l := range st.Links {
		if l.Kind == "relay" && l.Transport == "quic" {
			t.Errorf("a way past Tor: %+v", l)
		}
	}
}

// TestTorIsOneOrNone: no Tor, or a proxy beside it, is an error and not a way past it.
func TestTorIsOneOrNone(t *testing.T) {
	socks, _ := socksPort(t)
	o := newOne(t, "aigerim", time.Now)
	if _, err := torNode(o, "https://127.0.0.1:9/#"+"AAAA", []string{socks}, "http://127.0.0.1:1"); !errors.Is(err, errTorAndProxy) {
		t.Errorf("a proxy and Tor: %v", err)
	}
	o.down()
	t.Setenv("PATH", "")
	if tor.Look(t.Context(), []string{}).Installed != "" {
		return // it is found where the system keeps it; link/tor starts it
	}
	if _, err := torNode(o, "https://127.0.0.1:9/#"+"AAAA", []string{}, ""); !errors.Is(err, tor.ErrNone) {
		t.Errorf("without any Tor: %v", err)
	}
	o.down()
}
