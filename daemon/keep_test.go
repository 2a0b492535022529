package daemon

import (
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link/linktest"
)

// TestFramesThatAsk: frames are told apart wherever the writes are cut.
func TestFramesThatAsk(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var f frames
		for range 20 {
			kind := byte(0x81 + rng.IntN(7))
			frame := append([]byte{kind}, make([]byte, rng.IntN(300))...)
			for i := 1; i < len(frame); i++ {
				frame[i] = 0x85
			}
			var b writer
			if err := exchange.WriteFrame(&b, frame); err != nil {
				t.Fatal(err)
			}
			asks := false
			for len(b) > 0 {
				n := 1 + rng.IntN(len(b))
				asks = f.ask(b[:n]) || asks
				b = b[n:]
			}
			if want := kind == 0x82 || kind == 0x84 || kind == 0x85; asks != want {
				t.Fatalf("seed %d: frame %#x of %d bytes: %v", seed, kind, len(frame), asks)
			}
		}
	}
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// TestSilent: a link is doubted when an answer is overdue, and not before.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := linktest.Pipe()
		defer near.Close()
		defer far.Close()
		go io.Copy(io.Discard, far)
		c := &watched{Conn: near, due: answerDue, began: time.Now()}
		say := func(kind byte, size int) {
			t.Helper()
			if err := exchange.WriteFrame(c, append([]byte{kind}, make([]byte, size)...)); err != nil {
				t.Fatal(err)
			}
		}
		after := func(d time.Duration, want bool) {
			t.Helper()
			time.Sleep(d)
			if got := c.silent(time.Now()); got != want {
				t.Errorf("silent %v", got)
			}
		}
		say(0x86, 20) // GOT needs no answer
		after(time.Hour, false)
		say(0x85, 40960-4) // ten seconds at the slowest
		after(14*time.Second, false)
		after(2*time.Second, true)
		go far.Write([]byte("x"))
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		after(time.Hour, false)
		if out, in := c.moved(); out != 24+40960 || in != 1 {
			t.Errorf("moved %d out, %d in", out, in)
		}
	})
}

// TestPatience keeps tries long enough for a satellite and few enough for a
// phone.
func TestPatience(t *testing.T) {
	for poll, want := range map[time.Duration]time.Duration{
		100 * time.Millisecond: dialShort, time.Second: dialTimeout, time.Minute: dialTimeout,
	} {
		timeout, atOnce := patience(poll)
		if timeout != want || atOnce < 1 || atOnce > 12 {
			t.Errorf("poll %v: %v, %d at once", poll, timeout, atOnce)
		}
	}
}
