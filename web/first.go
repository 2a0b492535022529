package web

import (
	"net/http"
	"strings"
	"sync"
)

// shortest is the least that a passphrase may have, in bytes.
const shortest = 8

// NewFirst is the page of a folder without a profile: it asks for a name (or none)
// and offers a passphrase. made makes the profile.
func NewFirst(g *Gate, made func(name, pass string) error, o Options) http.Handler {
	p := &pages{o: o.filled(), gate: g, looks: newLooks(), words: loadWords()}
	var one sync.Mutex
	done := false
	m := http.NewServeMux()
	m.Handle("GET /{$}", p.screen(func(x *turn) error { return x.first(http.StatusOK, firstScreen{}) }))
	m.Handle("POST /{$}", p.act(func(x *turn) error {
		one.Lock()
		defer one.Unlock()
		if done { // pressed twice
			return x.see(x.Path())
		}
		return x.begin(func(name, pass string) error {
			err := made(name, pass)
			done = err == nil
			return err
		})
	}))
	m.Handle("POST /lang", p.act((*turn).language))
	m.Handle("/", p.screen(func(x *turn) error { return x.see(x.Path()) }))
	p.mux = m
	return p.guarded("'none'")
}

type firstScreen struct{ Name, Problem string }

func (x *turn) first(status int, s firstScreen) error {
	x.view("first", status, x.T("first.title"), s)
	return nil
}

func (x *turn) begin(made func(name, pass string) error) error {
	s := firstScreen{Name: strings.TrimSpace(x.form.Get("name"))}
	pass := x.form.Get("pass")
	switch {
	case pass != x.form.Get("again"):
		s.Problem = x.T("first.differ")
	case pass != "" && len(pass) < shortest:
		s.Problem = x.T("first.short")
	}
	if s.Problem != "" {
		return x.first(http.StatusUnprocessableEntity, s)
	}
	if err := made(s.Name, pass); err != nil {
		s.Problem = x.T("first.failed", "why", x.why(err))
		return x.first(http.StatusConflict, s)
	}
	x.view("ready", http.StatusOK, x.T("first.ready"), s)
	return nil
}
