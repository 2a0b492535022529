package account

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// keepProof saves a proof of delivery until its random delay is over.
func (a *Account) keepProof(tx Tx, raw []byte) error {
	due := a.now + a.config.between(a.config.ProofMin, a.config.ProofMax)
	id := envelope.IDOf(raw)
	if err := tx.Put(tableProofs, proofKey(due, id), raw); err != nil {
		return err
	}
	return tx.Put(tableProofs, proofIndex(id), binary.BigEndian.AppendUint64(nil, uint64(due)))
}

func proofKey(due seal.Tick, id envelope.ID) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{0}, uint64(due)), id[:]...)
}

func proofIndex(id envelope.ID) []byte { return append([]byte{1}, id[:]...) }

// dropProof forgets a proof that the shelf has; other ids are no error.
func (a *Account) dropProof(tx Tx, id envelope.ID) error {
	b, err := tx.Get(tableProofs, proofIndex(id))
	if err != nil || len(b) != 8 {
		return err
	}
	if err := tx.Delete(tableProofs, proofKey(seal.Tick(binary.BigEndian.Uint64(b)), id)); err != nil {
		return err
	}
	return tx.Delete(tableProofs, proofIndex(id))
}

// Proofs are the Done units whose random delay is over, or all of them. Each
// is answered once in the life of the process, and again after a restart,
// until it was Submitted under envelope.IDOf its bytes.
func (a *Account) Proofs(at Moment, all bool) ([][]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advance(at)
	to := proofKey(a.now+1, envelope.ID{})
	if all {
		to = []byte{1}
	}
	var out [][]byte
	err := a.vault.View(func(tx Tx) error {
		return tx.Scan(tableProofs, []byte{0}, to, false, func(_, v []byte) (bool, error) {
			if !a.returned[envelope.IDOf(v)] {
				out = append(out, v)
			}
			return true, nil
		})
	})
	if err != nil {
		return nil, err
	}
	for _, raw := range out {
		a.returned[envelope.IDOf(raw)] = true
	}
	a.config.Rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, nil
}

