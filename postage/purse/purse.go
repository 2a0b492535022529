package purse

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/postage"
)

// table holds, by a token's key, its record.
const table account.Table = 100

// How many tokens a device has.
const (
	Enough = 100 // are asked for
	Most   = 500 // are kept
)

// Purse is what a device has of postage. Its methods may be called from any goroutine.
type Purse struct {
	keep func(ring []byte) error

	ringMu sync.Mutex
	ring   *postage.Ring

	mu    sync.Mutex
	vault account.Vault
	list  []postage.Token // nearest last day first
}

// Open opens the purse in a vault with the ring that keep was given last. A ring that
// cannot be read is an empty one, told as an error beside the purse: relays show their
// keys again. Without a purse the error is the vault's.
func Open(v account.Vault, ring []byte, keep func(ring []byte) error) (*Purse, error) {
	p := &Purse{keep: keep, vault: v}
	r, ringErr := postage.ParseRing(ring)
	p.ring = r
	err := v.View(func(tx account.Tx) error {
		return tx.Scan(table, nil, nil, false, func(_, val []byte) (bool, error) {
			t, err := parseToken(val)
			if err == nil && len(p.list) < Most {
				p.list = append(p.list, t)
			}
			return true, nil // one that cannot be read buys nothing
		})
	})
	if err != nil {
		return nil, fmt.Errorf("purse: %w", err)
	}
	p.sort()
	return p, ringErr
}

func record(t postage.Token) []byte {
	return account.NewRecord(1).Uint(uint64(t.Last)).Raw(t.Issuer[:]).Raw(t.RSA[:]).Raw(t.Seed[:]).Bytes()
}

func parseToken(b []byte) (t postage.Token, err error) {
	f := account.ReadRecord(b)
	f.Version(1)
	last := f.Uint()
	if last > uint64(envelope.NoDay) {
		return t, fmt.Errorf("purse: %w: a token's last day", postage.ErrDamaged)
	}
	t.Last = envelope.Day(last)
	copy(t.Issuer[:], f.Raw(len(t.Issuer)))
	copy(t.RSA[:], f.Raw(len(t.RSA)))
	copy(t.Seed[:], f.Raw(len(t.Seed)))
	if err := f.Done(); err != nil {
		return postage.Token{}, fmt.Errorf("purse: %w", err)
	}
	return t, nil
}

func (p *Purse) sort() {
	sort.SliceStable(p.list, func(i, j int) bool { return p.list[i].Last < p.list[j].Last })
}

// Trust says which relays the person uses.
func (p *Purse) Trust(relays []postage.Relay) {
	p.ringMu.Lock()
	defer p.ringMu.Unlock()
	p.ring.Trust(relays)
}

// Valid tells whether a stamp's token is good: signed by an issuer that is honoured here.
func (p *Purse) Valid(stamp envelope.Envelope) bool {
	p.ringMu.Lock()
	k, ok := p.ring.Key(stamp.Issuer())
	p.ringMu.Unlock()
	return ok && stamp.Class() == envelope.Stamp && k.Good(stamp.Key(), stamp.RSA())
}

// Honoured are the issuers whose stamps count here.
func (p *Purse) Honoured() []postage.Issued {
	p.ringMu.Lock()
	defer p.ringMu.Unlock()
	return p.ring.Honoured()
}

// Len is how many tokens there are.
func (p *Purse) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.list)
}

// Want is how many tokens are to be asked for.
func (p *Purse) Want() int { return max(Enough-p.Len(), 0) }

// Take keeps what a relay answered. What stands beside an error is kept.
func (p *Purse) Take(from postage.Relay, keys []postage.Key, tokens []postage.Token, today envelope.Day) error {
	p.ringMu.Lock()
	changed, err := p.ring.Learn(from, keys, today)
	if changed {
		err = errors.Join(err, p.keep(p.ring.Bytes()))
	}
	tokens = slices.DeleteFunc(slices.Clone(tokens), func(t postage.Token) bool {
		_, ok := p.ring.Key(t.Issuer)
		return !ok
	})
	p.ringMu.Unlock()
	return errors.Join(err, p.put(tokens))
}

func (p *Purse) put(tokens []postage.Token) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	tokens = tokens[:min(len(tokens), Most-len(p.list))]
	if len(tokens) == 0 {
		return nil
	}
	err := p.vault.Update(func(tx account.Tx) error {
		for _, t := range tokens {
			key := t.Public()
			if err := tx.Put(table, key[:], record(t)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("purse: %w", err)
	}
	p.list = append(p.list, tokens...)
	p.sort()
	return nil
}

// Pay makes a stamp for each unit that can have one, while there are tokens whose issuers
// count here: by place in units, the zero Envelope where there is none. The tokens are
// spent when it returns.
func (p *Purse) Pay(units []envelope.Envelope, today envelope.Day) ([]envelope.Envelope, error) {
	stamps := make([]envelope.Envelope, len(units))
	honoured := map[envelope.Issuer]bool{}
	for _, i := range p.Honoured() {
		honoured[i.Key.Issuer()] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.good(today)
	paid := make([]*postage.Token, len(units))
	for i, u := range units {
		if !u.Class().Stampable() {
			continue
		}
		// The first that is good for as long as the unit lives, or else the last.
		at := -1
		for j, t := range left {
			if honoured[t.Issuer] && (at < 0 || left[at].Last < u.Expiry()) {
				at = j
			}
		}
		if at < 0 {
			continue
		}
		t := left[at]
		paid[i], left = &t, slices.Delete(left, at, at+1)
	}
	if err := p.drop(left); err != nil {
		return stamps, err
	}
	for i, t := range paid {
		if t == nil {
			continue
		}
		s, err := t.Stamp(units[i])
		if err != nil {
			return stamps, err
		}
		stamps[i] = s
	}
	return stamps, nil
}

// good are the tokens that are not over. mu is held.
func (p *Purse) good(today envelope.Day) []postage.Token {
	return slices.DeleteFunc(slices.Clone(p.list), func(t postage.Token) bool { return t.Last < today })
}

// drop takes all tokens but those left off the disk. mu is held.
func (p *Purse) drop(left []postage.Token) error {
	if len(left) == len(p.list) {
		return nil
	}
	stays := make(map[[32]byte]bool, len(left))
	for _, t := range left {
		stays[t.Seed] = true
	}
	err := p.vault.Update(func(tx account.Tx) error {
		for _, t := range p.list {
			if stays[t.Seed] {
				continue
			}
			key := t.Public()
			if err := tx.Delete(table, key[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("purse: %w", err)
	}
	p.list = left
	return nil
}

// Tend lets go of tokens and keys that are over.
func (p *Purse) Tend(today envelope.Day) error {
	p.ringMu.Lock()
	var err error
	if p.ring.Forget(today) {
		err = p.keep(p.ring.Bytes())
	}
	p.ringMu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(err, p.drop(p.good(today)))
}
