package account

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// Packed is an envelope for the shelf.
type Packed struct {
	Bytes   []byte
	ID      envelope.ID
	To      ContactID
	Letters []LetterID // that have something in it
	Words   bool       // a letter is in it, not only pieces of attachments; not told by Unhanded
}

// sent is an own envelope until it is proven or long expired.
type sent struct {
	id       envelope.ID
	tag      envelope.Tag
	key      [32]byte // the one-time key, which a proof must show
	to       ContactID
	expiry   envelope.Day
	at       seal.Tick // when it was sealed
	ackKey   []byte    // in tableAcks; empty for a Start
	letters  []LetterID
	carriers [][8]byte // hashes of who is known to hold it
	left     bool
	doubt    seal.Tick // when a proof of this Start was heard, which may be forged; 0: never
}

// short tells that it is an S0, which has no key to prove with.
func (s *sent) short() bool { return s.key == [32]byte{} }

// provable tells whether a proof of it will come, that counts.
func (s *sent) provable() bool { return len(s.ackKey) > 0 && !s.short() }

// maxCarriers bounds what is remembered of one envelope's carriers.
const maxCarriers = 63

func (s *sent) record() []byte {
	r := NewRecord(2).Raw(s.tag[:]).Raw(s.key[:]).Raw(s.to[:]).Uint(uint64(s.expiry)).Int(int64(s.at)).Blob(s.ackKey).Flag(s.left)
	r.Uint(uint64(len(s.letters)))
	for _, l := range s.letters {
		r.Raw(l[:])
	}
	r.Uint(uint64(len(s.carriers)))
	for _, c := range s.carriers {
		r.Raw(c[:])
	}
	return r.Int(int64(s.doubt)).Bytes()
}

func parseSent(key, b []byte) (*sent, error) {
	f := ReadRecord(b)
	version := f.Version(2)
	s := &sent{tag: envelope.Tag(f.Raw(16)), key: [32]byte(f.Raw(32)), to: ContactID(f.Raw(16))}
	s.expiry, s.at, s.ackKey, s.left = envelope.Day(f.Uint()), seal.Tick(f.Int()), f.Blob(), f.Flag()
	for range f.Count(16) {
		s.letters = append(s.letters, LetterID(f.Raw(16)))
	}
	for range f.Count(8) {
		s.carriers = append(s.carriers, [8]byte(f.Raw(8)))
	}
	if version > 1 {
		s.doubt = seal.Tick(f.Int())
	}
	if err := f.Done(); err != nil || len(key) != 16 {
		return nil, fmt.Errorf("%w: a sent envelope", ErrDamaged)
	}
	s.id = envelope.ID(key)
	return s, nil
}

func getSent(tx Tx, id envelope.ID) (*sent, error) {
	b, err := tx.Get(tableSent, id[:])
	if err != nil || b == nil {
		return nil, err
	}
	return parseSent(id[:], b)
}

// Pack seals what waits, at most max bytes of envelopes (rather fewer than to fill
// small ones because of max), and answers them once
// their keys are durable as used. Texts go before attachments. What cannot go
// now stays: Contact.Stuck says why. The bytes are kept until Submitted.
// ErrClock when the day is not believable; nothing is lost by it.
func (a *Account) Pack(at Moment, max int) ([]Packed, error) {
	return a.packed(at, max, (*round).run)
}

// packed makes one round of sealing.
func (a *Account) packed(at Moment, max int, run func(*round) error) ([]Packed, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.believable(at); err != nil {
		return nil, err
	}
	if err := a.tend(at); err != nil {
		return nil, err
	}
	skip := map[ContactID]bool{}
	for {
		r := &round{a: a, at: at, left: max, skip: skip, bar: envelope.S4}
		err := a.update(at, func(tx Tx) error {
			r.tx = tx
			return run(r)
		})
		if err == nil {
			return r.out, nil
		}
		// What is wrong with one contact must not keep the letters of others.
		if r.culprit() == (ContactID{}) || errors.Is(err, ErrFull) || errors.Is(err, ErrClosed) {
			return nil, err
		}
		skip[r.culprit()] = true
		if len(skip) >= len(a.people)+len(a.held) {
			return nil, err
		}
	}
}

