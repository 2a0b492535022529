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
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/postage"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/embedded"
	"github.com/jauap/jauap/relay/udp"
)

// RelayOptions of one relay.
type RelayOptions struct {
	Dir    string // its key and its box
	Listen string // host:port, by TCP and UDP
	// Also are further places of that form; Odd is to answer on the host of
	// Listen at each of relay.OddPorts. What of these the system does not let
	// us have is said by Lines and is no error.
	Also   []string
	Odd    bool
	Public string // host:port that others use; empty for the listener's
	Quota  int64  // bytes of box
	// DNS is where to answer as the name server of Zone, host:port; empty for nowhere.
	DNS, Zone string
	// Restored says that the box was put back from a copy: every client lists
	// it once from the beginning, and offers again what the copy lacks.
	Restored bool
	// Postage is how many tokens of postage one address prefix may have a day; 0 for none.
	Postage int
	Log     *slog.Logger
}

// Relay is a running relay.
type Relay struct {
	key    relay.Key
	addr   string
	tcp    []net.Listener
	udp    []net.PacketConn
	names  *names // nil without DNS
	lines  []string
	box    *embedded.Box
	mint   *postage.Mint // nil without postage
	tokens int           // that one prefix may have a day
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
			err = errors.Join(ofDisk(o.Dir, err), r.Close())
			r = nil
		}
	}()
	if r.unlock, err = lockDir(o.Dir); err != nil {
		return r, err
	}
	if r.key, err = relayKey(filepath.Join(o.Dir, "relay.key")); err != nil {
		return r, err
	}
	if err := r.openMint(o); err != nil {
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
	if o.DNS != "" {
		// First: by one of its ports QUIC may want the same place.
		if r.names, err = openNames(o, r.key); err != nil {
			return r, err
		}
		r.lines = append(r.lines, r.names.lines...)
	}
	if err := r.listen(o); err != nil {
		return r, err
	}
	public := o.Public
	if public == "" {
		public = reachable(r.tcp[0].Addr())
	}
	a, err := relay.ParseAddr("https://" + public + "/#" + r.key.ID().String())
	if err != nil {
		return r, err
	}
	r.addr = a.String()
	return r, nil
}

// listen takes the places, the first of which must be had by TCP.
func (r *Relay) listen(o RelayOptions) error {
	ln, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another --listen", o.Listen, err)
	}
	r.tcp = append(r.tcp, ln)
	r.listenUDP(ln.Addr().String())
	also := o.Also
	host, own, err := net.SplitHostPort(ln.Addr().String())
	if o.Odd && err == nil {
		for _, port := range relay.OddPorts() {
			if p := strconv.Itoa(int(port)); p != own {
				also = append(also, net.JoinHostPort(host, p))
			}
		}
	}
	for _, place := range also {
		ln, err := net.Listen("tcp", place)
		if err != nil {
			r.lines = append(r.lines, fmt.Sprintf("not on %s by TCP: %v", place, err))
		} else {
			r.tcp = append(r.tcp, ln)
			r.lines = append(r.lines, "also on "+place+" by TCP")
			place = ln.Addr().String()
		}
		r.listenUDP(place)
	}
	return nil
}

// listenUDP takes the same port by UDP.
func (r *Relay) listenUDP(place string) {
	pc, err := net.ListenPacket("udp", place)
	if err != nil {
		r.lines = append(r.lines, fmt.Sprintf("not on %s by UDP: %v", place, err))
		return
	}
	r.udp = append(r.udp, pc)
	r.lines = append(r.lines, "also on "+place+" by UDP")
}

// Lines say which further ports could be had and which not, and why.
func (r *Relay) Lines() []string { return slices.Clone(r.lines) }

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

// openMint opens the keys that sign postage; they are made when they are first asked for.
func (r *Relay) openMint(o RelayOptions) (err error) {
	if o.Postage <= 0 {
		return nil
	}
	path := filepath.Join(o.Dir, "postage.key")
	saved, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r.tokens = o.Postage
	r.mint, err = postage.NewMint(saved, func(b []byte) error { return replaceFile(path, b) })
	return err
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
	limits := relay.Limits{LoopbackFree: true, Tokens: r.tokens}
	conf, err := r.key.TLS(time.Now())
	if err != nil {
		return err
	}
	room := relay.Handler(r.box, relay.Options{Log: r.log, Limits: limits, Mint: r.mint})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	group.Go(func() { room.Expire(ctx) })
	ends := make(chan error, len(r.tcp)+len(r.udp)+1)
	for _, ln := range r.tcp {
		group.Go(func() { ends <- room.Listen(ctx, ln, conf) })
	}
	for _, pc := range r.udp {
		group.Go(func() { ends <- udp.Serve(ctx, pc, conf, room.Attend, udp.Options{}) })
	}
	if r.names != nil {
		group.Go(func() { ends <- r.names.serve(ctx, r.box, room) })
	}
	select {
	case <-ctx.Done():
	case err = <-ends: // one way in is lost: better to be started anew
		stop()
	}
	room.Close(context.Background())
	group.Wait()
	return err
}

// Close ends the relay; it may be called on one that is only half open.
func (r *Relay) Close() error {
	var errs []error
	for _, ln := range r.tcp {
		if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for _, pc := range r.udp {
		if err := pc.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if r.names != nil {
		errs = append(errs, r.names.close())
	}
	if r.box != nil {
		errs = append(errs, r.box.Close())
	}
	if r.unlock != nil {
		errs = append(errs, r.unlock())
	}
	return errors.Join(errs...)
}
