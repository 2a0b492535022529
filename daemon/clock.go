package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// The believable range of this device's clock. The first is when this program
// was written; no honest clock shows less.
const (
	clockFloor   = 1767225600 // 2026-01-01T00:00:00Z
	clockCeiling = 3471292800 // 2080-01-01T00:00:00Z
	clockBack    = 48 * time.Hour
	clockAhead   = 60 * 24 * time.Hour // a device may lie in a drawer for two months
)

// clock keeps device-on time, which only grows, and judges the wall clock: a
// wrong one must not expire or erase anything.
type clock struct {
	mu      sync.Mutex
	path    string
	now     func() time.Time
	started time.Time // with its monotonic reading
	saved   clockFile // as read when the clock was opened
}

// clockFile is what outlives a restart.
type clockFile struct {
	Tick int64 `json:"tick"` // seconds of device-on time
	Wall int64 `json:"wall"` // Unix seconds, the last believed
	Kept int64 `json:"kept"` // the day by which the shelf was last cleared
}

func openClock(dir string, now func() time.Time, trust bool) (*clock, error) {
	c := &clock{path: filepath.Join(dir, "clock"), now: now, started: now()}
	b, err := os.ReadFile(c.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("daemon: clock file: %w", err)
	default:
		if json.Unmarshal(b, &c.saved) != nil || c.saved.Tick < 0 {
			c.saved = clockFile{} // a torn file only costs the memory of a date
		}
	}
	if trust {
		c.saved.Wall = c.started.Unix()
	}
	return c, nil
}

// on is the time since the clock was opened; jumps of the wall do not count
// where the system has a monotonic clock.
func (c *clock) on() time.Duration { return max(c.now().Sub(c.started), 0) }

// doubt is empty for a believable wall clock, else a sentence for a person.
func (c *clock) doubt() string {
	wall := c.now()
	if u := wall.Unix(); u < clockFloor || u > clockCeiling {
		return fmt.Sprintf("this device's clock says %s: set it, so that letters get the right dates", wall.UTC().Format(time.DateOnly))
	}
	if c.saved.Wall == 0 {
		return ""
	}
	expected := time.Unix(c.saved.Wall, 0).Add(c.on())
	switch d := wall.Sub(expected); {
	case d < -clockBack:
		return fmt.Sprintf("this device's clock went back to %s: set it, or start with --trust-clock if it is right", wall.UTC().Format(time.DateOnly))
	case d > clockAhead:
		return fmt.Sprintf("this device's clock jumped ahead to %s: set it, or start with --trust-clock if it is right", wall.UTC().Format(time.DateOnly))
	}
	return ""
}

// moment is the time as the core rooms take it. known is false when not even
// the day can be told; then nothing may be sealed or expired.
func (c *clock) moment() (m account.Moment, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := c.now()
	m = account.Moment{Wall: wall, Tick: seal.Tick(c.saved.Tick + int64(c.on()/time.Second)), Day: envelope.DayOf(wall)}
	if c.doubt() == "" {
		return m, true
	}
	if c.saved.Wall == 0 {
		return m, false
	}
	// The last believed date, moved by the time that surely passed.
	m.Day = envelope.DayOf(time.Unix(c.saved.Wall, 0).Add(c.on()))
	return m, true
}

// Clearing the shelf is the one thing that a wrong clock could do and a right
// one could not undo. So the day by which it is cleared follows the wall only
// as fast as time on this device bears out: a day at each start, and a few for
// each day that it was on.
const clearPerDay = 4

// clearing is the day by which the shelf may be cleared now.
func (c *clock) clearing(m account.Moment) envelope.Day {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.saved.Kept == 0 {
		return m.Day
	}
	most := c.saved.Kept + 1 + int64(clearPerDay*c.on()/(24*time.Hour))
	return envelope.Day(min(int64(m.Day), max(most, 0)))
}

// save writes the clock's memory; a doubtful wall is not remembered.
func (c *clock) save() error {
	m, known := c.moment()
	kept := c.clearing(m)
	c.mu.Lock()
	f := clockFile{Tick: int64(m.Tick), Wall: c.saved.Wall, Kept: c.saved.Kept}
	if known {
		f.Kept = int64(kept)
	}
	if c.doubt() == "" {
		f.Wall = m.Wall.Unix()
	}
	c.mu.Unlock()
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("daemon: clock file: %w", err)
	}
	return replaceFile(c.path, b)
}
