package web

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/jauap/jauap/web/api"
)

//go:embed html/*.html
var htmlFiles embed.FS

//go:embed static
var staticFiles embed.FS

// Options of a page. The zero value is right for a person's own device.
type Options struct {
	Now  func() time.Time // time.Now when nil
	Zone *time.Location   // for exact times; time.Local when nil
	Lang string           // en, ru or kk until the person chooses; by browser when empty
	Gate *Gate            // of a First that led here; a new one when nil
	// Person hears of each request that a person caused; may be nil.
	Person func()
	Cause  api.Namer // api.CauseOf when nil
	Enter  bool      // a new link is had by pressing Enter where the program runs, not by running it
}

func (o Options) filled() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Cause == nil {
		o.Cause = api.CauseOf
	}
	return o
}

// Site is the page of this device: an http.Handler for the root of a server
// on loopback.
type Site struct {
	http.Handler
	gate *Gate
}

// New is the page of b, closed until somebody follows a Link.
func New(b api.Backend, o Options) *Site {
	g := o.Gate
	if g == nil {
		g = NewGate(o.Now)
	}
	p := newPages(b, g, "", o)
	return &Site{Handler: p.withFeed(p.guarded("'none'")), gate: g}
}

// Link is a new link to the page below base, such as "http://127.0.0.1:8384".
// It works once, within an hour.
func (s *Site) Link(base string) string { return s.gate.Link(base) }

// Pane is the page of b below prefix ("/p/aigerim"), to be shown in a frame of
// another page of the same server. It opens with g, so that one link opens
// all panes and the page around them. Mount it at prefix + "/", unstripped.
func Pane(b api.Backend, g *Gate, prefix string, o Options) http.Handler {
	p := newPages(b, g, strings.TrimSuffix(prefix, "/"), o)
	p.framed = true
	return p.guarded("'self'")
}

// pages are the screens of one person's Backend.
type pages struct {
	b      api.Backend
	locked Closed // instead of b, while the profile is locked
	o      Options
	gate   *Gate
	prefix string // "" or "/p/aigerim"
	framed bool
	mux    *http.ServeMux
	looks  *looks
	words  []*language

	mu     sync.Mutex
	invite *api.Invite // shown until it was used or renewed
	knew   int         // people when it was made
	shown  *api.Codes  // on the screen now
}

func newPages(b api.Backend, g *Gate, prefix string, o Options) *pages {
	p := &pages{b: b, o: o.filled(), gate: g, prefix: prefix, looks: newLooks(), words: loadWords()}
	m := http.NewServeMux()
	m.Handle("GET /{$}", p.screen((*turn).people))
	m.Handle("GET /add", p.screen((*turn).add))
	m.Handle("POST /add", p.act((*turn).accept))
	m.Handle("POST /invite", p.act((*turn).renew))
	m.Handle("GET /invite.png", p.screen((*turn).inviteImage))
	m.Handle("GET /invite.txt", p.screen((*turn).inviteText))
	m.Handle("POST /introduce", p.act((*turn).introduce))
	m.Handle("GET /scan", p.screen((*turn).scan))
	m.Handle("POST /scan", p.acts((*turn).scanned))
	m.Handle("GET /call", p.screen((*turn).call))
	m.Handle("POST /call", p.act((*turn).calling))
	m.Handle("GET /with/{id}", p.screen((*turn).talk))
	m.Handle("POST /with/{id}", p.acts((*turn).send))
	m.Handle("GET /person/{id}", p.screen((*turn).person))
	m.Handle("POST /person/{id}", p.act((*turn).verify))
	m.Handle("GET /groups", p.screen((*turn).groups))
	m.Handle("POST /groups", p.act((*turn).newGroup))
	m.Handle("GET /group/{id}", p.screen((*turn).group))
	m.Handle("POST /group/{id}", p.acts((*turn).sendGroup))
	m.Handle("GET /group/{id}/who", p.screen((*turn).who))
	m.Handle("POST /group/{id}/who", p.act((*turn).actGroup))
	m.Handle("POST /draft/{id}", p.act((*turn).keepDraft))
	m.Handle("GET /draft/{id}/{key}", p.screen((*turn).kept))
	m.Handle("GET /picture/{id}", p.screen((*turn).picture))
	m.Handle("GET /sound/{id}", p.screen((*turn).sound))
	m.Handle("POST /fetch/{id}", p.act((*turn).fetch))
	m.Handle("GET /delete/{id}", p.screen((*turn).askDelete))
	m.Handle("POST /delete/{id}", p.act((*turn).delete))
	m.Handle("GET /search", p.screen((*turn).search))
	m.Handle("GET /file/{id}", p.screen((*turn).file))
	p.nearPages(m)
	m.Handle("GET /carry", p.screen((*turn).stick))
	m.Handle("POST /carry", p.act((*turn).carry))
	m.Handle("GET /safe", p.screen((*turn).safe))
	m.Handle("POST /safe", p.act((*turn).tellSafe))
	p.paper(m)
	m.Handle("GET /checkin", p.screen((*turn).checkin))
	m.Handle("POST /checkin", p.act((*turn).makePromise))
	m.Handle("GET /known/{id}", p.screen((*turn).known))
	p.boardPages(m)
	p.desk(m)
	p.witness(m)
	m.Handle("GET /slips", p.screen((*turn).slips))
	m.Handle("POST /slips", p.act((*turn).setTeam))
	m.Handle("GET /slips/ask", p.screen((*turn).askNew))
	m.Handle("POST /slips/ask", p.act((*turn).ask))
	m.Handle("POST /slips/{id}", p.act((*turn).actSlip))
	m.Handle("POST /tune", p.act((*turn).recording))
	m.Handle("GET /codes", p.screen((*turn).codes))
	m.Handle("POST /codes", p.act((*turn).changeCodes))
	m.Handle("GET /codes.gif", p.screen((*turn).codesImage))
	m.Handle("POST /codes/look", p.acts((*turn).lookAt))
	m.Handle("GET /me", p.screen((*turn).me))
	m.Handle("POST /lang", p.act((*turn).language))
	m.Handle("POST /leave", p.act((*turn).leave))
	m.Handle("GET /wipe", p.screen((*turn).askWipe))
	m.Handle("POST /wipe", p.act((*turn).wipe))
	m.Handle("POST /lock", p.act((*turn).lock))
	m.Handle("GET /passphrase", p.screen(func(x *turn) error { return x.phrase(http.StatusOK, phraseScreen{}) }))
	m.Handle("POST /passphrase", p.act((*turn).rephrase))
	m.Handle("GET /events", p.screen((*turn).events))
	m.Handle("/", p.screen(func(*turn) error { return api.ErrNotFound }))
	p.mux = m
	return p
}

