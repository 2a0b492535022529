package daemon

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/web/api"
)

// standIn listens by TCP where a relay is looked for, and answers as it likes.
func standIn(t *testing.T, do func(net.Conn)) (hostport string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			group.Go(func() { do(c); c.Close() })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		group.Wait()
	})
	return ln.Addr().String()
}

// intercepts opens TLS with a key of the box's own, and passes all on.
func intercepts(t *testing.T, to string) func(net.Conn) {
	t.Helper()
	key, err := relay.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := key.TLS(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return func(c net.Conn) {
		near := tls.Server(c, conf)
		if near.Handshake() != nil {
			return
		}
		far, err := tls.Dial("tcp", to, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			return
		}
		defer far.Close()
		go func() { _, _ = io.Copy(far, near) }()
		_, _ = io.Copy(near, far)
	}
}

// TestBoxes: what stands in the network between a device and its relay, a captive
// portal, a box that opens TLS, one that talks nonsense and one that only takes the
// call, is named in the status each by its kind, gets no letter, and the way beside
// it is tried.
func TestBoxes(t *testing.T) {
	t.Parallel()
	direct, through := startRelay(t)
	a, err := relay.ParseAddr(direct)
	if err != nil {
		t.Fatal(err)
	}
	saw := map[string]string{
		standIn(t, func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: http://wifi.example/login\r\nContent-Length: 0\r\n\r\n")
		}): "portal",
		standIn(t, intercepts(t, a.HostPort())): "key",
		standIn(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "\x00\x01\x02 this is no TLS at all\r\n")
			_, _ = io.Copy(io.Discard, c)
		}): "other",
		standIn(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }): "",
	}
	aigerim, dana := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	boxes := func(c *config.Config) {
		c.Relays = nil
		for hostport := range saw {
			c.Relays = append(c.Relays, through(hostport))
		}
	}
	d := aigerim.reopen("", boxes)
	befriend(t, d, dana.up(), "Aigerim", "Dana")
	dana.down()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	id := send(t, d, "Dana", "Past all of them.")
	named := func(s api.Status) bool {
		seen := 0
		for _, l := range s.Links {
			for _, x := range l.Tried {
				if want, ok := saw[net.JoinHostPort(x.Host, strconv.Itoa(int(x.Port)))]; ok && x.Transport == "tls" && !x.Answered && x.Saw == want && (want == "") == (x.Instead == "") {
					seen++
				}
			}
		}
		return seen == len(saw)
	}
	await(t, d, "each box by its name", named)
	await(t, d, "the name of all", func(s api.Status) bool {
		return s.Network.State == "portal" && s.Waiting == 1 && strings.Contains(s.Links[0].Error, "relay")
	})
	aigerim.down()
	// The same with one way on which nobody stands: it is found among them.
	d = aigerim.reopen("", func(c *config.Config) {
		boxes(c)
		c.Relays = append(c.Relays, direct)
	})
	defer aigerim.down()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	awaitState(t, d, id, api.Left)
	await(t, d, "an open network", func(s api.Status) bool { return s.Network.State == "open" })
}
