package observe

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// almaty is the local time of January 2022.
func almaty() *time.Location { return time.FixedZone("+06", 6*3600) }

// truth is one window of the fixture; its times are right to within unsure.
type truth struct {
	from, to time.Time
	unsure   time.Duration
}

func kazakhstan(t *testing.T) []truth {
	t.Helper()
	f, err := os.Open("testdata/kazakhstan-2022-01.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	parse := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		at, err := time.Parse("2006-01-02T15:04Z", s)
		if err != nil {
			t.Fatal(err)
		}
		return at.In(almaty())
	}
	var list []truth
	for _, row := range rows[1:] {
		minutes, err := strconv.Atoi(row[2])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, truth{parse(row[0]), parse(row[1]), time.Duration(minutes) * time.Minute})
	}
	if len(list) != 7 {
		t.Fatalf("%d windows", len(list))
	}
	return list
}

// history is what a node that saw it all would have in its log.
func history(list []truth) (l Log) {
	for _, w := range list {
		l.windows = append(l.windows, Window{From: w.from, To: w.to, Opened: true, Closed: true})
	}
	return l
}

func (s *Span) String() string {
	if s == nil {
		return "-"
	}
	clock := func(d time.Duration) string { return time.Time{}.Add(d).Format("15:04") }
	return fmt.Sprintf("%s–%s %d/%d", clock(s.From), clock(s.To), s.Seen, s.Of)
}

// TestForecastInJanuary2022 walks through the week. The hours of the fixture
// are right to within half an hour, and so are these spans.
func TestForecastInJanuary2022(t *testing.T) {
	list := kazakhstan(t)
	want := []struct{ opens, closes string }{
		{"-", "-"}, // 6 January, 04:00 to 04:30
		{"-", "-"},
		{"-", "-"},
		{"08:15–08:45 2/4", "12:00–16:00 2/4"}, // 8 January, after 16:00
		{"08:15–08:45 3/5", "12:00–16:00 3/5"},
		{"08:30–09:00 4/6", "12:00–16:00 4/6"},
	}
	for i, w := range want {
		l := history(list[:i+1])
		f := l.Forecast(list[i].to.Add(30 * time.Minute))
		if f.Opens.String() != w.opens || f.Closes.String() != w.closes {
			t.Errorf("after window %d: opens %v, closes %v; want %v", i+1, f.Opens, f.Closes, w)
		}
	}
	l := history(list[:6])
	if f := l.Forecast(list[5].to.Add(8 * day)); f.Opens != nil || f.Closes != nil {
		t.Errorf("a week later it still says %v, %v", f.Opens, f.Closes)
	}
	// Seen just at the closing, it may be a relay's restart.
	l = history(list[:4])
	if f := l.Forecast(list[3].to.Add(time.Minute)); f.Closes != nil {
		t.Errorf("a minute after the second such closing it says %v", f.Closes)
	}
}

func TestForecastOfOthers(t *testing.T) {
	clock := func(days int, s string) time.Time {
		at, err := time.ParseInLocation("15:04", s, almaty())
		if err != nil {
			t.Fatal(err)
		}
		return at.AddDate(2022, 0, 5+days)
	}
	for name, c := range map[string]struct {
		closes []string // one a day
		want   string
	}{
		"one":               {[]string{"12:00"}, "-"},
		"past midnight":     {[]string{"23:40", "00:20", "23:55"}, "23:40–00:20 3/3"},
		"no habit":          {[]string{"01:00", "07:10", "13:20", "19:30", "04:00"}, "-"},
		"one stray in five": {[]string{"12:01", "12:00", "03:00", "12:40", "12:39"}, "12:00–12:40 4/5"},
		"a new habit": {[]string{"08:00", "08:00", "20:00", "20:00"},
			"19:45–20:15 2/4"},
	} {
		var l Log
		for i, s := range c.closes {
			to := clock(i, s)
			l.windows = append(l.windows, Window{From: to.Add(-10 * time.Minute), To: to, Closed: true})
		}
		f := l.Forecast(clock(len(c.closes), "23:59"))
		if f.Closes.String() != c.want || f.Opens != nil {
			t.Errorf("%s: %v, opens %v; want %s", name, f.Closes, f.Opens, c.want)
		}
	}
	// Twice on one day is not a habit.
	l := Log{windows: []Window{
		{From: clock(0, "08:00"), To: clock(0, "12:00"), Opened: true, Closed: true},
		{From: clock(0, "12:30"), To: clock(0, "13:00"), Opened: true, Closed: true},
	}}
	if f := l.Forecast(clock(0, "18:00")); f.Opens != nil || f.Closes != nil {
		t.Errorf("of one day: %v, %v", f.Opens, f.Closes)
	}
}

// tries plays the week with Wait and returns how late each opening was noticed
// and how many tries a day of dark took. An opening is noticed by the first
// try in it.
func tries(list []truth, power Power, rng *rand.Rand) (late []time.Duration, perDay int) {
	var l Log
	now := list[0].from.Add(-7 * time.Hour) // the dark began at about 16:45
	o := Occasion{Power: power, Poll: time.Second, Since: now}
	n, dark := 0, time.Duration(0)
	for _, w := range list {
		began := now
		for now.Before(w.from) {
			o.Now = now
			now = now.Add(Wait(o, rng))
			n++
		}
		dark += now.Sub(began)
		late = append(late, now.Sub(w.from))
		l.windows = append(l.windows, Window{From: now, To: w.to, Opened: true, Closed: true})
		o.History, o.Since = l.windows, w.to
		now = w.to
	}
	return late, int(float64(n) / dark.Hours() * 24)
}

