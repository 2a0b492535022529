package lock

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/web"
	"github.com/jauap/jauap/web/api"
)

const (
	lookEvery = 5 * time.Second // a device that slept is noticed so late, unless somebody asks
	lastWords = 2 * time.Second // what answers may take that were under way
)

var errEnded = errors.New("lock: the node has ended")

// ErrWrong is what a House answers to a wrong passphrase.
var ErrWrong = errors.New("lock: wrong passphrase")

// Node is a node, whole or without its person.
type Node interface {
	api.Backend
	Start() error
	Close() error
	ListenAddr() string
	Gone() <-chan struct{} // closed when the profile was erased
}

// House makes nodes. None of them is started.
type House interface {
	// Open opens the node from nothing: with its person unless closed.
	Open(closed bool, pass []byte) (Node, error)
	// Create makes the profile first.
	Create(name string, pass []byte) (Node, error)
	// Leave ends n, with what there is to do before nobody may do it.
	Leave(n Node) error
	// Part is Leave, and answers the same without its person. Beside an error
	// nothing runs.
	Part(n Node) (Node, error)
	// Rejoin answers the whole of n, which it ends. Beside ErrWrong n goes on;
	// beside another error what it answers takes its place, if it is not nil.
	Rejoin(n Node, pass []byte) (Node, error)
	// Protected reports whether the profile has a passphrase, Keep writes a new
	// time of locking down.
	Protected() bool
	Keep(after time.Duration) error
}

// Keeper serves the page and the local door of the node that it keeps. It is an
// http.Handler, and the daemon's Keeper.
type Keeper struct {
	house House
	gate  *web.Gate
	door  api.Door
	addr  string
	now   func() time.Time

	anew func() error // begins this process anew, if it can

	one sync.Mutex // a passphrase is tried

	mu    sync.Mutex
	era   *era
	idle  Idle
	safe  bool // the profile has a passphrase
	ended bool

	opened, gone   chan struct{}
	onOpen, onGone func() // close these, once
}

// era is the time from one locking or unlocking to the next.
type era struct {
	handler http.Handler
	ctx     context.Context
	end     context.CancelFunc
	busy    sync.WaitGroup // requests

	locked bool
	closed chan struct{} // closed, by over, when the last node has ended
	over   func()
	ready  chan struct{} // closed when node is set
	node   Node          // nil when none could be opened
	err    error         // then
	last   Node          // until then
}

// newKeeper keeps nothing yet. now is time.Now when nil.
func newKeeper(h House, addr string, now func() time.Time, after time.Duration) (*Keeper, error) {
	if now == nil {
		now = time.Now
	}
	door, err := api.NewDoor(addr)
	if err != nil {
		return nil, err
	}
	k := &Keeper{
		house: h, gate: web.NewGate(now), door: door, addr: addr, now: now,
		idle: Idle{After: after}, opened: make(chan struct{}), gone: make(chan struct{}),
	}
	k.onOpen = sync.OnceFunc(func() { close(k.opened) })
	k.onGone = sync.OnceFunc(func() { close(k.gone) })
	return k, nil
}

func newEra(locked bool) *era {
	e := &era{locked: locked, closed: make(chan struct{}), ready: make(chan struct{})}
	e.over = sync.OnceFunc(func() { close(e.closed) })
	e.ctx, e.end = context.WithCancel(context.Background())
	return e
}

// settle says which node an era has, and starts it.
func (k *Keeper) settle(e *era, n Node, err error) {
	if n != nil {
		err = errors.Join(err, n.Start())
		go func() {
			select {
			case <-n.Gone():
				k.onGone()
			case <-e.ctx.Done():
			}
		}()
		k.onOpen()
	}
	e.node, e.err, e.last = n, err, nil
	close(e.ready)
	e.over()
}

var errGoing = fmt.Errorf("%w; it was locked just now: try again in a moment", api.ErrLocked)

// wait waits for the node, unless this process is about to begin anew.
func (e *era) wait() error {
	select {
	case <-e.ready:
		return nil
	case <-e.closed:
	}
	select {
	case <-e.ready:
		return nil
	default:
		return errGoing
	}
}

type leaving struct{}

// ServeHTTP implements http.Handler.
func (k *Keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	if !k.era.locked && k.safe && k.idle.Over(k.now()) {
		k.begin() // before anything is shown after a sleep
	}
	e := k.era
	e.busy.Add(1)
	k.mu.Unlock()
	leave := sync.OnceFunc(e.busy.Done)
	defer leave()
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), leaving{}, leave))
	defer cancel()
	defer context.AfterFunc(e.ctx, cancel)()
	e.handler.ServeHTTP(w, r.WithContext(ctx))
}

// person notes that somebody is there.
func (k *Keeper) person() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle.Touch(k.now())
}

// enter begins an era with a node that has its person. mu is held.
func (k *Keeper) enter(n Node) error {
	e := newEra(false)
	k.settle(e, n, nil)
	site := web.New(n, web.Options{Now: k.now, Gate: k.gate, Person: k.person, Cause: cause.Of})
	mux := http.NewServeMux()
	mux.Handle("/api/", api.Attended(n, k.door.Token, cause.Of, k.person))
	mux.Handle("/", site)
	e.handler = mux
	k.idle.Touch(k.now())
	k.safe = k.house.Protected()
	k.change(e)
	return e.err
}

// change ends an era and begins the next. mu is held.
func (k *Keeper) change(e *era) {
	if k.era != nil {
		k.era.end()
	}
	k.era = e
}

// shut is an era in which nothing of the person is shown. Its node may come later.
func (k *Keeper) shut() *era {
	e := newEra(true)
	mux := http.NewServeMux()
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		api.LockedHandler(closed{k, e}, k.door.Token, cause.Of).ServeHTTP(w, r)
	})
	mux.Handle("/", web.NewLocked(k.gate, closed{k, e}, web.Options{Now: k.now, Cause: cause.Of}))
	e.handler = mux
	return e
}

