package demo

import (
	"net"
	"sync"
	"time"
)

// resolver stands for the country's name servers: it passes questions on to the
// relay's and answers back while it is open, and is silent while it is shut.
type resolver struct {
	pc net.PacketConn
	to string

	mu   sync.Mutex
	open bool
}

func newResolver(to string) (*resolver, error) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &resolver{pc: pc, to: to}
	go r.serve()
	return r, nil
}

func (r *resolver) addr() string { return r.pc.LocalAddr().String() }

// patience is how long a question waits for its answer.
const patience = 3 * time.Second

// serve gives each question a socket of its own, as resolvers do.
func (r *resolver) serve() {
	asking := make(chan struct{}, 64)
	for {
		b := make([]byte, 4096)
		n, from, err := r.pc.ReadFrom(b)
		if err != nil {
			return
		}
		if !r.passes() {
			continue
		}
		select {
		case asking <- struct{}{}:
			go func() {
				defer func() { <-asking }()
				r.ask(b[:n], from)
			}()
		default: // too many at once: a resolver drops them, too
		}
	}
}

func (r *resolver) ask(question []byte, from net.Addr) {
	far, err := net.Dial("udp", r.to)
	if err != nil {
		return
	}
	defer far.Close()
	_ = far.SetDeadline(time.Now().Add(patience))
	if _, err := far.Write(question); err != nil {
		return
	}
	b := make([]byte, 4096)
	if n, err := far.Read(b); err == nil && r.passes() {
		_, _ = r.pc.WriteTo(b[:n], from)
	}
}

func (r *resolver) passes() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

func (r *resolver) set(open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = open
}

func (r *resolver) close() error { return r.pc.Close() }
