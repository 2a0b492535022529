package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/jauap/jauap/web/api/apitest"
)

// newFirst is a First whose opener notes what it was asked for.
func newFirst(t *testing.T, locked bool) (*First, *httptest.Server, *[]string) {
	t.Helper()
	c := newClock()
	g := NewGate(c.now)
	var asked []string
	f := NewFirst(g, locked, func(name, pass string) (http.Handler, error) {
		asked = append(asked, name+"|"+pass)
		switch pass {
		case "wrong horse":
			return nil, ErrWrong
		case "full disk":
			return nil, errors.New("no <room>")
		}
		return New(apitest.New(name, c.now), Options{Now: c.now, Gate: g}), nil
	}, Options{Now: c.now})
	return f, start(t, f), &asked
}

func TestFirstRun(t *testing.T) {
	f, s, asked := newFirst(t, false)
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

func TestLocked(t *testing.T) {
	f, s, _ := newFirst(t, true)
	b := newBrowser(t, s)
	b.get(f.Link(s.URL))
	_, page := b.get("/")
	has(t, page, "Jauap is locked", `type="password"`)
	hasNot(t, page, `name="again"`)
	resp, page := b.submit("/", "pass", "wrong horse")
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("wrong: %d", resp.StatusCode)
	}
	has(t, page, "This is not the passphrase")
	_, page = b.submit("/", "pass", "correct horse")
	has(t, page, "Your letters are open")
	// A form of nobody's opens nothing.
	g, s2, asked := newFirst(t, true)
	b2 := newBrowser(t, s2)
	b2.get(g.Link(s2.URL))
	if resp, _ := b2.do(b2.request("POST", "/", strings.NewReader("pass=correct+horse"))); resp.StatusCode == 200 || len(*asked) != 0 {
		t.Errorf("without a token: %d, %q", resp.StatusCode, *asked)
	}
}

// testFirstScreens looks at the first run in every language, on a small
// telephone, by day and by night.
func testFirstScreens(t *testing.T, ctx context.Context) {
	for _, locked := range []bool{false, true} {
		f, s, _ := newFirst(t, locked)
		do(t, ctx, chromedp.EmulateViewport(320, 640), chromedp.Navigate(f.Link(s.URL)))
		until(t, ctx, "main", "form")
		for _, lang := range []string{"kk", "ru", "en"} {
			do(t, ctx, chromedp.Click(chromedp.CSS("button[lang="+lang+"]")))
			until(t, ctx, "html", `<html lang="`+lang+`"`)
			inspect(t, ctx, "first "+lang)
			axe(t, ctx, "first "+lang)
			shoot(t, ctx, "first-"+lang)
		}
		if locked {
			continue
		}
		do(t, ctx, chromedp.SendKeys(chromedp.CSS("#name"), "Dana"), chromedp.Click(chromedp.CSS("main button")))
		until(t, ctx, "main", "Dana")
		inspect(t, ctx, "ready")
		axe(t, ctx, "ready")
		do(t, ctx, chromedp.Click(chromedp.CSS("main .button")))
		until(t, ctx, "main", "qr")
	}
}
