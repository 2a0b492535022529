package bp

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/jauap/jauap/link/bundle"
)

// Message types. RFC 9174, 9.5
const (
	msgSegment   = 0x01
	msgAck       = 0x02
	msgRefuse    = 0x03
	msgKeepalive = 0x04
	msgTerm      = 0x05
	msgReject    = 0x06
	msgInit      = 0x07
)

// Flags. RFC 9174, 4.2, 5.2.2, 6.1 and 4.8
const (
	canTLS       = 0x01
	flagEnd      = 0x01
	flagStart    = 0x02
	flagReply    = 0x01
	flagCritical = 0x01
)

// Reasons. RFC 9174, 9.6 to 9.8
const (
	refuseCompleted     = 0x01
	refuseNotAcceptable = 0x04
	termUnknown         = 0x00
	rejectType          = 0x01
	rejectUnexpected    = 0x03
)

const extTransferLength = 0x0001 // RFC 9174, 5.2.5.1

var contactHead = [...]byte{'d', 't', 'n', '!', 4} // RFC 9174, 4.2

func errTalk(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNode, fmt.Sprintf(format, args...))
}

// message is any message but XFER_SEGMENT's data, which is still to be read.
type message struct {
	kind   byte
	flags  byte
	reason byte
	id     uint64
	length uint64 // of a segment's data; acknowledged bytes of an XFER_ACK
	init   sessInit
}

// sessInit is a SESS_INIT. RFC 9174, 4.6
type sessInit struct {
	keepalive            uint16
	segmentMRU, transMRU uint64
	node                 string
}

// reader reads fields; the first error stays.
type reader struct {
	r   *bufio.Reader
	err error
}

func (r *reader) uint(bytes int) (n uint64) {
	var b [8]byte
	if r.err == nil {
		_, r.err = io.ReadFull(r.r, b[:bytes])
	}
	for _, x := range b[:bytes] {
		n = n<<8 | uint64(x)
	}
	return n
}

func (r *reader) skip(n uint64, most uint64) {
	if r.err == nil && n > most {
		r.err = errTalk("%d bytes of extensions", n)
	}
	if r.err == nil {
		_, r.err = io.CopyN(io.Discard, r.r, int64(n))
	}
}

// extensions reads extension items: none is known here that matters, and a critical
// one that is not known ends the session (4.8) or the transfer (5.2.5). RFC 9174
func (r *reader) extensions(known uint64) {
	left := r.uint(4)
	if r.err == nil && left > maxExtension {
		r.err = errTalk("%d bytes of extensions", left)
	}
	for r.err == nil && left > 0 {
		if left < 5 {
			r.err = errTalk("a torn extension")
			return
		}
		flags, kind, n := r.uint(1), r.uint(2), r.uint(2)
		if left -= 5; r.err == nil && n > left {
			r.err = errTalk("a torn extension")
			return
		}
		left -= n
		r.skip(n, maxExtension)
		if r.err == nil && flags&flagCritical != 0 && kind != known {
			r.err = errTalk("it wants an extension of type %d", kind)
		}
	}
}

// errType tells a message type that nobody knows.
type errType byte

func (e errType) Error() string {
	return fmt.Sprintf("%v: a message of type %d", ErrNode, byte(e))
}

func (e errType) Unwrap() error { return ErrNode }

// readMessage reads one message up to a segment's data. io.EOF stands only for the
// end between messages.
func readMessage(b *bufio.Reader) (m message, err error) {
	if m.kind, err = b.ReadByte(); err != nil {
		return m, err
	}
	r := &reader{r: b}
	switch m.kind {
	case msgSegment:
		m.flags, m.id = byte(r.uint(1)), r.uint(8)
		if m.flags&flagStart != 0 { // and not on others. RFC 9174, 5.2.2
			r.extensions(extTransferLength)
		}
		m.length = r.uint(8)
	case msgAck:
		m.flags, m.id, m.length = byte(r.uint(1)), r.uint(8), r.uint(8)
	case msgRefuse:
		m.reason, m.id = byte(r.uint(1)), r.uint(8)
	case msgKeepalive:
	case msgTerm:
		m.flags, m.reason = byte(r.uint(1)), byte(r.uint(1))
	case msgReject:
		m.reason, m.flags = byte(r.uint(1)), byte(r.uint(1))
	case msgInit:
		m.init.keepalive = uint16(r.uint(2))
		m.init.segmentMRU, m.init.transMRU = r.uint(8), r.uint(8)
		n := r.uint(2)
		if r.err == nil && n > maxNodeName {
			return m, errTalk("a name of %d bytes", n)
		}
		name := make([]byte, n)
		if r.err == nil {
			_, r.err = io.ReadFull(b, name)
		}
		m.init.node = string(name)
		r.extensions(math.MaxUint64)
	default:
		return m, errType(m.kind)
	}
	if r.err == io.EOF {
		r.err = io.ErrUnexpectedEOF
	}
	return m, r.err
}

// appendSegmentHead writes an XFER_SEGMENT up to its data.
func appendSegmentHead(b []byte, flags byte, id uint64, total, n int) []byte {
	b = binary.BigEndian.AppendUint64(append(b, msgSegment, flags), id)
	if flags&flagStart != 0 {
		if flags&flagEnd != 0 {
			b = binary.BigEndian.AppendUint32(b, 0) // the length is plain to see
		} else {
			b = append(binary.BigEndian.AppendUint32(b, 13), 0, 0, extTransferLength, 0, 8)
			b = binary.BigEndian.AppendUint64(b, uint64(total))
		}
	}
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

func appendAck(b []byte, flags byte, id, length uint64) []byte {
	b = binary.BigEndian.AppendUint64(append(b, msgAck, flags), id)
	return binary.BigEndian.AppendUint64(b, length)
}

func appendRefuse(b []byte, reason byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, msgRefuse, reason), id)
}

func appendInit(b []byte, node string) []byte {
	b = binary.BigEndian.AppendUint16(append(b, msgInit), keepEvery)
	// One segment holds any bundle that we take: some nodes write more than one wrongly.
	b = binary.BigEndian.AppendUint64(b, bundle.MaxBundle)
	b = binary.BigEndian.AppendUint64(b, bundle.MaxBundle)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(node))), node...)
	return binary.BigEndian.AppendUint32(b, 0)
}
