package serial

// KISS framing: Chepponis and Karn, 6th ARRL Computer Networking Conference, 1987.
const (
	fend  = 0xc0
	fesc  = 0xdb
	tfend = 0xdc
	tfesc = 0xdd
)

// maxKISS is the longest frame that a modem may send us, in bytes: an RNode tells
// of packets of up to 508.
const maxKISS = 1024

// appendKISS appends a frame: a command and its data.
func appendKISS(dst []byte, command byte, data []byte) []byte {
	dst = append(dst, fend)
	dst = escape(dst, command)
	for _, b := range data {
		dst = escape(dst, b)
	}
	return append(dst, fend)
}

func escape(dst []byte, b byte) []byte {
	switch b {
	case fend:
		return append(dst, fesc, tfend)
	case fesc:
		return append(dst, fesc, tfesc)
	}
	return append(dst, b)
}

// unkiss takes frames out of a stream of bytes. Wrong escapes and what is too long
// cost only themselves.
type unkiss struct {
	buf  []byte
	esc  bool
	over bool // until the next fend
}

// feed takes bytes and calls take with each frame that they complete. The data is
// valid during the call.
func (u *unkiss) feed(b []byte, take func(command byte, data []byte)) {
	for _, c := range b {
		switch {
		case c == fend:
			if len(u.buf) > 0 && !u.over && !u.esc {
				take(u.buf[0], u.buf[1:])
			}
			u.buf, u.esc, u.over = u.buf[:0], false, false
		case u.over:
		case u.esc && c != tfend && c != tfesc, len(u.buf) == maxKISS:
			u.over = true
		case u.esc:
			u.buf, u.esc = append(u.buf, fend+(c-tfend)*(fesc-fend)), false
		case c == fesc:
			u.esc = true
		default:
			u.buf = append(u.buf, c)
		}
	}
}
