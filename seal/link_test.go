package seal_test

import (
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// The classifier: somebody who sees every envelope on a shelf learns from pairs
// and from threes of which it was told whether all are of one writer to one
// reader, and then guesses others. Half of them are, so guessing is right in .5.
//
// A shelf after another is sealed, looked at and let go, so that a million
// envelopes need no more memory than ten thousand.

// talkative is one conversation in one direction, with habits of its own.
type talkative struct {
	to, from *seal.Session
	rng      *rand.Rand
	weight   float64 // of all letters
	large    float64 // share of letters above S1
	life     int     // days
	burst    int     // letters at once, at most
	last     []byte
	today    []duty // of this shelf
}

// duty is a letter to seal.
type duty struct {
	place int // on the shelf
	hours float64
}

// street is all who write.
type street struct {
	convs   []*talkative
	rng     *rand.Rand
	plant   func(raw []byte, conv int, rng *rand.Rand)
	hours   float64
	pending []int // conversations whose burst goes on
}

func newStreet(t *testing.T, rng *rand.Rand, plant func([]byte, int, *rand.Rand)) *street {
	s := &street{convs: make([]*talkative, 40), rng: rng, plant: plant}
	for i := range s.convs {
		c := &talkative{weight: rng.ExpFloat64() + .2, life: 30, burst: 1 + rng.IntN(3), large: rng.Float64() * .4}
		if i%5 == 4 {
			c.life = []int{7, 120}[rng.IntN(2)]
		}
		c.rng = rand.New(rand.NewPCG(9, uint64(i)))
		c.from, c.to = confirmed(t, newPerson(t, "A"), newPerson(t, "B"), 0, false)
		s.convs[i] = c
	}
	return s
}

// shelf seals the next n letters, in the order of sealing, on all cores.
func (s *street) shelf(t *testing.T, n int) []*look {
	total := 0.0
	for _, c := range s.convs {
		c.today = c.today[:0]
		total += c.weight
	}
	for place := range n {
		if len(s.pending) == 0 {
			s.hours += s.rng.ExpFloat64() * 3 / float64(len(s.convs)) // each writes eight times a day
			at, k := s.rng.Float64()*total, 0
			for ; k < len(s.convs)-1 && at > s.convs[k].weight; k++ {
				at -= s.convs[k].weight
			}
			for range 1 + s.rng.IntN(s.convs[k].burst) {
				s.pending = append(s.pending, k)
			}
		}
		c := s.convs[s.pending[0]]
		s.pending = s.pending[1:]
		c.today = append(c.today, duty{place, s.hours})
	}
	looks := make([]*look, n)
	onAllCores(len(s.convs), func(k int) {
		c := s.convs[k]
		for _, d := range c.today {
			raw, err := c.letter(d.hours)
			if err != nil {
				t.Error(err)
				return
			}
			if s.plant != nil {
				s.plant(raw, k, c.rng)
			}
			delay := math.Exp(c.rng.Float64()*math.Log(72*60)) / 60
			looks[d.place] = lookAt(raw, k, d.hours+delay)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return looks
}

// onAllCores calls do for each number below n.
func onAllCores(n int, do func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for k := next.Add(1) - 1; k < int64(n); k = next.Add(1) - 1 {
				do(int(k))
			}
		})
	}
	wg.Wait()
}

// letter seals the next; the other end answers when the writer would stop.
func (c *talkative) letter(hours float64) ([]byte, error) {
	now := seal.Tick(hours * 3600)
	if c.from.CanSeal(now) != nil || c.rng.IntN(60) == 0 && c.last != nil {
		if err := c.answer(now); err != nil {
			return nil, err
		}
	}
	w := seal.Where{Class: envelope.S1, LifeDays: c.life}
	w.Expiry = envelope.Day(1800 + int(hours/24)).Add(c.life + c.rng.IntN(envelope.MaxJitter+1))
	part := seal.Part{Kind: kindText, Body: make([]byte, 20+c.rng.IntN(700))}
	for _, w.Class = range envelope.Sealed() {
		if c.from.Room(w.Class) >= c.from.Wish(now)+seal.PartSize(part) {
			break
		}
	}
	if c.rng.Float64() < c.large {
		w.Class = envelope.S2
		if c.rng.IntN(4) == 0 {
			w.Class = envelope.S3
		}
	}
	out, err := c.from.Seal(now, w, []seal.Part{part})
	if err != nil {
		return nil, err
	}
	c.last = out.Bytes
	return append([]byte(nil), out.Bytes...), nil
}

// answer is the other end's letter after the last one, and a day's upkeep.
func (c *talkative) answer(now seal.Tick) error {
	e, err := envelope.Parse(c.last)
	if err != nil {
		return err
	}
	if _, err := c.to.Open(now, e); err != nil {
		return err
	}
	back, err := c.to.Seal(now, where(envelope.S2), text(""))
	if err != nil {
		return err
	}
	if e, err = envelope.Parse(back.Bytes); err != nil {
		return err
	}
	if _, err := c.from.Open(now, e); err != nil {
		return err
	}
	c.to.Expire(now)
	c.from.TagsChanged()
	c.to.TagsChanged()
	return nil
}

// guessed is how often one learner was right.
type guessed struct {
	name   string
	shown  bool // it saw what is shown on purpose
	threes bool
	learner
	right, of int
}

func (g *guessed) share() float64 { return float64(g.right) / float64(g.of) }

// sure is how far chance alone takes the share, in 95 of 100.
func (g *guessed) sure() float64 { return 1.96 * math.Sqrt(.25/float64(g.of)) }

// linked lets all learners learn on the first half of n letters and guess on the
// second.
func linked(t *testing.T, n int, plant func([]byte, int, *rand.Rand)) []*guessed {
	rng := rand.New(rand.NewPCG(7, 7))
	all := []*guessed{
		{name: "pairs, by the bytes, regression", learner: newRegression(0, byBytes)},
		{name: "pairs, by the bytes, boosted stumps", learner: newStumps(0, byBytes)},
		{name: "pairs, by the bytes, tables of each place", learner: new(places)},
		{name: "threes, by the bytes, regression", threes: true, learner: newRegression(0, ofThree)},
		{name: "threes, by the bytes, boosted stumps", threes: true, learner: newStumps(0, ofThree)},
		{name: "pairs, by class, day and time, regression", shown: true, learner: newRegression(byBytes, features)},
		{name: "pairs, by all, regression", shown: true, learner: newRegression(0, features)},
	}
	const most = 8192 // letters on a shelf, beside the window of an earlier one
	half := max(2, (n+2*most-1)/(2*most))
	s := newStreet(t, rng, plant)
	w := &window{rng: rng}
	for k := range 2 * half {
		pairs, threes := w.draw(s.shelf(t, n/(2*half)))
		onAllCores(len(all), func(i int) {
			g, list := all[i], pairs
			if g.threes {
				list = threes
			}
			if k < half {
				g.learn(list, k == half-1, rand.New(rand.NewPCG(uint64(k), uint64(i))))
				return
			}
			for j := range list {
				if g.score(&list[j]) > 0 == list[j].same {
					g.right++
				}
				g.of++
			}
		})
	}
	return all
}

// TestLinkability: by their bytes, envelopes of one conversation are not told
// from those of different ones. JAUAP_LINK=1000000 says how many.
func TestLinkability(t *testing.T) {
	t.Parallel()
	n := 3000
	if s := os.Getenv("JAUAP_LINK"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range linked(t, n, nil) {
		t.Logf("%d envelopes, %s: %.4f ± %.4f of %d guesses are right", n, g.name, g.share(), g.sure(), g.of)
		if !g.shown && g.share() > .5+.01+2.5*g.sure() { // by chance once in two million
			t.Errorf("envelopes are linked by their bytes (%s): %.4f of the guesses are right", g.name, g.share())
		}
	}
	// A learner that finds nothing must be one that would: one byte of the body, in
	// most of the envelopes, depends on the conversation.
	n = min(n, 100_000)
	for _, g := range linked(t, n, func(raw []byte, conv int, rng *rand.Rand) {
		if rng.IntN(8) > 0 {
			raw[110] = byte(conv * 37)
		}
	}) {
		t.Logf("with a byte that tells the conversation in seven of eight of %d, %s: %.4f", n, g.name, g.share())
		if !g.shown && g.share() < .5+3*g.sure()+.01 {
			t.Errorf("a planted leak is not found (%s): %.4f", g.name, g.share())
		}
	}
}
