package lock

import "time"

// Idle tells when nobody was there for too long.
type Idle struct {
	After time.Duration // 0 for never
	last  time.Time
}

// Touch notes that a person was there.
func (i *Idle) Touch(now time.Time) { i.last = now }

// Left is how long it may still go on; ok is false when it may for ever. A device
// that slept counts by the wall, one whose wall clock was set by its own.
func (i *Idle) Left(now time.Time) (left time.Duration, ok bool) {
	if i.After == 0 {
		return 0, false
	}
	gone := max(now.Sub(i.last), now.Round(0).Sub(i.last.Round(0)))
	return i.After - gone, true
}

// Over reports whether it is time to lock.
func (i *Idle) Over(now time.Time) bool {
	left, ok := i.Left(now)
	return ok && left <= 0
}
