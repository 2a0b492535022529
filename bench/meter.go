package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jauap/jauap/daemon"
	"github.com/jauap/jauap/web/api"
)

// meter looks at what both ends can read, while the link is open.
type meter struct {
	far, near end
	open      time.Duration // of earlier windows
}

// end is one person and what they can read so far.
type end struct {
	node           *daemon.Daemon
	want           int // texts
	wantFiles      int
	texts          int
	photos, videos int
	after          string              // the last arrival looked at
	partial        map[string]struct{} // files that are not whole
	first, all     *float64
	everything     *float64
	each           []*float64 // the first text of each window, since it opened
}

// Names of what is sent, so that both kinds can be told apart.
const (
	textName  = "text"
	photoName = "photo.jpg"
	videoName = "video.mp4"
)

func (m *meter) load(o WindowOptions, p *pair) {
	m.far = end{node: p.node[1], want: o.Texts, wantFiles: o.Photos + o.Videos, partial: map[string]struct{}{}, after: p.seen[1]}
	m.near = end{node: p.node[0], want: o.Texts, partial: map[string]struct{}{}, after: p.seen[0]}
}

func (m *meter) whole() bool { return m.far.everything != nil && m.near.everything != nil }

func (m *meter) payload() int64 {
	f := &m.far
	return int64(f.texts)*textBytes + int64(f.photos)*photoBytes + int64(f.videos)*videoBytes
}

// another waits until both ends know that the link is gone, and lets each write one more
// text, so that something is to be the first in the next window.
func (m *meter) another(ctx context.Context, p *pair) error {
	if err := p.apart(ctx); err != nil {
		return err
	}
	for side, to := range []*end{&m.far, &m.near} {
		text := fmt.Sprintf("%s %s more %d ", textName, people[side], len(to.each))
		text += strings.Repeat("n", textBytes-len(text))
		if err := p.send(ctx, side, text, "", 0, nil); err != nil {
			return err
		}
		to.want++
		to.everything = nil
	}
	return nil
}

// watch looks until the window ends or everything is there.
func (m *meter) watch(ctx context.Context, up time.Duration) error {
	begin := time.Now()
	for _, e := range []*end{&m.far, &m.near} {
		e.each = append(e.each, nil)
	}
	all, cancel := context.WithTimeout(ctx, up)
	defer cancel()
	var work sync.WaitGroup
	errs := make([]error, 2)
	for i, e := range []*end{&m.far, &m.near} {
		work.Go(func() {
			errs[i] = e.watch(all, func() float64 { return (m.open + time.Since(begin)).Seconds() }, m.open)
		})
	}
	work.Wait()
	if time.Since(begin) < up && !m.whole() && ctx.Err() == nil {
		if err := errors1(errs); err != nil {
			return err
		}
	}
	m.open += min(time.Since(begin), up)
	return ctx.Err()
}

func errors1(errs []error) error {
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

// lookEach bounds how often one end is read: looking must not be what takes time.
const lookEach = 5 * time.Millisecond

func (e *end) watch(ctx context.Context, now func() float64, before time.Duration) error {
	seen := uint64(0)
	for e.everything == nil {
		n, err := e.node.Wait(ctx, seen)
		if err != nil {
			return nil // the window is over
		}
		seen = n
		texts := e.texts
		if err := e.look(ctx, now); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if last := len(e.each) - 1; e.texts > texts && e.each[last] == nil {
			t := now() - before.Seconds()
			e.each[last] = &t
		}
		if sleep(ctx, lookEach) != nil {
			return nil
		}
	}
	return nil
}

// look reads what is new, as `jauap read` would.
func (e *end) look(ctx context.Context, now func() float64) error {
	list, err := e.node.Read(ctx, api.ReadAsk{After: e.after, Keep: true})
	if err != nil {
		return err
	}
	t := now()
	for _, l := range list {
		e.after = l.ID
		if len(l.Attachments) > 0 {
			for _, f := range l.Attachments {
				e.partial[f.ID] = struct{}{}
			}
		} else if strings.HasPrefix(l.Text, textName) && len(l.Text) == textBytes {
			e.texts++
		}
	}
	if e.texts > 0 && e.first == nil {
		e.first = &t
	}
	if e.texts >= e.want && e.all == nil {
		e.all = &t
	}
	if err := e.files(ctx); err != nil {
		return err
	}
	if e.texts >= e.want && e.photos+e.videos >= e.wantFiles && e.everything == nil {
		t := now()
		e.everything = &t
	}
	return nil
}

// files looks at the letters whose attachments were not whole.
func (e *end) files(ctx context.Context) error {
	for id := range e.partial {
		f, r, err := e.node.Attachment(ctx, id)
		if err != nil {
			continue // not whole yet
		}
		r.Close()
		if f.Have < f.Bytes {
			continue
		}
		delete(e.partial, id)
		switch f.Name {
		case photoName:
			e.photos++
		case videoName:
			e.videos++
		default:
			return fmt.Errorf("bench: a file named %q arrived", f.Name)
		}
	}
	return nil
}

// medianWindow takes the median of each figure by itself.
func medianWindow(runs []Window) Window {
	w := runs[0]
	w.Share = median(collect(runs, func(w Window) float64 { return w.Share }))
	w.Waste = median(collect(runs, func(w Window) float64 { return w.Waste }))
	w.Twice = median(collect(runs, func(w Window) float64 { return w.Twice }))
	w.Ratio = median(collect(runs, func(w Window) float64 { return w.Ratio }))
	w.Limit = median(collect(runs, func(w Window) float64 { return w.Limit }))
	w.Payload = int64(median(collect(runs, func(w Window) float64 { return float64(w.Payload) })))
	w.Texts = int(median(collect(runs, func(w Window) float64 { return float64(w.Texts) })))
	w.Photos = int(median(collect(runs, func(w Window) float64 { return float64(w.Photos) })))
	w.Videos = int(median(collect(runs, func(w Window) float64 { return float64(w.Videos) })))
	for i := range w.Wire {
		w.Wire[i] = int64(median(collect(runs, func(w Window) float64 { return float64(w.Wire[i]) })))
	}
	for _, f := range []func(*Window) **float64{
		func(w *Window) **float64 { return &w.FirstText }, func(w *Window) **float64 { return &w.AllTexts },
		func(w *Window) **float64 { return &w.FirstBack }, func(w *Window) **float64 { return &w.AllTextsBack },
		func(w *Window) **float64 { return &w.Everything },
	} {
		*f(&w) = medianTime(runs, f)
	}
	w.FirstEach = make([]*float64, len(runs[0].FirstEach))
	for i := range w.FirstEach {
		w.FirstEach[i] = medianTime(runs, func(w *Window) **float64 {
			if i >= len(w.FirstEach) {
				return new(*float64) // everything was there before
			}
			return &w.FirstEach[i]
		})
	}
	return w
}

func collect(runs []Window, f func(Window) float64) (v []float64) {
	for _, r := range runs {
		v = append(v, f(r))
	}
	return v
}

// medianTime counts a time that was not reached as later than all others.
func medianTime(runs []Window, f func(*Window) **float64) *float64 {
	var v []float64
	for i := range runs {
		if t := *f(&runs[i]); t != nil {
			v = append(v, *t)
		}
	}
	if slices.Sort(v); len(v) <= len(runs)/2 {
		return nil
	}
	return &v[len(runs)/2]
}
