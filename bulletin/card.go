package bulletin

import (
	"bytes"
	"crypto/sha256"
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
	ErrCard    = errors.New("bulletin: this is not a board's card")
	ErrUnknown = errors.New("bulletin: there is no such board here")
	ErrNotice  = errors.New("bulletin: cannot use this notice")
	ErrEditors = errors.New("bulletin: not enough editors have signed")
	ErrNotMine = errors.New("bulletin: only its publisher can post on this board")
	ErrFull    = errors.New("bulletin: too many boards are followed")
)

// What is wrong with a notice or its signatures. The first three are also an
// ErrNotice, the others an ErrEditors.
var (
	ErrMedium    = fmt.Errorf("%w: its photo or recording is missing or another one; make the draft again", ErrNotice)
	ErrText      = fmt.Errorf("%w: 1 to %d bytes of text, shown for 1 to %d days", ErrNotice, MaxText, MaxDays)
	ErrSince     = fmt.Errorf("%w: another one was posted since; make the draft again", ErrNotice)
	ErrSignature = fmt.Errorf("%w: this is no signature of an editor", ErrEditors)
	ErrOther     = fmt.Errorf("%w: a signature is for another notice or by nobody of this board", ErrEditors)
)

// Window is how many notices ahead have their tags named. spec/bulletin.md, 1.
const Window = 16

// Limits. spec/bulletin.md, 1 and 2.
const (
	MaxEditors = 16
	MaxName    = 64 // bytes
	MaxText    = 16 << 10
	maxFiles   = 8
	maxFile    = 100 // bytes of a file's name or type
)

// ID names a board.
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Card is a board as a follower pins it.
type Card struct {
	Name    string
	Need    int        // so many editors must sign
	Editors [][32]byte // Ed25519 public keys
	read    [32]byte
	first   [Window]envelope.Tag
}

func (c *Card) bytes() []byte {
	r := account.NewRecord(1).Text(c.Name).Uint(uint64(c.Need)).Uint(uint64(len(c.Editors)))
	for _, k := range c.Editors {
		r.Raw(k[:])
	}
	r.Raw(c.read[:])
	for _, t := range c.first {
		r.Raw(t[:])
	}
	return r.Bytes()
}

// ID is the board's name in bytes.
func (c *Card) ID() ID {
	sum := sha256.Sum256(label("jauap/1 board", c.bytes()))
	return ID(sum[:16])
}

func label(text string, parts ...[]byte) []byte {
	return append(append([]byte(text), 0), bytes.Join(parts, nil)...)
}

const prefix = "jauap-board:1:"

// Link is the card as text, for a messenger, a web page or a QR code.
func (c *Card) Link() string { return prefix + base64.RawURLEncoding.EncodeToString(c.bytes()) }

// ParseCard reads a card's text. Spaces and line breaks do not matter.
func ParseCard(s string) (*Card, error) {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	text, ok := strings.CutPrefix(s, prefix)
	if !ok || len(text) > 4<<10 {
		return nil, fmt.Errorf("%w: it begins with %q", ErrCard, prefix)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: some letters are missing or wrong", ErrCard)
	}
	c, ok := parseCard(b)
	if !ok {
		return nil, fmt.Errorf("%w: some letters are missing or wrong", ErrCard)
	}
	return c, nil
}

func parseCard(b []byte) (*Card, bool) {
	f := account.ReadRecord(b)
	f.Version(1)
	c := &Card{Name: f.Text()}
	need, n := f.Uint(), f.Uint()
	if n < 1 || n > MaxEditors || need < 1 || need > n {
		return nil, false
	}
	c.Need = int(need)
	seen := map[[32]byte]bool{}
	for range n {
		k := [32]byte(f.Raw(32))
		if seen[k] {
			return nil, false
		}
		seen[k] = true
		c.Editors = append(c.Editors, k)
	}
	c.read = [32]byte(f.Raw(32))
	for i := range c.first {
		c.first[i] = envelope.Tag(f.Raw(16))
	}
	good := f.Done() == nil && c.Name != "" && len(c.Name) <= MaxName && c.Name == account.Clean(c.Name) && bytes.Equal(c.bytes(), b)
	return c, good
}
