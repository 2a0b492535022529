package observe

import (
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

// TestWord: the vector of spec/lan.md, 6, and what is said when.
func TestWord(t *testing.T) {
	w := Word{Restricted: true, Heard: 7 * time.Second, Open: 100 * time.Minute}
	if got := hex.EncodeToString(w.Frame()); got != "060101000700001770" {
		t.Errorf("frame %s", got)
	}
	if got, err := ParseWord(append(w.Frame(), 1, 2, 3)); err != nil || got != w {
		t.Errorf("%+v, %v", got, err)
	}
	for _, b := range [][]byte{nil, w.Frame()[:8], {5, 1, 1, 0, 7, 0, 0, 0, 0}, {6, 0, 1, 0, 7, 0, 0, 0, 0}} {
		if _, err := ParseWord(b); err == nil {
			t.Errorf("%x is taken", b)
		}
	}
	if w = (Word{Heard: -time.Second, Open: 2_000_000 * time.Hour}); hex.EncodeToString(w.Frame()) != "06010000"+"00ffffffff" {
		t.Errorf("clamped: %x", w.Frame())
	}
	var l Log
	if _, ok := l.Word(at(0)); ok {
		t.Error("said without an answer")
	}
	l.Note(at(0), home(Answered, "h"))
	if _, ok := l.Word(at(0)); ok {
		t.Error("said because of an inland relay")
	}
	l.Note(at(1), ev(Answered, "a"))
	l.Moved(at(3), 0, 1)
	if w, ok := l.Word(at(3).Add(30 * time.Second)); !ok || w != (Word{Heard: 30 * time.Second, Open: 150 * time.Second}) {
		t.Errorf("%+v, %v", w, ok)
	}
	if _, ok := l.Word(at(5)); ok {
		t.Error("said of an old answer")
	}
	l.Note(at(3), ev(Silent, "a"))
	if _, ok := l.Word(at(3)); ok {
		t.Error("said after the closing")
	}
}

// TestEar: true words are always heeded; strangers use up no contact's share.
func TestEar(t *testing.T) {
	var e Ear
	if e.Hear(at(0), false, Word{Heard: time.Hour}) || !e.Told().IsZero() {
		t.Error("old news is heeded")
	}
	if !e.Hear(at(0), false, Word{}) || e.Told() != at(0) || e.Hear(at(9), false, Word{}) {
		t.Error("the first is heeded, the next for ten minutes not")
	}
	if !e.Hear(at(9), true, Word{}) || e.Told() != at(9) {
		t.Error("a contact is not heard because of a stranger")
	}
	e.Opened(at(10))
	if !e.Hear(at(11), true, Word{}) || e.Hear(at(9), false, Word{}) {
		t.Error("who was right is not heard again, or who was wrong is")
	}
	if !e.Hear(at(-30), false, Word{}) {
		t.Error("deaf after the clock was set back")
	}
}

// dark plays days on battery that are dark but for openings, in virtual time. A
// neighbour says "open" so often, from so long after each opening on; liar says
// so all the time instead. It returns how late openings are noticed, and tries.
func dark(days int, every, after time.Duration, liar bool, rng *rand.Rand) (late []time.Duration, n int) {
	begin := time.Date(2022, 1, 8, 0, 7, 0, 0, almaty())
	o := Occasion{Power: Battery, Poll: time.Second, Since: begin}
	var ear Ear
	try, said := begin, begin
	for d := range days {
		opening := begin.AddDate(0, 0, d).Add(2*time.Hour + time.Duration(rng.Int64N(int64(20*time.Hour))))
		for try.Before(opening) {
			if every > 0 && liar && said.Before(try) {
				if ear.Hear(said, false, Word{}) {
					try = said
				}
				said = said.Add(every)
				continue
			}
			n++
			o.Now, o.Told = try, ear.Told()
			try = try.Add(Wait(o, rng))
		}
		if told := opening.Add(after); every > 0 && !liar && told.Before(try) && ear.Hear(told, false, Word{}) {
			try = told
		}
		late = append(late, try.Sub(opening))
		ear.Opened(try)
		try = opening.Add(2 * time.Hour) // it was open
		said, o.Since = try, try
	}
	slices.Sort(late)
	return late, n
}

// TestNeighbours: what a neighbour's word gains a node on battery, and what one
// costs who says so all day and every second.
func TestNeighbours(t *testing.T) {
	const days, runs = 7, 10
	var alone, told []time.Duration
	var nAlone, nLied int
	for seed := range uint64(runs) {
		a, n := dark(days, 0, 0, false, rand.New(rand.NewPCG(seed, 1)))
		alone, nAlone = append(alone, a...), nAlone+n
		b, _ := dark(days, time.Second, 1500*time.Millisecond, false, rand.New(rand.NewPCG(seed, 1)))
		told = append(told, b...)
		_, n = dark(days, time.Second, 0, true, rand.New(rand.NewPCG(seed, 1)))
		nLied += n
	}
	slices.Sort(alone)
	slices.Sort(told)
	half, most := len(alone)/2, len(alone)*95/100
	t.Logf("openings at any time, battery: noticed after %.1f s (median), %.1f s (95 %%) alone; %.1f s, %.1f s beside a neighbour on mains",
		alone[half].Seconds(), alone[most].Seconds(), told[half].Seconds(), told[most].Seconds())
	more := float64(nLied-nAlone) / (days * runs)
	t.Logf("tries a day: %d alone, %.0f more beside one who says \"open\" every second", nAlone/days/runs, more)
	if told[most] > 2*time.Second || alone[half] < 5*time.Second {
		t.Error("a neighbour's word gains nothing")
	}
	if more > 1800 || more < 100 {
		t.Error("a liar costs more than 10 bursts of three minutes a day, or nothing")
	}
	// A dark without end is what a liar can do worst.
	var ear Ear
	heeded := 0
	for now := range 30 * 24 * 60 {
		if ear.Hear(at(now), false, Word{}) {
			heeded++
		}
	}
	if heeded > 8+3*30 {
		t.Errorf("%d bursts in 30 days", heeded)
	}
}

func FuzzParseWord(f *testing.F) {
	f.Add(Word{Heard: time.Second, Open: time.Hour}.Frame())
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		w, err := ParseWord(b)
		if err != nil {
			return
		}
		if again, err := ParseWord(w.Frame()); err != nil || again != w {
			t.Errorf("%+v reads back as %+v, %v", w, again, err)
		}
	})
}
