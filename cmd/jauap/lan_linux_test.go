package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// air is a wireless network without internet: a switch in a namespace of its own, and
// devices that are plugged into it.
type air struct {
	t  *testing.T
	id string
	n  int
}

// newAir makes the switch. These tests need root, and run with JAUAP_TEST=all.
func newAir(t *testing.T) *air {
	t.Helper()
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("makes network namespaces as root: JAUAP_TEST=all runs it")
	}
	t.Parallel()
	a := &air{t: t, id: fmt.Sprintf("lan-%x", rand.Uint32())}
	a.space("sw")
	for _, br := range []string{"one", "two"} {
		a.ip("-n %s link add %s type bridge mcast_snooping 0", a.name("sw"), br)
		a.ip("-n %s link set %s up", a.name("sw"), br)
	}
	return a
}

func (a *air) name(of string) string { return a.id + of }

func (a *air) run(name string, args ...string) {
	a.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		a.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

func (a *air) ip(format string, args ...any) {
	a.t.Helper()
	a.run("ip", strings.Fields(fmt.Sprintf(format, args...))...)
}

func (a *air) space(of string) {
	a.ip("netns add %s", a.name(of))
	a.t.Cleanup(func() { a.ip("netns del %s", a.name(of)) })
	a.ip("-n %s link set lo up", a.name(of))
}

// plug connects a device to a network: "one" or "two".
func (a *air) plug(who, network, dev, addr string) {
	a.t.Helper()
	a.n++
	port := fmt.Sprint("p", a.n)
	a.ip("-n %s link add %s type veth peer name %s netns %s", a.name(who), dev, port, a.name("sw"))
	a.ip("-n %s link set %s master %s up", a.name("sw"), port, network)
	if addr != "" {
		a.ip("-n %s addr add %s dev %s", a.name(who), addr, dev)
	}
	a.ip("-n %s link set %s up", a.name(who), dev)
}

// deaf lets the switch drop multicast, as many access points do, but what an address
// is found by.
func (a *air) deaf(yes bool) {
	a.t.Helper()
	rules := "flush ruleset\n"
	if yes {
		rules += "table bridge f {\nchain c {\ntype filter hook forward priority 0; policy accept;\nmeta pkttype multicast icmpv6 type {nd-neighbor-solicit, nd-neighbor-advert} accept\nmeta pkttype multicast drop\n}\n}\n"
	}
	cmd := exec.Command("ip", "netns", "exec", a.name("sw"), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		a.t.Fatalf("nft: %v: %s", err, out)
	}
}

// device is an installation in a namespace.
type device struct {
	program
	air *air
	who string
}

func (a *air) device(who string) device {
	a.t.Helper()
	a.space(who)
	return device{program{a.t, filepath.Join(a.t.TempDir(), who)}, a, who}
}

func (d device) command(args ...string) *exec.Cmd {
	cmd := d.program.command(args...)
	cmd.Args = append([]string{"ip", "netns", "exec", d.air.name(d.who)}, cmd.Args...)
	cmd.Path, _ = exec.LookPath("ip")
	return cmd
}

func (d device) ok(args ...string) string {
	d.t.Helper()
	cmd := d.command(args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("%s: jauap %s: %v: %s", d.who, strings.Join(args, " "), err, &errs)
	}
	return string(out)
}

func (d device) json(v any, args ...string) {
	d.t.Helper()
	if err := json.Unmarshal([]byte(d.ok(args...)), v); err != nil {
		d.t.Fatal(err)
	}
}

// up runs the node until the test ends.
func (d device) up(args ...string) {
	d.t.Helper()
	cmd := d.command(append([]string{"up", "--no-browser", "--page", "127.0.0.1:7727", "--receipts", "prompt"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	if !bufio.NewScanner(out).Scan() {
		d.t.Fatalf("%s: no node", d.who)
	}
	d.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
}

func (d device) wait(what string, ok func() bool) time.Duration {
	d.t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > time.Minute {
			out, _ := d.command("status").Output()
			d.t.Fatalf("%s waited a minute for %s:\n%s", d.who, what, out)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(began)
}

func (d device) links() []api.Link {
	d.t.Helper()
	var s api.Status
	d.json(&s, "status", "--json")
	return s.Links
}

// meets says whether a contact's device is being met.
func (d device) meets(who string) bool {
	for _, l := range d.links() {
		if l.State == "up" && l.Who == who {
			return true
		}
	}
	return false
}

func (d device) has(from, text string) bool {
	var list []api.Letter
	d.json(&list, "read", from, "--json", "--keep")
	for _, l := range list {
		if l.Text == text {
			return true
		}
	}
	return false
}

// friends makes two installations that know each other and have written.
func (a *air) friends(names ...string) (list []device) {
	a.t.Helper()
	for _, n := range names {
		d := a.device(n)
		d.ok("init", "--name", n, "--no-passphrase")
		list = append(list, d)
	}
	for i, d := range list {
		for j, other := range list {
			if i != j {
				var inv api.Invite
				d.json(&inv, "invite", "--link", "--json")
				other.ok("accept", inv.Link)
			}
		}
	}
	stick := a.t.TempDir()
	for range 2 {
		for _, d := range list {
			d.ok("carry", stick)
		}
	}
	return list
}

// TestWiFiWithoutInternet: real nodes on a switch without any way out find each other
// by multicast, by asking addresses where multicast is dropped, by IPv6 alone, and by
// a typed address; contacts are recognised each time.
func TestWiFiWithoutInternet(t *testing.T) {
	a := newAir(t)
	two := a.friends("aigerim", "timur")
	x, y := two[0], two[1]
	a.plug("aigerim", "one", "w0", "192.168.50.7/24")
	a.plug("timur", "one", "w0", "192.168.50.190/24")
	x.up()
	y.up()
	took := y.wait("multicast", func() bool { return x.meets("timur") && y.meets("aigerim") })
	t.Logf("met by multicast after %.1f s", took.Seconds())
	x.ok("send", "timur", "over the Wi-Fi")
	y.wait("a letter", func() bool { return y.has("aigerim", "over the Wi-Fi") })

	// Another pair on the same switch, which drops multicast now: by asking addresses.
	a.deaf(true)
	pair := a.friends("dana", "askar")
	p, q := pair[0], pair[1]
	a.plug("dana", "one", "w0", "192.168.50.21/24")
	a.plug("askar", "one", "w0", "192.168.50.222/24")
	p.up()
	q.up()
	took = q.wait("a sweep", func() bool { return p.meets("askar") && q.meets("dana") })
	t.Logf("met by asking addresses after %.1f s", took.Seconds())

	// Who does not announce is met by nobody, and then by a typed address: IPv6, of
	// this link only.
	a.deaf(false)
	third := a.friends("saule", "marat")
	v, w := third[0], third[1]
	a.plug("saule", "two", "w0", "")
	a.plug("marat", "two", "w0", "")
	v.up("--no-multicast")
	w.up("--no-multicast")
	typed := ""
	w.wait("its address", func() bool {
		var here api.Here
		w.json(&here, "meet", "--json")
		for _, h := range here.Addrs {
			if strings.HasPrefix(h, "[fe80::") {
				typed = h
			}
		}
		return typed != ""
	})
	var met api.Met
	v.wait("its own address to be valid", func() bool { // the system looks for doubles first
		out, err := v.command("meet", "--json", typed).Output()
		return err == nil && json.Unmarshal(out, &met) == nil
	})
	if met.Who != "marat" {
		t.Fatalf("met %+v at %s", met, typed)
	}
	for _, d := range []device{x, y} {
		if !d.meets(map[string]string{"aigerim": "timur", "timur": "aigerim"}[d.who]) {
			t.Errorf("%s lost its meeting", d.who)
		}
	}
}

// TestFoundByIPv6: two devices without any IPv4 find each other by link-local
// addresses alone.
func TestFoundByIPv6(t *testing.T) {
	a := newAir(t)
	two := a.friends("aigerim", "timur")
	for _, d := range two {
		a.plug(d.who, "one", "w0", "")
		d.up()
	}
	took := two[1].wait("a meeting", func() bool { return two[0].meets("timur") && two[1].meets("aigerim") })
	t.Logf("met by IPv6 after %.1f s", took.Seconds())
	for _, l := range two[0].links() {
		if l.State == "up" && !strings.HasPrefix(l.Addr, "[fe80::") {
			t.Errorf("met at %s", l.Addr)
		}
	}
}

// TestTwoInterfaces: a device on two networks meets somebody on each, and carries a
// letter from one into the other.
func TestTwoInterfaces(t *testing.T) {
	a := newAir(t)
	three := a.friends("aigerim", "timur", "dana")
	x, y, z := three[0], three[1], three[2]
	a.plug("aigerim", "one", "w0", "192.168.50.7/24")
	a.plug("timur", "one", "w0", "192.168.50.8/24")
	a.plug("timur", "two", "w1", "10.7.0.8/24")
	a.plug("dana", "two", "w0", "10.7.0.9/24")
	for _, d := range three {
		d.up()
	}
	y.wait("both neighbours", func() bool { return y.meets("aigerim") && y.meets("dana") })
	x.ok("send", "dana", "across")
	took := z.wait("a letter", func() bool { return z.has("aigerim", "across") })
	t.Logf("across two networks after %.1f s", took.Seconds())
}

// TestAddressChanges: in the middle of a large letter both devices get other
// addresses; they meet anew by themselves, go on at the byte, and neither port nor
// any address tells that they are the same.
func TestAddressChanges(t *testing.T) {
	a := newAir(t)
	two := a.friends("aigerim", "timur")
	x, y := two[0], two[1]
	a.plug("aigerim", "one", "w0", "192.168.50.7/24")
	a.plug("timur", "one", "w0", "192.168.50.8/24")
	a.run("tc", strings.Fields("-n "+a.name("aigerim")+" qdisc add dev w0 root tbf rate 8mbit burst 32kb latency 50ms")...)
	x.up()
	y.up()
	y.wait("a meeting", func() bool { return x.meets("timur") && y.meets("aigerim") })
	const size = 6 << 20
	film := filepath.Join(t.TempDir(), "film.bin")
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	if err := os.WriteFile(film, data, 0o600); err != nil {
		t.Fatal(err)
	}
	x.ok("send", "timur", "a film", "--attach", film)
	in := func() (n int64) {
		for _, l := range y.links() {
			n += l.In
		}
		return n
	}
	before := y.links()
	y.wait("a part of it", func() bool { return in() > size/5 })
	t.Logf("%.1f MB came before the addresses change", float64(in())/1e6)
	for who, addr := range map[string]string{"aigerim": "10.20.0.7/24", "timur": "10.20.0.8/24"} {
		a.ip("-n %s addr flush dev w0 scope global", a.name(who))
		a.ip("-n %s addr add %s dev w0", a.name(who), addr)
	}
	changed := time.Now()
	y.wait("a meeting at the new address", func() bool {
		for _, l := range y.links() {
			if l.State == "up" && l.Who == "aigerim" && !strings.HasPrefix(l.Addr, "192.168.") {
				return true
			}
		}
		return false
	})
	t.Logf("met anew %.1f s after the change", time.Since(changed).Seconds())
	y.wait("the film", func() bool {
		var list []api.Letter
		y.json(&list, "read", "aigerim", "--json", "--keep")
		for _, l := range list {
			for _, f := range l.Attachments {
				if f.Bytes == size && f.Have == size {
					return true
				}
			}
		}
		return false
	})
	all := in()
	t.Logf("%.1f MB came in all for %.1f MB", float64(all)/1e6, float64(size)/1e6)
	if all > size*5/4 {
		t.Errorf("%d bytes for %d: what was there came again", all, size)
	}
	for _, old := range before {
		for _, l := range y.links() {
			if l.State == "up" && l.Addr == old.Addr {
				t.Errorf("still at %s", l.Addr)
			}
		}
	}
}
