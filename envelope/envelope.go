package envelope

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// Class is the size class of a unit: the only thing about its content that a
// carrier can see.
type Class uint8

// The classes. S0 is for radio, SMS, DNS and QR and carries no signature;
// Done is a proof of delivery (see NewDone), Stamp the postage of a unit (see NewStamp).
const (
	S0 Class = iota
	S1
	S2
	S3
	S4
	S5
	Done
	S1b     // between S1 and S2 in size: codes are not in the order of sizes
	Stamp   // stands where an S1 does
	classes // one past the last
)

// Sealed are the classes with a signed and sealed body, from the smallest to the
// largest.
func Sealed() [6]Class { return [...]Class{S1, S1b, S2, S3, S4, S5} }

// Sealed tells whether the class has a signed and sealed body.
func (c Class) Sealed() bool { return c.BodySize() > 0 }

// Smallest is the smallest sealed class whose body holds n bytes; ok is false when
// none does.
func Smallest(n int) (c Class, ok bool) {
	for _, c := range Sealed() {
		if n <= c.BodySize() {
			return c, true
		}
	}
	return 0, false
}

// Compare orders classes by size, as cmp.Compare does numbers; a proof is smaller
// than most S0 and goes before all, a stamp counts as an S1, unknown classes go
// behind.
func Compare(a, b Class) int { return cmp.Compare(a.order(), b.order()) }

func (c Class) order() int {
	switch c {
	case Done:
		return -1
	case S0, S1:
		return int(c)
	case Stamp:
		return int(S1)
	case S1b:
		return int(S2)
	}
	return int(c) + 1
}

// Sizes in bytes. spec/envelope.md, 2.
const (
	HeaderSize = 100 // class, shard, expiry, key, signature of S1..S5
	S0MaxSize  = 222 // the largest S0; the others are in S0Sizes
	S0Header   = 21  // class, tag, salt
	S0Overhead = S0Header + 16
	DoneSize   = 116
	StampSize  = 380
	MaxSize    = 262144 // S5: no unit is larger
)

// S0Sizes are the only lengths an S0 may have, so that a radio listener
// learns two bits about the text and not its length.
var s0Sizes = [...]int{96, 160, S0MaxSize}

const version = 1

// Errors of Parse, Verify and New, usable with errors.Is.
var (
	ErrMalformed = errors.New("envelope: malformed")
	ErrTooLarge  = errors.New("envelope: too large")
	ErrVersion   = errors.New("envelope: unknown version")
	ErrSignature = errors.New("envelope: wrong signature")
)

// Size is the exact length of the class's units in bytes. For S0 it is the
// largest of the lengths allowed; unknown classes have size 0.
func (c Class) Size() int {
	switch c {
	case S0:
		return S0MaxSize
	case S1:
		return 1024
	case S1b:
		return 2048
	case S2:
		return 4096
	case S3:
		return 16384
	case S4:
		return 65536
	case S5:
		return MaxSize
	case Done:
		return DoneSize
	case Stamp:
		return StampSize
	}
	return 0
}

// BodySize is the room for the sealed body (nonce and AEAD tag included), in
// bytes: 0 for S0, Done, Stamp and unknown classes.
func (c Class) BodySize() int {
	if c == S0 || c == Done || c == Stamp || c >= classes {
		return 0
	}
	return c.Size() - HeaderSize
}

func (c Class) String() string {
	if c >= classes {
		return fmt.Sprintf("class(%d)", uint8(c))
	}
	switch c {
	case Done:
		return "done"
	case S1b:
		return "S1b"
	case Stamp:
		return "stamp"
	}
	return fmt.Sprintf("S%d", uint8(c))
}

// ID names a unit on the wire: the first 16 bytes of the SHA-256 of all its
// bytes.
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads the 32 hexadecimal digits that String writes.
func ParseID(s string) (ID, error) {
	var id ID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%w: an id is 32 hexadecimal digits", ErrMalformed)
	}
	return ID(b), nil
}

// Tag is the one-time address that only the two ends can compute before they
// see it. S0 tags have 12 bytes followed by four zeros.
type Tag [16]byte

