package linktest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jauap/jauap/link"
)

// patience is how long anything in the suites may take before it counts as
// hanging. It is generous: machines that test are busy.
const patience = 30 * time.Second

// Cutter is a conn whose line a test can break beneath it, as a cable is pulled:
// no end is told. RunConn uses it when a conn that it is given has it.
type Cutter interface {
	Cut() error
}

// Pair makes two ends of a fresh link and cleans up through t. Conns that are
// also Cutters are cut too.
type Pair func(t *testing.T) (a, b link.Conn)

// RunConn checks that the conns of pair do what link.Conn promises.
func RunConn(t *testing.T, pair Pair) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*testing.T, Pair)
	}{
		{"traits are sane", connTraits},
		{"bytes arrive in order and whole", connOrder},
		{"big transfers both ways at once", connBothWays},
		{"small writes leave at once", connPingPong},
		{"many tiny writes", connTiny},
		{"a writer waits for a slow reader", connSlowReader},
		{"a written buffer may be used again", connBufferReuse},
		{"two links do not mix", connTwoLinks},
		{"what was written before close arrives", connCloseDelivers},
		{"close ends both sides", connCloseEndsBoth},
		{"close wakes a blocked read", connCloseWakesRead},
		{"close wakes a blocked write", connCloseWakesWrite},
		{"close may be called often and at once", connCloseOften},
		{"both ends close at once", connCloseBoth},
		{"a reader that leaves stops the writer", connReaderLeaves},
		{"close in the middle of a write", connCloseMidWrite},
		{"a cut is an error and no end", connCut},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, pair) })
	}
}

// noise is n bytes that repeat nowhere, from a seed.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	b := make([]byte, n)
	r := rand.NewChaCha8(key)
	_, _ = r.Read(b)
	return b
}

// within fails the test when f does not come back in time.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		t.Fatalf("%s: still not done after %v", what, patience)
	}
}

// send writes all of data in pieces of random size and reports a failure
// without ending the test, so that it may run in any goroutine.
func send(t *testing.T, c io.Writer, data []byte, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for len(data) > 0 {
		n := min(len(data), 1+r.IntN(1<<r.IntN(18)))
		got, err := c.Write(data[:n])
		if err != nil || got != n {
			t.Errorf("write of %d bytes: %d, %v", n, got, err)
			return
		}
		data = data[n:]
	}
}

// expect reads exactly want, with reads of odd sizes.
func expect(t *testing.T, c io.Reader, want []byte) {
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil {
		t.Errorf("read %d of %d bytes: %v", n, len(want), err)
		return
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived changed, the first at %d", len(want), differ(got, want))
	}
}

func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func connTraits(t *testing.T, pair Pair) {
	a, b := pair(t)
	for _, c := range []link.Conn{a, b} {
		tr := c.Traits()
		if tr.Way != link.Both {
			t.Errorf("Way is %v: a conn carries both ways", tr.Way)
		}
		if tr.Unit != 0 {
			t.Errorf("Unit is %d: a conn is a stream, 0", tr.Unit)
		}
		if tr.Latency <= 0 {
			t.Errorf("Latency is %v: no link is faster than light", tr.Latency)
		}
		if tr.Lossy {
			t.Error("Lossy is set: a conn is a reliable stream")
		}
		if tr.Exposure > link.Hidden {
			t.Errorf("Exposure is %d, which is none", tr.Exposure)
		}
		if c.Peer().Addr == "" {
			t.Error("Peer.Addr is empty: people want to read whom they meet")
		}
		peer := c.Peer()
		if c.Peer() != peer || c.Traits() != tr {
			t.Error("Peer or Traits change from call to call")
		}
	}
}

func connOrder(t *testing.T, pair Pair) {
	a, b := pair(t)
	for i, way := range []struct{ from, to link.Conn }{{a, b}, {b, a}} {
		data := noise(uint64(i), 1<<20)
		within(t, "one way", func() {
			var g sync.WaitGroup
			g.Go(func() { send(t, way.from, data, uint64(i)) })
			expect(t, iotest.HalfReader(way.to), data)
			g.Wait()
		})
	}
}

func connBothWays(t *testing.T, pair Pair) {
	a, b := pair(t)
	there, back := noise(3, 4<<20), noise(4, 4<<20)
	within(t, "4 MiB each way", func() {
		var g sync.WaitGroup
		g.Go(func() { send(t, a, there, 3) })
		g.Go(func() { send(t, b, back, 4) })
		g.Go(func() { expect(t, a, back) })
		g.Go(func() { expect(t, b, there) })
		g.Wait()
	})
}

