package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/jauap/jauap/web/api"
)

// Closed is a profile that a page can open again, or erase.
type Closed interface {
	api.Locker
	api.Eraser
}

// NewLocked is the page of a locked profile: it asks for the passphrase, and shows
// nothing of the person.
func NewLocked(g *Gate, c Closed, o Options) http.Handler {
	p := &pages{o: o.filled(), gate: g, looks: newLooks(), words: loadWords(), locked: c}
	m := http.NewServeMux()
	m.Handle("GET /{$}", p.screen(func(x *turn) error { return x.askPassphrase(http.StatusOK, "") }))
	m.Handle("POST /{$}", p.act((*turn).unlock))
	m.Handle("POST /lang", p.act((*turn).language))
	m.Handle("GET /wipe", p.screen((*turn).askWipe))
	m.Handle("POST /wipe", p.act((*turn).wipe))
	m.Handle("/", p.screen((*turn).shut))
	p.mux = m
	return p.guarded("'none'")
}

// shut leads every screen to the form. A page that asks by itself is told to go.
func (x *turn) shut() error {
	if x.live() || x.r.URL.Path == "/events" {
		x.w.WriteHeader(http.StatusForbidden)
		return nil
	}
	return x.see(x.Path())
}

func (x *turn) askPassphrase(status int, problem string) error {
	if x.live() {
		return x.shut()
	}
	x.w.Header().Set("Clear-Site-Data", `"cache"`) // what was shown before
	x.view("locked", status, x.T("first.locked"), problem)
	return nil
}

// unlock opens the profile.
func (x *turn) unlock() error {
	_, err := x.p.locked.Unlock(x.ctx(), api.UnlockAsk{Passphrase: []byte(x.form.Get("pass"))})
	switch {
	case errors.Is(err, api.ErrMismatch):
		return x.askPassphrase(http.StatusForbidden, x.T("first.wrong"))
	case err != nil:
		return x.askPassphrase(http.StatusConflict, x.T("first.failed", "why", x.why(err)))
	}
	return x.see(x.Path())
}

// lock locks the profile, or says when it locks by itself.
func (x *turn) lock() error {
	var ask api.LockAsk
	if s := x.form.Get("after"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("%w: seconds are a number", api.ErrUsage)
		}
		ask.After = &n
	}
	if _, err := x.p.b.Lock(x.ctx(), ask); err != nil {
		return err
	}
	if ask.After != nil {
		return x.see(x.Path("me") + "#lock")
	}
	return x.see(x.Path())
}

// Locks are the choices for locking by itself.
func (x *turn) Locks() (list []lockTime) {
	for _, n := range []int64{60, 300, 600, 1800, 3600, 0} { // seconds
		word := x.T("lock.never")
		if n > 0 {
			word = x.T("lock.minutes", "n", int(n/60))
		}
		list = append(list, lockTime{n, word})
	}
	return list
}

type lockTime struct {
	Seconds int64
	Word    string
}

// eraser is what erases this page's profile.
func (p *pages) eraser() api.Eraser {
	if p.b == nil {
		return p.locked
	}
	return p.b
}

// attended tells Person of what a person did: sent a form, or went to a screen.
func (p *pages) attended(next http.Handler) http.Handler {
	if p.o.Person == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mode := r.Header.Get("Sec-Fetch-Mode")
		if r.Header.Get(liveHeader) == "" && r.URL.Path != p.prefix+"/events" && (r.Method == http.MethodPost || mode == "navigate" || mode == "") {
			p.o.Person()
		}
		next.ServeHTTP(w, r)
	})
}
