package sim

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/node"
)

// hostile is a device that only gives junk: units that verify and that nobody
// can open. To contacts it says that all of it is near, and what it can of it
// its own. It takes nothing and carries nothing.
type hostile struct {
	rng    *rand.Rand
	seed   uint64
	class  envelope.Class
	until  envelope.Day
	ids    []envelope.ID
	links  map[node.LinkID]*assault
	most   int                 // units offered in a meeting
	paid   int                 // units that have a valid stamp; they are always among them
	stamps []envelope.Envelope // stamps, offered before them in each
	given  map[int]time.Time   // units that a contact took, and when
	prove  time.Duration       // so long after that their proofs are offered to contacts
}

// assault is one meeting: where in its units it began, how many it offers, and
// which ones it offers proofs of, after the stamps and before the units.
type assault struct {
	first, n int
	contact  bool
	proofs   []int
}

func newHostile(rng *rand.Rand, s Scenario, expiry envelope.Day, m mint) (*hostile, error) {
	h := &hostile{rng: rng, seed: rng.Uint64(), class: s.Class, until: expiry, links: map[node.LinkID]*assault{}, most: min(s.Offer, s.Junk), given: map[int]time.Time{}, prove: s.JunkProofs}
	h.paid = min(s.Bought, h.most)
	for k := range max(min(s.Forged, s.Junk), h.paid) {
		e, err := h.stamp(k, m)
		if err != nil {
			return nil, err
		}
		h.stamps = append(h.stamps, e)
	}
	for k := range s.Junk {
		e, err := h.unit(k)
		if err != nil {
			return nil, err
		}
		h.ids = append(h.ids, e.ID())
	}
	return h, nil
}

// unit makes one of its units. They are made anew each time: a million take a gigabyte.
func (h *hostile) unit(k int) (envelope.Envelope, error) {
	return envelope.NewBy(h.class, 0, h.until, h.signer(k), make([]byte, h.class.BodySize()))
}

func (h *hostile) signer(k int) (by envelope.Signer) {
	fill(rand.New(rand.NewPCG(h.seed, uint64(k))), by.Key[:])
	by.Sign = func([]byte) []byte { return bytes.Repeat([]byte{junkByte}, ed25519.SignatureSize) }
	return by
}

// proof of one of its units: whoever makes junk can say that it has arrived.
func (h *hostile) proof(k int) (envelope.Envelope, error) {
	e, err := h.unit(k)
	if err != nil {
		return e, err
	}
	return envelope.NewDoneBy(e, h.signer(k))
}

// junkByte fills the place of junk's signatures. A run takes them for right: whoever
// makes junk can sign it, and a million signatures take minutes to make and to check.
const junkByte = 0x6a

// junk says whether a unit is of a hostile device.
func junk(e envelope.Envelope) bool {
	at := 36 // spec/envelope.md: the signature
	if e.Class() == envelope.Done {
		at = envelope.DoneSize - ed25519.SignatureSize
	}
	raw := e.Bytes()
	return (e.Class().Sealed() || e.Class() == envelope.Done) &&
		bytes.Equal(raw[at:at+ed25519.SignatureSize], bytes.Repeat([]byte{junkByte}, ed25519.SignatureSize))
}

func (h *hostile) Next() (at time.Time) { return at }

// Step speaks spec/exchange.md as far as giving needs it.
func (h *hostile) Step(now time.Time, evs ...node.Event) (out []node.Effect) {
	for _, ev := range evs {
		switch ev := ev.(type) {
		case node.Up:
			a := &assault{n: h.most, contact: ev.Peer.Key != ""}
			if rest := len(h.ids) - h.paid; rest > 0 {
				a.first = h.rng.IntN(rest)
			}
			h.links[ev.Link] = a
			// A window of 64: it does not care what the far end has.
			out = append(out, node.Send{Link: ev.Link, Data: []byte{0x81, 1, 0, 0, 64, 0}})
			if ev.Peer.Key != "" {
				out = append(out, h.note(ev.Link, a, 2, 0, 20), h.note(ev.Link, a, 1, 20, a.n))
			}
			if len(h.stamps) > 0 {
				out = append(out, h.pretend(ev.Link))
			}
			if a.contact && h.prove > 0 {
				out = h.settle(out, ev.Link, a, now)
			}
			for at := 0; at < a.n; at += 128 {
				out = append(out, h.have(ev.Link, a, at, min(at+128, a.n)))
			}
		case node.Down:
			delete(h.links, ev.Link)
		case node.Frame:
			if a := h.links[ev.Link]; a != nil && ev.Data[0] == 0x84 {
				out = h.serve(out, ev.Link, a, ev.Data[1:], now)
			}
		}
	}
	return out
}

