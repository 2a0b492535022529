package daemon

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/relay"
)

// imposter answers in the relay's place on every address of its namespace: a
// captive portal, or a box that opens TLS with a key of its own.
func imposter(ctx context.Context, t *testing.T, role string, commands *bufio.Scanner) {
	ln, err := net.Listen("tcp", ":443")
	if err != nil {
		t.Fatal(err)
	}
	key, err := relay.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := key.TLS(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for commands.Scan() {
		}
		ln.Close()
	}()
	fmt.Println("\nready")
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			if role == "interceptor" {
				_ = tls.Server(c, conf).HandshakeContext(ctx)
				return
			}
			_, _ = c.Read(make([]byte, 2048))
			_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: http://wifi.example/login\r\nContent-Length: 0\r\n\r\n")
		}()
	}
}

// rules replaces what the router lets through; nothing means all.
func rules(t *testing.T, router string, pass ...string) {
	t.Helper()
	text := "flush ruleset\n"
	if len(pass) > 0 {
		text += "table ip f {\nchain c {\ntype filter hook forward priority 0; policy drop;\nip saddr 10.9.2.2 accept\n" +
			strings.Join(pass, " accept\n") + " accept\n}\n}\n"
	}
	cmd := exec.Command("ip", "netns", "exec", router, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
}

// status waits for a line of tell.
func (c *child) status(what string, ok func(network, link string, left int, way, said string) bool) time.Time {
	c.t.Helper()
	late := time.After(90 * time.Second)
	var seen []string
	for {
		select {
		case line, more := <-c.lines:
			if !more {
				c.t.Fatalf("the child ended before %s: %q", what, seen)
			}
			var at int64
			var network, link, way string
			var left int
			if n, _ := fmt.Sscanf(line, "saw %d %s %s %d %s", &at, &network, &link, &left, &way); n >= 4 && ok(network, link, left, way, line) {
				return time.Unix(0, at)
			}
			seen = append(seen, line)
		case <-late:
			c.t.Fatalf("%s never came: %q", what, seen)
		}
	}
}

// TestPorts measures with the kernel's own packets: a router in between lets
// through all, no UDP, no TCP, one odd port, or puts an imposter into the relay's
// place.
func TestPorts(t *testing.T) {
	if !thorough() {
		t.Skip("takes two minutes, root and nft: JAUAP_TEST=all runs it")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Fatal("JAUAP_TEST=all, and there is no nft command")
	}
	t.Parallel()
	person, router, abroad := country(t)
	sh(t, "ip netns exec "+router+" sysctl -q -w net.ipv4.ip_forward=1")
	address := ""
	for line := range inNamespace(t, abroad, "relay").lines {
		if r, ok := strings.CutPrefix(line, "relay "); ok {
			address = r
			break
		}
	}
	p := inNamespace(t, person, "person", "JAUAP_TEST_RELAY="+address)
	letters := 0
	// passes closes all but what passes, writes a letter and waits until it has
	// left by the way.
	passes := func(what, way string, most time.Duration, pass ...string) {
		t.Helper()
		rules(t, router, pass...)
		letters++
		at := time.Now()
		if _, err := fmt.Fprintln(p.in, "letter", letters); err != nil {
			t.Fatal(err)
		}
		left := p.status(what, func(_, _ string, n int, by, _ string) bool { return n >= letters && by == way })
		t.Logf("%s: the letter left by %s after %.2f s", what, way, left.Sub(at).Seconds())
		if took := left.Sub(at); took > most {
			t.Errorf("%s: %v", what, took)
		}
	}
	passes("all open", "quic443", 5*time.Second)
	passes("no UDP", "tls443", 6*time.Second, "ip protocol tcp")
	passes("no TCP", "quic443", 12*time.Second, "ip protocol udp")
	passes("TCP 3785 alone", "tls3785", 40*time.Second, "tcp dport 3785")
	passes("all open again", "tls3785", 5*time.Second)

	// In the dark a sweep was used up; the way that answered is tried at each poll.
	rules(t, router, "tcp dport 1")
	letters++
	fmt.Fprintln(p.in, "letter", letters)
	p.status("dark", func(network, _ string, _ int, _, _ string) bool { return network == "dark" })
	passes("TCP 3785 again", "tls3785", 4*time.Second, "tcp dport 3785")

	for role, say := range map[string]string{"portal": "redirect to http://wifi.example/login", "interceptor": "another key"} {
		box := inNamespace(t, router, role)
		for line := range box.lines {
			if line == "ready" {
				break
			}
		}
		rules(t, router, "tcp dport 1")
		sh(t, "ip -n "+router+" addr add 10.9.2.2/32 dev lo")
		sh(t, "ip -n "+router+" link set lo up")
		letters++
		fmt.Fprintln(p.in, "letter", letters)
		p.status(role, func(network, _ string, _ int, _, said string) bool {
			return network == "portal" && strings.Contains(said, say)
		})
		box.in.Close()
		sh(t, "ip -n "+router+" addr del 10.9.2.2/32 dev lo")
		passes("after the "+role, "tls3785", 6*time.Second, "tcp dport 3785")
	}
}