func (p *pages) guarded(ancestors string) http.Handler {
	return p.gate.guard(p.prefix, ancestors, p, p.attended(http.StripPrefix(p.prefix, p.mux)))
}

// static serves the few files beside the screens. They hold nothing private,
// so the closed page may use them too.
func (p *pages) static(w http.ResponseWriter, r *http.Request) {
	serveStatic(w, r, strings.TrimPrefix(r.URL.Path, p.prefix+"/static/"))
}

func serveStatic(w http.ResponseWriter, r *http.Request, name string) {
	kind := ""
	switch name {
	case "style.css":
		kind = "text/css; charset=utf-8"
	case "live.js", "camera.js", "codes.js":
		kind = "text/javascript; charset=utf-8"
	case "icon.svg":
		kind = "image/svg+xml"
	}
	b, err := staticFiles.ReadFile("static/" + name)
	if kind == "" || err != nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache") // a newer Jauap brings newer files
	_, _ = w.Write(b)
}

type closedScreen struct {
	Why   string
	Enter bool
}

// closed says how the page is opened, and nothing else.
func (p *pages) closed(w http.ResponseWriter, r *http.Request, why string) {
	x := p.turn(w, r, nil)
	x.view("closed", http.StatusForbidden, x.T("closed.title"), closedScreen{why, p.o.Enter})
}

// entered leads on by a page instead of a redirect: the cookie is Strict, and
// a browser that came from another program's link would not send it along.
func (p *pages) entered(w http.ResponseWriter, r *http.Request) {
	x := p.turn(w, r, nil)
	x.view("entered", http.StatusOK, x.T("entered.title"), nil)
}

// screen serves a question, act serves a form.
func (p *pages) screen(f func(*turn) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := p.turn(w, r, visitIn(r.Context()))
		if r.Header.Get("Sec-Purpose") != "" { // a prefetch would mark letters as read
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if err := f(x); err != nil {
			x.trouble(err)
		}
	})
}

func (p *pages) act(f func(*turn) error) http.Handler {
	return p.acts(func(x *turn) error {
		if x.cut {
			return fmt.Errorf("%w: form", api.ErrTooLarge)
		}
		return f(x)
	})
}

// acts serves a form whose screen says itself, by tooMuch, that it was too large.
func (p *pages) acts(f func(*turn) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := p.turn(w, r, visitIn(r.Context()))
		var err error
		x.form, err = readForm(w, r, x.visit)
		switch {
		case errors.Is(err, errForged):
			x.view("forged", http.StatusForbidden, x.T("forged.title"), nil)
			return
		case errors.Is(err, api.ErrTooLarge):
			x.cut = true
		case err != nil:
			x.trouble(err)
			return
		}
		if err := f(x); err != nil {
			x.trouble(err)
		}
	})
}
