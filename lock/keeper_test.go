package lock

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jauap/jauap/web/api"
	"github.com/jauap/jauap/web/api/apitest"
)

// node is a stand-in that knows whether it has its person.
type node struct {
	*apitest.Fake
	h      *houseOf
	whole  bool
	gone   chan struct{}
	closed bool
}

func (n *node) Start() error          { return nil }
func (n *node) ListenAddr() string    { return "" }
func (n *node) Gone() <-chan struct{} { return n.gone }
func (n *node) Close() error          { n.closed = true; return nil }

func (n *node) Status(ctx context.Context) (api.Status, error) {
	s, err := n.Fake.Status(ctx)
	s.Lock = n.h.k.Lockable()
	return s, err
}

func (n *node) Lock(ctx context.Context, a api.LockAsk) (api.LockState, error) {
	return n.h.k.Lock(ctx, a)
}
func (n *node) Unlock(ctx context.Context, a api.UnlockAsk) (api.LockState, error) {
	return n.h.k.Unlock(ctx, a)
}
func (n *node) Wipe(context.Context, api.WipeAsk) (api.Wiped, error) {
	close(n.gone)
	return api.Wiped{}, nil
}

// houseOf makes stand-ins. parting holds locking up.
type houseOf struct {
	k       *Keeper
	open    bool // the profile has no passphrase
	parting time.Duration
	fails   error
	kept    time.Duration
	mu      sync.Mutex
	tried   []string
}

func (h *houseOf) make(whole bool) *node {
	f := apitest.New("", nil)
	if whole {
		f.AddPerson(api.Person{Name: "Dana"})
	}
	return &node{Fake: f, h: h, whole: whole, gone: make(chan struct{})}
}

func (h *houseOf) Open(closed bool, pass []byte) (Node, error) {
	if !closed && string(pass) != "right" {
		return nil, ErrWrong
	}
	return h.make(!closed), nil
}
func (h *houseOf) Create(string, []byte) (Node, error) { return h.make(true), nil }
func (h *houseOf) Leave(n Node) error                  { return n.Close() }
func (h *houseOf) Part(n Node) (Node, error) {
	time.Sleep(h.parting)
	n.(*node).closed = true
	if h.fails != nil {
		return nil, h.fails
	}
	return h.make(false), nil
}
func (h *houseOf) Rejoin(n Node, pass []byte) (Node, error) {
	h.mu.Lock()
	h.tried = append(h.tried, string(pass))
	h.mu.Unlock()
	if string(pass) != "right" {
		return n, ErrWrong
	}
	n.(*node).closed = true
	if h.fails != nil {
		return h.make(false), h.fails
	}
	return h.make(true), nil
}
func (h *houseOf) Protected() bool            { return !h.open }
func (h *houseOf) Keep(t time.Duration) error { h.kept = t; return nil }

const at = "127.0.0.1:7727"

