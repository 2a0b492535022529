package sim

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/jauap/jauap/envelope"
)

// scene is a scenario as people write it: docs/simulation.md.
type scene struct {
	Name       string   `toml:"name"`
	About      string   `toml:"about"`
	People     int      `toml:"people"`
	Hours      float64  `toml:"hours"`
	Letters    int      `toml:"letters"`
	From       float64  `toml:"from"`
	Until      float64  `toml:"until"`
	Background int      `toml:"background"`
	Class      string   `toml:"class"`
	Rate       int      `toml:"rate"`
	Latency    int      `toml:"latency"`
	Shelf      int64    `toml:"shelf"`
	Proofs     float64  `toml:"proofs"`
	Friends    int      `toml:"friends"`
	Pairs      [][2]int `toml:"pairs"`
	Relays     []int    `toml:"relays"`
	Sybils     []int    `toml:"sybils"`
	Informants []int    `toml:"informants"`
	Junk       int      `toml:"junk"`
	Offer      int      `toml:"offer"`
	JunkProofs float64  `toml:"junk_proofs"`
	JunkStamps int      `toml:"junk_stamps"`
	Postage    string   `toml:"postage"`
	Trace      struct {
		File  string  `toml:"file"`
		Kind  string  `toml:"kind"`
		Reach float64 `toml:"reach"`
		Look  int     `toml:"look"`
		Skip  int     `toml:"skip"`
	} `toml:"trace"`
	Contact []struct {
		A    int     `toml:"a"`
		B    int     `toml:"b"`
		From float64 `toml:"from"`
		To   float64 `toml:"to"`
	} `toml:"contact"`
	Letter []struct {
		From int     `toml:"from"`
		To   int     `toml:"to"`
		At   float64 `toml:"at"`
	} `toml:"letter"`
	Window []struct {
		From float64 `toml:"from"`
		To   float64 `toml:"to"`
	} `toml:"window"`
}

// maxScene bounds a scenario file in bytes.
const maxScene = 16 << 20

// Read reads a scenario file. open finds the trace that it names. Errors:
// ErrScenario, and what open answers.
func Read(r io.Reader, open func(name string) (io.ReadCloser, error)) (Scenario, error) {
	var f scene
	meta, err := toml.NewDecoder(io.LimitReader(r, maxScene)).Decode(&f)
	if err != nil {
		return Scenario{}, fmt.Errorf("%w: %w", ErrScenario, err)
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		return Scenario{}, fmt.Errorf("%w: no such key: %s", ErrScenario, extra[0])
	}
	s := Scenario{
		Name: f.Name, About: f.About, People: f.People, Random: f.Letters, Background: f.Background,
		Since: hours(f.From), Until: hours(f.Until), End: hours(f.Hours), Network: Network{Rate: f.Rate, Latency: time.Duration(f.Latency) * time.Millisecond},
		Quota: f.Shelf, ProofAfter: hours(f.Proofs), Relays: f.Relays, Sybils: f.Sybils, Informants: f.Informants,
		Junk: f.Junk, Offer: f.Offer, JunkProofs: hours(f.JunkProofs), Bought: f.JunkStamps, Friends: f.Pairs,
	}
	if s.Class, err = ParseClass(f.Class); err != nil {
		return Scenario{}, err
	}
	if s.Postage, err = ParsePostage(f.Postage); err != nil {
		return Scenario{}, err
	}
	for _, c := range f.Contact {
		s.Contacts = append(s.Contacts, Contact{c.A, c.B, hours(c.From), hours(c.To)})
	}
	for _, l := range f.Letter {
		s.Letters = append(s.Letters, Letter{From: l.From, To: l.To, At: hours(l.At)})
	}
	for _, w := range f.Window {
		s.Windows = append(s.Windows, Window{hours(w.From), hours(w.To)})
	}
	if f.Trace.File != "" && len(s.Contacts) > 0 {
		return Scenario{}, fmt.Errorf("%w: contacts come from a trace or stand in the file, not both", ErrScenario)
	}
	if f.Trace.File != "" {
		if err := s.load(f, open); err != nil {
			return Scenario{}, err
		}
	}
	if f.Letters > maxPeople || f.Background > maxPeople || f.Junk > maxPeople || f.Friends > 1000 {
		return Scenario{}, fmt.Errorf("%w: more than a million of something", ErrScenario)
	}
	if s.People < 1 || s.People > maxPeople || s.End < 0 || s.Quota < 0 || s.Random < 0 || s.Background < 0 || s.Junk < 0 || s.Offer < 0 || s.ProofAfter < 0 {
		return Scenario{}, fmt.Errorf("%w: a number is out of its range", ErrScenario)
	}
	if f.Friends > 0 {
		s.Friends = append(s.Friends, ring(s.People, f.Friends)...)
	}
	s.finish()
	return s, s.Check()
}

// hours bounds what a file may say of times to ten years.
func hours(h float64) time.Duration {
	if !(h > -1) || h > 87600 {
		return -1
	}
	return time.Duration(h * float64(time.Hour))
}

// finish fills in what follows from the rest.
func (s *Scenario) finish() {
	sortContacts(s.Contacts)
	if s.End == 0 {
		for _, c := range s.Contacts {
			s.End = max(s.End, c.To)
		}
	}
	if s.Until == 0 {
		s.Until = s.End * 6 / 10
	}
}

// load reads the trace of a scenario file.
func (s *Scenario) load(f scene, open func(string) (io.ReadCloser, error)) error {
	file, err := open(f.Trace.File)
	if err != nil {
		return err
	}
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(f.Trace.File, ".gz") {
		if r, err = gzip.NewReader(file); err != nil {
			return fmt.Errorf("sim: %s: %w", f.Trace.File, err)
		}
	}
	r = io.LimitReader(r, maxTrace)
	people := 0
	switch f.Trace.Kind {
	case "sociopatterns":
		s.Contacts, people, err = ReadTrace(r)
	case "one":
		s.Contacts, people, err = ReadConnections(r)
	case "meet":
		s.Contacts, people, err = ReadMeet(r)
	case "positions", "walk":
		read := ReadPositions
		if f.Trace.Kind == "walk" {
			read = ReadWalk
		}
		var at [][][2]float64
		if at, err = read(r); err == nil {
			people = len(at[0])
			s.Contacts = Meet(at[min(max(f.Trace.Skip, 0), len(at)-1):], f.Trace.Reach, max(f.Trace.Look, 1))
		}
	default:
		err = fmt.Errorf("%w: a trace is of the kind sociopatterns, one, positions, meet or walk, not %q", ErrScenario, f.Trace.Kind)
	}
	s.People = max(s.People, people)
	return err
}

// ParseClass reads the name of a size class; "" is S1.
func ParseClass(name string) (envelope.Class, error) {
	for _, c := range envelope.Sealed() {
		if name == c.String() || name == "" && c == envelope.S1 {
			return c, nil
		}
	}
	return 0, errors.Join(ErrScenario, fmt.Errorf("sim: no size class %q; there are S1, S1b, and S2 to S5", name))
}

// ring lets everybody know the nearest by number.
func ring(people, degree int) (friends [][2]int) {
	for p := range people {
		for k := 1; k <= degree/2 && k < people; k++ {
			friends = append(friends, [2]int{p, (p + k) % people})
		}
	}
	return friends
}
