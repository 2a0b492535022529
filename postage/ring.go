package postage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jauap/jauap/envelope"
)

// Relay is the key of a relay, as its address pins it.
type Relay [32]byte

// Bounds. spec/postage.md, 6.
const (
	maxIssuers = 64 // in a ring
	maxOfRelay = 6  // of one relay
)

// Ring is what a device knows of issuers: keys that relays showed over links on which
// they had proven to be those of the person's settings. It is not safe for concurrent use.
type Ring struct {
	list    []Issued // oldest first
	trusted map[Relay]bool
}

// Issued is an issuer's key and the relay that showed it.
type Issued struct {
	Relay Relay
	Key   Key
}

const ringMagic = "jauap/1 ring"

// ParseRing reads what Bytes wrote; nil is an empty ring. ErrDamaged for anything else.
func ParseRing(b []byte) (*Ring, error) {
	r := &Ring{}
	if len(b) == 0 {
		return r, nil
	}
	const size = len(Relay{}) + keySize
	n := (len(b) - len(ringMagic) - sha256.Size) / size
	if n < 0 || n > maxIssuers || len(b) != len(ringMagic)+n*size+sha256.Size || !bytes.HasPrefix(b, []byte(ringMagic)) {
		return r, fmt.Errorf("%w: the keys of issuers, %d bytes", ErrDamaged, len(b))
	}
	end := len(b) - sha256.Size
	if sum := sha256.Sum256(b[:end]); !bytes.Equal(sum[:], b[end:]) {
		return r, fmt.Errorf("%w: the keys of issuers have a wrong sum", ErrDamaged)
	}
	for b = b[len(ringMagic):end]; len(b) > 0; b = b[size:] {
		i := Issued{Relay: Relay(b), Key: Key{Last: envelope.Day(binary.BigEndian.Uint16(b[len(Relay{}):]))}}
		copy(i.Key.Modulus[:], b[len(Relay{})+2:])
		if i.Key.check() != nil || r.find(i.Key.Issuer()) != nil {
			return &Ring{}, fmt.Errorf("%w: a key among those of issuers", ErrDamaged)
		}
		r.list = append(r.list, i)
	}
	return r, nil
}

// Bytes encodes the ring for a file.
func (r *Ring) Bytes() []byte {
	b := []byte(ringMagic)
	for _, i := range r.list {
		b = append(b, i.Relay[:]...)
		b = binary.BigEndian.AppendUint16(b, uint16(i.Key.Last))
		b = append(b, i.Key.Modulus[:]...)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// Trust says which relays the person uses: keys of others are not honoured, but kept
// until their last day.
func (r *Ring) Trust(relays []Relay) {
	r.trusted = map[Relay]bool{}
	for _, x := range relays {
		r.trusted[x] = true
	}
}

func (r *Ring) find(id envelope.Issuer) *Issued {
	for i := range r.list {
		if r.list[i].Key.Issuer() == id {
			return &r.list[i]
		}
	}
	return nil
}

// Learn takes the keys of a relay's answer and says whether anything is new. A relay
// shows few keys in half a year: of one that shows more no further ones are taken.
func (r *Ring) Learn(relay Relay, keys []Key, today envelope.Day) (changed bool, err error) {
	changed = r.Forget(today)
	for _, k := range keys {
		id := k.Issuer()
		old := r.find(id)
		switch {
		case k.Last < today:
		case old != nil && (old.Relay != relay || old.Key.Modulus != k.Modulus):
			err = fmt.Errorf("%w: the key of another relay", ErrAnswer)
		case old != nil:
			changed = changed || old.Key.Last != k.Last
			old.Key.Last = k.Last
		case r.count(relay) >= maxOfRelay || len(r.list) >= maxIssuers:
			err = fmt.Errorf("%w: too many keys", ErrAnswer)
		default:
			r.list, changed = append(r.list, Issued{relay, k}), true
		}
	}
	return changed, err
}

func (r *Ring) count(relay Relay) (n int) {
	for _, i := range r.list {
		if i.Relay == relay {
			n++
		}
	}
	return n
}

// Forget lets go of keys whose last day is over.
func (r *Ring) Forget(today envelope.Day) (changed bool) {
	n := len(r.list)
	r.list = slices.DeleteFunc(r.list, func(i Issued) bool { return i.Key.Last < today })
	return len(r.list) != n
}

// Key is an issuer's, if it is honoured.
func (r *Ring) Key(id envelope.Issuer) (k Key, ok bool) {
	i := r.find(id)
	if i == nil || !r.trusted[i.Relay] {
		return k, false
	}
	return i.Key, true
}

// Honoured are the issuers whose stamps count here.
func (r *Ring) Honoured() (list []Issued) {
	for _, i := range r.list {
		if r.trusted[i.Relay] {
			list = append(list, i)
		}
	}
	return list
}
