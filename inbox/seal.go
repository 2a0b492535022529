package inbox

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/jauap/jauap/envelope"
)

// Kind is what a message holds. spec/inbox.md, 2.
type Kind uint8

// The kinds.
const (
	Stamps Kind = 0x70 // of a report that was sent before: evidence.md, 8
	Letter Kind = 0x74
	Report Kind = 0x75
	Slip   Kind = 0x76 // question after somebody, or its withdrawal: inquiry.md, 8
	Claim  Kind = 0x77
)

// MaxLetter and MaxReport are the largest contents in bytes.
const (
	MaxLetter = 64 << 10
	MaxReport = 64 << 20
	maxClaim  = 4 << 10
	maxSlip   = 2 << 10 // always one envelope
	maxStamps = 513 << 10
)

func (k Kind) most() int {
	switch k {
	case Letter:
		return MaxLetter
	case Report:
		return MaxReport
	case Slip:
		return maxSlip
	case Claim:
		return maxClaim
	case Stamps:
		return maxStamps
	}
	return 0
}

// Sizes in bytes. spec/inbox.md, 2.
const (
	encSize   = 1120
	sealOver  = chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
	outerSize = 2 + 32
	headSize  = 1 + 1 + 32 + 32 + 8 + 32
)

var (
	headRoom  = envelope.S2.BodySize() - encSize - sealOver - outerSize - sealOver
	firstRoom = headRoom - headSize
)

// Errors of opening.
var (
	errNotOurs   = errors.New("not for this inbox")
	errLate      = errors.New("its week's secret is erased")
	errMalformed = errors.New("malformed")
)

// split gives the classes of the pieces of a content. S1b is not among them:
// spec/inbox.md, 3.
func split(length int) (list []envelope.Class) {
	for rest := length - firstRoom; rest > 0; {
		class := envelope.S5
		for _, c := range []envelope.Class{envelope.S1, envelope.S2, envelope.S3, envelope.S4} {
			if rest <= c.BodySize()-sealOver {
				class = c
				break
			}
		}
		list = append(list, class)
		rest -= class.BodySize() - sealOver
	}
	return list
}

func hashOf(content []byte) [32]byte {
	return sha256.Sum256(label("jauap/1 inbox content", content))
}

func expand(key []byte, info string, n int) []byte {
	b, err := hkdf.Expand(sha256.New, key, info, n)
	if err != nil {
		panic("inbox: internal error: HKDF refused a length")
	}
	return b
}

func innerKey(outer, dh, enc, e []byte, w uint16) []byte {
	prk, err := hkdf.Extract(sha256.New, dh, outer)
	if err != nil {
		panic("inbox: internal error: HKDF refused a salt")
	}
	info := append(append([]byte("jauap/1 inbox inner"), enc...), e...)
	return expand(prk, string(binary.BigEndian.AppendUint16(info, w)), 32)
}

// pieceKeys are the body key and the one-time key of a piece.
func pieceKeys(root []byte, i int) ([]byte, ed25519.PrivateKey) {
	b := expand(root, string(binary.BigEndian.AppendUint32([]byte("jauap/1 inbox piece"), uint32(i))), 64)
	return b[:32], ed25519.NewKeyFromSeed(b[32:])
}

func sealed(key, plain, aad []byte) []byte {
	a, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic("inbox: internal error: XChaCha20-Poly1305 refused a key")
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, sealOver+len(plain))
	rand.Read(nonce)
	return a.Seal(nonce, nonce, plain, aad)
}

func opened(key, b, aad []byte) ([]byte, bool) {
	a, err := chacha20poly1305.NewX(key)
	if err != nil || len(b) < sealOver {
		return nil, false
	}
	plain, err := a.Open(nil, b[:chacha20poly1305.NonceSizeX], b[chacha20poly1305.NonceSizeX:], aad)
	return plain, err == nil
}

func info(id ID) []byte { return append([]byte("jauap/1 inbox"), id[:]...) }

// check says what may not be sent.
func check(kind Kind, content []byte) error {
	switch {
	case len(content) == 0 || len(content) > kind.most():
		return fmt.Errorf("%w: it has %d bytes, 1 to %d may be sent", ErrLong, len(content), kind.most())
	case kind == Letter && !utf8.Valid(content):
		return fmt.Errorf("%w: a letter is text", ErrContent)
	}
	return nil
}

