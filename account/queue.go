package account

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// LetterID names a letter: 16 random bytes of the sender.
type LetterID [16]byte

func (l LetterID) String() string { return hex.EncodeToString(l[:]) }

// ParseLetterID reads the 32 hexadecimal digits that String writes.
func ParseLetterID(s string) (l LetterID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(l) {
		return l, fmt.Errorf("account: %q is not a letter id", s)
	}
	return LetterID(b), nil
}

// StreamID names something of the App that is cut into parts as room allows;
// at most 64 bytes.
type StreamID string

// Kinds of parts in the range of account and App. A set high bit means that a
// reader who does not know the kind must not ignore it.
const (
	KindHello    = 0x40 // account: nothing but a sign of life
	FirstAppKind = 0x50
	Critical     = 0x80
)

// Outgoing is something to be sealed for a contact.
type Outgoing struct {
	To      ContactID
	Letter  LetterID    // zero when nobody asks how it gets on
	Parts   []seal.Part // each must fit an envelope by itself; below 900 bytes always does
	Early   []StreamID  // cut by the App's Source among the texts: long texts
	Streams []StreamID  // cut by the App's Source after all texts: attachments
	Urgency uint8       // 0 ordinary; more goes first
	Follows bool        // Parts say nothing without Streams: where texts wait they go with those
	Days    int         // lifetime; 0 is envelope.Lifetime, at most envelope.MaxLifetime

	// Alone, when not zero, lets this ride with anything that goes to the
	// contact, but makes it worth an envelope of its own only from this tick on.
	Alone seal.Tick
}

// Ranks in the queue of one contact.
const (
	rankUrgent byte = iota
	rankText
	rankRider
	rankStream
	rankFollows // parts that say nothing without what is in rankStream
)

// waiting is one entry of the queue.
type waiting struct {
	key    []byte // contact 16, rank 1, sequence 8
	letter LetterID
	days   int
	at     seal.Tick // when it was queued
	alone  seal.Tick
	parts  []seal.Part
	stream StreamID
}

// left is the lifetime that remains, in whole days. What was not sealed yet
// grows older only while the device is on: a clock that was put right must
// not make a letter of an hour ago an old one.
func (w *waiting) left(now seal.Tick) int { return w.days - int((now-w.at)/day) }

func (w *waiting) size() (n int) {
	for _, p := range w.parts {
		n += seal.PartSize(p)
	}
	return n
}

func queueKey(to ContactID, rank byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(append([]byte(nil), to[:]...), rank), seq)
}

func (w *waiting) record() []byte {
	r := NewRecord(1).Raw(w.letter[:]).Uint(uint64(w.days)).Int(int64(w.at)).Int(int64(w.alone)).Text(string(w.stream))
	r.Uint(uint64(len(w.parts)))
	for _, p := range w.parts {
		r.Uint(uint64(p.Kind)).Blob(p.Body)
	}
	return r.Bytes()
}

func parseWaiting(key, b []byte) (*waiting, error) {
	f := ReadRecord(b)
	f.Version(1)
	w := &waiting{key: key, letter: LetterID(f.Raw(16)), days: int(f.Uint()), at: seal.Tick(f.Int())}
	w.alone, w.stream = seal.Tick(f.Int()), StreamID(f.Text())
	for range f.Count(2) {
		w.parts = append(w.parts, seal.Part{Kind: uint8(f.Uint()), Body: f.Blob()})
	}
	if err := f.Done(); err != nil || len(key) != 25 {
		return nil, fmt.Errorf("%w: the queue", ErrDamaged)
	}
	return w, nil
}

// Queue saves something to be sealed and sent when there is a way. It is
// durable when the transaction is. Errors: ErrUnknown, ErrTooLarge.
func (a *Account) Queue(tx Tx, at Moment, o Outgoing) error {
	if c, err := tx.Get(tableContacts, o.To[:]); err != nil {
		return err
	} else if c == nil && !a.isHeld(o.To) {
		return ErrUnknown
	}
	if o.Days <= 0 {
		o.Days = envelope.Lifetime
	}
	o.Days = min(o.Days, envelope.MaxLifetime)
	seq, err := nextSeq(tx)
	if err != nil {
		return err
	}
	rank, first := rankText, rankText
	switch {
	case o.Alone > 0:
		rank, first = rankRider, rankRider
	case o.Urgency > 0:
		rank, first = rankUrgent, rankUrgent
	case o.Follows && len(o.Early) == 0 && len(o.Streams) > 0 && !a.isHeld(o.To):
		first = rankFollows
	}
	alone := o.Alone
	if alone > 0 {
		alone += seal.Tick(a.skew.Load())
	}
	open := 0
	if len(o.Parts) > 0 {
		w := &waiting{queueKey(o.To, first, seq), o.Letter, o.Days, a.tick(at), alone, o.Parts, ""}
		if w.size() > envelope.S4.BodySize() {
			return fmt.Errorf("%w: %d bytes", ErrTooLarge, w.size())
		}
		if err := tx.Put(tableQueue, w.key, w.record()); err != nil {
			return err
		}
		open++
	}
	for _, s := range append(o.Early[:len(o.Early):len(o.Early)], o.Streams...) {
		if seq, err = nextSeq(tx); err != nil {
			return err
		}
		if rank != rankRider && !slices.Contains(o.Early, s) {
			rank = rankStream
		}
		w := &waiting{queueKey(o.To, rank, seq), o.Letter, o.Days, a.tick(at), alone, nil, s}
		if err := tx.Put(tableQueue, w.key, w.record()); err != nil {
			return err
		}
		open++
	}
	if o.Letter == (LetterID{}) {
		return nil
	}
	l := &letter{id: o.Letter, to: o.To, open: open, until: a.tick(at) + seal.Tick(o.Days)*day}
	if err := tx.Put(tableExpiry, l.indexKey(), nil); err != nil {
		return err
	}
	if err := wait(tx, l, true); err != nil {
		return err
	}
	return tx.Put(tableLetters, l.id[:], l.record())
}

