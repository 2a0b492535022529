package daemon

import (
	"context"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/link/folder"
	"github.com/jauap/jauap/sticks"
	"github.com/jauap/jauap/web/api"
)

// folderEvery is how often a synchronised folder is looked at.
const folderEvery = 20 * time.Second

// Sticks implements api.Carriers.
func (d *Daemon) Sticks(context.Context) (api.Sticks, error) {
	visit, appeared := d.sticks.State()
	var list api.Sticks
	for _, s := range appeared {
		list.Appeared = append(list.Appeared, api.Stick{Path: s.Path, Known: s.Known})
	}
	if v := visit; v != nil {
		phase := map[folder.Phase]string{folder.Reading: "reading", folder.Restoring: "restoring", folder.Writing: "writing", folder.Protecting: "protecting"}[v.Phase]
		list.Visit = &api.Visit{Path: v.Path, Phase: phase, Done: v.Done, Total: v.Total, Seconds: int((v.Left + time.Second - 1) / time.Second)}
	}
	return list, nil
}

// IgnoreStick implements api.Carriers.
func (d *Daemon) IgnoreStick(ctx context.Context, ask api.StickAsk) (api.Sticks, error) {
	d.sticks.Forget(ask.Path)
	return d.Sticks(ctx)
}

// visit is Carry without an answer.
func (d *Daemon) visit(ctx context.Context, path string) error {
	_, err := d.Carry(ctx, api.CarryAsk{Path: path})
	if err != nil && ctx.Err() == nil {
		d.log.Warn("a stick or folder could not be visited", "why", err)
	}
	return err
}

// startSticks watches what is plugged in, and folders that others synchronise.
func (d *Daemon) startSticks() {
	for _, path := range d.opts.Config.Folders {
		d.spawn(func() { d.keepFolder(path, folderEvery) })
	}
	if d.opts.Config.Sticks == config.SticksOff {
		return
	}
	d.spawn(func() {
		err := d.sticks.Keep(d.ctx, sticks.Guide{Any: d.opts.Config.Sticks == config.SticksAny, Mine: d.myAsk, Visit: d.visit, Watch: d.opts.Plugged})
		if err != nil {
			d.log.Warn("sticks are not noticed", "why", err)
		}
	})
}

func (d *Daemon) keepFolder(path string, every time.Duration) {
	sticks.Follow(d.ctx, path, every, d.newest(), d.visit, func(err error) {
		why := ""
		if err != nil {
			why = "the folder " + path + ": " + err.Error()
		}
		d.setTrouble("folder "+path, why)
	})
}

// newest packs what waits and tells the number of the unit that came last to the
// shelf.
func (d *Daemon) newest() func() uint64 {
	seq := uint64(0)
	return func() uint64 {
		d.people.Lock()
		d.settleLocked()
		for d.pack(packBytes) {
		}
		d.people.Unlock()
		d.courier.Lock()
		defer d.courier.Unlock()
		for page := d.shelf.Since(seq, 1024); len(page) > 0; page = d.shelf.Since(seq, 1024) {
			seq = page[len(page)-1].Seq
		}
		return seq
	}
}
