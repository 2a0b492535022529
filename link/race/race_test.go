package race

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/linktest"
	"github.com/jauap/jauap/relay"
)

func at(port uint16, udp bool) Way { return Way{relay.Addr{Host: "192.0.2.1", Port: port}, udp} }

// stage is a network in a synctest bubble: which ways answer, and when.
type stage struct {
	t      *testing.T
	answer map[Way]time.Duration // after so long; others hang
	refuse map[Way]error
	signs  map[Way]time.Duration // when the first sign of it comes

	mu    sync.Mutex
	start time.Time
	tried []string
	busy  int
	most  int
}

func (s *stage) dial(ctx context.Context, w Way, heard func()) (link.Conn, error) {
	s.mu.Lock()
	s.tried = append(s.tried, fmt.Sprintf("%.2f %v", time.Since(s.start).Seconds(), w))
	s.busy++
	s.most = max(s.most, s.busy)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.busy--
		s.mu.Unlock()
	}()
	if err := s.refuse[w]; err != nil {
		return nil, err
	}
	d, ok := s.answer[w]
	if !ok {
		d = time.Hour
	}
	if sign, ok := s.signs[w]; ok {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(sign):
			d -= sign
			heard()
		}
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(d):
		near, far := linktest.Pipe()
		go func() {
			_, _ = far.Read(make([]byte, 1))
			_ = far.Close()
		}()
		return near, nil
	}
}

// run races until a way wins, for at most a while.
func (s *stage) run(b Book, d time.Duration, change func(*Racer)) (Way, time.Duration, error) {
	ctx, stop := context.WithTimeout(s.t.Context(), d)
	defer stop()
	s.mu.Lock()
	s.start = time.Now()
	s.mu.Unlock()
	var swept atomic.Bool
	never := make(chan struct{})
	r := &Racer{
		Dial: s.dial, Volley: b.Volley, Pause: func() time.Duration { return time.Second },
		Ring: func() <-chan struct{} { return never }, Patience: 8 * time.Second, AtOnce: 9, Gate: NewGate(),
		Swept: func() { swept.Store(true) },
		Sweep: func() []Way {
			if swept.Load() {
				return nil
			}
			return b.Sweep(rand.New(rand.NewPCG(1, 2)))
		},
	}
	if change != nil {
		change(r)
	}
	conn, w, err := r.Run(ctx)
	if err == nil {
		_ = conn.Close()
	}
	return w, time.Since(s.start), err
}

func book(port uint16) Book {
	own, odd := Ways([]relay.Addr{{Host: "192.0.2.1", Port: port}}, true)
	return Book{Own: own, Odd: odd}
}

func TestWays(t *testing.T) {
	own, odd := Ways([]relay.Addr{{Host: "a", Port: 443}, {Host: "b", Port: 9000}}, true)
	if len(own) != 4 || !own[0].UDP || own[1].UDP || own[2].Addr.Host != "b" {
		t.Errorf("own ports: %v", own)
	}
	if len(odd) != 2*2*7-2 {
		t.Errorf("%d odd ways: %v", len(odd), odd)
	}
	own, odd = Ways([]relay.Addr{{Host: "a", Port: 443}}, false)
	if slices.ContainsFunc(append(own, odd...), func(w Way) bool { return w.UDP }) || len(own) != 1 || len(odd) != 6 {
		t.Errorf("without UDP: %v, %v", own, odd)
	}
	b := Book{Own: own, Odd: odd, Last: []Way{at(179, false), at(53, true)}, Finds: []Way{at(1000, false), at(2000, false)}}
	if v := b.Volley(3); v[0] != at(179, false) || v[1] != at(2000, false) || len(v) != 3 {
		t.Errorf("a volley: %v", v)
	}
	one, two := b.Sweep(rand.New(rand.NewPCG(1, 1))), b.Sweep(rand.New(rand.NewPCG(2, 2)))
	if one[0] != at(53, true) || one[1] != at(1000, false) || one[2] != at(2000, false) || slices.Equal(one, two) {
		t.Errorf("sweeps: %v, %v", one, two)
	}
}

