package store

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// logFile is a file of records: a journal or a segment.
type logFile struct {
	fileHead
	size   int64 // valid bytes, all on stable storage
	extent int64 // bytes on disk: more than size after a write that failed
	live   int64 // bytes of records of units that are here

	side     int64 // bytes of the sidecar
	sideLost bool  // the sidecar is not continued
	torn     bool  // a place in it is bad: what is live moves, then it goes
	fails    int   // writes that failed, one after the other

	handle durable.File
	used   uint64 // when last, for closing the least used

	// Of journals:
	puts   []place // where its units stand
	graves []grave // the units in segments that its drops speak of
	marks  bool    // it holds marks
}

// place is a unit as it stood somewhere; it is void once the unit moved.
type place struct{ slot, off uint32 }

// grave is a dead record in a segment.
type grave struct{ file, off uint32 }

func (f *logFile) journal() bool { return f.kind == journalFile }

// dead are the bytes that a move of what is live would give back.
func (f *logFile) dead() int64 { return f.extent - fileHeadSize - f.live }

func (f *logFile) name() string {
	if f.journal() {
		return fmt.Sprintf("log-%08x", f.num)
	}
	return fmt.Sprintf("day-%04x-%08x", uint16(f.day), f.num)
}

func (f *logFile) sideName() string { return f.name() + ".idx" }

const (
	lockName  = "lock"
	marksName = "marks"
)

// parseName reads the name of a log file or of its sidecar.
func parseName(name string) (f logFile, side, ok bool) {
	rest, side := strings.CutSuffix(name, ".idx")
	if num, ok := strings.CutPrefix(rest, "log-"); ok {
		f.kind, rest = journalFile, num
	} else if day, ok := strings.CutPrefix(rest, "day-"); ok {
		day, num, _ := strings.Cut(day, "-")
		n, err := strconv.ParseUint(day, 16, 16)
		if err != nil {
			return f, side, false
		}
		f.kind, f.day, rest = dayFile, envelope.Day(n), num
	}
	n, err := strconv.ParseUint(rest, 16, 32)
	f.num = uint32(n)
	return f, side, err == nil && (f.name() == name || f.sideName() == name)
}

func newSalt() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint32(b[:])
}

// maxHandles is how many segments are open at once. Some systems allow a
// process only 256 files.
const maxHandles = 128

// handles keeps the files used last open.
type handles struct {
	fs    durable.FS
	open  []*logFile
	clock uint64
}

// get opens the file unless it is open.
func (h *handles) get(f *logFile) (durable.File, error) {
	h.clock++
	f.used = h.clock
	if f.handle != nil {
		return f.handle, nil
	}
	file, err := h.fs.Open(f.name(), durable.Write)
	if err != nil {
		return nil, fmt.Errorf("store: open a segment: %w", err)
	}
	h.keep(f, file)
	return file, nil
}

// keep notes an open file and closes the least used beyond the limit.
func (h *handles) keep(f *logFile, file durable.File) {
	if len(h.open) >= maxHandles {
		h.close(slices.MinFunc(h.open, func(a, b *logFile) int { return cmp.Compare(a.used, b.used) }))
	}
	f.handle = file
	h.open = append(h.open, f)
}

func (h *handles) close(f *logFile) {
	if f.handle == nil {
		return
	}
	_ = f.handle.Close() // what counts was synced before
	f.handle = nil
	h.open = slices.DeleteFunc(h.open, func(o *logFile) bool { return o == f })
}

// grow notes that a file reaches to the byte end on disk.
func (s *Shelf) grow(f *logFile, end int64) {
	if end > f.extent {
		s.disk += end - f.extent
		f.extent = end
	}
}

// cut takes away what a failed write left behind the valid bytes, so that
// nothing of it can ever be read as a record.
func (s *Shelf) cut(f *logFile) error {
	if f.extent == f.size {
		return nil
	}
	h, err := s.handles.get(f)
	if err == nil {
		err = h.Truncate(f.size)
	}
	if err != nil {
		return fmt.Errorf("store: cut a torn tail: %w", err)
	}
	s.disk -= f.extent - f.size
	f.extent = f.size
	return nil
}

