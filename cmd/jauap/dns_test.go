package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// freeUDP is a loopback port that nobody has, by UDP and TCP.
func freeUDP(t *testing.T) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	return pc.LocalAddr().String()
}

// unbound runs Debian's resolver on loopback with the zone at a server of ours,
// and answers where it listens.
func unbound(t *testing.T, zone, server string) string {
	t.Helper()
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("needs Debian's unbound; run with JAUAP_TEST=all")
	}
	dir, at := t.TempDir(), freeUDP(t)
	_, port, _ := net.SplitHostPort(at)
	_, to, _ := net.SplitHostPort(server)
	conf := fmt.Sprintf(`server:
	interface: 127.0.0.1
	port: %s
	username: ""
	chroot: ""
	directory: "%s"
	pidfile: "%s/pid"
	do-ip6: no
	do-daemonize: no
	use-syslog: no
	do-not-query-localhost: no
	module-config: "iterator"
	use-caps-for-id: yes
	qname-minimisation: yes
	harden-below-nxdomain: yes
	access-control: 127.0.0.0/8 allow
stub-zone:
	name: "%s"
	stub-addr: 127.0.0.1@%s
remote-control:
	control-enable: no
`, port, dir, dir, zone, to)
	path := filepath.Join(dir, "unbound.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("/usr/sbin/unbound", "-c", path)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if b, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("unbound: %s", b)
		}
	})
	return at
}

// TestOnlyNames: inside nothing passes but a resolver. "I am safe" goes out by
// names alone, and the answer comes back by them.
func TestOnlyNames(t *testing.T) {
	server := freeUDP(t)
	resolver := unbound(t, "t.example", server)
	relay := program{t, filepath.Join(t.TempDir(), "relay")}
	r := relay.start([]string{"relay", "dns"}, "relay", "--listen", "127.0.0.1:0", "--dns", server, "--dns-zone", "t.example")
	defer r.stop()
	inside, abroad := newProgram(t, "aigerim"), newProgram(t, "dana")
	abroad.ok("accept", inside.invite(), "--name", "aigerim")
	inside.ok("accept", abroad.invite(), "--name", "dana")
	defer func() {
		if t.Failed() {
			t.Logf("inside:\n%s%sabroad:\n%s%s", inside.ok("status"), inside.ok("outbox"), abroad.ok("status"), abroad.ok("outbox"))
		}
	}()
	up := func(p program, args ...string) *running {
		return p.start([]string{"page"}, append([]string{"up", "--no-browser", "--page", "127.0.0.1:0", "--listen", "off", "--no-multicast", "--receipts", "prompt"}, args...)...)
	}
	out := up(abroad, "--relay", r.lines["relay"])
	// While the network was there they wrote to each other.
	before := up(inside, "--relay", r.lines["relay"])
	abroad.send("aigerim", "hello")
	inside.await("dana", "hello")
	inside.send("dana", "hello, you")
	abroad.await("aigerim", "hello, you")
	before.stop()

	in := up(inside, "--dns", r.lines["dns"]+"@"+resolver)
	first := abroad.send("aigerim", "are you there?")
	asked := inside.await("dana", "are you there?")
	id := inside.send("dana", "we are all right")
	took := abroad.await("aigerim", "we are all right")
	t.Logf("a letter of 1,024 bytes took %v in, a short one %v out, by names", asked.Round(10*time.Millisecond), took.Round(10*time.Millisecond))
	inside.awaitState(id, api.Left, api.Delivered, api.Read)
	abroad.awaitState(first, api.Delivered, api.Read)
	begin := time.Now()
	inside.ok("safe")
	for !strings.Contains(abroad.ok("people"), "safe") {
		if time.Since(begin) > 60*time.Second {
			t.Fatalf("“I am safe” did not arrive: %s", abroad.ok("people"))
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("“I am safe” took %v by names", time.Since(begin).Round(10*time.Millisecond))
	var st api.Status
	inside.json(&st, "status", "--json")
	found := false
	for _, l := range st.Links {
		found = found || l.Kind == "dns" && l.State == "up" && l.In > 0 && l.Out > 0
		if l.Kind == "relay" {
			t.Errorf("inside has another way: %+v", l)
		}
	}
	if !found {
		t.Errorf("the status does not show the tunnel: %+v", st.Links)
	}
	in.stop()
	out.stop()
}