// TagOf is the tag of S1..S5 envelopes under the one-time key ovk.
func TagOf(ovk [32]byte) Tag {
	const label = "jauap/1 tag"
	var b [len(label) + len(ovk)]byte
	copy(b[copy(b[:], label):], ovk[:])
	h := sha256.Sum256(b[:])
	return Tag(h[:16])
}

// ShortTagOf is the tag of S0 envelopes under the one-time key ovk.
func ShortTagOf(ovk [32]byte) Tag {
	h := sha256.Sum256(append([]byte("jauap/1 tag0"), ovk[:]...))
	var t Tag
	copy(t[:12], h[:12])
	return t
}

// Envelope is a parsed unit. It aliases the bytes it was parsed from, which
// must not be changed afterwards.
type Envelope struct{ raw []byte }

// Parse checks the layout of one unit. It does not check the signature: see
// Verify. Errors: ErrMalformed, ErrTooLarge, ErrVersion.
func Parse(b []byte) (Envelope, error) {
	if len(b) > MaxSize {
		return Envelope{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(b), MaxSize)
	}
	if len(b) == 0 {
		return Envelope{}, fmt.Errorf("%w: no bytes", ErrMalformed)
	}
	if v := b[0] >> 4; v != version {
		return Envelope{}, fmt.Errorf("%w: %d", ErrVersion, v)
	}
	c := Class(b[0] & 0x0f)
	switch {
	case c >= classes:
		return Envelope{}, fmt.Errorf("%w: unknown class %d", ErrMalformed, c)
	case c == S0:
		if !s0Size(len(b)) {
			return Envelope{}, fmt.Errorf("%w: S0 of %d bytes", ErrMalformed, len(b))
		}
	case len(b) != c.Size():
		return Envelope{}, fmt.Errorf("%w: %v of %d bytes, not %d", ErrMalformed, c, len(b), c.Size())
	}
	return Envelope{b}, nil
}

func s0Size(n int) bool {
	for _, s := range s0Sizes {
		if n == s {
			return true
		}
	}
	return false
}

// Class of the unit.
func (e Envelope) Class() Class { return Class(e.raw[0] & 0x0f) }

// Shard is the relay mailbox shard, 0 meaning everybody's. S0 has none: 0.
func (e Envelope) Shard() uint8 {
	if e.Class() == S0 {
		return 0
	}
	return e.raw[1]
}

// Expiry is the last day on which carriers keep the unit; S0 carries none
// and answers NoDay.
func (e Envelope) Expiry() Day {
	if e.Class() == S0 {
		return NoDay
	}
	return Day(binary.BigEndian.Uint16(e.raw[2:]))
}

// Key is the one-time verification key of S1..S5, Done and Stamp; zero for S0.
func (e Envelope) Key() (ovk [32]byte) {
	switch c := e.Class(); {
	case c == Done || c == Stamp:
		copy(ovk[:], e.raw[20:])
	case c != S0:
		copy(ovk[:], e.raw[4:])
	}
	return ovk
}

// Tag is the one-time address of an envelope. For Done it is the tag of the
// envelope that it proves; a stamp's is nobody's address.
func (e Envelope) Tag() Tag {
	if e.Class() == S0 {
		var t Tag
		copy(t[:12], e.raw[1:])
		return t
	}
	return TagOf(e.Key())
}

// Body is the sealed part of S1..S5; for S0 the ciphertext with its MAC; nil
// for Done and Stamp.
func (e Envelope) Body() []byte {
	switch e.Class() {
	case S0:
		return e.raw[S0Header:]
	case Done, Stamp:
		return nil
	}
	return e.raw[HeaderSize:]
}

// Header is what the body's AEAD binds: class, shard, expiry and key of
// S1..S5, class and tag of S0; nil for Done and Stamp.
func (e Envelope) Header() []byte {
	switch e.Class() {
	case S0:
		return e.raw[:13]
	case Done, Stamp:
		return nil
	}
	return e.raw[:36]
}

// Salt is the 8 random bytes of an S0; zero for others.
func (e Envelope) Salt() (salt [8]byte) {
	if e.Class() == S0 {
		copy(salt[:], e.raw[13:])
	}
	return salt
}

