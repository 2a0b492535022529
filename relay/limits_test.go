package relay_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	linkrelay "github.com/jauap/jauap/link/relay"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/boxtest"
)

// Somebody floods from one network: it is slowed to its rate; somebody from
// another network is served as if alone.
func TestFloodIsSlowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := openPipes(t, boxtest.NewMemory(), relay.Options{Limits: relay.Limits{
			PrefixIn: relay.Rate{PerSecond: 64 << 10, Burst: 128 << 10},
		}})
		flood := newPhone(units(t, 16, envelope.S4, 0, 1)...) // 1 MiB
		var took time.Duration
		done := make(chan struct{})
		go func() {
			defer close(done)
			begin := time.Now()
			tk := start(w.dial(p.dialer("192.0.2.10:999")), exchange.Config{Shards: []uint8{5}}, flood)
			defer tk.close()
			if _, err := tk.until(t.Context(), func(o exchange.Outcome) bool { return len(o.Handed) == 16 }); err != nil {
				t.Errorf("the flood's session: %v", err)
			}
			took = time.Since(begin)
		}()
		time.Sleep(3 * time.Second) // of the test's own clock

		begin := time.Now()
		tk := start(w.dial(p.dialer("198.51.100.3:7")), exchange.Config{Shards: []uint8{6}}, newPhone(units(t, 1, envelope.S1, 9, 500)...))
		if _, err := tk.until(t.Context(), func(o exchange.Outcome) bool { return len(o.Handed) == 1 }); err != nil {
			t.Errorf("the neighbour's session: %v", err)
		}
		if d := time.Since(begin); d > 100*time.Millisecond {
			t.Errorf("the neighbour waited %v", d)
		}
		tk.close()

		// The flood's neighbour in the same /24 shares its bucket.
		begin = time.Now()
		tk = start(w.dial(p.dialer("192.0.2.77:1")), exchange.Config{Shards: []uint8{6}}, newPhone(units(t, 1, envelope.S1, 9, 501)...))
		if _, err := tk.until(t.Context(), func(o exchange.Outcome) bool { return len(o.Handed) == 1 }); err != nil {
			t.Errorf("the same network: %v", err)
		}
		if d := time.Since(begin); d > 20*time.Second {
			t.Errorf("the flood's own network waited %v", d)
		}
		tk.close()
		<-done
		// (1 MiB - 128 KiB) at 64 KiB/s.
		if took < 13*time.Second || took > 17*time.Second {
			t.Errorf("1 MiB took %v, want 14 to 15 s", took)
		}
		w.stop()
	})
}

// A client that is connected but says nothing is let go, and so is one that
// does not even finish the greeting.
func TestSilenceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := openPipes(t, boxtest.NewMemory(), relay.Options{})
		ended := func(c io.Reader) time.Duration {
			begin := time.Now()
			if _, err := io.Copy(io.Discard, c); err != nil && errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the relay did not end it: %v", err)
			}
			return time.Since(begin)
		}
		for _, say := range []string{"", "\x16\x03\x01", "GET / HTTP/1.1\r\n"} {
			raw, err := p.dialFrom(t.Context(), "192.0.2.10:1")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.WriteString(raw, say) }()
			if d := ended(raw); d > 21*time.Second {
				t.Errorf("after %q the relay waited %v", say, d)
			}
			raw.Close()
		}

		// A session without greeting.
		mute := w.dial(p.dialer("192.0.2.10:1"))
		if d := ended(mute); d > 21*time.Second {
			t.Errorf("without a greeting the relay waited %v", d)
		}
		mute.Close()

		// A session whose client froze: nothing comes, not even a heartbeat.
		d := p.dialer("192.0.2.10:1")
		d.Quiet = 24 * time.Hour
		frozen := start(w.dial(d), exchange.Config{}, newPhone())
		if _, err := frozen.until(t.Context(), even); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if _, err := frozen.until(t.Context(), func(exchange.Outcome) bool { return false }); err == nil {
			t.Error("the frozen session went on")
		}
		if d := time.Since(begin); d < 2*time.Minute || d > 3*time.Minute {
			t.Errorf("a frozen client was kept %v", d)
		}
		frozen.close()

		// One that lives stays, for hours.
		alive := start(w.dial(p.dialer("192.0.2.10:1")), exchange.Config{}, newPhone())
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
		if _, err := alive.until(ctx, func(exchange.Outcome) bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a quiet but living session ended: %v", err)
		}
		cancel()
		alive.close()
		w.stop()
	})
}

