package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/jauap/jauap/envelope"
)

// Space comes back in one way: what is live in a file moves to segments of its
// day, then the file is removed. Journals are drained so, oldest first, and
// segments of which much is dead. Moves are made in small steps, a step being
// durable before the index follows it; a crash in between leaves a unit in two
// places, of which Open keeps one.

// stepBytes is how much one step moves, in bytes.
const stepBytes = 1 << 20

// maxTries is how often a unit that cannot be read is tried before it is
// given up, so that one bad place of a disk does not keep a file for ever.
const maxTries = 3

// job is the draining of one file.
type job struct {
	src    *logFile
	moves  []move
	graves []grave // of a journal: still to be noted in their segments
	tries  int
}

type move struct {
	place
	until envelope.Day
}

// chores pays the debt of moving that recent puts have made.
func (s *Shelf) chores() {
	for s.debt > 0 || len(s.old) > 1 {
		n, err := s.step(false)
		if n == 0 || err != nil {
			// Nothing that was promised depends on it. If the disk stays
			// bad, Put tells as soon as it lacks the space.
			s.debt = 0
			return
		}
		s.debt -= max(n, 4<<10)
	}
}

// step does a bit of draining and answers how many bytes it handled: 0 if
// there is nothing to do. Under pressure it also drains what hardly pays.
func (s *Shelf) step(pressure bool) (int64, error) {
	if s.job == nil {
		if err := s.begin(pressure); err != nil || s.job == nil {
			return 0, err
		}
	}
	switch j := s.job; {
	case len(j.moves) > 0:
		return s.move(j)
	case len(j.graves) > 0:
		return s.bury(j)
	default:
		return 1, s.finish(j)
	}
}

// begin chooses the next job, if any.
func (s *Shelf) begin(pressure bool) error {
	if pressure && len(s.old) == 0 && s.deadest(true) == nil {
		// All that is left is what died young.
		if dead := s.active.size + int64(len(s.buf)) - fileHeadSize - s.active.live; dead == 0 {
			return nil
		}
		if err := s.rotate(); err != nil {
			return err
		}
	}
	j := &job{}
	if len(s.old) > 0 {
		j.src = s.old[0]
		for _, p := range j.src.puts {
			if s.stands(j.src, p) {
				j.moves = append(j.moves, move{p, s.x.at(p.slot).until})
			}
		}
		j.graves = slices.Clone(j.src.graves)
		slices.SortFunc(j.graves, func(a, b grave) int {
			return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.off, b.off))
		})
		j.graves = slices.Compact(j.graves)
	} else if j.src = s.deadest(pressure); j.src != nil {
		if s.targets[j.src.day] == j.src {
			delete(s.targets, j.src.day)
		}
		j.moves = s.standing(j.src)
	} else {
		return nil
	}
	slices.SortFunc(j.moves, func(a, b move) int {
		return cmp.Or(cmp.Compare(a.until, b.until), cmp.Compare(a.off, b.off))
	})
	s.job = j
	return nil
}

// stands says whether a live unit is at this place of the file.
func (s *Shelf) stands(f *logFile, p place) bool {
	u := s.x.at(p.slot)
	return u.seq != 0 && u.file == f.num && u.off == p.off
}

// standing lists the live units of a segment.
func (s *Shelf) standing(f *logFile) (moves []move) {
	if f.live == 0 {
		return nil
	}
	for k := range s.x.buckets {
		if s.x.buckets[k].day() != f.day {
			continue
		}
		for slot := s.x.buckets[k].head; slot != 0; slot = s.x.at(slot).succ {
			if u := s.x.at(slot); u.file == f.num {
				moves = append(moves, move{place{slot, u.off}, u.until})
			}
		}
	}
	return moves
}

// deadest is the segment with the largest dead share that is worth draining:
// half of it, or, under pressure, a fiftieth.
func (s *Shelf) deadest(pressure bool) (best *logFile) {
	least := 0.5
	if pressure {
		least = 0.02
	}
	share := 0.0
	for _, f := range s.files {
		if f.journal() {
			continue
		}
		d := float64(f.dead()) / float64(f.extent)
		if f.live == 0 {
			d = 1
		}
		enough := d == 1 || d >= least && (pressure || f.dead() >= min(64<<10, s.segment/4))
		if enough && (d > share || d == share && (best == nil || f.num < best.num)) {
			best, share = f, d
		}
	}
	return best
}

