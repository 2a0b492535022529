package race

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jauap/jauap/link"
)

// Times and numbers of a race. spec/relay.md, 11.
const (
	Stagger      = 250 * time.Millisecond // between the ways of a volley, at least (RFC 8305, 5)
	staggerMost  = 2 * time.Second
	patienceUDP  = 4 * time.Second // of one try: a slow line takes a second for the greetings alone
	atOnceUDP    = 3               // tries by QUIC that hang at once
	holdFor      = 2 * time.Second // how long a volley waits for a try that heard something
	SweepAtOnce  = 4
	SweepEvery   = 5 * time.Minute
	sweepAfter   = 1500 * time.Millisecond // volleys alone have so long
	sweepTime    = 13 * time.Second        // about what a sweep takes
	sweepLeast   = 1500 * time.Millisecond // of one try in it
	sweepLongest = 3 * time.Second
)

// ErrNoAnswer is what Failed hears of a try that was ended because it hung.
var ErrNoAnswer = errors.New("no answer")

// Gate lets the sweeps of all relays through, four tries at once.
type Gate chan struct{}

// NewGate makes the gate that all Racers of a device share.
func NewGate() Gate { return make(Gate, SweepAtOnce) }

// Racer tries the ways to one relay.
type Racer struct {
	// Dial reaches the relay by a way, or says why not. It calls heard at the
	// first sign of a far end: then the next volley waits for a while, so that a
	// slow line is not filled with greetings.
	Dial func(ctx context.Context, w Way, heard func()) (link.Conn, error)
	// Failed hears of each try that failed by itself.
	Failed func(w Way, err error)
	// Volley is the n-th attempt's ways, the likeliest first.
	Volley func(n int) []Way
	// Sweep is asked once a while for the ways of a sweep; nil when none is due.
	// Swept hears of one that tried them all: one that was ended by a winner may
	// be repeated sooner.
	Sweep func() []Way
	Swept func()
	// Pause is how long to wait until the next volley, and Ring closes when
	// waiting is no use.
	Pause func() time.Duration
	Ring  func() <-chan struct{}
	// Trip is the round trip to the relay, if it is known: the next way of a
	// volley starts when the one before should have answered.
	Trip time.Duration
	// Patience is how long one try by TLS may hang, and AtOnce how many do.
	Patience time.Duration
	AtOnce   int
	Gate     Gate
}

// heat is one run of a race.
type heat struct {
	*Racer
	ctx     context.Context
	results chan result
	running []try // oldest first; some may have ended
	tries   sync.WaitGroup
	waiting []Way // of the volley under way
	volleys int
	next    *time.Timer // of the volley
	swept   chan struct{}
	heard   atomic.Int64 // when a try last heard something that has not failed since, Unix ns
}

type try struct {
	udp  bool
	stop context.CancelFunc
}

type result struct {
	conn link.Conn
	way  Way
	err  error
}

// Run tries until one way answers, or ctx ends.
func (r *Racer) Run(ctx context.Context) (link.Conn, Way, error) {
	ctx, cancel := context.WithCancel(ctx)
	h := &heat{Racer: r, ctx: ctx, results: make(chan result), next: time.NewTimer(0)}
	defer func() {
		cancel()
		h.next.Stop()
		go func() {
			h.tries.Wait()
			close(h.results)
		}()
		for late := range h.results {
			if late.err == nil {
				_ = late.conn.Close()
			}
		}
	}()
	ring := r.Ring()
	volley := time.NewTimer(0)
	defer volley.Stop()
	sweep := time.NewTimer(sweepAfter)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, Way{}, ctx.Err()
		case res := <-h.results:
			if res.err == nil {
				return res.conn, res.way, nil
			}
			h.heard.Store(0)
			if ctx.Err() == nil && r.Failed != nil {
				r.Failed(res.way, res.err)
			}
			if len(h.waiting) > 0 {
				h.next.Reset(0) // who failed at once need not be waited for
			}
			continue
		case <-h.next.C:
			h.step()
			continue
		case <-sweep.C:
			h.sweep()
			sweep.Reset(time.Second)
			continue
		case <-ring:
			ring = r.Ring()
		case <-volley.C:
			if wait := holdFor - time.Since(time.Unix(0, h.heard.Load())); wait > 0 {
				volley.Reset(wait)
				continue
			}
		}
		h.waiting = r.Volley(h.volleys)
		h.volleys++
		h.step()
		volley.Reset(r.Pause())
	}
}

// step starts the next way of a volley.
func (h *heat) step() {
	if len(h.waiting) == 0 {
		return
	}
	w := h.waiting[0]
	h.waiting = h.waiting[1:]
	h.makeRoom(w.UDP)
	ctx, stop := context.WithTimeout(h.ctx, h.patience(w))
	h.running = append(h.running, try{w.UDP, stop})
	h.tries.Go(func() { h.try(ctx, stop, w) })
	if len(h.waiting) > 0 {
		h.next.Reset(min(max(Stagger, h.Trip*3/2), staggerMost))
	}
}

func (h *heat) patience(w Way) time.Duration {
	if w.UDP {
		return min(patienceUDP, h.Patience)
	}
	return h.Patience
}

// makeRoom ends the oldest try of a transport when too many hang: its network
// may be gone.
func (h *heat) makeRoom(udp bool) {
	most := h.AtOnce
	if udp {
		most = min(most, atOnceUDP)
	}
	oldest, n := -1, 0
	for i, t := range h.running {
		if t.udp == udp {
			n++
			if oldest < 0 {
				oldest = i
			}
		}
	}
	if n >= most {
		h.running[oldest].stop()
		h.running = append(h.running[:oldest], h.running[oldest+1:]...)
	}
}

// try tries a way.
func (h *heat) try(ctx context.Context, stop context.CancelFunc, w Way) {
	conn, err := h.Dial(ctx, w, func() { h.heard.Store(time.Now().UnixNano()) })
	if err != nil && ctx.Err() != nil {
		err = ErrNoAnswer
	}
	stop()
	h.results <- result{conn, w, err}
}

// sweep begins one that is due, unless one is under way.
func (h *heat) sweep() {
	select {
	case <-h.swept:
	default:
		if h.swept != nil {
			return
		}
	}
	h.swept = nil
	list := h.Sweep()
	if len(list) == 0 {
		return
	}
	swept := make(chan struct{})
	h.swept = swept
	patience := min(max(sweepTime*SweepAtOnce/time.Duration(len(list)), sweepLeast), sweepLongest)
	h.tries.Go(func() {
		defer close(swept)
		var all sync.WaitGroup
		defer func() {
			if all.Wait(); h.ctx.Err() == nil && h.Swept != nil {
				h.Swept()
			}
		}()
		for _, w := range list {
			select {
			case h.Gate <- struct{}{}:
			case <-h.ctx.Done():
				return
			}
			all.Go(func() {
				defer func() { <-h.Gate }()
				ctx, stop := context.WithTimeout(h.ctx, patience)
				h.try(ctx, stop, w)
			})
		}
	})
}
