package sim

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/jauap/jauap/envelope"
)

// Postage says who has it.
type Postage string

// The ways.
const (
	NoPostage Postage = ""
	// Honest: all letters have stamps, and junk has none.
	Honest Postage = "honest"
	// Everybody: all units count as paid, stamps aside: those who give junk have as much
	// postage as they like.
	Everybody Postage = "all"
)

// ParsePostage reads the name of a way; "none" is NoPostage, too. Errors: ErrScenario.
func ParsePostage(name string) (Postage, error) {
	switch p := Postage(name); p {
	case NoPostage, Honest, Everybody:
		return p, nil
	case "none":
		return NoPostage, nil
	}
	return "", fmt.Errorf("%w: postage is for none, honest or all, not %q", ErrScenario, name)
}

// mint is the issuer of all tokens of a run. A hash under its secret stands for the RSA
// signature: a hundred thousand of these take minutes. Whoever makes junk has no secret.
type mint struct{ secret [32]byte }

func newMint(seed uint64) (m mint) {
	m.secret = sha256.Sum256(binary.BigEndian.AppendUint64([]byte("mint"), seed))
	return m
}

var mintName = envelope.Issuer{'m', 'i', 'n', 't'}

func (m mint) sign(token [32]byte) (rsa [envelope.RSASize]byte) {
	h := sha256.Sum256(append(bytes.Clone(m.secret[:]), token[:]...))
	copy(rsa[:], h[:])
	return rsa
}

// Valid implements node.Postage.
func (m mint) Valid(stamp envelope.Envelope) bool {
	rsa := m.sign(stamp.Key())
	return stamp.Issuer() == mintName && bytes.Equal(stamp.RSA(), rsa[:])
}

// stamp makes one for a letter, where the honest have postage.
func (r *run) stamp(letter int, u sealed) error {
	if r.s.Postage != Honest || !r.s.Class.Stampable() {
		return nil
	}
	e, err := envelope.Parse(u.bytes)
	if err != nil {
		return err
	}
	token := tokenOf(rand.New(rand.NewPCG(r.seed, uint64(letter)<<8|0x54)))
	s, err := envelope.NewStamp(e, token, mintName, r.mint.sign([32]byte(token.Public().(ed25519.PublicKey))))
	if err != nil {
		return err
	}
	r.stamps = append(r.stamps, s.Bytes())
	r.pool.Add(s.Bytes())
	return nil
}

func tokenOf(rng *rand.Rand) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	fill(rng, seed)
	return ed25519.NewKeyFromSeed(seed)
}

// stamp makes one for a unit of junk: with a token while there are any, and then one of
// which all is right but what the issuer would have to sign.
func (h *hostile) stamp(k int, m mint) (envelope.Envelope, error) {
	e, err := h.unit(k)
	if err != nil {
		return e, err
	}
	token := tokenOf(rand.New(rand.NewPCG(h.seed, uint64(k)|1<<63)))
	rsa := [envelope.RSASize]byte(bytes.Repeat([]byte{junkByte}, envelope.RSASize))
	if k < h.paid {
		rsa = m.sign([32]byte(token.Public().(ed25519.PublicKey)))
	}
	return envelope.NewStamp(e, token, mintName, rsa)
}
