package pairing

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
)

const (
	dropClass   = envelope.S2
	dropVersion = 1
	dropCost    = chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
	dropSize    = 1 + identity.CardSize + 32
)

// Failures of a drop. spec/pairing.md, 7.
var (
	errNotIt     = errors.New("pairing: not the drop")
	errMalformed = errors.New("pairing: a malformed drop")
)

// newDrop seals an invitation for whoever has its code. The seed is that of
// the one-time key, with which the drop is taken back.
func newDrop(p place, i identity.Invite, expiry envelope.Day) (e envelope.Envelope, seed [32]byte, err error) {
	rand.Read(seed[:])
	osk := ed25519.NewKeyFromSeed(seed[:])
	defer clear(osk)
	header := envelope.Head(dropClass, p.shard, expiry, [32]byte(osk[32:]))
	plain := make([]byte, dropClass.BodySize()-dropCost)
	defer clear(plain)
	plain[0] = dropVersion
	copy(plain[1:], i.Card.Bytes())
	copy(plain[1+identity.CardSize:], i.Key[:])
	body := make([]byte, chacha20poly1305.NonceSizeX, dropClass.BodySize())
	rand.Read(body)
	a, err := chacha20poly1305.NewX(p.key[:])
	if err != nil {
		return e, seed, err
	}
	body = a.Seal(body, body, plain, header)
	e, err = envelope.New(dropClass, p.shard, expiry, osk, body)
	return e, seed, err
}

// openDrop reads a drop: errNotIt for what does not open, errMalformed.
// Whether the invitation is the code's is not known yet.
func openDrop(p place, e envelope.Envelope) (i identity.Invite, err error) {
	if e.Class() != dropClass || e.Shard() != p.shard {
		return i, errNotIt
	}
	a, err := chacha20poly1305.NewX(p.key[:])
	if err != nil {
		return i, errNotIt
	}
	body := e.Body()
	const n = chacha20poly1305.NonceSizeX
	plain, err := a.Open(nil, body[:n], body[n:], e.Header())
	if err != nil || e.Verify() != nil {
		return i, errNotIt
	}
	defer clear(plain)
	return parseDrop(plain)
}

func parseDrop(plain []byte) (i identity.Invite, err error) {
	if len(plain) < dropSize || plain[0] != dropVersion {
		return i, errMalformed
	}
	for _, b := range plain[dropSize:] {
		if b != 0 {
			return i, errMalformed
		}
	}
	i, err = parseInvite(plain[1:dropSize])
	if err != nil {
		return i, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return i, nil
}

// parseInvite reads a full card and its key.
func parseInvite(b []byte) (i identity.Invite, err error) {
	if len(b) != identity.CardSize+32 {
		return i, errMalformed
	}
	if i.Card, err = identity.ParseCard(b[:identity.CardSize]); err != nil {
		return i, err
	}
	copy(i.Key[:], b[identity.CardSize:])
	if i.Key == ([32]byte{}) {
		return i, errMalformed
	}
	return i, nil
}

// takeBack is the proof by which carriers delete a drop.
func takeBack(raw []byte, seed [32]byte) ([]byte, error) {
	e, err := envelope.Parse(raw)
	if err != nil {
		return nil, err
	}
	osk := ed25519.NewKeyFromSeed(seed[:])
	defer clear(osk)
	d, err := envelope.NewDone(e, osk)
	return d.Bytes(), err
}
