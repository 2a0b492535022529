package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestScanScreen: a photo without JavaScript, the camera's views with it, and
// the camera allowed on this screen alone.
func TestScanScreen(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	resp, page := b.do(b.request("GET", "/scan", nil))
	has(t, page, `src="/static/camera.js"`, `src="/invite.png"`, `accept="image/jpeg,image/png"`)
	if p := resp.Header.Get("Permissions-Policy"); !strings.Contains(p, "camera=(self)") || !strings.Contains(p, "geolocation=()") {
		t.Errorf("permissions %q", p)
	}
	if resp, _ := b.do(b.request("GET", "/add", nil)); !strings.Contains(resp.Header.Get("Permissions-Policy"), "camera=()") {
		t.Error("the camera is allowed elsewhere")
	}
	b.get("/scan")
	resp, page = b.letter("/scan", b.csrf(), "", api.SendFile{Name: "a.jpg", Data: []byte("a cat")})
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("no code: status %d", resp.StatusCode)
	}
	has(t, page, "No invitation was found", `role="alert"`)
	if resp, _ = b.letter("/scan", b.csrf(), ""); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("no file: status %d", resp.StatusCode)
	}
	_, page = b.letter("/scan", b.csrf(), "", api.SendFile{Name: "a.jpg", Data: []byte("JAUAP:1:ABCD")})
	has(t, page, "is now among your people, checked in person")
	if _, page = b.get("/scan"); strings.Contains(page, "is now among") {
		t.Error("it is said twice")
	}
	if people, _ := w.People(t.Context()); len(people) != 1 || people[0].Verified != "in person" {
		t.Errorf("%+v", people)
	}
}
