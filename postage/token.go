package postage

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"github.com/cloudflare/circl/blindsign/blindrsa"
	"github.com/jauap/jauap/envelope"
)

// BlindSize is the length in bytes of a token's key in its blind, and of the issuer's
// signature of that.
const BlindSize = ModulusSize

// Token is the right to a stamp: a one-time key, and the issuer's signature of it. Whoever
// has it can spend it, so it is kept where letters are.
type Token struct {
	Seed   [ed25519.SeedSize]byte
	Issuer envelope.Issuer
	RSA    [envelope.RSASize]byte
	Last   envelope.Day // on which it is good
}

func (t *Token) secret() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(t.Seed[:]) }

// Public is the key that the stamp will show.
func (t *Token) Public() [32]byte { return [32]byte(t.secret().Public().(ed25519.PublicKey)) }

// Stamp spends the token on a unit. Its owner must have let go of the token before:
// one that is spent twice buys nothing and ties two units together.
func (t *Token) Stamp(unit envelope.Envelope) (envelope.Envelope, error) {
	s, err := envelope.NewStamp(unit, t.secret(), t.Issuer, t.RSA)
	if err != nil {
		return s, fmt.Errorf("postage: %w", err)
	}
	return s, nil
}

// Request is a device's half of issuing: tokens that wait for their signatures. It is
// kept in memory only, for the answer comes in the same session or never.
type Request struct {
	key    Key
	client blindrsa.Client
	wait   []waiting
}

type waiting struct {
	seed  [ed25519.SeedSize]byte
	state blindrsa.State
}

// NewRequest makes n tokens, 1 to MaxAsk, for a key to sign, and the ask for it.
func NewRequest(k Key, n int) (*Request, Ask, error) {
	if err := k.check(); err != nil {
		return nil, Ask{}, err
	}
	c, err := blindrsa.NewClient(blindrsa.SHA384PSSDeterministic, k.public())
	if err != nil {
		return nil, Ask{}, fmt.Errorf("postage: %w", err)
	}
	r := &Request{key: k, client: c}
	a := Ask{Issuer: k.Issuer()}
	for range min(max(n, 1), MaxAsk) {
		var w waiting
		rand.Read(w.seed[:])
		t := Token{Seed: w.seed}
		var b []byte
		if b, w.state, err = c.Blind(rand.Reader, message(t.Public())); err != nil {
			return nil, Ask{}, fmt.Errorf("postage: %w", err)
		}
		r.wait = append(r.wait, w)
		a.Blinded = append(a.Blinded, [BlindSize]byte(b))
	}
	return r, a, nil
}

// Take makes tokens of the answer's signatures, which stand in the order of the ask;
// fewer than were asked for are no fault. Each is checked: those before a wrong one are
// answered beside ErrSignature.
func (r *Request) Take(sigs [][BlindSize]byte) (list []Token, err error) {
	if len(sigs) > len(r.wait) {
		return nil, fmt.Errorf("%w: %d signatures for %d tokens", ErrAnswer, len(sigs), len(r.wait))
	}
	for i, s := range sigs {
		t := Token{Seed: r.wait[i].seed, Issuer: r.key.Issuer(), Last: r.key.Last}
		sig, err := r.client.Finalize(r.wait[i].state, s[:])
		if err != nil || len(sig) != len(t.RSA) || !r.key.Good(t.Public(), sig) {
			return list, fmt.Errorf("%w: number %d of %d", ErrSignature, i+1, len(sigs))
		}
		copy(t.RSA[:], sig)
		list = append(list, t)
	}
	return list, nil
}
