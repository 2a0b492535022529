package clock

import (
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// A wrong wall moves neither the day nor what is remembered; time that the
// device was on moves both.
func TestJumps(t *testing.T) {
	s := Saved{}.Next(day("2026-11-22"), 0)
	for wall, says := range map[string]string{
		"2026-11-23": "", "2036-11-22": "jumped ahead", "2026-11-12": "went back",
		"1970-01-01": "1970", "2106-02-07": "2106", "2016-11-22": "2016",
	} {
		const on = 36 * time.Hour
		now := day(wall)
		if got := s.Doubt(now, on); (got == "") != (says == "") || !strings.Contains(got, says) {
			t.Errorf("%s: %q", wall, got)
			continue
		}
		m, known := s.Moment(now, on)
		want := envelope.DayOf(day("2026-11-22").Add(on))
		if says == "" {
			want = envelope.DayOf(now)
		}
		if !known || m.Day != want || int64(m.Tick) != int64(on/time.Second) {
			t.Errorf("%s: day %d, want %d, tick %d", wall, m.Day, want, m.Tick)
		}
		if next := s.Next(now, on); says != "" && next.Wall != s.Wall || next.Tick <= s.Tick {
			t.Errorf("%s: remembers %+v", wall, next)
		}
		if c := s.Clearing(m, on); c > envelope.DayOf(day("2026-11-22")).Add(7) {
			t.Errorf("%s: the shelf is cleared by day %d", wall, c)
		}
	}
	if m, known := (Saved{}).Moment(day("1970-01-01"), 0); known {
		t.Errorf("a new device in 1970 knows the day %v", m.Day)
	}
}
