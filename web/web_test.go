package web

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
	"github.com/jauap/jauap/web/api/apitest"
)

// clock is noon of 7 January 2022 until a test moves it.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Date(2022, 1, 7, 12, 0, 0, 0, time.UTC)} }

func almaty() *time.Location { return time.FixedZone("+06", 6*3600) }

// browser is a visitor without JavaScript: cookies, forms, redirects.
type browser struct {
	t    *testing.T
	base string
	c    *http.Client
	last string            // the page shown now
	head map[string]string // sent with every request
}

// newBrowser has no cookie for s yet.
func newBrowser(t *testing.T, s *httptest.Server) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, base: s.URL, c: &http.Client{Jar: jar, Timeout: 20 * time.Second}, head: map[string]string{"Accept-Language": "en"}}
}

func (b *browser) do(r *http.Request) (*http.Response, string) {
	b.t.Helper()
	for k, v := range b.head {
		r.Header.Set(k, v)
	}
	resp, err := b.c.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.last = string(body)
	return resp, b.last
}

func (b *browser) request(method, path string, body io.Reader) *http.Request {
	b.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = b.base + path
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *browser) get(path string) (int, string) {
	b.t.Helper()
	resp, body := b.do(b.request("GET", path, nil))
	return resp.StatusCode, body
}

func (b *browser) csrf() string {
	b.t.Helper()
	m := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(b.last)
	if m == nil {
		b.t.Fatalf("no form on this page:\n%.800s", b.last)
	}
	return m[1]
}

// submit fills the form of the page shown now and follows the redirect.
func (b *browser) submit(path string, pairs ...string) (*http.Response, string) {
	b.t.Helper()
	v := url.Values{"csrf": {b.csrf()}}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return b.post(path, v)
}

func (b *browser) post(path string, v url.Values) (*http.Response, string) {
	b.t.Helper()
	r := b.request("POST", path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.base)
	return b.do(r)
}

// letter submits the form of a conversation as a browser does: multipart.
func (b *browser) letter(path, csrf, text string, files ...api.SendFile) (*http.Response, string) {
	b.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	_ = m.WriteField("csrf", csrf)
	_ = m.WriteField("text", text)
	if len(files) == 0 { // what a browser sends for an empty file field
		_, _ = m.CreateFormFile("file", "")
	}
	for _, f := range files {
		p, _ := m.CreateFormFile("file", f.Name)
		_, _ = p.Write(f.Data)
	}
	_ = m.Close()
	r := b.request("POST", path, &body)
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// world is a page with its Backend.
type world struct {
	*apitest.Fake
	clock *clock
	site  *Site
	s     *httptest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c := newClock()
	f := apitest.New("Aigerim", c.now)
	site := New(f, Options{Now: c.now, Zone: almaty()})
	return &world{f, c, site, start(t, site)}
}

func start(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	hs := httptest.NewUnstartedServer(nil)
	hs.Config = api.NewServer(h)
	hs.Start()
	t.Cleanup(func() {
		// A browser may still hold an event stream.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = hs.Config.Shutdown(ctx)
		hs.CloseClientConnections()
		hs.Close()
	})
	return hs
}

// enter opens the page by a new link.
func (w *world) enter(t *testing.T) *browser {
	t.Helper()
	b := newBrowser(t, w.s)
	if status, body := b.get(w.site.Link(w.s.URL)); status != 200 || !strings.Contains(body, "http-equiv=\"refresh\"") {
		t.Fatalf("entering: %d\n%s", status, body)
	}
	if status, _ := b.get("/"); status != 200 {
		t.Fatalf("after entering: %d", status)
	}
	return b
}

func has(t *testing.T, page string, all ...string) {
	t.Helper()
	for _, s := range all {
		if !strings.Contains(page, s) {
			t.Errorf("the page does not say %q:\n%s", s, text(page))
		}
	}
}

func hasNot(t *testing.T, page string, all ...string) {
	t.Helper()
	for _, s := range all {
		if strings.Contains(page, s) {
			t.Errorf("the page says %q:\n%s", s, text(page))
		}
	}
}

// text is a page without its tags and icons, on few lines.
func text(page string) string {
	_, body, _ := strings.Cut(page, "<body")
	body = regexp.MustCompile(`(?s)<svg.*?</svg>|<[^>]*>`).ReplaceAllString("<body"+body, " ")
	body = regexp.MustCompile(`[ \t]+`).ReplaceAllString(body, " ")
	return regexp.MustCompile(`\s*\n\s*`).ReplaceAllString(body, "\n")
}
