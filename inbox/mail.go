package inbox

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

// Message is one that came.
type Message struct {
	ID    ID
	Box   ID
	Kind  Kind
	Came  time.Time
	Bytes int
	Whole bool
	Here  int // pieces that are here, of All
	All   int
}

func (m *mail) message() Message {
	n := len(split(m.length))
	v := Message{ID: m.id, Box: m.box, Kind: m.kind, Came: m.came, Bytes: m.length, Whole: m.state == whole, Here: 1 + len(m.got), All: 1 + n}
	if v.Whole {
		v.Here = v.All
	}
	return v
}

// Messages are all that came and were not deleted, oldest first.
func (x *Inboxes) Messages() []Message {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := []Message{}
	for _, m := range x.mail {
		if m.state == whole || m.state == partial {
			list = append(list, m.message())
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(a.Came.Compare(b.Came), bytes.Compare(a.ID[:], b.ID[:])) < 0
	})
	return list
}

// Content reads a whole message without holding it in memory.
type Content struct {
	x *Inboxes
	m mail
}

// Content of a message: ErrUnknown, ErrWhole.
func (x *Inboxes) Content(id ID) (*Content, Message, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	m := x.mail[id]
	switch {
	case m == nil || m.state == deleted || m.state == broken:
		return nil, Message{}, ErrUnknown
	case m.state == partial:
		return nil, m.message(), fmt.Errorf("%w: %d of %d", ErrWhole, 1+len(m.got), 1+len(split(m.length)))
	}
	return &Content{x, *m}, m.message(), nil
}

// Size is its length in bytes.
func (c *Content) Size() int64 { return int64(c.m.length) }

// ReadAt implements io.ReaderAt.
func (c *Content) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("inbox: negative offset")
	}
	err = c.x.vault.View(func(tx account.Tx) error {
		for n < len(p) && off+int64(n) < c.Size() {
			at := int(off) + n
			i, begin := 0, 0
			if at >= firstRoom {
				step := offset(1) - offset(0)
				i = 1 + (at-firstRoom)/step
				begin = offset(i - 1)
			}
			b, err := tx.Get(tablePieces, pieceKey(entryData, c.m.id, i))
			if err != nil {
				return err
			}
			if at-begin >= len(b) {
				return ErrUnknown // deleted meanwhile
			}
			n += copy(p[n:], b[at-begin:])
		}
		return nil
	})
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Delete erases a message's content here.
func (x *Inboxes) Delete(id ID) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	m := x.mail[id]
	if m == nil || m.state == deleted {
		return ErrUnknown
	}
	gone := &mail{id: id, box: m.box, kind: m.kind, came: m.came, day: m.day, state: deleted}
	err := x.vault.Update(func(tx account.Tx) error { return errors.Join(erase(tx, id), tx.Put(tableMail, id[:], gone.record())) })
	if err == nil {
		if m.state != broken {
			x.dropMail(m)
		}
		x.mail[id] = gone
	}
	return err
}

// Proofs are the proofs that are due; all when at once. Proved forgets them.
func (x *Inboxes) Proofs(at account.Moment, atOnce bool) (list [][]byte, err error) {
	err = x.vault.View(func(tx account.Tx) error {
		return tx.Scan(tablePieces, []byte{entryDue}, []byte{entryDue + 1}, false, func(_, raw []byte) (bool, error) {
			f := account.ReadRecord(raw)
			f.Version(1)
			due, proof := f.Int(), bytes.Clone(f.Blob())
			// A tick of an older count must not hold a proof back for ever.
			if f.Done() == nil && (atOnce || due <= int64(at.Tick) || due > int64(at.Tick)+int64(proofMost/time.Second)) {
				list = append(list, proof)
			}
			return true, nil
		})
	})
	return list, err
}

// Proved says that proofs are on the shelf.
func (x *Inboxes) Proved(proofs ...[]byte) error {
	return x.vault.Update(func(tx account.Tx) error {
		for _, raw := range proofs {
			if e, err := envelope.Parse(raw); err == nil {
				id := e.Proves()
				if err := tx.Delete(tablePieces, append([]byte{entryDue}, id[:]...)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Tend erases the secrets of weeks that are over and gives up what never
// became whole. Call it only with a clock that is not in doubt. It says how
// many secrets it erased.
func (x *Inboxes) Tend(at account.Moment) (erased int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, b := range x.boxes {
		if b.secrets == nil {
			continue
		}
		next, n := *b, 0
		keys := &secrets{kem: b.kem, sk: b.sk, weeks: slices.Clone(b.weeks)}
		next.secrets = keys
		for i := range keys.weeks {
			ends := (int(b.card.first) + i + 1) * week
			if i+1 < len(keys.weeks) && len(keys.weeks[i]) > 0 && int(at.Day) > ends+keepWeeks {
				keys.weeks[i], n = nil, n+1
			}
		}
		if n == 0 {
			continue
		}
		if err := x.vault.Update(func(tx account.Tx) error { return tx.Put(tableBoxes, id[:], next.record()) }); err != nil {
			return erased, err
		}
		for i := range keys.weeks {
			if keys.weeks[i] == nil {
				clear(b.weeks[i])
			}
		}
		x.boxes[id], erased = &next, erased+n
	}
	for _, w := range x.awaits {
		if at.Day > w.until {
			if err := x.forgo(w); err != nil {
				return erased, err
			}
		}
	}
	many := len(x.mail)-x.live > maxKnown/2
	for _, m := range x.mail {
		old := many && (m.state == deleted || m.state == broken) && at.Day > m.day.Add(forgetMail) ||
			m.state == partial && at.Day > m.day.Add(forgetMail) || (m.state == deleted || m.state == broken) && at.Day > m.day.Add(envelope.MaxLifetime+forgetMail)
		if !old {
			continue
		}
		if err := x.vault.Update(func(tx account.Tx) error { return errors.Join(erase(tx, m.id), tx.Delete(tableMail, m.id[:])) }); err != nil {
			return erased, err
		}
		if m.state == partial {
			x.dropMail(m)
		}
		delete(x.mail, m.id)
	}
	return erased, nil
}
