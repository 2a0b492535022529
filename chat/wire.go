package chat

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Kinds of parts. A letter and its pieces must not be passed over by a reader
// that does not know them; receipts may.
const (
	kindLetter  = account.FirstAppKind | account.Critical
	kindPiece   = account.FirstAppKind + 1 | account.Critical
	kindReceipt = account.FirstAppKind + 2
	kindRich    = account.FirstAppKind + 10 | account.Critical // a letter that vanishes, or says more of its files
	kindAsk     = account.FirstAppKind + 11
)

// Limits of a letter.
const (
	MaxText  = 64 << 10 // bytes of UTF-8
	MaxFiles = 16
	MaxBytes = 64 << 20 // all files of a letter together

	maxInline   = 3000 // bytes of text inside the letter's own part
	maxFileName = 100  // bytes
	maxGlimpse  = 1024 // bytes of a photo's preview

	MinVanish = time.Minute
	MaxVanish = 366 * 24 * time.Hour
)

// letterPart is the beginning of a letter:
//
//	id 16 | claimed time 6 | flags u8
//	flagLong:   length of the text u32
//	flagVanish: seconds u32
//	flagFiles:  count u8, then for each: size u32 | sha256 32 | name length u8 | name
//	            flagAbout: sort u8 | bits u8 | width u16 | height u16 | seconds u16 | preview length u16 | preview
//	the text, unless it is long
//
// A rich letter has flagVanish or flagAbout, a plain one neither.
type letterPart struct {
	id     account.LetterID
	at     time.Time
	long   bool
	size   int    // of a long text
	text   []byte // of a short one
	vanish time.Duration
	files  []filePart
}

type filePart struct {
	size int64
	sum  [32]byte
	name string
	About
}

const (
	flagLong   = 1
	flagFiles  = 2
	flagVanish = 4
	flagAbout  = 8
	headSize   = 16 + 6 + 1

	bitHeld = 1 // the bytes come when they are asked for
)

// maxTime is the end of the year 9999, the last that all formats can write.
const maxTime = 253402300799999

// stamp is a claimed time in milliseconds since 1970, in 48 bits.
func stamp(b []byte, t time.Time) []byte {
	ms := min(max(t.UnixMilli(), 0), maxTime)
	return append(b, byte(ms>>40), byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms))
}

func unstamp(b []byte) time.Time {
	ms := int64(binary.BigEndian.Uint16(b))<<32 | int64(binary.BigEndian.Uint32(b[2:]))
	return time.UnixMilli(min(ms, maxTime)).UTC()
}

func (l letterPart) part() seal.Part {
	b := append(make([]byte, 0, headSize+len(l.text)), l.id[:]...)
	b = stamp(b, l.at)
	var flags byte
	if l.long {
		flags |= flagLong
	}
	if len(l.files) > 0 {
		flags |= flagFiles
	}
	if l.vanish > 0 {
		flags |= flagVanish
	}
	if slices.ContainsFunc(l.files, func(f filePart) bool { return f.said() }) {
		flags |= flagAbout
	}
	b = append(b, flags)
	if l.long {
		b = binary.BigEndian.AppendUint32(b, uint32(l.size))
	}
	if l.vanish > 0 {
		b = binary.BigEndian.AppendUint32(b, uint32(l.vanish/time.Second))
	}
	if len(l.files) > 0 {
		b = append(b, byte(len(l.files)))
		for _, f := range l.files {
			b = binary.BigEndian.AppendUint32(b, uint32(f.size))
			b = append(b, f.sum[:]...)
			b = append(b, byte(len(f.name)))
			b = append(b, f.name...)
			if flags&flagAbout != 0 {
				b = f.About.append(b)
			}
		}
	}
	kind := uint8(kindLetter)
	if flags&(flagVanish|flagAbout) != 0 {
		kind = kindRich
	}
	return seal.Part{Kind: kind, Body: append(b, l.text...)}
}

// cutter takes fields off the front of a part; after a shortage it gives zeros
// and short is set.
type cutter struct {
	b     []byte
	short bool
}

