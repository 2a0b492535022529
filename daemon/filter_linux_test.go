package daemon

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// beRole makes the test program play a part in another network namespace; its
// value names the part.
const beRole = "JAUAP_TEST_ROLE"

// play is what a child does: it tells lines and ends with its input.
func play(t *testing.T, role string) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	commands := bufio.NewScanner(os.Stdin)
	switch role {
	case "relay":
		r, err := OpenRelay(RelayOptions{Dir: t.TempDir(), Listen: "10.9.2.2:443", Odd: true, Quota: 100 << 20})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("\nrelay", r.Addr())
		go func() {
			for commands.Scan() {
			}
			stop()
		}()
		_ = r.Serve(ctx) // it ends with ctx
	case "portal", "interceptor":
		imposter(ctx, t, role, commands)
	case "person":
		a, b := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
		d := a.upWith(os.Getenv("JAUAP_TEST_RELAY"))
		befriend(t, d, b.up(), "Aigerim", "Dana")
		b.down()
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		go tell(ctx, d)
		for commands.Scan() {
			send(t, d, "Dana", commands.Text())
		}
		stop()
		a.down()
	}
}

// tell writes each change of the status in a line: time, network, link, letters
// that left, way, what went wrong.
func tell(ctx context.Context, d *Daemon) {
	last := ""
	var seen uint64
	for {
		var err error
		if seen, err = d.Wait(ctx, seen); err != nil {
			return
		}
		now := time.Now().UnixNano()
		s, err := d.Status(ctx)
		if err != nil {
			return
		}
		list, err := d.Outbox(ctx)
		if err != nil {
			return
		}
		link, left, way, said := "none", 0, "", ""
		if len(s.Links) > 0 {
			l := s.Links[0]
			link, way, said = l.State, fmt.Sprint(l.Transport, l.Port), l.Error
		}
		for _, o := range list {
			if o.State != api.Saved {
				left++
			}
		}
		if line := fmt.Sprint(s.Network.State, " ", link, " ", left, " ", way, " ", said); line != last {
			last = line
			fmt.Println("\nsaw", now, line)
		}
	}
}

// child runs this test in a namespace.
type child struct {
	t     *testing.T
	in    io.WriteCloser
	lines chan string
}

func inNamespace(t *testing.T, ns, role string, env ...string) *child {
	t.Helper()
	cmd := exec.Command("ip", "netns", "exec", ns, os.Args[0], "-test.run=^TestFilter$", "-test.timeout=10m")
	cmd.Env = append(append(os.Environ(), beRole+"="+role), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t, in, make(chan string, 1000)}
	go func() {
		defer close(c.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			c.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		in.Close()
		for range c.lines {
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	})
	return c
}

// saw waits for a status and says when it was.
func (c *child) saw(what string, ok func(network, link string, left int) bool) time.Time {
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
			var network, link string
			var left int
			if n, _ := fmt.Sscanf(line, "saw %d %s %s %d", &at, &network, &link, &left); n == 4 && ok(network, link, left) {
				return time.Unix(0, at)
			}
			seen = append(seen, line)
		case <-late:
			c.t.Fatalf("%s never came: %q", what, seen)
		}
	}
}

