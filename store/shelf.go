package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// Shelf holds units on disk. Its methods may be used by several goroutines.
type Shelf struct {
	mu      sync.Mutex
	fs      durable.FS
	lock    durable.File
	handles handles
	closed  bool
	room
	epoch   [8]byte
	today   envelope.Day
	next    uint64 // the seq to be given next
	nextNum uint32 // the number of the next file

	x       index
	files   map[uint32]*logFile
	active  *logFile   // the newest journal
	old     []*logFile // journals to be drained, oldest first
	buf     []byte     // records of active that are not on stable storage
	unnamed bool       // the folder is to be synced
	disk    int64      // bytes of all files and of buf

	bufGraves []grave         // of the drops in buf
	held      map[uint32]bool // files with the sure copy of what is only in buf otherwise
	targets   map[envelope.Day]*logFile
	job       *job
	piece     []byte // scratch of move
	heads     []byte
	moved     []place
	marks     marks
	parts     parts
	opening   *loader // until Open is through
	gone      evictions

	ailing    []ailment // units that cannot be read, the longest untried first
	losses    uint64
	checked   [32]envelope.ID // read and found right lately
	nextCheck int
}

// Put adds a unit and answers its Entry. It is durable after Sync. A unit that
// is here already gains by it all the same: see Raise. Errors: ErrHave, ErrTaken, ErrDone, ErrBogus,
// ErrExpired, ErrFull; others tell of the disk. An S0, which carries no
// expiry, is kept for envelope.Lifetime days.
func (s *Shelf) Put(e envelope.Envelope, m Meta) (Entry, error) { return s.PutAs(e.ID(), e, m) }

// PutAs is Put of a unit whose id was computed already.
func (s *Shelf) PutAs(id envelope.ID, e envelope.Envelope, m Meta) (Entry, error) {
	u := unit{id: id, tag: e.Tag(), proves: speaksOf(e), size: uint32(len(e.Bytes())), expiry: e.Expiry(),
		shard: e.Shard(), class: e.Class(), rank: m.Rank, from: m.From}
	if m.Own {
		u.flags |= ownFlag
	}
	if m.Fixed {
		u.flags |= fixFlag
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Entry{}, ErrClosed
	}
	u.until = s.until(e, m)
	if slot := s.x.find(u.id); slot != 0 {
		if s.x.at(slot).ails() {
			return s.renew(slot, u, e.Bytes())
		}
		s.upgrade(slot, m)
		return s.x.at(slot).entry(), ErrHave
	}
	today := m.Today
	if today == 0 {
		today = s.today
	}
	if u.until < today {
		return Entry{}, ErrExpired
	}
	gone, err := s.judge(&u)
	if errors.Is(err, ErrDone) {
		err = errors.Join(err, s.useless(u.id))
	}
	if err != nil {
		return Entry{}, err
	}
	if err := s.makeRoom(&u, gone); err != nil {
		return Entry{}, err
	}
	return s.admit(u, e.Bytes(), gone)
}

// speaksOf is the envelope that a proof or a stamp is about.
func speaksOf(e envelope.Envelope) envelope.ID {
	if e.Class() == envelope.Stamp {
		return e.Stamped()
	}
	return e.Proves()
}

// admit writes the unit and lets go of what it displaces: all or nothing.
func (s *Shelf) admit(u unit, raw []byte, gone []envelope.ID) (Entry, error) {
	// This may begin a new journal, which only takes seqs from its base on.
	if err := s.ready(u.total() + recordHeadSize*int64(len(gone))); err != nil {
		return Entry{}, err
	}
	u.seq = s.next
	s.next++
	r := u.record()
	off := s.append(&r, raw)
	s.settle(s.x.add(u), s.active, off)
	for _, id := range gone {
		if slot := s.x.find(id); slot != 0 {
			if s.x.at(slot).own() {
				s.hold(s.x.at(slot).file) // until its proof is sure
			}
			s.dropNow(slot)
		}
	}
	s.dropPart(u.id)
	return u.entry(), nil
}

// until is the last day on which the unit is kept.
func (s *Shelf) until(e envelope.Envelope, m Meta) envelope.Day {
	today := m.Today
	if today == 0 {
		today = s.today
	}
	until := m.Until
	if until == 0 {
		until = e.Expiry()
	}
	if until == envelope.NoDay {
		until = today.Add(envelope.Lifetime)
	}
	return min(until, today.Add(envelope.MaxLifetime+envelope.MaxJitter))
}

// maxAlike is how many S0 may share a tag, whose truth only the reader knows,
// how many proofs may speak of an envelope that is not here, and how many stamps of any.
const maxAlike = 4

