package seal

import (
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
)

// Marshal writes the whole state, secrets included, for a sealed record:
// about 8 kB, and 4 kB more for each session that started here.
func (i *Inbox) Marshal() []byte {
	w := &writer{b: make([]byte, 0, 12<<10)}
	w.u8(stateVersion)
	w.flags(i.retired)
	w.bytes(i.card.Bytes())
	if !i.retired {
		spk, kem := i.spk.Bytes(), i.kem.Bytes()
		w.bytes(spk)
		w.bytes(kem)
		w.bytes(i.salt[:])
		clear(spk)
		clear(kem)
	}
	w.u16(uint16(len(i.slots)))
	for n := range i.slots {
		u := &i.slots[n]
		w.flags(u.short)
		w.u8(u.n)
		w.bytes(u.seed[:])
		w.bytes(u.tag[:])
	}
	w.u16(uint16(len(i.begun)))
	for _, b := range i.begun {
		w.flags(b.short)
		w.bytes(b.transcript[:])
		w.bytes(b.enc[:])
		w.bytes(b.peer.Sig[:])
		w.bytes(b.peer.DH[:])
		w.u16(uint16(len(b.slots)))
		for n := range b.slots {
			w.u8(b.slots[n].n)
			w.bytes(b.slots[n].outer[:])
			w.bytes(b.slots[n].inner[:])
		}
	}
	return w.b
}

// ParseInbox reads what Marshal wrote, and nothing else: ErrState.
func ParseInbox(b []byte) (*Inbox, error) {
	r := &reader{b: b}
	if r.u8() != stateVersion {
		r.fail("version")
	}
	i := &Inbox{retired: r.flags(1)[0]}
	var err error
	if i.card, err = identity.ParseCard(r.take(identity.CardSize)); err != nil {
		r.fail("card")
	}
	if !i.retired {
		i.spk = identity.DHSecretOf(r.key())
		i.kem = identity.KEMSecretOf(r.key())
		i.salt = r.key()
	}
	last := -1
	for n := r.count(2*startSlots, 50); n > 0; n-- {
		u := watched{short: r.flags(1)[0], n: r.u8(), seed: r.key(), tag: envelope.Tag(r.take(16))}
		at := int(form(u.short))<<8 | int(u.n)
		if u.n >= startSlots || at <= last {
			r.fail("slot")
		}
		last = at
		i.slots = append(i.slots, u)
	}
	for n := r.count(maxBegun, 131); n > 0; n-- {
		i.begun = append(i.begun, readBegun(r))
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return i, nil
}

func readBegun(r *reader) *begun {
	b := &begun{short: r.flags(1)[0], transcript: r.key(), enc: r.key()}
	b.peer = identity.Public{Sig: identity.SigPublic(r.key()), DH: identity.DHPublic(r.key())}
	last := -1
	for n := r.count(startSlots, 65); n > 0; n-- {
		s := slot{n: r.u8(), outer: r.key(), inner: r.key()}
		if int(s.n) <= last || s.n >= startSlots {
			r.fail("slot")
		}
		last = int(s.n)
		b.slots = append(b.slots, s)
	}
	return b
}
