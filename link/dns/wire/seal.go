package wire

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20"
)

// Sizes of the outside of messages, in bytes. spec/dns.md, 3.
const (
	tagSize  = 8
	headUp   = tagSize + 4
	body     = 21            // the least of a message up, inside
	plainUp  = headUp + body // 33
	half     = 16
	helloBit = 1 << 31
)

// Public is the relay's key for its tunnel: X25519.
type Public [32]byte

// ErrKey: no public key.
var ErrKey = errors.New("dns: not a key of 43 letters and digits; copy the whole text that the relay printed")

// ParsePublic reads what String wrote.
func ParsePublic(s string) (p Public, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(p) {
		return p, ErrKey
	}
	return Public(b), nil
}

func (p Public) String() string { return base64.RawURLEncoding.EncodeToString(p[:]) }

// mask is what hides the session's number and its greeting from whoever does not
// know the relay's key.
func (p Public) mask(r []byte) (m [sha256.Size]byte) {
	h := sha256.New()
	h.Write([]byte("jauap/1 dns mask"))
	h.Write(p[:])
	h.Write(r)
	return [sha256.Size]byte(h.Sum(nil))
}

// oneWay seals in one direction: the tag is the whole message's, and the
// stream's nonce. The same message sealed twice is the same bytes, which tells
// nothing new.
type oneWay struct{ mac, stream [32]byte }

func (k oneWay) tag(sid uint32, plain []byte) [tagSize]byte {
	h := hmac.New(sha256.New, k.mac[:])
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], sid)
	h.Write(n[:])
	h.Write(plain)
	return [tagSize]byte(h.Sum(nil))
}

func (k oneWay) crypt(dst, src []byte, tag [tagSize]byte) {
	var nonce [chacha20.NonceSize]byte
	copy(nonce[:], tag[:])
	c, err := chacha20.NewUnauthenticatedCipher(k.stream[:], nonce[:])
	if err != nil {
		panic(err) // both lengths are constant
	}
	c.XORKeyStream(dst, src)
}

// Session is one client's keys, at either end.
type Session struct {
	SID      uint32
	relay    Public
	up, down oneWay
	hello    Public // the client's own, once
}

// Client begins a session with a relay.
func Client(relay Public) (*Session, error) {
	secret, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("dns: new key: %w", err)
	}
	return clientOf(relay, secret)
}

