package folder

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

const (
	packSuffix = ".DAT"
	tempSuffix = ".TMP"
	nameSize   = 8
	letters    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

	firstPack  = 256 << 10       // what matters most is safe soonest; spec/folder.md, 3
	smallPack  = 16 << 10        // packs of a small visit
	coarseTime = 2 * time.Second // FAT rounds times, and only when they leave the memory
	fewPacks   = 16              // packs of a visit that is not small, at least
	writeStep  = 256 << 10       // bytes between two looks at the context
)

// Leave implements link.Drop: it writes the units that next answers, in that
// order, as packs. Units that this Folder has read or written here before are not
// written twice. The units given first, up to the total length that Leave answers,
// are on stable storage, also when there is an error. Errors: ErrFull, ErrReadOnly,
// ErrUnit, ErrNoFolder, that of ctx. What lay there before is untouched then, and
// no half-written file stays as long as the stick can still be written.
func (f *Folder) Leave(ctx context.Context, next func() (unit []byte, ok bool)) (int64, error) {
	return f.LeaveAbout(ctx, 0, next)
}

// LeaveAbout is Leave for units of about total bytes, those that lie there already
// included; 0 when nobody knows. It chooses sizes of packs by it, so that spare
// files take less room.
func (f *Folder) LeaveAbout(ctx context.Context, total int64, next func() (unit []byte, ok bool)) (int64, error) {
	d, err := f.enter()
	if err != nil {
		return 0, err
	}
	defer d.Close()
	w := &writer{f: f, d: d, ctx: ctx, pack: newPacker()}
	var held int64
	w.there, held = f.check(d)
	if total > 0 {
		w.total = max(total-held, 1)
		if free, _, ok := w.room(); ok {
			w.total = min(w.total, free/4*3)
		}
	}
	w.limit = min(firstPack, w.largest())
	for err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		unit, ok := next()
		if !ok {
			err = w.flush()
			break
		}
		err = w.add(unit)
	}
	if err == nil || errors.Is(err, ErrFull) {
		if perr := w.protect(); err == nil || errors.Is(perr, ErrRotten) {
			err = perr
		}
	}
	if errors.Is(err, errRoom) {
		err = nil
	}
	return w.done, err
}

// largest is how large the next pack may become: a small share of all, so that no
// pack alone is more than the spare files can replace without being many.
func (w *writer) largest() int {
	if w.total > 0 {
		return int(max(smallPack, min(w.total/fewPacks, MaxPack)))
	}
	return int(max(firstPack, min(w.bytes/fewPacks, MaxPack)))
}

// check removes known packs that nobody needs and answers the hashes of units in
// those that are still there unchanged. A stick that was exchanged for another
// has none of their random names.
// held are the bytes of the packs.
func (f *Folder) check(d disk) (there map[uint64]bool, held int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	there = make(map[uint64]bool)
	for name, p := range f.known {
		info, err := d.Lstat(name)
		same := err == nil && info.Mode().IsRegular() && info.Size() == p.size && info.ModTime().Sub(p.time).Abs() < coarseTime
		if same && p.useless {
			same = d.Remove(name) != nil
		}
		if !same {
			f.forget(name)
			continue
		}
		for _, h := range p.units {
			there[h] = true
		}
		if len(p.units) > 0 {
			held += p.size
		}
	}
	return there, held
}

// Holds says whether a unit lies in a whole pack that this Folder has read or
// written, and that is still there: Leave would not write it again. The answer
// is of the moment when Holds was called.
func (f *Folder) Holds() (func(unit []byte) bool, error) {
	d, err := f.enter()
	if err != nil {
		return nil, err
	}
	defer d.Close()
	there, _ := f.check(d)
	return func(unit []byte) bool { return there[maphash.Bytes(f.seed, unit)] }, nil
}

