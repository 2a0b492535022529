package web

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

var (
	postRoute  = regexp.MustCompile(`"POST (/[^"]*)"`)
	fieldTag   = regexp.MustCompile(`<(?:textarea|input) [^>]*>`)
	fieldName  = regexp.MustCompile(` name="([^"]*)"`)
	fieldType  = regexp.MustCompile(` type="([^"]*)"`)
	pickedOnly = []string{"/scan", "/note/photo", "/codes/look"} // no text is typed there
)

// forms are the addresses of all forms of a person's own page.
func forms(t *testing.T) (list []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "board.go" || name == "gate.go" {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range postRoute.FindAllStringSubmatch(string(b), -1) {
			if m[1] != "/{$}" && !slices.Contains(list, m[1]) { // of a folder without a profile, or locked
				list = append(list, m[1])
			}
		}
	}
	if len(list) < 30 {
		t.Fatalf("only %d forms were found: %v", len(list), list)
	}
	return list
}

// TestLongForms: no form loses what was typed, whatever its length. Each gets more
// than a form may hold in the field "text" and a word in every other one.
func TestLongForms(t *testing.T) {
	w := newWorld(t)
	p, g := w.AddPerson(api.Person{Name: "Dana"}), w.AddGroup(api.Group{Name: "Family"})
	b := w.enter(t)
	b.get("/add")
	csrf := b.csrf()
	long := strings.Repeat("a", maxFields) + " the end of a long text"
	for _, route := range forms(t) {
		path := strings.NewReplacer("/group/{id}", "/group/"+g.ID, "{id}", p.ID).Replace(route)
		path = regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, "1")
		v := url.Values{"csrf": {csrf}, "text": {long}}
		for _, k := range typedFields[1:] {
			v.Set(k, "typed in "+k)
		}
		_, plain := b.post(path, v)
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		_ = m.WriteField("csrf", csrf) // into memory
		for k, list := range v {
			if k != "csrf" {
				_ = m.WriteField(k, list[0])
			}
		}
		_ = m.Close()
		r := b.request("POST", path, &body)
		r.Header.Set("Content-Type", m.FormDataContentType())
		r.Header.Set("Origin", b.base)
		resp, parts := b.do(r)
		if resp.StatusCode != http.StatusRequestEntityTooLarge && !slices.Contains(pickedOnly, route) {
			t.Errorf("%s: status %d", route, resp.StatusCode)
		}
		want := []string{"text is too long", "the end of a long text"}
		switch {
		case slices.Contains(pickedOnly, route):
			want = nil
		case route == "/report":
			want = []string{"text is too long", "typed in what", "typed in actors", "typed in place", "typed in card"}
		case !strings.HasSuffix(route, "/{id}") || route != "/with/{id}" && route != "/group/{id}":
			for _, k := range typedFields[1:] {
				want = append(want, "typed in "+k)
			}
		}
		for _, s := range want {
			if !strings.Contains(plain, s) {
				t.Errorf("%s: %q is not given back", route, s)
			}
			if !strings.Contains(parts, s) && s != "typed in file" { // a field "file" of parts is a file
				t.Errorf("%s: %q is not given back of parts", route, s)
			}
		}
	}
	if out, _ := w.Outbox(t.Context()); len(out) != 0 {
		t.Errorf("something was sent: %v", out)
	}
}

// TestFarTooLong: beyond what is given back, the page says that only the beginning
// stands there; a forged form is still refused.
func TestFarTooLong(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	b.get("/add")
	csrf := b.csrf()
	send := func(path, csrf string) (*http.Response, string) {
		r := b.request("POST", path, strings.NewReader("csrf="+csrf+"&code=begin"+strings.Repeat("a", maxBack)))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.base)
		return b.do(r)
	}
	resp, page := send("/add", csrf)
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
	has(t, page, "only its beginning", ">beginaaaa")
	if resp, _ = send("/lock", "forged"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("forged and long: status %d", resp.StatusCode)
	}
}

// TestTypedFields: every field in which a person writes is among those given back.
func TestTypedFields(t *testing.T) {
	files, err := filepath.Glob("html/*.html")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range fieldTag.FindAllString(string(b), -1) {
			n, kind := fieldName.FindStringSubmatch(tag), fieldType.FindStringSubmatch(tag)
			if n == nil || kind != nil || strings.Contains(tag, "inputmode=\"numeric\"") || strings.Contains(tag, "inputmode=\"decimal\"") {
				continue
			}
			if strings.HasSuffix(name, "phrase.html") {
				continue // the passphrase under duress is typed in sight, and never given back
			}
			if found++; !slices.Contains(typedFields[:], n[1]) {
				t.Errorf("%s: what is typed in %q is not given back", name, n[1])
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d fields were found", found)
	}
}

// TestErrorGivesBack: an error screen after a form holds what was typed, and no passphrase.
func TestErrorGivesBack(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	_, page := b.submit("/lock", "after", "soon", "text", "Neighbours of house 7", "pass", "my passphrase")
	has(t, page, "Neighbours of house 7", "Copy it before you leave")
	hasNot(t, page, "my passphrase")
}
