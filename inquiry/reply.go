package inquiry

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrReply is about a code of a printed reply slip.
var ErrReply = errors.New("inquiry: this is not a code of a reply slip, or it was typed wrong")

// replyBegin is how many bytes of a slip's id a code holds.
const replyBegin = 5

// letters leave out I, L, O and U, which are read as others.
var letters = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

const replyPrefix = "JAUAP-REPLY:1:"

// ReplyCode is what a printed slip says for an outcome, in groups to be typed:
// XXXX-XXXX-XXX. spec/inquiry.md, 7.
func ReplyCode(id ID, o Outcome) string {
	s := letters.EncodeToString(id[:replyBegin])
	s += string("0123456789"[o%10])
	s += replyCheck(s)
	return s[:4] + "-" + s[4:8] + "-" + s[8:]
}

// ReplyQR is the same for a QR code.
func ReplyQR(id ID, o Outcome) string {
	return replyPrefix + strings.ReplaceAll(ReplyCode(id, o), "-", "")
}

func replyCheck(s string) string {
	sum := sha256.Sum256([]byte("jauap/1 reply " + s))
	return letters.EncodeToString(sum[:2])[:2]
}

// ParseReply reads a code in either form. begin is the beginning of the slip's
// id.
func ParseReply(s string) (begin string, o Outcome, err error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	s = strings.TrimPrefix(s, replyPrefix)
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '-' || unicode.IsSpace(r):
			return -1
		case r == 'O':
			return '0'
		case r == 'I' || r == 'L':
			return '1'
		}
		return r
	}, s)
	if len(s) != 11 || replyCheck(s[:9]) != s[9:] {
		return "", 0, ErrReply
	}
	b, err := letters.DecodeString(s[:8])
	o = Outcome(s[8] - '0')
	if err != nil || o < Spoke || o > Other {
		return "", 0, fmt.Errorf("%w: it is for no answer", ErrReply)
	}
	return hex.EncodeToString(b), o, nil
}

// Outcomes are all, in the order in which a slip offers them.
func Outcomes() []Outcome { return []Outcome{Spoke, Close, Neighbour, NoAnswer, NotThere, Other} }
