package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Invite is a card with its key: what the other person is given, by QR code,
// link or file. Who holds it can see which letters start a session with the
// card, so it belongs on a confidential way.
type Invite struct {
	Card Card
	Key  [32]byte
}

const (
	scheme    = "jauap:1:"
	checkSize = 4
	maxInvite = 8192 // characters; whitespace included
)

// Format prints the person and no key.
func (i Invite) Format(f fmt.State, _ rune) {
	io.WriteString(f, "invite of "+i.Card.Public().ID())
}

// Link is the invitation as text for a message, a file or paper: "jauap:1:"
// and about 1,950 characters. spec/seal.md, 3.4.
func (i Invite) Link() string {
	return scheme + base64.RawURLEncoding.EncodeToString(checked(i.Card, i.Key))
}

// QRText is the invitation as a QR code holds it: the short form of the card
// in the QR alphabet, 301 characters. It fits version 9-L.
func (i Invite) QRText() string {
	return strings.ToUpper(scheme) + qr.EncodeToString(checked(i.Card.Short(), i.Key))
}

var qr = base32.StdEncoding.WithPadding(base32.NoPadding)

// checked is card, key and a checksum: a typing error in the key would go
// unnoticed otherwise and the letters never be found.
func checked(c Card, key [32]byte) []byte {
	b := append(c.Bytes(), key[:]...)
	return append(b, check(b)...)
}

func check(b []byte) []byte {
	h := sha256.Sum256(append([]byte("jauap/1 invite"), b...))
	return h[:checkSize]
}

// ParseInvite reads a Link or a QRText. Whitespace anywhere is ignored.
// Every error is ErrInvite and says what a person can do.
func ParseInvite(s string) (Invite, error) {
	if len(s) > maxInvite {
		return Invite{}, fmt.Errorf("%w: too long; copy only the line that begins with %s", ErrInvite, scheme)
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		if kind, _, ok := strings.Cut(s[min(6, len(s)):], ":"); ok && strings.EqualFold(s[:6], "jauap:") && number(kind) {
			return Invite{}, fmt.Errorf("%w: it is of a newer kind; update Jauap", ErrInvite)
		}
		return Invite{}, fmt.Errorf("%w: it must begin with %s", ErrInvite, scheme)
	}
	s, _, _ = strings.Cut(s, "/") // addresses: SplitPlaces
	b, err := decodeInvite(s[len(scheme):])
	if err != nil {
		return Invite{}, err
	}
	n := len(b) - checkSize
	if !bytes.Equal(check(b[:n]), b[n:]) {
		return Invite{}, fmt.Errorf("%w: a character is wrong; copy it again", ErrInvite)
	}
	card, err := ParseCard(b[:n-32])
	if err != nil {
		return Invite{}, fmt.Errorf("%w: %w", ErrInvite, err)
	}
	i := Invite{Card: card, Key: [32]byte(b[n-32 : n])}
	if noKey(i.Key) {
		return Invite{}, fmt.Errorf("%w: it has no key", ErrInvite)
	}
	return i, nil
}

// number tells whether a later version's mark may be there.
func number(s string) bool {
	return s != "" && len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}

// decodeInvite tells the forms apart by their exact lengths, since people and
// programs change the case of what they copy.
func decodeInvite(s string) ([]byte, error) {
	short, full := ShortSize+32+checkSize, CardSize+32+checkSize
	var b []byte
	var err error
	switch len(s) {
	case qr.EncodedLen(short):
		s = strings.ToUpper(s)
		b, err = qr.DecodeString(s)
		if err == nil && qr.EncodeToString(b) != s {
			err = ErrMalformed
		}
	case base64.RawURLEncoding.EncodedLen(full):
		b, err = base64.RawURLEncoding.Strict().DecodeString(s)
	default:
		return nil, fmt.Errorf("%w: %d characters after %s are too few or too many; copy it whole", ErrInvite, len(s), scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: a character is wrong; copy it again", ErrInvite)
	}
	return b, nil
}
