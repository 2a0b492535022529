package web

import (
	"bytes"
	"mime/multipart"
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
	draft := field(page, "draft")
	if !strings.Contains(string(readDraft(" "+draft[:5]+"\n"+draft[5:])), "Қан керек: ") {
		t.Fatalf("draft %q", draft)
	}
	if list, _ := w.Notices(t.Context(), id); len(list) != 3 {
		t.Fatalf("%d notices before anybody signed", len(list))
	}
	resp, page = b.post("/boards/"+id, url.Values{"do": {"publish"}, "draft": {draft}, "signed": {""}, "csrf": {b.csrf()}})
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("without a signature: %d", resp.StatusCode)
	}
	has(t, page, "It was not published", draft, "Қан керек: &lt;b&gt;")

	b.get("/editor")
	_, page = b.submit("/editor", "draft", draft)
	has(t, page, "This is all that you would sign", "Қан керек: &lt;b&gt;", "that you do not follow on this device", "Do not sign")
	if strings.Contains(page, strings.Repeat("cd", 64)) {
		t.Fatal("signed by looking")
	}
	_, page = b.post("/editor", url.Values{"do": {"sign"}, "draft": {draft}, "csrf": {b.csrf()}})
	has(t, page, "Signed. Give the signature back")
	signed := field(page, "signed")
	// The page was closed meanwhile: the draft is taken up again.
	b.get("/boards/" + id)
	_, page = b.post("/boards/"+id, url.Values{"do": {"again"}, "draft": {"nonsense"}, "csrf": {b.csrf()}})
	has(t, page, "no whole draft")
	_, page = b.post("/boards/"+id, url.Values{"do": {"again"}, "draft": {draft}, "csrf": {b.csrf()}})
	has(t, page, "Қан керек: &lt;b&gt;", "What came back", draft)
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

// field is what stands in a text field of a page.
func field(page, id string) string {
	_, rest, _ := strings.Cut(page, `<textarea id="`+id+`"`)
	_, rest, _ = strings.Cut(rest, ">")
	text, _, _ := strings.Cut(rest, "<")
	return text
}

// TestEditorSeesPhoto: the photo of a draft is looked at before it is signed;
// one that did not come is said, and signing it takes one more step.
func TestEditorSeesPhoto(t *testing.T) {
	w := newWorld(t)
	id := boardOf(w)
	b := w.enter(t)
	b.get("/boards/" + id)
	resp, page := b.upload("/boards/"+id, url.Values{"do": {"post"}, "text": {"Who knows her?"}}, map[string]string{"photo": string(street())})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("a draft with a photo: %d", resp.StatusCode)
	}
	has(t, page, "Who knows her?", `<img src="/editor/media/`, "of at most 48 KB", "Without the photo or recording")
	draft, bare := field(page, "draft"), field(page, "bare")
	shown := func(page string) {
		t.Helper()
		_, rest, _ := strings.Cut(page, `<img src="/editor/media/`)
		key, _, _ := strings.Cut(rest, `"`)
		defer func(was string) { b.last = was }(b.last)
		resp, photo := b.do(b.request("GET", "/editor/media/"+key, nil))
		if photo != string(street()) || resp.Header.Get("Content-Type") != "image/jpeg" || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("the photo of the draft: %d bytes, %v", len(photo), resp.Header)
		}
	}
	shown(page)
	_, saved := b.post("/boards/"+id, url.Values{"do": {"save"}, "draft": {draft}, "csrf": {b.csrf()}})
	if b.last = page; saved != string(readDraft(draft)) {
		t.Errorf("the saved draft has %d bytes", len(saved))
	}

	b.get("/editor")
	_, page = b.upload("/editor", url.Values{}, map[string]string{"file": saved})
	has(t, page, "This is all that you would sign", "Who knows her?")
	shown(page)
	_, page = b.post("/editor", url.Values{"do": {"sign"}, "draft": {draft}, "csrf": {b.csrf()}})
	shown(page)
	if field(page, "signed") == "" {
		t.Error("no signature for what was looked at")
	}

	b.get("/editor")
	_, page = b.submit("/editor", "draft", bare)
	has(t, page, "The photo did not come with this draft", "although I have not seen")
	hasNot(t, page, "/editor/media/")
	resp, page = b.post("/editor", url.Values{"do": {"sign"}, "draft": {bare}, "csrf": {b.csrf()}})
	if resp.StatusCode != http.StatusUnprocessableEntity || field(page, "signed") != "" {
		t.Errorf("signed unseen by mistake: %d", resp.StatusCode)
	}
	has(t, page, "Not signed", "The photo did not come with this draft")
	_, page = b.post("/editor", url.Values{"do": {"sign"}, "unseen": {"yes"}, "draft": {bare}, "csrf": {b.csrf()}})
	if field(page, "signed") == "" {
		t.Error("no signature after the tick")
	}
	if resp, _ := b.do(b.request("GET", "/editor/media/00", nil)); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a photo that nobody looks at: %d", resp.StatusCode)
	}
}

// TestLookBeforePublic: what an own board shows beside its words is looked at
// once more, and may be changed, before anybody else sees it.
func TestLookBeforePublic(t *testing.T) {
	w := newWorld(t)
	made, _ := w.Board(t.Context(), api.BoardAsk{Do: "create", Name: "Pharmacy"})
	b := w.enter(t)
	b.get("/boards/" + made.ID)
	_, page := b.upload("/boards/"+made.ID, url.Values{"do": {"post"}, "text": {"Listen"}, "pinned": {"yes"}}, map[string]string{"voice": "\x1a\x45\xdf\xa3 voice"})
	has(t, page, "Look once more", "Listen", `<audio controls preload="metadata" src="/editor/media/`, "of at most 48 KB", "Nobody can take it back", "stays at the top")
	if list, _ := w.Notices(t.Context(), made.ID); len(list) != 0 {
		t.Fatal("it is public before it was looked at")
	}
	_, rest, _ := strings.Cut(page, `name="draft" value="`)
	draft, _, _ := strings.Cut(rest, `"`)
	_, page = b.post("/boards/"+made.ID, url.Values{"do": {"change"}, "draft": {draft}, "csrf": {b.csrf()}})
	has(t, page, ">Listen</textarea>", "must be chosen once more")
	_, page = b.post("/boards/"+made.ID, url.Values{"do": {"publish"}, "draft": {draft}, "csrf": {b.csrf()}})
	has(t, page, "Published.", "Listen", "<audio controls")
	_, page = b.upload("/boards/"+made.ID, url.Values{"do": {"post"}, "text": {"both"}}, map[string]string{"photo": string(street()), "voice": "\x1a\x45\xdf\xa3"})
	has(t, page, "It was not published", ">both</textarea>")
}

// upload sends a form with files, csrf first as a page does.
func (b *browser) upload(path string, v url.Values, files map[string]string) (*http.Response, string) {
	b.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	_ = m.WriteField("csrf", b.csrf()) // into memory
	for k := range v {
		_ = m.WriteField(k, v.Get(k))
	}
	for name, data := range files {
		part, err := m.CreateFormFile(name, name)
		if err != nil {
			b.t.Fatal(err)
		}
		_, _ = part.Write([]byte(data))
	}
	_ = m.Close()
	req := b.request("POST", path, &body)
	req.Header.Set("Content-Type", m.FormDataContentType())
	return b.do(req)
}
