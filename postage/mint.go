package postage

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/cloudflare/circl/blindsign/blindrsa"
	"github.com/jauap/jauap/envelope"
)

// Mint are the keys of an issuer: the one that signs, the one that will sign next, which
// is shown long before so that devices know it when they have been cut off, and those
// whose tokens are still good. Its methods may be called from any goroutine.
type Mint struct {
	keep func(pem []byte) error
	mu   sync.Mutex
	keys []coin // in the order in which they were made
}

type coin struct {
	first  envelope.Day // of signing
	secret *rsa.PrivateKey
	public Key
}

func newCoin(first envelope.Day, secret *rsa.PrivateKey) (coin, error) {
	c := coin{first: first, secret: secret}
	if secret.N.BitLen() != bits || secret.E != exponent {
		return c, fmt.Errorf("%w: a key that is not RSA with %d bits and exponent %d", ErrDamaged, bits, exponent)
	}
	secret.N.FillBytes(c.public.Modulus[:])
	c.public.Last = first.Add(signDays + goodDays - 1)
	return c, nil
}

const (
	pemType  = "PRIVATE KEY"
	pemFirst = "First-Day"
	maxCoins = 8
)

// NewMint opens an issuer with what keep was given last, nil for a new one. Keys are made
// when they are first needed; keep puts them where they last before any is shown.
func NewMint(saved []byte, keep func(pem []byte) error) (*Mint, error) {
	m := &Mint{keep: keep}
	for len(saved) > 0 {
		block, rest := pem.Decode(saved)
		if block == nil {
			break // what stands behind the last block means nothing
		}
		saved = rest
		first, err := strconv.ParseUint(block.Headers[pemFirst], 10, 16)
		if err != nil || block.Type != pemType || len(m.keys) == maxCoins {
			return nil, fmt.Errorf("%w: a block of the relay's postage keys; restore the file from a backup or delete it for new keys", ErrDamaged)
		}
		k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		secret, ok := k.(*rsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("%w: a postage key that is not RSA", ErrDamaged)
		}
		c, err := newCoin(envelope.Day(first), secret)
		if err != nil {
			return nil, err
		}
		m.keys = append(m.keys, c)
	}
	return m, nil
}

func (m *Mint) pem(keys []coin) ([]byte, error) {
	var out []byte
	for _, c := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(c.secret)
		if err != nil {
			return nil, fmt.Errorf("postage: %w", err)
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{
			Type: pemType, Bytes: der, Headers: map[string]string{pemFirst: strconv.Itoa(int(c.first))},
		})...)
	}
	return out, nil
}

// turn forgets keys that are over and makes those that are due: one that signs today and
// one that signs after it. mu is held.
func (m *Mint) turn(today envelope.Day) error {
	keys := slices.Clone(m.keys)
	keys = slices.DeleteFunc(keys, func(c coin) bool { return c.public.Last < today })
	if len(keys) > maxCoins-2 {
		keys = keys[len(keys)-(maxCoins-2):] // a clock that jumps makes many
	}
	changed := len(keys) != len(m.keys)
	for _, first := range []envelope.Day{today, today.Add(signDays)} {
		if signs(keys, first) >= 0 {
			continue
		}
		if n := len(keys); n > 0 && first > today {
			first = max(today+1, keys[n-1].first.Add(signDays)) // when the one before it is done
		}
		secret, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return fmt.Errorf("postage: new key: %w", err)
		}
		c, err := newCoin(first, secret)
		if err != nil {
			return err
		}
		keys, changed = append(keys, c), true
	}
	if !changed {
		return nil
	}
	b, err := m.pem(keys)
	if err != nil {
		return err
	}
	if err := m.keep(b); err != nil {
		return fmt.Errorf("postage: the keys cannot be kept: %w", err)
	}
	m.keys = keys
	return nil
}

// signs is the place of the newest key that signs on a day; -1 when there is none.
func signs(keys []coin, day envelope.Day) int {
	for i := len(keys) - 1; i >= 0; i-- {
		if k := &keys[i]; k.first <= day && day < k.first.Add(signDays) {
			return i
		}
	}
	return -1
}

// Answer answers an ask: with the keys, and with signatures for as many of its tokens as
// grant gives it of those that it may have, if it asks the key that signs today; grant
// also tells how many are left. It may have to make a key, which takes a second or, on a
// small machine, many.
func (m *Mint) Answer(a Ask, today envelope.Day, grant func(want int) (give, left int)) (Answer, error) {
	m.mu.Lock()
	err := m.turn(today)
	keys := m.keys
	m.mu.Unlock()
	if err != nil {
		return Answer{}, err
	}
	now := signs(keys, today)
	if now < 0 {
		return Answer{}, fmt.Errorf("%w: no key signs on %v", ErrDamaged, today)
	}
	if a.Issuer != keys[now].public.Issuer() {
		a.Blinded = nil
	}
	give, left := grant(len(a.Blinded))
	out := Answer{Left: left, Keys: []Key{keys[now].public}}
	for i := len(keys) - 1; i >= 0 && len(out.Keys) < maxShown; i-- {
		if i != now {
			out.Keys = append(out.Keys, keys[i].public)
		}
	}
	signer := blindrsa.NewSigner(keys[now].secret)
	for _, b := range a.Blinded[:min(max(give, 0), len(a.Blinded))] {
		s, err := signer.BlindSign(b[:])
		if err != nil || len(s) != BlindSize {
			return out, nil // a number that is not below the modulus: the asker's fault
		}
		out.Sigs = append(out.Sigs, [BlindSize]byte(s))
	}
	return out, nil
}
