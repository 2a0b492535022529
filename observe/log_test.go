package observe

import (
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

var dawn = time.Date(2022, 1, 5, 10, 45, 0, 0, time.UTC)

func at(minutes int) time.Time { return dawn.Add(time.Duration(minutes) * time.Minute) }

func ev(k Kind, way string) Evidence { return Evidence{Kind: k, Way: way} }

func home(k Kind, way string) Evidence { return Evidence{Kind: k, Way: way, Inland: true} }

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		seen []Evidence // one a minute
		ask  int
		want State
	}{
		"nothing tried":             {nil, 0, NotKnown},
		"no network":                {[]Evidence{ev(Unlinked, "")}, 1, NoLink},
		"no way on":                 {[]Evidence{ev(Linked, ""), ev(Unrouted, "")}, 1, NoRoute},
		"neither":                   {[]Evidence{ev(Unrouted, ""), ev(Unlinked, "")}, 1, NoLink},
		"one silent relay":          {[]Evidence{ev(Silent, "a")}, 1, Dark},
		"silence goes stale":        {[]Evidence{ev(Silent, "a")}, 30, NotKnown},
		"a stranger answers":        {[]Evidence{ev(Silent, "b"), ev(Foreign, "a")}, 2, Portal},
		"the stranger is gone":      {[]Evidence{ev(Foreign, "a"), ev(Silent, "a")}, 2, Dark},
		"one of two answers":        {[]Evidence{ev(Silent, "a"), ev(Answered, "b")}, 2, Open},
		"the answering one goes":    {[]Evidence{ev(Answered, "b"), ev(Silent, "b")}, 2, Dark},
		"the other one goes":        {[]Evidence{ev(Answered, "a"), ev(Answered, "b"), ev(Silent, "b")}, 3, Open},
		"answer beats no interface": {[]Evidence{ev(Unlinked, ""), ev(Answered, "a")}, 2, Open},
		"answer beats no route":     {[]Evidence{ev(Unrouted, ""), ev(Answered, "a")}, 2, Open},
		"a new network":             {[]Evidence{ev(Silent, "a"), ev(Unlinked, ""), ev(Linked, "")}, 3, NotKnown},

		"inland alone proves nothing":   {[]Evidence{home(Answered, "h")}, 1, NotKnown},
		"inland answers, abroad not":    {[]Evidence{home(Answered, "h"), ev(Silent, "a")}, 2, Domestic},
		"both answer":                   {[]Evidence{home(Answered, "h"), ev(Answered, "a")}, 2, Open},
		"inland was tried alone":        {[]Evidence{home(Silent, "h")}, 2, Dark},
		"abroad was tried long ago":     {[]Evidence{home(Answered, "h"), ev(Silent, "a")}, 30, NotKnown},
		"a way abroad fails for long":   {[]Evidence{ev(Answered, "a"), ev(Answered, "b"), ev(Silent, "b")}, 5, Restricted},
		"it never answered: not judged": {[]Evidence{ev(Answered, "a"), ev(Silent, "b")}, 5, Open},
		"another port of that host":     {[]Evidence{ev(Answered, "h:179"), ev(Silent, "h:443")}, 5, Restricted},
		"it failed before the opening":  {[]Evidence{ev(Silent, "h:443"), ev(Silent, "h:443"), ev(Silent, "h:443"), ev(Answered, "h:179")}, 4, Open},
	} {
		var l Log
		for i, e := range c.seen {
			l.Note(at(i), e)
		}
		if got, _ := l.Verdict(at(c.ask)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got, _ := l.Verdict(at(c.ask)); got.Answers() != (c.want == Open || c.want == Restricted) {
			t.Errorf("%s: letters can go: %v", name, got.Answers())
		}
	}
}

func TestWindows(t *testing.T) {
	var l Log
	l.Note(at(0), ev(Silent, "a"))
	if !l.Note(at(10), ev(Answered, "a")) {
		t.Error("the opening did not change the verdict")
	}
	l.Passed(3, 2)
	l.Note(at(11), ev(Answered, "b"))
	l.Note(at(12), ev(Silent, "a"))
	if w, open := l.Current(); !open || w.From != at(10) {
		t.Errorf("open %v: %+v", open, w)
	}
	l.Moved(at(13), 4000, 900)
	l.Moved(at(14), 16000, 0) // written into the void
	l.Note(at(16), ev(Silent, "b"))
	l.Passed(9, 9) // after the window: nothing passes
	l.Moved(at(17), 1, 1)
	if _, open := l.Current(); open {
		t.Error("still open")
	}
	l.Note(at(18), home(Answered, "h")) // proves nothing about abroad
	w := l.Windows()
	if want := (Window{at(10), at(13), 3, 2, 20000, 900, true, true}); len(w) != 1 || w[0] != want {
		t.Fatalf("windows %v, want %v", w, want)
	}
	if state, since := l.Verdict(at(18)); state != Domestic || since != at(18) {
		t.Errorf("%s since %v", state, since)
	}
	l.Note(at(20), ev(Answered, "a"))
	l.Moved(at(25), 0, 1)
	if l.Others("a") || !l.Others("b") || !l.Others("h") {
		t.Error("only a answers abroad")
	}
	if w := l.Lately(at(25).Add(burstDays)); len(w) != 0 {
		t.Errorf("three days later %v is recent", w)
	}
	if w := l.Lately(at(15).Add(burstDays)); len(w) != 1 || w[0].From != at(20) {
		t.Errorf("lately %v", w)
	}
	again, err := Restore(l.Save())
	if err != nil {
		t.Fatal(err)
	}
	w = again.Windows()
	if len(w) != 2 || !w[0].To.Equal(at(13)) || !w[1].To.Equal(at(25)) || w[1].Opened || w[1].Closed {
		t.Errorf("restored %v", w)
	}
}

