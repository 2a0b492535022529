package clock

import (
	"fmt"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// The believable range of this device's clock. The first is when this program
// was written; no honest clock shows less.
const (
	floor   = 1767225600 // 2026-01-01T00:00:00Z
	ceiling = 3471292800 // 2080-01-01T00:00:00Z
	back    = 48 * time.Hour
	ahead   = 60 * 24 * time.Hour // a device may lie in a drawer for two months
)

// Clearing the shelf is the one thing that a wrong clock could do and a right
// one could not undo. So the day by which it is cleared follows the wall only
// as fast as time on this device bears out: a day at each start, and a few for
// each day that it was on.
const clearPerDay = 4

// Saved is what outlives a restart. The zero value is a new device.
type Saved struct {
	Tick int64 `json:"tick"` // seconds of device-on time
	Wall int64 `json:"wall"` // Unix seconds, the last believed
	Kept int64 `json:"kept"` // the day by which the shelf was last cleared
}

// Doubt is empty for a believable wall clock, else a sentence for a person. on
// is the time since the start at which s was read, and not less than 0; so in
// all methods.
func (s Saved) Doubt(wall time.Time, on time.Duration) string {
	if u := wall.Unix(); u < floor || u > ceiling {
		return fmt.Sprintf("this device's clock says %s: set it, so that letters get the right dates", wall.UTC().Format(time.DateOnly))
	}
	if s.Wall == 0 {
		return ""
	}
	expected := time.Unix(s.Wall, 0).Add(on)
	switch d := wall.Sub(expected); {
	case d < -back:
		return fmt.Sprintf("this device's clock went back to %s: set it, or start with --trust-clock if it is right", wall.UTC().Format(time.DateOnly))
	case d > ahead:
		return fmt.Sprintf("this device's clock jumped ahead to %s: set it, or start with --trust-clock if it is right", wall.UTC().Format(time.DateOnly))
	}
	return ""
}

// Moment is the time as the core rooms take it. known is false when not even
// the day can be told; then nothing may be sealed or expired.
func (s Saved) Moment(wall time.Time, on time.Duration) (m account.Moment, known bool) {
	m = account.Moment{Wall: wall, Tick: seal.Tick(s.Tick + int64(on/time.Second)), Day: envelope.DayOf(wall)}
	if s.Doubt(wall, on) == "" {
		return m, true
	}
	if s.Wall == 0 {
		return m, false
	}
	// The last believed date, moved by the time that surely passed.
	m.Day = envelope.DayOf(time.Unix(s.Wall, 0).Add(on))
	return m, true
}

// Clearing is the day by which the shelf may be cleared now.
func (s Saved) Clearing(m account.Moment, on time.Duration) envelope.Day {
	if s.Kept == 0 {
		return m.Day
	}
	most := s.Kept + 1 + int64(clearPerDay*on/(24*time.Hour))
	return envelope.Day(min(int64(m.Day), max(most, 0)))
}

// Next is what to save now.
func (s Saved) Next(wall time.Time, on time.Duration) Saved {
	m, known := s.Moment(wall, on)
	out := Saved{Tick: int64(m.Tick), Wall: s.Wall, Kept: s.Kept}
	if known {
		out.Kept = int64(s.Clearing(m, on))
	}
	if s.Doubt(wall, on) == "" {
		out.Wall = m.Wall.Unix()
	}
	return out
}
