package account

import "github.com/jauap/jauap/seal"

// keepParts keeps what the App has in a Start, to seal it again should
// somebody forge its proof. days is the lifetime that is left to it.
func (a *Account) keepParts(tx Tx, s *sent, days int, parts []seal.Part) error {
	w := &waiting{days: days, at: a.now}
	for _, p := range parts {
		if p.Kind&^Critical >= FirstAppKind {
			w.parts = append(w.parts, p)
		}
	}
	if len(w.parts) == 0 {
		return nil
	}
	return tx.Put(tableAgain, s.id[:], w.record())
}

// sealAgain queues the parts of a Start that was proven to carriers, who
// deleted it, but of which the contact says nothing: whoever saw the
// invitation may have forged the proof. They go once more, in another slot or
// in the session. If the proof was true the contact's App knows them.
func (a *Account) sealAgain(tx Tx, s *sent) error {
	b, err := tx.Get(tableAgain, s.id[:])
	if err != nil || b == nil || a.people[s.to] == nil {
		return err
	}
	seq, err := nextSeq(tx)
	if err != nil {
		return err
	}
	w, err := parseWaiting(queueKey(s.to, rankText, seq), b)
	if err != nil {
		return err
	}
	if w.left(a.now) > 0 {
		if err := tx.Put(tableQueue, w.key, b); err != nil {
			return err
		}
	}
	return tx.Delete(tableAgain, s.id[:])
}