// judge decides whether a unit may stand beside what is here, and what has to
// go in its favour.
func (s *Shelf) judge(u *unit) (gone []envelope.ID, err error) {
	switch u.class {
	case envelope.Done:
		return s.judgeProof(u)
	case envelope.Stamp:
		return s.judgeStamp(u)
	}
	alike := 0
	for slot := s.x.tagged(u.tag); slot != 0; slot = s.x.at(slot).next {
		alike++
		if u.class != envelope.S0 || s.x.at(slot).class != envelope.S0 || alike >= maxAlike {
			return nil, ErrTaken
		}
	}
	for slot := s.x.proofs(u.id); slot != 0; slot = s.x.at(slot).next {
		d := s.x.at(slot)
		// The tag is a hash of the key, so equal tags are equal keys.
		if d.tag == u.tag {
			d.flags |= sureFlag
			return nil, ErrDone
		}
		gone = append(gone, d.id)
	}
	return gone, nil
}

func (s *Shelf) judgeProof(u *unit) (gone []envelope.ID, err error) {
	if slot := s.x.find(u.proves); slot != 0 {
		if e := s.x.at(slot); e.tag != u.tag || e.class == envelope.Stamp {
			return nil, ErrBogus
		}
		u.flags |= sureFlag
		gone = append(s.stampsOf(u.proves), u.proves)
	}
	alike := 0
	for slot := s.x.proofs(u.proves); slot != 0; slot = s.x.at(slot).next {
		alike++
		if s.x.at(slot).tag == u.tag {
			return nil, ErrHave
		}
	}
	if alike >= maxAlike {
		return nil, ErrTaken
	}
	return gone, nil
}

// Raise gives a unit that is here the better of both Metas: it becomes Own or
// Fixed if m says so, and takes a lower Rank together with who brought that.
// For want of room or disk it stays as it is. It says whether anything
// changed.
func (s *Shelf) Raise(id envelope.ID, m Meta) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.x.find(id)
	return !s.closed && slot != 0 && s.upgrade(slot, m)
}

// upgrade is Raise. The unit is written anew, under its old seq.
func (s *Shelf) upgrade(slot uint32, m Meta) bool {
	u := s.x.at(slot)
	flags, rank, from := u.flags, u.rank, u.from
	if m.Own {
		flags |= ownFlag
	}
	if m.Fixed {
		flags |= fixFlag
	}
	if m.Rank < rank {
		rank, from = m.Rank, m.From
	}
	if flags == u.flags && rank == u.rank || u.ails() || !s.fits(u.total()) {
		return false
	}
	raw, err := s.appendUnit(nil, u, 0, int(u.size))
	if err != nil || envelope.IDOf(raw) != u.id || s.ready(u.total()) != nil {
		return false
	}
	s.bufGraves = s.entomb(s.bufGraves, u.file, u.off)
	s.hold(u.file)
	s.x.regrade(slot, flags, rank, from)
	r := u.record()
	s.settle(slot, s.active, s.append(&r, raw))
	return true
}

// Sync puts everything Put, Dropped and Marked before on stable storage. If it
// fails nothing of it is lost: the next Sync tries again. Errors wrap
// durable.ErrNoSpace when the disk is full.
func (s *Shelf) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	n := int64(len(s.buf))
	if err := s.flush(); err != nil {
		return err
	}
	s.chores(n)
	return nil
}

// Get reads a unit and checks it against its id. Errors: ErrMissing,
// ErrCorrupt; others tell of the disk. After an error that is the place's the
// unit counts as lacking: see Recheck.
func (s *Shelf) Get(id envelope.ID) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, err := s.slot(id)
	if err != nil {
		return nil, err
	}
	b, err := s.fetch(nil, slot)
	if err != nil {
		return nil, s.fault(slot, err)
	}
	return b, nil
}

// ReadAt reads at most n bytes of a unit from off. All of it was checked
// against the id then or not long before. Errors are those of Get.
func (s *Shelf) ReadAt(id envelope.ID, off, n int) ([]byte, error) {
	b, _, err := s.AppendAt(nil, id, off, n)
	return b, err
}

// AppendAt appends to b what ReadAt reads, and answers the unit's Entry, too.
func (s *Shelf) AppendAt(b []byte, id envelope.ID, off, n int) ([]byte, Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, err := s.slot(id)
	if err != nil {
		return b, Entry{}, err
	}
	u := s.x.at(slot)
	if off < 0 || n < 0 || off > int(u.size) {
		return b, Entry{}, fmt.Errorf("store: read of %d bytes at %d of %d", n, off, u.size)
	}
	if off == 0 && n >= int(u.size) {
		b, err = s.fetch(b, slot)
	} else {
		if err := s.sound(slot); err != nil {
			return b, Entry{}, err
		}
		b, err = s.appendUnit(b, u, off, min(n, int(u.size)-off))
	}
	if err != nil {
		return b, Entry{}, s.fault(slot, err)
	}
	return b, u.entry(), nil
}