func (c *cutter) take(n int) []byte {
	if c.short || n > len(c.b) {
		c.short = true
		return make([]byte, min(n, 256))
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cutter) u8() int { return int(c.take(1)[0]) }

func (c *cutter) u16() int { return int(binary.BigEndian.Uint16(c.take(2))) }

func (c *cutter) u32() int64 { return int64(binary.BigEndian.Uint32(c.take(4))) }

// parseLetter reads a letter's part; ok is false when it is malformed or
// above a limit.
func parseLetter(b []byte) (l letterPart, ok bool) {
	c := &cutter{b: b}
	l.id, l.at = account.LetterID(c.take(16)), unstamp(c.take(6))
	flags := c.u8()
	if flags&^(flagLong|flagFiles|flagVanish|flagAbout) != 0 || flags&flagAbout != 0 && flags&flagFiles == 0 {
		return l, false
	}
	if l.long = flags&flagLong != 0; l.long {
		l.size = int(c.u32())
		if l.size == 0 || l.size > MaxText {
			return l, false
		}
	}
	if flags&flagVanish != 0 {
		l.vanish = time.Duration(c.u32()) * time.Second
		if l.vanish < MinVanish || l.vanish > MaxVanish {
			return l, false
		}
	}
	if flags&flagFiles != 0 {
		n, total := c.u8(), int64(0)
		if n == 0 || n > MaxFiles {
			return l, false
		}
		for range n {
			f := filePart{size: c.u32(), sum: [32]byte(c.take(32))}
			f.name = string(c.take(c.u8()))
			if flags&flagAbout != 0 && !f.About.cut(c) {
				return l, false
			}
			if total += f.size; total > MaxBytes || c.short {
				return l, false
			}
			l.files = append(l.files, f)
		}
	}
	l.text = c.b
	if c.short || l.long && len(l.text) > 0 || len(l.text) > MaxText {
		return l, false
	}
	return l, true
}

// piecePart is a stretch of a long text (index 0) or of a file (from 1):
//
//	id 16 | index u8 | offset u32 | bytes
type piecePart struct {
	id     account.LetterID
	index  int
	offset int64
	data   []byte
}

const pieceHead = 16 + 1 + 4

func (p piecePart) part() seal.Part {
	b := append(make([]byte, 0, pieceHead+len(p.data)), p.id[:]...)
	b = append(b, byte(p.index))
	b = binary.BigEndian.AppendUint32(b, uint32(p.offset))
	return seal.Part{Kind: kindPiece, Body: append(b, p.data...)}
}

func parsePiece(b []byte) (p piecePart, ok bool) {
	c := &cutter{b: b}
	p.id, p.index, p.offset = account.LetterID(c.take(16)), c.u8(), c.u32()
	p.data = c.b
	limit := int64(MaxBytes)
	if p.index == 0 {
		limit = MaxText
	}
	return p, !c.short && len(p.data) > 0 && p.index <= MaxFiles && p.offset+int64(len(p.data)) <= limit
}

// receiptPart is a list of
//
//	id 16 | what u8 | claimed time 6
type receipt struct {
	id   account.LetterID
	read bool // else delivered
	at   time.Time
}

const receiptSize = 16 + 1 + 6

func appendReceipt(b []byte, r receipt) []byte {
	b = append(b, r.id[:]...)
	if r.read {
		b = append(b, 2)
	} else {
		b = append(b, 1)
	}
	return stamp(b, r.at)
}

// parseReceipts reads a list; what is of an unknown sort is passed over.
func parseReceipts(b []byte) (list []receipt) {
	for ; len(b) >= receiptSize; b = b[receiptSize:] {
		if what := b[16]; what == 1 || what == 2 {
			list = append(list, receipt{account.LetterID(b[:16]), what == 2, unstamp(b[17:])})
		}
	}
	return list
}

// position turns a time into an order among letters: milliseconds.
func position(t time.Time) uint64 {
	return uint64(min(max(t.UnixMilli(), 0), math.MaxInt64>>8))
}
