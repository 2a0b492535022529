package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/jauap/jauap/web/api"
)

// Limits of visits. All of them live in memory and end with the process.
const (
	linkLife   = time.Hour      // an unused link to the page
	visitLife  = 12 * time.Hour // without any request
	maxLinks   = 16
	maxVisits  = 16
	maxStreams = 24 // event streams open at once
	secretSize = 32
)

// errForged: a form came without the token that its page carries.
var errForged = errors.New("web: the form does not come from an open page")

// Gate keeps everybody but one person out of the page: it lets a browser in
// once per link, knows it by a cookie afterwards, and refuses what other
// sites or forged forms send. Several pages may share a Gate.
type Gate struct {
	now    func() time.Time
	cookie string
	cross  *http.CrossOriginProtection

	mu      sync.Mutex
	links   map[[32]byte]time.Time // digest of an unused token -> when it ends
	visits  map[[32]byte]*visit    // digest of a cookie
	streams int
}

// visit is one browser that was let in.
type visit struct {
	csrf string
	seen time.Time

	mu    sync.Mutex
	lang  map[string]string // chosen language, by page
	flash map[string]any    // what to say once, by page and kind

	looked []looked // newest last
}

// NewGate is a closed gate: only Link opens it. now is time.Now when nil.
func NewGate(now func() time.Time) *Gate {
	if now == nil {
		now = time.Now
	}
	// Browsers keep cookies apart by host and not by port, so two Jauaps on
	// one device need two names.
	return &Gate{
		now:    now,
		cookie: "jauap-" + hex.EncodeToString(secret()[:4]),
		cross:  http.NewCrossOriginProtection(),
		links:  map[[32]byte]time.Time{},
		visits: map[[32]byte]*visit{},
	}
}

func secret() []byte {
	b := make([]byte, secretSize)
	rand.Read(b) // never fails, since Go 1.24
	return b
}

// Link is a new link below base, such as "http://127.0.0.1:8384". It lets one
// browser in once, within an hour. The oldest of more than 16 unused links is
// forgotten.
func (g *Gate) Link(base string) string {
	token := base64.RawURLEncoding.EncodeToString(secret())
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	dropOldest(g.links, maxLinks-1, func(end time.Time) (time.Time, bool) { return end, now.Before(end) })
	g.links[sha256.Sum256([]byte(token))] = now.Add(linkLife)
	return strings.TrimSuffix(base, "/") + "/enter?t=" + token
}

// dropOldest removes what is over, then the oldest until at most most stay.
func dropOldest[V any](m map[[32]byte]V, most int, of func(V) (at time.Time, live bool)) {
	for k, v := range m {
		if _, live := of(v); !live {
			delete(m, k)
		}
	}
	for len(m) > most {
		var oldest [32]byte
		var first time.Time
		for k, v := range m {
			if at, _ := of(v); first.IsZero() || at.Before(first) {
				oldest, first = k, at
			}
		}
		delete(m, oldest)
	}
}

// use takes a link's token: it works once.
func (g *Gate) use(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := sha256.Sum256([]byte(token))
	end, ok := g.links[k]
	delete(g.links, k)
	return ok && g.now().Before(end)
}

// admit starts a visit and answers its cookie.
func (g *Gate) admit() *http.Cookie {
	id := base64.RawURLEncoding.EncodeToString(secret())
	g.mu.Lock()
	defer g.mu.Unlock()
	dropOldest(g.visits, maxVisits-1, g.fresh)
	g.visits[sha256.Sum256([]byte(id))] = &visit{
		csrf:  base64.RawURLEncoding.EncodeToString(secret()),
		seen:  g.now(),
		lang:  map[string]string{},
		flash: map[string]any{},
	}
	// No Secure: loopback is plain HTTP, and some browsers would drop it. No
	// Max-Age: the cookie ends with the browser.
	return &http.Cookie{Name: g.cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
}

func (g *Gate) fresh(v *visit) (time.Time, bool) {
	return v.seen, g.now().Sub(v.seen) < visitLife
}

// visitOf finds the visit of a request, or nil.
func (g *Gate) visitOf(r *http.Request) *visit {
	c, err := r.Cookie(g.cookie)
	if err != nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	k := sha256.Sum256([]byte(c.Value))
	v := g.visits[k]
	if v == nil {
		return nil
	}
	if _, live := g.fresh(v); !live {
		delete(g.visits, k)
		return nil
	}
	v.seen = g.now()
	return v
}

// leave ends the visit of a request.
func (g *Gate) leave(r *http.Request) {
	if c, err := r.Cookie(g.cookie); err == nil {
		g.mu.Lock()
		delete(g.visits, sha256.Sum256([]byte(c.Value)))
		g.mu.Unlock()
	}
}

// stream counts an event stream in; false when there are too many.
func (g *Gate) stream() (end func(), ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.streams >= maxStreams {
		return nil, false
	}
	g.streams++
	return func() {
		g.mu.Lock()
		g.streams--
		g.mu.Unlock()
	}, true
}

func (v *visit) forged(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(v.csrf)) != 1
}

