package relay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/boxtest"
)

// answering is an address on loopback at which each connection is handled by
// do and then closed.
func answering(t *testing.T, id relay.KeyID, do func(net.Conn)) relay.Addr {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				do(c)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		all.Wait()
	})
	return relay.Addr{Host: "127.0.0.1", Port: uint16(ln.Addr().(*net.TCPAddr).Port), Key: id}
}

// says reads a little and writes s.
func says(s string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, s)
	}
}

// speaksTLS is a TLS server that answers the request with s.
func speaksTLS(conf *tls.Config, s string) func(net.Conn) {
	return func(c net.Conn) {
		secure := tls.Server(c, conf)
		if secure.Handshake() != nil {
			return
		}
		if _, err := http.ReadRequest(bufio.NewReader(secure)); err != nil {
			return
		}
		_, _ = io.WriteString(secure, s)
		_, _ = io.Copy(io.Discard, secure) // until the client has read it
	}
}

// Whoever answers in the relay's place is recognised, and named.
func TestStrangers(t *testing.T) {
	cert, id := selfSigned(t)
	_, other := selfSigned(t)
	modern := &tls.Config{Certificates: []tls.Certificate{cert}}
	old := &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12}
	const portalPage = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlogin"
	for _, c := range []struct {
		name string
		key  relay.KeyID
		do   func(net.Conn)
		kind Seen
		is   error
		text string
	}{
		{"another key", other, speaksTLS(modern, ""), SeenOtherKey, ErrNotOurRelay, "another key"},
		{"plain page", id, says(portalPage), SeenPlain, ErrNotOurRelay, "plain HTTP answer (HTTP/1.1 200 OK)"},
		{"captive portal", id, says("HTTP/1.1 302 Found\r\nServer: x\r\nlocation: http://wifi.example/login\x1b[2J\r\n\r\n"), SeenRedirect, ErrNotOurRelay, "redirect to http://wifi.example/login[2J;"},
		{"nginx on a TLS port asked in plain", id, says("HTTP/1.0 400 Bad Request\n\n"), SeenPlain, ErrNotOurRelay, "400 Bad Request"},
		{"old TLS", id, speaksTLS(old, ""), SeenOldTLS, ErrNotOurRelay, "version 1.3"},
		{"another protocol", id, says("SSH-2.0-OpenSSH_9.6\r\n"), SeenNoTLS, ErrNotOurRelay, "does not speak TLS"},
		{"cut at once", id, func(net.Conn) {}, 0, ErrCut, ""},
		{"cut after the greeting", id, says("\x16\x03\x03\x00\x7a\x02"), 0, ErrCut, ""},
		{"no such path", id, speaksTLS(modern, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), SeenNoPath, ErrNotOurRelay, "404 Not Found"},
		{"a wrong acceptance", id, speaksTLS(modern, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: nonsense\r\n\r\n"), SeenNoPath, ErrNotOurRelay, "101"},
		{"no HTTP", id, speaksTLS(modern, "220 smtp ready\r\n\r\n"), SeenNoPath, ErrNotOurRelay, "no HTTP answer"},
		{"an endless head", id, speaksTLS(modern, "HTTP/1.1 101 x\r\n"+strings.Repeat("a: b\r\n", 4000)), SeenNoPath, ErrNotOurRelay, "endless"},
		{"an endless line", id, speaksTLS(modern, strings.Repeat("x", 40000)), SeenNoPath, ErrNotOurRelay, "endless"},
		{"busy", id, speaksTLS(modern, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 4\r\n\r\nbusy"), 0, relay.ErrBusy, ""},
		{"cut instead of an answer", id, speaksTLS(modern, "HTTP/1.1 101 Swi"), 0, ErrCut, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			do := c.do
			if c.name == "cut instead of an answer" {
				do = func(conn net.Conn) {
					secure := tls.Server(conn, modern)
					_, _ = secure.Read(make([]byte, 4096))
					_, _ = io.WriteString(secure, "HTTP/1.1 101 Swi")
				}
			}
			conn, err := (&Dialer{Timeout: 20 * time.Second}).Dial(t.Context(), answering(t, c.key, do))
			if err == nil {
				_, err = conn.Read(make([]byte, 1))
				_ = conn.Close()
			}
			if !errors.Is(err, c.is) {
				t.Fatalf("%v; want %v", err, c.is)
			}
			var not *NotOurRelay
			if errors.As(err, &not) != (c.is == ErrNotOurRelay) || not != nil && (not.Kind != c.kind || !strings.Contains(not.What, c.text)) {
				t.Fatalf("%+v; want kind %d, %q", not, c.kind, c.text)
			}
			if strings.ContainsRune(err.Error(), 0x1b) {
				t.Fatalf("control characters in %q", err)
			}
		})
	}
}

// Nobody there, nobody answering, and a caller who gives up.
func TestNobody(t *testing.T) {
	_, id := selfSigned(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(ln.Addr().(*net.TCPAddr).Port)
	ln.Close()
	_, err = Dial(t.Context(), relay.Addr{Host: "127.0.0.1", Port: port, Key: id})
	if err == nil || errors.Is(err, ErrNotOurRelay) || !strings.Contains(err.Error(), "cannot reach 127.0.0.1") {
		t.Errorf("a closed port: %v", err)
	}
	hold := make(chan struct{})
	mute := answering(t, id, func(net.Conn) { <-hold })
	defer close(hold)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(30*time.Millisecond, cancel)
	begin := time.Now()
	if _, err = Dial(ctx, mute); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if _, err = (&Dialer{Timeout: 30 * time.Millisecond}).Dial(t.Context(), mute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("out of time: %v", err)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("giving up took %v", d)
	}
	// A relay that takes the request and never answers it.
	cert, id := selfSigned(t)
	late := answering(t, id, func(c net.Conn) {
		secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		_, _ = io.Copy(io.Discard, secure)
	})
	conn, err := (&Dialer{Timeout: 300 * time.Millisecond}).Dial(t.Context(), late)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, relay.ErrSilent) {
		t.Errorf("no answer to the request: %v", err)
	}
}

// A relay is reached and known by its key, whatever the clock says.
func TestPeer(t *testing.T) {
	key, err := relay.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	addr, stop := serve(t, key)
	defer stop()
	for _, inland := range []bool{false, true} {
		conn, err := (&Dialer{Inland: inland, Metered: true}).Dial(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		p, tr := conn.Peer(), conn.Traits()
		if p.Key != "relay:"+key.ID().String() || p.Addr != addr.HostPort() || !p.Relay || p.Abroad == inland || !tr.Metered {
			t.Errorf("peer %+v, traits %+v", p, tr)
		}
		conn.Close()
	}
}

// serve runs a relay on loopback.
func serve(t *testing.T, key relay.Key) (relay.Addr, func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- relay.Serve(ctx, ln, key, boxtest.NewMemory(), relay.Options{}) }()
	addr := relay.Addr{Host: "127.0.0.1", Port: uint16(ln.Addr().(*net.TCPAddr).Port), Key: key.ID()}
	return addr, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// proxy is an HTTP proxy on loopback that knows CONNECT and wants a password
// when there is one.
func proxy(t *testing.T, password string) string {
	a := answering(t, relay.KeyID{}, func(c net.Conn) {
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil || req.Method != http.MethodConnect {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			return
		}
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+password))
		if password != "" && req.Header.Get("Proxy-Authorization") != want {
			_, _ = io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
			return
		}
		far, err := net.Dial("tcp", req.Host)
		if err != nil {
			_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")
		var both sync.WaitGroup
		both.Go(func() {
			_, _ = io.Copy(far, r)
			_ = far.Close()
		})
		_, _ = io.Copy(c, far)
		_ = c.Close()
		both.Wait()
	})
	return a.HostPort()
}

// socks is a SOCKS 5 proxy on loopback. RFC 1928, RFC 1929
func socks(t *testing.T, password string) string {
	a := answering(t, relay.KeyID{}, func(c net.Conn) {
		b := make([]byte, 512)
		read := func(n int) []byte {
			if _, err := io.ReadFull(c, b[:n]); err != nil {
				return make([]byte, n)
			}
			return append([]byte(nil), b[:n]...)
		}
		methods := read(int(read(2)[1]))
		want := byte(0)
		if password != "" {
			want = 2
		}
		if !bytes.Contains(methods, []byte{want}) {
			_, _ = c.Write([]byte{5, 0xff})
			return
		}
		_, _ = c.Write([]byte{5, want})
		if want == 2 {
			user := read(int(read(2)[1]))
			pass := read(int(read(1)[0]))
			if string(user) != "user" || string(pass) != password {
				_, _ = c.Write([]byte{1, 1})
				return
			}
			_, _ = c.Write([]byte{1, 0})
		}
		if head := read(4); head[1] != 1 || head[3] != 1 { // CONNECT to IPv4
			return
		}
		to := read(6)
		far, err := net.Dial("tcp", net.JoinHostPort(net.IP(to[:4]).String(), fmt.Sprint(int(to[4])<<8|int(to[5]))))
		if err != nil {
			_, _ = c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
			return
		}
		_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		var both sync.WaitGroup
		both.Go(func() {
			_, _ = io.Copy(far, c)
			_ = far.Close()
		})
		_, _ = io.Copy(c, far)
		_ = c.Close()
		both.Wait()
	})
	return a.HostPort()
}

func TestProxy(t *testing.T) {
	key, err := relay.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	addr, stop := serve(t, key)
	defer stop()
	open, locked := proxy(t, ""), proxy(t, "open sesame")
	portal := answering(t, relay.KeyID{}, says("HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n"))
	rude := answering(t, relay.KeyID{}, says("go away\r\n\r\n"))
	hangs := answering(t, relay.KeyID{}, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	nowhere := addr
	nowhere.Port = 1
	for _, c := range []struct {
		proxy string
		to    relay.Addr
		is    error
		text  string
	}{
		{"http://" + open, addr, nil, ""},
		{"http://user:open%20sesame@" + locked, addr, nil, ""},
		{"http://user:wrong@" + locked, addr, ErrProxy, "name and password"},
		{"http://" + open, nowhere, ErrProxy, "502"},
		{"http://" + portal.HostPort(), addr, ErrNotOurRelay, "portal.example"},
		{"http://" + rude.HostPort(), addr, ErrProxy, "does not speak HTTP"},
		{"http://" + hangs.HostPort(), addr, context.DeadlineExceeded, ""},
		{"socks4://" + open, addr, ErrProxy, "http://HOST:PORT"},
		{"socks5://" + rude.HostPort(), addr, ErrProxy, "socks"},
		{"socks5://" + socks(t, ""), addr, nil, ""},
		{"socks5://user:open%20sesame@" + socks(t, "open sesame"), addr, nil, ""},
		{"socks5://user:wrong@" + socks(t, "open sesame"), addr, ErrProxy, "username/password"},
		{"socks5://" + socks(t, ""), nowhere, ErrProxy, "refused"},
		{"socks5://" + hangs.HostPort(), addr, context.DeadlineExceeded, ""},
		{"http://127.0.0.1:1", addr, ErrProxy, "cannot reach"},
		{"::", addr, ErrProxy, ""},
	} {
		timeout := 20 * time.Second
		if c.is == context.DeadlineExceeded {
			timeout = 100 * time.Millisecond
		}
		conn, err := (&Dialer{Proxy: c.proxy, Timeout: timeout}).Dial(t.Context(), c.to)
		if !errors.Is(err, c.is) || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v; want %v, %q", c.proxy, err, c.is, c.text)
		}
		if err == nil {
			if _, err := conn.Write([]byte{0, 0, 2, 0x87, 0}); err != nil {
				t.Error(err)
			}
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("%s: through the proxy: %v", c.proxy, err)
			}
			conn.Close()
		}
	}
}

// The far end that falls silent, and one that does not take what we write,
// are given up.
func TestDeadLink(t *testing.T) {
	cert, id := selfSigned(t)
	freeze := make(chan struct{})
	frozen := answering(t, id, func(c net.Conn) {
		secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		req, err := http.ReadRequest(bufio.NewReader(secure))
		if err != nil {
			return
		}
		fmt.Fprintf(secure, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			acceptFor(req.Header.Get("Sec-WebSocket-Key")))
		<-freeze
	})
	defer close(freeze)
	conn, err := (&Dialer{Quiet: 100 * time.Millisecond}).Dial(t.Context(), frozen)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, relay.ErrSilent) {
		t.Errorf("silence: %v", err)
	}
	conn.Close()
	conn, err = (&Dialer{Stall: 100 * time.Millisecond}).Dial(t.Context(), frozen)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(make([]byte, 64<<20)); !errors.Is(err, relay.ErrStuck) {
		t.Errorf("stuck: %v", err)
	}
	conn.Close()
}