// TestOwnPortFirst: where all is open, the relay's own port wins by QUIC, and
// nothing else was asked.
func TestOwnPortFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, answer: map[Way]time.Duration{at(443, true): 100 * time.Millisecond, at(443, false): 200 * time.Millisecond}}
		w, took, err := s.run(book(443), time.Minute, nil)
		if err != nil || w != at(443, true) || took != 100*time.Millisecond || len(s.tried) != 1 {
			t.Errorf("%v after %v, %v; tried %v", w, took, err, s.tried)
		}
	})
}

// TestUDPBlocked: TLS follows a quarter of a second behind, or when the round
// trip is known, when QUIC should have answered.
func TestUDPBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, answer: map[Way]time.Duration{at(443, false): 200 * time.Millisecond}}
		w, took, err := s.run(book(443), time.Minute, nil)
		if err != nil || w != at(443, false) || took != 450*time.Millisecond {
			t.Errorf("%v after %v, %v; tried %v", w, took, err, s.tried)
		}
		_, took, _ = s.run(book(443), time.Minute, func(r *Racer) { r.Trip = 600 * time.Millisecond })
		if took != 1100*time.Millisecond {
			t.Errorf("with a known trip of 600 ms: after %v", took)
		}
		// A refusal is not waited for.
		s.refuse = map[Way]error{at(443, true): errors.New("refused")}
		if _, took, _ = s.run(book(443), time.Minute, nil); took != 200*time.Millisecond {
			t.Errorf("refused: after %v", took)
		}
	})
}

// TestOddPort: when all but one port is closed, it is found, within a sweep and
// with no more than four tries of sweeps at once; and first thing the next time.
func TestOddPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, only := range append(book(443).Odd, at(443, false)) {
			s := &stage{t: t, answer: map[Way]time.Duration{only: 700 * time.Millisecond}}
			b := book(443)
			w, took, err := s.run(b, time.Minute, nil)
			if err != nil || w != only || took > 16*time.Second {
				t.Errorf("%v open: %v after %v, %v", only, w, took, err)
			}
			if s.most > SweepAtOnce+9+atOnceUDP {
				t.Errorf("%d tries at once", s.most)
			}
			b.Last = []Way{only}
			if _, took, _ = s.run(b, time.Minute, nil); took != 700*time.Millisecond {
				t.Errorf("%v, known to be open: after %v", only, took)
			}
		}
	})
}

// TestDark: nothing answers; tries stay few, and hang no longer than they may.
func TestDark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t}
		failed := map[Way]int{}
		_, _, err := s.run(book(443), time.Minute, func(r *Racer) { r.Failed = func(w Way, _ error) { failed[w]++ } })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if n := len(s.tried); n < 60+60+12 || n > 61+61+12+1 {
			t.Errorf("%d tries in a minute: %v", n, s.tried)
		}
		if len(failed) != 14 || failed[at(179, true)] != 1 || failed[at(443, false)] < 50 {
			t.Errorf("failed: %v", failed)
		}
		if s.busy != 0 {
			t.Errorf("%d tries were left behind", s.busy)
		}
	})
}

// TestSlowLine: a try that heard something is waited for; one that then fails
// is not.
func TestSlowLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, answer: map[Way]time.Duration{at(443, true): 2400 * time.Millisecond}, signs: map[Way]time.Duration{at(443, true): 800 * time.Millisecond}}
		b := book(443)
		b.Odd = nil
		if w, took, err := s.run(b, time.Minute, nil); err != nil || w != at(443, true) || took != 2400*time.Millisecond || len(s.tried) != 2 {
			t.Errorf("%v after %v, %v; tried %v", w, took, err, s.tried)
		}
		s = &stage{t: t, signs: map[Way]time.Duration{at(443, true): 800 * time.Millisecond}}
		if _, _, err := s.run(b, 20*time.Second, nil); err == nil || len(s.tried) < 16 {
			t.Errorf("%v; tried %v", err, s.tried)
		}
	})
}

// TestGateIsShared: the sweeps of many relays together try four at once.
func TestGateIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t}
		gate := NewGate()
		var all sync.WaitGroup
		for i := range 5 {
			b := book(uint16(1000 + i))
			b.Own = nil // sweeps alone
			all.Go(func() { _, _, _ = s.run(b, time.Minute, func(r *Racer) { r.Gate = gate }) })
		}
		all.Wait()
		if s.most != SweepAtOnce {
			t.Errorf("%d tries at once", s.most)
		}
	})
}
