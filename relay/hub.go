package relay

import (
	"sync"
	"time"
)

// hub wakes the sessions whose slots received something. It carries no units:
// a session that wakes lists the box from where it stood, so that nothing is
// lost when many deposits come at once, and a slow client costs no memory.
type hub struct {
	mu    sync.Mutex
	ears  map[*ear]struct{}
	dirty Slots
	armed bool
	last  time.Time
	timer *time.Timer
}

// ear is one session's place in the hub.
type ear struct {
	slots Slots
	wake  chan struct{} // room for one
}

// gapPerEar bounds what waking costs: with n sessions a round of waking
// happens at most once in n times this.
const gapPerEar = 10 * time.Microsecond

func newHub() *hub {
	return &hub{ears: map[*ear]struct{}{}}
}

func (h *hub) join(slots Slots) *ear {
	e := &ear{slots: slots, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ears[e] = struct{}{}
	return e
}

// narrow changes the slots that an ear listens to.
func (h *hub) narrow(e *ear, slots Slots) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.slots = slots
}

func (h *hub) leave(e *ear) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.ears, e)
	if len(h.ears) == 0 && h.timer != nil {
		h.timer.Stop()
		h.armed = false
	}
}

// ring says that the slots received something: at once when the last round is
// long enough ago, else when it is.
func (h *hub) ring(slots Slots, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dirty = h.dirty.Plus(slots)
	if h.armed || len(h.ears) == 0 {
		return
	}
	gap := time.Duration(len(h.ears)) * gapPerEar
	if d := now.Sub(h.last); d >= gap || d < 0 {
		h.round(now)
		return
	}
	h.armed = true
	h.timer = time.AfterFunc(gap, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.armed {
			h.armed = false
			h.round(time.Now())
		}
	})
}

// round wakes. Needs h.mu.
func (h *hub) round(now time.Time) {
	for e := range h.ears {
		if e.slots.Meets(h.dirty) {
			select {
			case e.wake <- struct{}{}:
			default:
			}
		}
	}
	h.dirty, h.last = Slots{}, now
}
