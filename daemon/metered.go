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

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/web/api"
)

// metered keeps the budget of links that cost money by the byte: those to relays.
// Neighbours and sticks cost nothing.
type metered struct {
	config config.Metered
	path   string
	now    func() time.Time

	mu     sync.Mutex
	period string // which day or month Used is of
	used   int64
	saved  int64
	lost   bool // what was used could not be read
}

// meteredFile is what a budget remembers from start to start.
type meteredFile struct {
	Period string `json:"period"`
	Used   int64  `json:"used"`
}

// What a network adds to what is written: headers, confirmations, what is lost. Measured
// with `bench window`: 4 to 6 %.
const netTenths = 11

// saveUsed is after how many bytes the budget's use is put on disk.
const saveUsed = 256 << 10

func openMetered(dir string, c config.Metered, now func() time.Time) *metered {
	m := &metered{config: c, path: filepath.Join(dir, "metered.json"), now: now}
	b, err := os.ReadFile(m.path)
	var f meteredFile
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err == nil && json.Unmarshal(b, &f) == nil && f.Used >= 0 && f.Period != "":
		m.period, m.used, m.saved = f.Period, f.Used, f.Used
	case c.Budget > 0: // it may have been spent
		m.lost, m.period, m.used, m.saved = true, m.now().Format(m.layout()), c.Budget, -1
	}
	return m
}

func (m *metered) layout() string {
	if m.config.Month {
		return "2006-01"
	}
	return time.DateOnly
}

// turn begins a new day or month. mu is held.
func (m *metered) turn() {
	if p := m.now().Format(m.layout()); p != m.period {
		m.period, m.used, m.saved = p, 0, -1
	}
}

// spend counts bytes that were written or read and says whether that was the last.
func (m *metered) spend(n int) (spent bool) {
	if m.config.Budget == 0 {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn()
	m.used += int64(n) * netTenths / 10
	if m.used-m.saved >= saveUsed || m.saved < 0 {
		_ = m.save() // the next time
	}
	return m.used >= m.config.Budget
}

// spent says whether nothing is left.
func (m *metered) spent() bool { return m.spend(0) }

// save: mu is held.
func (m *metered) save() error {
	b, err := json.Marshal(meteredFile{m.period, m.used})
	if err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	m.saved = m.used
	return replaceFile(m.path, b)
}

func (m *metered) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.config.Budget == 0 || m.used == m.saved {
		return nil
	}
	return m.save()
}

// traits are those of a link under the budget: what is too large for the owner's order
// stays behind, for a link that costs nothing.
func (m *metered) traits(kind string, t link.Traits) link.Traits {
	if m.config.Budget == 0 || kind != "relay" {
		return t
	}
	t.Metered = true
	switch m.config.Order {
	case config.OrderTexts:
		t.Unit = envelope.S3.Size()
	case config.OrderPhotos:
		t.Unit = envelope.S4.Size()
	}
	return t
}

// onlyTexts reports whether the owner lets nothing but texts go over some links, which
// know them by their size.
func (m *metered) onlyTexts() bool {
	return m.config.Budget != 0 && m.config.Order == config.OrderTexts
}

// status says what is left; nil without a budget.
func (m *metered) status() *api.Metered {
	if m.config.Budget == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn()
	per := "day"
	if m.config.Month {
		per = "month"
	}
	return &api.Metered{Budget: m.config.Budget, Left: max(m.config.Budget-m.used, 0), Per: per, Order: string(m.config.Order)}
}

// count counts what a meeting moved; one that has used the budget up ends.
func (d *Daemon) count(m *meeting, n int) {
	if m.kind == "relay" && d.metered.spend(n) {
		m.end(cause.ErrSpent)
	}
}

// awaitBudget rests until there is something left to spend; false when the node closes.
func (d *Daemon) awaitBudget(w way) bool {
	for told := false; d.metered.spent(); told = true {
		if !told {
			d.rowDown("relay", w.addr.HostPort(), cause.ErrSpent)
		}
		d.rest(tickEvery)
		if d.ctx.Err() != nil {
			return false
		}
	}
	return true
}
