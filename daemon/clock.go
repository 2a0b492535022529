package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/clock"
	"github.com/jauap/jauap/envelope"
)

// deviceClock keeps what clock.Saved needs: the system's clock and a file.
type deviceClock struct {
	mu      sync.Mutex
	path    string
	now     func() time.Time
	started time.Time   // with its monotonic reading
	saved   clock.Saved // as read when the clock was opened
}

func openClock(dir string, now func() time.Time, trust bool) (*deviceClock, error) {
	c := &deviceClock{path: filepath.Join(dir, "clock"), now: now, started: now()}
	b, err := os.ReadFile(c.path)
	if err != nil || json.Unmarshal(b, &c.saved) != nil || c.saved.Tick < 0 {
		c.saved = clock.Saved{} // a lost file only costs the memory of a date
	}
	if trust {
		c.saved.Wall = c.started.Unix()
	}
	return c, nil
}

// on is the time since the clock was opened; jumps of the wall do not count
// where the system has a monotonic clock.
func (c *deviceClock) on() time.Duration { return max(c.now().Sub(c.started), 0) }

// doubt is empty for a believable wall clock, else a sentence for a person.
func (c *deviceClock) doubt() string { return c.saved.Doubt(c.now(), c.on()) }

// moment is the time as the core rooms take it. known is false when not even
// the day can be told; then nothing may be sealed or expired.
func (c *deviceClock) moment() (m account.Moment, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.saved.Moment(c.now(), c.on())
}

// clearing is the day by which the shelf may be cleared now.
func (c *deviceClock) clearing(m account.Moment) envelope.Day {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.saved.Clearing(m, c.on())
}

// save writes the clock's memory; a doubtful wall is not remembered.
func (c *deviceClock) save() error {
	c.mu.Lock()
	b, err := json.Marshal(c.saved.Next(c.now(), c.on()))
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("daemon: clock file: %w", err)
	}
	return replaceFile(c.path, b)
}
