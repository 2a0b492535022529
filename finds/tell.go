package finds

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sort"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// kindFinds is the part that tells of open ports. spec/relay.md, 12
const kindFinds = 0x53

// Kinds are the parts that a Book takes.
func Kinds() []uint8 { return []uint8{kindFinds, kindOffer} }

const (
	maxTold      = 16 // finds in one part
	maxOfContact = 4  // finds kept of one contact for one relay
	maxOfRelay   = 16 // finds tried for one relay
	tellAgain    = 3  // days until the same is told again
	findLife     = 14 // days that a find is worth trying
	lag          = 2  // days that another's clock may be ahead
)

// hash is how a find names a relay.
type hash [8]byte

func hashOf(r Relay) (h hash) {
	sum := sha256.Sum256(r[:])
	copy(h[:], sum[:])
	return h
}

// Find is a port on which a contact's device had an answer.
type Find struct {
	UDP  bool
	Port uint16
	Day  envelope.Day // of the answer, by the contact's clock
}

const findSize = 8 + 1 + 2 + 2

func appendFind(b []byte, h hash, f Find) []byte {
	b = append(b, h[:]...)
	flags := byte(0)
	if f.UDP {
		flags = 1
	}
	b = append(b, flags)
	b = binary.BigEndian.AppendUint16(b, f.Port)
	return binary.BigEndian.AppendUint16(b, uint16(f.Day))
}

// told is one find as it came.
type told struct {
	relay hash
	Find
}

// parseFinds reads a part; ok is false for one that is no list of finds. What
// stands behind the list is of a later version.
func parseFinds(body []byte) (list []told, ok bool) {
	if len(body) == 0 || int(body[0]) > maxTold || len(body) < 1+int(body[0])*findSize {
		return nil, false
	}
	n, b := int(body[0]), body[1:]
	for ; n > 0; n-- {
		t := told{relay: hash(b[:8]), Find: Find{b[8]&1 != 0, binary.BigEndian.Uint16(b[9:]), envelope.Day(binary.BigEndian.Uint16(b[11:]))}}
		if b = b[findSize:]; t.Port != 0 {
			list = append(list, t)
		}
	}
	return list, true
}

// Relays says which relays the settings name: finds for others are not kept.
func (b *Book) Relays(list []Relay) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.relays)
	for _, r := range list {
		b.relays[hashOf(r)] = r
	}
}

func (b *Book) uses(h hash) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.relays[h]
	return ok
}

func wayKey(udp bool, port uint16) []byte {
	k := []byte{0}
	if udp {
		k[0] = 1
	}
	return binary.BigEndian.AppendUint16(k, port)
}

// Deliver implements account.App.
func (b *Book) Deliver(tx account.Tx, from account.Contact, at account.Moment, p seal.Part) error {
	if p.Kind == kindOffer {
		return deliverOffer(tx, from.ID, at.Day, p.Body)
	}
	list, ok := parseFinds(p.Body)
	if !ok {
		return nil
	}
	for _, t := range list {
		if t.Day > at.Day+lag || at.Day > t.Day+findLife || !b.uses(t.relay) {
			continue
		}
		prefix := slices.Concat(t.relay[:], from.ID[:])
		if err := tx.Put(tableFinds, append(prefix, wayKey(t.UDP, t.Port)...), account.NewRecord(1).Uint(uint64(t.Day)).Bytes()); err != nil {
			return err
		}
		if err := prune(tx, prefix); err != nil {
			return err
		}
	}
	return nil
}

// kept is one record of tableFinds.
type kept struct {
	key []byte
	Find
}

// scan lists finds, the newest first.
func scan(tx account.Tx, prefix []byte) (list []kept, err error) {
	err = tx.Scan(tableFinds, prefix, account.After(prefix), false, func(k, v []byte) (bool, error) {
		f := account.ReadRecord(v)
		f.Version(1)
		day := envelope.Day(f.Uint())
		if f.Done() == nil && len(k) == 8+16+3 {
			list = append(list, kept{slices.Clone(k), Find{k[24] == 1, binary.BigEndian.Uint16(k[25:]), day}})
		}
		return true, nil
	})
	sort.SliceStable(list, func(i, j int) bool { return list[j].Day < list[i].Day })
	return list, err
}

// prune forgets the older finds of one contact for one relay.
func prune(tx account.Tx, prefix []byte) error {
	list, err := scan(tx, prefix)
	if err != nil {
		return err
	}
	for _, k := range list[min(maxOfContact, len(list)):] {
		if err := tx.Delete(tableFinds, k.key); err != nil {
			return err
		}
	}
	return nil
}

