package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/web"
	"github.com/jauap/jauap/web/api"
)

// The people of the demo, in the order of their panes.
const (
	aigerim = iota
	timur
	dana
	newsroom // who knows none of the others
	people
)

var names = [people]string{"Aigerim", "Timur", "Dana", "Newsroom"}

// friends are those who met before the blackout.
const friends = newsroom

// Two phones stay near each other for so long, and then again and longer while
// more goes over: a slow machine needs it.
const (
	meetFor  = time.Second
	meetings = 6
)

// world is the demo's country and its neighbours.
type world struct {
	dir   string
	relay *daemon.Relay
	ways  [people]*border
	names *resolver // Aigerim's
	nodes [people]*daemon.Daemon
	stick string
	board string // id of the hospital's

	mu     sync.Mutex
	open   bool // the country's network
	asks   bool // names are looked up although it is off
	abroad bool // Timur's place
	log    []web.Event
	seen   uint64
	wake   chan struct{}
	did    map[int]bool // steps of the voices that were seen to be done
}

// maxLog bounds the lines that are kept.
const maxLog = 30

// newWorld starts everything in a temporary folder of its own.
func newWorld(ctx context.Context, log *slog.Logger) (w *world, err error) {
	dir, err := os.MkdirTemp("", "jauap-demo-")
	if err != nil {
		return nil, err
	}
	w = &world{dir: dir, stick: filepath.Join(dir, "stick"), wake: make(chan struct{}), seen: 1, did: map[int]bool{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
			w = nil
		}
	}()
	if err := os.Mkdir(w.stick, 0o700); err != nil {
		return w, err
	}
	w.relay, err = daemon.OpenRelay(daemon.RelayOptions{Dir: filepath.Join(dir, "relay"), Listen: "127.0.0.1:0", Quota: 256 << 20, DNS: "127.0.0.1:0", Zone: "t.example", Log: log})
	if err != nil {
		return w, err
	}
	if w.names, err = newResolver(w.relay.NameServer().String()); err != nil {
		return w, err
	}
	go w.relay.Serve(ctx)
	for i := range names {
		if err := w.settle(i, log); err != nil {
			return w, err
		}
	}
	w.ways[dana].set(true)
	w.ways[newsroom].set(true)
	if err := errors.Join(w.introduce(ctx), w.publish(ctx)); err != nil {
		return w, err
	}
	w.say("The country's network is off. Aigerim and Timur are in Almaty, Dana is abroad.")
	return w, nil
}

// settle makes one person's node behind their border.
func (w *world) settle(i int, log *slog.Logger) error {
	host, key, ok := strings.Cut(strings.TrimPrefix(w.relay.Addr(), "https://"), "/#")
	if !ok {
		return fmt.Errorf("demo: internal error: relay address %q", w.relay.Addr())
	}
	var err error
	if w.ways[i], err = newBorder(host); err != nil {
		return err
	}
	dir := filepath.Join(w.dir, strings.ToLower(names[i]))
	if err := daemon.Init(dir, names[i], nil, nil); err != nil {
		return err
	}
	c := config.Default()
	c.Listen, c.Multicast = "127.0.0.1:0", false
	c.Relays = []string{"https://" + w.ways[i].addr() + "/#" + key}
	if i == aigerim {
		c.DNS = []string{w.relay.Tunnel() + "@" + w.names.addr()}
	}
	c.Poll, c.Receipts = 300*time.Millisecond, config.ReceiptsPrompt
	w.nodes[i], err = daemon.Open(daemon.Options{Dir: dir, Config: c, Log: log.With("node", names[i]), Prompt: true})
	if err != nil {
		return err
	}
	return w.nodes[i].Start()
}

