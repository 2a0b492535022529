package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/jauap/jauap/web/api"
	"github.com/jauap/jauap/web/api/apitest"
)

// lockable is a page that locks and opens.
type lockable struct {
	*apitest.Fake
	gate *Gate
	s    *httptest.Server
	page replaced
	open http.Handler
	came int // requests by a person
}

func newLockable(t *testing.T) *lockable {
	t.Helper()
	c := newClock()
	l := &lockable{Fake: apitest.New("Aigerim", c.now), gate: NewGate(c.now)}
	l.AddPerson(api.Person{Name: "Dana"})
	l.open = New(l, Options{Now: c.now, Gate: l.gate, Person: func() { l.came++ }})
	l.page.set(l.open)
	l.s = start(t, &l.page)
	return l
}

func (l *lockable) Lock(ctx context.Context, a api.LockAsk) (api.LockState, error) {
	s, err := l.Fake.Lock(ctx, a)
	if err == nil && a.After == nil {
		l.page.set(NewLocked(l.gate, l, Options{}))
		l.gate.Forget()
		l.Arrive("Dana", api.Letter{Text: "while it is locked"}) // open pages hear something
	}
	return s, err
}

func (l *lockable) Unlock(ctx context.Context, a api.UnlockAsk) (api.LockState, error) {
	s, err := l.Fake.Unlock(ctx, a)
	if err == nil {
		l.page.set(l.open)
	}
	return s, err
}

func TestLocked(t *testing.T) {
	l := newLockable(t)
	b := newBrowser(t, l.s)
	b.get(l.gate.Link(l.s.URL))
	_, page := b.get("/")
	has(t, page, "Dana", `action="/lock"`)
	for _, path := range []string{"/me", "/add", "/net", "/carry", "/safe", "/boards", "/desk", "/groups"} {
		if _, page = b.get(path); !strings.Contains(page, `action="/lock"`) {
			t.Errorf("%s cannot be locked", path)
		}
	}
	_, page = b.get("/me")
	has(t, page, "after 10 minutes", `<option value="0" selected>never`)
	b.submit("/lock", "after", "300")
	has(t, b.last, `<option value="300" selected>`)
	if resp, _ := b.submit("/lock", "after", "soon"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a time that is none: %d", resp.StatusCode)
	}
	b.get("/me")
	_, page = b.submit("/lock")
	has(t, page, "Jauap is locked", `type="password"`, "goes on carrying", `href="/wipe"`)
	hasNot(t, page, "Dana", "Aigerim", "data-events", `href="/net"`, "waiting")
	for _, path := range []string{"/me", "/with/x", "/search?q=a", "/picture/x", "/nothing"} {
		if _, page = b.get(path); !strings.Contains(page, "Jauap is locked") {
			t.Errorf("%s shows\n%s", path, page)
		}
	}
	b.head["X-Jauap-Live"] = "1"
	for _, path := range []string{"/", "/me", "/events"} {
		if status, _ := b.get(path); status != http.StatusForbidden {
			t.Errorf("what a page asks by itself: %s %d", path, status)
		}
	}
	delete(b.head, "X-Jauap-Live")
	b.get("/")
	b.submit("/lang", "lang", "kk", "back", "/")
	has(t, b.last, `lang="kk"`, "Құпиясөз")
	b.submit("/lang", "lang", "en", "back", "/")
	if resp, page := b.submit("/", "pass", "wrong"); resp.StatusCode != http.StatusForbidden || !strings.Contains(page, "This is not the passphrase") || strings.Contains(page, `value="wrong"`) {
		t.Errorf("wrong: %d\n%s", resp.StatusCode, page)
	}
	if resp, _ := b.do(b.request("POST", "/", strings.NewReader("pass=right"))); resp.StatusCode == http.StatusOK || !l.lockedNow() {
		t.Errorf("without a token: %d", resp.StatusCode)
	}
	r := b.request("POST", "/", strings.NewReader("pass=right"))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if resp, _ := b.do(r); resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %d", resp.StatusCode)
	}
	other := newBrowser(t, l.s)
	if _, page = other.get("/"); strings.Contains(page, "password") {
		t.Errorf("a browser that was not let in:\n%s", page)
	}
	b.get("/wipe")
	has(t, b.last, "Erase everything on this device")
	b.get("/")
	_, page = b.submit("/", "pass", "right")
	has(t, page, "Dana", "while it is locked")
	b.submit("/lock")
	b.get("/wipe")
	_, page = b.submit("/wipe", "sure", "yes")
	has(t, page, "Everything is erased")
}

