package desk

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// Suggestion is an incident to which a report may belong, and why. A person
// decides.
type Suggestion struct {
	Incident *Incident
	Time     bool // within a day
	Place    bool // within both precisions and 5 km, or the same name
	Words    int  // long words in common
	score    int
}

const (
	suggestions = 5
	nearTime    = 24 * time.Hour
	nearPlace   = 5000 // metres
	longWord    = 5    // letters
)

// Suggest compares a report with all incidents.
func (v *View) Suggest(r *Report) (list []Suggestion) {
	mine := wordSet(r)
	for _, i := range v.Incidents {
		if i.ID == r.Incident || len(i.Reports) == 0 {
			continue
		}
		s := Suggestion{Incident: i}
		for _, o := range i.Reports {
			if d := r.from.Sub(o.from); d < nearTime && d > -nearTime {
				s.Time = true
			}
			s.Place = s.Place || samePlace(r, o)
			if s.Time || s.Place {
				n := 0
				for w := range wordSet(o) {
					if mine[w] {
						n++
					}
				}
				s.Words = max(s.Words, n)
			}
		}
		if s.Time {
			s.score += 3
		}
		if s.Place {
			s.score += 3
		}
		s.score += min(s.Words, 4)
		if s.Time && s.score >= 5 || s.score >= 6 {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b Suggestion) int { return cmp.Compare(b.score, a.score) })
	return list[:min(len(list), suggestions)]
}

func wordSet(r *Report) map[string]bool {
	m := map[string]bool{}
	for _, w := range words(r.Manifest.Report.What) {
		if s := string(w); len([]rune(s)) >= longWord {
			m[s] = true
		}
	}
	return m
}

func samePlace(a, b *Report) bool {
	p, q := &a.Manifest.Report.Place, &b.Manifest.Report.Place
	if p.Lat != nil && q.Lat != nil {
		return distance(*p.Lat, *p.Lon, *q.Lat, *q.Lon) <= float64(nearPlace+*p.PrecisionM+*q.PrecisionM)
	}
	for _, w := range words(p.Name) {
		if len([]rune(string(w))) >= longWord && strings.Contains(strings.ToLower(q.Name), string(w)) {
			return true
		}
	}
	return false
}

// distance in metres, on a sphere.
func distance(lat1, lon1, lat2, lon2 float64) float64 {
	const rad, radius = math.Pi / 180, 6371e3
	h := math.Pow(math.Sin((lat2-lat1)*rad/2), 2) + math.Cos(lat1*rad)*math.Cos(lat2*rad)*math.Pow(math.Sin((lon2-lon1)*rad/2), 2)
	return 2 * radius * math.Asin(math.Min(1, math.Sqrt(h)))
}