// TestNoticingInJanuary2022 measures the delay for openings at the hours of the
// fixture, and again with each moved by chance within its uncertainty, because
// hours read off a chart are rounder than life.
func TestNoticingInJanuary2022(t *testing.T) {
	list := kazakhstan(t)
	for _, c := range []struct {
		name                string
		power               Power
		moved               bool
		runs                int
		median, most, perDy float64 // seconds, 95th percentile, tries
	}{
		{"mains, as written", Mains, false, 4, 1, 1, 95000},
		{"mains, moved", Mains, true, 4, 1, 1, 95000},
		{"battery, as written", Battery, false, 40, 1, 60, 13000},
		{"battery, moved", Battery, true, 40, 30, 60, 13000},
	} {
		var late []time.Duration
		perDay := 0
		for seed := range c.runs {
			rng := rand.New(rand.NewPCG(uint64(seed), 1))
			week := slices.Clone(list)
			if c.moved {
				for i := range week {
					week[i].from = week[i].from.Add(vary(0, week[i].unsure, rng))
				}
			}
			l, n := tries(week, c.power, rng)
			late = append(late, l...)
			perDay += n / c.runs
		}
		slices.Sort(late)
		median, most := late[len(late)/2], late[len(late)*95/100]
		t.Logf("%s: noticed after %.2f s (median), %.2f s (95 %%), %.2f s (longest); %d tries a day",
			c.name, median.Seconds(), most.Seconds(), late[len(late)-1].Seconds(), perDay)
		if median.Seconds() > c.median || most.Seconds() > c.most || float64(perDay) > c.perDy {
			t.Errorf("%s is slower or dearer than %v s, %v s, %v tries", c.name, c.median, c.most, c.perDy)
		}
	}
}

func TestWait(t *testing.T) {
	noon := time.Date(2022, 1, 8, 12, 10, 0, 0, almaty())
	yesterday := []Window{{From: noon.Add(-day + 10*time.Second), To: noon.Add(-20 * time.Hour), Opened: true}}
	started := []Window{{From: noon.Add(-day), To: noon.Add(-20 * time.Hour)}}
	o := Occasion{Now: noon, Power: Battery, Poll: time.Second, Since: noon.Add(-10 * time.Hour)}
	change := func(f func(*Occasion)) Occasion { c := o; f(&c); return c }
	for name, c := range map[string]struct {
		o        Occasion
		min, max time.Duration
	}{
		"a long dark":                 {o, 30 * time.Second, 60 * time.Second},
		"on mains":                    {change(func(o *Occasion) { o.Power = Mains }), 900 * time.Millisecond, time.Second},
		"just gone":                   {change(func(o *Occasion) { o.Since = noon }), 900 * time.Millisecond, time.Second},
		"five minutes gone":           {change(func(o *Occasion) { o.Since = noon.Add(-5 * time.Minute) }), 10 * time.Second, 20 * time.Second},
		"clock set back":              {change(func(o *Occasion) { o.Since = noon.Add(time.Hour) }), 900 * time.Millisecond, time.Second},
		"at the half hour":            {change(func(o *Occasion) { o.Now = noon.Add(20 * time.Minute) }), 900 * time.Millisecond, time.Second},
		"at midnight":                 {change(func(o *Occasion) { o.Now = noon.Add(11*time.Hour + 49*time.Minute + 30*time.Second) }), 900 * time.Millisecond, time.Second},
		"never slept through a burst": {change(func(o *Occasion) { o.Now = noon.Add(18*time.Minute + 50*time.Second) }), 9 * time.Second, 11 * time.Second},
		"yesterday's opening":         {change(func(o *Occasion) { o.History = yesterday }), 900 * time.Millisecond, time.Second},
		"yesterday's start is none":   {change(func(o *Occasion) { o.History = started }), 30 * time.Second, 60 * time.Second},
		"a neighbour says open":       {change(func(o *Occasion) { o.Told = noon.Add(-time.Minute) }), 900 * time.Millisecond, time.Second},
		"he said so long ago":         {change(func(o *Occasion) { o.Told = noon.Add(-time.Hour) }), 30 * time.Second, 60 * time.Second},
		"another way answers":         {change(func(o *Occasion) { o.Answers, o.Power = true, Mains }), 22 * time.Second, 38 * time.Second},
		"a slow poll stays slow":      {change(func(o *Occasion) { o.Poll = time.Hour }), 54 * time.Minute, time.Hour},
	} {
		rng := rand.New(rand.NewPCG(1, 2))
		seen := map[time.Duration]bool{}
		for range 200 {
			got := Wait(c.o, rng)
			seen[got] = true
			if got < c.min || got > c.max {
				t.Errorf("%s: %v, want %v to %v", name, got, c.min, c.max)
				break
			}
		}
		if len(seen) < 50 && !strings.HasPrefix(name, "never") {
			t.Errorf("%s: only %d different pauses", name, len(seen))
		}
	}
}