// open is a Keeper with its person in.
func open(t *testing.T, h *houseOf, now func() time.Time) *Keeper {
	t.Helper()
	k, err := newKeeper(h, at, now, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	h.k = k
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.enter(h.make(true)); err != nil {
		t.Fatal(err)
	}
	return k
}

// caller is a browser or a program at a Keeper, without a network.
type caller struct {
	t    *testing.T
	k    *Keeper
	jar  http.CookieJar
	head map[string]string
}

func call(t *testing.T, k *Keeper) caller {
	jar, _ := cookiejar.New(nil)
	return caller{t, k, jar, map[string]string{}}
}

func (c caller) do(method, path, body string) (int, string) {
	c.t.Helper()
	u := &url.URL{Scheme: "http", Host: at, Path: path}
	r := httptest.NewRequestWithContext(context.WithValue(c.t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7727}), method, path, strings.NewReader(body))
	r.Host = at
	for _, cookie := range c.jar.Cookies(u) {
		r.AddCookie(cookie)
	}
	if strings.HasPrefix(path, "/api/") {
		r.Header.Set("Authorization", "Bearer "+c.k.door.Token)
		r.Header.Set("Content-Type", "application/json")
	} else if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range c.head {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	c.k.ServeHTTP(w, r)
	c.jar.SetCookies(u, w.Result().Cookies())
	return w.Code, w.Body.String()
}

// visit is a browser that was let in.
func visit(t *testing.T, k *Keeper) caller {
	t.Helper()
	c := call(t, k)
	link, _ := k.Page(t.Context())
	c.do("GET", strings.TrimPrefix(link, "http://"+at), "")
	return c
}

// form sends the form of a page.
func (c caller) form(path, pairs string) (int, string) {
	c.t.Helper()
	_, page := c.do("GET", "/", "")
	_, rest, _ := strings.Cut(page, `name="csrf" value="`)
	csrf, _, _ := strings.Cut(rest, `"`)
	return c.do("POST", path, "csrf="+csrf+"&"+pairs)
}

func locked(k *Keeper) bool { return k.state().Locked }

// TestByItself: ten minutes without a person lock, in a time of its own.
func TestByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t, &houseOf{}, nil)
		defer k.close()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go k.watch(ctx)
		b, p := visit(t, k), call(t, k)
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		// Each of these keeps it open.
		for name, f := range map[string]func(){
			"a screen":           func() { b.do("GET", "/", "") },
			"a form":             func() { b.form("/lang", "lang=kk") },
			"a command":          func() { p.do("GET", "/api/v1/people", "") },
			"a time to stay":     func() { p.do("POST", "/api/v1/lock", `{"after":600}`) },
			"a status by person": func() { p.do("GET", "/api/v1/status", "") },
		} {
			pass(9 * time.Minute)
			if f(); locked(k) {
				t.Fatalf("locked before %s", name)
			}
		}
		// None of these does.
		live, image, follower, stranger := visit(t, k), visit(t, k), call(t, k), call(t, k)
		live.head["X-Jauap-Live"] = "1"
		image.head["Sec-Fetch-Mode"] = "no-cors"
		follower.head["Jauap-Unasked"] = "1"
		stranger.head["Authorization"] = "Bearer no"
		b.do("GET", "/", "")
		for range 8 {
			pass(time.Minute)
			live.do("GET", "/", "")
			image.do("GET", "/invite.png", "")
			follower.do("POST", "/api/v1/read", "{}")
			stranger.do("GET", "/api/v1/people", "")
			call(t, k).do("GET", "/", "")
			call(t, k).do("GET", "/static/style.css", "")
			b.do("GET", "/static/style.css", "")
		}
		if locked(k) {
			t.Fatal("locked too soon")
		}
		pass(2*time.Minute + lookEvery)
		if !locked(k) {
			t.Fatal("it did not lock")
		}
		if _, page := b.do("GET", "/", ""); strings.Contains(page, "Dana") || !strings.Contains(page, "password") {
			t.Errorf("the page afterwards:\n%s", page)
		}
		if code, said := p.do("GET", "/api/v1/people", ""); code != http.StatusLocked || !strings.Contains(said, `"locked"`) {
			t.Errorf("the door afterwards: %d %s", code, said)
		}
		if code, _ := b.form("/", "pass=right"); code != http.StatusSeeOther || locked(k) {
			t.Fatalf("unlocking: %d", code)
		}
		pass(9 * time.Minute)
		if locked(k) {
			t.Error("the time does not begin anew")
		}
		p.do("POST", "/api/v1/lock", `{"after":0}`)
		pass(48 * time.Hour)
		if locked(k) {
			t.Error("never is not never")
		}
	})
}