// writer is one call of Leave.
type writer struct {
	f     *Folder
	d     disk
	ctx   context.Context
	there map[uint64]bool // hashes of units that need not be written
	limit int             // bytes of the pack being gathered
	pack  *packer
	gains []int64 // per unit in pack: how far its being stored brings done
	extra int64   // length of units since the last one in pack that were there already
	done  int64
	total int64 // expected, 0 when nobody knows
	bytes int64 // of files written

	set []written // packs that have no spare files yet

	dir  string // where packs go, "" when not chosen yet
	free int    // entries that dir can still take
}

func (w *writer) add(unit []byte) error {
	if len(unit) == 0 || len(unit) > MaxUnit {
		if err := w.flush(); err != nil {
			return err
		}
		return fmt.Errorf("%w: not %d", ErrUnit, len(unit))
	}
	h := maphash.Bytes(w.f.seed, unit)
	if w.there[h] {
		w.extra += int64(len(unit))
		return nil
	}
	if w.pack.size(len(unit)) > w.limit && len(w.gains) > 0 {
		if err := w.flush(); err != nil {
			return err
		}
		w.limit = min(4*w.limit, w.largest())
	}
	w.pack.add(unit)
	w.gains = append(w.gains, w.extra+int64(len(unit)))
	w.extra = 0
	if len(w.there) < maxKnown {
		w.there[h] = true
	}
	return nil
}

// flush brings what was gathered to stable storage.
func (w *writer) flush() error {
	if len(w.gains) > 0 {
		if err := w.store(w.pack, w.gains); err != nil {
			return err
		}
	}
	w.pack, w.gains = newPacker(), nil
	w.done += w.extra
	w.extra = 0
	return nil
}

// store writes a pack; when the stick is full, its first half, and so on, so
// that the last free space is used and what matters most goes first.
func (w *writer) store(p *packer, gains []int64) error {
	err := w.write(p)
	if err == nil {
		for _, g := range gains {
			w.done += g
		}
		return nil
	}
	if !errors.Is(err, ErrFull) || len(gains) == 1 {
		return err
	}
	half := len(gains) / 2
	for _, part := range [][2]int{{0, half}, {half, len(gains)}} {
		q := newPacker()
		for i := part[0]; i < part[1]; i++ {
			q.add(p.unit(i))
		}
		if err := w.store(q, gains[part[0]:part[1]]); err != nil {
			return err
		}
	}
	return nil
}

// write brings one pack to stable storage under a fresh name.
func (w *writer) write(p *packer) error {
	if len(w.set) == setPacks {
		if err := w.protect(); err != nil {
			return err
		}
	}
	b := p.file()
	if err := w.fits(len(b)); err != nil {
		return err
	}
	final, err := w.put(b)
	if err != nil {
		return err
	}
	w.note(b, final)
	w.bytes += int64(len(b))
	w.f.tell(Writing, w.bytes, w.total)
	if info, err := w.d.Lstat(final); err == nil {
		known := knownPack{size: info.Size(), time: info.ModTime()}
		for i := range p.marks {
			known.units = append(known.units, maphash.Bytes(w.f.seed, p.unit(i)))
		}
		w.f.remember(final, known)
	}
	return nil
}

// put brings a file to stable storage under a fresh name, which it answers.
func (w *writer) put(b []byte) (name string, err error) {
	dir, err := w.choose()
	if err != nil {
		return "", explain(err)
	}
	f, stem, err := w.create(dir)
	if err != nil {
		return "", explain(err)
	}
	err = w.fill(f, b)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	name = stem + packSuffix
	if err == nil {
		err = w.d.Rename(stem+tempSuffix, name)
	}
	if err != nil {
		_ = w.d.Remove(stem + tempSuffix) // best effort: the stick may be gone
		if w.ctx.Err() != nil {
			return "", w.ctx.Err()
		}
		return "", explain(err)
	}
	if err := w.d.SyncDir(dir); err != nil {
		return "", explain(err)
	}
	w.free--
	return name, nil
}

