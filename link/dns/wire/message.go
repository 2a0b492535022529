package wire

import (
	"encoding/binary"
	"errors"
)

// Kind is what a message up is for. spec/dns.md, 5.
type Kind uint8

const (
	Put  Kind = iota // symbols of a unit
	Have             // the id of a unit that is coming
	Open             // which units are wanted, and from where
	Ask              // more of them; what came
	kinds
)

// Limits of a stream.
const (
	MaxShards = 3
	Window    = 64     // units of a stream that are under way
	States    = 16     // uploads of which an answer tells
	MaxCount  = 60_000 // messages of one session
	RoomUnit  = 8      // bytes, of which Room counts
	maxMark   = 1<<40 - 1
)

// Piece is one symbol of an upload.
type Piece struct {
	Index  uint8
	Symbol [Symbol]byte
}

// Up is a message to the relay. Which fields count depends on Kind.
type Up struct {
	Count uint16 // of the session, from 1, never twice
	Kind  Kind
	Code  Code  // Put, Have: the unit and its block; Open: largest wanted
	Slot  uint8 // Put, Have: the upload

	Pieces []Piece  // Put
	ID     [16]byte // Have

	Gen    uint8  // Open, Ask: number of the stream
	Mine   bool   // Open: what this session brought is wanted, too
	Epoch  uint32 // Open: of the mark
	Mark   uint64 // Open: what comes after it is wanted
	Shards []uint8

	Room   int    // Ask: bytes of sealed answer wanted
	Cookie uint16 // Ask: as the last answer had it
	Base   uint8  // Ask: all numbers before it came
	Came   uint64 // Ask: bit i is set when number Base+i came
}

// ErrMessage: bytes that are no message.
var ErrMessage = errors.New("dns: not a message")

const (
	kindBits = 5
	codeMask = 1<<kindBits - 1
	mineFlag = 0x80
)

// Bytes is the message, filled up to the least size.
func (u Up) Bytes() []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, body), u.Count)
	b = append(b, byte(u.Kind)<<kindBits|byte(u.Code))
	switch u.Kind {
	case Put:
		b = append(b, u.Slot)
		for _, p := range u.Pieces {
			b = append(append(b, p.Index), p.Symbol[:]...)
		}
	case Have:
		b = append(append(b, u.Slot), u.ID[:]...)
	case Open:
		b = append(b, u.Gen)
		b = binary.BigEndian.AppendUint32(b, u.Epoch)
		b = appendMark(b, u.Mark)
		flags := byte(len(u.Shards))
		if u.Mine {
			flags |= mineFlag
		}
		b = append(append(b, flags), u.Shards...)
	case Ask:
		b = append(b, u.Gen, byte(min(u.Room/RoomUnit, 255)))
		b = binary.BigEndian.AppendUint16(b, u.Cookie)
		b = append(b, u.Base)
		b = binary.BigEndian.AppendUint64(b, u.Came)
	}
	for len(b) < body {
		b = append(b, 0)
	}
	return b
}

func appendMark(b []byte, m uint64) []byte {
	m = min(m, maxMark)
	return append(b, byte(m>>32), byte(m>>24), byte(m>>16), byte(m>>8), byte(m))
}

func markOf(b []byte) uint64 {
	return uint64(b[0])<<32 | uint64(b[1])<<24 | uint64(b[2])<<16 | uint64(b[3])<<8 | uint64(b[4])
}

