package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/bp"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/web/api"
)

const (
	bundleRetry        = 5 * time.Second
	bundleRetryBattery = time.Minute
	maxCallers         = 16
	bundleIdle         = 500 * time.Millisecond // between looks for something new
)

var errShelfTrouble = errors.New("the shelf cannot write")

// bundleSpots reads the bundle nodes of the settings.
func bundleSpots(c config.Config) (list []bp.Spot, err error) {
	for _, s := range c.Bundles {
		spot, err := bp.ParseSpot(s)
		if err != nil {
			return nil, fmt.Errorf("%w (setting bp)", err)
		}
		list = append(list, spot)
	}
	return list, nil
}

// bundleNow is the time for bundles; zero when it is not known.
func (d *Daemon) bundleNow() time.Time {
	if d.clock.doubt() != "" {
		return time.Time{}
	}
	return d.opts.Now()
}

func (d *Daemon) bundleOptions() bp.Options { return bp.Options{Now: d.bundleNow} }

// startBundles opens the lines to bundle nodes.
func (d *Daemon) startBundles() error {
	spots, err := bundleSpots(d.opts.Config)
	if err != nil {
		return err
	}
	for _, s := range spots {
		if !s.Listen {
			o := d.outlet(string(s.Line)+s.Addr+" "+s.To.String(), bp.Traits())
			d.spawn(func() { d.keepBundles(s, o) })
			continue
		}
		l, err := bp.Listen(s, d.bundleOptions())
		if err != nil {
			return err
		}
		d.rowAir("dtn", s.String(), "trying", nil, 0, 0)
		d.spawn(func() { d.hearBundles(s, l) })
	}
	return nil
}

// hearBundles lets nodes call. What a caller had is remembered by its address, so that
// a stranger takes nothing from the others, and not beyond this start.
func (d *Daemon) hearBundles(s bp.Spot, l *bp.Listener) {
	var mu sync.Mutex
	had := map[string]*node.Outlet{}
	err := l.Serve(d.ctx, func(x bp.Session) {
		addr, _, _ := strings.Cut(x.Peer(), " ")
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			host = addr
		}
		mu.Lock()
		o := had[host]
		if o == nil {
			for k := range had {
				if len(had) < maxCallers {
					break
				}
				delete(had, k)
			}
			o = d.outlet("", bp.Traits())
			had[host] = o
		}
		mu.Unlock()
		if err := d.runBundles(s, x, o); err != nil {
			d.log.Info("dtn", "node", x.Peer(), "ended", err)
		}
	})
	if d.ctx.Err() == nil {
		d.rowAir("dtn", s.String(), "down", err, 0, 0)
	}
}

// outlet is what one bundle node or folder has had; it outlives this start unless of is
// empty.
func (d *Daemon) outlet(of string, t link.Traits) *node.Outlet {
	name := ""
	if of != "" {
		sum := sha256.Sum256([]byte(of))
		name = hex.EncodeToString(sum[:12])
	}
	d.courier.Lock()
	defer d.courier.Unlock()
	return d.node.Outlet(name, t)
}

// keepBundles calls one bundle node again and again.
func (d *Daemon) keepBundles(s bp.Spot, o *node.Outlet) {
	for d.ctx.Err() == nil {
		x, err := bp.Dial(d.ctx, s, d.bundleOptions())
		if err == nil {
			err = d.runBundles(s, x, o)
		}
		if d.ctx.Err() != nil {
			return
		}
		d.rowAir("dtn", s.String(), "down", err, 0, 0)
		wait := bundleRetry
		if d.notice.onBattery() {
			wait = bundleRetryBattery
		}
		d.rest(wait)
	}
}

// lines counts what goes over one session.
type lines struct{ in, out atomic.Int64 }

// runBundles sends and takes until the session ends, and ends it.
func (d *Daemon) runBundles(s bp.Spot, x bp.Session, o *node.Outlet) error {
	ctx, stop := context.WithCancel(d.ctx)
	defer stop()
	var c lines
	d.countLine(1)
	defer d.countLine(-1)
	tell := func() { d.rowAir("dtn", s.String(), "up", nil, c.in.Load(), c.out.Load()) }
	tell()
	taken := make(chan error, 1)
	go func() {
		notes, err := x.Take(ctx, func(units [][]byte) error {
			for _, u := range units {
				c.in.Add(int64(len(u)))
			}
			tell()
			return d.takeBundles(units, o)
		})
		for _, n := range notes {
			d.log.Info("dtn", "node", n.Where, "note", n.What)
		}
		_ = x.Close()
		taken <- err
	}()
	if x.Traits().Way != link.In {
		d.sendBundles(ctx, s, x, o, func(n int) { c.out.Add(int64(n)); tell() })
		_ = x.Close()
	}
	err := <-taken
	tell()
	d.courier.Lock()
	o.Again()
	d.courier.Unlock()
	if s.Listen {
		d.rowAir("dtn", s.String(), "trying", nil, 0, 0)
	}
	return err
}

