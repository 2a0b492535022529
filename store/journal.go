package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jauap/jauap/internal/durable"
)

// New records gather in s.buf, which Sync writes to the newest journal in one
// piece and flushes. The bytes stay in s.buf until the flush has worked, so
// that a full disk or a failing one loses nothing: the next Sync writes all
// of them again. Once on disk they wait to be moved to segments: drain.go.

const (
	// maxBuffer is how many bytes wait for Sync; with more, Put syncs.
	maxBuffer = 4 << 20
	// keptBuffer is what is kept allotted from one Sync to the next, at most,
	// and keptPart the part of a segment that is.
	keptBuffer = 2 << 20
	keptPart   = 64
	// seqsPerJournal is the block of seqs that a journal may give. Open goes
	// on behind the block, since what was given may have been seen by others
	// before a power cut took it away here.
	seqsPerJournal = 1 << 20
)

// ready makes sure that n bytes of records can be appended: that cannot fail
// then.
func (s *Shelf) ready(n int64) error {
	if int64(len(s.buf))+n > maxBuffer {
		if err := s.flush(); err != nil {
			return err
		}
	}
	end := s.active.size + int64(len(s.buf))
	if end > fileHeadSize && (end+n > s.segment || s.next-s.active.base >= seqsPerJournal) {
		return s.rotate()
	}
	return nil
}

// append appends a record to the buffer and answers its place in the newest
// journal.
func (s *Shelf) append(r *record, payload []byte) (off uint32) {
	n := len(s.buf)
	r.off = uint32(s.active.size) + uint32(n)
	s.buf = appendRecord(s.buf, r, payload, s.active.salt)
	s.disk += int64(len(s.buf) - n) // as if it were there, so that the quota holds
	return r.off
}

// flush puts the buffer on stable storage.
func (s *Shelf) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	err := s.write()
	if err != nil && s.stuck(err) && s.elsewhere() == nil {
		err = s.write()
	}
	if errors.Is(err, durable.ErrNoSpace) {
		return fmt.Errorf("store: what was put waits in memory: %w", err)
	}
	if err != nil {
		return fmt.Errorf("store: write the journal: %w", err)
	}
	s.active.size += int64(len(s.buf))
	s.active.extent, s.active.fails = s.active.size, 0
	s.active.graves = append(s.active.graves, s.bufGraves...)
	s.bufGraves = s.bufGraves[:0]
	clear(s.held)
	if int64(cap(s.buf)) > min(keptBuffer, s.segment/keptPart) {
		s.buf = nil
	}
	s.buf = s.buf[:0]
	return nil
}

// write puts the buffer behind what is sure of the newest journal, and flushes it.
func (s *Shelf) write() error {
	h, err := s.handles.get(s.active)
	if err != nil {
		return err
	}
	if _, err = h.WriteAt(s.buf, s.active.size); err == nil {
		err = h.Sync()
	}
	if err != nil {
		// Whoever opens the shelf after us must not take for sure what the
		// system shows but could not write.
		_ = h.Truncate(s.active.size)
	}
	return err
}

// hold keeps a file until the next flush.
func (s *Shelf) hold(file uint32) {
	if s.held == nil {
		s.held = map[uint32]bool{}
	}
	s.held[file] = true
}

// let makes sure that nothing in a file is the only sure copy of something.
func (s *Shelf) let(f *logFile) error {
	if !s.held[f.num] {
		return nil
	}
	return s.flush()
}

// rotate begins a new journal. The old one waits to be drained.
func (s *Shelf) rotate() error {
	if err := s.flush(); err != nil {
		return err
	}
	return s.another()
}

// another begins a new journal, with whatever waits for a flush still in memory.
func (s *Shelf) another() error {
	f, err := s.create(fileHead{kind: journalFile, base: s.next})
	if err != nil {
		return err
	}
	s.noteSide(f, nil) // a second copy of its head
	// No seq above the old block may be given before the new one is sure to
	// be found.
	if err := s.syncNames(); err != nil {
		_ = s.erase(f)
		return err
	}
	if s.active != nil {
		s.old = append(s.old, s.active)
	}
	s.active = f
	return nil
}

// drop removes a unit for good.
func (s *Shelf) drop(slot uint32) error {
	if err := s.ready(recordHeadSize); err != nil {
		return err
	}
	s.dropNow(slot)
	return nil
}

// dropNow is drop once the shelf is ready for its record.
func (s *Shelf) dropNow(slot uint32) {
	u := s.x.at(slot)
	s.append(&record{kind: dropRecord, seq: u.seq, id: u.id, tag: u.tag}, nil)
	s.bufGraves = s.entomb(s.bufGraves, u.file, u.off)
	s.forget(slot)
}

// entomb adds what stands there to the list, if that is in a segment. A
// journal is drained before the one with the drop is.
func (s *Shelf) entomb(list []grave, file, off uint32) []grave {
	if f := s.files[file]; f != nil && !f.journal() {
		list = append(list, grave{file, off})
	}
	return list
}

// forget removes a unit from memory.
func (s *Shelf) forget(slot uint32) {
	u := s.x.at(slot)
	if f := s.files[u.file]; f != nil {
		f.live -= u.total()
	}
	if u.ails() {
		s.ailing = slices.DeleteFunc(s.ailing, func(a ailment) bool { return a.slot == slot })
	}
	s.x.remove(slot)
}

// settle gives a unit its place in a file.
func (s *Shelf) settle(slot uint32, f *logFile, off uint32) {
	u := s.x.at(slot)
	if old := s.files[u.file]; old != nil {
		old.live -= u.total()
	}
	u.file, u.off = f.num, off
	f.live += u.total()
	if f.journal() {
		f.puts = append(f.puts, place{slot, off})
	}
}

// appendUnit appends n bytes at byte from of the unit to b.
func (s *Shelf) appendUnit(b []byte, u *unit, from, n int) ([]byte, error) {
	at := int64(u.off) + int64(headSize(unitRecord, u.class)) + int64(from)
	if s.active.num == u.file && int64(u.off) >= s.active.size {
		return append(b, s.buf[at-s.active.size:][:n]...), nil
	}
	f := s.files[u.file]
	if f == nil {
		return b, fmt.Errorf("%w: its file is gone", ErrCorrupt)
	}
	h, err := s.handles.get(f)
	if err != nil {
		return b, err
	}
	was := len(b)
	b = slices.Grow(b, n)[:was+n]
	if got, err := h.ReadAt(b[was:], at); got < n {
		return b[:was], fmt.Errorf("store: read a unit: %w", err)
	}
	return b, nil
}
