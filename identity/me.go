package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest name in bytes of UTF-8.
const MaxName = 32

// Public is what the world may know of a person: two keys and no name.
type Public struct {
	Sig SigPublic
	DH  DHPublic
}

// ID is the stable name of the person in files and lists: 32 hexadecimal
// digits. spec/seal.md, 3.1.
func (p Public) ID() string {
	h := sha256.New()
	h.Write([]byte("jauap/1 person"))
	h.Write(p.Sig[:])
	h.Write(p.DH[:])
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Me is a person with the secrets. It must not be copied into logs or
// errors; it prints as a redacted word.
type Me struct {
	sig  SigSecret
	dh   DHSecret
	pub  Public
	name string
}

// New makes a person with fresh independent keys. The name is what the cards
// say, at most MaxName bytes, and may be empty: ErrName.
func New(name string) (*Me, error) {
	name = strings.TrimSpace(name)
	if err := checkName(name); err != nil {
		return nil, err
	}
	m := &Me{sig: newSigSecret(), dh: NewDHSecret(), name: name}
	m.pub = Public{m.sig.public(), m.dh.Public()}
	return m, nil
}

// Public keys of the person.
func (m *Me) Public() Public { return m.pub }

// Name on the person's cards.
func (m *Me) Name() string { return m.name }

// Agree is the X25519 secret between the person's key and p: ErrWeakKey.
func (m *Me) Agree(p DHPublic) ([32]byte, error) { return m.dh.Agree(p) }

// Format prints no secret.
func (m *Me) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

const meSize = 1 + 32 + 32 + MaxName

// Marshal writes the secrets for the vault; the caller keeps them sealed.
func (m *Me) Marshal() []byte {
	b := make([]byte, 0, meSize)
	b = append(b, 1)
	b = append(b, m.sig.seed[:]...)
	b = append(b, m.dh.key[:]...)
	return append(b, padName(m.name)...)
}

// ParseMe reads what Marshal wrote: ErrMalformed.
func ParseMe(b []byte) (*Me, error) {
	if len(b) != meSize || b[0] != 1 {
		return nil, fmt.Errorf("%w: person", ErrMalformed)
	}
	name, err := parseName(b[65:])
	if err != nil {
		return nil, err
	}
	m := &Me{name: name}
	copy(m.sig.seed[:], b[1:])
	copy(m.dh.key[:], b[33:])
	m.pub = Public{m.sig.public(), m.dh.Public()}
	return m, nil
}

// checkName refuses what could not be shown faithfully: control characters
// and those that turn the direction of the text around them.
func checkName(s string) error {
	if len(s) > MaxName {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrName, len(s), MaxName)
	}
	if !utf8.ValidString(s) || s != strings.TrimSpace(s) {
		return fmt.Errorf("%w: use letters that a screen can show", ErrName)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == 0x2028 || r == 0x2029 || r == utf8.RuneError {
			return fmt.Errorf("%w: it holds a character that no screen shows", ErrName)
		}
	}
	return nil
}

func padName(s string) []byte {
	b := make([]byte, MaxName)
	copy(b, s)
	return b
}

// parseName reads a name padded with zeros to MaxName bytes.
func parseName(b []byte) (string, error) {
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		end = len(b)
	}
	for _, c := range b[end:] {
		if c != 0 {
			return "", fmt.Errorf("%w: name", ErrMalformed)
		}
	}
	name := string(b[:end])
	if checkName(name) != nil {
		return "", fmt.Errorf("%w: name", ErrMalformed)
	}
	return name, nil
}
