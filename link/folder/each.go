package folder

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jauap/jauap/link"
)

// errLimit ends a walk early without being a failure.
var errLimit = errors.New("folder: limit of the walk")

// Each implements link.Drop: it calls take with every good unit in the folder
// and its subfolders, in no particular order and copies included. A unit given
// belongs to take. What could not be used becomes a note: at most 64 and one
// that counts the rest; all files of others share one, a limit reached has its own. Errors: ErrNoFolder, that
// of ctx or take, or that the folder itself cannot be listed.
func (f *Folder) Each(ctx context.Context, take func(unit []byte) error) ([]link.Note, error) {
	d, err := f.enter()
	if err != nil {
		return nil, err
	}
	defer d.Close()
	w := &walk{f: f, d: d, ctx: ctx, take: take, packs: map[saltOf]*foundPack{}, sets: map[setID][]foundSpare{}}
	if f.o.Progress != nil {
		left := f.o.MaxFiles
		w.total = w.ahead(".", 0, &left)
	}
	err = w.dir(".", 0)
	if err == nil {
		err = w.mend()
	}
	w.newestAsks()
	f.mu.Lock()
	f.asks, f.stale = w.asks, w.stale
	f.mu.Unlock()
	if errors.Is(err, errLimit) {
		err = nil
	}
	return w.summary(), err
}

// walk is one call of Each.
type walk struct {
	f       *Folder
	d       disk
	ctx     context.Context
	take    func([]byte) error
	buf     []byte // one pack
	files   int    // entries seen
	bytes   int64  // bytes read
	total   int64  // expected
	foreign int
	notes   []link.Note
	hushed  int    // notes beyond the limit
	limit   string // why the walk ended early, if it did

	packs  map[saltOf]*foundPack
	sets   map[setID][]foundSpare
	odd    []oddFile // foreign by their heads, ours by their names
	marked []*foundPack
	asks   []foundAsk
	stale  []foundAsk // too many

	peek bool // only asks are read
	ours bool // a file of ours was seen
}

func (w *walk) note(where, format string, args ...any) {
	if len(w.notes) == maxNotes {
		w.hushed++
		return
	}
	w.notes = append(w.notes, link.Note{Where: show(where), What: fmt.Sprintf(format, args...)})
}

func (w *walk) summary() []link.Note {
	if w.foreign > 0 {
		w.notes = append(w.notes, link.Note{Where: show(w.f.path),
			What: fmt.Sprintf("%d files or folders of others were left alone", w.foreign)})
	}
	if w.limit != "" {
		w.notes = append(w.notes, link.Note{Where: show(w.f.path), What: w.limit})
	}
	if w.hushed > 0 {
		w.notes = append(w.notes, link.Note{Where: show(w.f.path),
			What: fmt.Sprintf("%d more things could not be read", w.hushed)})
	}
	return w.notes
}

// dir walks one folder. Its error ends the whole walk.
func (w *walk) dir(dir string, depth int) error {
	stop := error(nil)
	err := w.d.List(dir, func(entries []fs.DirEntry) error {
		for _, e := range entries {
			if stop = w.entry(filepath.Join(dir, e.Name()), e, depth); stop != nil {
				return stop
			}
		}
		return nil
	})
	if stop != nil {
		return stop
	}
	if err != nil && depth == 0 {
		return fmt.Errorf("folder: list: %w", err)
	}
	if err != nil {
		w.note(dir, "folder cannot be read: %v", cause(err))
	}
	return nil
}

func (w *walk) entry(name string, e fs.DirEntry, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.files++; w.files > w.f.o.MaxFiles {
		w.limit = fmt.Sprintf("more than %d files: the rest was not looked at", w.f.o.MaxFiles)
		return errLimit
	}
	switch t := e.Type(); {
	case w.peeked(e):
	case t.IsRegular() && unfinished(e.Name()):
		w.foreign++
	case t.IsRegular():
		return w.file(name)
	case t.IsDir() && private(e.Name()):
		w.foreign++
	case t.IsDir() && depth == maxDepth:
		w.note(name, "folders are nested more than %d deep: not looked into", maxDepth)
	case t.IsDir():
		return w.dir(name, depth+1)
	case t&fs.ModeSymlink != 0:
		w.note(name, "a symbolic link: not followed")
	default:
		w.note(name, "a %s: not opened", kind(t))
	}
	return nil
}

