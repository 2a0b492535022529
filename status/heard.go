package status

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// kindSeen is whose devices the author's device heard. A reader may pass over
// it.
const kindSeen = 0x59

// Limits of a list of whom the owner's device heard.
const (
	seenSize = 8 + 4 // tag, minutes of epoch
	maxSeen  = 16
	seenFor  = 14 * 24 * time.Hour
)

// seenPart tells a reader whose devices this one heard lately: only whom they
// know too can they tell from noise. spec/status.md, 2.3
func (b *Board) seenPart(tx account.Tx, at account.Moment, to account.ContactID, key [32]byte) (p seal.Part, ok bool, err error) {
	ids, err := b.a.IDs(tx)
	if err != nil {
		return p, false, err
	}
	type sign struct {
		id account.ContactID
		at time.Time
	}
	var list []sign
	for _, id := range ids {
		spans, err := devices(tx, id)
		if err != nil {
			return p, false, err
		}
		if n := len(spans); n > 0 && id != to && at.Wall.Sub(spans[n-1].To) < seenFor {
			list = append(list, sign{id, spans[n-1].To})
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(b.at.Compare(a.at), slices.Compare(a.id[:], b.id[:])) < 0
	})
	p.Kind = kindSeen
	for _, s := range list[:min(len(list), maxSeen)] {
		tag := mentionTag(key, s.id)
		minutes := min(max(int64(s.at.Sub(epoch)/time.Minute), 0), 1<<32-1)
		p.Body = binary.BigEndian.AppendUint32(append(p.Body, tag[:]...), uint32(minutes))
	}
	return p, len(list) > 0, nil
}

// heardOthers takes whose devices a contact's device heard.
func (b *Board) heardOthers(tx account.Tx, from account.Contact, at account.Moment, body []byte) error {
	_, key, err := b.a.Shared(from.Public, labelMention)
	if err != nil {
		return nil // a key with which nothing can be agreed names nobody
	}
	ids, err := b.a.IDs(tx)
	if err != nil {
		return err
	}
	c := &cutter{b: body}
	for range min(len(body)/seenSize, maxSeen) {
		tag, when := [8]byte(c.take(8)), TimeOf(c.u32())
		for _, id := range ids {
			if id == from.ID || mentionTag(key, id) != tag {
				continue
			}
			if err := seen(tx, id, from.ID, earlier(when, at.Wall)); err != nil {
				return err
			}
		}
	}
	return nil
}

// seen notes that a contact was seen or heard by another.
func seen(tx account.Tx, id, by account.ContactID, when time.Time) error {
	h, err := getHead(tx, id)
	if err != nil || !when.After(h.seen) {
		return err
	}
	h.seen, h.seenBy = when, by
	return h.put(tx, id)
}
