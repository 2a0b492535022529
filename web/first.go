package web

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// ErrWrong is what the opener of a First answers to a wrong passphrase.
var ErrWrong = errors.New("web: wrong passphrase")

// shortest is the least that a passphrase may have, in bytes.
const shortest = 8

// First is the page before a profile is open: the first run, or a locked
// profile. Once it is open, First serves what opened it leads to, to the same
// visitor.
type First struct {
	own  http.Handler
	next atomic.Pointer[http.Handler]
	gate *Gate
}

// NewFirst is the page that asks for a name (or none) and offers a passphrase,
// or, locked, asks for the one there is. open makes or opens the profile and
// answers its pages; ErrWrong for a wrong passphrase.
func NewFirst(g *Gate, locked bool, open func(name, pass string) (http.Handler, error), o Options) *First {
	f := &First{gate: g}
	p := &pages{o: o.filled(), gate: g, looks: newLooks(), words: loadWords()}
	var one sync.Mutex
	m := http.NewServeMux()
	m.Handle("GET /{$}", p.screen(func(x *turn) error { return x.first(http.StatusOK, firstScreen{Locked: locked}) }))
	m.Handle("POST /{$}", p.act(func(x *turn) error {
		one.Lock()
		defer one.Unlock()
		if f.next.Load() != nil { // pressed twice
			return x.see(x.Path())
		}
		return x.begin(locked, func(name, pass string) error {
			h, err := open(name, pass)
			if err == nil {
				f.next.Store(&h)
			}
			return err
		})
	}))
	m.Handle("POST /lang", p.act((*turn).language))
	m.Handle("/", p.screen(func(x *turn) error { return x.see(x.Path()) }))
	p.mux = m
	f.own = p.guarded("'none'")
	return f
}

// ServeHTTP serves this page, or what it led to.
func (f *First) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if next := f.next.Load(); next != nil {
		(*next).ServeHTTP(w, r)
		return
	}
	f.own.ServeHTTP(w, r)
}

// Link is a new link to the page below base.
func (f *First) Link(base string) string { return f.gate.Link(base) }

type firstScreen struct {
	Locked        bool
	Name, Problem string
}

func (x *turn) first(status int, s firstScreen) error {
	title := x.T("first.title")
	if s.Locked {
		title = x.T("first.locked")
	}
	x.view("first", status, title, s)
	return nil
}

func (x *turn) begin(locked bool, open func(name, pass string) error) error {
	s := firstScreen{Locked: locked, Name: strings.TrimSpace(x.form.Get("name"))}
	pass := x.form.Get("pass")
	switch {
	case !locked && pass != x.form.Get("again"):
		s.Problem = x.T("first.differ")
	case !locked && pass != "" && len(pass) < shortest:
		s.Problem = x.T("first.short")
	}
	if s.Problem != "" {
		return x.first(http.StatusUnprocessableEntity, s)
	}
	err := open(s.Name, pass)
	switch {
	case errors.Is(err, ErrWrong):
		s.Problem = x.T("first.wrong")
		return x.first(http.StatusForbidden, s)
	case err != nil:
		s.Problem = x.T("first.failed", "why", x.why(err))
		return x.first(http.StatusConflict, s)
	}
	x.view("ready", http.StatusOK, x.T("first.ready"), s)
	return nil
}
