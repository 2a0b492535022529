package observe

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// State is the verdict on the network beyond this place.
type State string

const (
	NotKnown State = "not-known" // nothing was tried yet, or not lately
	NoLink   State = "no-link"   // this device has no network at all
	Portal   State = "portal"    // something answers, but it is not our relay
	Dark     State = "dark"      // tried, and nothing answers
	Open     State = "open"      // a relay answered with its own key
)

// Kind of evidence.
type Kind uint8

const (
	Linked   Kind = iota // this device has an address beyond loopback
	Unlinked             // it has none
	Answered             // a relay proved its key
	Silent               // a relay was tried and did not answer
	Foreign              // something answered in a relay's place
)

// Evidence is one observation. Way names what was tried, so that several
// relays are judged apart.
type Evidence struct {
	Kind Kind
	Way  string
}

// Window is a span in which relays answered. To is zero while it is open.
type Window struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to,omitzero"`
	Sent     int       `json:"sent"`
	Received int       `json:"received"`
}

// maxWindows are kept, the newest; a year of one window an hour is 8,760.
const maxWindows = 2000

// stale is the age after which a failed try says nothing any more.
const stale = 15 * time.Minute

// Log is the record of one node. Its zero value knows nothing.
type Log struct {
	windows  []Window
	answered map[string]bool      // ways that answer now
	foreign  map[string]time.Time // ways with another's answer
	silent   time.Time            // last try without answer
	unlinked bool
	state    State
	since    time.Time
}

// Note takes one observation and says whether the verdict changed.
func (l *Log) Note(now time.Time, e Evidence) (changed bool) {
	if l.answered == nil {
		l.answered, l.foreign = map[string]bool{}, map[string]time.Time{}
	}
	switch e.Kind {
	case Linked:
		l.unlinked = false
	case Unlinked:
		l.unlinked = true
	case Answered:
		delete(l.foreign, e.Way)
		if len(l.answered) == 0 {
			l.open(now)
		}
		l.answered[e.Way] = true
	case Silent, Foreign:
		if l.answered[e.Way] {
			delete(l.answered, e.Way)
			if len(l.answered) == 0 {
				l.shut(now)
			}
		}
		l.silent = now
		delete(l.foreign, e.Way)
		if e.Kind == Foreign {
			l.foreign[e.Way] = now
		}
	}
	return l.judge(now)
}

func (l *Log) open(now time.Time) {
	l.windows = append(l.windows, Window{From: now})
	if n := len(l.windows) - maxWindows; n > 0 {
		l.windows = append([]Window(nil), l.windows[n:]...)
	}
}

func (l *Log) shut(now time.Time) {
	if n := len(l.windows); n > 0 && l.windows[n-1].To.IsZero() {
		l.windows[n-1].To = now
	}
}

func (l *Log) judge(now time.Time) bool {
	state := NotKnown
	switch {
	case len(l.answered) > 0:
		state = Open
	case l.unlinked:
		state = NoLink
	case l.silent.IsZero() || now.Sub(l.silent) > stale:
	case len(l.foreign) > 0:
		state = Portal
	default:
		state = Dark
	}
	if state == l.state {
		return false
	}
	l.state, l.since = state, now
	return true
}

// Verdict is the state now and since when; since is zero for NotKnown from
// the start.
func (l *Log) Verdict(now time.Time) (State, time.Time) {
	l.judge(now)
	return l.state, l.since
}

// Passed counts units that went through the window that is open.
func (l *Log) Passed(sent, received int) {
	if n := len(l.windows); n > 0 && l.windows[n-1].To.IsZero() {
		l.windows[n-1].Sent += sent
		l.windows[n-1].Received += received
	}
}

// Windows lists what was seen, oldest first.
func (l *Log) Windows() []Window { return append([]Window(nil), l.windows...) }

// ErrMalformed is the error of Restore.
var ErrMalformed = errors.New("observe: malformed window log")

// Save is the log as bytes for Restore.
func (l *Log) Save() []byte {
	b, err := json.Marshal(l.windows)
	if err != nil {
		panic("observe: internal error: " + err.Error()) // only times and counts
	}
	return b
}

// Restore reads what Save wrote. A window that was open then is closed at its
// beginning, because nobody saw its end.
func Restore(b []byte) (*Log, error) {
	l := &Log{}
	if err := json.Unmarshal(b, &l.windows); err != nil {
		l.windows = nil
		return l, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if n := len(l.windows) - maxWindows; n > 0 {
		l.windows = l.windows[n:]
	}
	for i := range l.windows {
		if l.windows[i].To.IsZero() {
			l.windows[i].To = l.windows[i].From
		}
	}
	return l, nil
}
