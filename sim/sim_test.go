package sim

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
)

// morning is the beginning of the conference: a run of a few seconds.
func morning(t *testing.T) Scenario {
	s, err := Conference()
	if err != nil {
		t.Fatal(err)
	}
	s.Name, s.Random, s.Until, s.End = "morning", 80, 3*time.Hour, 7*time.Hour
	s.Contacts = slices.DeleteFunc(s.Contacts, func(c Contact) bool { return c.To > s.End })
	return s
}

func play(t *testing.T, s Scenario, seed uint64) Result {
	r, err := Run(t.Context(), s, seed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTraceOfTheConference(t *testing.T) {
	s, err := Conference()
	if err != nil {
		t.Fatal(err)
	}
	if s.People != 403 || len(s.Contacts) != 26040 || s.End.Round(6*time.Minute) != 31*time.Hour+48*time.Minute {
		t.Fatalf("%d people, %d contacts, %v", s.People, len(s.Contacts), s.End)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
}

// Real nodes come close to the ideal flood, and never beat it.
func TestNearTheIdeal(t *testing.T) {
	s := morning(t)
	r := play(t, s, 1)
	t.Logf("delivered %.3f of ideally %.3f, median %.0f s of %.0f s, %.0f bytes for each", r.Share, r.Ideal.Share,
		r.MedianSeconds, r.Ideal.MedianSeconds, r.BytesPerDelivered)
	if r.Ideal.Delivered < 20 || float64(r.Delivered) < 0.9*float64(r.Ideal.Delivered) {
		t.Fatalf("delivered %d, ideally %d", r.Delivered, r.Ideal.Delivered)
	}
	sim, err := newRun(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer sim.close()
	for l, ideal := range flood(s, sim.letters).arrived {
		if at := r.Arrivals[l]; at >= 0 && (ideal < 0 || at < ideal) {
			t.Fatalf("letter %d arrived at %v, ideally %v", l, at, ideal)
		}
	}
}

func TestSameSeedSameEvents(t *testing.T) {
	s := morning(t)
	s.Random, s.Until, s.End = 20, time.Hour, 90*time.Minute
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	first := play(t, s, 5)
	runtime.GOMAXPROCS(4)
	second := play(t, s, 5)
	if first.Hash != second.Hash || first.Outcome != second.Outcome || first.Bytes != second.Bytes {
		t.Fatalf("same seed:\n%+v\n%+v", first, second)
	}
	if third := play(t, s, 6); third.Hash == first.Hash {
		t.Fatal("another seed gives the same events")
	}
}

// A relay answers for five seconds after an hour of darkness: the letters that
// the traveller carries arrive in that window.
func TestBlackout(t *testing.T) {
	for seed := range uint64(20) {
		r := play(t, Blackout(), seed)
		for l := range 2 {
			if at := r.Arrivals[l]; at < time.Hour || at > time.Hour+5*time.Second {
				t.Fatalf("seed %d: letter %d arrived at %v", seed, l, at)
			}
		}
		if r.Arrivals[2] >= 0 {
			t.Fatalf("seed %d: the late letter arrived at %v", seed, r.Arrivals[2])
		}
	}
}

// With no way for a letter, nothing arrives; with one, one copy each hop.
func TestChain(t *testing.T) {
	s := Scenario{
		Name: "chain", People: 4, Class: envelope.S2, End: time.Hour,
		Contacts: []Contact{{0, 1, 10 * time.Second, 20 * time.Second}, {1, 2, 30 * time.Second, 40 * time.Second}},
		Letters:  []Letter{{From: 0, To: 2, At: time.Second}, {From: 0, To: 3, At: time.Second}, {From: 2, To: 0, At: time.Second}},
	}
	r := play(t, s, 1)
	if r.Delivered != 1 || r.Copies != 2 || r.Ideal != r.Outcome {
		t.Fatalf("%+v", r)
	}
	if at := r.Arrivals[0]; at != 30*time.Second {
		t.Fatalf("arrived at %v", at)
	}
}

func TestIdealFlood(t *testing.T) {
	s := Scenario{
		People: 5,
		Contacts: []Contact{
			{0, 1, 0, 100}, {1, 2, 0, 100}, // at the same time: three at once
			{2, 3, 100, 200}, // begins as the others end
			{3, 4, 50, 60},   // too early
		},
	}
	letters := []Letter{{From: 0, To: 2, At: 10}, {From: 0, To: 3, At: 10}, {From: 0, To: 4, At: 10}, {From: 4, To: 3, At: 70}}
	got := flood(s, letters)
	if want := []time.Duration{10, 100, -1, -1}; !slices.Equal(got.arrived, want) {
		t.Fatalf("arrived %v, want %v", got.arrived, want)
	}
	if got.copies[0] != 2 || got.copies[1] != 3 {
		t.Fatalf("copies %v", got.copies)
	}
}

func TestBadScenarios(t *testing.T) {
	for name, change := range map[string]func(*Scenario){
		"contact with oneself": func(s *Scenario) { s.Contacts = []Contact{{1, 1, 0, 1}} },
		"nobody there":         func(s *Scenario) { s.Contacts = []Contact{{0, 9, 0, 1}} },
		"ends before it began": func(s *Scenario) { s.Contacts = []Contact{{0, 1, 5, 5}} },
		"letter to nobody":     func(s *Scenario) { s.Letters = []Letter{{To: 9}} },
		"no class":             func(s *Scenario) { s.Class = envelope.Done },
		"random without time":  func(s *Scenario) { s.Random = 1 },
	} {
		s := Scenario{People: 3, Class: envelope.S1, End: time.Second}
		change(&s)
		if _, err := Run(t.Context(), s, 1); !errors.Is(err, ErrScenario) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, people := range []int{-3, 1, fewest - 1} {
		if _, err := Named("flood", 1, people); !errors.Is(err, ErrScenario) {
			t.Errorf("a town of %d people: %v", people, err)
		}
	}
	if s, err := Named("informants", 1, fewest); err != nil || s.Check() != nil {
		t.Errorf("the smallest town: %v, %v", err, s.Check())
	}
	if _, err := Named("atlantis", 1, 0); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown name: %v", err)
	}
	for _, name := range Names() {
		if s, err := Named(name, 1, 30); err != nil || s.Name != name || s.About == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Blackout(), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestReadTrace(t *testing.T) {
	contacts, people, err := ReadTrace(strings.NewReader("100 7 5\n120 5 7\n160 5 7\n120 7 9\n"))
	want := []Contact{{0, 1, 0, 40 * time.Second}, {1, 2, 20 * time.Second, 40 * time.Second}, {0, 1, 60 * time.Second, 80 * time.Second}}
	slices.SortFunc(want, func(a, b Contact) int { return int(a.From - b.From) })
	if err != nil || people != 3 || !slices.Equal(contacts, want) {
		t.Fatalf("%v %d %v", contacts, people, err)
	}
	for _, bad := range []string{"1 2", "a b c", "1 2 2", "1 2 99999999999999999999"} {
		if _, _, err := ReadTrace(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzReadTrace(f *testing.F) {
	f.Add("100 7 5\n120 5 7\n")
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, in string) {
		defer limits.Watch(t, len(in))()
		contacts, people, err := ReadTrace(strings.NewReader(in))
		if err != nil {
			return
		}
		for _, c := range contacts {
			if c.A < 0 || c.B >= people || c.A >= c.B || c.To < c.From+step {
				t.Fatalf("contact %v of %d people", c, people)
			}
		}
	})
}
