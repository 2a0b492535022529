package probe

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
	"golang.org/x/sys/unix"
)

// alone moves the test into a network namespace of its own, which dies with
// its thread.
func alone(t *testing.T) {
	t.Helper()
	why := ""
	if _, err := exec.LookPath("ip"); err != nil {
		why = "there is no ip command"
	}
	if why == "" {
		runtime.LockOSThread() // for ever: the thread is not given back
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			why = "no network namespace can be made here: " + err.Error()
		}
	}
	if why == "" {
		return
	}
	if os.Getenv("JAUAP_TEST") == "all" {
		t.Fatal("JAUAP_TEST=all, and " + why)
	}
	t.Skip(why + " (JAUAP_TEST=all makes this a failure)")
}

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// quiet waits until no change was told for a while. The time is the kernel's,
// which no test can fake.
func quiet(c <-chan Change) {
	for {
		select {
		case <-c:
		case <-time.After(60 * time.Millisecond):
			return
		}
	}
}

// TestNoticesALink measures from before the command that brings the link up
// until Watch tells.
func TestNoticesALink(t *testing.T) {
	alone(t)
	// IPv6 has news of its own for two seconds after each link-up.
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o644); err != nil {
		t.Log("with IPv6's own news:", err)
	}
	ip(t, "link add near type veth peer name far")
	ip(t, "link set far up")
	measure := func(tries int, what, undo string) {
		var took []time.Duration
		for range tries {
			ctx, stop := context.WithCancel(t.Context())
			c := Watch(ctx)
			quiet(c)
			start := time.Now()
			ip(t, what)
			select {
			case got := <-c:
				took = append(took, time.Since(start))
				if got != Network {
					t.Errorf("told %q", got)
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("ip %s was not noticed", what)
			}
			stop()
			ip(t, undo)
		}
		slices.Sort(took)
		median, longest := took[tries/2], took[tries-1]
		t.Logf("ip %s: noticed after %v (median), %v (longest of %d), the command included", what, median, longest, tries)
		if median > 100*time.Millisecond {
			t.Errorf("ip %s: the median is over 100 ms", what)
		}
	}
	measure(20, "link set near up", "link set near down")
	ip(t, "link set near up")
	measure(5, "addr add 192.0.2.2/24 dev near", "addr del 192.0.2.2/24 dev near")
	ip(t, "addr add 192.0.2.2/24 dev near")
	measure(5, "route add default via 192.0.2.1", "route del default")
}

// TestLooks goes through the states of a device.
func TestLooks(t *testing.T) {
	alone(t)
	see := func(when string, want Sight) {
		t.Helper()
		if got := Look([]string{"198.51.100.7"}); got != want {
			t.Errorf("%s: %+v, want %+v", when, got, want)
		}
	}
	see("nothing", Sight{No, No})
	ip(t, "link set lo up")
	see("loopback", Sight{No, No})
	ip(t, "link add near type veth peer name far")
	ip(t, "link set near up")
	ip(t, "link set far up")
	ip(t, "addr add 192.0.2.2/24 dev near")
	see("an address", Sight{Yes, No})
	ip(t, "route add default via 192.0.2.1")
	see("a way on", Sight{Yes, Yes})
}

// TestPulse: a far end that confirms is told from one that is cut off.
func TestPulse(t *testing.T) {
	alone(t)
	ip(t, "link set lo up")
	near, _ := pair(t)
	say := func() Pulse {
		t.Helper()
		if _, err := near.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // the kernel's time
		p, ok := PulseOf(near)
		if !ok {
			t.Fatal("no pulse on Linux")
		}
		return p
	}
	if p := say(); p.Unconfirmed || p.Silent > 2*time.Second || p.Trip <= 0 {
		t.Errorf("alive: %+v", p)
	}
	ip(t, "link set lo down")
	if p := say(); !p.Unconfirmed || p.Silent < 90*time.Millisecond {
		t.Errorf("cut off: %+v", p)
	}
}

// message is a kernel's message with a body of so many bytes.
func message(kind uint16, body ...byte) []byte {
	size := unix.SizeofNlMsghdr + len(body)
	b := []byte{byte(size), byte(size >> 8), 0, 0, byte(kind), byte(kind >> 8)}
	b = append(b, make([]byte, unix.SizeofNlMsghdr-len(b))...)
	b = append(b, body...)
	return append(b, make([]byte, -len(b)&(unix.NLMSG_ALIGNTO-1))...)
}

func TestMatters(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the messages of this test are little-endian")
	}
	link := func(flags byte) []byte {
		return message(unix.RTM_NEWLINK, 0, 0, 0, 0, 7, 0, 0, 0, flags, 0, 0, 0, 0, 0, 0, 0)
	}
	links := map[int32]uint32{}
	for i, c := range []struct {
		b    []byte
		want bool
	}{
		{link(unix.IFF_UP), true},
		{link(unix.IFF_UP), false}, // a wireless card's news
		{link(unix.IFF_UP | unix.IFF_RUNNING), true},
		{append(link(unix.IFF_UP|unix.IFF_RUNNING), message(unix.RTM_NEWADDR, 1)...), true},
		{message(unix.RTM_NEWNEIGH, 1, 2, 3), false},
		{message(unix.RTM_NEWROUTE, 1, 2, 3), true},
		{message(unix.RTM_NEWLINK, 1), true},
		{[]byte{200, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, true},
		{nil, false},
	} {
		if got := matters(c.b, links); got != c.want {
			t.Errorf("case %d: %v", i, got)
		}
	}
}

func FuzzMatters(f *testing.F) {
	f.Add(message(unix.RTM_NEWLINK, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0))
	f.Add([]byte{17, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		links := map[int32]uint32{}
		if matters(b, links); len(links) > len(b)/unix.SizeofNlMsghdr {
			t.Error(fmt.Sprint(len(links), " links of ", len(b), " bytes"))
		}
	})
}