// TestAfterSleep: what was due while the device slept is done before anything is
// shown, however its clocks went.
func TestAfterSleep(t *testing.T) {
	jump := time.Duration(0)
	k := open(t, &houseOf{}, func() time.Time { return time.Now().Add(jump).Round(0) })
	b := visit(t, k)
	if _, page := b.do("GET", "/", ""); !strings.Contains(page, "Dana") {
		t.Fatalf("not open:\n%s", page)
	}
	jump = 8 * time.Hour
	if _, page := b.do("GET", "/", ""); strings.Contains(page, "Dana") {
		t.Error("shown after a sleep")
	}
	i := Idle{After: time.Minute}
	now := time.Now()
	i.Touch(now)
	for what, c := range map[string]struct {
		now  time.Time
		over bool
	}{
		"at once":              {now, false},
		"soon":                 {now.Add(59 * time.Second), false},
		"in time":              {now.Add(time.Minute), true},
		"the wall alone":       {now.Round(0).Add(time.Hour), true},
		"a wall that was set":  {now.Round(0).Add(-time.Hour), false},
		"both, a year further": {now.Add(365 * 24 * time.Hour), true},
	} {
		if got := i.Over(c.now); got != c.over {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// TestAtOnce: nothing is shown from the moment of locking, while it still goes on,
// and streams end.
func TestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &houseOf{parting: time.Hour}
		k := open(t, h, nil)
		defer k.close()
		b, p := visit(t, k), call(t, k)
		streaming, waiting := make(chan struct{}), make(chan struct{})
		go func() { b.do("GET", "/events", ""); close(streaming) }()
		go func() { p.do("GET", "/api/v1/wait?seen=99999", ""); close(waiting) }()
		synctest.Wait()
		go p.do("POST", "/api/v1/lock", "{}")
		synctest.Wait()
		<-streaming
		<-waiting
		if _, page := b.do("GET", "/", ""); strings.Contains(page, "Dana") || !strings.Contains(page, "password") {
			t.Errorf("while it locks:\n%s", page)
		}
		if code, _ := p.do("GET", "/api/v1/people", ""); code != http.StatusLocked {
			t.Errorf("while it locks: %d", code)
		}
		// Who opens it at once waits until it was closed.
		opened := make(chan struct{})
		go func() {
			p.do("POST", "/api/v1/unlock", `{"passphrase":"cmlnaHQ="}`)
			close(opened)
		}()
		synctest.Wait()
		if !locked(k) {
			t.Error("open before it was closed")
		}
		<-opened
		if locked(k) || len(h.tried) != 1 {
			t.Errorf("not open: %q", h.tried)
		}
	})
}

// TestWrong: a wrong passphrase changes nothing; they are tried one at a time.
func TestWrong(t *testing.T) {
	h := &houseOf{}
	k := open(t, h, nil)
	p := call(t, k)
	p.do("POST", "/api/v1/lock", "{}")
	was := k.era
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if code, said := p.do("POST", "/api/v1/unlock", `{"passphrase":"d3Jvbmc="}`); code != http.StatusConflict || !strings.Contains(said, "not the passphrase") {
				t.Errorf("wrong: %d %s", code, said)
			}
		})
	}
	all.Wait()
	if k.era != was || was.node.(*node).closed || len(h.tried) != 8 {
		t.Errorf("something changed: %q", h.tried)
	}
	b := visit(t, k)
	if code, page := b.form("/", "pass=wrong"); code != http.StatusForbidden || !strings.Contains(page, "not the passphrase") {
		t.Errorf("on the page: %d", code)
	}
	if code, _ := b.do("POST", "/", "pass=right"); code == http.StatusSeeOther || !locked(k) {
		t.Errorf("without the form's token: %d", code)
	}
}

// TestTrouble: what fails stays locked, is told, and can be tried again.
func TestTrouble(t *testing.T) {
	h := &houseOf{fails: errors.New("no room")}
	k := open(t, h, nil)
	p := call(t, k)
	if code, said := p.do("POST", "/api/v1/lock", "{}"); code != 500 || !strings.Contains(said, "no room") || !locked(k) {
		t.Errorf("locking: %d %s", code, said)
	}
	if code, said := p.do("GET", "/api/v1/status", ""); code != 500 || !strings.Contains(said, "nothing is carried") {
		t.Errorf("status: %d %s", code, said)
	}
	h.fails = nil
	if p.do("POST", "/api/v1/unlock", `{"passphrase":"cmlnaHQ="}`); locked(k) {
		t.Error("it does not open from nothing")
	}
	p.do("POST", "/api/v1/lock", "{}")
	h.fails = errors.New("damaged")
	if code, said := p.do("POST", "/api/v1/unlock", `{"passphrase":"cmlnaHQ="}`); code != 500 || !strings.Contains(said, "damaged") || !locked(k) {
		t.Errorf("unlocking: %d %s", code, said)
	}
	if n := k.era.node.(*node); n.whole || n.closed {
		t.Error("nothing carries")
	}
	if err := k.close(); err != nil || !k.era.node.(*node).closed {
		t.Errorf("closing: %v", err)
	}
	bare := &houseOf{open: true}
	if code, said := call(t, open(t, bare, nil)).do("POST", "/api/v1/lock", "{}"); code != 400 || !strings.Contains(said, "no passphrase") {
		t.Errorf("without a passphrase: %d %s", code, said)
	}
}
