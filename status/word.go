package status

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Kinds of parts. A reader that does not know them must not pass over them.
const (
	kindWord    = 0x56 | account.Critical
	kindPromise = 0x57 | account.Critical
)

// Errors of a Board, usable with errors.Is.
var (
	ErrEmpty    = errors.New("status: say what you want to tell")
	ErrWhom     = errors.New("status: say whom you are looking for")
	ErrTooLong  = errors.New("status: a word is short: use fewer characters, or write a letter")
	ErrNobody   = errors.New("status: there is nobody to tell yet: add somebody first")
	ErrNone     = errors.New("status: there is nothing to send: say first how you are")
	ErrPast     = errors.New("status: the hour of a promise must lie ahead, at most a week")
	ErrNoted    = errors.New("status: the code belongs to none of your people: it is for somebody else, or made up")
	ErrMine     = errors.New("status: this is a note of your own")
	ErrNotFound = errors.New("status: not found")
)

// Kind of a word.
type Kind uint8

// The kinds, by their number in a part.
const (
	Safe    Kind = 1 + iota
	Moved        // safe, in another place
	Hurt         // needs help
	Looking      // for somebody
)

// kindNames are how callers write the kinds.
var kindNames = [...]string{Safe: "safe", Moved: "moved", Hurt: "hurt", Looking: "looking"}

func (k Kind) String() string {
	if k.good() {
		return kindNames[k]
	}
	return ""
}

func (k Kind) good() bool { return k >= Safe && k <= Looking }

// ParseKind reads what String writes.
func ParseKind(s string) (Kind, bool) {
	for k := Safe; k <= Looking; k++ {
		if kindNames[k] == s {
			return k, true
		}
	}
	return 0, false
}

// Limits of a word.
const (
	MaxNote  = 280 // bytes of UTF-8: 140 letters of Kazakh
	MaxPlace = 96  // bytes of a town, and of a name
	MaxNet   = 48  // bytes of a network's name
	MaxWith  = 8   // people mentioned
)

// Place is where somebody is, as coarse as they chose to say.
type Place struct {
	Town string // "" when not said
	Net  string // whose network is used there; "" when not said
}

// Mention says that somebody else is with the author.
type Mention struct {
	Name string            // as the author calls them
	ID   account.ContactID // zero when the reader does not know them
	tag  [8]byte           // by which a reader who knows them finds out
}

// Word is one status.
type Word struct {
	Seq  uint32    // order among the author's words and promises
	At   time.Time // when it was written: the author's clock, a claim
	Kind Kind
	Whom string // who is looked for
	Place
	Note string
	With []Mention
}

// subject is what a word is about: a newer word takes the place of an older
// one about the same.
func (w Word) subject() string {
	if w.Kind == Looking {
		return "?" + fold(w.Whom)
	}
	return "me"
}

// epoch is the beginning of Seq's count: minutes since it, or one more than
// the last. spec/status.md, 2.1
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// nextSeq is the number of a new word after last.
func nextSeq(last uint32, now time.Time) uint32 {
	minutes := min(max(int64(now.Sub(epoch)/time.Minute), 1), 1<<25-1)
	return max(uint32(minutes), last+1)
}

// TimeOf is when the word with a number was written, to the minute, as far as
// the number tells.
func TimeOf(seq uint32) time.Time { return epoch.Add(time.Duration(seq) * time.Minute) }

// checked cleans a word of the owner and refuses what nobody could read.
func (w Word) checked() (Word, error) {
	w.Whom, w.Town, w.Net = clean(w.Whom), clean(w.Town), clean(w.Net)
	w.Note = clean(w.Note)
	switch {
	case !w.Kind.good():
		return w, ErrEmpty
	case w.Kind == Looking && w.Whom == "":
		return w, ErrWhom
	case len(w.Whom) > MaxPlace, len(w.Town) > MaxPlace, len(w.Net) > MaxNet, len(w.Note) > MaxNote, len(w.With) > MaxWith:
		return w, ErrTooLong
	}
	if w.Kind != Looking {
		w.Whom = ""
	}
	return w, nil
}

// clean makes a text fit for one line: printable, single spaces, no marks that
// turn the direction of writing.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.Fields(s), " ")
}

// short cuts a clean text to at most n bytes.
func short(s string, n int) string {
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}

// fold makes names equal that differ in capitals only.
func fold(s string) string { return strings.ToLower(clean(s)) }

// part is the word on its way. spec/status.md, 2.2
func (w Word) part() seal.Part {
	b := binary.BigEndian.AppendUint32(nil, w.Seq)
	b = stamp(b, w.At)
	b = append(b, byte(w.Kind))
	b = text(b, w.Whom)
	b = text(b, w.Town)
	b = text(b, w.Net)
	b = binary.BigEndian.AppendUint16(b, uint16(len(w.Note)))
	b = append(b, w.Note...)
	b = append(b, byte(len(w.With)))
	for _, m := range w.With {
		b = text(append(b, m.tag[:]...), m.Name)
	}
	return seal.Part{Kind: kindWord, Body: b}
}

// parseWord reads a word; ok is false when it is malformed or above a limit.
// What follows the known fields is of a newer Jauap.
func parseWord(b []byte) (w Word, ok bool) {
	c := &cutter{b: b}
	w.Seq, w.At, w.Kind = c.u32(), c.time(), Kind(c.u8())
	w.Whom, w.Town, w.Net = c.text(MaxPlace), c.text(MaxPlace), c.text(MaxNet)
	n := int(c.u8())<<8 | int(c.u8())
	if n > MaxNote {
		return w, false
	}
	w.Note = short(clean(string(c.take(n))), MaxNote)
	count := int(c.u8())
	if count > MaxWith {
		return w, false
	}
	for range count {
		m := Mention{tag: [8]byte(c.take(8))}
		m.Name = c.text(MaxPlace)
		w.With = append(w.With, m)
	}
	return w, !c.short && w.Kind.good() && w.Seq > 0
}

func text(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

// maxTime is the end of the year 9999 in milliseconds.
const maxTime = 253402300799999

// stamp is a claimed time in milliseconds since 1970, in 48 bits.
func stamp(b []byte, t time.Time) []byte {
	ms := min(max(t.UnixMilli(), 0), maxTime)
	return append(b, byte(ms>>40), byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms))
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
		return make([]byte, min(n, MaxNote))
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cutter) u8() byte { return c.take(1)[0] }

func (c *cutter) u32() uint32 { return binary.BigEndian.Uint32(c.take(4)) }

func (c *cutter) time() time.Time {
	b := c.take(6)
	ms := int64(binary.BigEndian.Uint16(b))<<32 | int64(binary.BigEndian.Uint32(b[2:]))
	return time.UnixMilli(min(ms, maxTime)).UTC()
}

// text reads a text with its length; one that is too long spoils the part.
func (c *cutter) text(most int) string {
	n := int(c.u8())
	if n > most {
		c.short = true
		return ""
	}
	return short(clean(string(c.take(n))), most)
}