func (s *Shelf) slot(id envelope.ID) (uint32, error) {
	if s.closed {
		return 0, ErrClosed
	}
	if slot := s.x.find(id); slot != 0 {
		return slot, nil
	}
	return 0, ErrMissing
}

// Entry finds a unit by its id.
func (s *Shelf) Entry(id envelope.ID) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entryAt(s.x.find(id))
}

// ByTag finds an envelope by its one-time address: of several S0, the newest.
func (s *Shelf) ByTag(t envelope.Tag) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entryAt(s.x.tagged(t))
}

func (s *Shelf) entryAt(slot uint32) (Entry, bool) {
	if slot == 0 || s.x.at(slot).ails() {
		return Entry{}, false
	}
	return s.x.at(slot).entry(), true
}

// Has says whether the unit is here.
func (s *Shelf) Has(id envelope.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.x.find(id)
	return slot != 0 && !s.x.at(slot).ails()
}

// Done says whether the envelope is proven delivered. A proof counts only
// after its key was seen to be the envelope's: anybody who saw an id can make
// a proof for it under a key of their own, and must not keep the envelope away
// from those who do not have it yet.
func (s *Shelf) Done(id envelope.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.x.proven(id)
}

// EachDone calls take for the envelopes of which Done would say so. take must not use the
// shelf.
func (s *Shelf) EachDone(take func(envelope.ID)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.x.since(0, func(u *unit) bool {
		if u.class == envelope.Done && u.flags&sureFlag != 0 {
			take(u.proves)
		}
		return true
	})
}

// Since lists at most max units with a Seq above seq, in order of arrival.
func (s *Shelf) Since(seq uint64, max int) []Entry {
	var list []Entry
	s.Each(seq, max, func(e Entry) { list = append(list, e) })
	return list
}

// Each calls take for what Since lists. take must not use the shelf.
func (s *Shelf) Each(seq uint64, max int, take func(Entry)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if max <= 0 {
		return
	}
	s.x.since(seq, func(u *unit) bool {
		if u.ails() {
			return true
		}
		take(u.entry())
		max--
		return max > 0
	})
}

// Names calls take for what Since lists, until that answers false. take must not use
// the shelf, nor keep or change the id.
func (s *Shelf) Names(seq uint64, take func(id *envelope.ID, seq uint64, c envelope.Class, size int) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.x.since(seq, func(u *unit) bool { return u.ails() || take(&u.id, u.seq, u.class, int(u.size)) })
}

// Top is a Seq that no unit here exceeds and every later one will.
func (s *Shelf) Top() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next - 1
}

// Drop removes a unit; durable after Sync. Errors: ErrMissing; others tell of
// the disk.
func (s *Shelf) Drop(id envelope.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.slot(id); err != nil {
		return err
	}
	if err := s.makeSpaceToDrop(); err != nil {
		return err
	}
	if slot := s.x.find(id); slot != 0 { // a damaged disk may have lost it just now
		return s.drop(slot)
	}
	return nil
}

// Expire removes what was to be kept until a day before today, own units
// included, and deletes the segments of those days. It believes today.
func (s *Shelf) Expire(today envelope.Day) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, ErrClosed
	}
	s.today = today
	s.expireParts(today)
	if !slices.ContainsFunc(s.x.buckets, func(b bucket) bool { return b.day() < today }) {
		return 0, nil
	}
	if err := s.makeSpaceToDrop(); err != nil {
		return 0, err
	}
	// Journals still hold some of them and are not deleted now: the record
	// keeps those away after the next Open.
	if err := s.ready(recordHeadSize); err != nil {
		return 0, err
	}
	s.append(&record{kind: expireRecord, until: today, seq: s.next}, nil)
	for k := 0; k < len(s.x.buckets); {
		if b := s.x.buckets[k]; b.day() >= today {
			k++
		} else {
			s.forget(b.head) // the last one takes the bucket with it
			n++
		}
	}
	for _, f := range s.segments() {
		if f.day < today {
			err = errors.Join(err, s.erase(f))
		}
	}
	return n, err
}

// Stats are the figures of now.
func (s *Shelf) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Envelopes: s.x.count - len(s.ailing), Bytes: s.disk, Quota: s.quota, Own: s.x.owned, Partials: len(s.parts.all), Bulk: s.x.bulk,
		Free: max(s.limit-s.x.cost, 0), Fixed: s.x.fixed}
}

// Epoch is the random name of this shelf's sequence. It changes when the
// sequence does: with a new shelf, or when the order of an old one was lost.
func (s *Shelf) Epoch() [8]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// Close syncs and gives the folder free, even if the sync fails.
func (s *Shelf) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	err := s.flush()
	s.release()
	return err
}

func (s *Shelf) release() {
	s.closed = true
	for len(s.handles.open) > 0 {
		s.handles.close(s.handles.open[0])
	}
	_ = s.lock.Close()
}
