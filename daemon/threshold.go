package daemon

import (
	"context"
	"errors"
	"net/http"

	"github.com/jauap/jauap/web"
)

// Wait serves the page of a data folder whose profile is not open yet (there is
// none, or its passphrase is not known) until a person made or opened it there,
// and starts its links. told gets the link to the page.
func Wait(ctx context.Context, o Options, told func(url string)) (*Daemon, error) {
	ln, err := listenPage(o.Config.Page)
	if err != nil {
		return nil, err
	}
	gate := web.NewGate(o.Now)
	opened := make(chan *Daemon, 1)
	first := web.NewFirst(gate, Exists(o.Dir), func(name, pass string) (http.Handler, error) {
		d, err := enter(o, name, pass)
		if err != nil {
			return nil, err
		}
		h, err := d.pages(ln.Addr().String(), gate)
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
		opened <- d
		return h, nil
	}, web.Options{Now: o.Now})
	page := pageServer(first)
	failed := make(chan error, 1)
	go func() { failed <- page.Serve(ln) }()
	told(first.Link("http://" + ln.Addr().String()))
	select {
	case d := <-opened:
		return d, d.adopt(page)
	case err := <-failed:
		return nil, err
	case <-ctx.Done():
		page.Close()
		return nil, ctx.Err()
	}
}

// enter makes the profile if there is none, and opens it.
func enter(o Options, name, pass string) (*Daemon, error) {
	if pass != "" {
		o.Passphrase = []byte(pass)
	}
	if !Exists(o.Dir) {
		if err := Init(o.Dir, name, o.Passphrase, o.Now); err != nil {
			return nil, err
		}
	}
	d, err := Open(o)
	if errors.Is(err, ErrPassphrase) {
		return nil, web.ErrWrong
	}
	return d, err
}