func (v *visit) set(kind string, what any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.flash[kind] = what
}

// take answers what was set and forgets it.
func (v *visit) take(kind string) any {
	v.mu.Lock()
	defer v.mu.Unlock()
	what := v.flash[kind]
	delete(v.flash, kind)
	return what
}

// SavedGate is what a Gate was, without what visits were to be told.
type SavedGate struct {
	Cookie string
	Links  map[string]time.Time // by digest, in hexadecimal
	Visits map[string]SavedVisit
}

// SavedVisit is one browser that was let in.
type SavedVisit struct {
	CSRF string
	Seen time.Time
	Lang map[string]string
}

// Save is the gate for a process that takes this one's place.
func (g *Gate) Save() SavedGate {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := SavedGate{g.cookie, map[string]time.Time{}, map[string]SavedVisit{}}
	for k, end := range g.links {
		s.Links[hex.EncodeToString(k[:])] = end
	}
	for k, v := range g.visits {
		v.mu.Lock()
		s.Visits[hex.EncodeToString(k[:])] = SavedVisit{v.csrf, v.seen, maps.Clone(v.lang)}
		v.mu.Unlock()
	}
	return s
}

// Restore makes a new gate the one that was saved.
func (g *Gate) Restore(s SavedGate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cookie = s.Cookie
	for text, end := range s.Links {
		if k, err := hex.DecodeString(text); err == nil && len(k) == sha256.Size {
			g.links[[32]byte(k)] = end
		}
	}
	for text, v := range s.Visits {
		if k, err := hex.DecodeString(text); err == nil && len(k) == sha256.Size && len(v.CSRF) > 0 {
			g.visits[[32]byte(k)] = &visit{csrf: v.CSRF, seen: v.Seen, lang: v.Lang, flash: map[string]any{}}
		}
	}
}

// Forget forgets what visits were still to be told: the profile was locked. They
// stay visits.
func (g *Gate) Forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, v := range g.visits {
		v.mu.Lock()
		clear(v.flash)
		v.mu.Unlock()
	}
}

func (v *visit) language(page string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lang[page]
}

func (v *visit) choose(page, lang string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lang[page] = lang
}

type visitKey struct{}

// visitIn is the visit that guard put into the context: never nil behind it.
func visitIn(ctx context.Context) *visit {
	return ctx.Value(visitKey{}).(*visit)
}

// door is what guard shows to those it does not let in.
type door interface {
	static(w http.ResponseWriter, r *http.Request) // style of the closed page
	closed(w http.ResponseWriter, r *http.Request, why string)
	entered(w http.ResponseWriter, r *http.Request)
}

// guard serves next below prefix to the visitor, and to nobody else.
func (g *Gate) guard(prefix, ancestors string, d door, next http.Handler) http.Handler {
	return api.Local(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers(w.Header(), ancestors)
		api.AnswerDeadline(w, 0)
		path := strings.TrimPrefix(r.URL.Path, prefix)
		switch {
		case unbidden(r) || g.cross.Check(r) != nil:
			w.WriteHeader(http.StatusForbidden) // says nothing to another site
		case strings.HasPrefix(path, "/static/"):
			d.static(w, r)
		case path == "/enter" && r.Method == http.MethodGet:
			g.enter(w, r, d)
		default:
			v := g.visitOf(r)
			if v == nil {
				d.closed(w, r, "closed.how")
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
		}
	}))
}

// enter lets a browser in that shows an unused link.
func (g *Gate) enter(w http.ResponseWriter, r *http.Request, d door) {
	if r.Header.Get("Sec-Purpose") != "" || r.Header.Get("Purpose") != "" {
		// A guess of the browser must not use up the link.
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	switch {
	case g.use(r.URL.Query().Get("t")):
		http.SetCookie(w, g.admit())
		d.entered(w, r)
	case g.visitOf(r) != nil: // the same browser opened its old link again
		d.entered(w, r)
	default:
		d.closed(w, r, "closed.used")
	}
}

// unbidden reports requests that another site or port caused inside this
// browser and that are no visits of a person: images, scripts, fetches.
func unbidden(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	top := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	return !top || r.Method != http.MethodGet
}

// headers sets what every answer carries. ancestors says who may show the
// page in a frame: 'none' or 'self'.
func headers(h http.Header, ancestors string) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "+
		"form-action 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors "+ancestors)
	if ancestors == "'none'" {
		h.Set("X-Frame-Options", "DENY")
	} else {
		h.Set("X-Frame-Options", "SAMEORIGIN")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	// Nothing is told to other sites. "no-referrer" would also make browsers
	// without Sec-Fetch-Site send "Origin: null" with our own forms.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(self), geolocation=(), payment=(), usb=(), clipboard-read=()")
	h.Set("Cache-Control", "no-store") // letters do not stay in the browser's cache
}
