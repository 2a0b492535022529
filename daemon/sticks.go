package daemon

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jauap/jauap/link/folder"
	"github.com/jauap/jauap/web/api"
)

// sticks is the visit that is under way, and what waits for a word.
type sticks struct {
	one sync.Mutex // held by the visit; taken before people

	mu       sync.Mutex
	visit    *api.Visit
	began    time.Time // the visit's phase
	told     time.Time
	appeared []api.Stick
}

// tellEvery is how often a page hears of progress.
const tellEvery = time.Second

var phases = [...]string{folder.Reading: "reading", folder.Restoring: "restoring", folder.Writing: "writing", folder.Protecting: "protecting"}

// progressOf keeps what a visit tells of itself.
func (d *Daemon) progressOf(path string) func(folder.Progress) {
	return func(p folder.Progress) {
		s := &d.sticks
		s.mu.Lock()
		defer s.mu.Unlock()
		now := d.opts.Now()
		v := &api.Visit{Path: path, Phase: phases[p.Phase], Done: p.Done, Total: p.Total}
		if s.visit == nil || s.visit.Phase != v.Phase {
			s.began = now
		}
		if spent := now.Sub(s.began); spent > 0 && p.Done > 0 && p.Total > p.Done {
			v.Seconds = int((spent.Seconds()*float64(p.Total-p.Done))/float64(p.Done)) + 1
		}
		s.visit = v
		if now.Sub(s.told) >= tellEvery || now.Before(s.told) {
			s.told = now
			d.changes.bump()
		}
	}
}

// endVisit forgets a visit, and that its stick waits for a word.
func (d *Daemon) endVisit(path string) {
	s := &d.sticks
	s.mu.Lock()
	s.visit = nil
	s.mu.Unlock()
	d.forgetStick(path)
	d.changes.bump()
}

func (d *Daemon) forgetStick(path string) {
	s := &d.sticks
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appeared = slices.DeleteFunc(slices.Clone(s.appeared), func(a api.Stick) bool { return a.Path == path })
}

// Sticks implements api.Carriers.
func (d *Daemon) Sticks(context.Context) (api.Sticks, error) {
	s := &d.sticks
	s.mu.Lock()
	defer s.mu.Unlock()
	list := api.Sticks{Appeared: slices.Clone(s.appeared)}
	if s.visit != nil {
		v := *s.visit
		list.Visit = &v
	}
	return list, nil
}

// IgnoreStick implements api.Carriers.
func (d *Daemon) IgnoreStick(ctx context.Context, ask api.StickAsk) (api.Sticks, error) {
	d.forgetStick(ask.Path)
	d.changes.bump()
	return d.Sticks(ctx)
}
