package bundle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// Limits, in bytes.
const (
	MaxUnit = 262_144
	// MaxBundle leaves room for the blocks that nodes on the way add.
	MaxBundle = MaxUnit + 65_536
)

// Flags of a bundle. RFC 9171, 4.2.3
const (
	isFragment     = 0x000001
	isAdmin        = 0x000002
	mustNotFragm   = 0x000004
	appAck         = 0x000020
	wantsReports   = 0x074000 // reception, forwarding, delivery, deletion
	version7       = 7
	payloadType    = 1
	ageType        = 7
	integrityType  = 11 // RFC 9172, 11.1
	payloadNumber  = 1
	crcNone        = 0
	crc16Kind      = 1
	crc32Kind      = 2
	deleteIfAlien  = 0x04 // RFC 9171, 4.2.4
	epochUnix      = 946_684_800
	maxBlocks      = 64
	crc32Size      = 4
	hourMillis     = 3_600_000
	sequenceBits   = 31
	DefaultLife    = 30 * 24 * time.Hour
	MinLife        = time.Minute
	MaxLife        = 60 * 24 * time.Hour
	overheadOfPack = 512
)

// Errors of Pack and Parse, usable with errors.Is.
var (
	ErrUnit      = errors.New("bundle: a unit has 1 to 262144 bytes")
	ErrLife      = errors.New("bundle: a lifetime is 1 minute to 60 days")
	ErrMalformed = errors.New("bundle: not a bundle of version 7, or damaged")
	ErrCRC       = errors.New("bundle: its checksum is wrong, or missing where it must not be")
	ErrTooLarge  = errors.New("bundle: larger than any of ours")
	ErrFragment  = errors.New("bundle: a fragment; bundles for Jauap must not be fragmented")
	ErrReport    = errors.New("bundle: a report of a node and no mail")
	ErrAlien     = errors.New("bundle: a block in it says that who does not know it must not use the bundle")
)

// Label is what Pack writes around a unit. Equal labels make bundles that tell no
// more of each other than the hour.
type Label struct {
	To   EID
	Life time.Duration // 0 for DefaultLife
	// Now is the time; zero where this device does not know it.
	Now time.Time
	// Bare leaves the checksum out of the payload block: some nodes refuse it there.
	Bare bool
	// Rand gives random bytes: crypto/rand.Reader.
	Rand io.Reader
}

// Pack makes a bundle of a unit: from nobody, not to be fragmented, no reports
// (RFC 9171, 4.2.3 asks for both of an anonymous source), with a random sequence
// number and a creation time that is random within the hour before.
func Pack(unit []byte, l Label) ([]byte, error) {
	if len(unit) < 1 || len(unit) > MaxUnit {
		return nil, ErrUnit
	}
	if l.Life == 0 {
		l.Life = DefaultLife
	}
	if l.Life < MinLife || l.Life > MaxLife {
		return nil, ErrLife
	}
	if l.To.None() {
		return nil, fmt.Errorf("%w; this one is nobody", ErrEID)
	}
	var dice [8]byte
	if _, err := io.ReadFull(l.Rand, dice[:]); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	// All anonymous bundles share one name space, and nodes drop what they take for a
	// copy. 31 bits fit every node's counter.
	sequence := uint64(binary.BigEndian.Uint32(dice[:])) & (1<<sequenceBits - 1)
	created, aged := uint64(0), l.Now.Unix() < epochUnix+hourMillis/1000
	if !aged {
		early := uint64(binary.BigEndian.Uint32(dice[4:])) % hourMillis
		created = uint64(l.Now.UnixMilli()-epochUnix*1000) - early
	}
	b := make([]byte, 0, len(unit)+overheadOfPack)
	b = append(b, openArray)
	start := len(b)
	b = appendHead(b, cborArray, 9)
	b = appendHead(b, cborUint, version7)
	b = appendHead(b, cborUint, mustNotFragm)
	b = appendHead(b, cborUint, crc32Kind)
	b = appendEID(b, l.To)
	b = appendEID(b, EID{})
	b = appendEID(b, EID{}) // reports to nobody
	b = appendHead(appendHead(appendHead(b, cborArray, 2), cborUint, created), cborUint, sequence)
	b = appendHead(b, cborUint, uint64(l.Life.Milliseconds()))
	b = appendCRC(b, start)
	if aged {
		// RFC 9171, 4.4.2: who does not know the time says how old the bundle is. No
		// checksum here: some nodes fail on one in an extension block.
		b = appendBlock(b, ageType, 2, crcNone, []byte{0})
	}
	kind := byte(crc32Kind)
	if l.Bare {
		kind = crcNone
	}
	b = appendBlock(b, payloadType, payloadNumber, kind, unit) // last, and number 1: 4.3.3
	return append(b, breakByte), nil
}

func appendBlock(b []byte, typ, number uint64, kind byte, data []byte) []byte {
	start := len(b)
	fields := uint64(5)
	if kind != crcNone {
		fields = 6
	}
	b = appendHead(appendHead(appendHead(b, cborArray, fields), cborUint, typ), cborUint, number)
	b = appendHead(appendHead(b, cborUint, 0), cborUint, uint64(kind))
	b = appendBytes(b, data)
	if kind != crcNone {
		b = appendCRC(b, start)
	}
	return b
}

// appendCRC adds the checksum of the block that begins at start, reckoned with
// zeros in its own place. RFC 9171, 4.2.1
func appendCRC(b []byte, start int) []byte {
	b = appendBytes(b, make([]byte, crc32Size))
	sum := crc32.Checksum(b[start:], castagnoli())
	binary.BigEndian.PutUint32(b[len(b)-crc32Size:], sum)
	return b
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // made once, by the library
