package web

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/jauap/jauap/web/api"
)

// World is what a Board shows above its panes and what its buttons act on.
type World interface {
	// Scene is one of the Board's acts.
	Scene(ctx context.Context, act string) (Scene, error)
	// Press acts on the button of that key and returns when that is done.
	Press(ctx context.Context, key string) error
	// Wait is as in api.Net, for changes of the Scene.
	Wait(ctx context.Context, seen uint64) (uint64, error)
}

// Scene is the state of a World in words. They are the World's own: the Board
// translates only what is around them.
type Scene struct {
	Title   string
	Text    string            // what is the case now, in a sentence
	Network string            // chooses its sign: no-link, dark, nearby, open or not-known
	Buttons []Button          // in this order
	Notes   map[string]string // by Place.Key: one line above that pane
	Steps   map[string][]Step // by Place.Key: what to do there
	Events  []Event           // newest first; the first 20 are shown
}

// Button is one thing a person may do with a World.
type Button struct {
	Key    string // answered to Press
	Label  string
	Switch bool // shows whether it is on, and pressing turns it over
	On     bool // a switch that is on now
}

// Step is one thing to do in somebody's pane. Its number says when, counted over
// all panes.
type Step struct {
	N    int
	Text string
	Path string // the screen for it, below the pane: "slips/ask"
	Done bool
}

// Event is something that happened.
type Event struct {
	At   time.Time
	Text string
}

// Place is one person's page on a Board.
type Place struct {
	Key     string // its path is /p/KEY/: lower-case letters, digits, '-'
	Title   string // "Aigerim, Almaty"
	Start   string // what it shows first: "" (people), "net", "with/ID"
	Lang    string // as in Options
	Backend api.Backend
}

// Act is one story that a World tells, on a page of its own.
type Act struct {
	Key    string // empty for the first, at /; others are at /act/KEY: lower-case letters
	Label  string
	Places []Place // one Key is one person, in whichever acts
}

// Path is the address of its page.
func (a Act) Path() string {
	if a.Key == "" {
		return "/"
	}
	return "/act/" + a.Key
}

// Board shows several people's pages side by side, with buttons that act on
// the world around them: a country on one screen. One link opens all of it.
type Board struct {
	http.Handler
	gate  *Gate
	world World
	acts  []Act
	front *pages // how the closed page looks
}

// NewBoard is a Board for the root of a server on loopback, closed until
// somebody follows a Link.
func NewBoard(w World, acts []Act, o Options) *Board {
	g := NewGate(o.Now)
	b := &Board{gate: g, world: w, acts: acts, front: newPages(nil, g, "", o)}
	all := http.NewServeMux()
	for _, p := range b.people() {
		po := o
		po.Lang = p.Lang
		all.Handle("/p/"+p.Key+"/", Pane(p.Backend, g, "/p/"+p.Key, po))
	}
	inner := http.NewServeMux()
	inner.HandleFunc("GET /{$}", b.show)
	inner.HandleFunc("GET /act/{key}", b.show)
	inner.HandleFunc("POST /press", b.press)
	inner.HandleFunc("GET /events", b.events)
	all.Handle("/", g.guard("", "'none'", b.front, inner))
	b.Handler = api.Local(all)
	return b
}

// Link is as Site.Link.
func (b *Board) Link(base string) string { return b.gate.Link(base) }

// people are the places of all acts, each person once.
func (b *Board) people() (list []Place) {
	for _, a := range b.acts {
		for _, p := range a.Places {
			if !slices.ContainsFunc(list, func(o Place) bool { return o.Key == p.Key }) {
				list = append(list, p)
			}
		}
	}
	return list
}

func (b *Board) act(key string) (Act, bool) {
	i := slices.IndexFunc(b.acts, func(a Act) bool { return a.Key == key })
	if i < 0 {
		return Act{}, false
	}
	return b.acts[i], true
}

// boardView is what the template shows.
type boardView struct {
	*turn
	Act
	Acts    []Act // to choose from
	Scene   Scene
	Problem string
}

// Start is where a pane begins.
func (v boardView) Start(p Place) string { return "/p/" + p.Key + "/" + p.Start }

// Note is the line above a pane.
func (v boardView) Note(p Place) string { return v.Scene.Notes[p.Key] }

// Steps are what to do in a pane.
func (v boardView) Steps(p Place) []Step { return v.Scene.Steps[p.Key] }

func (b *Board) show(w http.ResponseWriter, r *http.Request) {
	x := b.front.turn(w, r, visitIn(r.Context()))
	a, ok := b.act(r.PathValue("key"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	s, err := b.world.Scene(r.Context(), a.Key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.Events = s.Events[:min(len(s.Events), 20)]
	s.Network = networkIcon(s.Network)
	v := boardView{turn: x, Scene: s, Act: a}
	if len(b.acts) > 1 {
		v.Acts = b.acts
	}
	v.Problem, _ = x.told("board").(string)
	var out bytes.Buffer
	if err := x.p.looks.get("board").ExecuteTemplate(&out, "board", v); err != nil {
		http.Error(w, "web: internal error: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(out.Bytes())
}

func (b *Board) press(w http.ResponseWriter, r *http.Request) {
	x := b.front.turn(w, r, visitIn(r.Context()))
	f, err := readForm(w, r, x.visit)
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	err = b.world.Press(r.Context(), f.Get("do"))
	if err != nil {
		x.tell("board", err.Error())
	}
	a, _ := b.act(f.Get("act"))
	_ = x.see(a.Path())
}

// events joins the changes of the world and of everybody in it into one
// stream: browsers allow six connections to one server, so panes open none.
func (b *Board) events(w http.ResponseWriter, r *http.Request) {
	end, ok := b.gate.stream()
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer end()
	ctx, cancel := untilStop(r.Context())
	defer cancel()
	changes := make(chan string)
	watch(ctx, b.world.Wait, "world", changes)
	for _, p := range b.people() {
		watch(ctx, p.Backend.Wait, p.Key, changes)
	}
	streamTo(ctx, w, changes)
}
