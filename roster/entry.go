package roster

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Errors of this room, usable with errors.Is.
var (
	ErrMalformed = errors.New("roster: malformed entry")
	ErrSignature = errors.New("roster: wrong signature of an entry")
	ErrMissing   = errors.New("roster: an entry came before those it builds on; keep it")
	ErrForbidden = errors.New("roster: the author of an entry had no right to it")
	ErrFull      = errors.New("roster: too many entries; found a new group")
	ErrUpdate    = errors.New("roster: an entry needs a newer Jauap; update")
)

// ID names an entry; that of the first is the group's.
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Key is a member's pseudonym in one group: an Ed25519 public key.
type Key [32]byte

// Short names a member inside the group.
func (k Key) Short() (s [8]byte) { return [8]byte(k[:8]) }

// Kind of an entry.
type Kind uint8

// The kinds. spec/group.md, 6.1.
const (
	Found Kind = iota + 1
	Add
	Remove
	Leave
	Grant
)

// Rules of a group, set when it is founded.
type Rules uint8

const (
	AllAdmins Rules = 1 << iota // everybody may add and remove
	TwoToAdd                    // two admins must add before somebody is a member
)

// Cut is a place in a member's chain: letters before it are read.
type Cut struct{ Gen, Next uint32 }

// Covers reports whether a letter lies before the cut.
func (c Cut) Covers(gen, index uint32) bool { return gen < c.Gen || gen == c.Gen && index < c.Next }

// Entry is one change. Fields that its kind does not have are zero.
type Entry struct {
	Kind    Kind
	Group   ID
	Author  Key
	Parents []ID
	Subject Key
	Admin   bool
	Cut     Cut
	Rules   Rules
	Name    string
}

// Limits of an entry.
const (
	MaxName    = 64 // bytes
	MaxParents = 16
	MaxEntry   = entryHead + 16*MaxParents + 2 + MaxName + ed25519.SignatureSize

	version   = 1
	entryHead = 1 + 1 + 16 + 32 + 1
)

// Sign writes an entry under the author's key.
func (e Entry) Sign(author ed25519.PrivateKey) ([]byte, error) {
	e.Author = Key(author.Public().(ed25519.PublicKey))
	b := e.append(make([]byte, 0, MaxEntry))
	b = append(b, ed25519.Sign(author, signed(b))...)
	if _, err := Parse(b); err != nil {
		return nil, err
	}
	return b, nil
}

func signed(fields []byte) []byte { return append([]byte("jauap/1 roster"), fields...) }

func (e Entry) append(b []byte) []byte {
	b = append(b, version, byte(e.Kind))
	b = append(b, e.Group[:]...)
	b = append(b, e.Author[:]...)
	b = append(b, byte(len(e.Parents)))
	for _, p := range e.Parents {
		b = append(b, p[:]...)
	}
	switch e.Kind {
	case Found:
		b = append(b, byte(e.Rules), byte(len(e.Name)))
		b = append(b, e.Name...)
	case Add:
		b = append(b, e.Subject[:]...)
		if e.Admin {
			return append(b, 1)
		}
		b = append(b, 0)
	case Remove:
		b = e.Cut.append(append(b, e.Subject[:]...))
	case Leave:
		b = e.Cut.append(b)
	case Grant:
		b = append(b, e.Subject[:]...)
	}
	return b
}

func (c Cut) append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, c.Gen), c.Next)
}

// IDOf is the id of an entry with these bytes.
func IDOf(raw []byte) ID {
	h := sha256.Sum256(append([]byte("jauap/1 roster entry"), raw...))
	return ID(h[:16])
}

// Parse reads an entry and checks its signature. There is one encoding of
// each. Errors: ErrMalformed, ErrSignature, ErrUpdate.
func Parse(raw []byte) (e Entry, err error) {
	if len(raw) < entryHead+ed25519.SignatureSize || len(raw) > MaxEntry {
		return e, fmt.Errorf("%w: %d bytes", ErrMalformed, len(raw))
	}
	if raw[0] != version || raw[1] > byte(Grant) {
		return e, ErrUpdate
	}
	fields, sig := raw[:len(raw)-ed25519.SignatureSize], raw[len(raw)-ed25519.SignatureSize:]
	e = Entry{Kind: Kind(fields[1]), Group: ID(fields[2:18]), Author: Key(fields[18:50])}
	n, body := int(fields[50]), fields[entryHead:]
	if n > MaxParents || len(body) < 16*n {
		return e, fmt.Errorf("%w: parents", ErrMalformed)
	}
	for i := range n {
		p := ID(body[16*i:])
		if i > 0 && bytes.Compare(e.Parents[i-1][:], p[:]) >= 0 {
			return e, fmt.Errorf("%w: order of parents", ErrMalformed)
		}
		e.Parents = append(e.Parents, p)
	}
	if (e.Kind == Found) != (n == 0) || (e.Kind == Found) != (e.Group == ID{}) {
		return e, fmt.Errorf("%w: parents or group", ErrMalformed)
	}
	if !e.body(body[16*n:]) {
		return e, fmt.Errorf("%w: body of kind %d", ErrMalformed, e.Kind)
	}
	if !ed25519.Verify(e.Author[:], signed(fields), sig) {
		return e, ErrSignature
	}
	return e, nil
}

// body reads what depends on the kind.
func (e *Entry) body(b []byte) bool {
	if e.Kind == Add || e.Kind == Remove || e.Kind == Grant {
		if len(b) < 32 {
			return false
		}
		e.Subject, b = Key(b), b[32:]
	}
	switch e.Kind {
	case Found:
		if len(b) < 3 || b[0] > byte(AllAdmins|TwoToAdd) || b[1] > MaxName || len(b) != 2+int(b[1]) {
			return false
		}
		e.Rules, e.Name = Rules(b[0]), string(b[2:])
		return utf8.ValidString(e.Name)
	case Add:
		if len(b) != 1 || b[0] > 1 {
			return false
		}
		e.Admin = b[0] == 1
		return true
	case Remove, Leave:
		if len(b) != 8 {
			return false
		}
		e.Cut = Cut{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
		return true
	case Grant:
		return len(b) == 0
	}
	return false
}
