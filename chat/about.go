package chat

import (
	"encoding/binary"

	"github.com/jauap/jauap/account"
)

// Sort is what a file is for its reader.
type Sort uint8

// The sorts of files. An unknown one is shown as a plain file.
const (
	Plain Sort = iota
	Photo
	Voice
)

// About is what a letter says of a file beside its name. The sender claims it.
type About struct {
	Sort          Sort
	Held          bool // the bytes leave only when the reader asks
	Width, Height int  // of a photo, in points
	Seconds       int  // of a voice note; 0 when not known
	Preview       []byte
}

// said tells whether there is anything to say.
func (a About) said() bool { return a.Sort != Plain || a.Held }

const maxUint16 = 1<<16 - 1

func (a About) append(b []byte) []byte {
	bits := byte(0)
	if a.Held {
		bits = bitHeld
	}
	b = append(b, byte(a.Sort), bits)
	for _, n := range []int{a.Width, a.Height, a.Seconds, len(a.Preview)} {
		b = binary.BigEndian.AppendUint16(b, uint16(min(max(n, 0), maxUint16)))
	}
	return append(b, a.Preview...)
}

// cut reads what append wrote; false when it is above a limit. Of a plain file
// that comes along there is nothing to say: a width or a preview is dropped.
func (a *About) cut(c *cutter) bool {
	a.Sort, a.Held = Sort(c.u8()), c.u8()&bitHeld != 0
	a.Width, a.Height, a.Seconds = c.u16(), c.u16(), c.u16()
	n := c.u16()
	if n > maxGlimpse {
		return false
	}
	if n > 0 {
		a.Preview = append([]byte(nil), c.take(n)...)
	}
	if !a.said() {
		*a = About{}
	}
	return !c.short
}

func (a About) record(r *account.Record) {
	r.Uint(uint64(a.Sort)).Flag(a.Held).Uint(uint64(a.Width)).Uint(uint64(a.Height)).Uint(uint64(a.Seconds)).Blob(a.Preview)
}

func aboutFrom(f *account.Fields) About {
	return About{Sort: Sort(f.Uint()), Held: f.Flag(), Width: int(f.Uint()), Height: int(f.Uint()), Seconds: int(f.Uint()), Preview: f.Blob()}
}
