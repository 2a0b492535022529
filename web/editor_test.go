package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestEditors: a notice of a board with three editors is drafted, signed by
// another, and published with that signature only.
func TestEditors(t *testing.T) {
	w := newWorld(t)
	w.AddPerson(api.Person{Name: "Dana"})
	id := boardOf(w)
	b := w.enter(t)
	b.get("/boards")
	has(t, b.last, `href="/editor"`)
	_, page := b.get("/editor")
	has(t, page, strings.Repeat("ab", 32), "Sign a notice")
	resp, page := b.submit("/editor", "draft", "this is no draft!")
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("nonsense: %d", resp.StatusCode)
	}
	has(t, page, "no whole draft", ">this is no draft!</textarea>")

	b.get("/boards/" + id)
	resp, page = b.post("/boards/"+id, url.Values{"do": {"post"}, "text": {"Қан керек: <b>"}, "csrf": {b.csrf()}})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("a draft: %d", resp.StatusCode)
	}
	has(t, page, "At least 2 of 3 editors", "Қан керек: &lt;b&gt;", "Nothing is published yet")
	_, rest, _ := strings.Cut(page, `<textarea id="draft" rows="3" readonly spellcheck="false">`)
	draft, _, _ := strings.Cut(rest, "<")
	if string(readDraft(" "+draft[:5]+"\n"+draft[5:])) != "Қан керек: <b>" {
		t.Fatalf("draft %q", draft)
	}
	if list, _ := w.Notices(t.Context(), id); len(list) != 3 {
		t.Fatalf("%d notices before anybody signed", len(list))
	}
	resp, page = b.post("/boards/"+id, url.Values{"do": {"publish"}, "draft": {draft}, "text": {"Қан керек: <b>"}, "signed": {""}, "csrf": {b.csrf()}})
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("without a signature: %d", resp.StatusCode)
	}
	has(t, page, "It was not published", draft)

	b.get("/editor")
	_, page = b.submit("/editor", "draft", draft)
	has(t, page, "This is what you sign", "Қан керек: &lt;b&gt;")
	_, rest, _ = strings.Cut(page, `<textarea id="signed" rows="3" readonly spellcheck="false">`)
	signed, _, _ := strings.Cut(rest, "<")
	resp, page = b.post("/boards/"+id, url.Values{"do": {"publish"}, "draft": {draft}, "signed": {signed}, "csrf": {b.csrf()}})
	if resp.Request.URL.Path != "/boards/"+id {
		t.Errorf("after publishing: at %s", resp.Request.URL)
	}
	has(t, page, "Published", "Қан керек: &lt;b&gt;")

	b.get("/editor")
	resp, page = b.post("/editor", url.Values{"do": {"make"}, "name": {"Committee"}, "keys": {strings.Repeat("cd", 32)}, "need": {"two"}, "csrf": {b.csrf()}})
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("need two: %d", resp.StatusCode)
	}
	has(t, page, "It was not made", `value="Committee"`)
	_, page = b.post("/editor", url.Values{"do": {"make"}, "name": {"Committee"}, "keys": {strings.Repeat("cd", 32)}, "need": {"2"}, "csrf": {b.csrf()}})
	has(t, page, "Committee", "signed by at least 2 of 2 editors")
}