// Next is the tick at which a proof or an answer becomes due; ok is false when
// nothing waits for a time.
func (a *Account) Next() (due seal.Tick, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	earlier := func(t seal.Tick) {
		if !ok || t-seal.Tick(a.skew.Load()) < due {
			due, ok = t-seal.Tick(a.skew.Load()), true
		}
	}
	err := a.vault.View(func(tx Tx) error {
		err := tx.Scan(tableProofs, []byte{0}, []byte{1}, false, func(k, v []byte) (bool, error) {
			if a.returned[envelope.IDOf(v)] {
				return true, nil
			}
			earlier(seal.Tick(binary.BigEndian.Uint64(k[1:])))
			return false, nil
		})
		if err != nil {
			return err
		}
		ids := slices.Concat(slices.Collect(maps.Keys(a.people)), slices.Collect(maps.Keys(a.held)))
		for _, id := range ids {
			from, to := append(id[:], rankRider), append(id[:], rankRider+1)
			err := tx.Scan(tableQueue, from, to, false, func(k, v []byte) (bool, error) {
				w, err := parseWaiting(k, v)
				if err == nil {
					earlier(w.alone)
				}
				return true, err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, false
	}
	return due, ok
}

// proof takes a Done unit that speaks of an envelope of ours.
func (a *Account) proof(tx Tx, at Moment, e envelope.Envelope) (Received, error) {
	s, err := getSent(tx, e.Proves())
	if err != nil {
		return Received{}, err
	}
	if s == nil || s.key != e.Key() || s.short() {
		return Received{}, refuse(ErrNotOurs)
	}
	if err := e.Verify(); err != nil {
		return Received{}, refuse(err)
	}
	if len(s.ackKey) == 0 {
		// Everybody who saw the invitation can make it: it proves nothing to us,
		// and may not even be the contact's. spec/seal.md, 3.3
		if s.doubt > 0 {
			return Received{}, refuse(ErrNotOurs)
		}
		s.doubt = max(a.now, 1)
		return Received{}, tx.Put(tableSent, s.id[:], s.record())
	}
	r := Received{Proven: []envelope.ID{s.id}}
	if p := a.people[s.to]; p != nil {
		r.From = p.Contact
	}
	return r, a.prove(tx, at, s.id)
}

// prove notes that an own envelope arrived and forgets it.
func (a *Account) prove(tx Tx, at Moment, id envelope.ID) error {
	s, err := getSent(tx, id)
	if err != nil || s == nil {
		return err
	}
	if err := a.eachLetter(tx, at, s, func(p *piece) { p.proven = true }); err != nil {
		return err
	}
	return a.forgetSent(tx, s)
}

// Arrived notes that a contact said in a session that a letter to them arrived
// whole. Of what rode in Starts nothing else tells it, and of S0 little. An App calls it inside
// Deliver. Letters to others, unknown ones, and those of which something waits
// to be sealed are left as they are; that is no error.
func (a *Account) Arrived(tx Tx, at Moment, from ContactID, id LetterID) error {
	l, err := getLetter(tx, id)
	if err != nil || l == nil || l.to != from || l.open > 0 {
		return err
	}
	err = a.change(tx, at, l, func() {
		for i := range l.pieces {
			l.pieces[i].proven = true
		}
	})
	if err != nil {
		return err
	}
	for _, p := range l.pieces {
		if err := a.settled(tx, p.id); err != nil {
			return err
		}
	}
	return nil
}

// settled forgets a Start or an S0 all of whose letters are known to have arrived.
func (a *Account) settled(tx Tx, id envelope.ID) error {
	s, err := getSent(tx, id)
	if err != nil || s == nil || s.provable() {
		return err
	}
	for _, letter := range s.letters {
		if l, err := getLetter(tx, letter); err != nil || l != nil {
			return err
		}
	}
	if err := a.letGo(tx, s.id); err != nil {
		return err
	}
	return a.forgetSent(tx, s)
}

// eachLetter changes an envelope's piece in all its letters.
func (a *Account) eachLetter(tx Tx, at Moment, s *sent, f func(p *piece)) error {
	for _, id := range s.letters {
		l, err := getLetter(tx, id)
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		i := slices.IndexFunc(l.pieces, func(p piece) bool { return p.id == s.id })
		if i < 0 {
			continue
		}
		if err := a.change(tx, at, l, func() { f(&l.pieces[i]) }); err != nil {
			return err
		}
	}
	return nil
}

func (a *Account) forgetSent(tx Tx, s *sent) error {
	if len(s.ackKey) > 0 {
		if err := tx.Delete(tableAcks, s.ackKey); err != nil {
			return err
		}
	}
	for _, t := range []Table{tableSealed, tableAgain, tableDone} {
		if err := tx.Delete(t, s.id[:]); err != nil {
			return err
		}
	}
	a.retag = append(a.retag, func() { delete(a.tags, s.tag) })
	return tx.Delete(tableSent, s.id[:])
}

// Handover says that a peer holds an envelope durably.
type Handover struct {
	ID     envelope.ID
	Who    string // names the peer as far as it is known; "" is one and the same stranger
	Abroad bool   // it is a relay outside the country
}

// Handed notes that a peer holds an own envelope. Foreign ids are no error.
func (a *Account) Handed(at Moment, id envelope.ID, who string, abroad bool) error {
	return a.HandedAll(at, []Handover{{id, who, abroad}})
}

// HandedAll is Handed for several envelopes in one transaction.
func (a *Account) HandedAll(at Moment, list []Handover) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.update(at, func(tx Tx) error {
		for _, h := range list {
			if err := a.handed(tx, at, h); err != nil {
				return fmt.Errorf("account: handed over %v: %w", h.ID, err)
			}
		}
		return nil
	})
}

func (a *Account) handed(tx Tx, at Moment, h Handover) error {
	s, err := getSent(tx, h.ID)
	if err != nil || s == nil {
		return err
	}
	who := whoHash(h.Who)
	known := slices.Contains(s.carriers, who)
	if known && (s.left || !h.Abroad) {
		return nil
	}
	if !known && len(s.carriers) < maxCarriers {
		s.carriers = append(s.carriers, who)
	}
	s.left = s.left || h.Abroad
	if err := tx.Put(tableSent, s.id[:], s.record()); err != nil {
		return err
	}
	return a.eachLetter(tx, at, s, func(p *piece) { p.carriers, p.left = uint8(len(s.carriers)), s.left })
}
