package exchange

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/jauap/jauap/envelope"
)

// Sizes in bytes. spec/exchange.md, 2.
const (
	MaxFrame = maxChunk + 64 // the longest frame, without its length prefix
	MinRoom  = 2 << 10       // the least room that Next can use
	Prefix   = 3             // the length before each frame on a stream
	maxChunk = 64 << 10
)

// Frame types; those with the top bit set must be understood.
const (
	frameHello = 0x81
	frameHave  = 0x82
	frameEnd   = 0x83
	frameWant  = 0x84
	frameData  = 0x85
	frameGot   = 0x86
	frameBye   = 0x87
)

// Frame types of sketches: those who do not know them skip them.
const (
	frameSketch = 0x01
	frameLack   = 0x02
	frameMore   = 0x03
)

const critical = 0x80

const version = 1

// Flags of HELLO and HAVE.
const (
	helloServe = 1
	helloEpoch = 2
	helloSince = 4
	helloSum   = 8
	helloParts = 16
	haveComing = 1
	lackLast   = 1
)

const maxText = 200

// Codes of BYE.
const (
	byeDone     = 0
	byeProtocol = 1
	byeTrouble  = 2
)

// shortSizes are the lengths of an S0 by their index on the wire.
var shortSizes = [...]int{96, 160, envelope.S0MaxSize}

// WriteFrame writes one frame with its length before it, in one Write.
func WriteFrame(w io.Writer, frame []byte) error {
	if len(frame) == 0 || len(frame) > MaxFrame {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(frame), MaxFrame)
	}
	n := len(frame)
	b := append(make([]byte, 0, Prefix+n), byte(n>>16), byte(n>>8), byte(n))
	_, err := w.Write(append(b, frame...))
	return err
}

// ReadFrame reads one frame into buf, or into new memory where buf is too
// small. It answers io.EOF between frames and io.ErrUnexpectedEOF within one,
// and beside an error what came of the frame, for Torn. Memory grows with what arrived, not with what the prefix claims.
func ReadFrame(r io.Reader, buf []byte) ([]byte, error) {
	var head [Prefix]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
	if n == 0 {
		return nil, fmt.Errorf("%w: an empty frame", ErrProtocol)
	}
	if n > MaxFrame {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, n, MaxFrame)
	}
	frame := buf[:0]
	for len(frame) < n {
		step := min(n-len(frame), max(cap(frame)-len(frame), 4<<10))
		at := len(frame)
		frame = append(frame, make([]byte, step)...)
		if n, err := io.ReadFull(r, frame[at:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return frame[:at+n], err
		}
	}
	return frame, nil
}

// Torn is what can be used of a frame when the link ended within it: DATA has no length
// of its own, so its beginning is a shorter DATA. It is nil of all others, and where no
// byte of the unit came.
func Torn(beginning []byte) []byte {
	f := fields{b: beginning}
	kind, _, _ := f.u8(), f.uvarint(), f.uvarint()
	if f.bad || kind != frameData || len(f.b) == 0 {
		return nil
	}
	return beginning
}

// fields reads a frame piece by piece; after the first failure all is zero.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) take(n int) []byte {
	if n < 0 || len(f.b) < n {
		f.bad, f.b = true, nil
		return nil
	}
	p := f.b[:n]
	f.b = f.b[n:]
	return p
}

