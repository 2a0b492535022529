package store

import (
	"errors"

	"github.com/jauap/jauap/envelope"
)

// Errors of the shelf, usable with errors.Is.
var (
	// ErrHave: the unit is here already; Put also answers its Entry.
	ErrHave = errors.New("store: the unit is here already")
	// ErrTaken: another body under the same one-time key is here already.
	ErrTaken = errors.New("store: another body has this one-time key")
	// ErrDone: a proof under the same key says that it was delivered.
	ErrDone = errors.New("store: delivered already, as its proof says")
	// ErrBogus: the proof's key is not the key of the envelope it speaks of.
	ErrBogus = errors.New("store: the proof has another key than its envelope")
	// ErrExpired: the day until which it may be kept is over.
	ErrExpired = errors.New("store: expired")
	// ErrFull: nothing here may go in favour of the unit.
	ErrFull = errors.New("store: the shelf is full; raise its quota or wait for room")
	// ErrMissing: no such unit or partial.
	ErrMissing = errors.New("store: no such unit")
	// ErrCorrupt: the disk gave back other bytes than were put; the unit counts
	// as lacking, so that a good copy may come.
	ErrCorrupt = errors.New("store: the disk changed the unit")
	// ErrQuota: the quota is below MinQuota.
	ErrQuota = errors.New("store: the quota is too small; give it at least 1 MiB")
	// ErrPartial: the piece does not continue the partial, or is beyond its size.
	ErrPartial = errors.New("store: the piece does not fit its partial")
	// ErrMark: the name or value is too long, or there are too many.
	ErrMark = errors.New("store: too many or too large marks")
	// ErrClosed: the shelf was closed.
	ErrClosed = errors.New("store: the shelf is closed")

	errAiling = errors.New("store: a unit that cannot be read keeps its file for now")
)

// Options of Open.
type Options struct {
	// Quota in bytes on disk, never exceeded; at least MinQuota. Units of more
	// than a sixteenth of it are refused as ErrFull. About a quarter (of the
	// smallest quotas two fifths) is kept for moving, drops and partials.
	Quota       int64
	SegmentSize int64        // bytes per file; 0 chooses by the quota, and no more than a 32nd of it is used
	Today       envelope.Day // used where Meta.Today is zero; expires nothing by itself
	// Shares are the parts of the room, in percent by rank from 0 to 3, that
	// units of each rank keep when the shelf is full. What a rank does not use
	// is lent to the others. Rank 0 has none: such units are own. Without
	// shares the highest rank goes first whatever it holds.
	Shares [Ranks]int
}

// Ranks is how many ranks may have a share.
const Ranks = 4

// MinQuota is the smallest quota, in bytes.
const MinQuota = 1 << 20

// Report says what Open found and mended.
type Report struct {
	Envelopes int      // units found whole
	Cut       int64    // bytes of torn tails cut: writes that were never acknowledged
	Damaged   int      // damaged places inside files: what stood there is lost. A power cut amid a Sync may leave one, too
	Unread    int      // blocks of durable.Block bytes that the disk did not give: what stood there is lost
	Ignored   []string // files that are not the shelf's; they do not count
	NewEpoch  bool     // the sequence is new: the shelf was empty or its order is lost
}

// Meta is what the caller knows of a unit and its bytes do not say.
type Meta struct {
	Own   bool         // never evicted
	Rank  uint8        // what Options.Shares goes by; without shares the higher goes first
	From  uint32       // who brought it: units of one rank are shared out among givers
	Fixed bool         // not evicted before its last day
	Until envelope.Day // last day to keep it; 0: its expiry. Never more than MaxLifetime+MaxJitter after Today
	Today envelope.Day // 0: the shelf's last
}

// Entry is one unit of the shelf.
type Entry struct {
	ID     envelope.ID
	Tag    envelope.Tag
	Class  envelope.Class
	Shard  uint8
	Expiry envelope.Day
	Size   uint32 // bytes of the unit
	Seq    uint64 // place in the order of arrival, from 1
	Own    bool
	Fixed  bool // not evicted before its last day
	Rank   uint8
	From   uint32 // who brought it, as Meta.From said
}

// Stats are figures of a shelf.
type Stats struct {
	Envelopes int   // units, proofs included
	Bytes     int64 // on disk, all files
	Quota     int64
	Own       int // units that are never evicted
	Partials  int
	Bulk      int64 // bytes of S4 and S5 that are not own
	Free      int64 // bytes that may be put before anything is evicted
	Fixed     int64 // bytes that are not evicted and not own
}