func sh(t *testing.T, command string) {
	t.Helper()
	f := strings.Fields(command)
	if out, err := exec.Command(f[0], f[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
}

// country makes three namespaces in a row: a person, a router, a relay.
func country(t *testing.T) (person, router, abroad string) {
	t.Helper()
	why := ""
	if !thorough() {
		why = "networks of several hosts take minutes" // on a fresh machine the tests shall be quick
	} else if os.Getuid() != 0 {
		why = "network namespaces need root"
	} else if _, err := exec.LookPath("ip"); err != nil {
		why = "there is no ip command"
	} else if out, err := exec.Command("ip", "netns", "list").CombinedOutput(); err != nil {
		why = "no network namespaces here: " + string(out)
	}
	id := fmt.Sprintf("jauap%x", rand.Uint32())
	person, router, abroad = id+"p", id+"r", id+"a"
	if why == "" {
		if out, err := exec.Command("ip", "netns", "add", person).CombinedOutput(); err != nil {
			why = "no network namespace can be made here: " + string(out)
		}
	}
	if why != "" {
		if thorough() {
			t.Fatal("JAUAP_TEST=all, and " + why)
		}
		t.Skip(why + " (JAUAP_TEST=all makes this a failure)")
	}
	t.Cleanup(func() { sh(t, "ip netns del "+person) })
	for _, ns := range []string{router, abroad} {
		sh(t, "ip netns add "+ns)
		t.Cleanup(func() { sh(t, "ip netns del "+ns) })
	}
	for i, ns := range []string{person, abroad} {
		net := fmt.Sprint("10.9.", i+1)
		sh(t, fmt.Sprintf("ip -n %s link add out type veth peer name in%d netns %s", ns, i, router))
		sh(t, fmt.Sprintf("ip -n %s addr add %s.2/24 dev out", ns, net))
		sh(t, fmt.Sprintf("ip -n %s addr add %s.1/24 dev in%d", router, net, i))
		sh(t, fmt.Sprintf("ip -n %s link set in%d up", router, i))
		sh(t, fmt.Sprintf("ip -n %s link set out up", ns))
		sh(t, fmt.Sprintf("ip -n %s link set lo up", ns))
		sh(t, fmt.Sprintf("ip -n %s route add default via %s.1", ns, net))
	}
	return person, router, abroad
}

func median(list []time.Duration) (middle, longest time.Duration) {
	slices.Sort(list)
	return list[len(list)/2], list[len(list)-1]
}

// TestFilter measures with the kernel's own connections: a router in between
// stops forwarding without a word, as a packet filter does, and goes on after a
// while; then a link goes down and up. With JAUAP_TEST=all it is dark for 10 s
// and each is done more often.
func TestFilter(t *testing.T) {
	if role := os.Getenv(beRole); role != "" {
		play(t, role)
		return
	}
	t.Parallel()
	person, router, abroad := country(t)
	open := func(yes int) {
		sh(t, fmt.Sprintf("ip netns exec %s sysctl -q -w net.ipv4.ip_forward=%d", router, yes))
	}
	open(1)
	relay := ""
	for line := range inNamespace(t, abroad, "relay").lines {
		if r, ok := strings.CutPrefix(line, "relay "); ok {
			relay = r
			break
		}
	}
	p := inNamespace(t, person, "person", "JAUAP_TEST_RELAY="+relay)
	p.saw("an open network", func(network, _ string, _ int) bool { return network == "open" })
	letters := 0
	write := func() time.Time {
		letters++
		now := time.Now()
		if _, err := fmt.Fprintln(p.in, "letter", letters); err != nil {
			t.Fatal(err)
		}
		return now
	}
	left := func(_, _ string, n int) bool { return n >= letters }
	write()
	p.saw("a letter that left", left)

	times, dark := 1, 4*time.Second
	if thorough() {
		times, dark = 10, 10*time.Second
	}
	var noticed, passed []time.Duration
	for i := range times {
		open(0)
		at := write()
		doubted := p.saw("a doubt of the link", func(_, link string, _ int) bool { return link != "up" })
		noticed = append(noticed, doubted.Sub(at))
		<-time.After(time.Until(at.Add(dark + time.Duration(i*1000/times)*time.Millisecond))) // the filter's time
		open(1)
		lifted := time.Now()
		passed = append(passed, p.saw("a letter that left", left).Sub(lifted))
		write() // the link that won is in use
		p.saw("another letter", left)
	}
	middle, longest := median(noticed)
	t.Logf("silence noticed %.2f s after a letter was written (median of %d; longest %.2f s)", middle.Seconds(), times, longest.Seconds())
	middle, longest = median(passed)
	t.Logf("the letter left %.2f s after the filter was lifted (median of %d; longest %.2f s)", middle.Seconds(), times, longest.Seconds())
	if longest > 2*time.Second {
		t.Error("more than two seconds")
	}

	// The same with a link that goes, and comes back with its route.
	var up []time.Duration
	for range 2*times + 1 {
		sh(t, "ip -n "+person+" link set out down")
		write()
		p.saw("no link", func(network, link string, _ int) bool { return network == "no-route" || link != "up" })
		start := time.Now()
		sh(t, "ip -n "+person+" link set out up")
		sh(t, "ip -n "+person+" route add default via 10.9.1.1")
		up = append(up, p.saw("a letter that left", left).Sub(start))
	}
	middle, longest = median(up)
	t.Logf("the letter left %.0f ms after the link came up (median of %d; longest %.0f ms; two ip commands included)", middle.Seconds()*1e3, 2*times+1, longest.Seconds()*1e3)
	if middle > time.Second {
		t.Error("more than a second")
	}
}
