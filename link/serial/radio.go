package serial

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Radio is a modem with its station: what was put into it goes out, what comes in is
// taken. Its methods may be called by several goroutines.
type Radio struct {
	port *Port
	mu   sync.Mutex
	st   *Station
	b    *Budget
	kick chan struct{}
}

// NewRadio makes a radio of a modem. get answers a unit's bytes; rng is used by it
// alone.
func NewRadio(p *Port, b *Budget, get func(ID) ([]byte, bool), rng *rand.Rand) *Radio {
	c := Config{Frame: p.Frame(), Airtime: p.Airtime, Budget: b, Get: get, Rand: rng}
	return &Radio{port: p, st: NewStation(c, time.Now()), b: b, kick: make(chan struct{}, 1)}
}

// Update says what is held; see Station.Update.
func (r *Radio) Update(items []Item) {
	r.mu.Lock()
	r.st.Update(time.Now(), items)
	r.mu.Unlock()
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// State is how a radio does.
type State struct {
	Counts
	Used, Limit time.Duration // airtime of the last hour
	Pending     int           // see Station.Pending
	Room        int           // bytes of the largest unit that goes in one frame
	Hour        int           // such units that the budget has room for in an hour
	Spent       []byte        // see Budget.Save
}

// State tells how the radio does.
func (r *Radio) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := State{Counts: r.st.Counts(), Used: r.b.Used(time.Now()), Limit: r.b.Limit, Pending: r.st.Pending(), Room: r.port.Frame() - wholeCost, Spent: r.b.Save()}
	s.Hour = int(r.b.Limit / max(r.port.Airtime(r.port.Frame()), 1))
	return s
}

// Run sends and listens until ctx ends or the modem is gone, and closes it. take is
// called with units that came whole; their bytes are untrusted.
func (r *Radio) Run(ctx context.Context, take func(unit []byte)) error {
	defer r.port.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case h, ok := <-r.port.in:
			if !ok {
				return r.port.err
			}
			if unit := r.heard(h); unit != nil {
				take(unit)
			}
		case <-r.kick:
		case <-timer.C:
		}
		at, err := r.next()
		if err != nil {
			return err
		}
		timer.Reset(max(time.Until(at), time.Millisecond))
	}
}

func (r *Radio) heard(h heard) []byte {
	frame, busy := r.port.data(h)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if busy {
		r.st.hush(now.Add(2 * r.st.slot()))
	}
	if frame == nil {
		return nil
	}
	return r.st.Heard(now, frame)
}

// next sends what is due and answers when to ask again.
func (r *Radio) next() (time.Time, error) {
	r.mu.Lock()
	frame, at := r.st.Next(time.Now())
	r.mu.Unlock()
	if frame == nil {
		return at, nil
	}
	return at, r.port.Send(frame)
}