// A relay without room refuses, and ends idle sessions to make some.
func TestCrowded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := openPipes(t, boxtest.NewMemory(), relay.Options{Limits: relay.Limits{Conns: 3}})
		var idle []*talk
		for range 3 {
			tk := start(w.dial(p.dialer("192.0.2.10:1")), exchange.Config{}, newPhone())
			if _, err := tk.until(t.Context(), even); err != nil {
				t.Fatal(err)
			}
			idle = append(idle, tk)
		}
		if _, err := p.dialer("198.51.100.1:1").Dial(t.Context(), w.addr); !errors.Is(err, linkrelay.ErrCut) {
			t.Fatalf("the fourth of three: %v", err)
		}
		time.Sleep(10 * time.Second) // now the three are idle
		if _, err := p.dialer("198.51.100.1:1").Dial(t.Context(), w.addr); !errors.Is(err, linkrelay.ErrCut) {
			t.Fatalf("the fourth of three: %v", err)
		}
		synctest.Wait()
		late := start(w.dial(p.dialer("198.51.100.1:1")), exchange.Config{}, newPhone())
		if _, err := late.until(t.Context(), even); err != nil {
			t.Fatalf("after room was made: %v", err)
		}
		late.close()
		for _, tk := range idle {
			tk.close()
		}
		w.stop()
	})
}

// A session may move only so many bytes; then the client comes again.
func TestSessionBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := openPipes(t, boxtest.NewMemory(), relay.Options{Limits: relay.Limits{
			SessionIn: 200 << 10, SessionOut: 300 << 10}})
		alice := newPhone(units(t, 10, envelope.S4, 0, 1)...)
		sessions := 0
		handed := map[envelope.ID]bool{}
		for len(handed) < 10 && sessions < 20 {
			sessions++
			tk := start(w.dial(p.dialer("192.0.2.10:1")), exchange.Config{}, alice)
			o, err := tk.until(t.Context(), func(o exchange.Outcome) bool { return len(o.Handed) == 10 })
			tk.close()
			if err != nil && !errors.Is(err, io.EOF) {
				t.Fatalf("session %d: %v", sessions, err)
			}
			for _, it := range o.Handed {
				handed[it.ID] = true
			}
		}
		if len(handed) != 10 || sessions < 3 || sessions > 6 {
			t.Errorf("%d units in %d sessions", len(handed), sessions)
		}
		w.stop()
	})
}

// Too many new connections from one network at once.
func TestManyConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := openPipes(t, boxtest.NewMemory(), relay.Options{Limits: relay.Limits{
			PrefixNew: relay.Rate{PerSecond: 1, Burst: 5}}})
		let := func(remote string) (n int) {
			for range 10 {
				c, err := p.dialer(remote).Dial(t.Context(), w.addr)
				if err == nil {
					n++
					c.Close()
				} else if !errors.Is(err, linkrelay.ErrCut) {
					t.Errorf("refused with %v", err)
				}
			}
			return n
		}
		if n := let("192.0.2.10:1"); n != 5 {
			t.Errorf("%d of 10 were let in, want 5", n)
		}
		if n := let("[2001:db8:1:2::5]:1"); n != 5 {
			t.Errorf("from IPv6 %d of 10 were let in, want 5", n)
		}
		if n := let("[2001:db8:1:99::5]:1"); n != 0 {
			t.Errorf("from the same /48 %d of 10 were let in, want 0", n)
		}
		time.Sleep(3 * time.Second)
		if n := let("192.0.2.99:1"); n != 3 {
			t.Errorf("three seconds later %d of 10 were let in, want 3", n)
		}
		w.stop()
	})
}

