package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"strings"

	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/web"
	"github.com/jauap/jauap/web/api"
)

// Options of the demo.
type Options struct {
	Page  string // host:port, loopback only
	Log   *slog.Logger
	Ready func(link func() string) // called once the page can be opened; each link works once
}

// Run shows the demo until ctx ends, and leaves nothing behind.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ln, err := net.Listen("tcp", o.Page)
	if err != nil {
		return fmt.Errorf("cannot open the page on %s: %w; choose another --page", o.Page, err)
	}
	if !ln.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return errors.Join(fmt.Errorf("the demo opens on loopback only, not on %s", o.Page), ln.Close())
	}
	w, err := newWorld(ctx, o.Log)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	letters, err := w.places(ctx)
	if err != nil {
		return errors.Join(err, ln.Close(), w.close())
	}
	board := web.NewBoard(w, []web.Act{{Label: "Letters", Places: letters}, {Key: voices, Label: "Voices", Places: w.voices()}}, web.Options{Cause: cause.Of, Enter: true})
	srv := api.NewServer(board)
	srv.ErrorLog = log.New(io.Discard, "", 0)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	if o.Ready != nil {
		o.Ready(func() string { return board.Link("http://" + ln.Addr().String()) })
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
	}
	return errors.Join(err, srv.Close(), w.close())
}

var titles = [people]string{"Aigerim, Almaty", "Timur, with a phone", "Dana, abroad", "A newsroom, abroad"}

func (w *world) place(i int) web.Place {
	return web.Place{Key: strings.ToLower(names[i]), Title: titles[i], Lang: "en", Backend: w.nodes[i]}
}

// places are the panes of the letters; Aigerim and Dana begin in their
// conversation.
func (w *world) places(ctx context.Context) ([]web.Place, error) {
	other := [people]string{aigerim: "Dana", dana: "Aigerim"}
	var list []web.Place
	for i := range friends {
		p := w.place(i)
		known, err := w.nodes[i].People(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range known {
			if k.Name == other[i] {
				p.Start = "with/" + k.ID
			}
		}
		list = append(list, p)
	}
	return list, nil
}

// Scene implements web.World.
func (w *world) Scene(ctx context.Context, act string) (web.Scene, error) {
	if act == voices {
		if err := w.look(ctx); err != nil {
			return web.Scene{}, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := web.Scene{
		Title: "A blackout on one machine", Network: "dark",
		Text:  "The country's network is off. Say “I am safe” or write to Dana in Aigerim's pane; then let somebody carry it, or switch the network on.",
		Notes: map[string]string{"aigerim": "inside", "timur": "inside, near Aigerim", "dana": "abroad, always online"},
	}
	s.Buttons = []web.Button{
		{Key: "net", Label: "Network of the country", Switch: true, On: w.open},
		{Key: "meet", Label: "Aigerim and Timur meet"},
		{Key: "travel", Label: "Timur abroad", Switch: true, On: w.abroad},
		{Key: "carry", Label: "Carry a stick to Dana and back"},
		{Key: "names", Label: "Only names are looked up", Switch: true, On: w.asks},
	}
	if w.asks {
		s.Text = "The country's network is off, but names are still looked up: what Aigerim writes to Dana leaves hidden in the questions."
	}
	if w.open {
		s.Network, s.Text = "open", "The country's network is on. What waited has left; nobody knows for how long."
	}
	if w.abroad {
		s.Notes["timur"] = "abroad, online; he can go home again"
	}
	if act == voices {
		w.sceneOfVoices(&s)
	}
	for i := len(w.log) - 1; i >= 0; i-- {
		s.Events = append(s.Events, w.log[i])
	}
	return s, nil
}

// Press implements web.World: it carries out one button.
func (w *world) Press(ctx context.Context, key string) error {
	w.mu.Lock()
	open, abroad, asks := w.open, w.abroad, w.asks
	w.mu.Unlock()
	switch key {
	case "net":
		w.network(!open)
	case "names":
		w.lookUp(!asks)
	case "travel":
		w.travel(!abroad)
	case "meet":
		return w.meet(ctx)
	case "carry":
		return w.carry(ctx, aigerim, dana, aigerim)
	case "stick":
		return w.carry(ctx, w.round()...)
	default:
		return fmt.Errorf("there is no button %q", key)
	}
	return nil
}

// Wait implements web.World.
func (w *world) Wait(ctx context.Context, seen uint64) (uint64, error) {
	for {
		w.mu.Lock()
		n, wake := w.seen, w.wake
		w.mu.Unlock()
		if n > seen {
			return n, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
}
