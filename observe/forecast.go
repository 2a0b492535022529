package observe

import (
	"slices"
	"time"
)

// Forecast says at which hours windows used to open and close lately. A nil
// span means that nothing can be said.
type Forecast struct {
	Opens, Closes *Span
}

// Span is a range of local times of day. To is before From when the span
// passes midnight.
type Span struct {
	From, To time.Duration // since midnight
	Days     int           // different days on which it was so, at least 2
	Of       int           // openings or closings that were looked at
	Seen     int           // those among them that fell into the span
}

const (
	day = 24 * time.Hour
	// recent bounds what a forecast looks at: habits of the people who switch
	// change within days.
	recent = 7 * day
	// widest is the longest span that is still worth telling.
	widest = 6 * time.Hour
	// narrowest keeps two openings at 08:30 sharp from looking like a promise.
	narrowest = 30 * time.Minute
	// grain is what a span is rounded to, outward.
	grain = 5 * time.Minute
	// maxEvents bounds the work: the newest are looked at.
	maxEvents = 64
)

// Forecast looks at the windows of the last seven days, in the zone of now.
func (l *Log) Forecast(now time.Time) Forecast {
	opened, closed := events(l.windows, now)
	return Forecast{Opens: habit(opened), Closes: habit(closed)}
}

// events lists the openings and closings that were seen, oldest first. Windows
// that follow one another within settled are one: a relay was restarted, or a
// link was lost for a moment.
func events(windows []Window, now time.Time) (opened, closed []time.Time) {
	for i, w := range windows {
		if now.Sub(w.From) > recent || w.From.After(now) {
			continue
		}
		if w.Opened && (i == 0 || w.From.Sub(windows[i-1].To) >= settled) {
			opened = append(opened, w.From.In(now.Location()))
		}
		next := now
		if i+1 < len(windows) {
			next = windows[i+1].From
		}
		if w.Closed && next.Sub(w.To) >= settled {
			closed = append(closed, w.To.In(now.Location()))
		}
	}
	return opened[max(0, len(opened)-maxEvents):], closed[max(0, len(closed)-maxEvents):]
}

func timeOfDay(t time.Time) time.Duration {
	h, m, s := t.Clock()
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
}

// after is how much later in the day b is than a, past midnight if need be.
func after(a, b time.Duration) time.Duration { return (b - a + day) % day }

// habit finds the span of at most six hours into which most of the events
// fall, at least half of them and on two days; of equals the most recent.
func habit(list []time.Time) *Span {
	var best *Span
	var bestAge int64
	for _, first := range list {
		from := timeOfDay(first)
		s := Span{From: from, Of: len(list)}
		var days []string
		var width time.Duration
		var age int64
		for _, t := range list {
			later := after(from, timeOfDay(t))
			if later > widest {
				continue
			}
			width = max(width, later)
			s.Seen++
			age += t.Unix() - list[0].Unix()
			if d := t.Format(time.DateOnly); !slices.Contains(days, d) {
				days = append(days, d)
			}
		}
		s.To, s.Days = from+width, len(days)
		if s.Days < 2 || 2*s.Seen < s.Of {
			continue
		}
		if best == nil || s.Seen > best.Seen || s.Seen == best.Seen && age > bestAge {
			best, bestAge = &s, age
		}
	}
	if best != nil {
		best.round()
	}
	return best
}

// round makes the span honest about its precision.
func (s *Span) round() {
	if lack := narrowest - (s.To - s.From); lack > 0 {
		s.From -= lack / 2
		s.To += lack / 2
	}
	s.From = (s.From + day).Truncate(grain) % day
	s.To = (s.To + day + grain - 1).Truncate(grain) % day
}
