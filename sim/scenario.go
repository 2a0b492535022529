package sim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/routing"
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
	Noise    bool // carried like others and not counted in the result
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
	Repeat   string // what `jauap sim` was told besides the seed; empty: Name
	People   int
	Contacts []Contact
	Letters  []Letter // in addition to Random
	// Random letters have uniformly random different ends, who are no contacts
	// if Apart, and a uniformly random time in [Since, Until).
	Random       int
	Apart        bool
	Since, Until time.Duration
	Background   int // random letters of the whole time that are not counted
	End          time.Duration
	Class        envelope.Class // of all letters
	Network      Network
	Relays       []int    // people who are relays: others know them by a key
	Friends      [][2]int // pairs of people who are contacts
	Shards       bool     // relays give everybody only the shard of their mail
	Quota        int64    // bytes of a shelf; 0 for 64 MiB
	// ProofAfter is how long after its arrival a letter's proof leaves, at
	// least; 0: readers prove nothing.
	ProofAfter time.Duration
	// Batch is the step in which proofs leave: so many letters' at once, and none
	// at a time that tells when its letter was read; 0: half an hour.
	Batch time.Duration
	Rules routing.Rules // of all devices; the zero value: routing.Default
	// Sybils offer junk to strangers; Informants to their contacts, too. Neither
	// takes or carries anything.
	Sybils, Informants []int
	Junk               int           // units that each of them has
	Offer              int           // of them in a meeting
	JunkProofs         time.Duration // after which informants prove to contacts that what they took arrived; 0: never
	Forged             int           // stamps that each of them made itself, for as many of its units
	Bought             int           // valid ones, for units that it offers in each meeting
	Postage            Postage
	Windows            []Window // for the picture
	Rivals             []Rival  // what other ways would bring, letter by letter
}

// Rival is another way of which the scenario itself knows what it brings.
// Arrivals are in the order of Letters, negative for what does not arrive.
type Rival struct {
	Name     string
	Arrivals []time.Duration
}

// Window is a time in which the network answers.
type Window struct{ From, To time.Duration }

// ErrUnknown: there is no such scenario.
var ErrUnknown = errors.New("sim: no such scenario")

//go:embed traces/SFHH.meet.gz
var sfhh []byte

//go:embed traces/InVS15.meet.gz
var invs []byte

//go:embed traces/march.walk.gz
var march []byte

//go:embed traces/blockade1.walk.gz
var blockade []byte

// maxTrace bounds an unpacked trace in bytes.
const maxTrace = 64 << 20

// Conference is two days of a conference: 403 people, 600 letters. The trace
// is described in traces/README.md.
func Conference() (Scenario, error) {
	return faces("conference", "403 people at a conference, face-to-face contacts only (SFHH, SocioPatterns), 600 letters", sfhh)
}

// Office is eleven days of an office: 217 people, 600 letters.
func Office() (Scenario, error) {
	return faces("office", "217 people of an office, face-to-face contacts only (InVS15, SocioPatterns), 600 letters", invs)
}

func unpack(packed []byte) (io.Reader, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("sim: embedded trace: %w", err)
	}
	return io.LimitReader(z, maxTrace), nil
}

func faces(name, about string, packed []byte) (Scenario, error) {
	z, err := unpack(packed)
	if err != nil {
		return Scenario{}, err
	}
	contacts, people, err := ReadMeet(z)
	s := Scenario{
		Name: name, About: about, People: people, Contacts: contacts, Random: 600, Class: envelope.S1,
		Network: Network{Rate: 125_000, Latency: 20 * time.Millisecond},
	}
	s.finish()
	return s, err
}

// Protest is fifty people who walk, as the authors of Amigo recorded or drew
// it, in two groups within which a thousand letters go. Everybody looks around
// each minute and reaches ten metres.
func Protest(name string, packed []byte) (Scenario, error) {
	z, err := unpack(packed)
	if err != nil {
		return Scenario{}, err
	}
	at, err := ReadWalk(z)
	if err != nil {
		return Scenario{}, err
	}
	const skip, reach, look, group = 400, 10, 60, 25 // they start in one place
	s := Scenario{
		Name: name, About: "50 people of a protest in two groups, 10 m, a look around each minute (Amigo), 1,000 letters",
		Contacts: Meet(at[min(skip, len(at)-1):], reach, look), People: len(at[0]), Class: envelope.S1, Quota: 1 << 20,
		Network: Network{Rate: 125_000, Latency: 5 * time.Millisecond}, End: seconds(len(at) - skip),
	}
	rng := rand.New(rand.NewPCG(1, 0x616d69676f))
	for range 1000 {
		from := rng.IntN(s.People)
		to := from/group*group + rng.IntN(group)
		if to == from {
			to = from/group*group + (from+1)%group
		}
		s.Letters = append(s.Letters, Letter{From: from, To: to, At: time.Duration(rng.Int64N(int64(s.End * 6 / 10)))})
	}
	s.finish()
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
	sortContacts(contacts)
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
			{From: Inside, To: Abroad, At: 5 * time.Minute},
			{From: Neighbour, To: Abroad, At: 6 * time.Minute},
			{From: Inside, To: Abroad, At: dark + time.Minute}, // too late for anybody
		},
		End:     2 * time.Hour,
		Class:   envelope.S1,
		Network: Network{Rate: 8000, Latency: 300 * time.Millisecond},
		Relays:  []int{Relay},
	}
}