// Seal closes a content into envelopes, the head first. jitter is 0 to
// envelope.MaxJitter days.
func (c *Card) Seal(kind Kind, content []byte, day envelope.Day, jitter int) ([]envelope.Envelope, error) {
	if err := check(kind, content); err != nil {
		return nil, err
	}
	last := day.Add(envelope.Lifetime + min(max(jitter, 0), envelope.MaxJitter))
	seed, root := make([]byte, ed25519.SeedSize), make([]byte, 32)
	rand.Read(seed)
	rand.Read(root)
	osk := ed25519.NewKeyFromSeed(seed)
	hash := hashOf(content)
	p := append([]byte{1, byte(kind)}, seed...)
	p = append(p, root...)
	p = binary.BigEndian.AppendUint64(p, uint64(len(content)))
	p = append(p, hash[:]...)
	n := min(len(content), firstRoom)
	p = append(p, content[:n]...)
	p = append(p, make([]byte, headRoom-len(p))...)
	head, err := c.sealHead(osk, last, c.weekAt(day), p)
	if err != nil {
		return nil, err
	}
	list, rest := []envelope.Envelope{head}, content[n:]
	for i, class := range split(len(content)) {
		key, osk := pieceKeys(root, i)
		plain := make([]byte, class.BodySize()-sealOver)
		rest = rest[copy(plain, rest):]
		h := envelope.Head(class, c.Shard, last, [32]byte(osk.Public().(ed25519.PublicKey)))
		e, err := envelope.New(class, c.Shard, last, osk, sealed(key, plain, h))
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

func (c *Card) sealHead(osk ed25519.PrivateKey, last envelope.Day, w uint16, p []byte) (e envelope.Envelope, err error) {
	pk, err := hpke.MLKEM768X25519().NewPublicKey(c.kem)
	if err != nil {
		return e, fmt.Errorf("%w: %w", ErrCard, err)
	}
	enc, x, err := hpke.NewSender(pk, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info(c.ID()))
	if err != nil {
		return e, fmt.Errorf("%w: %w", ErrCard, err)
	}
	outer, err := x.Export("jauap/1 inbox outer", 32)
	if err != nil {
		return e, err
	}
	ek, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return e, err
	}
	wk, err := ecdh.X25519().NewPublicKey(c.weeks[w-c.first][:])
	if err != nil {
		return e, fmt.Errorf("%w: %w", ErrCard, err)
	}
	dh, err := ek.ECDH(wk)
	if err != nil {
		return e, fmt.Errorf("%w: %w", ErrCard, err)
	}
	pub := ek.PublicKey().Bytes()
	h := envelope.Head(envelope.S2, c.Shard, last, [32]byte(osk.Public().(ed25519.PublicKey)))
	out := append(binary.BigEndian.AppendUint16(nil, w), pub...)
	out = append(out, sealed(innerKey(outer, dh, enc, pub, w), p, h)...)
	return envelope.New(envelope.S2, c.Shard, last, osk, append(enc, sealed(outer, out, h)...))
}

// head is an opened head.
type head struct {
	kind   Kind
	osk    ed25519.PrivateKey
	root   []byte
	length int
	hash   [32]byte
	first  []byte
}

// openHead opens a head: errNotOurs, errLate, errMalformed.
func openHead(c *Card, s *secrets, e envelope.Envelope) (h head, err error) {
	b := e.Body()
	if e.Class() != envelope.S2 || e.Shard() != c.Shard {
		return h, errNotOurs
	}
	enc := b[:encSize]
	x, err := hpke.NewRecipient(enc, s.sk, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info(c.ID()))
	if err != nil {
		return h, errNotOurs
	}
	outer, err := x.Export("jauap/1 inbox outer", 32)
	if err != nil {
		return h, errNotOurs
	}
	out, ok := opened(outer, b[encSize:], e.Header())
	if !ok {
		return h, errNotOurs
	}
	w, pub := binary.BigEndian.Uint16(out), out[2:outerSize]
	i := int(w) - int(c.first)
	if i < 0 || i >= len(s.weeks) {
		return h, errMalformed
	}
	if len(s.weeks[i]) == 0 {
		return h, errLate
	}
	wk, err1 := ecdh.X25519().NewPrivateKey(s.weeks[i])
	ek, err2 := ecdh.X25519().NewPublicKey(pub)
	if err1 != nil || err2 != nil {
		return h, errMalformed
	}
	dh, err := wk.ECDH(ek)
	if err != nil {
		return h, errMalformed
	}
	p, ok := opened(innerKey(outer, dh, enc, pub, w), out[outerSize:], e.Header())
	if !ok {
		return h, errMalformed
	}
	return parseHead(p, e)
}

func parseHead(p []byte, e envelope.Envelope) (h head, err error) {
	h = head{kind: Kind(p[1]), osk: ed25519.NewKeyFromSeed(p[2:34]), root: p[34:66], hash: [32]byte(p[74:106])}
	length := binary.BigEndian.Uint64(p[66:])
	if p[0] != 1 || length == 0 || length > uint64(h.kind.most()) || [32]byte(h.osk.Public().(ed25519.PublicKey)) != e.Key() {
		return h, errMalformed
	}
	h.length = int(length)
	n := min(h.length, firstRoom)
	h.first = p[headSize : headSize+n]
	if !zero(p[headSize+n:]) {
		return h, errMalformed
	}
	return h, nil
}

func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// openPiece gives the data of a piece; length is that of its content.
func openPiece(root []byte, i, length int, e envelope.Envelope) ([]byte, ed25519.PrivateKey, bool) {
	classes := split(length)
	if i >= len(classes) || e.Class() != classes[i] {
		return nil, nil, false
	}
	key, osk := pieceKeys(root, i)
	if [32]byte(osk.Public().(ed25519.PublicKey)) != e.Key() {
		return nil, nil, false
	}
	plain, ok := opened(key, e.Body(), e.Header())
	if !ok {
		return nil, nil, false
	}
	n := min(length-offset(i), len(plain))
	return plain[:n], osk, zero(plain[n:])
}

// offset is where piece i begins: all before the last are S5.
func offset(i int) int { return firstRoom + i*(envelope.S5.BodySize()-sealOver) }
