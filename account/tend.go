package account

import (
	"bytes"
	"encoding/binary"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// How long records are kept after they are of use, in device-on time: a wrong
// clock deletes nothing.
const (
	tendEvery   = seal.Tick(60 * 60)
	keepExpired = 60 * day  // expired letters, for proofs that come late
	keepSent    = 190 * day // sent envelopes without a proof
	keepProofs  = 130 * day // proofs that nobody submitted
	doubtful    = day       // a proven Start that the contact says nothing of: its parts go again
)

// tend expires letters and prunes what is old. It does its work at most once
// an hour and when the day changes.
func (a *Account) tend(at Moment) error {
	if a.tended.done && a.tended.day == at.Day && a.tick(at)-a.tended.tick < tendEvery {
		return nil
	}
	err := a.update(at, func(tx Tx) error {
		if err := a.expire(tx, at); err != nil {
			return err
		}
		if err := a.pruneSent(tx); err != nil {
			return err
		}
		if err := a.pruneProofs(tx); err != nil {
			return err
		}
		if a.guest != nil {
			if err := a.guest.Tend(tx, at); err != nil {
				return err
			}
		}
		a.endCards()
		for _, p := range a.people {
			a.pruneCards(p.ID, maxGiven)
			for _, s := range p.sessions {
				before := s.s.Marshal()
				if s.s.Expire(a.now); !bytes.Equal(before, s.s.Marshal()) {
					a.step(p, s)
				}
			}
			if err := a.drop(tx, p); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		a.tended.done, a.tended.day, a.tended.tick = true, at.Day, a.now
	}
	return err
}

// expire marks letters whose lifetime ended, and unmarks those for which it
// turns out not to have: the day was wrong.
func (a *Account) expire(tx Tx, at Moment) error {
	var due, back, gone []LetterID
	collect := func(from, to []byte, f func(k, v []byte)) error {
		return tx.Scan(tableExpiry, from, to, false, func(k, v []byte) (bool, error) { f(k, v); return true, nil })
	}
	late := func(k, _ []byte) { due = append(due, LetterID(k[len(k)-16:])) }
	err := collect([]byte{indexTick}, binary.BigEndian.AppendUint64([]byte{indexTick}, uint64(a.now)), late)
	if err == nil {
		err = collect([]byte{indexDay}, binary.BigEndian.AppendUint16([]byte{indexDay}, uint16(at.Day)), late)
	}
	if err == nil {
		err = collect([]byte{indexExpired}, nil, func(k, v []byte) {
			f := ReadRecord(v)
			f.Version(1)
			if since := seal.Tick(f.Int()); a.now-since > keepExpired {
				gone = append(gone, LetterID(k[1:]))
			} else {
				back = append(back, LetterID(k[1:]))
			}
		})
	}
	if err != nil {
		return err
	}
	for _, id := range due {
		if err := a.mark(tx, at, id, true); err != nil {
			return err
		}
	}
	for _, id := range back {
		if err := a.mark(tx, at, id, false); err != nil {
			return err
		}
	}
	for _, id := range gone {
		if err := a.bury(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// mark sets or takes back that a letter expired.
func (a *Account) mark(tx Tx, at Moment, id LetterID, expired bool) error {
	l, err := getLetter(tx, id)
	if err != nil || l == nil {
		return err
	}
	if !expired && (l.open > 0 || l.expiry < at.Day) {
		return nil
	}
	return a.change(tx, at, l, func() { l.expired = expired })
}

// bury forgets a letter that expired long ago, with what still waits of it.
func (a *Account) bury(tx Tx, id LetterID) error {
	l, err := getLetter(tx, id)
	if err != nil || l == nil {
		return err
	}
	if l.open > 0 {
		var keys [][]byte
		err := tx.Scan(tableQueue, l.to[:], After(l.to[:]), false, func(k, v []byte) (bool, error) {
			w, err := parseWaiting(k, v)
			if err == nil && w.letter == id {
				keys = append(keys, k)
			}
			return true, err
		})
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := tx.Delete(tableQueue, k); err != nil {
				return err
			}
		}
	}
	if err := wait(tx, l, false); err != nil {
		return err
	}
	if err := tx.Delete(tableExpiry, l.indexKey()); err != nil {
		return err
	}
	return tx.Delete(tableLetters, l.id[:])
}

func (a *Account) pruneSent(tx Tx) error {
	var old, again []*sent
	err := tx.Scan(tableSent, nil, nil, false, func(k, v []byte) (bool, error) {
		s, err := parseSent(k, v)
		if err == nil && a.now-s.at > keepSent {
			old = append(old, s)
		} else if err == nil && s.doubt > 0 && a.now-s.doubt >= doubtful {
			again = append(again, s)
		}
		return true, err
	})
	if err != nil {
		return err
	}
	for _, s := range again {
		if err := a.sealAgain(tx, s); err != nil {
			return err
		}
	}
	for _, s := range old {
		if err := a.forgetSent(tx, s); err != nil {
			return err
		}
	}
	return nil
}

func (a *Account) pruneProofs(tx Tx) error {
	var old []envelope.ID
	end := proofKey(max(a.now-keepProofs, 0), envelope.ID{})
	err := tx.Scan(tableProofs, []byte{0}, end, false, func(k, _ []byte) (bool, error) {
		old = append(old, envelope.ID(k[9:]))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, id := range old {
		delete(a.returned, id)
		if err := a.dropProof(tx, id); err != nil {
			return err
		}
	}
	return nil
}