// Finds lists what contacts found for a relay lately, the newest first, each
// once.
func (b *Book) Finds(r Relay, today envelope.Day) (out []Find, err error) {
	h := hashOf(r)
	err = b.vault.View(func(tx account.Tx) error {
		list, err := scan(tx, h[:])
		for _, k := range list {
			same := func(f Find) bool { return f.UDP == k.UDP && f.Port == k.Port }
			own := me()
			if bytes.Equal(k.key[8:24], own[:]) {
				continue
			}
			if today <= k.Day+findLife && len(out) < maxOfRelay && !slices.ContainsFunc(out, same) {
				out = append(out, k.Find)
			}
		}
		return err
	})
	return out, err
}

// me stands for this device among the contacts of tableFinds.
func me() (id account.ContactID) { return id }

// Streams are the first bytes of the streams that a Book cuts: what waits to be
// told to a contact. It is written when a letter leaves, so it is never old.
const Streams = "w"

func streamOf(to account.ContactID) account.StreamID {
	return account.StreamID(Streams + string(to[:]))
}

// waitKey is where it stands that something is to be told to a contact.
func waitKey(to account.ContactID) []byte { return to[:] }

// Tell lets contacts know that an odd port of a relay answered. It goes with
// letters that go anyway, never alone, and the same is told again after some
// days only.
func (b *Book) Tell(at account.Moment, r Relay, udp bool, port uint16) error {
	h, own := hashOf(r), me()
	prefix := slices.Concat(h[:], own[:])
	key := append(slices.Clone(prefix), wayKey(udp, port)...)
	var last envelope.Day
	known := false
	err := b.vault.View(func(tx account.Tx) error {
		list, err := scan(tx, key)
		if known = len(list) > 0; known {
			last = list[0].Day
		}
		return err
	})
	if err != nil || known && at.Day >= last && at.Day < last+tellAgain {
		return err
	}
	return b.vault.Update(func(tx account.Tx) error {
		if err := tx.Put(tableFinds, key, account.NewRecord(1).Uint(uint64(at.Day)).Bytes()); err != nil {
			return err
		}
		if err := prune(tx, prefix); err != nil {
			return err
		}
		people, err := b.post.IDs(tx)
		for i := 0; err == nil && i < len(people); i++ {
			err = b.wait(tx, at, people[i])
		}
		return err
	})
}

// wait queues what is to be told to a contact, once.
func (b *Book) wait(tx account.Tx, at account.Moment, to account.ContactID) error {
	v, err := tx.Get(tableBook, waitKey(to))
	if err != nil || v != nil {
		return err
	}
	const days = envelope.MaxLifetime
	const never = seal.Tick((days + 1) * 24 * time.Hour / time.Second)
	err = b.post.Queue(tx, at, account.Outgoing{
		To: to, Streams: []account.StreamID{streamOf(to)}, Days: days, Alone: at.Tick + never,
	})
	if err != nil {
		return err
	}
	return tx.Put(tableBook, waitKey(to), account.NewRecord(1).Uint(uint64(at.Day)).Bytes())
}

// mine lists what this device found, each relay's newest first.
func (b *Book) mine(tx account.Tx) (list []told, err error) {
	b.mu.Lock()
	var hashes []hash
	for h := range b.relays {
		hashes = append(hashes, h)
	}
	b.mu.Unlock()
	own := me()
	for _, h := range hashes {
		l, err := scan(tx, slices.Concat(h[:], own[:]))
		if err != nil {
			return nil, err
		}
		for _, k := range l {
			list = append(list, told{h, k.Find})
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[j].Day < list[i].Day })
	return list[:min(maxTold, len(list))], nil
}

// partRoom is what a part costs besides its body, at most.
const partRoom = 8

// Left implements account.Source.
func (b *Book) Left(tx account.Tx, s account.StreamID) (int64, error) {
	v, err := tx.Get(tableBook, []byte(s[len(Streams):]))
	if err != nil || v == nil {
		return 0, err
	}
	list, err := b.mine(tx)
	if len(list) == 0 {
		return 0, err
	}
	return int64(1 + len(list)*findSize), err
}

// Cut implements account.Source.
func (b *Book) Cut(tx account.Tx, s account.StreamID, room int) (p seal.Part, ok bool, err error) {
	key := []byte(s[len(Streams):])
	if v, err := tx.Get(tableBook, key); err != nil || v == nil {
		return p, false, err
	}
	list, err := b.mine(tx)
	if err != nil {
		return p, false, err
	}
	if n := min(len(list), (room-partRoom-1)/findSize); n > 0 {
		list = list[:n]
	} else {
		return p, false, nil
	}
	body := []byte{byte(len(list))}
	for _, t := range list {
		body = appendFind(body, t.relay, t.Find)
	}
	return seal.Part{Kind: kindFinds, Body: body}, true, tx.Delete(tableBook, key)
}
