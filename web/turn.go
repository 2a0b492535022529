package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jauap/jauap/web/api"
)

// liveHeader marks a request of live.js, which replaces parts of a page that a
// person already sees.
const liveHeader = "X-Jauap-Live"

// turn is one request and what its screen shows. The exported names are what
// templates use.
type turn struct {
	p     *pages
	w     http.ResponseWriter
	r     *http.Request
	visit *visit // nil on the closed page
	form  form
	cut   bool // the form was too large to be read whole

	Lang     *language
	Now      time.Time
	Title    string
	Look     string     // which template this is
	Tab      string     // which entry of the navigation this is
	Status   api.Status // of the network, for the line on every screen
	Sentence string
	NetIcon  string
	Plugged  []api.Stick
	Data     any // of the screen
}

func (p *pages) turn(w http.ResponseWriter, r *http.Request, v *visit) *turn {
	x := &turn{p: p, w: w, r: r, visit: v, Now: p.o.Now()}
	tag := p.o.Lang
	if v == nil && tag == "" { // nothing is remembered of who was not let in
		tag = r.URL.Query().Get("lang")
	}
	if v != nil {
		if chosen := v.language(p.prefix); chosen != "" {
			tag = chosen
		}
	}
	if x.Lang = byTag(p.words, tag); x.Lang == nil {
		x.Lang = choose(p.words, r.Header.Get("Accept-Language"))
	}
	return x
}

func (x *turn) ctx() context.Context { return x.r.Context() }

// live reports whether live.js asks, and not a person.
func (x *turn) live() bool { return x.r.Header.Get(liveHeader) != "" }

// T is a sentence of the catalogue.
func (x *turn) T(key string, args ...any) string { return x.Lang.say(key, args...) }

// Path is an address below this page.
func (x *turn) Path(parts ...string) string {
	for i, s := range parts {
		parts[i] = url.PathEscape(s)
	}
	return x.p.prefix + "/" + strings.Join(parts, "/")
}

// Self is the address that shows this screen again.
func (x *turn) Self() string {
	switch x.r.URL.Path {
	case "/lang", "/invite", "/leave", "/introduce": // forms without a screen
		return x.Path()
	}
	u := x.p.prefix + x.r.URL.EscapedPath()
	if q := x.r.URL.RawQuery; q != "" && x.r.Method == http.MethodGet {
		u += "?" + q
	}
	return u
}

// CSRF is the token that every form carries.
func (x *turn) CSRF() string { return x.visit.csrf }

// Open reports whether a visitor sees this, with a line about the network.
func (x *turn) Open() bool { return x.visit != nil && x.p.b != nil }

// Known reports whether a visitor sees this, even before a profile is open.
func (x *turn) Known() bool { return x.visit != nil }

// Answer reports whether this screen answers a form: asking for its address
// again would show another one.
func (x *turn) Answer() bool { return x.r.Method == http.MethodPost }

// Framed reports whether another page shows this one beside others.
func (x *turn) Framed() bool { return x.p.framed }

// Languages are the catalogues to choose from.
func (x *turn) Languages() []*language { return x.p.words }

// entry is one of the navigation.
type entry struct {
	Href, Word, Icon string
	Here             bool
}

// Entry is the way to a screen.
func (x *turn) Entry(name, path string) entry {
	return entry{Href: x.Path(path), Word: x.T("nav." + name), Icon: name, Here: x.Tab == name}
}

// Fields are the parts of a text between spaces.
func (x *turn) Fields(s string) []string { return strings.Fields(s) }

// Size is a number of bytes in words.
func (x *turn) Size(n int64) string { return x.Lang.size(n) }

// Name is a person's name inside a sentence.
func (x *turn) Name(s string) string { return isolate(s) }

// piece is what a template inside another gets.
type piece struct {
	X   *turn
	V   any
	Arg map[string]any
}

// With passes a value and named others on to a template.
func (x *turn) With(v any, args ...any) piece {
	p := piece{x, v, map[string]any{}}
	for i := 0; i+1 < len(args); i += 2 {
		p.Arg[args[i].(string)] = args[i+1]
	}
	return p
}

// moment is a time as a page shows it.
type moment struct {
	Age     string // "12 min ago"
	Exact   string // in this device's zone
	Machine string // RFC 3339, UTC
	Hour    string
}