// introduce lets everybody hold everybody's invitation, as people who met
// before the blackout would.
func (w *world) introduce(ctx context.Context) error {
	for i := range friends {
		for j := range friends {
			if i == j {
				continue
			}
			inv, err := w.nodes[i].Invite(ctx)
			if err != nil {
				return err
			}
			if _, err := w.nodes[j].Accept(ctx, api.AcceptAsk{Code: inv.Link, Name: names[i], InPerson: true}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) close() error {
	var errs []error
	for i := range names {
		if w.ways[i] != nil {
			errs = append(errs, w.ways[i].close())
		}
		if w.nodes[i] != nil {
			errs = append(errs, w.nodes[i].Close())
		}
	}
	if w.names != nil {
		errs = append(errs, w.names.close())
	}
	if w.relay != nil {
		errs = append(errs, w.relay.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, web.Event{At: time.Now(), Text: fmt.Sprintf(format, args...)})
	w.log = w.log[max(0, len(w.log)-maxLog):]
	w.seen++
	close(w.wake)
	w.wake = make(chan struct{})
}

// network switches the country's network; Timur shares it while he is inside.
func (w *world) network(open bool) {
	w.mu.Lock()
	w.open = open
	abroad := w.abroad
	w.mu.Unlock()
	w.ways[aigerim].set(open)
	w.ways[timur].set(open || abroad)
	if open {
		w.say("The network is back. What waited is leaving.")
	} else {
		w.say("The network is off again.")
	}
}

// lookUp switches the country's name servers, which often still answer when
// nothing else does.
func (w *world) lookUp(open bool) {
	w.mu.Lock()
	w.asks = open
	w.mu.Unlock()
	w.names.set(open)
	if open {
		w.say("Nothing but names is looked up in Almaty. Aigerim's device hides short letters in the questions.")
	} else {
		w.say("Names are not looked up any more.")
	}
}

// travel takes Timur across the border or home.
func (w *world) travel(abroad bool) {
	w.mu.Lock()
	w.abroad = abroad
	open := w.open
	w.mu.Unlock()
	w.ways[timur].set(open || abroad)
	if abroad {
		w.say("Timur crossed the border. His phone found the relay and left what it carried.")
	} else {
		w.say("Timur is back in Almaty. His phone carries what it took with it.")
	}
}

// meet puts Aigerim and Timur on one Wi-Fi without internet.
func (w *world) meet(ctx context.Context) error {
	w.mu.Lock()
	abroad := w.abroad
	w.mu.Unlock()
	if abroad {
		return errors.New("the two are in different countries: bring Timur home first")
	}
	before := w.shelf(ctx, timur)
	for held, n := [2]int{-1}, 0; n < meetings; n++ {
		now := [2]int{w.shelf(ctx, aigerim), w.shelf(ctx, timur)}
		if now == held && !w.waits(ctx) {
			break
		}
		held = now
		if err := w.nodes[aigerim].MeetFor(ctx, w.nodes[timur].ListenAddr(), meetFor<<min(n, 3)); err != nil {
			return err
		}
	}
	w.say("Aigerim and Timur met. Timur's phone carries %d envelopes now (%d before); it can open only his own.", w.shelf(ctx, timur), before)
	return nil
}

// waits says whether a letter of Aigerim's is in nobody else's hands.
func (w *world) waits(ctx context.Context) bool {
	list, err := w.nodes[aigerim].Outbox(ctx)
	return err == nil && slices.ContainsFunc(list, func(s api.Outgoing) bool { return s.State == api.Saved })
}

func (w *world) shelf(ctx context.Context, i int) int {
	s, err := w.nodes[i].Status(ctx)
	if err != nil {
		return 0
	}
	return s.Shelf.Envelopes
}

// carry takes a stick from one to the next.
func (w *world) carry(ctx context.Context, way ...int) error {
	for _, i := range way {
		haul, err := w.nodes[i].Carry(ctx, api.CarryAsk{Path: w.stick})
		if err != nil {
			return err
		}
		w.say("The stick is at %s's: %d envelopes taken, %d left, %d letters opened.", names[i], haul.Read, haul.Written, haul.Opened)
	}
	return nil
}
