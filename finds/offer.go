package finds

import (
	"crypto/sha256"
	"errors"
	"slices"
	"sort"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// kindOffer is the part in which a person tells a contact of a relay. spec/relay.md, 12.1
const kindOffer = 0x54

const (
	maxAddress  = 200 // bytes
	maxOffers   = 4   // kept of one contact
	maxListed   = 32
	offerPrefix = "offer" // of keys in tableBook; contact and hash of the address follow
)

// Offer is a relay that a contact told of. Nothing uses it before a person says so.
type Offer struct {
	Addr   string // as the contact wrote it, printable ASCII; not checked further
	Inland bool   // the contact says that it is inside the country
	From   account.ContactID
	Day    envelope.Day // when it came
	no     bool         // the person wants none of it
}

// ErrAddress is an address that no part can hold.
var ErrAddress = errors.New("finds: a relay's address has 1 to 200 printable characters")

func goodAddress(s string) bool {
	return len(s) > 0 && len(s) <= maxAddress && !slices.ContainsFunc([]byte(s), func(c byte) bool { return c <= ' ' || c > '~' })
}

func parseOffer(body []byte) (o Offer, ok bool) {
	if len(body) < 2 || len(body) < 2+int(body[1]) {
		return o, false
	}
	o = Offer{Addr: string(body[2 : 2+int(body[1])]), Inland: body[0]&1 != 0}
	return o, goodAddress(o.Addr)
}

// TellRelay tells a contact of a relay, soon and in an envelope of its own if need be.
func (b *Book) TellRelay(at account.Moment, to account.ContactID, addr string, inland bool) error {
	if !goodAddress(addr) {
		return ErrAddress
	}
	body := append([]byte{0, byte(len(addr))}, addr...)
	if inland {
		body[0] = 1
	}
	return b.vault.Update(func(tx account.Tx) error {
		return b.post.Queue(tx, at, account.Outgoing{To: to, Parts: []seal.Part{{Kind: kindOffer, Body: body}}})
	})
}

func (o Offer) key() []byte {
	h := sha256.Sum256([]byte(o.Addr))
	return slices.Concat([]byte(offerPrefix), o.From[:], h[:8])
}

func (o Offer) record() []byte {
	return account.NewRecord(1).Text(o.Addr).Flag(o.Inland).Uint(uint64(o.Day)).Flag(o.no).Bytes()
}

// deliverOffer keeps what a contact tells of a relay, unless the person wanted none
// of it before.
func deliverOffer(tx account.Tx, from account.ContactID, day envelope.Day, body []byte) error {
	o, ok := parseOffer(body)
	if !ok {
		return nil
	}
	o.From, o.Day = from, day
	list, err := offers(tx, from[:])
	if err != nil {
		return err
	}
	for i, old := range list {
		switch {
		case old.Addr == o.Addr:
			return nil
		case i+1 >= maxOffers:
			if err := tx.Delete(tableBook, old.key()); err != nil {
				return err
			}
		}
	}
	return tx.Put(tableBook, o.key(), o.record())
}

// offers lists what contacts, or one of them, told of relays, the newest first.
func offers(tx account.Tx, of []byte) (list []Offer, err error) {
	prefix := slices.Concat([]byte(offerPrefix), of)
	err = tx.Scan(tableBook, prefix, account.After(prefix), false, func(k, v []byte) (bool, error) {
		if len(k) != len(offerPrefix)+16+8 {
			return true, nil
		}
		f := account.ReadRecord(v)
		f.Version(1)
		o := Offer{Addr: f.Text(), Inland: f.Flag(), From: account.ContactID(k[len(offerPrefix):][:16]), Day: envelope.Day(f.Uint()), no: f.Flag()}
		if f.Done() == nil {
			list = append(list, o)
		}
		return true, nil
	})
	sort.SliceStable(list, func(i, j int) bool { return list[i].Day > list[j].Day })
	return list, err
}

// Offers lists the relays that contacts told of and that wait for a word, the
// newest first.
func (b *Book) Offers() (list []Offer, err error) {
	err = b.vault.View(func(tx account.Tx) error {
		all, err := offers(tx, nil)
		for _, o := range all {
			if !o.no && len(list) < maxListed {
				list = append(list, o)
			}
		}
		return err
	})
	return list, err
}

// Settle notes that the person has decided on an address, whoever told of it: it
// is not offered again.
func (b *Book) Settle(addr string) error {
	return b.vault.Update(func(tx account.Tx) error {
		list, err := offers(tx, nil)
		for _, o := range list {
			if err == nil && o.Addr == addr {
				o.no = true
				err = tx.Put(tableBook, o.key(), o.record())
			}
		}
		return err
	})
}
