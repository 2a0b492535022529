package seal

import (
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
)

// Version 2 adds the meeting key of the epoch before own.
const (
	stateVersion = 1
	stateWithMet = 2
)

// Marshal writes the whole state, secrets included, for a sealed record. The
// keys of the window are not written: they follow from the chain. Typical
// sizes: 0.6 kB quiet, 20 kB with 400 missing letters, 9 kB while starting.
func (s *Session) Marshal() []byte {
	w := &writer{b: make([]byte, 0, 1024)}
	if s.met == (key{}) {
		w.u8(stateVersion)
	} else {
		w.u8(stateWithMet)
	}
	w.flags(s.initiator, s.short, s.confirmed, s.ended, s.start != nil)
	w.bytes(s.transcript[:])
	w.bytes(s.peer.Sig[:])
	w.bytes(s.peer.DH[:])
	if s.ended {
		return w.b
	}
	w.bytes(s.root[:])
	w.u16(s.own)
	w.u16(s.peerOwn)
	w.tick(s.since)
	w.u8(s.life)
	w.u8(s.peerLife)
	w.bytes(s.heardKey[:])
	w.bytes(s.heardEnc[:])
	w.ack(s.acked)
	w.ack(s.got)
	w.tick(s.cardGiven)
	w.flags(s.send.after != nil, s.offer != nil, s.answer != nil, s.card != nil)
	s.send.write(w)
	if s.offer != nil {
		b := s.offer.secret.Bytes()
		w.bytes(b)
		clear(b)
		w.bytes(s.offer.public[:])
		w.tick(s.offer.at)
	}
	if s.answer != nil {
		w.bytes(s.answer.body)
		w.tick(s.answer.at)
	}
	if s.card != nil {
		s.card.write(w)
	}
	if s.start != nil {
		s.start.write(w)
	}
	w.u16(uint16(len(s.recv)))
	for _, r := range s.recv {
		r.write(w)
	}
	if s.met != (key{}) {
		w.bytes(s.met[:])
	}
	return w.b
}

