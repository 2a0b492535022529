package seal

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/jauap/jauap/envelope"
)

// ack says what one end received of one epoch: all indexes named by next-1
// and by bits, where bit i is the index next-2-i. spec/seal.md, 7.2.
type ack struct {
	epoch uint16
	next  uint32
	bits  uint64
}

// add notes that an index arrived. Epochs older than the newest are not
// acknowledged any more.
func (a *ack) add(epoch uint16, index uint32) {
	switch {
	case a.next == 0 || epoch > a.epoch:
		*a = ack{epoch: epoch, next: index + 1}
	case epoch < a.epoch:
	case index >= a.next:
		d := index + 1 - a.next
		a.bits = a.bits<<d | 1<<(d-1)
		a.next = index + 1
	case a.next-2-index < 64 && index != a.next-1:
		a.bits |= 1 << (a.next - 2 - index)
	}
}

func (a ack) has(index uint32) bool {
	switch {
	case index >= a.next:
		return false
	case index == a.next-1:
		return true
	}
	d := a.next - 2 - index
	return d < 64 && a.bits>>d&1 == 1
}

// canonical refuses bits for indexes below zero.
func (a ack) canonical() bool {
	if a.next == 0 {
		return a == ack{}
	}
	return uint32(bits.Len64(a.bits)) <= a.next-1
}

// head is the fixed beginning of every letter but S0's.
type head struct {
	own    uint16    // newest epoch that the writer knows
	ack    ack       // what the writer received
	finals [4]uint32 // letters sealed in the four epochs before the letter's
	life   uint8     // longest lifetime that the writer uses, in days
}

const (
	headSize      = 34
	letterVersion = 1
)

func appendHead(b []byte, h head) []byte {
	b = append(b, letterVersion)
	b = binary.BigEndian.AppendUint16(b, h.own)
	b = binary.BigEndian.AppendUint16(b, h.ack.epoch)
	b = binary.BigEndian.AppendUint32(b, h.ack.next)
	b = binary.BigEndian.AppendUint64(b, h.ack.bits)
	for _, f := range h.finals {
		b = binary.BigEndian.AppendUint32(b, f)
	}
	return append(b, h.life)
}

func appendPart(b []byte, p Part) []byte {
	n := len(p.Body)
	b = append(b, p.Kind, byte(n>>16), byte(n>>8), byte(n))
	return append(b, p.Body...)
}

// letter is a parsed plaintext. Its parts alias the bytes it came from.
type letter struct {
	head
	ours  []Part // this room's, kinds strictly ascending
	parts []Part // the caller's
	short bool   // an S0: no final counts, no lifetime
}

