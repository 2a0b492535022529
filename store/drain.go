package store

import (
	"cmp"
	"encoding/binary"
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

// A unit that cannot be read keeps its file until the hope for it ends
// (maxRounds), so that one bad place of a disk does not do so for ever. While
// the space is needed hope ends after maxTries.
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

// chores moves on after a Sync that wrote n bytes: a step at a time while
// little comes in. In a burst journals may lie about up to s.lag bytes, so
// that a window is used for receiving; beyond that every byte in moves two.
func (s *Shelf) chores(n int64) {
	waiting := int64(0)
	for _, f := range s.old {
		waiting += f.size
	}
	due := int64(1)
	if waiting > s.lag {
		due = 2 * n
	} else if n > s.lag/64 {
		return
	}
	for due > 0 {
		moved, err := s.step(false)
		if moved == 0 || err != nil {
			// Nothing that was promised depends on it. If the disk stays
			// bad, Put tells as soon as it lacks the space.
			return
		}
		due -= max(moved, 4<<10)
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
		return s.move(j, pressure)
	case len(j.graves) > 0:
		rest, err := s.bury(j.graves)
		j.graves = rest
		return 64 << 10, err // a flush costs about as much as that
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
	if f := s.torn(false); f != nil {
		j.src, j.moves = f, s.standing(f)
	} else if len(s.old) > 0 {
		j.src = s.old[0]
		for _, p := range j.src.puts {
			if s.stands(j.src, p) {
				j.moves = append(j.moves, move{p, s.x.at(p.slot).until})
			}
		}
		j.graves = inOrder(j.src.graves)
	} else if j.src = s.deadest(pressure); j.src != nil {
		j.moves = s.standing(j.src)
	} else {
		return nil
	}
	if s.targets[j.src.day] == j.src {
		delete(s.targets, j.src.day)
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
func (s *Shelf) move(j *job, pressure bool) (int64, error) {
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
	if s.piece == nil {
		s.piece = make([]byte, 0, min(s.stepSize, j.src.live))
	}
	b, heads, moved := s.piece[:0], s.heads[:0], s.moved[:0] // moved: offsets in t
	defer func() {
		if cap(b) <= maxBuffer {
			s.piece, s.heads, s.moved = b, heads, moved
		}
	}()
	n, lost, waits := 0, []uint32(nil), []move(nil) // waits: what ails, and is in nobody's way
	for ; n < len(j.moves) && int64(len(b)) < s.stepSize; n++ {
		m := j.moves[n]
		if !s.stands(j.src, m.place) {
			continue
		}
		u, end := s.x.at(m.slot), t.size+int64(len(b))
		if m.until != day || len(b) > 0 && end+u.total() > s.segment {
			break
		}
		b, err = s.copyRecord(b, j, t, m.slot, pressure)
		if errors.Is(err, ErrCorrupt) {
			lost = append(lost, m.slot)
			continue
		}
		if err != nil && s.x.at(m.slot).ails() && !pressure {
			waits = append(waits, m)
			continue
		}
		if err != nil && len(b)+len(lost) > 0 {
			break // what could be read goes first
		}
		if err != nil {
			return 0, err
		}
		heads = append(heads, b[end-t.size:][:headSize(unitRecord, u.class)]...)
		moved = append(moved, place{m.slot, uint32(end)})
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
		s.losses++
		if err := s.drop(slot); err != nil {
			return 0, err
		}
	}
	j.moves, j.tries = append(j.moves[n:], waits...), 0
	if len(b)+len(lost) == 0 && s.allAil(j.moves) {
		return 0, errAiling
	}
	return max(int64(len(b)), 1), nil
}

func (s *Shelf) allAil(moves []move) bool {
	return len(moves) > 0 && !slices.ContainsFunc(moves, func(m move) bool { return !s.x.at(m.slot).ails() })
}

// copyRecord appends the unit's record as it has to stand at the end of b in
// t. ErrCorrupt, and nothing appended, if it is damaged or could not be read
// too many times.
func (s *Shelf) copyRecord(b []byte, j *job, t *logFile, slot uint32, pressure bool) ([]byte, error) {
	u := s.x.at(slot)
	if u.ails() && !pressure && !s.lasting(slot) {
		return b, errAiling // not at every Sync
	}
	at, n := len(b), int(u.total())
	b = slices.Grow(b, n)[:at+n]
	h, err := s.handles.get(j.src)
	if err != nil {
		return b[:at], err
	}
	if _, err = readFull(h, b[at:], int64(u.off)); err != nil {
		_, err = readFull(h, b[at:], int64(u.off))
	}
	if err != nil {
		s.ail(slot)
		// Only a place may be given up, not a disk that is away for a while.
		if j.tries++; s.placeOnly(u) && (s.lasting(slot) || pressure && j.tries >= maxTries) {
			err = ErrCorrupt
		}
		return b[:at], fmt.Errorf("store: move a unit: %w", err)
	}
	old, ok := parseRecord(b[at:], j.src.salt, int64(u.off))
	payload := b[at+headSize(unitRecord, u.class):][:u.size]
	if !ok || old.id != u.id || old.size != u.size || checksum(j.src.salt, payload) != old.sum {
		return b[:at], ErrCorrupt
	}
	r := u.record()
	r.off, r.sum = uint32(t.size)+uint32(at), checksum(t.salt, payload)
	r.append(b[:at], t.salt)
	return b, nil
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

func inOrder(graves []grave) []grave {
	graves = slices.Clone(graves)
	slices.SortFunc(graves, func(a, b grave) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.off, b.off))
	})
	return slices.Compact(graves)
}

// bury notes in the segment of the first graves which of its units are dead,
// for good, and answers the rest.
func (s *Shelf) bury(graves []grave) (rest []grave, err error) {
	n := 1
	for n < min(len(graves), maxDeadOffsets) && graves[n].file == graves[0].file {
		n++
	}
	switch f := s.files[graves[0].file]; {
	case f == nil: // drained or expired meanwhile
	case f.live == 0:
		if err = s.let(f); err == nil {
			err = s.erase(f)
		}
	default:
		err = s.noteDead(f, graves[:n])
	}
	if err != nil {
		return graves, err
	}
	return graves[n:], nil
}

// noteDead appends to the segment that units in it are dead.
func (s *Shelf) noteDead(f *logFile, graves []grave) error {
	r := record{kind: deadRecord, off: uint32(f.size)}
	payload := make([]byte, 0, 4*len(graves))
	for _, g := range graves {
		payload = binary.LittleEndian.AppendUint32(payload, g.off)
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
	if err := s.let(j.src); err != nil {
		return err
	}
	if err := s.syncNames(); err != nil {
		return err
	}
	if err := s.erase(j.src); err != nil {
		return err
	}
	s.piece, s.heads, s.moved = nil, nil, nil // a small shelf rarely drains
	if j.src.journal() {
		s.old = s.old[1:]
	}
	return nil
}