// ParseSession reads what Marshal wrote, and nothing else: ErrState. The
// window is derived when tags are first asked for or a letter is opened.
func ParseSession(b []byte) (*Session, error) {
	r := &reader{b: b}
	version := r.u8()
	if version != stateVersion && version != stateWithMet {
		r.fail("version")
	}
	f := r.flags(5)
	s := &Session{initiator: f[0], short: f[1], confirmed: f[2], ended: f[3]}
	s.transcript = r.key()
	s.peer = identity.Public{Sig: identity.SigPublic(r.key()), DH: identity.DHPublic(r.key())}
	if s.ended {
		if s.initiator || s.short || s.confirmed || f[4] || version != stateVersion {
			r.fail("flags")
		}
		return s, r.end()
	}
	if f[4] != (s.initiator && !s.confirmed) {
		r.fail("flags")
	}
	s.root = r.key()
	s.own, s.peerOwn = r.u16(), r.u16()
	s.since = r.tick()
	s.life, s.peerLife = r.u8(), r.u8()
	s.heardKey, s.heardEnc = r.check(), r.check()
	s.acked, s.got = r.ack(), r.ack()
	s.cardGiven = r.tick()
	more := r.flags(4)
	s.send.read(r, more[0])
	if more[1] {
		s.offer = &offer{epoch: s.own + 1, secret: identity.KEMSecretOf(r.key())}
		copy(s.offer.public[:], r.take(len(s.offer.public)))
		s.offer.at = r.tick()
	}
	if more[2] {
		s.answer = &answer{body: r.copied(answerSize)}
		s.answer.at = r.tick()
	}
	if more[3] {
		s.card = readHandover(r)
	}
	if f[4] {
		s.start = readStarting(r, s.short)
	}
	for n := r.count(maxMissing+8, 7); n > 0 && r.err == nil; n-- {
		s.recv = append(s.recv, readReceiving(r))
	}
	if version == stateWithMet {
		if s.met = r.key(); s.met == (key{}) || s.own == 0 {
			r.fail("meeting key")
		}
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if !s.consistent() {
		return nil, ErrState
	}
	return s, nil
}

// consistent checks what the fields say about each other.
func (s *Session) consistent() bool {
	ok := s.life >= 1 && s.life <= envelope.MaxLifetime &&
		s.peerLife >= 1 && s.peerLife <= envelope.MaxLifetime &&
		s.peerOwn <= s.own && (s.send.after != nil) == (s.own != s.send.epoch) &&
		(s.own == s.send.epoch || s.own == s.send.epoch+1 && s.send.epoch < 1<<16-1) &&
		(s.offer == nil || s.own < 1<<16-1 && s.offers(s.own+1)) &&
		s.acked.epoch <= s.send.epoch && s.got.epoch <= s.own
	missing := 0
	for i, r := range s.recv {
		ok = ok && r.epoch <= s.own && (i == 0 || s.recv[i-1].epoch < r.epoch)
		missing += len(r.missing)
	}
	return ok && missing <= maxMissing
}

func (c *sending) write(w *writer) {
	w.u16(c.epoch)
	w.u32(c.next)
	w.bytes(c.ck[:])
	for _, n := range c.counts {
		w.u32(n)
	}
	if c.after != nil {
		w.bytes(c.after[:])
	}
}

func (c *sending) read(r *reader, after bool) {
	c.epoch, c.next, c.ck = r.u16(), r.u32(), r.key()
	for i := range c.counts {
		c.counts[i] = r.u32()
		if c.counts[i] != 0 && i >= int(c.epoch) {
			r.fail("final count")
		}
	}
	if after {
		k := r.key()
		c.after = &k
	}
}

func (h *handover) write(w *writer) {
	w.bytes(h.body)
	w.tick(h.at)
	w.u16(uint16(len(h.in)))
	for _, a := range h.in {
		w.u32(a.Epoch)
		w.u32(a.Index)
	}
}

func readHandover(r *reader) *handover {
	h := &handover{body: r.copied(cardSize)}
	h.at = r.tick()
	for n := r.count(maxHandover, 8); n > 0; n-- {
		h.in = append(h.in, Acked{r.u32(), r.u32()})
	}
	return h
}

func (st *starting) write(w *writer) {
	w.bytes(st.enc)
	w.bytes(st.ek[:])
	w.bytes(st.card.Bytes())
	w.bytes(st.key[:])
	w.u16(uint16(len(st.slots)))
	for i := range st.slots {
		sl := &st.slots[i]
		w.u8(sl.n)
		w.bytes(sl.seed[:])
		w.bytes(sl.outer[:])
		w.bytes(sl.inner[:])
	}
}

func readStarting(r *reader, short bool) *starting {
	st := &starting{enc: r.copied(encSizeOf(short))}
	st.ek = identity.DHPublic(r.key())
	var err error
	if st.card, err = identity.ParseCard(r.take(identity.CardSize)); err != nil {
		r.fail("card")
	}
	st.key = r.key()
	last := -1
	for n := r.count(startSlots, 97); n > 0; n-- {
		sl := slot{n: r.u8(), seed: r.key(), outer: r.key(), inner: r.key()}
		if int(sl.n) <= last || sl.n >= startSlots {
			r.fail("slot")
		}
		last = int(sl.n)
		st.slots = append(st.slots, sl)
	}
	return st
}

func (c *receiving) write(w *writer) {
	w.u16(c.epoch)
	w.flags(c.closed)
	w.u32(c.base)
	if !c.closed {
		w.bytes(c.ck[:])
	}
	w.u16(uint16(len(c.missing)))
	for i := range c.missing {
		m := &c.missing[i]
		w.u32(m.index)
		w.tick(m.passed)
		w.bytes(m.seed[:])
	}
}

func readReceiving(r *reader) *receiving {
	c := &receiving{epoch: r.u16(), closed: r.flags(1)[0], base: r.u32()}
	if !c.closed {
		c.ck = r.key()
	}
	last := int64(-1)
	for n := r.count(maxMissing, 44); n > 0; n-- {
		m := missed{index: r.u32(), passed: r.tick(), seed: r.key()}
		if int64(m.index) <= last || m.index >= c.base {
			r.fail("missing letter")
		}
		last = int64(m.index)
		c.missing = append(c.missing, m)
	}
	if c.closed && len(c.missing) == 0 {
		r.fail("empty epoch")
	}
	return c
}
