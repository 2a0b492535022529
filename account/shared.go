package account

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/jauap/jauap/identity"
)

// Shared are two keys that this person and another have in common, for what
// they authenticate outside of letters: out for what the owner says, in for
// what the other says; at the other end they change places. They come from
// both people's lasting keys, so they are there without a session, before the
// first letter, and stay the same. Whoever takes one of the two devices has
// them. spec/status.md, 4.1. ErrSelf for the owner's own keys.
func (a *Account) Shared(with identity.Public, label string) (out, in [32]byte, err error) {
	if with == a.me.Public() {
		return out, in, ErrSelf
	}
	z, err := a.me.Agree(with.DH)
	if err != nil {
		return out, in, fmt.Errorf("account: %w", err)
	}
	prk, err := hkdf.Extract(sha256.New, z[:], []byte("jauap/1 shared"))
	clear(z[:])
	if err != nil {
		return out, in, fmt.Errorf("account: %w", err)
	}
	mine, theirs := IDOf(a.me.Public()), IDOf(with)
	for _, k := range []struct {
		key      *[32]byte
		from, to ContactID
	}{{&out, mine, theirs}, {&in, theirs, mine}} {
		b, err := hkdf.Expand(sha256.New, prk, label+string(k.from[:])+string(k.to[:]), 32)
		if err != nil {
			return out, in, fmt.Errorf("account: %w", err)
		}
		copy(k.key[:], b)
		clear(b)
	}
	clear(prk)
	return out, in, nil
}