// readFull reads all of b at off, or as much as there is.
func readFull(r io.ReaderAt, b []byte, off int64) (int, error) {
	n, err := r.ReadAt(b, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// readHead reads the head of a file. errFormat if there is none.
func readHead(r io.ReaderAt) (fileHead, error) {
	b := make([]byte, fileHeadSize)
	n, err := readFull(r, b, 0)
	if err != nil {
		return fileHead{}, err
	}
	return parseFileHead(b[:n])
}

// scanFile reads the records of a small file of size bytes. errFormat if its
// head is not one of that kind.
func (s *Shelf) scanFile(name string, kind uint8, size int64, take func(record, []byte) error) (h fileHead, damaged int, err error) {
	f, err := s.fs.Open(name, durable.Read)
	if err != nil {
		return h, 0, err
	}
	defer f.Close()
	r := io.ReaderAt(f)
	if s.opening != nil {
		around := s.opening.around(f, size)
		r = around
		defer func() { damaged += around.Bad() }()
	}
	if h, err = readHead(r); err == nil && h.kind != kind {
		err = errFormat
	}
	if err != nil {
		return h, 0, err
	}
	sc := scan{f: r, salt: h.salt, size: size}
	_, err = sc.records(fileHeadSize, take)
	return h, sc.damaged, err
}

// extend writes records behind the valid bytes of a segment and syncs them.
// When it fails the segment is what it was.
func (s *Shelf) extend(f *logFile, b []byte) error {
	if err := s.cut(f); err != nil {
		s.failed(f, err)
		return err
	}
	h, err := s.handles.get(f)
	if err != nil {
		return err
	}
	s.grow(f, f.size+int64(len(b)))
	if _, err = h.WriteAt(b, f.size); err == nil {
		err = h.Sync()
	}
	if err != nil {
		_ = s.cut(f) // tried again before the next write
		s.failed(f, err)
		return fmt.Errorf("store: write a segment: %w", err)
	}
	f.size += int64(len(b))
	f.fails = 0
	return nil
}

// create makes a log file with its head on stable storage; its name is there
// after the next sync of the folder.
func (s *Shelf) create(h fileHead) (*logFile, error) {
	h.num, h.epoch, h.salt = s.nextNum, s.epoch, newSalt()
	f := &logFile{fileHead: h, size: fileHeadSize}
	file, err := s.fs.Open(f.name(), durable.Create)
	if err != nil {
		return nil, fmt.Errorf("store: make a file: %w", err)
	}
	s.nextNum++
	s.unnamed = true
	if _, err = file.WriteAt(h.encode(), 0); err == nil {
		err = file.Sync()
	}
	if err != nil {
		_ = file.Close()
		if s.fs.Remove(f.name()) != nil {
			s.disk += fileHeadSize // the next Open knows it for torn
		}
		return nil, fmt.Errorf("store: begin a file: %w", err)
	}
	s.handles.keep(f, file)
	s.grow(f, fileHeadSize)
	s.files[f.num] = f
	return f, nil
}

// syncNames puts created and removed names on stable storage.
func (s *Shelf) syncNames() error {
	if !s.unnamed {
		return nil
	}
	if err := s.fs.Sync(); err != nil {
		return fmt.Errorf("store: sync the folder: %w", err)
	}
	s.unnamed = false
	return nil
}

// erase removes a log file and its sidecar.
func (s *Shelf) erase(f *logFile) error {
	s.handles.close(f)
	if err := s.fs.Remove(f.name()); err != nil && !errors.Is(err, durable.ErrNotExist) {
		return fmt.Errorf("store: remove a file: %w", err)
	}
	if f.side > 0 {
		_ = s.fs.Remove(f.sideName()) // Open removes sidecars without segment
	}
	s.unnamed = true
	s.disk -= f.extent + f.side
	delete(s.files, f.num)
	if s.targets[f.day] == f {
		delete(s.targets, f.day)
	}
	if s.job != nil && s.job.src == f {
		s.job = nil
	}
	return nil
}

// noteSide continues the sidecar of a segment by the heads of records that are
// on stable storage. It is a help for Open only, so it may fail.
func (s *Shelf) noteSide(f *logFile, heads []byte) {
	if f.sideLost {
		return
	}
	mode := durable.Write
	if f.side == 0 {
		mode, heads = durable.Create, slices.Concat(f.encode(), heads)
	}
	file, err := s.fs.Open(f.sideName(), mode)
	if err == nil {
		s.disk += int64(len(heads))
		_, err = file.WriteAt(heads, f.side)
		f.side += int64(len(heads))
		if err == nil && mode == durable.Create {
			err = file.Sync() // the second copy of the head is no help only
		}
		_ = file.Close()
	}
	f.sideLost = err != nil
}