// begin closes the pages at once; the rest follows beside it. mu is held.
func (k *Keeper) begin() *era {
	old, next := k.era, k.shut()
	next.last = old.node
	k.change(next)
	k.gate.Forget()
	go k.part(old, next)
	return next
}

// part ends an era's node and opens the next without its person.
func (k *Keeper) part(old, next *era) {
	quiet := make(chan struct{})
	go func() { old.busy.Wait(); close(quiet) }()
	select {
	case <-quiet:
	case <-time.After(lastWords):
	}
	n, err := k.leave(old.node, next)
	old.node, old.handler = nil, nil
	k.mu.Lock()
	next.last = nil
	k.mu.Unlock()
	runtime.GC()
	debug.FreeOSMemory()
	k.settle(next, n, err)
}

// leave ends a node and answers one without its person, if this process goes on.
func (k *Keeper) leave(n Node, next *era) (Node, error) {
	if k.anew == nil {
		return k.house.Part(n)
	}
	err := k.house.Leave(n)
	next.over()
	select {
	case <-n.Gone():
		return nil, err // erased: this process is about to end
	default:
	}
	if err = errors.Join(err, k.anew()); errors.Is(err, errEnded) {
		return nil, err
	}
	return k.house.Open(true, nil)
}

// Lock implements api.Locker.
func (k *Keeper) Lock(ctx context.Context, ask api.LockAsk) (api.LockState, error) {
	if ask.After != nil {
		return k.setAfter(time.Duration(*ask.After) * time.Second)
	}
	k.mu.Lock()
	if !k.safe {
		k.mu.Unlock()
		return api.LockState{}, fmt.Errorf("%w: this profile has no passphrase, so nothing locks it: `jauap wipe` erases it", api.ErrUsage)
	}
	e := k.era
	if !e.locked {
		e = k.begin()
	}
	k.mu.Unlock()
	if leave, ok := ctx.Value(leaving{}).(func()); ok {
		leave() // it is not waited for itself
	}
	<-e.closed
	select {
	case <-e.ready:
		return k.state(), e.err
	default:
		return k.state(), nil
	}
}

func (k *Keeper) setAfter(t time.Duration) (api.LockState, error) {
	if t != 0 && (t < api.MinLockAfter*time.Second || t > api.MaxLockAfter*time.Second) {
		return api.LockState{}, fmt.Errorf("%w: it locks by itself after 1 minute to 24 hours, or never", api.ErrUsage)
	}
	if s := k.Lockable(); s == nil || s.Locked {
		return api.LockState{}, api.ErrLocked
	}
	if err := k.house.Keep(t); err != nil {
		return api.LockState{}, err
	}
	k.mu.Lock()
	k.idle.After = t
	k.idle.Touch(k.now())
	k.mu.Unlock()
	return k.state(), nil
}

func (k *Keeper) state() api.LockState {
	k.mu.Lock()
	defer k.mu.Unlock()
	return api.LockState{Locked: k.era.locked, After: int64(k.idle.After / time.Second)}
}

// Lockable tells the state of a profile with a passphrase; nil for another.
func (k *Keeper) Lockable() *api.LockState {
	k.mu.Lock()
	safe := k.safe
	k.mu.Unlock()
	if !safe {
		return nil
	}
	s := k.state()
	return &s
}

// Rephrased tells that the profile's passphrase was changed, or its first one set.
func (k *Keeper) Rephrased() {
	safe := k.house.Protected()
	k.mu.Lock()
	k.safe = safe
	k.mu.Unlock()
}

// Unlock implements api.Locker.
func (k *Keeper) Unlock(_ context.Context, ask api.UnlockAsk) (api.LockState, error) {
	defer clear(ask.Passphrase)
	k.one.Lock()
	defer k.one.Unlock()
	k.mu.Lock()
	e := k.era
	k.mu.Unlock()
	if !e.locked {
		return k.state(), nil
	}
	if err := e.wait(); err != nil {
		return k.state(), err
	}
	n, err := k.reopen(e, ask.Passphrase)
	if errors.Is(err, ErrWrong) {
		return k.state(), fmt.Errorf("%w: this is not the passphrase; nothing was changed, try again", api.ErrMismatch)
	}
	k.mu.Lock()
	if err == nil {
		err = k.enter(n)
	} else {
		next := k.shut() // the node of the last one has ended
		k.settle(next, n, err)
		k.change(next)
	}
	k.mu.Unlock()
	return k.state(), err
}

func (k *Keeper) reopen(e *era, pass []byte) (Node, error) {
	if e.node == nil {
		return k.house.Open(false, pass)
	}
	return k.house.Rejoin(e.node, pass)
}

// watch locks when nobody was there for too long, until ctx ends.
func (k *Keeper) watch(ctx context.Context) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		k.mu.Lock()
		if !k.era.locked && k.safe && k.idle.Over(k.now()) {
			k.begin()
		}
		k.mu.Unlock()
	}
}

// Addr is where the page is, host:port.
func (k *Keeper) Addr() string { return k.addr }

// Page implements api.Opener: a fresh link that opens the page in one browser, once.
func (k *Keeper) Page(context.Context) (string, error) { return k.gate.Link("http://" + k.addr), nil }

// close ends the node that is kept now.
func (k *Keeper) close() error {
	k.one.Lock()
	defer k.one.Unlock()
	k.mu.Lock()
	k.ended = true
	e := k.era
	k.mu.Unlock()
	e.end()
	<-e.ready
	if e.node == nil {
		return nil
	}
	return e.node.Close()
}
