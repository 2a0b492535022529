package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestPaper: several messages at once, a photo of a printed code, and the code
// itself for paper.
func TestPaper(t *testing.T) {
	w := newWorld(t)
	mama := w.AddPerson(api.Person{Name: "Mama"})
	w.AddPerson(api.Person{Name: "Timur"})
	b := w.enter(t)
	b.get("/note")
	has(t, b.last, "A message came by SMS or on paper", `src="/static/camera.js"`, `accept="image/jpeg,image/png"`)
	_, body := b.submit("/note", "text", "Аманбыз #Mama\nSafe #Timur\n<i>x</i> #ABC\nwait #TYPO")
	has(t, body, "This is from \u2068Mama\u2069.", "This is from \u2068Timur\u2069.", "Not filed:", "&lt;i&gt;x&lt;/i&gt; #ABC", "none of your people", "wait #TYPO", "wrong character")
	if _, page := b.get("/note"); strings.Contains(page, "This is from") {
		t.Error("it is said twice")
	}

	resp, page := b.letter("/note/photo", b.csrf(), "", api.SendFile{Name: "a.jpg", Data: []byte("a cat")})
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("no code: status %d", resp.StatusCode)
	}
	has(t, page, "No code was found in this photo", `role="alert"`)
	b.get("/note")
	_, page = b.letter("/note/photo", b.csrf(), "", api.SendFile{Name: "a.jpg", Data: []byte("NOTE:Біз үйде #Mama")})
	has(t, page, "This is from \u2068Mama\u2069.", "Біз үйде")
	b.get("/note")
	_, page = b.letter("/note/photo", b.csrf(), "", api.SendFile{Name: "a.jpg", Data: []byte("NOTE:Біз үйде #Nobody")})
	has(t, page, "Not filed:", "none of your people")
	// Whoever holds the camera of the other screen to it gets there, too.
	b.get("/scan")
	_, page = b.letter("/scan", b.csrf(), "", api.SendFile{Name: "a.jpg", Data: []byte("NOTE:Біз үйде #Mama")})
	has(t, page, "A message came by SMS or on paper", "This is from \u2068Mama\u2069.")

	b.get("/safe")
	b.submit("/safe", "kind", "safe", "to", mama.ID)
	_, page = b.get("/safe/notes")
	_, rest, ok := strings.Cut(page, `src="/safe/notes/`)
	path, _, _ := strings.Cut(rest, `"`)
	if !ok {
		t.Fatal("no code on the paper")
	}
	resp, body = b.do(b.request("GET", "/safe/notes/"+path, nil))
	if resp.Header.Get("Content-Type") != "image/png" || len(body) < 200 {
		t.Errorf("a code of %d bytes, %s", len(body), resp.Header.Get("Content-Type"))
	}
	for _, bad := range []string{"x/" + mama.ID, "1/nobody", "99999999999/" + mama.ID} {
		if resp, _ := b.do(b.request("GET", "/safe/notes/"+bad, nil)); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", bad, resp.StatusCode)
		}
	}
}