// Progress is what is known about a letter on its way. Every field is a fact
// about all of it, not about a piece.
type Progress struct {
	Letter   LetterID
	To       ContactID
	Sealed   bool // nothing of it waits any more
	Carriers int  // peers met that hold it whole, at most 63: who is known counts once, a stranger each time
	Left     bool // relays abroad confirmed every piece
	Proven   bool // the other device confirmed every piece
	Expired  bool // its lifetime ended before that
}

// letter is a letter until it is proven or long expired.
type letter struct {
	id      LetterID
	to      ContactID
	open    int          // entries in the queue
	until   seal.Tick    // when it expires while something of it is not sealed
	expiry  envelope.Day // when its last envelope expires, once all is sealed
	expired bool
	pieces  []piece
}

// piece is one envelope of a letter.
type piece struct {
	id       envelope.ID
	carriers uint8
	left     bool
	proven   bool
}

func (l *letter) record() []byte {
	r := NewRecord(1).Raw(l.to[:]).Uint(uint64(l.open)).Int(int64(l.until)).Uint(uint64(l.expiry)).Flag(l.expired)
	r.Uint(uint64(len(l.pieces)))
	for _, p := range l.pieces {
		flags := uint64(p.carriers) << 2
		if p.left {
			flags |= 1
		}
		if p.proven {
			flags |= 2
		}
		r.Raw(p.id[:]).Uint(flags)
	}
	return r.Bytes()
}

func parseLetter(id LetterID, b []byte) (*letter, error) {
	f := ReadRecord(b)
	f.Version(1)
	l := &letter{id: id, to: ContactID(f.Raw(16)), open: int(f.Uint())}
	l.until, l.expiry, l.expired = seal.Tick(f.Int()), envelope.Day(f.Uint()), f.Flag()
	for range f.Count(17) {
		p := piece{id: envelope.ID(f.Raw(16))}
		flags := f.Uint()
		p.carriers, p.left, p.proven = uint8(flags>>2), flags&1 != 0, flags&2 != 0
		l.pieces = append(l.pieces, p)
	}
	return l, f.Done()
}

func getLetter(tx Tx, id LetterID) (*letter, error) {
	b, err := tx.Get(tableLetters, id[:])
	if err != nil || b == nil {
		return nil, err
	}
	return parseLetter(id, b)
}

func (l *letter) progress() Progress {
	p := Progress{Letter: l.id, To: l.to, Sealed: l.open == 0 && len(l.pieces) > 0, Expired: l.expired}
	if !p.Sealed {
		return p
	}
	p.Carriers, p.Left, p.Proven = maxCarriers, true, true
	for _, e := range l.pieces {
		if e.proven {
			continue // it has arrived: no carrier matters any more
		}
		p.Carriers, p.Left, p.Proven = min(p.Carriers, int(e.carriers)), p.Left && e.left, false
	}
	if p.Proven {
		p.Carriers, p.Left = 0, false // nobody needs to ask any more
	}
	return p
}

// indexKey is the letter's place in the index of expiry: by tick while
// something of it waits, by day once all is sealed, apart when it expired.
func (l *letter) indexKey() []byte {
	var k []byte
	switch {
	case l.expired:
		k = []byte{indexExpired}
	case l.open > 0:
		k = binary.BigEndian.AppendUint64([]byte{indexTick}, uint64(l.until))
	default:
		k = binary.BigEndian.AppendUint16([]byte{indexDay}, uint16(l.expiry))
	}
	return append(k, l.id[:]...)
}

const (
	indexTick byte = iota
	indexDay
	indexExpired
)

// change alters a letter, keeps its indexes and tells the App; a letter that
// is proven is forgotten here.
func (a *Account) change(tx Tx, at Moment, l *letter, f func()) error {
	before, oldKey := l.progress(), l.indexKey()
	f()
	now := l.progress()
	if err := tx.Delete(tableExpiry, oldKey); err != nil {
		return err
	}
	if now.Carriers > 0 || now.Left || now.Proven || now.Expired {
		if err := wait(tx, l, false); err != nil {
			return err
		}
	}
	var err error
	if now.Proven {
		err = tx.Delete(tableLetters, l.id[:])
	} else {
		if err := tx.Put(tableExpiry, l.indexKey(), NewRecord(1).Int(int64(a.now)).Bytes()); err != nil {
			return err
		}
		err = tx.Put(tableLetters, l.id[:], l.record())
	}
	if err != nil || now == before {
		return err
	}
	return a.moved(tx, at, now)
}
