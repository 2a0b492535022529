package web

import (
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestNear: who is met by name, where this device is reached, and calling another.
func TestNear(t *testing.T) {
	w := newWorld(t)
	w.AddPerson(api.Person{Name: "Timur"})
	b := w.enter(t)
	_, page := b.get("/near")
	has(t, page, "No device is being met.", "192.168.1.7:40123", "[fe80::7%wlan0]:40123", "near.png")
	if status, png := b.get("/near.png"); status != 200 || !strings.HasPrefix(png, "\x89PNG") {
		t.Errorf("the picture: %d", status)
	}
	b.get("/near")
	for addr, want := range map[string]struct {
		status int
		say    string
	}{"here": {400, "This is not an address."}, "192.168.1.4:9": {404, "Nobody answers there."}} {
		resp, page := b.submit("/near", "addr", addr)
		if resp.StatusCode != want.status {
			t.Errorf("%s: %d", addr, resp.StatusCode)
		}
		has(t, page, want.say, `value="`+addr+`"`)
	}
	_, page = b.submit("/near", "addr", "192.168.1.9:40123")
	has(t, page, "You are meeting", "Timur")
	for code, want := range map[string]string{"JAUAP-AT/192.168.1.9:1": "You are meeting", "JAUAP-AT/10.9.9.9:1": "Nobody answers there."} {
		b.get("/scan")
		_, page = b.letter("/scan", b.csrf(), "", api.SendFile{Name: "a.jpg", Data: []byte(code)})
		has(t, page, want)
	}

	w.Fail("Meet", &api.Fault{Status: 404, Kind: "not-found", Text: "x", Cause: api.Cause{Code: "meet-off"}})
	b.get("/near")
	_, page = b.submit("/near", "addr", "192.168.1.4:9")
	has(t, page, "Nobody was called: meeting neighbours is switched off")
	hasNot(t, page, "Nobody answers there.")
	w.Fail("Meet", nil)

	at := w.clock.t
	w.SetStatus(api.Status{Network: api.Network{State: "nearby"}, Links: []api.Link{
		{Kind: "lan", Addr: "192.168.1.3:1", State: "down", Who: "Dana", Since: &at}, {Kind: "lan", Addr: "192.168.1.4:1", State: "down"},
		{Kind: "lan", Addr: "192.168.1.9:1", State: "up", Who: "Timur"}, {Kind: "lan", Addr: "192.168.1.11:1", State: "up"},
	}})
	_, page = b.get("/near")
	has(t, page, "Timur", "here", "Dana", "gone", "Somebody’s device", "192.168.1.11:1")
	if strings.Contains(page, "192.168.1.4:1") || strings.Index(page, "Timur") > strings.Index(page, "Dana") {
		t.Error("who is gone and nobody's is shown, or stands before who is here")
	}
	_, page = b.get("/net")
	has(t, page, "Devices nearby: <bdi>Timur</bdi>")
	if _, page = b.get("/"); !strings.Contains(page, `/near"`) {
		t.Error("the first screen does not lead there")
	}
}