// Clock shows the hour instead of the age: for lists that are not asked for
// again each minute.
func (m *moment) Clock() *moment {
	c := *m
	c.Age = c.Hour
	return &c
}

// Age shows t, or nothing when it is not known.
func (x *turn) Age(t *time.Time) *moment {
	if t == nil || t.IsZero() {
		return nil
	}
	return &moment{
		Age:     x.Lang.age(x.Now, *t, x.p.o.Zone),
		Exact:   t.In(x.p.o.Zone).Format("2006-01-02 15:04:05 -07:00"),
		Machine: t.UTC().Format(time.RFC3339),
		Hour:    t.In(x.p.o.Zone).Format("15:04:05"),
	}
}

// When is Age of a time that is always known.
func (x *turn) When(t time.Time) *moment { return x.Age(&t) }

// view renders a screen whole before the first byte leaves.
func (x *turn) view(look string, status int, title string, data any) {
	x.Look, x.Title, x.Data = look, title, data
	if x.Open() {
		x.sentence()
		if now, err := x.p.b.Sticks(x.ctx()); err == nil {
			x.Plugged = now.Appeared
		}
	}
	var b bytes.Buffer
	if err := x.p.looks.get(look).ExecuteTemplate(&b, "frame", x); err != nil {
		http.Error(x.w, "web: internal error: "+err.Error(), http.StatusInternalServerError)
		return
	}
	api.AnswerDeadline(x.w, 0) // a form may have taken its time to arrive
	x.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	x.w.Header().Set("Content-Language", x.Lang.Tag)
	x.w.Header().Set("Vary", "Accept-Language, Cookie")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(b.Bytes()) // the browser has gone if this fails
}

// see leads on after a form, so that reloading repeats nothing.
func (x *turn) see(path string) error {
	api.AnswerDeadline(x.w, 0)
	x.w.Header().Set("Location", path)
	x.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// trouble shows an error in words.
func (x *turn) trouble(err error) {
	key, status, text := "error.trouble", http.StatusInternalServerError, x.why(err)
	switch {
	case x.cut && errors.Is(err, api.ErrTooLarge):
		key, status, text = "error.large", http.StatusRequestEntityTooLarge, x.tooMuch()
	case errors.Is(err, api.ErrNotFound), errors.Is(err, api.ErrUnknownPerson):
		key, status, text = "error.not-found", http.StatusNotFound, ""
	case errors.Is(err, api.ErrUsage):
		status = http.StatusBadRequest
	}
	x.view("error", status, x.T("error.title"), errorScreen{key, text, x.form.typed()})
}

// errorScreen gives back what was typed.
type errorScreen struct {
	Key, Text string
	Typed     []string
}

// tooMuch says what was too large in a form that was not read whole.
func (x *turn) tooMuch() string {
	switch {
	case x.form.begun:
		return x.T("fail.cut")
	case x.form.long:
		return x.T("fail.long", "size", x.Size(api.MaxText))
	}
	return x.T("report.large", "size", x.Size(api.MaxFiles))
}

// tell keeps what the next screen says once; told takes it, unless live.js
// asks: the person must see it.
func (x *turn) tell(kind string, what any) { x.visit.set(x.p.prefix+" "+kind, what) }

func (x *turn) told(kind string) any {
	if x.live() {
		return nil
	}
	return x.visit.take(x.p.prefix + " " + kind)
}

// language changes the language and shows the same page again.
func (x *turn) language() error {
	if l := byTag(x.p.words, x.form.Get("lang")); l != nil {
		x.visit.choose(x.p.prefix, l.Tag)
	}
	return x.see(x.back())
}

// back is the page that a form names to return to, if it is one of ours.
func (x *turn) back() string {
	to := x.form.Get("back")
	u, err := url.Parse(to)
	own := err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && u.Opaque == "" &&
		strings.HasPrefix(to, x.p.prefix+"/") && !strings.HasPrefix(to, "//") && !strings.ContainsAny(to, "\\\r\n\t")
	if !own {
		return x.Path()
	}
	return to
}

// leave closes the page in this browser.
func (x *turn) leave() error {
	x.p.gate.leave(x.r)
	x.w.Header().Set("Clear-Site-Data", `"cache"`)
	x.p.closed(x.w, x.r, "closed.how")
	return nil
}