func (l *lockable) lockedNow() bool {
	s, _ := l.Status(context.Background())
	return s.Lock.Locked
}

// TestAttended: what counts as a person.
func TestAttended(t *testing.T) {
	l := newLockable(t)
	b := newBrowser(t, l.s)
	b.get(l.gate.Link(l.s.URL))
	b.get("/static/style.css")
	b.head["X-Jauap-Live"] = "1"
	b.get("/")
	b.head = map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
	b.get("/invite.png")
	if l.came != 0 {
		t.Errorf("%d persons where none was", l.came)
	}
	b.head = map[string]string{"Sec-Fetch-Mode": "navigate"}
	b.get("/")
	b.head = map[string]string{}
	b.submit("/lang", "lang", "ru", "back", "/") // and the screen that follows
	if l.came != 3 {
		t.Errorf("%d, not 3", l.came)
	}
}

// testLockScreens locks with one press, looks at the form in every language on a
// small telephone, and opens it from the keyboard. A page that lies open elsewhere
// goes to the form by itself, half-typed words and all.
func testLockScreens(t *testing.T, ctx context.Context) {
	l := newLockable(t)
	do(t, ctx, chromedp.EmulateViewport(320, 640), chromedp.Navigate(l.gate.Link(l.s.URL)))
	until(t, ctx, "main", "Dana")
	for _, lang := range []string{"kk", "ru", "en"} {
		do(t, ctx, chromedp.Click(chromedp.CSS("button[lang="+lang+"]")))
		until(t, ctx, "html", `<html lang="`+lang+`"`)
		inspect(t, ctx, "open "+lang)
		axe(t, ctx, "open "+lang)
		shoot(t, ctx, "lock-open-"+lang)
		do(t, ctx, chromedp.Click(chromedp.CSS(".lock button")))
		until(t, ctx, "main", `type="password"`)
		inspect(t, ctx, "locked "+lang)
		axe(t, ctx, "locked "+lang)
		shoot(t, ctx, "lock-"+lang)
		do(t, ctx, chromedp.KeyEvent("wrong"), chromedp.KeyEvent(kb.Enter)) // the field has the focus
		until(t, ctx, "main", `role="alert"`)
		inspect(t, ctx, "wrong "+lang)
		axe(t, ctx, "wrong "+lang)
		shoot(t, ctx, "lock-wrong-"+lang)
		do(t, ctx, chromedp.KeyEvent("right"), chromedp.KeyEvent(kb.Enter))
		until(t, ctx, "main", "Dana")
	}
	do(t, ctx, chromedp.Click(chromedp.CSS("main a.go")))
	until(t, ctx, "main", `id="text"`)
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#text"), "half a thought"))
	if _, err := l.Lock(t.Context(), api.LockAsk{}); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, "main", `type="password"`)
	if page := html(t, ctx, "body"); strings.Contains(page, "half a thought") || strings.Contains(page, "Dana") {
		t.Errorf("the open page afterwards:\n%s", page)
	}
	do(t, ctx, chromedp.KeyEvent("right"), chromedp.KeyEvent(kb.Enter))
	until(t, ctx, "main", "Dana")
	do(t, ctx, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(l.s.URL+"/me"))
	until(t, ctx, "main", `id="after"`)
	inspect(t, ctx, "my card")
	axe(t, ctx, "my card")
	shoot(t, ctx, "lock-me")
}
