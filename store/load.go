package store

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// Open opens the shelf in the folder, or makes one, and holds the folder's
// lock until Close. It cuts torn tails, mends what a crash left half done, reads
// around places that the disk does not give and expires nothing. Errors: ErrQuota,
// durable.ErrLocked; others tell of the disk, and then nothing was lost by trying.
func Open(fs durable.FS, o Options) (*Shelf, Report, error) {
	r, err := roomOf(o)
	if err != nil {
		return nil, Report{}, err
	}
	lock, err := fs.Open(lockName, durable.Lock)
	if err != nil {
		return nil, Report{}, fmt.Errorf("store: %w", err)
	}
	s := &Shelf{
		fs: fs, lock: lock, handles: handles{fs: fs}, room: r, today: o.Today,
		next: 1, nextNum: 1, x: newIndex(o.Shares), gone: newEvictions(o.Quota),
		files: map[uint32]*logFile{}, targets: map[envelope.Day]*logFile{},
		marks: marks{values: map[string][]byte{}}, parts: parts{all: map[envelope.ID]*part{}},
	}
	l := &loader{s: s, left: maxBlocks}
	s.opening = l
	if err := l.load(); err != nil {
		s.release()
		return nil, l.rep, err
	}
	s.opening = nil
	return s, l.rep, nil
}

// loader is one opening.
type loader struct {
	s       *Shelf
	rep     Report
	found   []*logFile // sorted by kind, segments first, then by number
	sides   map[string]int64
	parts   []durable.Info
	kills   []grave  // copies in segments that lost against another
	units   []record // of a segment
	dead    []uint32 // offsets of what is dead in it
	heads   []byte   // of the records that its sidecar lacks
	trusted bool     // the newest journal could be read

	badMarks bool
	left     int      // blocks that may still fail one by one
	sound    readable // what could be read lately
}

func (l *loader) load() error {
	s := l.s
	if err := l.list(); err != nil {
		return err
	}
	for _, f := range l.found {
		s.files[f.num] = f
		s.nextNum = max(s.nextNum, f.num+1)
	}
	for _, f := range l.found {
		if f.journal() {
			break
		}
		if err := l.segment(f); err != nil {
			return fmt.Errorf("store: open %s: %w", f.name(), err)
		}
	}
	if err := s.loadMarks(&l.rep); err != nil {
		return err
	}
	for _, f := range l.found {
		if !f.journal() {
			continue
		}
		if err := l.journal(f); err != nil {
			return fmt.Errorf("store: open %s: %w", f.name(), err)
		}
	}
	for _, i := range l.parts {
		if err := s.loadPart(i.Name, i.Size, &l.rep); err != nil {
			return err
		}
	}
	return l.begin()
}

// list sorts out what is in the folder.
func (l *loader) list() error {
	infos, err := l.s.fs.List()
	if err != nil {
		return fmt.Errorf("store: list the folder: %w", err)
	}
	l.sides = map[string]int64{}
	numbers := map[uint32]bool{0: true}
	for _, i := range infos {
		f, side, ok := parseName(i.Name)
		switch {
		case ok && side:
			l.sides[i.Name] = i.Size
		case ok && !numbers[f.num]:
			numbers[f.num] = true
			f.extent = i.Size
			l.found = append(l.found, &f)
		case i.Name == lockName:
		case i.Name == marksName:
			l.s.marks.file = i.Size
		case i.Name == marksName+".new" && durable.Unfinished(i.Name):
			_ = l.s.fs.Remove(i.Name)
		case isPart(i.Name):
			l.parts = append(l.parts, i)
		default:
			l.rep.Ignored = append(l.rep.Ignored, i.Name)
		}
	}
	l.s.disk += l.s.marks.file
	slices.SortFunc(l.found, func(a, b *logFile) int {
		return cmp.Or(-cmp.Compare(a.kind, b.kind), cmp.Compare(a.num, b.num))
	})
	for _, f := range l.found {
		l.s.disk += f.extent
		if n := l.sides[f.sideName()]; n >= fileHeadSize {
			f.side = n
			l.s.disk += n
			delete(l.sides, f.sideName())
		}
	}
	for name := range l.sides {
		_ = l.s.fs.Remove(name) // its segment is gone, or it has no head
	}
	return nil
}

// head reads the head of a log file. A file without one is removed: it was
// being made, or its salt is lost and with it every checksum.
func (l *loader) head(f *logFile, h io.ReaderAt) (ok bool, err error) {
	head, err := readHead(h)
	if err != nil && !errors.Is(err, errFormat) {
		return false, err
	}
	if f.torn = err != nil; f.torn && f.side > 0 {
		// The sidecar begins with a copy.
		if side, err := l.s.fs.Open(f.sideName(), durable.Read); err == nil {
			head, _ = readHead(l.around(side, f.side))
			_ = side.Close()
		}
	}
	if head.kind == f.kind && head.num == f.num && head.day == f.day {
		f.fileHead = head
		return true, nil
	}
	if f.extent > fileHeadSize {
		l.rep.Damaged++
	}
	l.rep.Cut += f.extent
	return false, l.giveUp(f)
}

