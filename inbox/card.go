package inbox

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

// Errors, usable with errors.Is.
var (
	ErrCard    = errors.New("inbox: this is not an inbox's card")
	ErrUnknown = errors.New("inbox: there is nothing of that name here")
	ErrContent = errors.New("inbox: cannot send this")
	ErrFull    = errors.New("inbox: too many inboxes are kept here")
	ErrWhole   = errors.New("inbox: its pieces have not all come")
)

// Two causes of ErrContent.
var (
	ErrLong = fmt.Errorf("%w: it is empty or too long", ErrContent)
	ErrSent = fmt.Errorf("%w: %d messages are remembered here; forget some first", ErrContent, maxSent)
)

// Limits of a card. spec/inbox.md, 1.
const (
	Weeks    = 26 // keys on a new card
	maxWeeks = 60
	MaxName  = 64 // bytes
	kemSize  = 1216
	week     = 7 // days
)

// ID names an inbox or a message.
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Card is what a desk publishes.
type Card struct {
	Name  string
	Shard uint8
	first uint16 // week of the first key
	weeks [][32]byte
	kem   []byte
}

// secrets are the other half. An erased week is empty.
type secrets struct {
	kem   []byte // seed
	sk    hpke.PrivateKey
	weeks [][]byte
}

// unlocked makes ready what opening needs.
func unlocked(kem []byte, weeks [][]byte) (*secrets, error) {
	sk, err := hpke.MLKEM768X25519().NewPrivateKey(kem)
	if err != nil {
		return nil, fmt.Errorf("%w: an inbox's key", account.ErrDamaged)
	}
	return &secrets{kem, sk, weeks}, nil
}

func newCard(name string, day envelope.Day) (*Card, *secrets, error) {
	k, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return nil, nil, err
	}
	seed, err := k.Bytes()
	if err != nil {
		return nil, nil, err
	}
	var shard [1]byte
	for shard[0] == 0 {
		rand.Read(shard[:])
	}
	c := &Card{Name: account.Clean(name), Shard: shard[0], first: weekOf(day), kem: k.PublicKey().Bytes()}
	s := &secrets{kem: seed, sk: k}
	for range Weeks {
		x, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		c.weeks = append(c.weeks, [32]byte(x.PublicKey().Bytes()))
		s.weeks = append(s.weeks, x.Bytes())
	}
	if _, ok := parseCard(c.bytes()); !ok {
		return nil, nil, fmt.Errorf("%w: its name has 1 to %d bytes", ErrCard, MaxName)
	}
	return c, s, nil
}

func weekOf(d envelope.Day) uint16 { return uint16(d) / week }

func (c *Card) bytes() []byte {
	r := account.NewRecord(1).Text(c.Name).Raw([]byte{c.Shard}).Uint(uint64(c.first)).Uint(uint64(len(c.weeks)))
	for _, k := range c.weeks {
		r.Raw(k[:])
	}
	return r.Raw(c.kem).Bytes()
}

func parseCard(b []byte) (*Card, bool) {
	f := account.ReadRecord(b)
	f.Version(1)
	c := &Card{Name: f.Text(), Shard: f.Raw(1)[0]}
	first, n := f.Uint(), f.Uint()
	if first > uint64(weekOf(envelope.NoDay)) || n < 1 || n > maxWeeks || c.Shard == 0 {
		return nil, false
	}
	c.first = uint16(first)
	for range n {
		c.weeks = append(c.weeks, [32]byte(f.Raw(32)))
	}
	c.kem = bytes.Clone(f.Raw(kemSize))
	if f.Done() != nil || c.Name == "" || len(c.Name) > MaxName || c.Name != account.Clean(c.Name) || !bytes.Equal(c.bytes(), b) {
		return nil, false
	}
	_, err := hpke.MLKEM768X25519().NewPublicKey(c.kem)
	return c, err == nil
}

// ID is the card's name in bytes.
func (c *Card) ID() ID {
	sum := sha256.Sum256(label("jauap/1 inbox card", c.bytes()))
	return ID(sum[:16])
}

func label(text string, b []byte) []byte { return append(append([]byte(text), 0), b...) }

// Until is the first day after the card's last week.
func (c *Card) Until() envelope.Day {
	return envelope.Day(min((int(c.first)+len(c.weeks))*week, int(envelope.NoDay)-1))
}

// weekAt is the week to use on a day.
func (c *Card) weekAt(day envelope.Day) uint16 {
	return min(max(weekOf(day), c.first), c.first+uint16(len(c.weeks))-1)
}

const prefix = "jauap-inbox:1:"

var upper = base32.StdEncoding.WithPadding(base32.NoPadding)

// Link is the card as text.
func (c *Card) Link() string { return prefix + base64.RawURLEncoding.EncodeToString(c.bytes()) }

// QRText is the card in the letters that QR codes hold best.
func (c *Card) QRText() string { return strings.ToUpper(prefix) + upper.EncodeToString(c.bytes()) }

// ParseCard reads a card's text in either form. Spaces do not matter.
func ParseCard(s string) (*Card, error) {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	if len(s) > 8<<10 {
		return nil, fmt.Errorf("%w: it is too long", ErrCard)
	}
	var b []byte
	var err error
	if text, ok := strings.CutPrefix(s, prefix); ok {
		b, err = base64.RawURLEncoding.Strict().DecodeString(text)
	} else if text, ok := strings.CutPrefix(s, strings.ToUpper(prefix)); ok {
		b, err = upper.DecodeString(text)
	} else {
		return nil, fmt.Errorf("%w: it begins with %q", ErrCard, prefix)
	}
	if err == nil {
		if c, ok := parseCard(b); ok {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: some letters are missing or wrong", ErrCard)
}
