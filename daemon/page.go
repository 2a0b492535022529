package daemon

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"syscall"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web"
	"github.com/jauap/jauap/web/api"
)

// ServePage opens the page and the local door on loopback. When the usual
// port is taken, another is used.
func (d *Daemon) ServePage() error {
	ln, err := listenPage(d.opts.Config.Page)
	if err != nil {
		return err
	}
	pages, err := d.pages(ln.Addr().String(), nil)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	d.page = pageServer(pages)
	d.spawn(func() {
		if err := d.page.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			d.setTrouble("page", "the page stopped: "+err.Error())
		}
	})
	return api.WriteDoor(d.opts.Dir, d.door)
}

func listenPage(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) && addr == config.Default().Page {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the page on %s: %w; choose another --page", addr, err)
	}
	return ln, nil
}

// pages are the page and the local door of a server at addr.
func (d *Daemon) pages(addr string, g *web.Gate) (http.Handler, error) {
	door, err := api.NewDoor(addr)
	if err != nil {
		return nil, err
	}
	d.site = web.New(d, web.Options{Now: d.opts.Now, Gate: g})
	d.base, d.door = "http://"+addr, door
	mux := http.NewServeMux()
	mux.Handle("/api/", api.Handler(d, door.Token))
	mux.Handle("/", d.site)
	return mux, nil
}

func pageServer(h http.Handler) *http.Server {
	s := api.NewServer(h)
	s.ErrorLog = log.New(io.Discard, "", 0)
	return s
}

// PageURL is a fresh link that opens the page in one browser, once.
func (d *Daemon) PageURL() string { return d.site.Link(d.base) }

// adopt takes over a server that serves the pages already, and starts the links.
func (d *Daemon) adopt(s *http.Server) error {
	d.page = s
	return errors.Join(d.Start(), api.WriteDoor(d.opts.Dir, d.door))
}
