package serial

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Limits of frames and units, in bytes. spec/serial.md, 2 and 3.
const (
	MinFrame = 96  // that a modem may be told to send
	MaxFrame = 255 // longest on the air
	MaxUnit  = 4096

	magic     = 'J'
	kindWhole = 0x31
	kindPiece = 0x32
	kindHave  = 0x33

	sumSize   = 4
	wholeCost = 2 + sumSize
	pieceHead = 12
	pieceCost = pieceHead + sumSize
	nameSize  = 6
	maxPoints = 128 // of a unit's polynomials
)

// ErrFrame: not a frame of this specification.
var ErrFrame = errors.New("serial: no frame of ours")

// ID names a unit: the first 16 bytes of its SHA-256.
type ID [16]byte

// IDOf names a unit.
func IDOf(unit []byte) ID {
	h := sha256.Sum256(unit)
	return ID(h[:16])
}

type name [nameSize]byte

func (i ID) name() name { return name(i[:nameSize]) }

// sealed puts the checksum behind a frame.
func sealed(b []byte) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// opened checks the checksum and the magic and answers the kind and the rest.
func opened(b []byte) (kind byte, rest []byte, err error) {
	if len(b) < 2+sumSize || len(b) > MaxFrame || b[0] != magic {
		return 0, nil, ErrFrame
	}
	end := len(b) - sumSize
	if crc32.ChecksumIEEE(b[:end]) != binary.BigEndian.Uint32(b[end:]) {
		return 0, nil, fmt.Errorf("%w: checksum", ErrFrame)
	}
	return b[1], b[2:end], nil
}

// whole is a frame with all of a unit.
func whole(unit []byte) []byte {
	return sealed(append([]byte{magic, kindWhole}, unit...))
}

// shape is how a unit is cut.
type shape struct {
	size int // of the unit
	k    int // data shards
}

// long is the length of a shard.
func (s shape) long() int { return (s.size + s.k - 1) / s.k }

// shapeFor cuts a unit for frames of at most frame bytes.
func shapeFor(size, frame int) shape {
	most := frame - pieceCost
	return shape{size, (size + most - 1) / most}
}

func (s shape) ok() bool {
	return s.size >= 1 && s.size <= MaxUnit && s.k >= 1 && s.k <= maxPoints/2 && s.k <= s.size && s.long()+pieceCost <= MaxFrame
}

// extra is how many pieces a burst has beyond the needed ones: of eleven sent
// one at random in five gets lost.
func (s shape) extra() int { return (2*s.k+4)/5 + 1 }

// piece is a part of a unit: one value of its polynomials.
type piece struct {
	shape
	name name
	shard
}

func (p piece) frame() []byte {
	b := make([]byte, 0, MaxFrame)
	b = append(b, magic, kindPiece)
	b = append(b, p.name[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(p.size))
	b = append(b, byte(p.k), p.index)
	return sealed(append(b, p.data...))
}

func parsePiece(rest []byte) (p piece, err error) {
	if len(rest) < pieceHead-2 {
		return p, ErrFrame
	}
	p.name = name(rest)
	p.size, p.k, p.index = int(binary.BigEndian.Uint16(rest[nameSize:])), int(rest[nameSize+2]), rest[nameSize+3]
	p.data = rest[pieceHead-2:]
	if !p.ok() || int(p.index) >= maxPoints || len(p.data) != p.long() {
		return p, fmt.Errorf("%w: a piece", ErrFrame)
	}
	return p, nil
}

// cut makes piece i of a unit, counted round and round.
func cut(unit []byte, id ID, s shape, i int) piece {
	padded := make([]byte, s.k*s.long())
	copy(padded, unit)
	shards := make([]shard, s.k)
	for j := range shards {
		shards[j] = shard{byte(j), padded[j*s.long() : (j+1)*s.long()]}
	}
	at := byte(i % maxPoints)
	return piece{s, id.name(), shard{at, value(shards, at)}}
}
