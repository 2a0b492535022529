package relay

import (
	"context"
	"crypto/tls"
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
	conf, err := key.TLS(time.Now())
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	m := Handler(box, o)
	var aside sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	aside.Go(func() { m.Expire(ctx) })
	err = m.Listen(ctx, ln, conf)
	stop()
	m.Close(context.Background())
	aside.Wait()
	return err
}

// Listen answers HTTPS on ln until ctx ends. It closes ln, and leaves the
// sessions to Close. conf is that of Key.TLS. Errors are the listener's.
func (m *Mailbox) Listen(ctx context.Context, ln net.Listener, conf *tls.Config) error {
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
	failed := make(chan error, 1)
	go func() { failed <- srv.ServeTLS(&door{Listener: ln, room: m}, "", "") }()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("relay: cannot accept connections: %w", err), srv.Close())
	case <-ctx.Done():
	}
	// Nobody new comes; Close of a server leaves the sessions, which are no
	// longer its own, to the mailbox.
	_ = srv.Close()
	<-failed
	return nil
}

// expireEvery is how often the box is asked to let go of what is over.
const expireEvery = time.Hour

// Expire deletes what is over, at once and then every hour, until ctx ends.
func (m *Mailbox) Expire(ctx context.Context) {
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
		case <-ctx.Done():
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
