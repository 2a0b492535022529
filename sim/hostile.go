package sim

import (
	"crypto/ed25519"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/node"
)

// hostile is a device that only gives junk: units that verify and that nobody
// can open. To contacts it says that all of it is near, and what it can of it
// its own. It takes nothing and carries nothing.
type hostile struct {
	rng   *rand.Rand
	units [][]byte
	ids   []envelope.ID
	links map[node.LinkID]*assault
	most  int // units offered in a meeting
}

// assault is one meeting: where in its units it began, and what it offers.
type assault struct{ first, n int }

func newHostile(rng *rand.Rand, junk, most int, c envelope.Class, expiry envelope.Day) (*hostile, error) {
	h := &hostile{rng: rng, links: map[node.LinkID]*assault{}, most: min(most, junk)}
	for range junk {
		raw, err := unitOf(rng, c, 0, expiry)
		if err != nil {
			return nil, err
		}
		h.units = append(h.units, raw.bytes)
		h.ids = append(h.ids, envelope.IDOf(raw.bytes))
	}
	return h, nil
}

func (h *hostile) Next() (at time.Time) { return at }

// Step speaks spec/exchange.md as far as giving needs it.
func (h *hostile) Step(_ time.Time, evs ...node.Event) (out []node.Effect) {
	for _, ev := range evs {
		switch ev := ev.(type) {
		case node.Up:
			a := &assault{n: h.most}
			if len(h.units) > 0 {
				a.first = h.rng.IntN(len(h.units))
			}
			h.links[ev.Link] = a
			// A window of 64: it does not care what the far end has.
			out = append(out, node.Send{Link: ev.Link, Data: []byte{0x81, 1, 0, 0, 64, 0}})
			if ev.Peer.Key != "" {
				out = append(out, h.note(ev.Link, a, 2, 0, 20), h.note(ev.Link, a, 1, 20, a.n))
			}
			for at := 0; at < a.n; at += 128 {
				out = append(out, h.have(ev.Link, a, at, min(at+128, a.n)))
			}
		case node.Down:
			delete(h.links, ev.Link)
		case node.Frame:
			if a := h.links[ev.Link]; a != nil && ev.Data[0] == 0x84 {
				out = h.serve(out, ev.Link, a, ev.Data[1:])
			}
		}
	}
	return out
}

func (h *hostile) at(a *assault, number int) int { return (a.first + number) % len(h.units) }

func (h *hostile) note(l node.LinkID, a *assault, label byte, from, to int) node.Effect {
	b := []byte{0x04, label}
	for k := from; k < min(to, a.n); k++ {
		b = append(b, h.ids[h.at(a, k)][:]...)
	}
	return node.Send{Link: l, Data: b}
}

func (h *hostile) have(l node.LinkID, a *assault, from, to int) node.Effect {
	b := []byte{0x82, 0}
	for k := from; k < to; k++ {
		i := h.at(a, k)
		b = append(b, h.ids[i][:]...)
		e, _ := envelope.Parse(h.units[i])
		b = binary.BigEndian.AppendUint16(append(b, byte(e.Class()), e.Shard()), uint16(e.Expiry()))
	}
	return node.Send{Link: l, Data: b}
}

// serve answers a WANT.
func (h *hostile) serve(out []node.Effect, l node.LinkID, a *assault, b []byte) []node.Effect {
	for len(b) > 0 {
		number, n := binary.Uvarint(b)
		if n <= 0 {
			return out
		}
		from, m := binary.Uvarint(b[n:])
		if m <= 0 || number >= uint64(a.n) {
			return out
		}
		b = b[n+m:]
		raw := h.units[h.at(a, int(number))]
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
