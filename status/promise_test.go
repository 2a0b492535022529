package status

import (
	"errors"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
)

// clock is an hour of a day of the tests.
func clock(h, m int) time.Time {
	return time.Date(2026, 12, 6, h, m, 0, 0, time.UTC)
}

// TestJudge is the rule of 3.2 line by line.
func TestJudge(t *testing.T) {
	p := Promise{Seq: 10, At: clock(9, 0), By: clock(18, 0), Grace: time.Hour}
	span := func(h1, m1, h2, m2 int) Span { return Span{clock(h1, m1), clock(h2, m2)} }
	all := []Span{span(0, 0, 23, 59)}
	for _, c := range []struct {
		name  string
		p     Promise
		f     Facts
		want  Verdict
		since time.Time
	}{
		{"before the hour", p, Facts{Now: clock(17, 59), Answered: all, Mine: all}, Waiting, time.Time{}},
		{"just over, nothing known", p, Facts{Now: clock(18, 1)}, Dark, clock(18, 0)},
		{"the place answers, grace is not over", p, Facts{Now: clock(18, 59), Answered: all, Mine: all}, Dark, clock(18, 0)},
		{"the place answered for the grace", p, Facts{Now: clock(19, 0), Answered: all, Mine: all}, Overdue, clock(19, 0)},
		{"the place answered before the hour only", p, Facts{Now: clock(23, 0), Answered: []Span{span(8, 0, 18, 0)}, Mine: all}, Dark, clock(18, 0)},
		{"half the grace, then dark", p, Facts{Now: clock(23, 0), Answered: []Span{span(18, 10, 18, 40)}, Mine: all}, Dark, clock(18, 0)},
		{"two halves", p, Facts{Now: clock(23, 0), Answered: []Span{span(18, 10, 18, 40), span(20, 0, 20, 45)}, Mine: all}, Overdue, clock(20, 30)},
		{"the place answered, this device was dark since", p, Facts{Now: clock(23, 0), Answered: all, Mine: []Span{span(0, 0, 18, 50)}}, Dark, clock(18, 0)},
		{"this device is back", p, Facts{Now: clock(23, 0), Answered: all, Mine: []Span{span(0, 0, 18, 50), span(22, 0, 22, 1)}}, Overdue, clock(19, 0)},
		{"a sign of a future that is not yet", p, Facts{Now: clock(18, 30), Answered: all, Mine: []Span{span(22, 0, 23, 0)}}, Dark, clock(18, 0)},
		{"reported by a newer word", p, Facts{Now: clock(23, 0), Said: 11, SaidAt: clock(12, 0), Answered: all, Mine: all}, Reported, clock(12, 0)},
		{"the word was before the promise", p, Facts{Now: clock(23, 0), Said: 9, SaidAt: clock(8, 0), Wrote: clock(9, 0), Answered: all, Mine: all}, Overdue, clock(19, 0)},
		{"a letter before the hour is no report", p, Facts{Now: clock(23, 0), Wrote: clock(17, 59), Answered: all, Mine: all}, Overdue, clock(19, 0)},
		{"a letter after the hour is one", p, Facts{Now: clock(23, 0), Wrote: clock(18, 0), Answered: all, Mine: all}, Reported, clock(18, 0)},
		{"taken back", Promise{Seq: 10, At: clock(9, 0), By: clock(18, 0), end: cancelled}, Facts{Now: clock(23, 0), Answered: all, Mine: all}, Ended, clock(9, 0)},
		{"ended by a word to others", Promise{Seq: 10, At: clock(9, 0), By: clock(18, 0), end: reported}, Facts{Now: clock(23, 0), Answered: all, Mine: all}, Reported, clock(9, 0)},
	} {
		if got, since := Judge(c.p, c.f); got != c.want || !since.Equal(c.since) {
			t.Errorf("%s: %s since %v, want %s since %v", c.name, got, since, c.want, c.since)
		}
	}
}

// TestPromise: made, missed in the dark, missed in the light, put off, kept.
func TestPromise(t *testing.T) {
	a, b, d := newUser(t, "A"), newUser(t, "B"), newUser(t, "D")
	befriend(t, a, b)
	befriend(t, a, d)
	befriend(t, b, d)
	a.say(Word{Kind: Safe, Place: Place{"Семей", ""}}, "B")
	both := []account.ContactID{a.id("B"), a.id("D")}
	for _, by := range []time.Time{{}, a.at.Wall, a.at.Wall.Add(8 * 24 * time.Hour)} {
		if _, err := a.b.Promise(a.at, by, 0, both); !errors.Is(err, ErrPast) {
			t.Fatalf("%v: %v", by, err)
		}
	}
	if _, err := a.b.Promise(a.at, a.at.Wall.Add(2*time.Hour), 0, both); err != nil {
		t.Fatal(err)
	}
	exchange(t, a, b, d)
	if v := b.about("A"); v.Verdict != Waiting || v.Promise.Grace != DefaultGrace {
		t.Fatalf("%+v", v)
	}
	b.pass(4 * time.Hour)
	open := Span{b.at.Wall.Add(-5 * time.Hour), b.at.Wall}
	if v := b.about("A", open); v.Verdict != Dark {
		t.Fatalf("nothing is known of Semey since: %v", v.Verdict)
	}
	// Somebody in the same town writes twice within an hour and a half.
	d.pass(150 * time.Minute)
	for range 4 {
		d.say(Word{Kind: Safe, Place: Place{"Semey", ""}}, "B")
		units := d.pack()
		b.at.Wall = d.at.Wall.Add(time.Second)
		b.receive(units...)
		d.pass(25 * time.Minute)
	}
	b.at.Wall = d.at.Wall
	open.To = b.at.Wall
	if v := b.about("A", open); v.Verdict != Overdue {
		t.Fatalf("%v: %+v", v.Verdict, v)
	}
	// The promise was put off: that overtakes.
	a.pass(10 * time.Minute)
	if _, err := a.b.Promise(a.at, a.at.Wall.Add(100*time.Hour), 3*time.Hour, []account.ContactID{a.id("B")}); err != nil {
		t.Fatal(err)
	}
	exchange(t, a, b, d)
	if v := b.about("A", open); v.Verdict != Waiting || v.Promise.Grace != 3*time.Hour {
		t.Fatalf("%+v", v)
	}
	if v := d.about("A"); v.Verdict != Ended {
		t.Fatalf("who holds the promise no more was not told: %v", v.Verdict)
	}
	// Kept by a word to somebody else: who holds it is told all the same.
	a.pass(time.Hour)
	a.say(Word{Kind: Hurt}, "D")
	exchange(t, a, b, d)
	if v := b.about("A", open); v.Verdict != Reported || v.Now.Kind != Safe {
		t.Fatalf("%+v", v)
	}
	if err := a.b.Cancel(a.at); !errors.Is(err, ErrNotFound) {
		t.Fatalf("a promise that was kept is taken back: %v", err)
	}
	if _, err := a.b.Promise(a.at, a.at.Wall.Add(time.Hour), 0, both); err != nil {
		t.Fatal(err)
	}
	if err := a.b.Cancel(a.at); err != nil {
		t.Fatal(err)
	}
	exchange(t, a, b, d)
	if v := b.about("A", open); v.Verdict != Ended {
		t.Fatalf("%+v", v)
	}
	if p, err := a.b.MyPromise(); err != nil || p.Open() || !p.Cancelled() {
		t.Fatalf("%+v %v", p, err)
	}
}