// The disk fills up: deposits are put off, not lost, and pulling goes on.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := boxtest.NewMemory()
		var full atomic.Bool
		box.Fail = func(call string) error {
			if full.Load() && call == "put" {
				return errors.New("no space left")
			}
			return nil
		}
		w, p := openPipes(t, box, relay.Options{})
		meet := func(ph *phone) (exchange.Outcome, error) {
			tk := start(w.dial(p.dialer("192.0.2.10:1")), exchange.Config{}, ph)
			defer tk.close()
			return tk.until(t.Context(), even)
		}
		if _, err := meet(newPhone(units(t, 5, envelope.S1, 0, 1)...)); err != nil {
			t.Fatal(err)
		}
		full.Store(true)
		if o, err := meet(newPhone(units(t, 1, envelope.S1, 0, 50)...)); !errors.Is(err, relay.ErrBusy) || len(o.Handed) != 0 {
			t.Errorf("the first to notice: %v, %d confirmed", err, len(o.Handed))
		}
		late := newPhone(units(t, 5, envelope.S2, 0, 100)...)
		if o, err := meet(late); err != nil || len(o.Handed) != 0 || late.count() != 10 || o.Give.Seq != 0 {
			t.Errorf("a full box: %v, %d confirmed, %d units, mark %d", err, len(o.Handed), late.count(), o.Give.Seq)
		}
		full.Store(false)
		time.Sleep(11 * time.Second)
		if o, err := meet(late); err != nil || len(o.Handed) < 5 {
			t.Errorf("with room again: %v, %d confirmed", err, len(o.Handed))
		}
		w.stop()
	})
}

// freezer is a phone that freezes in the middle of a large unit.
type freezer struct {
	*phone
	after  int
	thawed chan struct{}
}

func (f *freezer) Append(to []byte, id envelope.ID, from, max int) ([]byte, error) {
	if from >= f.after {
		<-f.thawed
	}
	return f.phone.Append(to, id, from, max)
}

// A client's connection dies without a word in the middle of a large unit; it
// comes again, and goes on at the byte long before the relay gives up the dead
// connection.
func TestDeadConnectionIsOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := openPipes(t, boxtest.NewMemory(), relay.Options{})
		big := units(t, 1, envelope.S5, 0, 1)[0]
		f := &freezer{newPhone(big), 128 << 10, make(chan struct{})}
		dead := start(w.dial(p.dialer("192.0.2.10:1")), exchange.Config{}, f)
		var all sync.WaitGroup
		all.Go(func() {
			// Thawed, it finds that others have brought the unit.
			if _, err := dead.until(t.Context(), even); err != nil {
				t.Error(err)
			}
			dead.close()
		})
		time.Sleep(time.Second)
		begin := time.Now()
		again := start(w.dial(p.dialer("203.0.113.9:1")), exchange.Config{}, newPhone(big))
		o, err := again.until(t.Context(), func(o exchange.Outcome) bool { return len(o.Handed) == 1 })
		if err != nil || o.Sent != envelope.MaxSize-128<<10 {
			t.Errorf("%v, %d bytes sent", err, o.Sent)
		}
		if d := time.Since(begin); d > 6*time.Second {
			t.Errorf("it took %v", d)
		}
		again.close()
		close(f.thawed)
		all.Wait()
		w.stop()
	})
}

// While a client pulls something large over a slow link, a letter for it comes
// in: it overtakes.
func TestLetterOvertakesBulk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := openPipes(t, boxtest.NewMemory(), relay.Options{Limits: relay.Limits{
			PrefixOut: relay.Rate{PerSecond: 32 << 10, Burst: 32 << 10}}})
		meet := func(units ...envelope.Envelope) {
			tk := start(w.dial(p.dialer("198.51.100.1:1")), exchange.Config{Shards: []uint8{9}}, newPhone(units...))
			if _, err := tk.until(t.Context(), func(o exchange.Outcome) bool { return len(o.Handed) == len(units) }); err != nil {
				t.Error(err)
			}
			tk.close()
		}
		meet(units(t, 2, envelope.S5, 3, 1)...)
		letter := units(t, 1, envelope.S1, 3, 50)[0]
		bob := newPhone()
		var all sync.WaitGroup
		var got, done time.Duration
		begin := time.Now()
		all.Go(func() {
			tk := start(w.dial(p.dialer("192.0.2.10:1")), exchange.Config{Shards: []uint8{3}}, bob)
			_, err := tk.until(t.Context(), func(exchange.Outcome) bool {
				if got == 0 && bob.has(letter) {
					got = time.Since(begin)
				}
				return bob.count() == 3
			})
			if err != nil {
				t.Error(err)
			}
			done = time.Since(begin)
			tk.close()
		})
		time.Sleep(3 * time.Second)
		meet(letter)
		all.Wait()
		if got == 0 || got > 6*time.Second || done < 14*time.Second {
			t.Errorf("the letter sent at 3 s came at %v, all was there at %v", got, done)
		}
		w.stop()
	})
}
