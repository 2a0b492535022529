package daemon

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
)

// hands is a wall clock that a test sets.
type hands struct{ t atomic.Pointer[time.Time] }

func showing(t time.Time) *hands {
	h := &hands{}
	h.set(t)
	return h
}

func (h *hands) set(t time.Time) { h.t.Store(&t) }
func (h *hands) now() time.Time  { return *h.t.Load() }

func at(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// TestClockDoubt: a wrong clock is named, and the last believed day is used
// instead.
func TestClockDoubt(t *testing.T) {
	for _, c := range []struct {
		name, before, now string
		says              string
		day               string // "" when no day is known
	}{
		{"first start", "", "2026-11-22", "", "2026-11-22"},
		{"first start in 1970", "", "1970-01-01", "1970-01-01", ""},
		{"first start in 2106", "", "2106-02-07", "2106-02-07", ""},
		{"the next day", "2026-11-22", "2026-11-23", "", "2026-11-23"},
		{"a month in a drawer", "2026-11-22", "2026-12-22", "", "2026-12-22"},
		{"a year in a drawer", "2026-11-22", "2027-11-22", "jumped ahead", "2026-11-22"},
		{"back to 1970", "2026-11-22", "1970-01-01", "1970-01-01", "2026-11-22"},
		{"on to 2106", "2026-11-22", "2106-02-07", "2106-02-07", "2026-11-22"},
		{"back a week", "2026-11-22", "2026-11-15", "went back", "2026-11-22"},
		{"on ten years", "2026-11-22", "2036-11-22", "jumped ahead", "2026-11-22"},
	} {
		dir := t.TempDir()
		if c.before != "" {
			h := showing(at(c.before))
			old, err := openClock(dir, h.now, false)
			if err != nil {
				t.Fatal(err)
			}
			if err := old.save(); err != nil {
				t.Fatal(err)
			}
		}
		h := showing(at(c.now))
		now, err := openClock(dir, h.now, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := now.doubt(); (c.says == "") != (got == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: doubt %q, want %q", c.name, got, c.says)
		}
		m, known := now.moment()
		if known != (c.day != "") || known && m.Day != envelope.DayOf(at(c.day)) {
			t.Errorf("%s: day %v (%v), want %q", c.name, m.Day, known, c.day)
		}
		if err := now.save(); err != nil {
			t.Fatal(err)
		}
		// A doubtful wall is not what the next start believes.
		h.set(at("2026-11-24"))
		next, err := openClock(dir, h.now, false)
		if err != nil {
			t.Fatal(err)
		}
		if c.before == "2026-11-22" && c.says != "" && next.doubt() != "" {
			t.Errorf("%s: a clock that was put right is doubted: %s", c.name, next.doubt())
		}
	}
}

// TestTickOnlyGrows: device-on time counts what was surely lived through.
func TestTickOnlyGrows(t *testing.T) {
	dir := t.TempDir()
	h := showing(at("2026-11-22"))
	c, err := openClock(dir, h.now, false)
	if err != nil {
		t.Fatal(err)
	}
	h.set(h.now().Add(time.Hour))
	first, _ := c.moment()
	h.set(h.now().Add(-10 * 365 * 24 * time.Hour))
	back, _ := c.moment()
	if first.Tick != 3600 || back.Tick < 0 {
		t.Errorf("ticks %d, then %d", first.Tick, back.Tick)
	}
	h.set(at("2026-11-22").Add(2 * time.Hour))
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	h.set(at("2026-12-22")) // a month off
	again, err := openClock(dir, h.now, false)
	if err != nil {
		t.Fatal(err)
	}
	if m, _ := again.moment(); m.Tick != 7200 {
		t.Errorf("after two months in a drawer the tick is %d", m.Tick)
	}
	trusted, err := openClock(dir, showing(at("2040-01-01")).now, true)
	if err != nil {
		t.Fatal(err)
	}
	if trusted.doubt() != "" {
		t.Errorf("a trusted clock is doubted: %s", trusted.doubt())
	}
}

// TestClearingLagsBehindTheWall: a jump that is believed clears the shelf only
// as fast as the device lives through it.
func TestClearingLagsBehindTheWall(t *testing.T) {
	dir := t.TempDir()
	h := showing(at("2026-11-22"))
	c, err := openClock(dir, h.now, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	h.set(at("2027-01-11")) // 50 days: a drawer, or a lie of the network's time
	if c, err = openClock(dir, h.now, false); err != nil {
		t.Fatal(err)
	}
	m, _ := c.moment()
	if got, want := c.clearing(m), envelope.DayOf(at("2026-11-23")); m.Day != envelope.DayOf(h.now()) || got != want {
		t.Errorf("day %v, cleared by %v, want %v", m.Day, got, want)
	}
	h.set(h.now().Add(48 * time.Hour))
	if m, _ = c.moment(); c.clearing(m) != envelope.DayOf(at("2026-12-01")) {
		t.Errorf("after two days on: cleared by %v", c.clearing(m))
	}
	h.set(h.now().Add(30 * 24 * time.Hour))
	if m, _ = c.moment(); c.clearing(m) != m.Day {
		t.Errorf("after a month on: cleared by %v of %v", c.clearing(m), m.Day)
	}
}