func (a *Account) believable(at Moment) error {
	if at.Day < a.config.Earliest || at.Day > a.config.Latest {
		return fmt.Errorf("%w: it says %v", ErrClock, at.Day)
	}
	return nil
}

// round is one call of Pack.
type round struct {
	a       *Account
	tx      Tx
	at      Moment
	left    int            // bytes
	full    bool           // what is next would only fit in pieces smaller than is good
	texting bool           // no envelopes for attachments alone
	late    bool           // what does not fill a large envelope waits behind large ones
	large   bool           // there are large ones before it
	queued  bool           // more than a second of texts is
	bar     envelope.Class // from here on they are large
	out     []Packed
	skip    map[ContactID]bool // contacts with whom something is wrong
	with    *person            // whose turn it is
	in      ContactID          // or which conversation's of the Guest
}

// run seals the texts for everybody, then the streams for everybody.
func (r *round) run() error {
	// First the Guest: what it hands out for its envelopes goes at once.
	if err := r.rooms(); err != nil {
		return err
	}
	for _, turn := range []func(*person) error{r.texts, r.streams} {
		if err := r.each(turn); err != nil {
			return err
		}
	}
	return nil
}

// waiting lists the contacts with something in the queue, those with urgent
// letters first.
func (r *round) waiting() (list []*person, err error) {
	var rest []*person
	for from := []byte(nil); ; {
		var id []byte
		var urgent bool
		err := r.tx.Scan(tableQueue, from, nil, false, func(k, _ []byte) (bool, error) {
			id, urgent = k[:16], k[16] == rankUrgent
			return false, nil
		})
		if err != nil {
			return nil, err
		}
		if id == nil {
			return append(list, rest...), nil
		}
		if p := r.a.people[ContactID(id)]; p != nil && urgent {
			list = append(list, p)
		} else if p != nil {
			rest = append(rest, p)
		}
		if from = After(id); from == nil {
			return append(list, rest...), nil
		}
	}
}

// lookAhead is how many bytes of the queue are read for one envelope.
const lookAhead = 3 * 16384

// entries reads the queue of a contact from one rank to another. Letters that
// expired stay in it but are passed over.
func (r *round) entries(id ContactID, from, to byte) (list []*waiting, more bool, err error) {
	total := 0
	err = r.tx.Scan(tableQueue, append(id[:], from), append(id[:], to+1), false, func(k, v []byte) (bool, error) {
		w, err := parseWaiting(k, v)
		if err != nil {
			return false, err
		}
		if w.left(r.a.now) <= 0 {
			return true, nil
		}
		if more = total > lookAhead; more {
			return false, nil
		}
		total += w.size()
		list = append(list, w)
		return true, nil
	})
	return list, more, err
}

// texts seals the letters of a contact, and riders with them.
func (r *round) texts(p *person) error {
	for first := true; r.left >= envelope.S1.Size(); first = false {
		list, more, err := r.entries(p.ID, rankUrgent, rankText)
		if err != nil {
			return err
		}
		riders, _, err := r.entries(p.ID, rankRider, rankRider)
		if err != nil {
			return err
		}
		if riders, err = r.worth(riders); err != nil {
			return err
		}
		due := false
		for _, w := range riders {
			due = due || r.a.now >= w.alone
		}
		if list, riders, err = r.followers(p, list, riders, more); err != nil {
			return err
		}
		if len(list) == 0 && !due {
			return nil
		}
		s, err := r.a.channel(p, true)
		if errors.Is(err, errStuck) {
			return nil
		}
		if err != nil {
			return err
		}
		done, err := r.text(p, s, list, riders, more, first)
		if err != nil || !done {
			return err
		}
	}
	return nil
}

