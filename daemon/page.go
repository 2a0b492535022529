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
	ln, err := net.Listen("tcp", d.opts.Config.Page)
	if errors.Is(err, syscall.EADDRINUSE) && d.opts.Config.Page == config.Default().Page {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return fmt.Errorf("cannot open the page on %s: %w; choose another --page", d.opts.Config.Page, err)
	}
	door, err := api.NewDoor(ln.Addr().String())
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	d.site = web.New(d, web.Options{Now: d.opts.Now})
	d.base = "http://" + ln.Addr().String()
	mux := http.NewServeMux()
	mux.Handle("/api/", api.Handler(d, door.Token))
	mux.Handle("/", d.site)
	d.page = api.NewServer(mux)
	d.page.ErrorLog = log.New(io.Discard, "", 0)
	d.door = door
	d.spawn(func() {
		if err := d.page.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			d.setTrouble("page", "the page stopped: "+err.Error())
		}
	})
	return api.WriteDoor(d.opts.Dir, door)
}

// PageURL is a fresh link that opens the page in one browser, once.
func (d *Daemon) PageURL() string { return d.site.Link(d.base) }