// segment loads a segment: the sidecar as far as it goes, then the records.
func (l *loader) segment(f *logFile) error {
	s := l.s
	h, log, ok, err := l.open(f)
	if err != nil || !ok {
		return err
	}
	sc := scan{f: log, salt: f.salt, size: f.extent}
	// What is dead must not stand up against a copy elsewhere, so all of the
	// file is read before any of it counts.
	l.units, l.dead = l.units[:0], l.dead[:0]
	take := func(r record, payload []byte) error {
		switch r.kind {
		case unitRecord:
			r.until = f.day
			l.units = append(l.units, r)
		case deadRecord:
			for k := 0; k+4 <= len(payload); k += 4 {
				l.dead = append(l.dead, binary.LittleEndian.Uint32(payload[k:]))
			}
		}
		return nil
	}
	end, err := l.sidecar(f, &sc, take)
	if err != nil {
		return err
	}
	l.heads = l.heads[:0]
	tail := end
	f.size, err = sc.records(end, func(r record, payload []byte) error {
		l.heads = r.append(l.heads, f.salt)
		return take(r, payload)
	})
	if err != nil {
		return err
	}
	slices.Sort(l.dead)
	for _, r := range l.units {
		if _, dead := slices.BinarySearch(l.dead, r.off); !dead {
			l.unit(f, r)
		}
	}
	if err := l.secure(f, h, &sc); err != nil {
		return err
	}
	if f.sideLost = f.sideLost || f.torn; f.size > tail {
		s.noteSide(f, l.heads)
	}
	if !f.sideLost && f.size < s.segment {
		s.targets[f.day] = f
	}
	return nil
}

// sidecar takes the records that the sidecar vouches for and answers where the
// log goes on behind them.
func (l *loader) sidecar(f *logFile, log *scan, take func(record, []byte) error) (end int64, err error) {
	end = fileHeadSize
	if f.side == 0 {
		return end, nil
	}
	s := l.s
	file, err := s.fs.Open(f.sideName(), durable.Write)
	if errors.Is(err, durable.ErrUnread) {
		f.torn = true // it goes with its segment
		return end, nil
	}
	if err != nil {
		return end, err
	}
	defer file.Close()
	at, around := int64(0), l.around(file, f.side)
	head, err := readHead(around)
	if err != nil && !errors.Is(err, errFormat) {
		return end, err
	}
	if head == f.fileHead {
		sc := scan{f: around, salt: f.salt, size: f.side}
		if end, at, err = l.vouched(&sc, log, take); err != nil {
			return end, err
		}
	}
	if around.Bad() > 0 {
		end, at, l.units, l.dead = fileHeadSize, 0, l.units[:0], l.dead[:0]
	}
	if at == f.side {
		return end, nil
	}
	// What is torn makes place for what follows.
	s.disk -= f.side - at
	f.side = at
	// That must be sure before the segment goes on: a disk that lied may have kept
	// more of the sidecar than of the segment, and what follows stands elsewhere.
	if at == 0 {
		return end, errors.Join(s.fs.Remove(f.sideName()), s.fs.Sync())
	}
	return end, errors.Join(file.Truncate(at), file.Sync())
}

func (l *loader) vouched(side, log *scan, take func(record, []byte) error) (end, at int64, err error) {
	end, at = fileHeadSize, fileHeadSize
	for {
		b, err := side.bytes(at, maxHeadSize)
		if err != nil {
			return end, at, err
		}
		r, ok := parseRecord(b, side.salt, end)
		if !ok || end+r.total() > log.size {
			return end, at, nil
		}
		var payload []byte
		if r.kind == deadRecord {
			if r, payload, ok, err = log.whole(end); err != nil || !ok || r.kind != deadRecord {
				return end, at, err
			}
		}
		if err := take(r, payload); err != nil {
			return end, at, err
		}
		at += int64(r.head())
		end += r.total()
	}
}

// secure cuts what is torn and flushes the rest: a killed process may have
// left what the system has not written yet.
func (l *loader) secure(f *logFile, h durable.File, sc *scan) error {
	l.rep.Damaged += sc.damaged
	l.rep.Cut += f.extent - f.size
	bad := sc.f.(*durable.Around).Bad() > 0
	if f.torn = f.torn || bad || sc.damaged > 0; bad {
		return nil // a cut amid a bad place fails; the file goes as a whole
	}
	err := l.s.cut(f)
	if errors.Is(err, durable.ErrUnread) && l.there() {
		f.torn = true // so does one amid a place that no head lies on
		return nil
	}
	if err != nil {
		return err
	}
	return h.Sync()
}

