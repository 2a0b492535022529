package bundle

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// Bundle is what Parse found.
type Bundle struct {
	To, From EID
	Created  time.Time // zero where its source did not know the time
	Sequence uint64
	Life     time.Duration
	Age      time.Duration // as far as the nodes on the way counted it
	Payload  []byte        // shares memory with the input
}

// Expired reports whether its lifetime has ended. A zero now never says so: a
// device without the time must not throw away mail.
func (b Bundle) Expired(now time.Time) bool {
	if b.Age > b.Life {
		return true
	}
	return !now.IsZero() && !b.Created.IsZero() && now.Sub(b.Created) > b.Life
}

// primary is the first block.
type primary struct {
	flags   uint64
	bundle  Bundle
	checked bool // had a checksum, which fits
}

// Parse takes a bundle apart. It is strict where RFC 9171 says that a bundle is
// malformed, and looks over what it says must be ignored (reserved flags, blocks of
// unknown types) or what changes nothing (numbers longer than they need be).
// Errors: ErrMalformed, ErrCRC, ErrTooLarge, ErrFragment, ErrReport, ErrAlien.
func Parse(raw []byte) (Bundle, error) {
	if len(raw) > MaxBundle {
		return Bundle{}, ErrTooLarge
	}
	c := &cursor{b: raw}
	if len(raw) == 0 || raw[0] != openArray {
		return Bundle{}, ErrMalformed
	}
	c.at = 1
	p, err := c.primary()
	if err != nil {
		return Bundle{}, err
	}
	b, err := c.blocks(p)
	switch {
	case err != nil:
		return Bundle{}, err
	case c.bad || c.at != len(raw):
		return Bundle{}, ErrMalformed
	case p.flags&isAdmin != 0:
		return Bundle{}, ErrReport
	case p.flags&isFragment != 0:
		return Bundle{}, ErrFragment
	}
	return b, nil
}

// For tells the destination from the beginning of a bundle; false when that is
// too short, or no beginning of one.
func For(start []byte) (EID, bool) {
	c := &cursor{b: start}
	if len(start) == 0 || start[0] != openArray {
		return EID{}, false
	}
	c.at = 1
	if n := c.array(); n < 8 || n > 11 || c.uint() != version7 {
		return EID{}, false
	}
	c.uint()
	c.uint()
	to := c.eid()
	return to, !c.bad
}

// primary reads the primary block. RFC 9171, 4.3.1
func (c *cursor) primary() (p primary, err error) {
	start := c.at
	n := c.array()
	if n < 8 || n > 11 || c.uint() != version7 {
		return p, ErrMalformed
	}
	p.flags = c.uint()
	kind := c.uint()
	b := &p.bundle
	b.To, b.From = c.eid(), c.eid()
	c.eid() // whom to report to: we report to nobody
	if c.array() != 2 {
		return p, ErrMalformed
	}
	created := c.uint()
	b.Sequence = c.uint()
	b.Life = millis(c.uint())
	fragment := p.flags&isFragment != 0
	if fragment {
		c.uint()
		c.uint()
	}
	fields := 8
	if fragment {
		fields += 2
	}
	if kind != crcNone {
		fields++
	}
	if c.bad || n != fields {
		return p, ErrMalformed
	}
	// RFC 9171, 4.2.3: an anonymous bundle must not be fragmented or reported on; a
	// report must not be reported on.
	if b.From.None() && (p.flags&mustNotFragm == 0 || p.flags&wantsReports != 0) || p.flags&isAdmin != 0 && p.flags&wantsReports != 0 {
		return p, ErrMalformed
	}
	if created > 0 {
		b.Created = time.UnixMilli(epochUnix * 1000).Add(millis(created)).UTC()
	}
	p.checked = kind != crcNone
	return p, c.crc(start, kind)
}

// millis is a span that the arithmetic of time can hold: what is longer is cut to
// a hundred years.
func millis(n uint64) time.Duration {
	return time.Duration(min(n, 100*365*24*hourMillis)) * time.Millisecond
}

// crc reads a checksum and compares.
func (c *cursor) crc(start int, kind uint64) error {
	if kind == crcNone {
		return nil
	}
	size := map[uint64]int{crc16Kind: 2, crc32Kind: 4}[kind]
	end := c.at + 1 // of what stands before the checksum's bytes
	sum := c.string(cborBytes)
	if c.bad || size == 0 || len(sum) != size || c.at-size != end {
		return ErrMalformed
	}
	if kind == crc16Kind {
		if x25(c.b[start:end], make([]byte, size)) != binary.BigEndian.Uint16(sum) {
			return ErrCRC
		}
		return nil
	}
	got := crc32.Update(crc32.Checksum(c.b[start:end], castagnoli()), castagnoli(), make([]byte, size))
	if got != binary.BigEndian.Uint32(sum) {
		return ErrCRC
	}
	return nil
}

// x25 is the CRC-16 of X.25. RFC 9171, 4.2.1
func x25(parts ...[]byte) uint16 {
	sum := uint16(0xffff)
	for _, p := range parts {
		for _, b := range p {
			sum ^= uint16(b)
			for range 8 {
				low := sum & 1
				if sum >>= 1; low != 0 {
					sum ^= 0x8408
				}
			}
		}
	}
	return ^sum
}

// blocks reads the other blocks and the break. RFC 9171, 4.3.2
func (c *cursor) blocks(p primary) (Bundle, error) {
	b := p.bundle
	var seen [maxBlocks]uint64
	aged, shielded := false, false
	for n := 0; ; n++ {
		if n == maxBlocks {
			return b, ErrMalformed
		}
		start := c.at
		fields := c.array()
		typ, number, flags, kind := c.uint(), c.uint(), c.uint(), c.uint()
		data := c.string(cborBytes)
		if c.bad || kind == crcNone && fields != 5 || kind != crcNone && fields != 6 || number == 0 {
			return b, ErrMalformed
		}
		if err := c.crc(start, kind); err != nil {
			return b, err
		}
		for _, before := range seen[:n] {
			if before == number {
				return b, ErrMalformed
			}
		}
		seen[n] = number
		switch typ {
		case payloadType:
			// RFC 9171, 4.3.3: number 1, the last, and a bundle of unknown time has its age.
			if number != payloadNumber || !c.atBreak() || b.Created.IsZero() && !aged {
				return b, ErrMalformed
			}
			if !p.checked && !shielded {
				return b, ErrCRC // RFC 9171, 4.3.1
			}
			if len(data) > MaxUnit {
				return b, ErrTooLarge
			}
			b.Payload = data
			return b, nil
		case ageType:
			age := &cursor{b: data}
			b.Age, aged = millis(age.uint()), true
			if age.bad || age.at != len(data) {
				return b, ErrMalformed
			}
		case integrityType:
			shielded = shielded || coversPrimary(data)
		case 6, 10, 12: // previous node, hop count, confidentiality: known to be of no matter here
		default:
			if flags&deleteIfAlien != 0 {
				return b, ErrAlien
			}
		}
	}
}

// coversPrimary reports whether an integrity block speaks of the primary block,
// which then needs no checksum. It is not verified: a unit defends itself.
// RFC 9172, 3.6
func coversPrimary(data []byte) bool {
	c := &cursor{b: data}
	for range c.array() {
		if c.uint() == 0 && !c.bad {
			return true
		}
	}
	return false
}
