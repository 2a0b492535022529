package bp

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/bundle"
)

// plain is MTCP (bundles as CBOR byte strings, draft-ietf-dtn-mtcpcl) or STCP
// (bundles behind their length in four bytes, as ION has it). Whoever called sends,
// whoever listened receives; nothing is acknowledged. A length of 0 is a sign of
// life in both.
type plain struct {
	desk
	line  Line
	conn  *steady
	sends bool

	mu    sync.Mutex // of writes
	wrote time.Time

	once  sync.Once
	ended chan struct{}
	err   error // why; nil for a proper end
}

// A sender may be silent for long where nothing is to be sent; most give a sign of
// life every few seconds.
const plainQuiet = time.Hour

func newPlain(s Spot, o Options, conn net.Conn, active bool) *plain {
	p := &plain{
		desk: newDesk(s.Packing, o), line: s.Line, sends: active,
		conn: &steady{Conn: conn, quiet: plainQuiet}, ended: make(chan struct{}), wrote: time.Now(),
	}
	if active {
		go p.watch()
		go p.beat()
	} else {
		go p.read()
	}
	return p
}

func (p *plain) end(err error) {
	p.once.Do(func() {
		p.err = err
		close(p.ended)
		_ = p.conn.Close()
	})
}

// watch notices that the far end went: it has nothing to say.
func (p *plain) watch() {
	defer close(p.done)
	var b [64]byte
	for n := 0; ; {
		m, err := p.conn.Read(b[:])
		if n += m; n > 1<<16 {
			err = fmt.Errorf("%w: it talks where it should listen", ErrNode)
		}
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			continue
		}
		if err != nil {
			p.end(fmt.Errorf("%w: %w", ErrEnded, err))
			return
		}
	}
}

// beat gives signs of life.
func (p *plain) beat() {
	t := time.NewTicker(keepEvery * time.Second / 2)
	defer t.Stop()
	for {
		select {
		case <-p.ended:
			return
		case <-t.C:
		}
		p.mu.Lock()
		var err error
		if time.Since(p.wrote) >= keepEvery*time.Second/2 {
			err = p.write(nil)
		}
		p.mu.Unlock()
		if err != nil {
			p.end(err)
		}
	}
}

// write needs mu.
func (p *plain) write(b []byte) error {
	var head []byte
	if p.line == STCP {
		head = binary.BigEndian.AppendUint32(nil, uint32(len(b)))
	} else {
		head = bundle.AppendByteStringHead(nil, len(b))
	}
	p.wrote = time.Now()
	_, err := p.conn.Write(append(head, b...))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEnded, err)
	}
	return nil
}

// read takes bundles as they come.
func (p *plain) read() {
	defer close(p.done)
	r := bufio.NewReaderSize(p.conn, 32<<10)
	for {
		raw, err := readPlain(r, p.line)
		if err == io.EOF {
			p.end(nil)
			return
		}
		if err != nil {
			p.end(err)
			return
		}
		if len(raw) == 0 {
			continue
		}
		unit, err := p.open(p.Peer(), raw)
		if err != nil {
			continue
		}
		if !p.put(arrival{unit, func() error { return nil }}, p.ended) {
			return
		}
	}
}

// readPlain reads one bundle; empty for a sign of life. io.EOF only between bundles.
func readPlain(r *bufio.Reader, line Line) ([]byte, error) {
	size := uint64(0)
	if line == STCP {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, err
		}
		size = uint64(binary.BigEndian.Uint32(head[:]))
	} else {
		var err error
		if size, err = bundle.ReadByteStringHead(r); err != nil {
			return nil, err
		}
	}
	if size > bundle.MaxBundle {
		return nil, fmt.Errorf("%w: a bundle of %d bytes, more than any of ours", ErrNode, size)
	}
	// In pieces: who only promises much gets little memory.
	raw := make([]byte, 0, min(size, 16<<10))
	for uint64(len(raw)) < size {
		n := min(size-uint64(len(raw)), 16<<10)
		raw = append(raw, make([]byte, n)...)
		if _, err := io.ReadFull(r, raw[uint64(len(raw))-n:]); err != nil {
			return nil, fmt.Errorf("%w: cut in the middle of a bundle: %v", ErrEnded, err)
		}
	}
	return raw, nil
}

// Hand implements Session.
func (p *plain) Hand(ctx context.Context, unit []byte, done func(error)) error {
	if !p.sends {
		return fmt.Errorf("%w: over %s only whoever calls sends", ErrRefused, p.line)
	}
	raw, err := p.g.pack(unit, p.o.now())
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { p.end(ctx.Err()) }) // half a bundle is no bundle
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.write(raw); err != nil {
		p.end(err)
		return err
	}
	done(nil)
	return nil
}

// Leave implements link.Drop.
func (p *plain) Leave(ctx context.Context, next func() ([]byte, bool)) (int64, error) {
	return leave(ctx, p, next)
}

// Take implements Session.
func (p *plain) Take(ctx context.Context, take func([][]byte) error) ([]link.Note, error) {
	err := p.take(ctx, take)
	if err == nil {
		<-p.ended
		err = p.err
	}
	return p.summary(p.Peer()), err
}

// Each implements link.Drop.
func (p *plain) Each(ctx context.Context, take func([]byte) error) ([]link.Note, error) {
	return p.Take(ctx, one(take))
}

// one is take for a batch.
func one(take func([]byte) error) func([][]byte) error {
	return func(units [][]byte) error {
		for _, u := range units {
			if err := take(u); err != nil {
				return err
			}
		}
		return nil
	}
}

// Traits implements link.Drop.
func (p *plain) Traits() link.Traits {
	t := Traits()
	if t.Way = link.In; p.sends {
		t.Way = link.Out
	}
	return t
}

// Confirms implements Session.
func (p *plain) Confirms() bool { return false }

// Peer implements Session.
func (p *plain) Peer() string { return p.conn.RemoteAddr().String() }

// Done implements Session.
func (p *plain) Done() <-chan struct{} { return p.ended }

// Close implements Session. What was written arrives, if the line holds.
func (p *plain) Close() error {
	p.end(ErrEnded)
	return nil
}
