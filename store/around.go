package store

import (
	"errors"
	"io"

	"github.com/jauap/jauap/internal/durable"
)

// Open gives up what cannot be read, for good: what came back later could have been
// let go in the meantime. All that it can read beside that moves to other files.

// maxBlocks is how many blocks that fail one Open looks at one by one.
const maxBlocks = 256

// readable is a place of a file.
type readable struct {
	name string
	off  int64
}

// around reads a file of the shelf past what the disk does not give.
func (l *loader) around(f io.ReaderAt, size int64) *durable.Around {
	return &durable.Around{File: f, Size: size, Left: &l.left, There: func() bool {
		there := l.there()
		if there {
			l.rep.Unread++
		}
		return there
	}}
}

// open opens a log file and reads its head. Not ok: it is lost, and gone.
func (l *loader) open(f *logFile) (h durable.File, log *durable.Around, ok bool, err error) {
	h, err = l.s.handles.get(f)
	if errors.Is(err, durable.ErrUnread) && l.there() {
		l.rep.Unread++
		return nil, nil, false, l.giveUp(f)
	}
	if err != nil {
		return nil, nil, false, err
	}
	log = l.around(h, f.extent)
	ok, err = l.head(f, log)
	return h, log, ok, err
}

// giveUp removes a file of which nothing can be read, if it can be.
func (l *loader) giveUp(f *logFile) error {
	err := l.s.erase(f)
	if errors.Is(err, durable.ErrUnread) {
		delete(l.s.files, f.num)
		return nil
	}
	return err
}

// there says whether the disk answers at all, so that a place is to blame.
func (l *loader) there() bool {
	if l.sound.name != "" && l.reads(l.sound) {
		return true
	}
	for _, f := range l.found {
		for _, off := range []int64{0, f.extent / 2, f.extent - 1} {
			if f.extent > 0 && l.reads(readable{f.name(), off}) {
				return true
			}
		}
		if f.side > 0 && l.reads(readable{f.sideName(), 0}) {
			return true
		}
	}
	if l.s.marks.file > 0 && l.reads(readable{marksName, 0}) {
		return true
	}
	// What little is here may lie on one bad place.
	return l.s.disk <= 16*durable.Block && l.writes()
}

func (l *loader) reads(r readable) bool {
	f, err := l.s.fs.Open(r.name, durable.Read)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [1]byte
	n, _ := f.ReadAt(b[:], r.off)
	if n == 1 {
		l.sound = r
	}
	return n == 1
}

// writes tries it under the name of marks that were never finished.
func (l *loader) writes() bool {
	const name = marksName + ".new"
	f, err := l.s.fs.Open(name, durable.Create)
	if err != nil {
		return false
	}
	if _, err = f.WriteAt(make([]byte, fileHeadSize), 0); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), l.s.fs.Remove(name)) == nil
}

// torn is a file with a bad place: of segments, or of all. A segment is drained
// before any journal, for it may be what the journal cannot write to.
func (s *Shelf) torn(journals bool) (first *logFile) {
	for _, f := range s.files {
		if f.torn && f != s.active && (journals || !f.journal()) && (first == nil || f.num < first.num) {
			first = f
		}
	}
	return first
}

// failed notes that a segment could not be written. Others take what is new, and if it
// is the place's fault they take over what is live in it.
func (s *Shelf) failed(f *logFile, err error) {
	if errors.Is(err, durable.ErrNoSpace) || errors.Is(err, durable.ErrClosed) {
		return
	}
	if s.targets[f.day] == f {
		delete(s.targets, f.day)
	}
	if f.fails++; f.fails < maxTries {
		return
	}
	if f.torn = s.there(f); f.torn {
		s.job = nil
	}
}
