package main

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// enter follows the link of a node that runs.
func enter(t *testing.T, node *running) visitor {
	t.Helper()
	link := node.lines["page"]
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	b := visitor{t, &http.Client{Jar: jar, Timeout: 30 * time.Second}, "http://" + u.Host}
	b.get(strings.TrimPrefix(link, b.base))
	return b
}

// upload sends a form with a file, the token of the form first as browsers do.
func (v visitor) upload(at, path, field string, data []byte, pairs ...string) string {
	v.t.Helper()
	token := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(v.get(at))
	if token == nil {
		v.t.Fatalf("no form at %s", at)
	}
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for i, pairs := 0, append([]string{"csrf", token[1]}, pairs...); i < len(pairs); i += 2 {
		_ = m.WriteField(pairs[i], pairs[i+1])
	}
	part, err := m.CreateFormFile(field, field)
	if err != nil {
		v.t.Fatal(err)
	}
	_, _ = part.Write(data)
	_ = m.Close()
	return v.body(v.c.Post(v.base+path, m.FormDataContentType(), &body))
}

// found is what a pattern's bracket holds on a page.
func found(t *testing.T, page, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("%s is not on this page:\n%s", pattern, page)
	}
	return m[1]
}

// TestEditorsOnPages: the publisher's page makes a draft with a photo, another
// editor's page shows that photo and signs, and it is published: two nodes.
func TestEditorsOnPages(t *testing.T) {
	t.Parallel()
	hospital, second := newProgram(t, "Hospital"), newProgram(t, "Second")
	var made api.Board
	hospital.json(&made, "board", "new", "Hospital", "--editor", strings.TrimSpace(hospital.ok("board", "editor")), "--editor", strings.TrimSpace(second.ok("board", "editor")), "--need", "2", "--json")
	second.ok("board", "follow", made.Card)
	h, s := enter(t, up(hospital, "--listen", "off")), enter(t, up(second, "--listen", "off"))
	img := image.NewRGBA(image.Rect(0, 0, 900, 600))
	for i := range img.Pix {
		img.Pix[i] = byte(i / 11)
	}
	img.Set(3, 3, color.Black)
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, img, nil); err != nil {
		t.Fatal(err)
	}
	const textarea = `(?s)<textarea id="%"[^>]*>([^<]+)<`
	at := "/boards/" + made.ID
	page := h.upload(at, at, "photo", photo.Bytes(), "do", "post", "text", "Who knows her?")
	draft, bare := found(t, page, strings.Replace(textarea, "%", "draft", 1)), found(t, page, strings.Replace(textarea, "%", "bare", 1))
	mine := h.get(found(t, page, `<img src="(/editor/media/[0-9a-f]+)"`))

	page = s.post("/editor", "draft", draft)
	if !strings.Contains(page, "Who knows her?") || !strings.Contains(page, "For the board \u2068Hospital\u2069") {
		t.Errorf("what is to be signed:\n%s", page)
	}
	theirs := s.get(found(t, page, `<img src="(/editor/media/[0-9a-f]+)"`))
	if c, err := jpeg.DecodeConfig(strings.NewReader(theirs)); theirs != mine || err != nil || c.Width < 300 {
		t.Errorf("the editors see different photos: %d and %d bytes, %v %+v", len(mine), len(theirs), err, c)
	}
	signed := found(t, s.post("/editor", "draft", draft, "do", "sign"), strings.Replace(textarea, "%", "signed", 1))

	page = s.post("/editor", "draft", bare, "do", "sign")
	if !strings.Contains(page, "The photo did not come with this draft") || strings.Contains(page, `id="signed"`) {
		t.Errorf("without the photo:\n%s", page)
	}
	if again := found(t, s.post("/editor", "draft", bare, "do", "sign", "unseen", "yes"), strings.Replace(textarea, "%", "signed", 1)); again != signed {
		t.Error("the signature does not cover the photo's hash")
	}
	other := []byte(draft) // the bytes of the photo are last
	if i := len(other) - 2000; other[i] == 'A' {
		other[i] = 'B'
	} else {
		other[i] = 'A'
	}
	if page = s.post("/editor", "draft", string(other)); !strings.Contains(page, "This is no whole draft") {
		t.Errorf("another photo under the same words:\n%s", page)
	}

	if page = h.post(at, "do", "publish", "draft", draft, "signed", signed); !strings.Contains(page, "Published.") || !strings.Contains(page, at+"/media/0") {
		t.Errorf("not published:\n%s", page)
	}
	if posted := h.get(at + "/media/0"); posted != mine {
		t.Error("another photo was published than the editors saw")
	}
}
