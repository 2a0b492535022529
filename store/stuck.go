package store

import (
	"errors"
	"fmt"

	"github.com/jauap/jauap/internal/durable"
)

// A bad place at the end of the newest journal would stop the shelf: nothing could be
// written behind it. After maxTries in a row what waits goes to a new journal, whose
// beginning shows that the disk is there. What the old one may hold of it, too, is read
// before it and says the same.

// stuck counts a write of the newest journal that failed and says whether to try another.
func (s *Shelf) stuck(err error) bool {
	if errors.Is(err, durable.ErrNoSpace) || errors.Is(err, durable.ErrClosed) {
		return false
	}
	s.active.fails++
	return s.active.fails >= maxTries
}

// elsewhere takes what waits for a flush to a new journal, or leaves all as it is.
func (s *Shelf) elsewhere() error {
	type waiting struct {
		r       record
		payload []byte
	}
	was, old := s.active, s.buf
	var list []waiting
	for at := int64(0); at < int64(len(old)); {
		r, ok := parseRecord(old[at:], was.salt, was.size+at)
		if !ok || at+r.total() > int64(len(old)) {
			return fmt.Errorf("%w: in memory", ErrCorrupt)
		}
		list = append(list, waiting{r, old[at+int64(r.head()):][:r.size]})
		at += r.total()
	}
	if err := s.another(); err != nil {
		return err
	}
	if h, err := s.handles.get(was); err != nil || h.Truncate(was.size) != nil {
		s.grow(was, was.size+int64(len(old)))
	}
	s.buf, s.disk = nil, s.disk-int64(len(old))
	for k := range list {
		s.append(&list[k].r, list[k].payload)
		s.active.marks = s.active.marks || list[k].r.kind == markRecord
	}
	puts := was.puts
	was.puts = nil
	for _, p := range puts {
		switch {
		case int64(p.off) < was.size:
			was.puts = append(was.puts, p)
		case s.stands(was, p):
			s.settle(p.slot, s.active, uint32(int64(p.off)-was.size+s.active.size))
		}
	}
	return nil
}
