package observe

import (
	"testing"
	"time"
)

var dawn = time.Date(2022, 1, 5, 10, 45, 0, 0, time.UTC)

func at(minutes int) time.Time { return dawn.Add(time.Duration(minutes) * time.Minute) }

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		seen []Evidence
		ask  int
		want State
	}{
		"nothing tried":             {nil, 0, NotKnown},
		"no network":                {[]Evidence{{Unlinked, ""}}, 1, NoLink},
		"one silent relay":          {[]Evidence{{Silent, "a"}}, 1, Dark},
		"silence goes stale":        {[]Evidence{{Silent, "a"}}, 30, NotKnown},
		"a stranger answers":        {[]Evidence{{Silent, "b"}, {Foreign, "a"}}, 2, Portal},
		"one of two answers":        {[]Evidence{{Silent, "a"}, {Answered, "b"}}, 2, Open},
		"the answering one goes":    {[]Evidence{{Answered, "b"}, {Silent, "b"}}, 2, Dark},
		"the other one goes":        {[]Evidence{{Answered, "a"}, {Answered, "b"}, {Silent, "b"}}, 3, Open},
		"answer beats no interface": {[]Evidence{{Unlinked, ""}, {Answered, "a"}}, 2, Open},
	} {
		var l Log
		for i, e := range c.seen {
			l.Note(at(i), e)
		}
		if got, _ := l.Verdict(at(c.ask)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWindows(t *testing.T) {
	var l Log
	l.Note(at(0), Evidence{Silent, "a"})
	if !l.Note(at(10), Evidence{Answered, "a"}) {
		t.Error("the opening did not change the verdict")
	}
	l.Passed(3, 2)
	l.Note(at(11), Evidence{Answered, "b"})
	l.Note(at(12), Evidence{Silent, "a"})
	l.Note(at(14), Evidence{Silent, "b"})
	l.Passed(9, 9) // after the window: nothing passes
	w := l.Windows()
	if len(w) != 1 || w[0] != (Window{at(10), at(14), 3, 2}) {
		t.Fatalf("windows %v", w)
	}
	if _, since := l.Verdict(at(14)); since != at(14) {
		t.Errorf("dark since %v", since)
	}
	l.Note(at(20), Evidence{Answered, "a"})
	again, err := Restore(l.Save())
	if err != nil {
		t.Fatal(err)
	}
	w = again.Windows()
	if len(w) != 2 || !w[0].To.Equal(at(14)) || !w[1].To.Equal(at(20)) {
		t.Errorf("restored %v", w)
	}
}

func TestWindowsAreBounded(t *testing.T) {
	var l Log
	for i := range 3 * maxWindows {
		l.Note(at(2*i), Evidence{Answered, "a"})
		l.Note(at(2*i+1), Evidence{Silent, "a"})
	}
	if n := len(l.Windows()); n != maxWindows {
		t.Errorf("%d windows kept", n)
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`[{"from":"2022-01-05T10:45:00Z","sent":1}]`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Restore(b)
		if err == nil && len(l.Windows()) > maxWindows {
			t.Error("too many windows")
		}
	})
}
