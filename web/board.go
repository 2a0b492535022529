package web

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/jauap/jauap/web/api"
)

// World is what a Board shows above its panes and what its buttons act on.
type World interface {
	Scene(ctx context.Context) (Scene, error)
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
	Events  []Event           // newest first; the first 20 are shown
}

// Button is one thing a person may do with a World.
type Button struct {
	Key    string // answered to Press
	Label  string
	Switch bool // shows whether it is on, and pressing turns it over
	On     bool // a switch that is on now
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

// Board shows several people's pages side by side, with buttons that act on
// the world around them: a country on one screen. One link opens all of it.
type Board struct {
	http.Handler
	gate   *Gate
	world  World
	places []Place
	front  *pages // how the closed page looks
}

// NewBoard is a Board for the root of a server on loopback, closed until
// somebody follows a Link.
func NewBoard(w World, places []Place, o Options) *Board {
	g := NewGate(o.Now)
	b := &Board{gate: g, world: w, places: places, front: newPages(nil, g, "", o)}
	all := http.NewServeMux()
	for _, p := range places {
		po := o
		po.Lang = p.Lang
		all.Handle("/p/"+p.Key+"/", Pane(p.Backend, g, "/p/"+p.Key, po))
	}
	inner := http.NewServeMux()
	inner.HandleFunc("GET /{$}", b.show)
	inner.HandleFunc("POST /press", b.press)
	inner.HandleFunc("GET /events", b.events)
	all.Handle("/", g.guard("", "'none'", b.front, inner))
	b.Handler = api.Local(all)
	return b
}

// Link is as Site.Link.
func (b *Board) Link(base string) string { return b.gate.Link(base) }

// boardView is what the template shows.
type boardView struct {
	*turn
	Scene   Scene
	Places  []Place
	Problem string
}

// Start is where a pane begins.
func (v boardView) Start(p Place) string { return "/p/" + p.Key + "/" + p.Start }

// Note is the line above a pane.
func (v boardView) Note(p Place) string { return v.Scene.Notes[p.Key] }

func (b *Board) show(w http.ResponseWriter, r *http.Request) {
	x := b.front.turn(w, r, visitIn(r.Context()))
	s, err := b.world.Scene(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.Events = s.Events[:min(len(s.Events), 20)]
	s.Network = networkIcon(s.Network)
	v := boardView{turn: x, Scene: s, Places: b.places}
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
	_ = x.see("/")
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
	for _, p := range b.places {
		watch(ctx, p.Backend.Wait, p.Key, changes)
	}
	streamTo(ctx, w, changes)
}
