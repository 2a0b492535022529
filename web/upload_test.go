package web

import (
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
	"github.com/jauap/jauap/web/api/apitest"
)

// zeros gives n bytes and counts them.
type zeros struct {
	n    int64
	gave atomic.Int64 // the client may still be reading when the answer is there
}

func (z *zeros) Read(p []byte) (int, error) {
	gave := z.gave.Load()
	if gave >= z.n {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n-gave)
	z.gave.Add(n)
	return int(n), nil
}

// TestHugeUpload: four gigabytes, announced or not, are refused after a small
// part of them, and memory stays flat.
func TestHugeUpload(t *testing.T) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	b := w.enter(t)
	b.get("/with/" + p.ID)
	csrf := b.csrf()
	for _, announced := range []bool{true, false} {
		var head strings.Builder
		m := multipart.NewWriter(&head)
		_ = m.WriteField("csrf", csrf) // into memory
		_, _ = m.CreateFormFile("file", "film.mp4")
		body := &zeros{n: 4 << 30}
		req := b.request("POST", "/with/"+p.ID, io.MultiReader(strings.NewReader(head.String()), body))
		req.Header.Set("Content-Type", m.FormDataContentType())
		if req.ContentLength = -1; announced {
			req.ContentLength = int64(head.Len()) + body.n
		}
		var most uint64
		stop := make(chan struct{})
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			for {
				var s runtime.MemStats
				runtime.ReadMemStats(&s)
				most = max(most, s.HeapInuse)
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		}()
		resp, err := b.c.Do(req)
		close(stop)
		<-watched
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("announced %v: status %d", announced, resp.StatusCode)
			}
		}
		if limit := int64(api.MaxFiles + maxDiscards + 16<<20); body.gave.Load() > limit {
			t.Errorf("announced %v: %d bytes were taken, at most %d", announced, body.gave.Load(), limit)
		}
		if most > 400<<20 {
			t.Errorf("announced %v: %d MB of memory", announced, most>>20)
		}
		t.Logf("announced %v: refused after %d MB, at most %d MB of memory, %v", announced, body.gave.Load()>>20, most>>20, err)
	}
	if out, _ := w.Outbox(t.Context()); len(out) != 0 {
		t.Errorf("something was sent: %v", out)
	}
}

// TestOtherDoors attacks the page as pages of other sites and ports can:
// rebinding, WebSocket, event stream, foreign forms.
func TestOtherDoors(t *testing.T) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	b := w.enter(t)
	b.get("/with/" + p.ID)
	csrf := b.csrf()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(w.s.URL, "http://"))
	for what, change := range map[string]func(*http.Request){
		"rebinding":         func(r *http.Request) { r.Host = "evil.example:" + port },
		"rebinding, no dot": func(r *http.Request) { r.Host = "localhost.evil.example:" + port },
		"another port":      func(r *http.Request) { r.Host = "127.0.0.1:1" },
		"foreign form":      func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"same site, other port": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "same-site")
			r.Header.Set("Origin", "http://127.0.0.1:1")
		},
		"old browser, foreign origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"null origin":                 func(r *http.Request) { r.Header.Set("Origin", "null") },
	} {
		req := b.request("POST", "/draft/"+p.ID, strings.NewReader("csrf="+csrf+"&text=stolen"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		change(req)
		resp, body := b.do(req)
		if resp.StatusCode < 400 || strings.Contains(body, "Dana") {
			t.Errorf("%s: %d\n%s", what, resp.StatusCode, body)
		}
	}
	for _, path := range []string{"/events", "/"} { // a WebSocket is never cross-origin checked by browsers
		req := b.request("GET", path, nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		req.Header.Set("Sec-WebSocket-Version", "13")
		req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		req.Header.Set("Origin", "https://evil.example")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		req.Header.Set("Sec-Fetch-Mode", "websocket")
		if resp, body := b.do(req); resp.StatusCode != http.StatusForbidden || body != "" {
			t.Errorf("WebSocket to %s: %d %q", path, resp.StatusCode, body)
		}
	}
	if d, err := w.Draft(t.Context(), api.DraftAsk{With: p.ID}); err != nil || d.Text != "" {
		t.Errorf("a foreign page changed the draft: %+v, %v", d, err)
	}
}

// TestRightToLeft: a language that runs the other way turns the page, and
// names of both kinds stand in it unharmed.
func TestRightToLeft(t *testing.T) {
	css, err := staticFiles.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"margin-left", "margin-right", "padding-left", "padding-right", "text-align: left", "text-align: right", "border-left", "border-right", "float:"} {
		if strings.Contains(string(css), bad) {
			t.Errorf("style.css says %q: use the logical property", bad)
		}
	}
	c := newClock()
	f := apitest.New("Aigerim", c.now)
	g := NewGate(c.now)
	pages := newPages(f, g, "", Options{Now: c.now})
	l := *byTag(pages.words, "en")
	l.Tag, l.Dir = "ar", "rtl"
	pages.words = append(pages.words, &l)
	site := &Site{Handler: pages.guarded("'none'"), gate: g}
	w := &world{f, c, site, start(t, site)}
	p := w.AddPerson(api.Person{Name: "علی\u202e"})
	w.Arrive("علی\u202e", api.Letter{Text: "سلام"})
	b := w.enter(t)
	b.get("/")
	b.submit("/lang", "lang", "ar", "back", "/with/"+p.ID)
	has(t, b.last, `<html lang="ar" dir="rtl"`, "<bdi>", `dir="auto">سلام`)
	if strings.Contains(b.last, "\u2068علی\u202e") {
		t.Error("a mark in a name turns the sentence around")
	}
}
