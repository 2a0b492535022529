package observe

import (
	"slices"
	"strings"
	"time"
)

// State is the verdict on the network beyond this place.
type State string

const (
	NotKnown   State = "not-known"     // nothing was tried yet, or not lately
	NoLink     State = "no-link"       // this device has no network at all
	NoRoute    State = "no-route"      // it has one, from which no way leads on
	Portal     State = "portal"        // something answers, but it is not our relay
	Dark       State = "dark"          // tried, and nothing answers
	Domestic   State = "domestic-only" // relays inside the country answer, those abroad do not
	Restricted State = "restricted"    // some ways abroad answer and others do not
	Open       State = "open"          // a relay abroad answered with its own key
)

// Kind of evidence.
type Kind uint8

const (
	Linked   Kind = iota // this device has an address beyond loopback
	Unlinked             // it has none
	Routed               // the system knows a way on from this network
	Unrouted             // it knows none
	Answered             // a relay proved its key
	Silent               // a relay was tried and did not answer
	Foreign              // something answered in a relay's place
)

// Evidence is one observation.
type Evidence struct {
	Kind Kind
	// Way is what was tried, host:port or host:port/udp: each is judged apart.
	// Empty for what concerns the device itself.
	Way string
	// Inland says that the way stays inside the country: its answers prove
	// nothing about the way abroad.
	Inland bool
}

const (
	// stale is the age after which a failed try says nothing any more.
	stale = 15 * time.Minute
	// restrictedAfter is how long a way fails beside another that answers
	// before the network counts as restricted: six tries at the pace of Wait.
	restrictedAfter = 3 * time.Minute
	// maxWays bounds the ways that are remembered; further ones are not judged.
	maxWays = 256
)

// way is what is known of one host:port.
type way struct {
	inland   bool
	answers  bool      // the last try or byte was an answer
	answered time.Time // last
	failing  time.Time // since when all tries failed; zero while none did
	tried    time.Time // the last failed try
	foreign  bool      // the last failed try met a stranger
}

func (w *way) failedLately(now time.Time) bool {
	return !w.answers && !w.tried.IsZero() && now.Sub(w.tried) <= stale
}

// Log is the record of one node. Its zero value knows nothing.
type Log struct {
	windows            []Window
	ways               map[string]*way
	unlinked, unrouted bool
	heard              time.Time // the last answer from abroad
	state              State
	since              time.Time
}

// Note takes one observation and says whether the verdict changed.
func (l *Log) Note(now time.Time, e Evidence) (changed bool) {
	switch e.Kind {
	case Linked, Routed, Unlinked, Unrouted:
		l.noteDevice(e.Kind)
	case Answered:
		if w := l.way(e); w != nil {
			l.answer(now, w)
		}
	case Silent, Foreign:
		if w := l.way(e); w != nil {
			l.fail(now, w, e.Kind == Foreign)
		}
	}
	return l.judge(now)
}

func (l *Log) way(e Evidence) *way {
	w := l.ways[e.Way]
	if w == nil && len(l.ways) < maxWays {
		if l.ways == nil {
			l.ways = map[string]*way{}
		}
		w = &way{inland: e.Inland}
		l.ways[e.Way] = w
	}
	return w
}

func (l *Log) noteDevice(k Kind) {
	cut := l.unlinked || l.unrouted
	switch k {
	case Linked, Unlinked:
		l.unlinked = k == Unlinked
	case Routed, Unrouted:
		l.unrouted = k == Unrouted
	}
	if cut && !l.unlinked && !l.unrouted {
		// What failed without a network says nothing about the one that came.
		for _, w := range l.ways {
			w.failing, w.tried, w.foreign = time.Time{}, time.Time{}, false
		}
	}
}

func (l *Log) answer(now time.Time, w *way) {
	if !w.inland {
		if !l.answering() {
			l.open(now)
		}
		l.heard = now
	}
	w.answers, w.answered = true, now
	w.failing, w.tried, w.foreign = time.Time{}, time.Time{}, false
}

func (l *Log) fail(now time.Time, w *way, foreign bool) {
	if w.failing.IsZero() {
		w.failing = now
	}
	w.tried, w.foreign = now, foreign
	if w.answers {
		w.answers = false
		if !w.inland && !l.answering() {
			l.shut()
		}
	}
}

// answering reports whether any way abroad answers now.
func (l *Log) answering() bool { return l.Others() }

// Others reports whether a way abroad other than these answers now.
func (l *Log) Others(than ...string) bool {
	for name, w := range l.ways {
		if w.answers && !w.inland && !slices.Contains(than, name) {
			return true
		}
	}
	return false
}

func (l *Log) judge(now time.Time) bool {
	state := l.verdict(now)
	if state == l.state {
		return false
	}
	l.state, l.since = state, now
	return true
}

func (l *Log) verdict(now time.Time) State {
	var inland, failed, foreign bool
	for _, w := range l.ways {
		late := w.failedLately(now)
		inland = inland || w.inland && w.answers
		failed = failed || !w.inland && late
		foreign = foreign || w.foreign && late
	}
	switch {
	case l.answering():
		if l.restricted(now) {
			return Restricted
		}
		return Open
	case inland && failed:
		return Domestic
	case inland:
		return NotKnown // of the way abroad
	case l.unlinked:
		return NoLink
	case l.unrouted:
		return NoRoute
	case foreign:
		return Portal
	case failed:
		return Dark
	}
	for _, w := range l.ways {
		if w.failedLately(now) {
			return Dark // an inland relay alone was tried
		}
	}
	return NotKnown
}

// restricted reports whether some way abroad fails for long while another
// answers. A way that never answered may simply be wrong; it counts only when
// another port of the same host answers.
func (l *Log) restricted(now time.Time) bool {
	hosts := map[string]bool{}
	for name, w := range l.ways {
		if w.answers && !w.inland {
			hosts[hostOf(name)] = true
		}
	}
	for name, w := range l.ways {
		if w.inland || !w.failedLately(now) {
			continue
		}
		from := w.failing
		if n := len(l.windows); n > 0 && l.windows[n-1].From.After(from) {
			if from = l.windows[n-1].From; w.tried.Before(from) {
				continue // what failed in the dark must be tried again
			}
		}
		if now.Sub(from) >= restrictedAfter && (!w.answered.IsZero() || hosts[hostOf(name)]) {
			return true
		}
	}
	return false
}

// hostOf is a way without its port.
func hostOf(way string) string {
	if i := strings.LastIndexByte(way, ':'); i >= 0 {
		return way[:i]
	}
	return way
}

// Verdict is the state now and since when; since is zero for NotKnown from
// the start.
func (l *Log) Verdict(now time.Time) (State, time.Time) {
	l.judge(now)
	return l.state, l.since
}

// Answers reports whether the state is one in which letters can go abroad.
func (s State) Answers() bool { return s == Open || s == Restricted }
