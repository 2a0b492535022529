package web

import (
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestVisitShowsProgress: how far a visit is stands on the stick's screen.
func TestVisitShowsProgress(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	w.SetSticks(api.Sticks{Visit: &api.Visit{Path: "/media/usb", Phase: "writing", Done: 25_000_000, Total: 100_000_000, Seconds: 9}})
	_, body := b.get("/carry")
	for _, want := range []string{"Writing to", "/media/usb", "about 9 seconds left", `<progress max="100000000" value="25000000">`} {
		if !strings.Contains(body, want) {
			t.Errorf("the screen does not say %q", want)
		}
	}
	w.SetSticks(api.Sticks{})
	if _, body := b.get("/carry"); strings.Contains(body, "<progress") {
		t.Error("a visit that ended is still shown")
	}
}

// TestStickAsks: a stick that appeared is on every screen, with one tap to each
// answer.
func TestStickAsks(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	w.SetSticks(api.Sticks{Appeared: []api.Stick{{Path: "/media/usb"}}})
	for _, screen := range []string{"/", "/carry", "/me"} {
		_, body := b.get(screen)
		has(t, body, "A stick was plugged in", `name="path" value="/media/usb"`)
	}
	if resp, _ := b.submit("/carry", "path", "/media/usb", "do", "ignore"); resp.StatusCode != 200 {
		t.Errorf("saying no: %d", resp.StatusCode)
	}
	_, body := b.get("/")
	hasNot(t, body, "A stick was plugged in")
	w.SetSticks(api.Sticks{Appeared: []api.Stick{{Path: "/media/usb"}}})
	resp, body := b.submit("/carry", "path", "/media/usb")
	if resp.StatusCode != 200 {
		t.Errorf("saying yes: %d", resp.StatusCode)
	}
	has(t, body, "Done. You may take the stick out now.")
}