// move copies some units of one day to a segment of that day.
func (s *Shelf) move(j *job) (int64, error) {
	for len(j.moves) > 0 && !s.stands(j.src, j.moves[0].place) {
		j.moves = j.moves[1:]
	}
	if len(j.moves) == 0 {
		return 1, nil
	}
	day := j.moves[0].until
	t, err := s.target(day, s.x.at(j.moves[0].slot).total())
	if err != nil {
		return 0, err
	}
	var b, heads []byte
	var moved []place // offsets in t
	var lost []uint32
	n := 0
	for ; n < len(j.moves) && len(b) < stepBytes; n++ {
		m := j.moves[n]
		if !s.stands(j.src, m.place) {
			continue
		}
		u := s.x.at(m.slot)
		end := t.size + int64(len(b))
		if m.until != day || len(b) > 0 && end+u.total() > s.segment {
			break
		}
		payload, err := s.payload(j, u)
		if errors.Is(err, ErrCorrupt) {
			lost = append(lost, m.slot)
			continue
		}
		if err != nil {
			return 0, err
		}
		r := u.record()
		r.off = uint32(end)
		b = appendRecord(b, &r, payload, t.salt)
		heads = append(heads, b[end-t.size:][:r.head()]...)
		moved = append(moved, place{m.slot, r.off})
	}
	if len(b) > 0 {
		if err := s.extend(t, b); err != nil {
			return 0, err
		}
		for _, p := range moved {
			s.settle(p.slot, t, p.off)
		}
		s.noteSide(t, heads)
	}
	for _, slot := range lost {
		if err := s.drop(slot); err != nil {
			return 0, err
		}
	}
	j.moves, j.tries = j.moves[n:], 0
	return max(int64(len(b)), 1), nil
}

// payload reads and checks a unit where it stands. ErrCorrupt also after too
// many tries.
func (s *Shelf) payload(j *job, u *unit) ([]byte, error) {
	raw, err := s.read(u, 0, int(u.size))
	if err != nil {
		if j.tries++; j.tries >= maxTries {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil, err
	}
	if envelope.IDOf(raw) != u.id {
		return nil, ErrCorrupt
	}
	return raw, nil
}

// target is the segment of the day to which n bytes are to be written.
func (s *Shelf) target(day envelope.Day, n int64) (*logFile, error) {
	if t := s.targets[day]; t != nil && (t.size == fileHeadSize || t.size+n <= s.segment) {
		return t, nil
	}
	t, err := s.create(fileHead{kind: dayFile, day: day})
	if err != nil {
		return nil, err
	}
	s.targets[day] = t
	return t, nil
}

// maxDeadOffsets is how many units one record may declare dead.
const maxDeadOffsets = 16 << 10

// bury notes in one segment which of its units the journal's drops speak of.
func (s *Shelf) bury(j *job) (int64, error) {
	f := s.files[j.graves[0].file]
	n := 1
	for n < len(j.graves) && j.graves[n].file == j.graves[0].file && n < maxDeadOffsets {
		n++
	}
	switch {
	case f == nil: // drained or expired meanwhile
	case f.live == 0:
		if err := s.erase(f); err != nil {
			return 0, err
		}
	default:
		if err := s.noteDead(f, j.graves[:n]); err != nil {
			return 0, err
		}
	}
	j.graves = j.graves[n:]
	return stepBytes / 16, nil // a flush costs about as much as that
}

// noteDead appends to the segment that units in it are dead.
func (s *Shelf) noteDead(f *logFile, graves []grave) error {
	r := record{kind: deadRecord, off: uint32(f.size)}
	payload := make([]byte, 0, 4*len(graves))
	for _, g := range graves {
		payload = le32(payload, g.off)
	}
	b := appendRecord(nil, &r, payload, f.salt)
	if err := s.extend(f, b); err != nil {
		return err
	}
	s.noteSide(f, b[:recordHeadSize])
	return nil
}

// finish removes the drained file. All that was removed before it must be
// gone for good first: a segment that came back after a power cut would need
// the drops that the journal holds.
func (s *Shelf) finish(j *job) error {
	if j.src.marks {
		if err := s.saveMarks(); err != nil {
			return err
		}
		j.src.marks = false
	}
	if err := s.syncNames(); err != nil {
		return err
	}
	if err := s.erase(j.src); err != nil {
		return err
	}
	if j.src.journal() {
		s.old = s.old[1:]
	}
	return nil
}
