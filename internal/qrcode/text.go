package qrcode

import "unicode/utf8"

// Text is what Read answered as text: UTF-8 where it is UTF-8, and else ISO 8859-1.
func Text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" // ISO/IEC 18004, table 5

// bits is read from the first bit of the first byte on.
type reader struct {
	b    []byte
	at   int
	over bool // more was read than there is
}

func (r *reader) left() int { return 8*len(r.b) - r.at }

func (r *reader) take(n int) int {
	if n > r.left() {
		r.over, r.at = true, 8*len(r.b)
		return 0
	}
	v := 0
	for range n {
		v = v<<1 | int(r.b[r.at/8]>>(7-r.at%8))&1
		r.at++
	}
	return v
}

// segments reads the contents of a code's data (ISO/IEC 18004, 7.4).
func segments(data []byte, version int) (out []byte, ok bool) {
	r := &reader{b: data}
	size := 0
	if version > 26 {
		size = 2
	} else if version > 9 {
		size = 1
	}
	for r.left() >= 4 && !r.over {
		mode := r.take(4)
		if mode == 0 { // the end
			break
		}
		switch mode {
		case 1:
			out = numeric(r, out, r.take([3]int{10, 12, 14}[size]))
		case 2:
			out = alphanumeric(r, out, r.take([3]int{9, 11, 13}[size]))
		case 4:
			n := r.take([3]int{8, 16, 16}[size])
			if 8*n > r.left() {
				return nil, false
			}
			for range n {
				out = append(out, byte(r.take(8)))
			}
		case 8: // Kanji, which nothing of ours says: a sign for each
			n := r.take([3]int{8, 10, 12}[size])
			if 13*n > r.left() {
				return nil, false
			}
			for range n {
				r.take(13)
				out = append(out, "\uFFFD"...)
			}
		case 7: // how bytes are to be read, in one to three bytes
			switch first := r.take(8); {
			case first&0x80 == 0:
			case first&0x40 == 0:
				r.take(8)
			default:
				r.take(16)
			}
		case 3: // one of several codes
			r.take(16)
		case 5: // a trade number
		case 9:
			r.take(8)
		default:
			return nil, false
		}
	}
	if r.over || len(out) == 0 {
		return nil, false
	}
	return out, true
}

func numeric(r *reader, out []byte, n int) []byte {
	for n > 0 && !r.over {
		digits := min(n, 3)
		v := r.take([4]int{0, 4, 7, 10}[digits])
		for unit := [4]int{0, 1, 10, 100}[digits]; unit > 0; unit /= 10 {
			if v/unit > 9 {
				r.over = true
				return out
			}
			out = append(out, byte('0'+v/unit))
			v %= unit
		}
		n -= digits
	}
	return out
}

func alphanumeric(r *reader, out []byte, n int) []byte {
	for n > 0 && !r.over {
		if n == 1 {
			v := r.take(6)
			if v >= len(alphabet) {
				r.over = true
				return out
			}
			return append(out, alphabet[v])
		}
		v := r.take(11)
		if v >= len(alphabet)*len(alphabet) {
			r.over = true
			return out
		}
		out = append(out, alphabet[v/len(alphabet)], alphabet[v%len(alphabet)])
		n -= 2
	}
	return out
}
