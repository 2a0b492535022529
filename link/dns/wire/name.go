package wire

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

// Limits of names. spec/dns.md, 2.
const (
	ShortName = 72  // bytes of a whole name on the wire, where the zone is short
	longName  = 240 // of the longest; DNS allows 255
	label     = 63
	maxZone   = 120 // characters of a zone
)

// ErrZone says what is wrong with a zone's name.
var ErrZone = errors.New("dns: not a zone's name")

// Zone is the part of all names that leads to the relay, in lower case,
// without a dot at the end.
type Zone string

// ParseZone reads a zone's name as a person writes it.
func ParseZone(text string) (Zone, error) {
	s := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(text), "."))
	if s == "" || len(s) > maxZone {
		return "", fmt.Errorf("%w: it has 1 to %d characters, such as t.example.org", ErrZone, maxZone)
	}
	for l := range strings.SplitSeq(s, ".") {
		if l == "" || len(l) > label || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", fmt.Errorf("%w: %q", ErrZone, text)
		}
	}
	return Zone(s), nil
}

// wire is the zone's length in a message, its end included.
func (z Zone) wire() int { return len(z) + 2 }

// Fits tells whether all messages fit into names of ShortName bytes.
func (z Zone) Fits() bool { return z.wire()+1+letters(plainUp) <= ShortName }

// letters are needed for so many bytes.
func letters(n int) int { return (n*8 + 4) / 5 }

func alphabet() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// Symbols is how many symbols fit into one name of at most so many bytes on the
// wire, at least one.
func (z Zone) Symbols(name int) int {
	n := 1
	for {
		l := letters(plainUp + n*(Symbol+1))
		if z.wire()+l+(l+label-1)/label > min(name, longName) {
			return n
		}
		n++
	}
}

// Name writes a sealed message as a name with a dot at the end.
func (z Zone) Name(sealed []byte) string {
	text := alphabet().EncodeToString(sealed)
	var b strings.Builder
	for len(text) > label {
		b.WriteString(text[:label])
		b.WriteByte('.')
		text = text[label:]
	}
	b.WriteString(text)
	b.WriteByte('.')
	b.WriteString(string(z))
	b.WriteByte('.')
	return b.String()
}

// Under tells whether a name, in any case and with its dot, is the zone or below.
func (z Zone) Under(name string) bool {
	_, ok := z.below(name)
	return ok
}

func (z Zone) below(name string) (rest string, ok bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == string(z) {
		return "", true
	}
	return strings.CutSuffix(name, "."+string(z))
}

// Sealed reads what Name wrote, in whatever case it arrived.
func (z Zone) Sealed(name string) ([]byte, bool) {
	rest, ok := z.below(name)
	if !ok || len(rest) > longName {
		return nil, false
	}
	b, err := alphabet().DecodeString(strings.ReplaceAll(rest, ".", ""))
	if err != nil || len(b) < plainUp {
		return nil, false
	}
	return b, true
}
