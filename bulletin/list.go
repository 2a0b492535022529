package bulletin

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"sort"
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
	Plain   bool     // photos and recordings are not wanted
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
			i := Info{ID: ID(k), Name: b.name, Card: b.card, Mine: b.mine(), Muted: b.muted, Pinned: b.pinned, Plain: b.plain, Forks: b.forks, Notices: b.count - b.over}
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
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		if a.Pinned != b.Pinned {
			return a.Pinned
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), bytes.Compare(a.ID[:], b.ID[:])) < 0
	})
	return list, err
}

// Shown is a notice as a reader sees it.
type Shown struct {
	Notice
	Came    time.Time
	Missing uint64 // so many before it are not here
	Forked  bool   // it contradicts the one before it
	SeenBy  int    // so many contacts say that they opened it
	Media   *Media // what it shows beside its text; nil when nothing
}

// Notices of a board, newest first; what is over at the time is left out,
// unless the time is zero, and what Expire erased always.
func (s *Boards) Notices(id ID, now time.Time) (list []Shown, err error) {
	contacts := s.known()
	err = s.vault.View(func(tx account.Tx) error {
		b, err := get(tx, id)
		if err != nil {
			return err
		}
		expect := uint64(0)
		err = tx.Scan(tableNotices, id[:], account.After(id[:]), false, func(_, raw []byte) (bool, error) {
			n, err := parseKept(raw)
			if err != nil {
				return false, err
			}
			x := Shown{Notice: *n.Notice, Came: n.came, Missing: n.Seq - expect, Forked: slices.Contains(b.forks, n.Seq), Media: n.media()}
			expect = n.Seq + 1
			if !n.over && (now.IsZero() || now.Before(n.Until)) {
				list = append(list, x)
			}
			return true, nil
		})
		for i := range list {
			if list[i].SeenBy, err = seenOf(tx, &list[i].Notice, contacts); err != nil {
				return err
			}
			if m := list[i].Media; m != nil {
				raw, err := tx.Get(tableMedia, seqKey(id, list[i].Seq))
				if err != nil {
					return err
				}
				if m.fits(raw) {
					m.Data = bytes.Clone(raw)
				}
			}
		}
		return err
	})
	slices.Reverse(list)
	return list, err
}

// Look is how the owner wants a board.
type Look struct {
	Name   string // "": as it is
	Muted  bool   // not among the news
	Pinned bool   // above the others
	Plain  bool   // text only: no photos or recordings are kept
}

// Set changes what the owner calls a board and how it is shown.
func (s *Boards) Set(id ID, l Look) error {
	ch := newChange()
	err := s.vault.Update(func(tx account.Tx) error {
		b, err := get(tx, id)
		if err != nil {
			return err
		}
		if name := account.Clean(l.Name); name != "" && len(name) <= MaxName {
			b.name = name
		}
		b.muted, b.pinned = l.Muted, l.Pinned
		if b.plain != l.Plain {
			b.plain = l.Plain
			if err := b.want(tx, id, ch); err != nil {
				return err
			}
		}
		return tx.Put(tableBoards, id[:], b.record())
	})
	if err == nil {
		s.apply(ch)
	}
	return err
}

// want lets photos and recordings of what is here come, or go.
func (b *board) want(tx account.Tx, id ID, ch *change) error {
	list, err := keptOf(tx, id)
	if err != nil || b.mine() {
		return err
	}
	for _, n := range list {
		if b.plain {
			err = errors.Join(unexpect(tx, id, n, ch), b.dropMedia(tx, id, n.Seq))
		} else {
			err = b.expect(tx, id, n, ch)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keptOf are the notices of a board, oldest first.
func keptOf(tx account.Tx, id ID) (list []*Notice, err error) {
	err = tx.Scan(tableNotices, id[:], account.After(id[:]), false, func(_, raw []byte) (bool, error) {
		n, err := parseKept(raw)
		if err == nil {
			list = append(list, n.Notice)
		}
		return err == nil, err
	})
	return list, err
}

// Leave forgets a board and its notices on this device. An own board cannot be
// published any more.
func (s *Boards) Leave(id ID) error {
	ch := newChange()
	err := s.vault.Update(func(tx account.Tx) error {
		b, err := get(tx, id)
		if err != nil {
			return err
		}
		list, err := keptOf(tx, id)
		if err != nil {
			return err
		}
		for _, n := range list {
			if err := b.drop(tx, id, n, ch); err != nil {
				return err
			}
		}
		err = tx.Scan(tableTags, nil, nil, false, func(k, b []byte) (bool, error) {
			if ID(b[:16]) == id {
				ch.gone = append(ch.gone, envelope.Tag(k))
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		for _, t := range ch.gone {
			if err := tx.Delete(tableTags, t[:]); err != nil {
				return err
			}
		}
		return tx.Delete(tableBoards, id[:])
	})
	if err != nil {
		return err
	}
	s.apply(ch)
	return nil
}