// at is the unit of a number: those with stamps, then others from the meeting's first on.
func (h *hostile) at(a *assault, number int) int {
	if number < h.paid {
		return number
	}
	return h.paid + (a.first+number-h.paid)%(len(h.ids)-h.paid)
}

func (h *hostile) note(l node.LinkID, a *assault, label byte, from, to int) node.Effect {
	b := []byte{0x04, label}
	for k := from; k < min(to, a.n); k++ {
		b = append(b, h.ids[h.at(a, k)][:]...)
	}
	return node.Send{Link: l, Data: b}
}

// line of a listing.
func (h *hostile) line(b []byte, id envelope.ID, c envelope.Class) []byte {
	return binary.BigEndian.AppendUint16(append(append(b, id[:]...), byte(c), 0), uint16(h.until))
}

func (h *hostile) have(l node.LinkID, a *assault, from, to int) node.Effect {
	b := []byte{0x82, 0}
	for k := from; k < to; k++ {
		b = h.line(b, h.ids[h.at(a, k)], h.class)
	}
	return node.Send{Link: l, Data: b}
}

// pretend lists the stamps.
func (h *hostile) pretend(l node.LinkID) node.Effect {
	b := []byte{0x82, 0}
	for _, e := range h.stamps {
		b = h.line(b, e.ID(), envelope.Stamp)
	}
	return node.Send{Link: l, Data: b}
}

// settle lists proofs of what contacts took long enough ago.
func (h *hostile) settle(out []node.Effect, l node.LinkID, a *assault, now time.Time) []node.Effect {
	for _, k := range slices.Sorted(maps.Keys(h.given)) {
		if now.Sub(h.given[k]) >= h.prove {
			a.proofs = append(a.proofs, k)
		}
	}
	for part := range slices.Chunk(a.proofs, 128) {
		b := []byte{0x82, 0}
		for _, k := range part {
			e, err := h.proof(k)
			if err != nil {
				return out
			}
			b = h.line(b, e.ID(), envelope.Done)
		}
		out = append(out, node.Send{Link: l, Data: b})
	}
	return out
}

// bytes of what was listed under a number.
func (h *hostile) bytes(a *assault, number int) (b []byte, unit int, err error) {
	var e envelope.Envelope
	if number < len(h.stamps) {
		return h.stamps[number].Bytes(), -1, nil
	}
	if number -= len(h.stamps); number < len(a.proofs) {
		e, err = h.proof(a.proofs[number])
		return e.Bytes(), -1, err
	}
	unit = h.at(a, number-len(a.proofs))
	e, err = h.unit(unit)
	return e.Bytes(), unit, err
}

// serve answers a WANT.
func (h *hostile) serve(out []node.Effect, l node.LinkID, a *assault, b []byte, now time.Time) []node.Effect {
	for len(b) > 0 {
		number, n := binary.Uvarint(b)
		if n <= 0 {
			return out
		}
		from, m := binary.Uvarint(b[n:])
		if m <= 0 || number >= uint64(a.n+len(h.stamps)+len(a.proofs)) {
			return out
		}
		b = b[n+m:]
		raw, unit, err := h.bytes(a, int(number))
		if err != nil {
			return out
		}
		if _, before := h.given[unit]; unit >= 0 && a.contact && h.prove > 0 && !before {
			h.given[unit] = now
		}
		d := binary.AppendUvarint([]byte{0x85}, number)
		d = binary.AppendUvarint(d, from)
		if int(from) < len(raw) && len(d)+len(raw) <= exchange.MaxFrame {
			out = append(out, node.Send{Link: l, Data: append(d, raw[from:]...)})
		}
	}
	return out
}

// sealed is a unit and the key with which its reader proves delivery.
type sealed struct {
	bytes []byte
	key   ed25519.PrivateKey
}

// unitOf makes an envelope that verifies and that nobody can open.
func unitOf(rng *rand.Rand, c envelope.Class, shard uint8, expiry envelope.Day) (sealed, error) {
	seed := make([]byte, ed25519.SeedSize)
	fill(rng, seed)
	body := make([]byte, c.BodySize())
	fill(rng, body[:min(len(body), 64)])
	key := ed25519.NewKeyFromSeed(seed)
	e, err := envelope.New(c, shard, expiry, key, body)
	if err != nil {
		return sealed{}, err
	}
	return sealed{e.Bytes(), key}, nil
}

func fill(rng *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
}