// worth drops riders that have nothing to say any more.
func (r *round) worth(riders []*waiting) (list []*waiting, err error) {
	for _, w := range riders {
		size, err := r.size(w)
		if err != nil {
			return nil, err
		}
		if size > 0 {
			list = append(list, w)
		} else if err := r.tx.Delete(tableQueue, w.key); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// text seals one envelope of letters. done is false when nothing fits.
func (r *round) text(p *person, s *session, list, riders []*waiting, more, first bool) (done bool, err error) {
	if err := r.a.renew(p, s); err != nil {
		return false, err
	}
	l := load{room: s.s.Room, first: first, more: more, most: r.left, top: envelope.S3}
	if r.bar == envelope.S3 && r.large {
		l.top = envelope.S2 // it would wait behind attachments of the same size
	}
	if len(list) == 0 {
		// Only riders, and one of them is due: they all go.
		list, riders = riders, nil
	}
	for _, w := range list {
		size, err := r.size(w)
		if err != nil {
			return false, err
		}
		l.sizes = append(l.sizes, size)
	}
	c, n := l.grant(s.s.Wish(r.a.now), r.a.now-s.wished >= wishEvery || s.wished == 0)
	if n == 0 {
		return false, nil
	}
	if l.most = wholeMost; len(r.out) > 0 {
		if better, _ := l.choose(); envelope.Compare(better, c) > 0 {
			r.full = true
			return false, nil
		}
	}
	if l.wish > 0 {
		s.wished = max(r.a.now, 1)
	}
	cargo := &cargo{room: s.s.Room(c) - l.wish, ends: map[string]bool{}}
	for _, w := range list[:n] {
		if err := r.add(cargo, w, cargo.room); err != nil {
			return false, err
		}
	}
	if err := r.topUp(p.ID, cargo, riders); err != nil {
		return false, err
	}
	return true, r.seal(p, s, c, cargo)
}

// earlySize is as much of a long text as is looked for room for at once.
const earlySize = 3800

// size is what an entry takes; for a stream what is left of it, about.
func (r *round) size(w *waiting) (int, error) {
	if w.stream == "" {
		return w.size(), nil
	}
	left, err := r.a.left(r.tx, w.stream)
	if left > 0 {
		left += 32
	}
	return int(min(left, earlySize)), err
}

// topUp spends the room that is left on riders and on pieces of attachments.
func (r *round) topUp(id ContactID, c *cargo, riders []*waiting) error {
	for _, w := range riders {
		if err := r.add(c, w, c.room); err != nil {
			return err
		}
	}
	if c.room < minCut {
		return nil
	}
	streams, _, err := r.entries(id, rankStream, rankStream)
	if err != nil {
		return err
	}
	for _, w := range streams {
		if err := r.add(c, w, c.room); err != nil {
			return err
		}
		if c.room < minCut {
			break
		}
	}
	return nil
}

// streams seals what is left of a contact's attachments.
func (r *round) streams(p *person) error {
	for r.left >= envelope.S1.Size() && !r.full {
		list, _, err := r.entries(p.ID, rankStream, rankStream)
		if err != nil || len(list) == 0 {
			return err
		}
		total, next, err := r.shortest(list)
		if err != nil {
			return err
		}
		s, err := r.a.channel(p, len(p.sessions) == 0)
		if errors.Is(err, errStuck) || err == nil && !s.spare() {
			return nil // restart cards and the last keys are for texts
		}
		if err != nil {
			return err
		}
		if err := r.a.renew(p, s); err != nil {
			return err
		}
		c := r.stream(s, total, next, r.left)
		if c == 0 {
			return nil
		}
		if len(r.out) > 0 && envelope.Compare(r.stream(s, total, next, wholeMost), c) > 0 {
			r.full = true
			return nil
		}
		large := envelope.Compare(c, r.bar) >= 0
		if full := large && total >= int64(s.s.Room(c)); r.late && r.large && !full {
			return nil
		}
		r.large = r.large || large
		cargo := &cargo{room: s.s.Room(c), ends: map[string]bool{}}
		if list, err = r.led(p, list); err != nil {
			return err
		}
		for _, w := range list {
			if err := r.add(cargo, w, cargo.room); err != nil {
				return err
			}
			if cargo.room < minCut {
				break
			}
		}
		if len(cargo.parts) == 0 && len(cargo.took) == 0 {
			return nil
		}
		if len(cargo.parts) == 0 {
			if err := r.finish(cargo, nil); err != nil { // empty streams: only their end
				return err
			}
			continue
		}
		if err := r.seal(p, s, c, cargo); err != nil {
			return err
		}
	}
	return nil
}

// wholeMost lets an envelope have any size.
const wholeMost = 1 << 30

// shortest puts what has the least left first, so that most attachments are whole
// soon, and tells what is left of all and of the first.
func (r *round) shortest(list []*waiting) (total, first int64, err error) {
	left := make(map[*waiting]int64, len(list))
	for _, w := range list {
		if left[w], err = r.a.left(r.tx, w.stream); err != nil {
			return 0, 0, err
		}
		total += left[w] + 64
	}
	slices.SortStableFunc(list, func(a, b *waiting) int { return cmp.Compare(left[a], left[b]) })
	if len(list) > 0 {
		first = left[list[0]]
	}
	return total, first, nil
}

// cargo is what goes into one envelope.
type cargo struct {
	parts []seal.Part
	room  int
	took  []*waiting      // entries that have something in it
	ends  map[string]bool // keys of those that are finished by it
}

// words says that a letter's own words are in it.
func (c *cargo) words() bool {
	return slices.ContainsFunc(c.took, func(w *waiting) bool { return w.key[16] <= rankText })
}

// add puts an entry in, or as much of it as fits when it is a stream.
func (r *round) add(c *cargo, w *waiting, room int) error {
	if w.stream == "" {
		if size := w.size(); size <= room {
			c.parts = append(c.parts, w.parts...)
			c.room -= size
			c.took = append(c.took, w)
			c.ends[string(w.key)] = true
		}
		return nil
	}
	src, ok := r.a.source(w.stream)
	if !ok {
		return nil
	}
	took := false
	for {
		p, ok, err := src.Cut(r.tx, w.stream, c.room)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if seal.PartSize(p) > c.room {
			return fmt.Errorf("%w: a stream gave %d bytes for a room of %d", ErrTooLarge, seal.PartSize(p), c.room)
		}
		took = true
		c.parts = append(c.parts, p)
		c.room -= seal.PartSize(p)
	}
	left, err := src.Left(r.tx, w.stream)
	if err != nil {
		return err
	}
	if left == 0 {
		c.ends[string(w.key)] = true
	}
	if took || left == 0 {
		c.took = append(c.took, w)
	}
	return nil
}

// seal makes the envelope and writes all that follows from it.
func (r *round) seal(p *person, s *session, c envelope.Class, cargo *cargo) error {
	days, left := 0, 1
	for _, w := range cargo.took {
		days, left = max(days, w.days), max(left, w.left(r.a.now))
	}
	if days > p.lifeDays {
		p.lifeDays = days
		r.a.touch(p)
	}
	w := seal.Where{Class: c, Shard: p.Shard, LifeDays: p.lifeDays}
	w.Expiry = r.at.Day.Add(left + r.a.config.Rand.IntN(envelope.MaxJitter+1))
	out, err := s.s.Seal(r.a.now, w, cargo.parts)
	if err != nil {
		return err
	}
	rec, err := r.sent(p, s, out, w.Expiry)
	if err != nil {
		return err
	}
	if out.Start {
		if err := r.a.keepParts(r.tx, rec, left, cargo.parts); err != nil {
			return err
		}
	}
	return r.keep(rec, out.Bytes, cargo)
}

// sent begins the record of an envelope that s sealed, by the acknowledgement that
// will be asked for; a Start has none.
func (r *round) sent(p *person, s *session, out seal.Sealed, expiry envelope.Day) (*sent, error) {
	e, err := envelope.Parse(out.Bytes)
	if err != nil {
		return nil, fmt.Errorf("account: internal error: %w", err)
	}
	s.sealed(out)
	r.a.step(p, s)
	rec := &sent{id: out.ID, tag: e.Tag(), key: e.Key(), to: p.ID, expiry: expiry, at: r.a.now}
	if !out.Start {
		rec.ackKey = ackKey(s.id, seal.Acked{Epoch: out.Epoch, Index: out.Index})
		err = r.tx.Put(tableAcks, rec.ackKey, rec.id[:])
	}
	return rec, err
}

// keep writes an envelope that was sealed, until the shelf and then its reader
// have it.
func (r *round) keep(rec *sent, raw []byte, cargo *cargo) error {
	if err := r.tx.Put(tableSealed, rec.id[:], raw); err != nil {
		return err
	}
	if err := r.finish(cargo, rec); err != nil {
		return err
	}
	if err := r.tx.Put(tableSent, rec.id[:], rec.record()); err != nil {
		return err
	}
	r.a.retag = append(r.a.retag, func() { r.a.tags[rec.tag] = &owner{sent: &rec.id} })
	r.left -= len(raw)
	r.out = append(r.out, Packed{Bytes: raw, ID: rec.id, To: rec.to, Letters: rec.letters, Words: cargo.words()})
	return nil
}

func ackKey(session [16]byte, k seal.Acked) []byte {
	b := binary.BigEndian.AppendUint32(append([]byte(nil), session[:]...), k.Epoch)
	return binary.BigEndian.AppendUint32(b, k.Index)
}

// finish takes finished entries off the queue and gives their letters a piece.
func (r *round) finish(c *cargo, rec *sent) error {
	done := map[LetterID]int{}
	var order []LetterID
	for _, w := range c.took {
		if _, seen := done[w.letter]; !seen {
			done[w.letter] = 0
			order = append(order, w.letter)
		}
		if c.ends[string(w.key)] {
			done[w.letter]++
			if err := r.tx.Delete(tableQueue, w.key); err != nil {
				return err
			}
		}
	}
	for _, id := range order {
		if id == (LetterID{}) {
			continue
		}
		l, err := getLetter(r.tx, id)
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		err = r.a.change(r.tx, r.at, l, func() {
			l.open = max(l.open-done[id], 0)
			if rec != nil {
				rec.letters = append(rec.letters, id)
				l.pieces = append(l.pieces, piece{id: rec.id})
				l.expiry = max(l.expiry, rec.expiry)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Unhanded are the envelopes that were sealed but are not known to be on the
// shelf: after a crash the same bytes are to be submitted again.
func (a *Account) Unhanded() ([]Packed, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Packed
	err := a.vault.View(func(tx Tx) error {
		return tx.Scan(tableSealed, nil, nil, false, func(k, v []byte) (bool, error) {
			p := Packed{Bytes: v, ID: envelope.ID(k)}
			s, err := getSent(tx, p.ID)
			if s != nil {
				p.To, p.Letters = s.to, s.letters
			}
			out = append(out, p)
			return true, err
		})
	})
	return out, err
}

// Submitted says that the shelf holds these units durably, envelopes or
// proofs: their bytes need not be kept here any more.
func (a *Account) Submitted(ids ...envelope.ID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.vault.Update(func(tx Tx) error {
		for _, id := range ids {
			if err := tx.Delete(tableSealed, id[:]); err != nil {
				return err
			}
			if err := a.dropProof(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// whoHash shortens a carrier's name, and hides it in the vault.
func whoHash(who string) [8]byte {
	h := sha256.Sum256([]byte("jauap/1 carrier" + who))
	return [8]byte(h[:8])
}
