package bench

import "time"

// Figure is one measured number.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Limit string  `json:"limit"` // what the project promises, in words
}

// rate is n things in d, per second.
func rate(name string, n int, d time.Duration, limit string) Figure {
	return Figure{name, float64(n) / d.Seconds(), "1/s", limit}
}

// each is the time of one of n things done in d.
func each(name string, n int, d time.Duration, unit time.Duration, limit string) Figure {
	label := map[time.Duration]string{time.Millisecond: "ms", time.Microsecond: "µs"}[unit]
	return Figure{name, float64(d) / float64(n) / float64(unit), label, limit}
}