func connPingPong(t *testing.T, pair Pair) {
	a, b := pair(t)
	within(t, "50 rounds", func() {
		for i := range 50 {
			ping, pong := noise(uint64(2*i), 40), noise(uint64(2*i+1), 40)
			send(t, a, ping, 1)
			expect(t, b, ping)
			send(t, b, pong, 1)
			expect(t, a, pong)
		}
	})
}

func connTiny(t *testing.T, pair Pair) {
	a, b := pair(t)
	data := noise(5, 2000)
	within(t, "2000 writes", func() {
		var g sync.WaitGroup
		g.Go(func() {
			for i := range data {
				send(t, a, data[i:i+1], 1)
			}
		})
		expect(t, b, data)
		g.Wait()
	})
	if n, err := a.Write(nil); n != 0 || err != nil {
		t.Errorf("write of nothing: %d, %v", n, err)
	}
}

func connSlowReader(t *testing.T, pair Pair) {
	a, b := pair(t)
	data := noise(6, 24<<20)
	within(t, "24 MiB to a slow reader", func() {
		written := make(chan struct{})
		go func() { defer close(written); send(t, a, data, 6) }()
		timer := time.NewTimer(200 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-written:
			t.Error("24 MiB were taken although nobody reads: nothing bounds the memory")
		case <-timer.C:
		}
		expect(t, b, data)
		<-written
	})
}

func connBufferReuse(t *testing.T, pair Pair) {
	a, b := pair(t)
	data := noise(7, 256<<10)
	within(t, "buffer used again", func() {
		var g sync.WaitGroup
		g.Go(func() {
			buf := make([]byte, 8<<10)
			for at := 0; at < len(data); at += len(buf) {
				copy(buf, data[at:])
				send(t, a, buf, 7)
				clear(buf)
			}
		})
		expect(t, b, data)
		g.Wait()
	})
}

func connTwoLinks(t *testing.T, pair Pair) {
	a1, b1 := pair(t)
	a2, b2 := pair(t)
	one, two := noise(8, 512<<10), noise(9, 512<<10)
	within(t, "two links", func() {
		var g sync.WaitGroup
		g.Go(func() { send(t, a1, one, 8) })
		g.Go(func() { send(t, a2, two, 9) })
		g.Go(func() { expect(t, b1, one) })
		g.Go(func() { expect(t, b2, two) })
		g.Wait()
	})
}

func connCloseDelivers(t *testing.T, pair Pair) {
	a, b := pair(t)
	data := noise(10, 200<<10)
	within(t, "write, close, read", func() {
		var g sync.WaitGroup
		g.Go(func() {
			send(t, a, data, 10)
			if err := a.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		expect(t, b, data)
		if n, err := b.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("after the last byte: %d, %v; want the end, io.EOF", n, err)
		}
		if _, err := b.Read(make([]byte, 1)); err == nil {
			t.Error("a read after the end answered no error")
		}
		g.Wait()
	})
}

// mustFail writes until an error comes.
func mustFail(t *testing.T, c io.Writer, who string) {
	end := time.Now().Add(patience / 2)
	buf := noise(11, 1<<10)
	for time.Now().Before(end) {
		if _, err := c.Write(buf); err != nil {
			return
		}
	}
	t.Errorf("%s still takes writes %v after the link was closed", who, patience/2)
}

func connCloseEndsBoth(t *testing.T, pair Pair) {
	a, b := pair(t)
	within(t, "close", func() {
		_ = a.Close()
		if _, err := a.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("the closer reads on: %v; want an error that is not io.EOF", err)
		}
		if _, err := a.Write([]byte("x")); err == nil {
			t.Error("the closer writes on")
		}
		mustFail(t, b, "the other end")
		if _, err := io.Copy(io.Discard, b); err == nil {
			_, err = b.Read(make([]byte, 1))
			if err == nil {
				t.Error("the other end reads on")
			}
		}
	})
}

func connCloseWakesRead(t *testing.T, pair Pair) {
	a, b := pair(t)
	within(t, "two blocked reads", func() {
		var g sync.WaitGroup
		for _, c := range []link.Conn{a, b} {
			g.Go(func() {
				if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
					t.Errorf("blocked read: %d, %v", n, err)
				}
			})
		}
		moment()
		_ = a.Close()
		g.Wait()
	})
}

