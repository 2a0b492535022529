package sticks

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jauap/jauap/link/folder"
	"github.com/jauap/jauap/mounts"
)

// Guide is what a Desk needs to know of its device.
type Guide struct {
	Any   bool                                                        // visit unknown sticks, too
	Mine  func(ask []byte) bool                                       // whether an ask is this device's
	Visit func(ctx context.Context, path string) error                // both ways
	Watch func(ctx context.Context, tell func(sticks []string)) error // nil for mounts.Watch
}

// Keep visits sticks as they are plugged in, until ctx ends. Errors: the watch's,
// but not that this system has none.
func (d *Desk) Keep(ctx context.Context, g Guide) error {
	watch := g.Watch
	if watch == nil {
		watch = mounts.Watch
	}
	p := plugged{d: d, g: g, ctx: ctx, there: map[string]context.CancelFunc{}}
	err := watch(ctx, p.now)
	p.now(nil)
	p.visits.Wait()
	if errors.Is(err, mounts.ErrUnsupported) {
		return nil
	}
	return err
}

// plugged are the sticks that are there.
type plugged struct {
	d      *Desk
	g      Guide
	ctx    context.Context
	there  map[string]context.CancelFunc
	visits sync.WaitGroup
}

// now takes the list of sticks.
func (p *plugged) now(paths []string) {
	for path, gone := range p.there {
		if !slices.Contains(paths, path) {
			gone()
			delete(p.there, path)
			p.d.Forget(path)
		}
	}
	for _, path := range paths {
		if p.there[path] != nil {
			continue
		}
		ctx, gone := context.WithCancel(p.ctx)
		p.there[path] = gone
		p.visits.Go(func() { p.in(ctx, path) })
	}
}

// in visits a stick, or asks whether to.
func (p *plugged) in(ctx context.Context, path string) {
	drop, err := folder.Open(path, folder.Options{})
	if err != nil {
		return // it went away again, or is not for us
	}
	_, asks, err := drop.Peek(ctx)
	if err != nil {
		return
	}
	known := slices.ContainsFunc(asks, p.g.Mine)
	if (known || p.g.Any) && p.g.Visit(ctx, path) == nil {
		return
	}
	p.d.mu.Lock()
	if ctx.Err() == nil {
		p.d.appeared = append(p.d.appeared, Stick{Path: path, Known: known})
	}
	p.d.mu.Unlock()
	p.d.Changed()
}

// Follow visits a synchronised folder whenever somebody changed it or newest, the
// number of this device's last unit, grew. It looks as often as every says, until
// ctx ends; outcome hears of each visit's outcome.
func Follow(ctx context.Context, path string, every time.Duration, newest func() uint64, visit func(context.Context, string) error, outcome func(error)) {
	var print, seq uint64
	var look *folder.Folder
	for first := true; ctx.Err() == nil; first = false {
		if !first {
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
			}
		}
		if look == nil {
			var err error
			if look, err = folder.Open(path, folder.Options{}); err != nil { // it may come back
				look = nil
				continue
			}
		}
		held := newest()
		now, err := look.Print(ctx)
		if err != nil || now == print && held == seq {
			continue
		}
		err = visit(ctx, path)
		if ctx.Err() != nil {
			return
		}
		if outcome(err); err == nil {
			// What the visit itself brought makes another one, which finds nothing to do.
			seq, print = held, now
		}
	}
}