func (f *fields) u8() uint8 {
	if p := f.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (f *fields) u16() uint16 {
	if p := f.take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (f *fields) uvarint() uint64 {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		f.bad, f.b = true, nil
		return 0
	}
	f.b = f.b[n:]
	return v
}

func (f *fields) svarint() int64 {
	v, n := binary.Varint(f.b)
	if n <= 0 {
		f.bad, f.b = true, nil
		return 0
	}
	f.b = f.b[n:]
	return v
}

func (f *fields) epoch() (e [8]byte) {
	copy(e[:], f.take(8))
	return e
}

// hello is the greeting of one side. spec/exchange.md, 3.
type hello struct {
	version uint8
	serve   bool
	window  int
	epoch   [8]byte
	top     uint64
	since   Mark // lanes of rank 0 only
	shards  []uint8
	summary *summary // nil for no sketch
	parts   parts    // beside a summary only
}

func (h *hello) encode() []byte {
	var flags byte
	if h.serve {
		flags |= helloServe
	}
	if h.epoch != [8]byte{} {
		flags |= helloEpoch
	}
	if h.since.Epoch != [8]byte{} {
		flags |= helloSince
	}
	if h.summary != nil {
		flags |= helloSum
		if len(h.parts) > 0 {
			flags |= helloParts
		}
	}
	b := []byte{frameHello, h.version, flags}
	b = binary.BigEndian.AppendUint16(b, uint16(h.window))
	if flags&helloEpoch != 0 {
		b = append(b, h.epoch[:]...)
		b = binary.AppendUvarint(b, h.top)
	}
	if flags&helloSince != 0 {
		b = append(b, h.since.Epoch[:]...)
		b = binary.AppendUvarint(b, h.since.Seq)
		n, at := byte(0), len(b)
		b = append(b, 0)
		for c := range laneClasses {
			v := h.since.Lane[lane(envelope.Class(c), 0)]
			if v <= h.since.Seq {
				continue
			}
			n++
			b = append(b, byte(c))
			b = binary.AppendUvarint(b, v-h.since.Seq)
		}
		b[at] = n
	}
	b = append(b, byte(len(h.shards)))
	b = append(b, h.shards...)
	if h.summary != nil {
		b = h.summary.append(b)
	}
	if flags&helloParts != 0 {
		b = h.parts.append(b)
	}
	return b
}

func parseHello(f fields) (h hello, err error) {
	h.version = f.u8()
	flags := f.u8()
	h.serve = flags&helloServe != 0
	h.window = int(f.u16())
	if flags&helloEpoch != 0 {
		h.epoch = f.epoch()
		h.top = f.uvarint()
	}
	if flags&helloSince != 0 {
		h.since.Epoch = f.epoch()
		h.since.Seq = f.uvarint()
		for range f.u8() {
			c, more := f.u8(), f.uvarint()
			if f.bad || c >= laneClasses || h.since.Seq+more < more {
				return h, fmt.Errorf("%w: malformed mark", ErrProtocol)
			}
			h.since.Lane[lane(envelope.Class(c), 0)] = h.since.Seq + more
		}
	}
	h.shards = append(h.shards, f.take(int(f.u8()))...)
	if flags&helloSum != 0 {
		m := f.summary()
		h.summary = &m
		if flags&helloParts != 0 {
			if h.parts, err = f.parts(); err != nil {
				return h, err
			}
		}
	}
	switch {
	case f.bad:
		return h, fmt.Errorf("%w: malformed hello", ErrProtocol)
	case h.version < version:
		return h, fmt.Errorf("%w: %d", ErrVersion, h.version)
	case h.window < minWindow:
		return h, fmt.Errorf("%w: window of %d", ErrProtocol, h.window)
	}
	return h, nil
}

// entrySize bounds one unit in a HAVE.
const entrySize = 16 + 1 + 1 + 2 + binary.MaxVarintLen64

func appendEntry(b []byte, it Item) []byte {
	b = append(b, it.ID[:]...)
	code := byte(it.Class)
	if it.Class == envelope.S0 {
		for i, n := range shortSizes {
			if n == it.Size {
				code |= byte(i) << 4
			}
		}
	}
	b = append(b, code, it.Shard)
	return binary.BigEndian.AppendUint16(b, uint16(it.Expiry))
}

func (f *fields) entry() (it Item) {
	copy(it.ID[:], f.take(16))
	code := f.u8()
	it.Class = envelope.Class(code & 0x0f)
	it.Shard = f.u8()
	it.Expiry = envelope.Day(f.u16())
	it.Size = it.Class.Size()
	switch {
	case it.Class == envelope.S0 && int(code>>4) < len(shortSizes):
		it.Size = shortSizes[code>>4]
	case code>>4 != 0 || it.Size == 0:
		f.bad = true
	}
	return it
}

// listable says whether a unit can be put into a HAVE as it is.
func listable(c envelope.Class, size int) bool {
	if c != envelope.S0 {
		return size != 0 && size == c.Size()
	}
	for _, n := range shortSizes {
		if n == size {
			return true
		}
	}
	return false
}

func encodeBye(code byte, text string) []byte {
	return append([]byte{frameBye, code}, text[:min(len(text), maxText)]...)
}

// Asks reports whether a frame of this type, its first byte, is answered in
// any case: units listed, asked for or sent. spec/exchange.md, 4 and 5.
func Asks(kind byte) bool {
	return kind == frameHave || kind == frameWant || kind == frameData
}
