package sim

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jauap/jauap/envelope"
)

// Contact is a time during which two people's devices reach each other.
type Contact struct {
	A, B     int // people, from 0
	From, To time.Duration
}

// Letter is one unit that From submits At for To.
type Letter struct {
	From, To int
	At       time.Duration
}

// Network says how contacts carry bytes.
type Network struct {
	Rate    int           // bytes a second each way; 0 for no limit
	Latency time.Duration // one way
}

// Scenario is what a run plays.
type Scenario struct {
	Name     string
	About    string // one line for a person
	People   int
	Contacts []Contact
	Letters  []Letter // in addition to Random
	// Random letters have uniformly random different ends and a uniformly
	// random time before Until.
	Random  int
	Until   time.Duration
	End     time.Duration
	Class   envelope.Class // of all letters
	Network Network
	Relays  []int // people who are relays: others know them by a key
}

// ErrUnknown: there is no such scenario.
var ErrUnknown = errors.New("sim: no such scenario")

// Names of the scenarios that Named knows.
func Names() []string { return []string{"blackout", "conference"} }

// Named is a scenario by its name. Errors: ErrUnknown.
func Named(name string) (Scenario, error) {
	switch name {
	case "conference":
		return Conference()
	case "blackout":
		return Blackout(), nil
	}
	return Scenario{}, fmt.Errorf("%w: %q; there are %v", ErrUnknown, name, Names())
}

//go:embed traces/SFHH_tij.dat.gz
var sfhh []byte

// maxTrace bounds an unpacked trace in bytes.
const maxTrace = 64 << 20

// Conference is two days of a conference: 403 people, 600 letters. The trace
// is described in traces/README.md.
func Conference() (Scenario, error) {
	z, err := gzip.NewReader(bytes.NewReader(sfhh))
	if err != nil {
		return Scenario{}, fmt.Errorf("sim: embedded trace: %w", err)
	}
	contacts, people, err := ReadTrace(io.LimitReader(z, maxTrace))
	if err != nil {
		return Scenario{}, err
	}
	s := Scenario{
		Name:     "conference",
		About:    "403 people at a conference, face-to-face contacts only (SFHH, SocioPatterns), 600 letters",
		People:   people,
		Contacts: contacts,
		Random:   600,
		Class:    envelope.S1,
		Network:  Network{Rate: 125_000, Latency: 20 * time.Millisecond},
	}
	for _, c := range contacts {
		s.End = max(s.End, c.To)
	}
	s.Until = s.End * 6 / 10
	return s, nil
}

// step of the traces: a row says that a contact lasted for the 20 s before it.
const step = 20 * time.Second

// maxTime is the latest second that a trace may name.
const maxTime = 1<<31 - 1

// ReadTrace reads rows `t i j` and joins adjacent ones to contacts. People are
// numbered in the order of their names; time begins with the first contact.
func ReadTrace(r io.Reader) (contacts []Contact, people int, err error) {
	type pair struct{ a, b int }
	rows := make(map[pair][]int)
	names := make(map[int]int)
	first := -1
	for lines := bufio.NewScanner(r); ; {
		if !lines.Scan() {
			if err := lines.Err(); err != nil {
				return nil, 0, fmt.Errorf("sim: trace: %w", err)
			}
			break
		}
		var t, i, j int
		if _, err := fmt.Sscan(lines.Text(), &t, &i, &j); err != nil || i == j || t < 0 || t > maxTime {
			return nil, 0, fmt.Errorf("sim: trace: not a row `t i j`: %q", lines.Text())
		}
		if first < 0 || t < first {
			first = t
		}
		names[i], names[j] = 0, 0
		p := pair{min(i, j), max(i, j)}
		rows[p] = append(rows[p], t)
	}
	ordered := make([]int, 0, len(names))
	for name := range names {
		ordered = append(ordered, name)
	}
	slices.Sort(ordered)
	for i, name := range ordered {
		names[name] = i
	}
	start := time.Duration(first)*time.Second - step
	for p, times := range rows {
		slices.Sort(times)
		for _, t := range times {
			to := time.Duration(t)*time.Second - start
			n := len(contacts) - 1
			if n >= 0 && contacts[n].A == names[p.a] && contacts[n].B == names[p.b] && contacts[n].To >= to-step {
				contacts[n].To = to
				continue
			}
			contacts = append(contacts, Contact{A: names[p.a], B: names[p.b], From: to - step, To: to})
		}
	}
	slices.SortFunc(contacts, func(x, y Contact) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return contacts, len(ordered), nil
}

// The people of Blackout.
const (
	Inside    = 0 // writes
	Traveller = 1 // meets her and goes to the border
	Neighbour = 2 // meets her only
	Relay     = 3
	Abroad    = 4 // always reaches the relay
)

// Blackout is an hour of darkness: two letters wait inside, one of the writer
// and one of her neighbour. A traveller takes what he is given to a place from
// which the relay answers for five seconds.
func Blackout() Scenario {
	const dark = time.Hour
	return Scenario{
		Name:   "blackout",
		About:  "an hour dark, then a relay answers a traveller for five seconds",
		People: 5,
		Contacts: []Contact{
			{Inside, Neighbour, 10 * time.Minute, 11 * time.Minute},
			{Inside, Traveller, 30 * time.Minute, 31 * time.Minute},
			{Traveller, Relay, dark, dark + 5*time.Second},
			{Relay, Abroad, 0, 2 * time.Hour},
		},
		Letters: []Letter{
			{Inside, Abroad, 5 * time.Minute},
			{Neighbour, Abroad, 6 * time.Minute},
			{Inside, Abroad, dark + time.Minute}, // too late for anybody
		},
		End:     2 * time.Hour,
		Class:   envelope.S1,
		Network: Network{Rate: 8000, Latency: 300 * time.Millisecond},
		Relays:  []int{Relay},
	}
}
