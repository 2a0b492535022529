package note

import (
	"fmt"
	"strings"
)

// Limits of a text with several notes.
const (
	MaxBlock  = 64 << 10 // bytes
	maxNotes  = 200
	maxStarts = 16 // places at which a note's words may begin
)

// Block is one note of a text that may hold several.
type Block struct {
	Text  string  // as it stands there
	Found []Found // the same code with what its words may be: all of the text first
	Err   error   // ErrNoCode, ErrLength
}

// ReadAll takes a text apart that holds the notes of several messages, as they are
// copied out of a telephone, with names and hours between. Each ends with its code
// after # (or №); one alone may do without the mark. spec/status.md, 4.4
func ReadAll(s string) (list []Block) {
	if len(s) > MaxBlock {
		return []Block{{Err: fmt.Errorf("%w: at most %d bytes at once", ErrNoCode, MaxBlock)}}
	}
	s = strings.ToValidUTF8(s, "?")
	begin, short := 0, false // short: a mark with too few characters since begin
	for at := 0; len(list) < maxNotes; {
		i := strings.IndexAny(s[at:], "#№＃")
		if i < 0 {
			break
		}
		mark := at + i
		_, size := runeAt(s, mark)
		got, end := take(s, mark+size)
		if at = mark + size; len(got) < codeLen {
			short = short || len(got) > 0
			continue
		}
		list = append(list, block(s[begin:mark], s[begin:end], got))
		begin, at, short = end, end, false
	}
	rest := strings.TrimSpace(s[begin:])
	switch {
	case len(list) == 0:
		f, err := Read(s)
		if err != nil {
			return []Block{{Text: rest, Err: err}}
		}
		return []Block{{Text: rest, Found: starts(f)}}
	case short:
		list = append(list, Block{Text: rest, Err: ErrLength})
	case len(strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(" .,;\n\r\t", r) })) > 0:
		list = append(list, Block{Text: rest, Err: ErrNoCode})
	}
	return list
}

// take reads the characters of a code from i on, as many as it has, and answers
// where they end.
func take(s string, i int) (got []byte, end int) {
	for j, r := range s[i:] {
		d, kind := symbol(r)
		if kind == isEnd {
			return got, i + j
		}
		if kind == isSymbol {
			if got = append(got, d); len(got) == codeLen {
				return got, i + j + len(string(r))
			}
		}
	}
	return got, len(s)
}

func block(words, text string, got []byte) Block {
	return Block{Text: strings.TrimSpace(text), Found: starts(found(strings.TrimSpace(words), got))}
}

// starts is a note with what its words may be: a telephone puts names and hours
// before them, and other people's messages. What is told last comes first.
func starts(f Found) []Found {
	list := []Found{f}
	for _, i := range beginnings(f.Words) {
		g := f
		if g.Words = strings.TrimSpace(f.Words[i:]); g.Words != "" {
			list = append(list, g)
		}
	}
	return list
}

// beginnings are places behind the ends of lines, and behind colons and brackets in
// the lines, the last first.
func beginnings(s string) (at []int) {
	for i := len(s) - 1; i > 0 && len(at) < maxStarts; i-- {
		switch s[i-1] {
		case '\n', '\t':
			at = append(at, i)
		case ':', ']', '>', ')', '-':
			if s[i] == ' ' {
				at = append(at, i)
			}
		}
	}
	return at
}