// countLine makes letters be sealed while any line is open.
func (d *Daemon) countLine(by int) {
	d.courier.Lock()
	defer d.courier.Unlock()
	d.lines += by
}

// takeBundles keeps what came; an error means that it is not kept.
func (d *Daemon) takeBundles(units [][]byte, o *node.Outlet) error {
	d.found(units)
	d.courier.Lock()
	for _, u := range units {
		if id := envelope.IDOf(u); d.shelf.Has(id) {
			o.Brought(id)
		}
	}
	bad := d.trouble["shelf"] != ""
	d.courier.Unlock()
	d.settleIfNeeded()
	if bad {
		return errShelfTrouble // the node will send it again
	}
	return nil
}

// sendBundles sends what the node has not had until the session ends.
func (d *Daemon) sendBundles(ctx context.Context, s bp.Spot, x bp.Session, o *node.Outlet, sent func(int)) {
	who := link.Peer{Key: "dtn " + s.String(), Addr: x.Peer()}
	d.settle()
	for ctx.Err() == nil {
		d.courier.Lock()
		id, unit, ok := o.Next()
		d.courier.Unlock()
		if !ok {
			select {
			case <-x.Done():
				return
			case <-ctx.Done():
				return
			case <-time.After(bundleIdle):
			}
			continue
		}
		err := x.Hand(ctx, unit, func(err error) {
			if err != nil && !errors.Is(err, bp.ErrRefused) {
				return // the line broke: Again
			}
			if err == nil {
				sent(len(unit))
			} else {
				d.log.Info("dtn", "node", x.Peer(), "refused", id.String(), "reason", err)
			}
			d.courier.Lock()
			defer d.courier.Unlock()
			if own := o.Landed(id); own && err == nil && x.Confirms() {
				d.effect(node.Handed{ID: id, Peer: who})
			}
		})
		if err != nil {
			return
		}
	}
}

// Bundles implements api.Bundles: one visit to a folder of bundles.
func (d *Daemon) Bundles(ctx context.Context, ask api.BundlesAsk) (haul api.Haul, err error) {
	g, err := bp.NewPacking(ask.Options)
	if err != nil {
		return haul, fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	f, err := bp.OpenFiles(ask.Dir, g, d.bundleOptions())
	if err != nil {
		return haul, fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	if ask.Import {
		return d.importBundles(ctx, f)
	}
	o := d.outlet("files "+ask.Dir+" "+g.To.String(), f.Traits())
	d.people.Lock()
	d.settleLocked()
	for d.pack(packBytes) {
	}
	d.people.Unlock()
	var ids []envelope.ID
	var sizes []int64
	haul.Bytes, err = f.Leave(ctx, func() ([]byte, bool) {
		d.courier.Lock()
		defer d.courier.Unlock()
		id, unit, ok := o.Next()
		if ok {
			ids, sizes = append(ids, id), append(sizes, int64(len(unit)))
		}
		return unit, ok
	})
	d.courier.Lock()
	left := haul.Bytes
	for i, id := range ids {
		if left -= sizes[i]; left < 0 {
			break
		}
		haul.Written++
		if o.Landed(id) {
			d.effect(node.Handed{ID: id, Peer: link.Peer{Key: "dtn files"}})
		}
	}
	_, _, _ = o.Next() // settles
	o.Again()
	d.courier.Unlock()
	d.settle()
	return haul, err
}

func (d *Daemon) importBundles(ctx context.Context, f *bp.Files) (haul api.Haul, err error) {
	newest, err := d.newestArrival()
	if err != nil {
		return haul, err
	}
	before := d.keptCount()
	var batch [][]byte
	notes, err := f.Each(ctx, func(u []byte) error {
		if batch = append(batch, u); len(batch) == foundAtOnce {
			d.found(batch)
			batch = nil
		}
		return nil
	})
	d.found(batch)
	d.settle()
	d.changes.bump()
	haul.Read = d.keptCount() - before
	for _, n := range notes {
		haul.Notes = append(haul.Notes, n.Where+": "+n.What)
	}
	if list, listErr := d.chat.Arrived(account.ContactID{}, newest, allLetters); listErr == nil {
		haul.Opened = len(list)
	}
	return haul, err
}
