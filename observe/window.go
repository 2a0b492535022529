package observe

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Window is a span in which relays abroad answered. To is zero while it is
// open.
type Window struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to,omitzero"`
	Sent     int       `json:"sent"`         // units that a relay holds durably
	Received int       `json:"received"`     // units that were new here
	Out      int64     `json:"out,omitzero"` // bytes written to relays
	In       int64     `json:"in,omitzero"`  // bytes read from them
	// Opened says that its opening was seen: tries had failed for a while, and
	// then one passed. Otherwise the node may just have been switched on.
	Opened bool `json:"opened,omitzero"`
	// Closed says that its closing was seen: answers stopped while this device
	// still had a network.
	Closed bool `json:"closed,omitzero"`
}

const (
	// maxWindows are kept, the newest; a year of one window an hour is 8,760.
	maxWindows = 2000
	// settled is how long the dark lasts before or after a window that counts
	// as opened or closed; a relay that restarts is no event of the network.
	settled = 10 * time.Minute
)

// open begins a window. Needs the ways as they were before the answer.
func (l *Log) open(now time.Time) {
	w := Window{From: now}
	for _, x := range l.ways {
		if !x.inland && !x.foreign && x.failedLately(now) && now.Sub(x.failing) >= settled {
			w.Opened = !l.unlinked && !l.unrouted
		}
	}
	l.windows = append(l.windows, w)
	if n := len(l.windows) - maxWindows; n > 0 {
		l.windows = append([]Window(nil), l.windows[n:]...)
	}
}

// shut ends the window at the last answer.
func (l *Log) shut() {
	if w := l.current(); w != nil {
		w.To = l.heard
		w.Closed = !l.unlinked && !l.unrouted
	}
}

// current is the window that is open, or nil.
func (l *Log) current() *Window {
	if n := len(l.windows); n > 0 && l.windows[n-1].To.IsZero() {
		return &l.windows[n-1]
	}
	return nil
}

// Passed counts units that went through the window that is open.
func (l *Log) Passed(sent, received int) {
	if w := l.current(); w != nil {
		w.Sent += sent
		w.Received += received
	}
}

// Moved counts bytes that relays abroad took and gave; what they gave is also
// an answer.
func (l *Log) Moved(now time.Time, out, in int64) {
	if w := l.current(); w != nil {
		w.Out += out
		w.In += in
		if in > 0 && now.After(l.heard) {
			l.heard = now
		}
	}
}

// Current is the window that is open, if any.
func (l *Log) Current() (w Window, open bool) {
	if c := l.current(); c != nil {
		return *c, true
	}
	return w, false
}

// Windows lists what was seen, oldest first.
func (l *Log) Windows() []Window { return append([]Window(nil), l.windows...) }

// ErrMalformed is the error of Restore.
var ErrMalformed = errors.New("observe: malformed window log")

// Save is the log as bytes for Restore. A window that is open is saved as if
// it ended with the last answer.
func (l *Log) Save() []byte {
	list := l.Windows()
	if n := len(list); n > 0 && list[n-1].To.IsZero() {
		list[n-1].To = l.heard
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic("observe: internal error: " + err.Error()) // only times and counts
	}
	return b
}

// Restore reads what Save wrote. A window without an end gets its beginning
// for one, because nobody saw it.
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
		if w := &l.windows[i]; w.To.Before(w.From) {
			w.To = w.From
		}
	}
	return l, nil
}
