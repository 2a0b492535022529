package demo

import (
	"io"
	"net"
	"sync"
)

// border is the way from one person to the relay: a loopback port that
// forwards while it is open and swallows everything while it is shut, as a
// packet filter does.
type border struct {
	ln net.Listener
	to string

	mu    sync.Mutex
	open  bool
	conns map[net.Conn]bool
	over  bool
}

func newBorder(to string) (*border, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &border{ln: ln, to: to, conns: map[net.Conn]bool{}}
	go b.accept()
	return b, nil
}

func (b *border) addr() string { return b.ln.Addr().String() }

func (b *border) accept() {
	for {
		c, err := b.ln.Accept()
		if err != nil {
			return
		}
		go b.forward(c)
	}
}

// forward joins c to the relay. While the border is shut c stays unanswered.
func (b *border) forward(c net.Conn) {
	b.mu.Lock()
	open := b.open
	b.conns[c] = true
	if b.over {
		c.Close()
	}
	b.mu.Unlock()
	defer b.forget(c)
	if !open {
		io.Copy(io.Discard, c)
		return
	}
	far, err := net.Dial("tcp", b.to)
	if err != nil {
		return
	}
	b.mu.Lock()
	b.conns[far] = true
	b.mu.Unlock()
	defer b.forget(far)
	go func() {
		io.Copy(far, c)
		far.Close()
	}()
	io.Copy(c, far)
}

func (b *border) forget(c net.Conn) {
	c.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c)
}

// set opens or shuts the border; what was under way is cut.
func (b *border) set(open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == open {
		return
	}
	b.open = open
	b.cut()
}

// cut ends all connections. mu is held.
func (b *border) cut() {
	for c := range b.conns {
		c.Close()
	}
}

func (b *border) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	b.cut()
	return b.ln.Close()
}
