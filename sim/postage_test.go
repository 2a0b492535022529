package sim

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/routing"
)

// crossing is a letter that a stranger carries, who meets somebody with junk first, and
// who has time for a part of what he holds when he meets the reader.
func crossing(p Postage, forged int) Scenario {
	return Scenario{
		Name: "crossing", People: 4, Class: envelope.S1, End: time.Hour, Postage: p, Forged: forged,
		Contacts: []Contact{{0, 1, time.Minute, 2 * time.Minute}, {3, 1, 3 * time.Minute, 10 * time.Minute}, {1, 2, 20 * time.Minute, 22 * time.Minute}, {1, 2, 40 * time.Minute, 41 * time.Minute}},
		Letters:  []Letter{{From: 0, To: 2, At: time.Second}},
		Network:  Network{Rate: 20_000, Latency: 5 * time.Millisecond},
		Sybils:   []int{3}, Junk: 300, Offer: 300, ProofAfter: time.Minute, Batch: time.Minute,
	}
}

// ranks counts what lies on a person's shelf, by rank.
func (r *run) ranks(p int) (stamps, mail, junk [4]int) {
	for _, e := range r.people[p].sh.Since(0, 1<<20) {
		_, ours := r.letter[e.ID]
		switch {
		case e.Class == envelope.Stamp:
			stamps[e.Rank]++
		case ours:
			mail[e.Rank]++
		case e.Class == r.s.Class:
			junk[e.Rank]++
		}
	}
	return stamps, mail, junk
}

// until plays a scenario up to a time and leaves it open.
func until(t *testing.T, s Scenario, at time.Duration) *run {
	r, err := newRun(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	for e := r.pop(); e != nil && e.at <= at; e = r.pop() {
		r.now = e.at
		r.play(e)
		if r.failed != nil {
			t.Fatal(r.failed)
		}
	}
	return r
}

// Honest letters travel with stamps, and what junk stamps itself is worth nothing.
func TestHonestPostage(t *testing.T) {
	const before = 15 * time.Minute
	stamps, mail, junk := until(t, crossing(Honest, 40), before).ranks(1)
	if stamps != [4]int{routing.Paid: 1} || mail != [4]int{routing.Paid: 1} || junk[routing.Paid] > 0 || junk[routing.Other] < 200 {
		t.Errorf("stamps %v, mail %v, junk %v by rank", stamps, mail, junk)
	}
	stamps, mail, junk = until(t, crossing(NoPostage, 40), before).ranks(1)
	if stamps != [4]int{} || mail != [4]int{routing.Other: 1} || junk[routing.Paid] > 0 {
		t.Errorf("without postage: stamps %v, mail %v, junk %v by rank", stamps, mail, junk)
	}
	bought := crossing(Honest, 0)
	bought.Bought = 40
	stamps, mail, junk = until(t, bought, before).ranks(1)
	if stamps != [4]int{routing.Paid: 41} || mail != [4]int{routing.Paid: 1} || junk[routing.Paid] != 40 || junk[routing.Other] < 200 {
		t.Errorf("junk with tokens: stamps %v, mail %v, junk %v by rank", stamps, mail, junk)
	}
	_, mail, junk = until(t, crossing(Everybody, 0), before).ranks(1)
	if mail != [4]int{routing.Paid: 1} || junk[routing.Other] > 0 {
		t.Errorf("postage for all: mail %v, junk %v by rank", mail, junk)
	}
	// Whoever meets the carrier gets the letter, and then its proof takes the stamp away.
	end := until(t, crossing(Honest, 40), time.Hour)
	if stamps, mail, _ := end.ranks(1); end.tally.arrived[0] < 0 || stamps != [4]int{} || mail != [4]int{} {
		t.Errorf("arrived %v; stamps %v, mail %v", end.tally.arrived[0], stamps, mail)
	}
}

// What the mint did not sign is not valid, whatever else is right about it.
func TestMint(t *testing.T) {
	h, err := newHostile(rand.New(rand.NewPCG(1, 1)), crossing(Honest, 3), firstDay+9, newMint(1))
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRun(crossing(Honest, 3), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	good, err := envelope.Parse(r.stamps[0])
	if err != nil || !r.mint.Valid(good) || newMint(2).Valid(good) {
		t.Fatalf("%v: a good stamp is not valid, or everywhere", err)
	}
	for _, e := range h.stamps {
		if e.Verify() != nil || r.verify(e) != nil || r.mint.Valid(e) {
			t.Error("the forged stamp is wrong in itself, or valid")
		}
	}
	// The stand-in for a junk unit's signature is none for a stamp's.
	raw := append([]byte{}, h.stamps[0].Bytes()...)
	for i := 36; i < 100; i++ {
		raw[i] = junkByte
	}
	if e, err := envelope.Parse(raw); err != nil || r.verify(e) == nil {
		t.Errorf("%v: junk's signature passes for a stamp's", err)
	}
	for name, want := range map[string]Postage{"": NoPostage, "none": NoPostage, "honest": Honest, "all": Everybody} {
		if p, err := ParsePostage(name); err != nil || p != want {
			t.Errorf("%q: %q, %v", name, p, err)
		}
	}
	if _, err := ParsePostage("some"); !errors.Is(err, ErrScenario) {
		t.Error(err)
	}
}

// Whoever has no contacts gets letters out because of postage. Two towns of three days.
func TestLoners(t *testing.T) {
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("two towns of three days take 20 s: JAUAP_TEST=all plays them")
	}
	s := Loners(3, 20)
	paid := play(t, s, 3)
	s.Postage = NoPostage
	plain := play(t, s, 3)
	t.Logf("without %+v; %v", plain.Outcome, plain.Lost)
	t.Logf("with postage %+v; %v", paid.Outcome, paid.Lost)
	if plain.Letters != 100 || paid.Delivered < 97 || paid.Delivered < plain.Delivered+10 {
		t.Errorf("%d of %d without postage, %d with it", plain.Delivered, plain.Letters, paid.Delivered)
	}
}
