package probe

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/jauap/jauap/observe"
)

// TestFirstAtOnceRestGathered: the first change is told without delay, a flood
// as few, and the last of it is not lost.
func TestFirstAtOnceRestGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		raw, out := make(chan Change, 1), make(chan Change, 1)
		go smooth(ctx, raw, out)
		start := time.Now()
		var told []time.Duration
		go func() {
			for range out {
				told = append(told, time.Since(start))
			}
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		start = time.Now()
		for range 1000 { // ten seconds of a flapping interface
			select {
			case raw <- Network:
			default:
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(told) == 0 || told[0] != 0 {
			t.Fatalf("told at %v", told)
		}
		if told[1] > gather {
			t.Errorf("the second came after %v", told[1])
		}
		if n := len(told); n < budget || n > budget+41 {
			t.Errorf("%d told of a flood of ten seconds", n)
		}
		if last := told[len(told)-1]; last < 9990*time.Millisecond || last > 9990*time.Millisecond+refill {
			t.Errorf("the last was told at %v", last)
		}
		stop()
		synctest.Wait()
	})
}

// TestPoll: where the kernel tells nothing, comparing finds the change.
func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var wlan atomic.Bool
		look := func() string { return fmt.Sprint("wlan0 ", wlan.Load()) }
		var told []Change
		go poll(ctx, look, func(c Change) { told = append(told, c) })
		time.Sleep(10*pollEvery + time.Second)
		synctest.Wait()
		if len(told) != 0 {
			t.Errorf("nothing changed and %v was told", told)
		}
		wlan.Store(true)
		time.Sleep(pollEvery)
		synctest.Wait()
		if len(told) != 1 || told[0] != Network {
			t.Errorf("told %v", told)
		}
		stop()
		synctest.Wait()
	})
}

func TestJumped(t *testing.T) {
	for name, c := range map[string]struct {
		own, wall time.Duration
		want      bool
	}{
		"a round":                 {pollEvery, pollEvery, false},
		"a busy machine":          {pollEvery + time.Second, pollEvery + time.Second, false},
		"a slewed clock":          {pollEvery, pollEvery + 20*time.Millisecond, false},
		"sleep, clock stands":     {pollEvery, time.Hour, true},
		"sleep, clock runs on":    {time.Hour, time.Hour, true},
		"the clock was set back":  {pollEvery, -time.Hour, true},
		"the clock was set ahead": {pollEvery, 24 * time.Hour, true},
	} {
		if got := jumped(c.own, c.wall); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWatchEnds: no goroutine stays and the channel closes.
func TestWatchEnds(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	c := Watch(ctx)
	stop()
	for range c {
	}
}

func TestSupply(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s + "\n")} }
	for name, c := range map[string]struct {
		dir  fstest.MapFS
		want observe.Power
	}{
		"a desktop":     {fstest.MapFS{}, observe.Mains},
		"on battery":    {fstest.MapFS{"AC/type": file("Mains"), "AC/online": file("0"), "BAT0/type": file("Battery"), "BAT0/status": file("Discharging")}, observe.Battery},
		"plugged in":    {fstest.MapFS{"AC/type": file("Mains"), "AC/online": file("1"), "BAT0/type": file("Battery"), "BAT0/status": file("Charging")}, observe.Mains},
		"weak charger":  {fstest.MapFS{"BAT0/type": file("Battery"), "BAT0/status": file("Discharging"), "usb/type": file("USB"), "usb/online": file("1")}, observe.Mains},
		"full":          {fstest.MapFS{"BAT0/type": file("Battery"), "BAT0/status": file("Full")}, observe.Mains},
		"only a mouse":  {fstest.MapFS{"hid/type": file("Battery"), "hid/scope": file("Device"), "hid/status": file("Discharging")}, observe.Mains},
		"strange files": {fstest.MapFS{"BAT0": file("x")}, observe.Mains},
	} {
		if got := supply(c.dir); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestLook: whatever this machine has, loopback is routed and nonsense is not
// known.
func TestLook(t *testing.T) {
	if s := Look([]string{"127.0.0.1"}); s.Route != Yes {
		t.Errorf("loopback: %+v", s)
	}
	if s := Look([]string{"nonsense.invalid."}); s.Route == Yes {
		t.Errorf("nonsense: %+v", s)
	}
}

// pair is a TCP connection over loopback.
func pair(t *testing.T) (near *net.TCPConn, far net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		far.Close()
	})
	return c.(*net.TCPConn), far
}