func clientOf(relay Public, secret *ecdh.PrivateKey) (*Session, error) {
	p, err := ecdh.X25519().NewPublicKey(relay[:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	shared, err := secret.ECDH(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return newSession(relay, Public(secret.PublicKey().Bytes()), shared)
}

func newSession(relay, hello Public, shared []byte) (*Session, error) {
	salt := append(append([]byte(nil), relay[:]...), hello[:]...)
	b, err := hkdf.Key(sha256.New, shared, salt, "jauap/1 dns session", 128)
	if err != nil {
		return nil, fmt.Errorf("dns: session: %w", err)
	}
	return &Session{
		SID: sidOf(hello), relay: relay, hello: hello,
		up:   oneWay{[32]byte(b[:32]), [32]byte(b[32:64])},
		down: oneWay{[32]byte(b[64:96]), [32]byte(b[96:])},
	}, nil
}

func sidOf(hello Public) uint32 {
	h := sha256.Sum256(append([]byte("jauap/1 dns sid"), hello[:]...))
	return binary.BigEndian.Uint32(h[:]) &^ helloBit
}

// Hello writes half 0 or 1 of the session's greeting, anew each time.
func (s *Session) Hello(n int) []byte {
	r := make([]byte, tagSize)
	_, _ = rand.Read(r) // crypto/rand's never fails
	return s.greeting(n, r)
}

func (s *Session) greeting(n int, random []byte) []byte {
	b := make([]byte, plainUp)
	copy(b, random)
	binary.BigEndian.PutUint32(b[tagSize:], s.SID|helloBit)
	b[headUp] = byte(n)
	copy(b[headUp+1:], s.hello[n*half:(n+1)*half])
	xor(b[tagSize:], s.relay.mask(b[:tagSize]))
	return b
}

func xor(b []byte, m [sha256.Size]byte) {
	for i := range min(len(b), len(m)) {
		b[i] ^= m[i]
	}
}

// SealUp seals a message to the relay.
func (s *Session) SealUp(plain []byte) []byte {
	tag := s.up.tag(s.SID, plain)
	b := make([]byte, headUp+len(plain))
	copy(b, tag[:])
	binary.BigEndian.PutUint32(b[tagSize:], s.SID)
	m := s.relay.mask(tag[:])
	for i := range 4 {
		b[tagSize+i] ^= m[i]
	}
	s.up.crypt(b[headUp:], plain, tag)
	return b
}

// OpenUp opens what SealUp of the same session sealed.
func (s *Session) OpenUp(b []byte) ([]byte, bool) {
	if len(b) < plainUp {
		return nil, false
	}
	return s.up.open(s.SID, b[:tagSize], b[headUp:])
}

func (k oneWay) open(sid uint32, tag, sealed []byte) ([]byte, bool) {
	plain := make([]byte, len(sealed))
	k.crypt(plain, sealed, [tagSize]byte(tag))
	want := k.tag(sid, plain)
	return plain, hmac.Equal(want[:], tag)
}

// SealDown seals a message to the client.
func (s *Session) SealDown(plain []byte) []byte {
	tag := s.down.tag(s.SID, plain)
	b := make([]byte, tagSize+len(plain))
	copy(b, tag[:])
	s.down.crypt(b[tagSize:], plain, tag)
	return b
}

// OpenDown opens what SealDown sealed. lost is set when the relay says, for
// anybody to forge, that it does not know the session.
func (s *Session) OpenDown(b []byte) (plain []byte, lost, ok bool) {
	if len(b) == headUp {
		m := s.relay.mask(b[:tagSize])
		sid := binary.BigEndian.Uint32(b[tagSize:]) ^ binary.BigEndian.Uint32(m[:])
		return nil, sid == s.SID, false
	}
	if len(b) < headUp {
		return nil, false, false
	}
	plain, ok = s.down.open(s.SID, b[:tagSize], b[tagSize:])
	return plain, false, ok
}

// Server is the relay's side of the key.
type Server struct {
	secret *ecdh.PrivateKey
	public Public
}

// NewServer takes the 32 bytes of an X25519 secret.
func NewServer(secret [32]byte) (*Server, error) {
	k, err := ecdh.X25519().NewPrivateKey(secret[:])
	if err != nil {
		return nil, fmt.Errorf("dns: key: %w", err)
	}
	return &Server{secret: k, public: Public(k.PublicKey().Bytes())}, nil
}

// Public is what clients need.
func (s *Server) Public() Public { return s.public }

// Half of a greeting.
type Half struct {
	SID  uint32
	N    int // 0 or 1
	Part [half]byte
}

// Look tells which session sealed something, and its greeting when it is one.
func (s *Server) Look(b []byte) (sid uint32, h Half, greeting, ok bool) {
	if len(b) < plainUp {
		return 0, h, false, false
	}
	m := s.public.mask(b[:tagSize])
	sid = binary.BigEndian.Uint32(b[tagSize:]) ^ binary.BigEndian.Uint32(m[:])
	if sid&helloBit == 0 {
		return sid, h, false, true
	}
	sid &^= helloBit
	in := make([]byte, body)
	copy(in, b[headUp:])
	for i := range in {
		in[i] ^= m[4+i]
	}
	if len(b) != plainUp || in[0] > 1 || [4]byte(in[1+half:]) != [4]byte{} {
		return 0, h, false, false
	}
	return sid, Half{sid, int(in[0]), [half]byte(in[1:])}, true, true
}

// Accept makes the session of both halves, or answers false when they are not of
// one greeting.
func (s *Server) Accept(a, b Half) (*Session, bool) {
	if a.N > b.N {
		a, b = b, a
	}
	hello := Public(append(a.Part[:], b.Part[:]...))
	if a.N != 0 || b.N != 1 || a.SID != b.SID || sidOf(hello) != a.SID {
		return nil, false
	}
	p, err := ecdh.X25519().NewPublicKey(hello[:])
	if err != nil {
		return nil, false
	}
	shared, err := s.secret.ECDH(p)
	if err != nil {
		return nil, false // a point of small order
	}
	session, err := newSession(s.public, hello, shared)
	return session, err == nil
}

// Lost tells a client that its session is not known here.
func (s *Server) Lost(sid uint32) []byte {
	b := make([]byte, headUp)
	_, _ = rand.Read(b[:tagSize]) // crypto/rand's never fails
	m := s.public.mask(b[:tagSize])
	binary.BigEndian.PutUint32(b[tagSize:], sid^binary.BigEndian.Uint32(m[:]))
	return b
}
