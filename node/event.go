package node

import (
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
)

// LinkID names one link from its Up to its Down. The caller chooses it and
// never uses it twice.
type LinkID uint64

// Event is something that happened to a node.
type Event interface{ event() }

// Submit puts an own unit (a sealed envelope, a proof or a stamp) on the shelf. It is
// durable when Step returns a Stored with its id, and gone wrong when Step
// returns a Refused. Of a stamp no Stored tells.
type Submit struct {
	Raw   []byte
	Words bool // it has words: to contacts it goes before what has none
}

// Found is a unit found in a Drop. The bytes are untrusted.
type Found struct{ Raw []byte }

// Blend puts a unit that was made here on the shelf as if a contact had
// brought it: nobody shall see that it is ours. It is told as Arrived.
type Blend struct{ Raw []byte }

// Up says that a link came up.
type Up struct {
	Link   LinkID
	Peer   link.Peer
	Traits link.Traits
}

// Named says that the far end of a link turned out to be a contact's device, by a
// Peer.Key. Links that have a name, and relays, keep what they are.
type Named struct {
	Link LinkID
	Key  string
	// HideOwn keeps from this contact which units were written here.
	HideOwn bool
}

// Frame is one frame received, without its length prefix. The node may keep
// parts of Data: the caller must not change it afterwards.
type Frame struct {
	Link LinkID
	Data []byte
}

// Ready says that a link can take so many more bytes, frames' length prefixes
// included. Credit adds up. Nothing is sent before the first Ready.
type Ready struct {
	Link  LinkID
	Bytes int
}

// Down says that a link is gone.
type Down struct{ Link LinkID }

// Tick says that time passed: see Node.Next.
type Tick struct{}

// Day says which day it is; units that expired before it are dropped.
type Day struct{ Today envelope.Day }

func (Submit) event() {}
func (Found) event()  {}
func (Blend) event()  {}
func (Up) event()     {}
func (Named) event()  {}
func (Frame) event()  {}
func (Ready) event()  {}
func (Down) event()   {}
func (Tick) event()   {}
func (Day) event()    {}

// Effect is something that the caller of Step must do or may tell.
type Effect interface{ effect() }

// Send says: write this frame (exchange.WriteFrame) to the link.
type Send struct {
	Link LinkID
	Data []byte
	Last bool // the last words for now end here, and other things may follow: link.Sparer
}

// Close says: end the link. The node has already forgotten it; no Down is
// needed.
type Close struct {
	Link   LinkID
	Reason error
}

// Stored says that a submitted unit, which is no stamp, is on the shelf's stable
// storage (or was there before).
type Stored struct{ ID envelope.ID }

// Arrived is a unit newly kept and durable that was not submitted here, and no stamp.
type Arrived struct {
	ID  envelope.ID
	Raw []byte
}

// Handed says that a peer holds an own unit, which is no stamp, on stable storage.
type Handed struct {
	ID   envelope.ID
	Link LinkID
	Peer link.Peer
}

// Even says that nothing is left to exchange over the link for now.
type Even struct{ Link LinkID }

// Progress tells how far a link's meeting is: payload bytes each way and units
// still on their way. At most one per link and second, and one at the end.
type Progress struct {
	Link           LinkID
	Sent, Received int64
	Waiting        int
}

// Refused says that a submitted or found unit was not taken, or that a peer
// will not have an own unit (Link is then not 0).
type Refused struct {
	ID     envelope.ID
	Link   LinkID
	Reason error
}

// Trouble says that the shelf failed (disk full, read or write error). Nothing
// was confirmed to anybody, all links are closed, and submitted units without
// a Stored must be submitted again.
type Trouble struct{ Err error }

func (Send) effect()     {}
func (Close) effect()    {}
func (Stored) effect()   {}
func (Arrived) effect()  {}
func (Handed) effect()   {}
func (Even) effect()     {}
func (Progress) effect() {}
func (Refused) effect()  {}
func (Trouble) effect()  {}
