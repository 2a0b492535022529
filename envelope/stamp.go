package envelope

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
)

// A stamp says that the unit with a given ID has postage: that somebody gave a token
// of an issuer for it, which is good for one unit only. It is a unit of class Stamp, goes
// beside the unit that it pays for and leaves that as it is:
//
//	class u8 | shard u8 | expiry u16 | id 16 | T 32 | issuer 8 | rsa 256 | sig 64
//
// T is the token's one-time key and the stamp's Key, so that a shelf, which keeps one
// body for a key, keeps one stamp for a token. The signature under T covers all fields
// before it. Whether rsa, the issuer's signature of T, is right is not known here.

// Issuer names who signs tokens: see spec/postage.md.
type Issuer [8]byte

// RSASize is the length of an issuer's signature in bytes.
const RSASize = 256

const (
	stampIssuer = 52
	stampRSA    = stampIssuer + len(Issuer{})
	stampSig    = stampRSA + RSASize
)

// Stampable tells whether a unit of the class may have postage. One token must not buy
// a quarter of a megabyte, and a proof needs none.
func (c Class) Stampable() bool { return c.Sealed() && Compare(c, S3) <= 0 }

// NewStamp makes the stamp for an S1..S3 envelope from a token: its secret key, who
// issued it and what the issuer signed it with.
func NewStamp(e Envelope, token ed25519.PrivateKey, issuer Issuer, rsa [RSASize]byte) (Envelope, error) {
	return NewStampBy(e, by(token), issuer, rsa)
}

// NewStampBy is NewStamp for any signer.
func NewStampBy(e Envelope, by Signer, issuer Issuer, rsa [RSASize]byte) (Envelope, error) {
	if c := e.Class(); !c.Stampable() {
		return Envelope{}, fmt.Errorf("%w: no stamp for %v", ErrMalformed, c)
	}
	id := e.ID()
	raw := make([]byte, 0, StampSize)
	raw = append(raw, version<<4|byte(Stamp), e.Shard())
	raw = binary.BigEndian.AppendUint16(raw, uint16(e.Expiry()))
	raw = append(raw, id[:]...)
	raw = append(raw, by.Key[:]...)
	raw = append(raw, issuer[:]...)
	raw = append(raw, rsa[:]...)
	return Envelope{append(raw, by.Sign(stampMessage(raw))...)}, nil
}

func stampMessage(fields []byte) []byte {
	return append([]byte("jauap/1 stamp"), fields...)
}

// Stamped is the ID of the unit that a stamp pays for; zero for other classes.
func (e Envelope) Stamped() (id ID) {
	if e.Class() == Stamp {
		copy(id[:], e.raw[4:])
	}
	return id
}

// Issuer is who issued the token of a stamp; zero for other classes.
func (e Envelope) Issuer() (i Issuer) {
	if e.Class() == Stamp {
		copy(i[:], e.raw[stampIssuer:])
	}
	return i
}

// RSA is the issuer's signature of a stamp's Key; nil for other classes. It must not
// be changed.
func (e Envelope) RSA() []byte {
	if e.Class() != Stamp {
		return nil
	}
	return e.raw[stampRSA:stampSig:stampSig]
}