// note adds a pack to the set that spare files will protect; b is its file.
func (w *writer) note(b []byte, name string) {
	k := setPack{salt: saltOf(b), size: len(b), sum: sha256.Sum256(b)}
	w.set = append(w.set, written{setPack: k, name: name, before: w.done})
}

// errRoom is a full stick that is not full: no more may be written.
var errRoom = fmt.Errorf("%w: no more was allowed", ErrFull)

// room is how much can still be written, and in what steps.
func (w *writer) room() (free, step int64, ok bool) {
	free, step, ok = w.d.Free()
	if most := w.f.o.MaxWrite; most > 0 {
		if own := max(most-w.bytes, 0); !ok || own < free {
			return own, 1, true
		}
	}
	return free, step, ok
}

// fits says whether there is room for a pack of size bytes, and then for the spare
// files of its set: ErrFull otherwise.
func (w *writer) fits(size int) error {
	free, step, ok := w.room()
	if !ok {
		return nil // the system will say
	}
	p := plan{}
	for _, k := range w.set {
		p.packs = append(p.packs, k.setPack)
	}
	p.packs = append(p.packs, setPack{size: size})
	p.spares = make([]saltOf, sparesFor(len(p.packs)))
	p.layOut()
	one := int64(p.size()+maxPadding) + step
	if int64(size)+step+int64(len(p.spares))*one <= free {
		return nil
	}
	if step == 1 {
		return errRoom
	}
	return ErrFull
}

// fill writes b to f and flushes it to the medium.
func (w *writer) fill(f file, b []byte) error {
	for len(b) > 0 {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		n := min(len(b), writeStep)
		if _, err := f.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return f.Sync()
}

// create makes a temporary file under a name that neither it nor its pack
// shares with anything; stem is the name without its suffix.
func (w *writer) create(dir string) (f file, stem string, err error) {
	for range 8 {
		stem = filepath.Join(dir, randomName())
		if _, err = w.d.Lstat(stem + packSuffix); err == nil {
			continue
		}
		if f, err = w.d.Create(stem + tempSuffix); err == nil || !errors.Is(err, fs.ErrExist) {
			return f, stem, err
		}
	}
	return nil, "", fmt.Errorf("no free name: %w", fs.ErrExist)
}

// randomName has 40 bits and is valid on FAT without long names.
func randomName() string {
	b := make([]byte, nameSize)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	return string(b)
}

// ourName tells subfolders that may be ours.
func ourName(s string) bool {
	return len(s) == nameSize && strings.Trim(s, letters) == ""
}

// errEnough ends a listing early.
var errEnough = errors.New("folder: seen enough")

// choose answers the folder for the next pack: the top one while it has fewer
// than perFolder entries, then a subfolder that has, then a new one.
func (w *writer) choose() (string, error) {
	if w.dir != "" && w.free > 0 {
		return w.dir, nil
	}
	var subs []string
	n, err := w.count(".", func(e fs.DirEntry) {
		if e.IsDir() && ourName(e.Name()) {
			subs = append(subs, e.Name())
		}
	})
	if err != nil {
		return "", err
	}
	if n < perFolder {
		w.dir, w.free = ".", perFolder-n
		return w.dir, nil
	}
	for _, sub := range subs {
		if n, err := w.count(sub, func(fs.DirEntry) {}); err == nil && n < perFolder {
			w.dir, w.free = sub, perFolder-n
			return w.dir, nil
		}
	}
	sub := randomName()
	if err := w.d.Mkdir(sub); err != nil {
		return "", err
	}
	if err := w.d.SyncDir("."); err != nil {
		return "", err
	}
	w.dir, w.free = sub, perFolder
	return w.dir, nil
}

// count is the number of entries in dir, as far as a walk would look.
func (w *writer) count(dir string, see func(fs.DirEntry)) (int, error) {
	n := 0
	err := w.d.List(dir, func(entries []fs.DirEntry) error {
		for _, e := range entries {
			see(e)
		}
		if n += len(entries); n > w.f.o.MaxFiles {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return n, err
}
