package bundle

import (
	"encoding/binary"
	"io"
)

// Major types. RFC 8949, 3.1
const (
	cborUint  = 0
	cborBytes = 2
	cborText  = 3
	cborArray = 4

	indefinite = 31   // additional information, RFC 8949, 3.2
	openArray  = 0x9f // an array that ends with a break
	breakByte  = 0xff
)

// appendHead writes a head in its shortest form, as RFC 9171, 4.1 wants.
func appendHead(b []byte, major byte, n uint64) []byte {
	switch m := major << 5; {
	case n < 24:
		return append(b, m|byte(n))
	case n < 1<<8:
		return append(b, m|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, m|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, m|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, m|27), n)
	}
}

func appendBytes(b, data []byte) []byte {
	return append(appendHead(b, cborBytes, uint64(len(data))), data...)
}

// cursor reads items one after the other. The first thing that does not fit
// makes it bad for good; what is read from a bad one is zero.
type cursor struct {
	b   []byte
	at  int
	bad bool
}

// head reads a head. open tells one of indefinite length.
func (c *cursor) head() (major byte, n uint64, open bool) {
	if c.bad || c.at >= len(c.b) {
		c.bad = true
		return 0, 0, false
	}
	major, info := c.b[c.at]>>5, c.b[c.at]&31
	c.at++
	width := 0
	switch {
	case info < 24:
		return major, uint64(info), false
	case info <= 27:
		width = 1 << (info - 24)
	case info == indefinite:
		return major, 0, true
	}
	if width == 0 || len(c.b)-c.at < width {
		c.bad = true
		return 0, 0, false
	}
	for range width {
		n = n<<8 | uint64(c.b[c.at])
		c.at++
	}
	return major, n, false
}

// want reads the head of an item of definite length.
func (c *cursor) want(major byte) uint64 {
	m, n, open := c.head()
	if m != major || open {
		c.bad = true
	}
	if c.bad {
		return 0
	}
	return n
}

func (c *cursor) uint() uint64 { return c.want(cborUint) }

// array reads an array's head and its length, at most 1<<16.
func (c *cursor) array() int {
	n := c.want(cborArray)
	if n > 1<<16 {
		c.bad = true
		return 0
	}
	return int(n)
}

// string reads bytes or text; they share memory with the input.
func (c *cursor) string(major byte) []byte {
	n := c.want(major)
	if c.bad || n > uint64(len(c.b)-c.at) {
		c.bad = true
		return nil
	}
	s := c.b[c.at : c.at+int(n) : c.at+int(n)]
	c.at += int(n)
	return s
}

// atBreak steps over the end of an open array if it stands here.
func (c *cursor) atBreak() bool {
	if !c.bad && c.at < len(c.b) && c.b[c.at] == breakByte {
		c.at++
		return true
	}
	return false
}

// peekMajor is the type of the next item; 255 at the end.
func (c *cursor) peekMajor() byte {
	if c.bad || c.at >= len(c.b) {
		return 255
	}
	return c.b[c.at] >> 5
}

// AppendByteStringHead writes what stands before n bytes in MTCP.
func AppendByteStringHead(b []byte, n int) []byte {
	return appendHead(b, cborBytes, uint64(n))
}

// ReadByteStringHead reads it: ErrMalformed for anything else, io.EOF for nothing.
func ReadByteStringHead(r io.ByteReader) (uint64, error) {
	var head [9]byte
	n := 1
	for i := 0; i < n; i++ {
		b, err := r.ReadByte()
		if err != nil && i > 0 {
			return 0, io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		if head[i] = b; i == 0 && b&31 >= 24 && b&31 <= 27 {
			n += 1 << (b&31 - 24)
		}
	}
	c := cursor{b: head[:n]}
	size := c.want(cborBytes)
	if c.bad {
		return 0, ErrMalformed
	}
	return size, nil
}