// parseLetter reads the plaintext of a letter sealed in an epoch. There is
// one encoding per letter; errors are ErrMalformed and ErrUpdate.
func parseLetter(b []byte, epoch uint16) (letter, error) {
	var l letter
	if len(b) < headSize {
		return l, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	if b[0] != letterVersion {
		return l, ErrUpdate
	}
	l.head = parseHead(b)
	switch {
	case l.own != epoch && (l.own != epoch+1 || epoch == 1<<16-1):
		return l, fmt.Errorf("%w: epoch", ErrMalformed)
	case !l.ack.canonical():
		return l, fmt.Errorf("%w: acknowledgement", ErrMalformed)
	case l.life < 1 || l.life > envelope.MaxLifetime:
		return l, fmt.Errorf("%w: lifetime", ErrMalformed)
	}
	for i, f := range l.finals {
		if f != 0 && i >= int(epoch) {
			return l, fmt.Errorf("%w: final count of no epoch", ErrMalformed)
		}
	}
	err := l.readParts(b[headSize:])
	return l, err
}

func parseHead(b []byte) (h head) {
	h.own = binary.BigEndian.Uint16(b[1:])
	h.ack.epoch = binary.BigEndian.Uint16(b[3:])
	h.ack.next = binary.BigEndian.Uint32(b[5:])
	h.ack.bits = binary.BigEndian.Uint64(b[9:])
	for i := range h.finals {
		h.finals[i] = binary.BigEndian.Uint32(b[17+4*i:])
	}
	h.life = b[33]
	return h
}

// readParts reads this room's parts, then the caller's, then zeros to the end.
// spec/seal.md, 7.3.
func (l *letter) readParts(b []byte) error {
	n, end, err := countParts(b)
	if err != nil {
		return err
	}
	if err := zeros(b[end:]); err != nil {
		return err
	}
	l.parts = make([]Part, 0, n)
	for at := 0; at < end; {
		body := at + partHead
		next := body + partLength(b[at:])
		if err := l.addPart(Part{b[at], b[body:next:next]}); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// countParts walks over the parts before anything is kept of them: their
// number and where the padding begins.
func countParts(b []byte) (n, end int, err error) {
	for end < len(b) && b[end] != 0 {
		left := len(b) - end - partHead
		if left < 0 {
			return 0, 0, fmt.Errorf("%w: part without length", ErrMalformed)
		}
		size := partLength(b[end:])
		if size > left {
			return 0, 0, fmt.Errorf("%w: part of %d bytes in %d", ErrMalformed, size, left)
		}
		if n++; n > maxParts {
			return 0, 0, fmt.Errorf("%w: more than %d parts", ErrMalformed, maxParts)
		}
		end += partHead + size
	}
	return n, end, nil
}

func partLength(b []byte) int { return int(b[1])<<16 | int(b[2])<<8 | int(b[3]) }

func zeros(b []byte) error {
	for _, c := range b {
		if c != 0 {
			return fmt.Errorf("%w: padding", ErrMalformed)
		}
	}
	return nil
}

func (l *letter) addPart(p Part) error {
	if p.Kind&bitApp != 0 {
		l.parts = append(l.parts, p)
		return nil
	}
	if len(l.parts) > 0 || len(l.ours) > 0 && l.ours[len(l.ours)-1].Kind >= p.Kind {
		return fmt.Errorf("%w: order of parts", ErrMalformed)
	}
	if p.Kind&bitCritical != 0 {
		return ErrUpdate
	}
	l.ours = append(l.ours, p)
	return nil
}

// part finds one of this room's parts; nil when it is not there.
func (l *letter) part(kind uint8) []byte {
	for _, p := range l.ours {
		if p.Kind == kind {
			return p.Body
		}
	}
	return nil
}

// appendLetter writes the plaintext of a letter, size bytes long.
func appendLetter(b []byte, h head, ours, parts []Part, size int) ([]byte, error) {
	end := len(b) + size
	b = appendHead(b, h)
	for _, p := range ours {
		b = appendPart(b, p)
	}
	for _, p := range parts {
		b = appendPart(b, p)
	}
	if len(b) > end {
		return nil, ErrTooLarge
	}
	return append(b, make([]byte, end-len(b))...), nil
}

// checkParts refuses what a caller must not put into a letter.
func checkParts(parts []Part) error {
	if len(parts) > maxParts {
		return fmt.Errorf("%w: more than %d parts", ErrTooLarge, maxParts)
	}
	for _, p := range parts {
		if p.Kind&bitApp == 0 {
			return fmt.Errorf("%w: part kind %#x is not the caller's", ErrMalformed, p.Kind)
		}
		if len(p.Body) > envelope.MaxSize {
			return ErrTooLarge
		}
	}
	return nil
}

// The short form of S0. spec/seal.md, 7.4.
const (
	shortHead = 6
	shortRoom = envelope.S0MaxSize - envelope.S0Overhead - shortHead

	flagAhead = 1 // the writer knows the epoch after the letter's
	flagAck   = 2 // an acknowledgement is there
)

// appendShort writes the plaintext of an S0 in one of its three sizes.
func appendShort(b []byte, h head, epoch uint16, p Part) ([]byte, error) {
	size, ok := envelope.ShortRoom(shortHead + len(p.Body))
	if !ok {
		return nil, ErrTooLarge
	}
	end := len(b) + size
	var flags byte
	if h.own != epoch {
		flags |= flagAhead
	}
	var low byte
	var next uint16
	if h.ack.next > 0 && h.ack.next < 1<<16 {
		flags |= flagAck
		low, next = byte(h.ack.epoch), uint16(h.ack.next)
	}
	b = append(b, flags, low, byte(next>>8), byte(next), p.Kind, byte(len(p.Body)))
	b = append(b, p.Body...)
	return append(b, make([]byte, end-len(b))...), nil
}

// parseShort reads the plaintext of an S0. sending is the reader's own send
// epoch, next to which the low byte of the acknowledged epoch is read.
func parseShort(b []byte, epoch, sending uint16) (letter, error) {
	l := letter{short: true, head: head{own: epoch}}
	if len(b) < shortHead {
		return l, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	flags, next, size := b[0], binary.BigEndian.Uint16(b[2:]), int(b[5])
	if want, ok := envelope.ShortRoom(shortHead + size); !ok || want != len(b) {
		return l, fmt.Errorf("%w: short letter of %d bytes in %d", ErrMalformed, size, len(b))
	}
	switch {
	case flags&^(flagAhead|flagAck) != 0:
		return l, ErrUpdate
	case flags&flagAck == 0 && (b[1] != 0 || next != 0), flags&flagAck != 0 && next == 0:
		return l, fmt.Errorf("%w: acknowledgement", ErrMalformed)
	case b[4]&bitApp == 0:
		return l, fmt.Errorf("%w: part kind %#x", ErrMalformed, b[4])
	case flags&flagAhead != 0 && epoch == 1<<16-1:
		return l, fmt.Errorf("%w: epoch", ErrMalformed)
	}
	if flags&flagAhead != 0 {
		l.own++
	}
	if flags&flagAck != 0 {
		l.ack.next = uint32(next)
		l.ack.epoch = sending - uint16(byte(sending)-b[1])
		if l.ack.epoch > sending { // before epoch 0: of no epoch that we know
			l.ack = ack{}
		}
	}
	end := shortHead + size
	if err := zeros(b[end:]); err != nil {
		return l, err
	}
	l.parts = []Part{{b[4], b[shortHead:end:end]}}
	return l, nil
}
