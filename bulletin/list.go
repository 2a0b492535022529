package bulletin

import (
	"bytes"
	"slices"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

// Info is a board as a list shows it.
type Info struct {
	ID      ID
	Name    string // what the owner calls it
	Card    *Card
	Mine    bool
	Muted   bool
	Pinned  bool
	Forks   []uint64 // notices that contradict the one before them
	Notices int      // kept here
	Newest  time.Time
}

// List are the boards, pinned ones first, then by name.
func (s *Boards) List() (list []Info, err error) {
	err = s.vault.View(func(tx account.Tx) error {
		return tx.Scan(tableBoards, nil, nil, false, func(k, raw []byte) (bool, error) {
			b, err := parseBoard(raw)
			if err != nil {
				return false, err
			}
			i := Info{ID: ID(k), Name: b.name, Card: b.card, Mine: b.mine(), Muted: b.muted, Pinned: b.pinned, Forks: b.forks, Notices: b.count}
			err = tx.Scan(tableNotices, k, account.After(k), true, func(_, raw []byte) (bool, error) {
				n, err := parseKept(raw)
				if err == nil {
					i.Newest = n.At
				}
				return false, err
			})
			list = append(list, i)
			return true, err
		})
	})
	slices.SortStableFunc(list, func(a, b Info) int {
		switch {
		case a.Pinned != b.Pinned && a.Pinned:
			return -1
		case a.Pinned != b.Pinned:
			return 1
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return bytes.Compare(a.ID[:], b.ID[:])
	})
	return list, err
}

// Shown is a notice as a reader sees it.
type Shown struct {
	Notice
	Came    time.Time
	Missing uint64 // so many before it are not here
	Forked  bool   // it contradicts the one before it
}

// Notices of a board, newest first; what is over at the time is left out,
// unless the time is zero.
func (s *Boards) Notices(id ID, now time.Time) (list []Shown, err error) {
	err = s.vault.View(func(tx account.Tx) error {
		b, err := get(tx, id)
		if err != nil {
			return err
		}
		expect := uint64(0)
		return tx.Scan(tableNotices, id[:], account.After(id[:]), false, func(_, raw []byte) (bool, error) {
			n, err := parseKept(raw)
			if err != nil {
				return false, err
			}
			x := Shown{Notice: *n.Notice, Came: n.came, Missing: n.Seq - expect, Forked: slices.Contains(b.forks, n.Seq)}
			expect = n.Seq + 1
			if now.IsZero() || now.Before(n.Until) {
				list = append(list, x)
			}
			return true, nil
		})
	})
	slices.Reverse(list)
	return list, err
}

// Set changes what the owner calls a board and how it is shown.
func (s *Boards) Set(id ID, name string, muted, pinned bool) error {
	return s.vault.Update(func(tx account.Tx) error {
		b, err := get(tx, id)
		if err != nil {
			return err
		}
		if name = account.Clean(name); name != "" && len(name) <= MaxName {
			b.name = name
		}
		b.muted, b.pinned = muted, pinned
		return tx.Put(tableBoards, id[:], b.record())
	})
}

// Leave forgets a board and its notices on this device. An own board cannot be
// published any more.
func (s *Boards) Leave(id ID) error {
	var gone []envelope.Tag
	err := s.vault.Update(func(tx account.Tx) error {
		if _, err := get(tx, id); err != nil {
			return err
		}
		var keys [][]byte
		err := tx.Scan(tableNotices, id[:], account.After(id[:]), false, func(k, _ []byte) (bool, error) {
			keys = append(keys, bytes.Clone(k))
			return true, nil
		})
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := tx.Delete(tableNotices, k); err != nil {
				return err
			}
		}
		err = tx.Scan(tableTags, nil, nil, false, func(k, b []byte) (bool, error) {
			if ID(b[:16]) == id {
				gone = append(gone, envelope.Tag(k))
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		for _, t := range gone {
			if err := tx.Delete(tableTags, t[:]); err != nil {
				return err
			}
		}
		return tx.Delete(tableBoards, id[:])
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range gone {
		delete(s.tags, t)
	}
	return nil
}