// Bytes are the unit as it travels.
func (e Envelope) Bytes() []byte { return e.raw }

// ID is computed from all bytes at each call.
func (e Envelope) ID() ID { return IDOf(e.raw) }

// IDOf is the ID of a unit with these bytes.
func IDOf(raw []byte) ID {
	h := sha256.Sum256(raw)
	return ID(h[:16])
}

// Verify checks the one-time signature: ErrSignature when it is wrong. S0
// carries none and passes: only its reader can judge it. Of a stamp it checks
// that the holder of the token made it, and not that the token is good.
func (e Envelope) Verify() error {
	ovk := e.Key()
	var ok bool
	switch e.Class() {
	case S0:
		ok = true
	case Done:
		ok = ed25519.Verify(ovk[:], doneMessage(e.raw[:52]), e.raw[52:116])
	case Stamp:
		ok = ed25519.Verify(ovk[:], stampMessage(e.raw[:stampSig]), e.raw[stampSig:])
	default:
		ok = ed25519.Verify(ovk[:], signedMessage(e.raw[:36], e.raw[HeaderSize:]), e.raw[36:HeaderSize])
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

func signedMessage(header, body []byte) []byte {
	const label = "jauap/1 envelope"
	m := make([]byte, 0, len(label)+len(header)+len(body))
	m = append(m, label...)
	m = append(m, header...)
	return append(m, body...)
}

// Head builds the 36 bytes that the AEAD of an S1..S5 body must bind, before
// the body exists.
func Head(c Class, shard uint8, expiry Day, ovk [32]byte) []byte {
	h := make([]byte, 36)
	h[0] = version<<4 | byte(c)
	h[1] = shard
	binary.BigEndian.PutUint16(h[2:], uint16(expiry))
	copy(h[4:], ovk[:])
	return h
}

// New signs an S1..S5 envelope with the one-time key osk. The body must have
// exactly c.BodySize() bytes.
func New(c Class, shard uint8, expiry Day, osk ed25519.PrivateKey, body []byte) (Envelope, error) {
	return NewBy(c, shard, expiry, by(osk), body)
}

// Signer is a one-time key of another make than crypto/ed25519's, whose
// signatures verify as Ed25519. spec/group.md, 2.
type Signer struct {
	Key  [32]byte
	Sign func(message []byte) []byte
}

func by(osk ed25519.PrivateKey) Signer {
	return Signer{[32]byte(osk.Public().(ed25519.PublicKey)), func(m []byte) []byte { return ed25519.Sign(osk, m) }}
}

// NewBy is New for any signer.
func NewBy(c Class, shard uint8, expiry Day, by Signer, body []byte) (Envelope, error) {
	if c.BodySize() == 0 || len(body) != c.BodySize() {
		return Envelope{}, fmt.Errorf("%w: body of %d bytes for %v", ErrMalformed, len(body), c)
	}
	raw := append(make([]byte, 0, c.Size()), Head(c, shard, expiry, by.Key)...)
	raw = append(raw, by.Sign(signedMessage(raw, body))...)
	return Envelope{append(raw, body...)}, nil
}

// ShortHead builds the 13 bytes that the AEAD of an S0 must bind.
func ShortHead(tag Tag) []byte {
	return append([]byte{version<<4 | byte(S0)}, tag[:12]...)
}

// NewShort builds an S0. The sealed text, MAC included, must fill one of the
// allowed sizes: see ShortRoom.
func NewShort(tag Tag, salt [8]byte, sealed []byte) (Envelope, error) {
	if !s0Size(S0Header + len(sealed)) {
		return Envelope{}, fmt.Errorf("%w: S0 body of %d bytes", ErrMalformed, len(sealed))
	}
	raw := make([]byte, 0, S0MaxSize)
	raw = append(raw, ShortHead(tag)...)
	raw = append(raw, salt[:]...)
	return Envelope{append(raw, sealed...)}, nil
}

// ShortRoom is the plaintext length to which an S0 of n bytes must be padded;
// ok is false when n fits no S0.
func ShortRoom(n int) (padded int, ok bool) {
	for _, s := range s0Sizes {
		if n <= s-S0Overhead {
			return s - S0Overhead, true
		}
	}
	return 0, false
}
