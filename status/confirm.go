package status

import (
	"encoding/binary"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// kindArrived is a list of words that arrived. A reader may pass over it.
const kindArrived = 0x58

// arrivedSize is one word in it: number 4, claimed time 6. spec/status.md, 2.5
const arrivedSize = 4 + 6

// maxArrived bounds the words that wait to be confirmed to one contact.
const maxArrived = 64

func arrivedKey(id account.ContactID) []byte { return append([]byte{'a'}, id[:]...) }

func arrivedStream(id account.ContactID) account.StreamID {
	return account.StreamID(append([]byte{'s'}, id[:]...))
}

// confirm notes that a contact's word arrived, to ride with what goes to them.
func (b *Board) confirm(tx account.Tx, at account.Moment, to account.ContactID, seq uint32) error {
	return b.confirmTo(tx, at, to, binary.BigEndian.AppendUint32(nil, seq))
}

// confirmTo is confirm to a person or a group, of a word by its number, with its
// author in a group.
func (b *Board) confirmTo(tx account.Tx, at account.Moment, to account.ContactID, word []byte) error {
	list, err := tx.Get(tableHeads, arrivedKey(to))
	if err != nil || len(list) >= maxArrived*(len(word)+6) {
		return err
	}
	waits := len(list) > 0
	list = stamp(append(append([]byte(nil), list...), word...), at.Wall)
	if err := tx.Put(tableHeads, arrivedKey(to), list); err != nil || waits {
		return err
	}
	wait := b.config.ReceiptMin
	if more := b.config.ReceiptMax - wait; more > 0 {
		wait += time.Duration(b.config.Rand.Int64N(int64(more) + 1))
	}
	return b.a.Queue(tx, at, account.Outgoing{
		To: to, Streams: []account.StreamID{arrivedStream(to)}, Alone: max(at.Tick+seal.Tick(wait/time.Second), 1),
	})
}

func streamTo(s account.StreamID) (id account.ContactID, ok bool) {
	if len(s) != 1+len(id) {
		return id, false
	}
	return account.ContactID([]byte(s[1:])), true
}

// Left implements account.Source.
func (b *Board) Left(tx account.Tx, s account.StreamID) (int64, error) {
	id, ok := streamTo(s)
	if !ok {
		return 0, nil
	}
	list, err := tx.Get(tableHeads, arrivedKey(id))
	return int64(len(list)), err
}

// Cut implements account.Source.
func (b *Board) Cut(tx account.Tx, s account.StreamID, room int) (p seal.Part, ok bool, err error) {
	id, ok := streamTo(s)
	if !ok {
		return p, false, nil
	}
	list, err := tx.Get(tableHeads, arrivedKey(id))
	p.Kind = kindArrived
	size := arrivedSize
	if _, _, group := b.a.Held(id.String()); group {
		size = inGroup
	}
	n := min((room-seal.PartSize(p))/size*size, len(list))
	if err != nil || n <= 0 {
		return p, false, err
	}
	p.Body = append([]byte(nil), list[:n]...)
	if n == len(list) {
		return p, true, tx.Delete(tableHeads, arrivedKey(id))
	}
	return p, true, tx.Put(tableHeads, arrivedKey(id), append([]byte(nil), list[n:]...))
}

// arrived takes a contact's confirmations of the owner's words.
func (b *Board) arrived(tx account.Tx, from account.Contact, at account.Moment, body []byte) error {
	c := &cutter{b: body}
	for range min(len(body)/arrivedSize, maxArrived) {
		seq, when := c.u32(), c.time()
		k, err := getWord(tx, owner, seq)
		if err != nil {
			return err
		}
		if k == nil {
			continue
		}
		for _, id := range k.to {
			d, err := getDispatch(tx, id)
			if err != nil {
				return err
			}
			if d == nil || d.To != from.ID || d.State == Replaced {
				continue
			}
			if d.State != Delivered {
				if when = earlier(when, at.Wall); when.Before(k.At) {
					when = at.Wall
				}
				d.State, d.At, d.Carriers = Delivered, when, 0
				if err := d.put(tx, id); err != nil {
					return err
				}
			}
			if err := b.a.Arrived(tx, at, from.ID, id); err != nil {
				return err
			}
			if err := b.Heard(tx, from.ID, at, when, false); err != nil {
				return err
			}
		}
	}
	return nil
}
