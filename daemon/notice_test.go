package daemon

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/jauap/jauap/observe"
)

// TestStatusForecasts: two days of windows in the log make a range of hours in
// the status, in this device's zone; a wrong clock makes none.
func TestStatusForecasts(t *testing.T) {
	almaty := time.FixedZone("+06", 6*3600)
	now := time.Date(2026, 11, 22, 18, 0, 0, 0, almaty)
	o := newOne(t, "Aigerim", func() time.Time { return now })
	day := func(n, hour int) time.Time { return time.Date(2026, 11, n, hour, 30, 0, 0, almaty).UTC() }
	b, err := json.Marshal([]observe.Window{
		{From: day(21, 8), To: day(21, 12), Sent: 3, Out: 4096, Opened: true, Closed: true},
		{From: day(22, 8), To: day(22, 15), Opened: true, Closed: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := o.up()
	path := d.windowsPath()
	o.down()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	d = o.up()
	defer o.down()
	s, err := d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(s.Forecast)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"opens":{"from":"08:15","to":"08:45","days":2},"closes":{"from":"12:30","to":"15:30","days":2}}`; string(got) != want {
		t.Errorf("forecast %s, want %s", got, want)
	}
	if len(s.Windows) != 2 || s.Windows[0].Out != 4096 || s.Progress != nil {
		t.Errorf("windows %+v, progress %+v", s.Windows, s.Progress)
	}
	now = time.Date(1970, 1, 1, 0, 0, 0, 0, almaty)
	if s, err = d.Status(t.Context()); err != nil || s.Forecast != nil || s.Clock == "" {
		t.Errorf("in 1970: %+v, %v", s.Forecast, err)
	}
}
