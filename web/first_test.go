package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/jauap/jauap/web/api/apitest"
)

// replaced is a handler that may become another one.
type replaced struct{ now atomic.Pointer[http.Handler] }

func (r *replaced) set(h http.Handler) { r.now.Store(&h) }

func (r *replaced) ServeHTTP(w http.ResponseWriter, q *http.Request) { (*r.now.Load()).ServeHTTP(w, q) }

// newFirst is a first page whose maker notes what it was asked for.
func newFirst(t *testing.T) (*Gate, *httptest.Server, *[]string) {
	t.Helper()
	c := newClock()
	g := NewGate(c.now)
	var asked []string
	var r replaced
	r.set(NewFirst(g, func(name, pass string) error {
		asked = append(asked, name+"|"+pass)
		if pass == "full disk" {
			return errors.New("no <room>")
		}
		r.set(New(apitest.New(name, c.now), Options{Now: c.now, Gate: g}))
		return nil
	}, Options{Now: c.now}))
	return g, start(t, &r), &asked
}

func TestFirstRun(t *testing.T) {
	f, s, asked := newFirst(t)
	b := newBrowser(t, s)
	if status, page := b.get("/"); status != 403 || !strings.Contains(page, "Jauap is closed here") {
		t.Errorf("without a link: %d", status)
	}
	// The language of the closed page can be chosen without being let in.
	_, page := b.get("/?lang=kk")
	has(t, page, `<html lang="kk"`)
	b.get(f.Link(s.URL))
	_, page = b.get("/")
	has(t, page, "Welcome to Jauap", "or leave it empty", "if you like", `lang="kk"`)
	hasNot(t, page, "data-events", `href="/net"`)
	b.submit("/lang", "lang", "ru", "back", "/")
	has(t, b.last, "Добро пожаловать")
	b.submit("/lang", "lang", "en", "back", "/")
	for _, c := range []struct{ pass, again, want string }{{"correct horse", "correct hrose", "differ"}, {"short", "short", "guessed in minutes"}, {"full disk", "full disk", "no &lt;room&gt;"}} {
		_, page = b.submit("/", "name", "Айгерім", "pass", c.pass, "again", c.again)
		has(t, page, c.want, `value="Айгерім"`)
		hasNot(t, page, `value="`+c.pass)
	}
	_, page = b.submit("/", "name", "", "pass", "", "again", "")
	has(t, page, "You are ready", "You have no name here")
	_, page = b.get("/")
	has(t, page, "Reach your people")
	if n := len(*asked); n != 2 || (*asked)[1] != "|" {
		t.Errorf("asked %q", *asked)
	}
}

// testFirstScreens looks at the first run in every language, on a small
// telephone, by day and by night.
func testFirstScreens(t *testing.T, ctx context.Context) {
	f, s, _ := newFirst(t)
	do(t, ctx, chromedp.EmulateViewport(320, 640), chromedp.Navigate(f.Link(s.URL)))
	until(t, ctx, "main", "form")
	for _, lang := range []string{"kk", "ru", "en"} {
		do(t, ctx, chromedp.Click(chromedp.CSS("button[lang="+lang+"]")))
		until(t, ctx, "html", `<html lang="`+lang+`"`)
		inspect(t, ctx, "first "+lang)
		axe(t, ctx, "first "+lang)
		shoot(t, ctx, "first-"+lang)
	}
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#name"), "Dana"), chromedp.Click(chromedp.CSS("main button")))
	until(t, ctx, "main", "Dana")
	inspect(t, ctx, "ready")
	axe(t, ctx, "ready")
	do(t, ctx, chromedp.Click(chromedp.CSS("main .button")))
	until(t, ctx, "main", "qr")
}
