package web

import (
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// TestRadioRow: a radio says what it used of its time on the air, and that it hears
// nobody as long as it does not.
func TestRadioRow(t *testing.T) {
	w := newWorld(t)
	l := api.Link{Kind: "radio", Addr: "/dev/ttyUSB0 (rnode)", State: "up", Airtime: &api.Airtime{Used: 4200 * time.Millisecond, Limit: 36 * time.Second}}
	w.SetStatus(api.Status{Network: api.Network{State: "dark"}, Links: []api.Link{l}})
	b := w.enter(t)
	b.get("/net")
	has(t, b.last, "Radio", "/dev/ttyUSB0 (rnode)", "On the air 5 s of 36 s in this hour.", "No other station was heard yet.")
	at := w.clock.t
	l.Airtime.LastHeard = &at
	w.SetStatus(api.Status{Network: api.Network{State: "dark"}, Links: []api.Link{l}})
	b.get("/net")
	hasNot(t, b.last, "No other station")
}
