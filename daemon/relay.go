package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/embedded"
)

// RelayOptions of one relay.
type RelayOptions struct {
	Dir    string // its key and its box
	Listen string // host:port
	Public string // host:port that others use; empty for the listener's
	Quota  int64  // bytes of box
	// Restored says that the box was put back from a copy: every client lists
	// it once from the beginning, and offers again what the copy lacks.
	Restored bool
	Log      *slog.Logger
}

// Relay is a running relay.
type Relay struct {
	key    relay.Key
	addr   string
	ln     net.Listener
	box    *embedded.Box
	unlock func() error
	log    *slog.Logger
}

// OpenRelay makes or opens a relay's key and box and begins to listen.
func OpenRelay(o RelayOptions) (r *Relay, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	r = &Relay{log: o.Log}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
			r = nil
		}
	}()
	if r.unlock, err = lockDir(o.Dir); err != nil {
		return r, err
	}
	if r.key, err = relayKey(filepath.Join(o.Dir, "relay.key")); err != nil {
		return r, err
	}
	fsys, err := durable.OS(filepath.Join(o.Dir, "box"))
	if err != nil {
		return r, err
	}
	today := envelope.DayOf(time.Now())
	box, report, err := embedded.Open(fsys, embedded.Options{Quota: o.Quota, Today: today, Renew: o.Restored})
	if err != nil {
		return r, err
	}
	r.box = box
	logReport(o.Log, report)
	if r.ln, err = net.Listen("tcp", o.Listen); err != nil {
		return r, fmt.Errorf("cannot listen on %s: %w; choose another --listen", o.Listen, err)
	}
	public := o.Public
	if public == "" {
		public = reachable(r.ln.Addr())
	}
	a, err := relay.ParseAddr("https://" + public + "/#" + r.key.ID().String())
	if err != nil {
		return r, err
	}
	r.addr = a.String()
	return r, nil
}

// relayKey reads the relay's key, or makes it the first time. Who has a
// relay's address pins this key: losing it means new addresses for all.
func relayKey(path string) (relay.Key, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		return relay.ParseKey(b)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return relay.Key{}, err
	}
	k, err := relay.NewKey()
	if err != nil {
		return relay.Key{}, err
	}
	if b, err = k.MarshalPEM(); err != nil {
		return relay.Key{}, err
	}
	return k, replaceFile(path, b)
}

// reachable is how others may call a listener: its address, or this machine's
// where it listens on all.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return a.String()
	}
	host = "127.0.0.1"
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		addrs = nil // some systems do not say; --public tells
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			host = n.IP.String()
			break
		}
	}
	return net.JoinHostPort(host, port)
}

// Addr is what people need to use this relay: where it is, and its key.
func (r *Relay) Addr() string { return r.addr }

// Serve answers until ctx ends.
func (r *Relay) Serve(ctx context.Context) error {
	// On loopback one machine is all its clients: the demo, a test, a proxy.
	limits := relay.Limits{LoopbackFree: true}
	return relay.Serve(ctx, r.ln, r.key, r.box, relay.Options{Log: r.log, Limits: limits})
}

// Close ends the relay; it may be called on one that is only half open.
func (r *Relay) Close() error {
	var errs []error
	if r.ln != nil {
		if err := r.ln.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if r.box != nil {
		errs = append(errs, r.box.Close())
	}
	if r.unlock != nil {
		errs = append(errs, r.unlock())
	}
	return errors.Join(errs...)
}