// journal loads a journal over what is there already.
func (l *loader) journal(f *logFile) error {
	s := l.s
	bare := f.extent <= fileHeadSize // nothing was given from it if it is torn
	h, log, ok, err := l.open(f)
	if err != nil {
		return err
	}
	if !ok {
		l.trusted = l.trusted && bare
		return nil
	}
	l.trusted = true
	s.epoch = f.epoch
	s.next = max(s.next, f.base+seqsPerJournal)
	sc := scan{f: log, salt: f.salt, size: f.extent}
	f.size, err = sc.records(fileHeadSize, func(r record, payload []byte) error {
		switch r.kind {
		case unitRecord:
			l.unit(f, r)
		case dropRecord:
			l.drop(f, r)
		case expireRecord:
			l.expire(r)
		case markRecord:
			f.marks = true
			if name, v, ok := parseMark(payload); ok {
				s.marks.set(name, v)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.old = append(s.old, f)
	return l.secure(f, h, &sc)
}

// unit takes a unit's record. Of two with the same id the higher seq wins, and
// of two copies of one the later: journals hold upgrades.
func (l *loader) unit(f *logFile, r record) {
	s := l.s
	if slot := s.x.find(r.id); slot != 0 {
		old := s.x.at(slot)
		if old.seq > r.seq {
			l.kills = s.entomb(l.kills, f.num, r.off)
			return
		}
		l.kills = s.entomb(l.kills, old.file, old.off)
		s.forget(slot)
	}
	s.next = max(s.next, r.seq+1)
	slot := s.x.add(unit{id: r.id, tag: r.tag, proves: r.proves, seq: r.seq, size: r.size, until: r.until,
		expiry: r.expiry, shard: r.shard, rank: r.rank, from: r.from, class: r.class, flags: r.flags & (ownFlag | sureFlag | fixFlag)})
	s.settle(slot, f, r.off)
}

func (l *loader) drop(f *logFile, r record) {
	slot := l.s.x.find(r.id)
	if slot == 0 || l.s.x.at(slot).seq > r.seq {
		return
	}
	u := l.s.x.at(slot)
	f.graves = l.s.entomb(f.graves, u.file, u.off)
	l.s.forget(slot)
}

func (l *loader) expire(r record) {
	x := &l.s.x
	for slot := uint32(1); slot <= x.slots; slot++ {
		if u := x.at(slot); u.seq != 0 && u.seq < r.seq && u.until < r.until {
			l.s.forget(slot)
		}
	}
}

// begin makes the shelf ready for work, once everything is read.
func (l *loader) begin() error {
	s := l.s
	s.x.build(s.forget)
	if l.rep.NewEpoch = !l.trusted; l.rep.NewEpoch {
		_, _ = rand.Read(s.epoch[:]) // never fails
		s.next += seqsPerJournal
	}
	err := s.rotate()
	if err != nil {
		return err
	}
	// The drop of a unit speaks of one copy only, so the others go for good.
	for graves := inOrder(l.kills); len(graves) > 0; {
		f := s.files[graves[0].file]
		rest, err := s.bury(graves)
		if err != nil && f.torn {
			rest, err = graves[1:], nil // what is live in it moves, and it goes
		}
		if graves = rest; err != nil && (f.fails == 0 || f.fails >= maxTries) {
			return err
		}
	}
	for _, f := range s.segments() {
		if f.live == 0 {
			if err := s.erase(f); err != nil {
				return err
			}
		}
	}
	for _, slot := range s.x.unruly() {
		if s.x.at(slot).seq == 0 {
			continue
		}
		if err := s.drop(slot); err != nil {
			return err
		}
	}
	l.rep.Envelopes = s.x.count
	s.losses = uint64(l.rep.Damaged + l.rep.Unread)
	if l.badMarks {
		_ = s.saveMarks() // else the next Open does
	}
	l.tidy()
	return nil
}

// maxOld is how many journals of earlier lives are left for later.
const maxOld = 16

// tidy drains journals of earlier lives if there are many, and keeps a lowered
// quota. It is tried again later if the disk does not let it.
func (l *loader) tidy() {
	s := l.s
	for len(s.old) > maxOld || len(s.old) > 0 && s.old[0].size == fileHeadSize || s.torn(true) != nil {
		if n, err := s.step(false); n == 0 || err != nil {
			return
		}
	}
	for s.x.cost > s.limit {
		if slot := s.victim(nil); slot == 0 || s.drop(slot) != nil {
			break
		}
	}
	for !s.fits(0) {
		if n, err := s.step(true); n == 0 || err != nil {
			return
		}
	}
}

// segments lists the segments by number.
func (s *Shelf) segments() []*logFile {
	var list []*logFile
	for _, f := range s.files {
		if !f.journal() {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *logFile) int { return cmp.Compare(a.num, b.num) })
	return list
}
