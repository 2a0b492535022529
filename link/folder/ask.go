package folder

import (
	"cmp"
	"context"
	"io/fs"
	"sort"
	"strings"
	"time"
)

// Limits of asks, the notes in which a visitor says what it holds. spec/folder.md, 5.
const (
	askVersion = 3
	MaxAsk     = 64 << 10 // bytes of one
	maxAsks    = 8        // on one stick
)

// foundAsk is an ask that a walk came across.
type foundAsk struct {
	name string
	time time.Time
	data []byte
}

// ask reads an ask.
func (w *walk) ask(name string, f file, info fs.FileInfo) error {
	b := w.read(f, min(info.Size(), headSize+recordHead+MaxAsk))
	if b == nil {
		return errLimit
	}
	_, err := readPack(b, func(u []byte) error {
		w.asks = append(w.asks, foundAsk{name, info.ModTime(), u})
		return errEnough
	})
	if err == nil {
		w.note(name, "what somebody asks for cannot be read any more")
	}
	if len(w.asks) > 2*maxAsks {
		w.newestAsks()
	}
	return nil
}

// newestAsks forgets all but the newest asks.
func (w *walk) newestAsks() {
	sort.SliceStable(w.asks, func(i, j int) bool {
		a, b := &w.asks[i], &w.asks[j]
		return cmp.Or(b.time.Compare(a.time), cmp.Compare(a.name, b.name)) < 0
	})
	w.stale = append(w.stale, w.asks[min(len(w.asks), maxAsks):]...)
	w.asks = w.asks[:min(len(w.asks), maxAsks)]
}

// Asks are the asks that the last Each found, newest first and at most eight.
func (f *Folder) Asks() (list [][]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.asks {
		list = append(list, a.data)
	}
	return list
}

// Ask leaves an ask, of at most MaxAsk bytes, in place of those that Each found
// and old says to be out of date; asks beyond the eight newest go, too. Errors: as
// Leave.
func (f *Folder) Ask(ctx context.Context, ask []byte, old func(ask []byte) bool) error {
	d, err := f.enter()
	if err != nil {
		return err
	}
	defer d.Close()
	w := &writer{f: f, d: d, ctx: ctx}
	p := newPacker()
	p.buf[saltSize+markSize] = askVersion
	p.add(ask)
	if _, err := w.put(p.file()); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	gone := f.stale
	for _, a := range f.asks {
		if old(a.data) {
			gone = append(gone, a)
		}
	}
	for _, a := range gone {
		if info, err := d.Lstat(a.name); err == nil && info.Mode().IsRegular() && strings.HasSuffix(a.name, packSuffix) {
			_ = d.Remove(a.name) // it may stay: others take the newest
		}
	}
	f.asks, f.stale = nil, nil
	return nil
}
