package exchange

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jauap/jauap/envelope"
)

// Item is one unit as a session speaks of it.
type Item struct {
	ID     envelope.ID
	Size   int    // bytes
	Seq    uint64 // place in the giver's arrival order; 0 when the giver is anonymous
	From   uint32 // who brought it, for Config.Order; never leaves the device
	Expiry envelope.Day
	Class  envelope.Class
	Shard  uint8
	Rank   uint8 // 0 own, higher goes later; from 2 on alike here; never leaves the device
	Told   bool  // somebody is known to hold it: not for a first flight; never leaves the device
	Flown  bool  // some of it left before; never leaves the device
	Whole  bool  // all of it left before; never leaves the device
	Words  bool  // it has words, and goes before what has none; never leaves the device
	Tried  bool  // it left unasked to somebody who spoke, but not of it: ask first; never leaves the device
	Mute   bool  // held, but not to be offered to this far end; never leaves the device
}

// Verdict is a shelf's judgement of a unit that was offered.
type Verdict uint8

// The verdicts. Values are those on the wire (spec/exchange.md, 8).
const (
	Refuse       Verdict = iota // never; not asked again in this session
	Later                       // not now; asked again in another session
	Keep                        // held
	KeepAndOffer                // held and offered to others
)

func (v Verdict) String() string {
	switch v {
	case Refuse:
		return "refuse"
	case Later:
		return "later"
	case Keep:
		return "keep"
	case KeepAndOffer:
		return "keep and offer"
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// What Shelf.Want says in from when ok is false; from == Item.Size says that
// the shelf holds the unit. Any other value refuses it, unless Append can
// deliver the unit, which proves it held.
const (
	Wait   = -1 // another link is bringing it: Retry or Added decides
	NotNow = -2 // answered Later
)

// Shelf is what a session needs of the shelf beside it. Its methods may block
// for the disk only.
type Shelf interface {
	// Since lists units in arrival order with Seq > seq, at most max of them;
	// an empty answer means that there are no more. Only units that are on
	// stable storage, with everything before them, may be listed: a crash must
	// not give their Seq to others, and nothing may appear later below a Seq
	// that was listed. The answer is used until the next call of the shelf.
	Since(seq uint64, max int) []Item
	// Want says whether to ask for it, and from which byte. See Wait.
	Want(it Item) (from int, ok bool)
	// Append appends 1..max bytes of a unit from the given byte on to b.
	Append(b []byte, id envelope.ID, from, max int) ([]byte, error)
	// Write takes the bytes of a unit in order, from where Want said; the shelf
	// may have got some of them by another link meanwhile. whole says that the matter is
	// settled and v is the verdict: the unit was checked (id and signature)
	// and put, or given up. ErrMismatch says that all bytes came but do not
	// have this id, and that they were thrown away. Other errors are the
	// shelf's own trouble and end the session.
	Write(it Item, from int, data []byte) (v Verdict, whole bool, err error)
	// Sync puts everything written on stable storage. It is called before any
	// confirmation leaves; it should be cheap when nothing was written.
	Sync() error
}

// Refuser is a Shelf that can name units which it lacks and would not take now, such as
// those that are proven delivered, and of a full shelf what it evicted: a sketch finds
// them missing, and asking for them would have them sent in vain.
type Refuser interface {
	Refusals(each func(envelope.ID))
}

// Namer is a Shelf that can name its units without saying all of each: to sketch is to
// go through all of them several times in a meeting.
type Namer interface {
	// Names calls each for what Since would list, until that answers false. each
	// must not use the shelf, nor keep or change the id.
	Names(seq uint64, each func(x *envelope.ID, seq uint64, c envelope.Class, size int) bool)
}

// Order decides which unit is offered next, and is told what became of it.
type Order interface {
	Add(Item)
	Len() int
	Next() (Item, bool) // stays in line until Take
	Take()
	Listed(Item)     // it was offered
	Asked(Item, int) // so many bytes of it were asked for
	Held(Item)       // it was not asked for: the far end has it, or will not have it
}

// Errors, usable with errors.Is.
var (
	// ErrProtocol: the far end broke the rules of spec/exchange.md.
	ErrProtocol = errors.New("exchange: the far end broke the protocol")
	// ErrVersion: the far end speaks no version that we know.
	ErrVersion = errors.New("exchange: the far end speaks another version")
	// ErrMismatch is what Shelf.Write answers when bytes do not have their id.
	ErrMismatch = errors.New("exchange: the bytes do not have the announced id")
	// ErrSums: a relay sent sums of a sketch, on which it cannot have agreed with us.
	ErrSums = errors.New("exchange: sums of a list came that nobody asked for")
	// ErrTooLong: a frame is longer than MaxFrame.
	ErrTooLong = errors.New("exchange: frame too long")
	// ErrOver: Receive was called after the session's end.
	ErrOver = errors.New("exchange: the session is over")
)

// Lanes is the number of orders within which units are listed oldest first:
// one per class and rank.
const Lanes = laneClasses * laneRanks

const (
	laneClasses = 8
	laneRanks   = 3
)

// laneClass is the class in whose lanes a unit goes: a stamp is listed among the S1.
func laneClass(c envelope.Class) envelope.Class {
	if c == envelope.Stamp {
		return envelope.S1
	}
	return c
}

// lane of a unit; listings that carry sequence numbers use rank 0 for all.
func lane(c envelope.Class, rank uint8) int {
	return int(laneClass(c))*laneRanks + int(min(rank, laneRanks-1))
}

// Mark says how far a sequence was exchanged with one peer. Epoch is the
// peer's. Everything up to Seq is settled; in Lane, indexed by class and rank,
// everything of that lane up to its value (0: no more than Seq says).
type Mark struct {
	Epoch [8]byte
	Seq   uint64
	Lane  [Lanes]uint64
}

// at is how far lane l is settled.
func (m *Mark) at(l int) uint64 { return max(m.Seq, m.Lane[l]) }

// top is the largest sequence number that the mark speaks of.
func (m *Mark) top() uint64 {
	t := m.Seq
	for _, v := range m.Lane {
		t = max(t, v)
	}
	return t
}

const markSize = 8 + 8 + 8*Lanes

// Bytes encodes the mark for ParseMark.
func (m Mark) Bytes() []byte {
	b := append(make([]byte, 0, markSize), m.Epoch[:]...)
	b = binary.BigEndian.AppendUint64(b, m.Seq)
	for _, v := range m.Lane {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

// ParseMark reads what Bytes wrote. ok is false for anything else.
func ParseMark(b []byte) (m Mark, ok bool) {
	if len(b) != markSize {
		return m, false
	}
	copy(m.Epoch[:], b)
	m.Seq = binary.BigEndian.Uint64(b[8:])
	for i := range m.Lane {
		m.Lane[i] = binary.BigEndian.Uint64(b[16+8*i:])
	}
	return m, true
}

// Config of one session.
type Config struct {
	Epoch  [8]byte // of our shelf's sequence; zero when anonymous
	Top    uint64  // the newest durable Seq of our shelf
	Give   Mark    // what this authenticated peer got of our sequence before
	Take   Mark    // what we got of its sequence before
	Serve  bool    // we are a relay
	Shards []uint8 // shards we take; none means all. Shard 0 is always taken
	// MaxItems bounds the units listed and not yet settled, each way: 0 means
	// 2,048; at most 8,192 and at least 64.
	MaxItems int
	// Chunk is the most payload of one DATA frame in bytes: 0 means 16 KiB; at
	// most 64 KiB and at least 1 KiB.
	Chunk int
	// First is how many bytes of own units (Rank 0) of at most class S1b leave
	// unasked in the first flight: 0 for none, at most 256 KiB. FirstLarge lets units up
	// to S3 be among them: a slow link is then not idle until it is known what differs.
	First      int
	FirstLarge bool
	// From turns the listing: units with Seq > From come before older ones of
	// the same class and rank. A random value lets short meetings of the same
	// two strangers differ. It is ignored where marks are in use.
	From uint64
	// Order begins an order in which units are to be offered, in place of class,
	// rank and age; all sizes are then in one line. It is ignored where marks are
	// in use.
	Order func() Order
	// Nonce lets two anonymous sides find what differs by a sketch instead of
	// listing everything. It must be unpredictable and never used twice; zero
	// for no sketch. It is ignored where marks or shards are in use.
	Nonce [8]byte
	// Parts are units whose beginnings the shelf holds: the far end is told, under the
	// key of Nonce, and goes on with them at once. At most 8 are told.
	Parts []Part
}

// Outcome is what happened in a session since the last Take.
type Outcome struct {
	Kept    []Item // received and on stable storage
	Handed  []Item // ours, which the far end holds on stable storage
	Refused []Item // ours, which the far end will not have
	Flown   []Item // ours of S2 and larger of which something left
	Whole   []Item // those of them whose last byte left
	Give    Mark   // to be stored; valid when Marked
	Take    Mark
	Marked  bool // the far end has an epoch, so the marks mean something
	// Sent and Received count payload bytes of units, and Waiting the units
	// known to be still on their way, both ways, all since the session's start.
	Sent, Received int64
	Waiting        int
	Answered       bool  // the far end spoke of what it heard listed since the last Take
	Even           bool  // nothing is left to do, both ways
	Bye            bool  // the far end said that it ends
	Err            error // the shelf failed: nothing more is confirmed
}
