package chat

import (
	crand "crypto/rand"
	"math/rand/v2"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Config is the policy of a Chat.
type Config struct {
	Rand *rand.Rand // delays, never keys; shared with nobody

	// How long a receipt may wait for a letter to ride with before it is worth
	// an envelope of its own. Both zero: at once.
	ReceiptMin, ReceiptMax time.Duration

	// Heard, when set, is told that something of a contact's came, written at
	// a time that they claim: by hand, or by their device as receipts are. It
	// runs inside the account's transaction.
	Heard func(tx account.Tx, from account.ContactID, at account.Moment, wrote time.Time, byHand bool) error
}

func (c Config) heard(tx account.Tx, from account.ContactID, at account.Moment, wrote time.Time, byHand bool) error {
	if c.Heard == nil {
		return nil
	}
	return c.Heard(tx, from, at, wrote, byHand)
}

// DefaultConfig keeps receipts back for ten minutes to two hours, so that
// whoever watches the air cannot tell an answer from a letter.
func DefaultConfig() Config {
	var seed [32]byte
	crand.Read(seed[:])
	return Config{Rand: rand.New(rand.NewChaCha8(seed)), ReceiptMin: 10 * time.Minute, ReceiptMax: 2 * time.Hour}
}

// Chat keeps conversations. Its methods may be called by several goroutines.
type Chat struct {
	a      *account.Account
	vault  account.Vault
	config Config
	rooms  Rooms // nil when there are none
}

// New makes the conversations of an account and takes its letters from now on.
func New(a *account.Account, c Config) *Chat {
	chat := &Chat{a: a, vault: a.Vault(), config: c}
	a.Use(chat)
	return chat
}

// Head sums up a conversation.
type Head struct {
	Unread   int
	LastText string    // the beginning of the newest letter
	LastMine bool      // which is the owner's own
	LastAt   time.Time // when it was written here, or arrived here
	WroteAt  time.Time // claimed time of the newest of theirs; zero when not known
}

// Head of the conversation with a contact.
func (c *Chat) Head(with account.ContactID) (Head, error) {
	var out Head
	err := c.vault.View(func(tx account.Tx) error {
		h, err := getHead(tx, with)
		if err == nil {
			out = Head{h.unread, h.lastText, h.lastMine, h.lastAt, h.wroteAt}
		}
		return err
	})
	return out, err
}

// Moved implements account.Watcher: a letter of ours got on.
func (c *Chat) Moved(tx account.Tx, at account.Moment, p account.Progress) error {
	l, err := get(tx, p.Letter)
	if err != nil || l == nil || !l.Mine {
		return err
	}
	l.Carriers = p.Carriers
	switch {
	case p.Proven:
		l.advance(Delivered, at.Wall)
	case p.Expired:
		if l.State != Expired && l.State.rank() < Delivered.rank() {
			l.changed(Expired, at.Wall)
		}
	case p.Left:
		l.advance(Left, at.Wall)
	case p.Carriers > 0:
		l.advance(Carried, at.Wall)
	case l.State == Expired:
		l.changed(Saved, at.Wall) // the clock was wrong
	}
	return l.put(tx)
}

// advance moves a letter to a later state.
func (l *letter) advance(s State, at time.Time) {
	if s.rank() > l.State.rank() {
		l.changed(s, at)
	}
}

func (l *letter) changed(s State, at time.Time) {
	if len(l.History) >= maxHistory {
		l.History = append(l.History[:1], l.History[2:]...)
	}
	l.History = append(l.History, Change{s, at})
	l.State, l.At = s, at
}

// receipts takes the peer's confirmations of our letters.
func (c *Chat) receipts(tx account.Tx, from account.Contact, at account.Moment, b []byte) error {
	for _, r := range parseReceipts(b) {
		l, err := get(tx, r.id)
		if err != nil {
			return err
		}
		gone, err := wasDeleted(tx, account.ContactID{}, r.id)
		if err != nil {
			return err
		}
		if !gone && (l == nil || !l.Mine || l.With != from.ID) {
			continue
		}
		if !gone && l.confirmed(r, at.Wall) {
			l.Carriers = 0
			if err := l.put(tx); err != nil {
				return err
			}
			if l.State == Read {
				if err := l.vanishIn(tx, at, max(l.Vanish-at.Wall.Sub(l.At), 0)); err != nil {
					return err
				}
			}
		}
		if err := c.a.Arrived(tx, at, from.ID, r.id); err != nil {
			return err
		}
		if err := c.config.heard(tx, from.ID, at, r.at, false); err != nil {
			return err
		}
	}
	return nil
}

// confirmed takes what the peer says of a letter. The time is theirs to claim,
// but not before what we know nor after now. It tells whether anything changed.
func (l *letter) confirmed(r receipt, now time.Time) bool {
	if r.at.After(now) {
		r.at = now
	}
	delivered := -1
	for i, c := range l.History {
		if c.State == Delivered {
			delivered = i
		} else if r.at.Before(c.At) {
			r.at = c.At
		}
	}
	// It was there when they say so, and not only when we heard of it.
	if delivered >= 0 && r.at.Before(l.History[delivered].At) {
		l.History[delivered].At = r.at
	} else if r.read == (l.State == Read) && l.State.rank() >= Delivered.rank() {
		return false
	}
	if r.read {
		l.advance(Read, r.at)
	} else {
		l.advance(Delivered, r.at)
	}
	l.At = l.History[len(l.History)-1].At
	return true
}

// confirm queues a receipt for a letter of theirs.
func (c *Chat) confirm(tx account.Tx, at account.Moment, h *head, l *letter, read bool) error {
	key := append(append([]byte(nil), l.With[:]...), l.wire[:]...)
	b, err := tx.Get(tableReceipts, key)
	if err != nil {
		return err
	}
	var delivered, readAt time.Time
	if b != nil {
		f := account.ReadRecord(b)
		f.Version(1)
		if delivered, readAt = f.Time(), f.Time(); f.Done() != nil {
			return f.Done()
		}
	}
	if read {
		readAt = at.Wall
	} else {
		delivered = at.Wall
	}
	if err := tx.Put(tableReceipts, key, account.NewRecord(1).Time(delivered).Time(readAt).Bytes()); err != nil {
		return err
	}
	if h.rider {
		return nil
	}
	h.rider = true
	delay := c.delay()
	if l.inRoom() {
		delay *= roomDelay
	}
	return c.a.Queue(tx, at, account.Outgoing{
		To: l.With, Streams: []account.StreamID{receiptStream(l.With)}, Alone: max(at.Tick+delay, 1),
	})
}

func (c *Chat) delay() seal.Tick {
	d := c.config.ReceiptMin
	if more := c.config.ReceiptMax - d; more > 0 {
		d += time.Duration(c.config.Rand.Int64N(int64(more) + 1))
	}
	return seal.Tick(d / time.Second)
}

func receiptStream(with account.ContactID) account.StreamID {
	return account.StreamID(append([]byte{'r'}, with[:]...))
}

// cutReceipts takes as many receipts for a contact as fit.
func cutReceipts(tx account.Tx, with account.ContactID, room int) (p seal.Part, ok bool, err error) {
	p.Kind = kindReceipt
	room -= seal.PartSize(p)
	var done [][]byte
	more := false
	err = tx.Scan(tableReceipts, with[:], account.After(with[:]), false, func(k, v []byte) (bool, error) {
		f := account.ReadRecord(v)
		f.Version(1)
		delivered, read := f.Time(), f.Time()
		if more = len(p.Body)+2*receiptSize > room; more {
			return false, f.Done()
		}
		if !delivered.IsZero() {
			p.Body = appendReceipt(p.Body, receipt{account.LetterID(k[16:]), false, delivered})
		}
		if !read.IsZero() {
			p.Body = appendReceipt(p.Body, receipt{account.LetterID(k[16:]), true, read})
		}
		done = append(done, k)
		return true, f.Done()
	})
	if err != nil || len(done) == 0 {
		return p, false, err
	}
	for _, k := range done {
		if err := tx.Delete(tableReceipts, k); err != nil {
			return p, false, err
		}
	}
	if more {
		return p, true, nil
	}
	h, err := getHead(tx, with)
	if err != nil {
		return p, false, err
	}
	h.rider = false
	return p, true, h.put(tx, with)
}
