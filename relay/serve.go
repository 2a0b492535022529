package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jauap/jauap/envelope"
)

// Serve answers on ln, with TLS under the key, until ctx ends; then it says
// goodbye to its clients and answers nil. It closes ln; the box stays the
// caller's. Other errors are the listener's.
func Serve(ctx context.Context, ln net.Listener, key Key, box Box, o Options) error {
	conf, err := key.serverConfig(time.Now())
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	m := Handler(box, o)
	quiet := log.New(io.Discard, "", 0) // net/http would log addresses
	srv := &http.Server{
		Handler:           m,
		TLSConfig:         conf,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: m.opts.Limits.Hello,
		WriteTimeout:      m.opts.Limits.Hello,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          quiet,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(interface{ NetConn() net.Conn }); ok {
				c = t.NetConn()
			}
			if g, ok := c.(*guest); ok {
				ctx = context.WithValue(ctx, loadKey{}, g.load)
			}
			return ctx
		},
	}
	srv.Protocols.SetHTTP1(true)
	srv.SetKeepAlivesEnabled(false) // a visitor asks once
	var aside sync.WaitGroup
	stop := make(chan struct{})
	aside.Go(func() { m.expire(stop) })
	failed := make(chan error, 1)
	aside.Go(func() { failed <- srv.ServeTLS(&door{Listener: ln, room: m}, "", "") })
	select {
	case err = <-failed:
		err = fmt.Errorf("relay: cannot accept connections: %w", err)
	case <-ctx.Done():
		err = nil
	}
	close(stop)
	// The listener first, so that nobody new comes; Close of a server leaves
	// the sessions, which are no longer its own, to the mailbox.
	_ = srv.Close()
	m.Close(context.Background())
	aside.Wait()
	return err
}

// expireEvery is how often the box is asked to let go of what is over.
const expireEvery = time.Hour

// expire deletes what is over, at the start and then every hour.
func (m *Mailbox) expire(stop <-chan struct{}) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	var last envelope.Day
	for first := true; ; first = false {
		if today := m.opts.Today(); first || today != last {
			last = today
			if _, err := m.box.Expire(m.life, today); err != nil {
				m.trouble("expire", err)
			}
		}
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

// door lets connections in or closes them before they cost anything.
type door struct {
	net.Listener
	room *Mailbox
}

func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l, ok := d.room.enter(c.RemoteAddr().String(), time.Now())
		if !ok {
			_ = c.Close()
			continue
		}
		Tune(c)
		return &guest{Conn: c, load: l, leave: sync.OnceFunc(func() { d.room.loads.leave(l) })}, nil
	}
}

// guest is a connection that was let in.
type guest struct {
	net.Conn
	load  *load
	leave func()
}

func (g *guest) Close() error {
	g.leave()
	return CloseWhole(g.Conn)
}
