package seal

import (
	"errors"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
)

// Errors of this room, usable with errors.Is. Each leaves the state as it was.
var (
	// ErrUnknownTag: the envelope belongs to somebody else.
	ErrUnknownTag = errors.New("seal: not for this session")
	// ErrWrongKey: our tag, but not sealed by the other end, or altered.
	ErrWrongKey = errors.New("seal: wrong key or altered envelope")
	// ErrReplay: opened before. It is only told apart from ErrUnknownTag
	// for a while; both deliver nothing.
	ErrReplay = errors.New("seal: opened before")
	// ErrMalformed: the other end broke the format, or an argument does.
	ErrMalformed = errors.New("seal: malformed letter")
	// ErrUpdate: the other end uses what this version does not know.
	ErrUpdate = errors.New("seal: the letter needs a newer Jauap; keep it and update")
	// ErrCap: nothing may be sealed until an answer comes.
	ErrCap = errors.New("seal: too many letters without an answer; wait for one or start again with the restart card")
	// ErrTooLarge: the parts do not fit the class: see Room.
	ErrTooLarge = errors.New("seal: the parts do not fit the size class")
	// ErrEnded: the session is only a name: see Inbox.Open.
	ErrEnded = errors.New("seal: this session is over; start a new one")
	// ErrCard: no session can come of this card.
	ErrCard = errors.New("seal: unusable card")
	// ErrOwnCard: the card is one's own.
	ErrOwnCard = errors.New("seal: this is your own card; give it to somebody else")
	// ErrState: not what Marshal wrote.
	ErrState = errors.New("seal: malformed state")
)

// Tick is the time that the device was on, in seconds, never decreasing. The
// key schedule knows no other clock.
type Tick int64

const day Tick = 24 * 60 * 60

// Limits. spec/seal.md, 2.
const (
	window     = 128      // indexes past the highest received that are watched
	sendCap    = 96       // indexes past the highest acknowledged that are sealed
	startSlots = 64       // Start letters per card and form
	maxMissing = 2500     // keys kept of letters that were overtaken
	maxParts   = 8192     // parts per letter
	grace      = 4 * day  // kept longer than the sender's longest lifetime
	floor      = day / 2  // from the beginning of an epoch to the next offer
	renew      = 30 * day // age of a restart card
	retry      = 20 * 60  // seconds between two wishes for room for the same part
)

// Part is one element of a letter. Bit 0x40 of Kind says whose it is: unset,
// this room's; set, the caller's. Bit 0x80 says that a reader who does not
// know the kind must not pass over it.
type Part struct {
	Kind uint8
	Body []byte
}

// Kinds of parts of this room. spec/seal.md, 7.3.
const (
	kindOffer  = 0x01
	kindAnswer = 0x02
	kindKey    = 0x03
	kindCard   = 0x04

	bitApp      = 0x40
	bitCritical = 0x80
)

const partHead = 4

// PartSize is the room that a part takes, in bytes.
func PartSize(p Part) int { return partHead + len(p.Body) }

// Where says how an envelope travels.
type Where struct {
	Class envelope.Class
	Shard uint8
	// Expiry is the last day on which carriers keep it. The caller adds 0 to
	// envelope.MaxJitter random days.
	Expiry envelope.Day
	// LifeDays is the longest lifetime in days that this person uses; the
	// other end keeps keys of missing letters for it. 0 is envelope.Lifetime.
	LifeDays int
}

// Sealed is an envelope that is ready to leave, once the session's state is
// durable.
type Sealed struct {
	Bytes []byte
	ID    envelope.ID
	Epoch uint32
	Index uint32 // in the epoch; for a Start the slot
	Start bool
}

// Acked names an envelope that was sealed inside a session (not a Start).
type Acked struct {
	Epoch uint32
	Index uint32
}

// Opened is what an envelope held.
type Opened struct {
	// Parts are the caller's; they share one buffer that is the caller's too.
	Parts []Part
	// Proof is the Done unit for carriers; nil for S0.
	Proof []byte
	// Confirmed is the first proof that the peer opened something of ours.
	Confirmed bool
	// RestartCard was handed over in this letter. It may be one that the
	// caller already has: compare Card.ID.
	RestartCard *identity.Invite
	// Acked are envelopes of ours that the peer now says it opened. One may
	// be named more than once in the life of a session.
	Acked []Acked
	// Forked: the two ends disagree about a key exchange or a count, because
	// a state was restored from an old copy or was stolen and used. The parts
	// are genuine; warn, and start again with the restart card.
	Forked bool
}
