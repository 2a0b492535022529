package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jauap/jauap/internal/durable"
)

// Limits of marks, in bytes; all together may take 256 KiB or a 64th of the
// quota, whatever is less.
const (
	maxMarkName  = 128
	maxMarkValue = 1024
	maxMarkSize  = 1 + maxMarkName + maxMarkValue
)

// marks are the small values. Changes go through the journal; when that is
// drained, all of them are written to one file.
type marks struct {
	values map[string][]byte
	bytes  int64 // as records
	file   int64 // bytes of the file
}

func markPayload(name string, v []byte) []byte {
	b := append([]byte{byte(len(name))}, name...)
	return append(b, v...)
}

func parseMark(b []byte) (name string, v []byte, ok bool) {
	if len(b) < 2 || int(b[0]) > maxMarkName || b[0] == 0 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	return string(b[1 : 1+b[0]]), slices.Clone(b[1+b[0]:]), true
}

func markCost(name string, v []byte) int64 {
	return recordTotal(markRecord, 0, uint32(1+len(name)+len(v)))
}

func (m *marks) set(name string, v []byte) {
	if old, ok := m.values[name]; ok {
		m.bytes -= markCost(name, old)
		delete(m.values, name)
	}
	if len(v) > 0 {
		m.values[name] = v
		m.bytes += markCost(name, v)
	}
}

// Mark is a small value set earlier; nil if there is none.
func (s *Shelf) Mark(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.marks.values[name])
}

// SetMark keeps a small value; durable after Sync. An empty value removes it.
// Names have 1 to 128 bytes, values up to 1,024. ErrMark beyond that, and when
// there are too many.
func (s *Shelf) SetMark(name string, v []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	old := s.marks.values[name]
	if slices.Equal(old, v) {
		return nil
	}
	if name == "" || len(name) > maxMarkName || len(v) > maxMarkValue {
		return fmt.Errorf("%w: a name of %d and a value of %d bytes", ErrMark, len(name), len(v))
	}
	after := s.marks.bytes + markCost(name, v)
	if old != nil {
		after -= markCost(name, old)
	}
	if len(v) > 0 && after > s.marked {
		return fmt.Errorf("%w: %d bytes already", ErrMark, s.marks.bytes)
	}
	if err := s.makeSpaceToDrop(); err != nil {
		return err
	}
	if err := s.ready(markCost(name, v)); err != nil {
		return err
	}
	s.append(&record{kind: markRecord}, markPayload(name, v))
	s.active.marks = true
	s.marks.set(name, slices.Clone(v))
	return nil
}

// saveMarks writes all marks to their file.
func (s *Shelf) saveMarks() error {
	h := fileHead{kind: marksFile, epoch: s.epoch, salt: newSalt()}
	b := h.encode()
	for _, name := range slices.Sorted(maps.Keys(s.marks.values)) {
		r := record{kind: markRecord, off: uint32(len(b))}
		b = appendRecord(b, &r, markPayload(name, s.marks.values[name]), h.salt)
	}
	if err := durable.WriteFile(s.fs, marksName, b); err != nil {
		return fmt.Errorf("store: write the marks: %w", err)
	}
	s.disk += int64(len(b)) - s.marks.file
	s.marks.file = int64(len(b))
	return nil
}

// loadMarks reads the file of marks, if there is one.
func (s *Shelf) loadMarks(rep *Report) error {
	_, damaged, err := s.scanFile(marksName, marksFile, s.marks.file, func(r record, payload []byte) error {
		if name, v, ok := parseMark(payload); ok && r.kind == markRecord {
			s.marks.set(name, v)
		}
		return nil
	})
	rep.Damaged += damaged
	s.opening.badMarks = damaged > 0 || errors.Is(err, errFormat) || errors.Is(err, durable.ErrUnread)
	if s.opening.badMarks && err != nil {
		rep.Damaged++
	} else if err != nil && !errors.Is(err, durable.ErrNotExist) {
		return fmt.Errorf("store: read the marks: %w", err)
	}
	return nil
}
