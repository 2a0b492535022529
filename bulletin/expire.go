package bulletin

import (
	"bytes"
	"fmt"
	"time"

	"github.com/jauap/jauap/account"
)

// Expire erases what the notices that are over said and showed, own and pinned
// ones too, and says how many they were. That they were stays, so that nothing
// seems to be missing: number, hashes and times. Call it now and then, and only
// while the clock is believable. spec/bulletin.md, 4.
func (s *Boards) Expire(now time.Time) (erased int, err error) {
	s.mu.Lock()
	wait := !s.due.IsZero() && now.Before(s.due)
	s.mu.Unlock()
	if wait {
		return 0, nil
	}
	ch := newChange()
	var next time.Time
	err = s.vault.Update(func(tx account.Tx) error {
		erased, next = 0, now.AddDate(0, 0, 1)
		var ids []ID
		if err := tx.Scan(tableBoards, nil, nil, false, func(k, _ []byte) (bool, error) {
			ids = append(ids, ID(k))
			return true, nil
		}); err != nil {
			return err
		}
		for _, id := range ids {
			n, soon, err := expireBoard(tx, id, now, ch)
			if err != nil {
				return err
			}
			if erased += n; soon.Before(next) && !soon.IsZero() {
				next = soon
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	s.apply(ch)
	s.mu.Lock()
	s.due = next
	s.mu.Unlock()
	return erased, nil
}

// expireBoard erases what is over of one board. soon is when more will be.
func expireBoard(tx account.Tx, id ID, now time.Time, ch *change) (erased int, soon time.Time, err error) {
	b, err := get(tx, id)
	if err != nil {
		return 0, soon, err
	}
	var over []*kept
	err = tx.Scan(tableNotices, id[:], account.After(id[:]), false, func(_, raw []byte) (bool, error) {
		k, err := parseKept(raw)
		switch {
		case err != nil:
			return false, err
		case k.over:
		case now.Before(k.Until):
			if soon.IsZero() || k.Until.Before(soon) {
				soon = k.Until
			}
		default:
			over = append(over, k)
		}
		return true, nil
	})
	if err != nil || len(over) == 0 {
		return 0, soon, err
	}
	for _, k := range over {
		if err := b.drop(tx, id, k.Notice, ch); err != nil {
			return 0, soon, err
		}
		raw := k.rest()
		b.bytes += int64(len(raw) - k.size)
		b.over++
		if err := tx.Put(tableNotices, seqKey(id, k.Seq), raw); err != nil {
			return 0, soon, err
		}
	}
	return len(over), soon, tx.Put(tableBoards, id[:], b.record())
}

// rest is what stays of a notice that is over.
func (k *kept) rest() []byte {
	h := k.Hash()
	return account.NewRecord(2).Time(k.came).Raw(h[:]).Uint(k.Seq).Raw(k.Prev[:]).Time(k.At).Time(k.Until).Bytes()
}

func parseRest(f *account.Fields, size int) (*kept, error) {
	k := &kept{came: f.Time(), size: size, over: true, hash: [32]byte(f.Raw(32))}
	k.Notice = &Notice{Seq: f.Uint(), Prev: [32]byte(bytes.Clone(f.Raw(32))), At: f.Time(), Until: f.Time()}
	if f.Done() != nil {
		return nil, fmt.Errorf("%w: what stays of a notice", account.ErrDamaged)
	}
	return k, nil
}

// Hash is the notice's, also when it is over.
func (k *kept) Hash() [32]byte {
	if k.over {
		return k.hash
	}
	return k.Notice.Hash()
}

// sooner notes that a notice came that will be over at a time.
func (s *Boards) sooner(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.Before(s.due) {
		s.due = until
	}
}