// TestWhoseDoing: only what the network did counts as an opening or a closing,
// not what the device did.
func TestWhoseDoing(t *testing.T) {
	for name, c := range map[string]struct {
		seen           []Evidence // one a minute; the window closes with the last
		opened, closed bool
	}{
		"switched on in a window": {[]Evidence{ev(Answered, "a"), ev(Silent, "a")}, false, true},
		"a relay's restart":       {[]Evidence{ev(Silent, "a"), ev(Answered, "a"), ev(Silent, "a")}, false, true},
		"a long dark": {[]Evidence{
			ev(Silent, "a"), ev(Silent, "a"), ev(Silent, "a"), ev(Silent, "a"), ev(Silent, "a"), ev(Silent, "a"),
			ev(Silent, "a"), ev(Silent, "a"), ev(Silent, "a"), ev(Silent, "a"), ev(Answered, "a"), ev(Silent, "a")}, true, true},
		"a sign-in to a portal": {[]Evidence{
			ev(Foreign, "a"), ev(Foreign, "a"), ev(Foreign, "a"), ev(Foreign, "a"), ev(Foreign, "a"), ev(Foreign, "a"),
			ev(Foreign, "a"), ev(Foreign, "a"), ev(Foreign, "a"), ev(Foreign, "a"), ev(Answered, "a"), ev(Silent, "a")}, false, true},
		"the device leaves": {[]Evidence{ev(Answered, "a"), ev(Unlinked, ""), ev(Silent, "a")}, false, false},
		"the dark of another network": {[]Evidence{
			ev(Silent, "a"), ev(Silent, "a"), ev(Silent, "a"), ev(Silent, "a"), ev(Silent, "a"), ev(Silent, "a"), ev(Silent, "a"),
			ev(Silent, "a"), ev(Silent, "a"), ev(Unrouted, ""), ev(Routed, ""), ev(Silent, "a"), ev(Answered, "a"), ev(Silent, "a")}, false, true},
	} {
		var l Log
		for i, e := range c.seen {
			l.Note(at(i), e)
		}
		w := l.Windows()
		if len(w) != 1 || w[0].Opened != c.opened || w[0].Closed != c.closed {
			t.Errorf("%s: %+v, want opened %v, closed %v", name, w, c.opened, c.closed)
		}
	}
}

func TestLogIsBounded(t *testing.T) {
	var l Log
	for i := range 3 * maxWindows {
		l.Note(at(2*i), ev(Answered, "a"))
		l.Note(at(2*i+1), ev(Silent, "a"))
	}
	if n := len(l.Windows()); n != maxWindows {
		t.Errorf("%d windows kept", n)
	}
	for i := range 2 * maxWays {
		l.Note(at(0), ev(Silent, time.Duration(i).String()))
	}
	if n := len(l.ways); n != maxWays {
		t.Errorf("%d ways kept", n)
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`[{"from":"2022-01-05T10:45:00Z","sent":1}]`))
	f.Add([]byte(`[{"from":"2022-01-05T10:45:00Z","to":"2021-01-05T10:45:00Z","opened":true,"closed":true}]`))
	f.Add([]byte(`[`))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		l, err := Restore(b)
		if err != nil {
			return
		}
		for _, w := range l.Windows() {
			if w.To.Before(w.From) {
				t.Errorf("a window that ends before it begins: %+v", w)
			}
		}
		if len(l.Windows()) > maxWindows {
			t.Error("too many windows")
		}
		f := l.Forecast(dawn)
		for _, s := range []*Span{f.Opens, f.Closes} {
			if s != nil && (s.From < 0 || s.From >= day || s.To < 0 || s.To >= day || s.Days < 2) {
				t.Errorf("forecast %+v", s)
			}
		}
	})
}