// ParseUp reads a message.
func ParseUp(b []byte) (u Up, err error) {
	if len(b) < body || len(b) > longName {
		return u, ErrMessage
	}
	u.Count = binary.BigEndian.Uint16(b)
	u.Kind, u.Code = Kind(b[2]>>kindBits), Code(b[2]&codeMask)
	if u.Count == 0 || u.Kind >= kinds || u.Kind != Put && len(b) != body {
		return Up{}, ErrMessage
	}
	if u.Kind == Ask != (u.Code == none) || u.Code >= codes {
		return Up{}, ErrMessage
	}
	rest := b[3:]
	switch u.Kind {
	case Put:
		u.Slot, rest = rest[0], rest[1:]
		if len(rest)%(Symbol+1) != 0 {
			return Up{}, ErrMessage
		}
		for ; len(rest) > 0; rest = rest[Symbol+1:] {
			u.Pieces = append(u.Pieces, Piece{rest[0], [Symbol]byte(rest[1:])})
		}
	case Have:
		u.Slot, u.ID = rest[0], [16]byte(rest[1:])
	case Open:
		u.Gen, u.Epoch, u.Mark = rest[0], binary.BigEndian.Uint32(rest[1:]), markOf(rest[5:])
		n := int(rest[10] &^ mineFlag)
		u.Mine = rest[10]&mineFlag != 0
		if n > MaxShards {
			return Up{}, ErrMessage
		}
		u.Shards = append([]uint8(nil), rest[11:11+n]...)
	case Ask:
		u.Gen, u.Room, u.Cookie = rest[0], int(rest[1])*RoomUnit, binary.BigEndian.Uint16(rest[2:])
		u.Base, u.Came = rest[4], binary.BigEndian.Uint64(rest[5:])
	}
	return u, nil
}

// State of an upload.
type State uint8

const (
	Under   State = iota // symbols lack, or nothing is known of it
	Held                 // the unit is on stable storage
	Refused              // it never will be
	Later                // no room now
)

// Run is neighbouring symbols of one unit of a stream.
type Run struct {
	No      uint8 // of the unit in the stream
	Code    Code  // none: there is no such unit any more
	First   uint8
	Symbols []byte // whole ones
}

// Flags of an answer.
const (
	FlagDry  = 1 << iota // all that there is was given and came
	FlagFull             // the relay takes no units now
	FlagNone             // no stream is open: say Open
)

// Down is an answer.
type Down struct {
	Count  uint16 // of the message that it answers
	Flags  uint8
	Slot   uint8         // the upload that the message was about
	Have   uint8         // symbols that are there of it
	Newest uint8         // newest upload known
	States [States]State // of Newest, Newest-1, …
	Gen    uint8
	Epoch  uint32
	Mark   uint64 // all before and with it came
	Cookie uint16
	Runs   []Run
}

// HeadDown is the size of a sealed answer without runs, in bytes; RunHead what
// one run takes besides its symbols.
const (
	plainDown = 22
	HeadDown  = tagSize + plainDown
	RunHead   = 4
	maxDown   = 4096
)

// Bytes is the answer.
func (d Down) Bytes() []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 256), d.Count)
	b = append(b, d.Flags, d.Slot, d.Have, d.Newest)
	states := uint32(0)
	for i, s := range d.States {
		states |= uint32(s&3) << (2 * i)
	}
	b = binary.BigEndian.AppendUint32(b, states)
	b = append(b, d.Gen)
	b = binary.BigEndian.AppendUint32(b, d.Epoch)
	b = appendMark(b, d.Mark)
	b = binary.BigEndian.AppendUint16(b, d.Cookie)
	for _, r := range d.Runs {
		b = append(b, r.No, byte(r.Code), r.First, byte(len(r.Symbols)/Symbol))
		b = append(b, r.Symbols...)
	}
	return b
}

// ParseDown reads an answer. What is behind the last whole run is ignored.
func ParseDown(b []byte) (d Down, err error) {
	if len(b) < plainDown || len(b) > maxDown {
		return d, ErrMessage
	}
	d.Count, d.Flags, d.Slot, d.Have, d.Newest = binary.BigEndian.Uint16(b), b[2], b[3], b[4], b[5]
	states := binary.BigEndian.Uint32(b[6:])
	for i := range d.States {
		d.States[i] = State(states >> (2 * i) & 3)
	}
	d.Gen, d.Epoch, d.Mark, d.Cookie = b[10], binary.BigEndian.Uint32(b[11:]), markOf(b[15:]), binary.BigEndian.Uint16(b[20:])
	for b = b[plainDown:]; len(b) >= RunHead; {
		n := int(b[3]) * Symbol
		if len(b) < RunHead+n || b[1] >= byte(codes) {
			break
		}
		d.Runs = append(d.Runs, Run{No: b[0], Code: Code(b[1]), First: b[2], Symbols: b[RunHead : RunHead+n : RunHead+n]})
		b = b[RunHead+n:]
	}
	return d, nil
}