// private tells folders that systems keep for themselves: waste bins, indexes.
func private(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "$") || name == "System Volume Information"
}

func kind(t fs.FileMode) string {
	switch {
	case t&fs.ModeNamedPipe != 0:
		return "named pipe"
	case t&fs.ModeSocket != 0:
		return "socket"
	case t&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

// file reads one regular file when it is a pack.
func (w *walk) file(name string) error {
	before, err := w.d.Lstat(name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // another writer has renamed it meanwhile
			w.note(name, "cannot be read: %v", cause(err))
		}
		return nil
	}
	if before.Size() < headSize {
		w.foreign++
		return nil
	}
	f, info := w.open(name, before)
	if f == nil {
		return nil
	}
	defer f.Close()
	var head [headSize]byte
	n, err := io.ReadFull(f, head[:])
	w.bytes += int64(n)
	if err != nil {
		w.note(name, "cannot be read: %v", cause(err))
		return nil
	}
	version, ok := isPack(head[:])
	switch {
	case !ok && w.peek:
		return nil
	case !ok:
		w.foreign++
		w.strange(name, info.Size())
		return nil
	case w.peek && version != askVersion:
		w.ours = true
		return nil
	case version == packVersion:
		return w.pack(name, f, head[:], info)
	case version == spareVersion:
		return w.spare(name, f, head[:], info)
	case version == askVersion:
		return w.ask(name, f, info)
	}
	w.note(name, "was written by another version of Jauap (pack version %d): update Jauap to read it", version)
	return nil
}

// open opens a regular file that was looked at before; nil with a note when that
// cannot be.
func (w *walk) open(name string, before fs.FileInfo) (file, fs.FileInfo) {
	f, err := w.d.Open(name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			w.note(name, "cannot be read: %v", cause(err))
		}
		return nil, nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || !os.SameFile(before, info) {
		_ = f.Close()
		w.note(name, "was exchanged while it was opened: left alone")
		return nil, nil
	}
	return f, info
}

// pack reads a file whose head is a pack's.
func (w *walk) pack(name string, f io.Reader, head []byte, info fs.FileInfo) error {
	size := min(info.Size(), MaxPack)
	if w.bytes+size > w.f.o.MaxBytes {
		w.limit = fmt.Sprintf("more than %d bytes to read: the rest was not looked at", w.f.o.MaxBytes)
		return errLimit
	}
	if info.Size() > MaxPack {
		w.note(name, "too large for a pack: only its first %d bytes were read", MaxPack)
	}
	if int64(cap(w.buf)) < size {
		w.buf = make([]byte, size)
	}
	w.buf = w.buf[:size]
	copy(w.buf, head)
	n, rerr := io.ReadFull(f, w.buf[headSize:])
	w.bytes += int64(n)
	w.f.tell(Reading, w.bytes, w.total)

	found := &foundPack{name: name, knownPack: knownPack{size: info.Size(), time: info.ModTime()}}
	v, err := w.units(w.buf[:headSize+n], &found.knownPack)
	switch {
	case err != nil:
		return err
	case rerr != nil:
		found.trouble = fmt.Sprintf("could be read only in part (%v); %d whole units were read", cause(rerr), v.units)
	case !v.whole:
		found.trouble = v.String()
	}
	if salt := saltOf(head); w.packs[salt] == nil || w.packs[salt].trouble != "" {
		if old := w.packs[salt]; old != nil {
			w.marked = append(w.marked, old)
		}
		w.packs[salt] = found
	} else {
		w.marked = append(w.marked, found)
	}
	return nil
}

// units takes the units of a pack, and fills in what is known of them then.
func (w *walk) units(b []byte, known *knownPack) (verdict, error) {
	known.useless = w.f.o.Keep != nil
	return readPack(b, func(unit []byte) error {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		known.units = append(known.units, maphash.Bytes(w.f.seed, unit))
		if known.useless && w.f.o.Keep(unit) {
			known.useless = false
		}
		return w.take(unit)
	})
}

// cause is an error without the name that stands beside it anyway.
func cause(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
