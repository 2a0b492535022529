package link

import (
	"context"
	"io"
	"time"
)

// Way is the direction in which a link carries.
type Way uint8

const (
	Both Way = iota
	Out
	In
)

// Exposure is what somebody who watches the link learns.
type Exposure uint8

const (
	Open   Exposure = iota // an operator sees both addresses
	Nearby                 // only somebody within reach of the radio, cable or stick
	Hidden                 // no more than that some common service is in use
)

// Traits describe a link to those who plan its use.
type Traits struct {
	Latency  time.Duration // worst one-way delay: milliseconds on a LAN, days by stick
	Unit     int           // largest blob it carries, in bytes; 0 for any
	Way      Way
	Lossy    bool // copies may vanish; sending again is cheap
	Metered  bool // each byte costs somebody
	Exposure Exposure
}

// Peer is what a link knows of its far end.
type Peer struct {
	// Key is a name that stays the same from meeting to meeting and was
	// authenticated by the link; empty for strangers, who have none.
	Key string
	// Addr is for people to read.
	Addr string
	// Relay is set when the far end is a mailbox that serves shards.
	Relay bool
	// Abroad is set when whoever reached this peer has left the country.
	Abroad bool
}

// Conn is a link in both directions: a reliable stream of bytes that may end
// at any byte. Read and Write may be used by one goroutine each; Close ends
// both at once.
type Conn interface {
	io.ReadWriteCloser
	Traits() Traits
	Peer() Peer
}

// Note is one thing that a Drop or a search could not use, and why.
type Note struct {
	Where string // file or address
	What  string // one line for a person
	Code  string // of What, where programs tell it in other languages
}

// Binding is what the two ends of one link have in common: nobody else has it, it
// is of no other link, and somebody in the middle has another one with each end.
type Binding struct {
	Secret [32]byte
	Dialed bool // this end began the link
}

// Bound is a Conn whose ends can prove to each other that they speak over it.
type Bound interface {
	Conn
	// Binding waits until the far end has taken part in the secret, which a first
	// flight does not wait for. When it has, ctx does not matter.
	Binding(ctx context.Context) (Binding, error)
}

// Sparer is a Conn on which the loss of a packet near the end of something urgent costs
// seconds.
type Sparer interface {
	Conn
	// Spare lets something go along that makes up for one lost packet of those that left
	// last, as far as the Conn has means for it. It costs about a packet.
	Spare()
}

// Drop is a link in which one side leaves units and another finds them later.
type Drop interface {
	Traits() Traits
	// Each calls take with every unit found, in no particular order. The bytes
	// are untrusted. What cannot be read becomes a Note and does not end the
	// walk; an error of take does.
	Each(ctx context.Context, take func(unit []byte) error) ([]Note, error)
	// Leave writes units until next answers false. They are on stable storage
	// when it returns nil, and what an earlier Leave wrote is still there if
	// it fails.
	Leave(ctx context.Context, next func() (unit []byte, ok bool)) (bytes int64, err error)
}
