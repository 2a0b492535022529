package lock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/web"
	"github.com/jauap/jauap/web/api"
)

// Server is the page and the local door of a data folder, and the node behind them.
type Server struct {
	*Keeper
	dir    string
	socket *net.TCPListener
	http   *http.Server
	failed chan error
	stop   context.CancelFunc
}

// Serve opens the page of a data folder on loopback and starts its node: whole, or
// locked where the profile has a passphrase and none is given or o.Locked is set. A
// folder without a profile gets one on the page first. When the usual port is
// taken, another is used. o.Passphrase is cleared. An heir goes on as who it comes
// after, locked.
func Serve(o daemon.Options, heir *Heir) (s *Server, err error) {
	defer clear(o.Passphrase)
	var ln net.Listener
	if heir != nil {
		ln, o.Locked = heir.ln, true
	} else if ln, err = listen(o.Config.Page); err != nil {
		return nil, err
	}
	h := &house{o: o}
	k, err := newKeeper(h, ln.Addr().String(), o.Now, o.Config.Lock)
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	h.o.Keeper, h.o.Passphrase = k, nil
	s = &Server{Keeper: k, dir: o.Dir, failed: make(chan error, 1)}
	if s.socket, _ = ln.(*net.TCPListener); canReplace && s.socket != nil {
		k.anew = s.anew
	}
	if heir != nil {
		k.door = heir.Door
		k.gate.Restore(heir.Gate)
		for late := time.Now().Add(heirs); ; time.Sleep(heirStep) {
			if err = s.begin(h, o); !errors.Is(err, daemon.ErrInUse) || time.Now().After(late) {
				break
			}
		}
	} else {
		err = s.begin(h, o)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.http = api.NewServer(k)
	s.http.ErrorLog = log.New(io.Discard, "", 0)
	go func() {
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("the page stopped: %w", err)
		}
	}()
	go k.watch(ctx)
	return s, nil
}

// begin enters the first era.
func (s *Server) begin(h *house, o daemon.Options) error {
	k := s.Keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if !daemon.Exists(o.Dir) {
		e := newEra(false)
		k.settle(e, nil, nil)
		e.handler = web.NewFirst(k.gate, s.create, web.Options{Now: k.now, Cause: cause.Of})
		k.change(e)
		return nil
	}
	k.safe = h.Protected()
	shut := k.safe && (o.Locked || o.Passphrase == nil)
	n, err := h.Open(shut, o.Passphrase)
	if err != nil {
		return err
	}
	if shut {
		e := k.shut()
		k.settle(e, n, nil)
		k.change(e)
		err = e.err
	} else {
		err = k.enter(n)
	}
	if err == nil {
		err = api.WriteDoor(s.dir, k.door)
	}
	if err != nil {
		err = errors.Join(err, n.Close())
	}
	return err
}

// create makes the profile that a person asked for on the first page.
func (s *Server) create(name, pass string) error {
	var secret []byte
	if pass != "" {
		secret = []byte(pass)
		defer clear(secret)
	}
	n, err := s.house.Create(name, secret)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.enter(n), api.WriteDoor(s.dir, s.door))
}

func listen(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) && addr == config.Default().Page {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the page on %s: %w; choose another --page", addr, err)
	}
	return ln, nil
}

// Opened is closed when a node runs.
func (s *Server) Opened() <-chan struct{} { return s.opened }

// Gone is closed when the profile was erased.
func (s *Server) Gone() <-chan struct{} { return s.gone }

// Failed tells why the page stopped by itself.
func (s *Server) Failed() <-chan error { return s.failed }

// ListenAddr is where neighbours reach the node; empty when they do not.
func (s *Server) ListenAddr() string {
	s.mu.Lock()
	e := s.era
	s.mu.Unlock()
	if <-e.ready; e.node == nil {
		return ""
	}
	return e.node.ListenAddr()
}

// Close ends the page and the node.
func (s *Server) Close() error {
	s.stop()
	ctx, done := context.WithTimeout(context.Background(), 2*time.Second)
	defer done()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	err := api.RemoveDoor(s.dir, s.door)
	return errors.Join(err, s.close())
}

// house makes nodes of one data folder.
type house struct{ o daemon.Options }

// known turns the errors of a daemon into those of a House.
func known(n *daemon.Daemon, err error) (Node, error) {
	if errors.Is(err, daemon.ErrPassphrase) {
		err = fmt.Errorf("%w (%w)", ErrWrong, err)
	}
	if n == nil {
		return nil, err // and not a Node that holds none
	}
	return n, err
}

// Open implements House.
func (h *house) Open(closed bool, pass []byte) (Node, error) {
	o := h.o
	o.Locked, o.Passphrase = closed, pass
	return known(daemon.Open(o))
}

// Create implements House.
func (h *house) Create(name string, pass []byte) (Node, error) {
	if !daemon.Exists(h.o.Dir) {
		if err := daemon.Init(h.o.Dir, name, pass, h.o.Now); err != nil {
			return nil, err
		}
	}
	return h.Open(false, pass)
}

// Leave implements House.
func (h *house) Leave(n Node) error { return n.(*daemon.Daemon).Leave() }

// Part implements House.
func (h *house) Part(n Node) (Node, error) { return known(n.(*daemon.Daemon).Part()) }

// Rejoin implements House.
func (h *house) Rejoin(n Node, pass []byte) (Node, error) {
	return known(n.(*daemon.Daemon).Rejoin(pass))
}

// Protected implements House.
func (h *house) Protected() bool { return daemon.NeedsPassphrase(h.o.Dir) }

// Keep implements House.
func (h *house) Keep(after time.Duration) error {
	c, err := daemon.LoadConfig(h.o.Dir)
	if err != nil {
		return err
	}
	c.Lock = after
	return daemon.SaveConfig(h.o.Dir, c)
}