// moment lets others get stuck. Nothing depends on its length but how hard the
// test is.
func moment() {
	t := time.NewTimer(20 * time.Millisecond)
	<-t.C
}

func connCloseWakesWrite(t *testing.T, pair Pair) {
	for _, who := range []string{"own", "other"} {
		a, b := pair(t)
		within(t, "blocked write, "+who+" end closes", func() {
			var g sync.WaitGroup
			g.Go(func() {
				if n, err := a.Write(make([]byte, 64<<20)); err == nil {
					t.Errorf("%d bytes were written although nobody read", n)
				}
			})
			moment()
			if who == "own" {
				_ = a.Close()
			} else {
				_ = b.Close()
			}
			g.Wait()
		})
	}
}

func connCloseOften(t *testing.T, pair Pair) {
	a, b := pair(t)
	within(t, "eight closes", func() {
		var g sync.WaitGroup
		for i := range 8 {
			g.Go(func() { _ = []link.Conn{a, b}[i%2].Close() })
		}
		g.Wait()
		_ = a.Close()
	})
}

func connCloseBoth(t *testing.T, pair Pair) {
	a, b := pair(t)
	within(t, "both close", func() {
		var g sync.WaitGroup
		for i, c := range []link.Conn{a, b} {
			send(t, c, noise(uint64(i), 1000), 1)
		}
		for _, c := range []link.Conn{a, b} {
			g.Go(func() { _ = c.Close() })
		}
		g.Wait()
		for _, c := range []link.Conn{a, b} {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("a closed end still reads")
			}
		}
	})
}

func connReaderLeaves(t *testing.T, pair Pair) {
	a, b := pair(t)
	within(t, "reader leaves", func() {
		var g sync.WaitGroup
		g.Go(func() {
			for range 1 << 16 {
				if _, err := a.Write(make([]byte, 4<<10)); err != nil {
					return
				}
			}
			t.Error("256 MiB were taken although the reader left")
		})
		if _, err := io.ReadFull(b, make([]byte, 64<<10)); err != nil {
			t.Errorf("read before leaving: %v", err)
		}
		_ = b.Close()
		g.Wait()
	})
}

func connCloseMidWrite(t *testing.T, pair Pair) {
	a, b := pair(t)
	data := noise(12, 32<<20)
	within(t, "close in mid-write", func() {
		var g sync.WaitGroup
		g.Go(func() {
			if _, err := a.Write(data); err == nil {
				t.Error("a write that close overtook answered no error")
			}
		})
		head := make([]byte, 64<<10)
		if _, err := io.ReadFull(b, head); err != nil {
			t.Errorf("read: %v", err)
		}
		_ = a.Close()
		rest, _ := io.ReadAll(b)
		got := append(head, rest...)
		if len(got) >= len(data) || !bytes.Equal(got, data[:len(got)]) {
			t.Errorf("%d bytes arrived that are no beginning of what was written", len(got))
		}
		g.Wait()
	})
}

func connCut(t *testing.T, pair Pair) {
	a, b := pair(t)
	cutter, ok := a.(Cutter)
	if !ok {
		t.Skip("this conn gives the test no way to cut its line (linktest.Cutter)")
	}
	data := noise(13, 32<<20)
	within(t, "cut", func() {
		var g sync.WaitGroup
		g.Go(func() {
			if _, err := a.Write(data); err == nil {
				t.Error("a write over the cut answered no error")
			}
		})
		head := make([]byte, 64<<10)
		if _, err := io.ReadFull(b, head); err != nil {
			t.Errorf("read before the cut: %v", err)
		}
		if err := cutter.Cut(); err != nil {
			t.Errorf("cut: %v", err)
		}
		var rest bytes.Buffer
		_, err := io.Copy(&rest, b) // Copy answers nil for io.EOF
		if err == nil {
			t.Errorf("the cut looked like a proper end after %d bytes", len(head)+rest.Len())
		}
		got := append(head, rest.Bytes()...)
		if len(got) >= len(data) || !bytes.Equal(got, data[:len(got)]) {
			t.Errorf("%d bytes arrived that are no beginning of what was written", len(got))
		}
		_ = a.Close()
		g.Wait()
	})
}
