package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

func TestStartAndReply(t *testing.T) {
	for _, short := range []bool{false, true} {
		t.Run(fmt.Sprintf("short=%v", short), func(t *testing.T) {
			a, b := newPerson(t, "Айгерім"), newPerson(t, "Dana")
			sa, sb := confirmed(t, a, b, 1000, short)
			for i := range 30 {
				x, y := reload(t, sa), reload(t, sb)
				msg := fmt.Sprint("letter ", i)
				mustOpen(t, y, 1000, mustSeal(t, x, 1000, envelope.S1, msg).Bytes, msg)
				mustOpen(t, x, 1000, mustSeal(t, y, 1000, envelope.S3, msg).Bytes, msg)
				sa, sb = x, y
			}
		})
	}
}

// The QR form brings X-Wing at once: the start offers, the reply answers.
func TestShortCardExchangesAtOnce(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := begin(t, a, b, 0, true)
	if sb.Wish(0) == 0 {
		t.Fatal("the other end does not wish to answer")
	}
	mustOpen(t, sa, 0, mustSeal(t, sb, 0, envelope.S2, "reply").Bytes, "reply")
	out := mustSeal(t, sa, 0, envelope.S1, "in epoch 1")
	if out.Epoch != 1 {
		t.Fatalf("epoch %d after the first reply, want 1", out.Epoch)
	}
	mustOpen(t, sb, 0, out.Bytes, "in epoch 1")
	if back := mustSeal(t, sb, 0, envelope.S1, "too"); back.Epoch != 1 {
		t.Fatalf("the other end seals in epoch %d", back.Epoch)
	}
}

func TestRoomIsExact(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := begin(t, a, b, 0, false)
	try := func(s *seal.Session, c envelope.Class) {
		t.Helper()
		room := s.Room(c)
		if room == 0 {
			unchanged(t, s, seal.ErrTooLarge, func() error { _, err := s.Seal(0, where(c), text("")); return err })
			return
		}
		p := seal.Part{Kind: kindText, Body: make([]byte, room-seal.PartSize(seal.Part{}))}
		for i := range p.Body {
			p.Body[i] = byte(i)
		}
		out, err := s.Seal(0, where(c), []seal.Part{p})
		if err != nil {
			t.Fatalf("%v with %d bytes: %v", c, room, err)
		}
		if e := parse(t, out.Bytes); e.Class() != c || e.ID() != out.ID || e.Verify() != nil {
			t.Fatalf("%v: not the envelope that was asked for", c)
		}
		p.Body = append(p.Body, 1)
		unchanged(t, s, seal.ErrTooLarge, func() error { _, err := s.Seal(0, where(c), []seal.Part{p}); return err })
	}
	for c := envelope.S0; c <= envelope.S1b; c++ {
		try(sa, c)
		try(sb, c)
	}
	if got := sa.Room(envelope.S2); got != 1267 {
		t.Errorf("a start in S2 has room for %d bytes", got)
	}
	if got := sb.Room(envelope.S1); got != 850 {
		t.Errorf("S1 has room for %d bytes", got)
	}
	if got := sb.Room(envelope.S1b); got != 1874 {
		t.Errorf("S1b has room for %d bytes", got)
	}
	if got := sb.Room(envelope.S0); got != 183 {
		t.Errorf("S0 has room for %d bytes", got)
	}
	if sa.Room(envelope.S1) != 0 || sa.Room(envelope.S1b) != 0 || sa.Room(envelope.S0) != 0 || sa.Room(envelope.Done) != 0 {
		t.Error("a start cannot be small")
	}
}

func TestShortLetters(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	for _, n := range []int{0, 1, 53, 54, 117, 118, 179} {
		msg := strings.Repeat("ж", n)[:n]
		out, err := sa.SealShort(0, seal.Part{Kind: kindText, Body: []byte(msg)})
		if err != nil {
			t.Fatal(err)
		}
		want := 222
		if n <= 53 {
			want = 96
		} else if n <= 117 {
			want = 160
		}
		if len(out.Bytes) != want {
			t.Errorf("%d bytes of text make an S0 of %d, want %d", n, len(out.Bytes), want)
		}
		o := mustOpen(t, sb, 0, out.Bytes, msg)
		if o.Proof != nil {
			t.Error("an S0 has a proof")
		}
	}
	unchanged(t, sa, seal.ErrTooLarge, func() error {
		_, err := sa.SealShort(0, seal.Part{Kind: kindText, Body: make([]byte, 180)})
		return err
	})
	// Acknowledgements ride on S0 too: 200 letters would pass the cap.
	for i := range 200 {
		out, err := sa.SealShort(0, seal.Part{Kind: kindText, Body: []byte("x")})
		if err != nil {
			t.Fatalf("letter %d: %v", i, err)
		}
		mustOpen(t, sb, 0, out.Bytes, "x")
		if i%50 == 0 {
			back, err := sb.SealShort(0, seal.Part{Kind: kindText, Body: []byte("y")})
			if err != nil {
				t.Fatal(err)
			}
			if o := mustOpen(t, sa, 0, back.Bytes, "y"); len(o.Acked) == 0 {
				t.Fatal("an S0 acknowledges nothing")
			}
		}
	}
}

func TestWrongKeyAndSwappedHeader(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	good := mustSeal(t, sa, 0, envelope.S1, "one")
	other := mustSeal(t, sa, 0, envelope.S1, "two")
	short, err := sa.SealShort(0, seal.Part{Kind: kindText, Body: []byte("three")})
	if err != nil {
		t.Fatal(err)
	}
	open := func(raw []byte) func() error {
		return func() error { _, err := sb.Open(0, parse(t, raw)); return err }
	}
	flip := func(raw []byte, at int) []byte {
		c := bytes.Clone(raw)
		c[at] ^= 1
		return c
	}
	unchanged(t, sb, seal.ErrWrongKey, open(flip(good.Bytes, 1)))       // shard
	unchanged(t, sb, seal.ErrWrongKey, open(flip(good.Bytes, 3)))       // expiry
	unchanged(t, sb, seal.ErrUnknownTag, open(flip(good.Bytes, 4)))     // key
	unchanged(t, sb, envelope.ErrSignature, open(flip(good.Bytes, 40))) // signature
	unchanged(t, sb, seal.ErrWrongKey, open(flip(good.Bytes, 100)))     // nonce
	unchanged(t, sb, seal.ErrWrongKey, open(flip(good.Bytes, 500)))     // ciphertext
	unchanged(t, sb, seal.ErrWrongKey, open(flip(good.Bytes, 1023)))    // MAC
	unchanged(t, sb, seal.ErrWrongKey, open(flip(short.Bytes, 14)))     // salt
	unchanged(t, sb, seal.ErrWrongKey, open(flip(short.Bytes, len(short.Bytes)-1)))
	unchanged(t, sb, seal.ErrUnknownTag, open(flip(short.Bytes, 2)))
	// The header of one letter before the body of another.
	swapped := slices.Concat(other.Bytes[:100], good.Bytes[100:])
	unchanged(t, sb, seal.ErrWrongKey, open(swapped))
	// A letter of another session, and one for the other direction.
	c := newPerson(t, "C")
	b.renew(t)
	sc, _ := confirmed(t, c, b, 0, false)
	unchanged(t, sb, seal.ErrUnknownTag, open(mustSeal(t, sc, 0, envelope.S1, "x").Bytes))
	unchanged(t, sb, seal.ErrUnknownTag, open(mustSeal(t, sb, 0, envelope.S1, "x").Bytes))
	// All of that hurt nothing.
	mustOpen(t, sb, 0, short.Bytes, "three")
	mustOpen(t, sb, 0, other.Bytes, "two")
	o := mustOpen(t, sb, 0, good.Bytes, "one")
	unchanged(t, sb, seal.ErrReplay, open(good.Bytes))
	unchanged(t, sb, seal.ErrMalformed, open(o.Proof))
	sb = reload(t, sb)
	unchanged(t, sb, seal.ErrUnknownTag, open(good.Bytes))
}

func TestProofIsForCarriers(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := begin(t, a, b, 0, false)
	start := mustSeal(t, sa, 0, envelope.S2, "second start")
	_, _, o, err := b.inbox.Open(0, b.me, parse(t, start.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	check := func(proof, sealed []byte) {
		t.Helper()
		d, e := parse(t, proof), parse(t, sealed)
		if d.Class() != envelope.Done || d.Proves() != e.ID() || d.Key() != e.Key() || d.Tag() != e.Tag() || d.Verify() != nil {
			t.Fatal("the proof does not prove the envelope")
		}
	}
	check(o.Proof, start.Bytes)
	reply := mustSeal(t, sb, 0, envelope.S1, "reply")
	check(mustOpen(t, sa, 0, reply.Bytes, "reply").Proof, reply.Bytes)
}

func TestCapAndRestart(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	// B got A's card with the start; A must be given B's.
	if !sb.NeedsCard(0) || sa.NeedsCard(0) {
		t.Fatal("the wrong end needs a card")
	}
	b.renew(t)
	if err := sb.HandOver(b.card); err != nil {
		t.Fatal(err)
	}
	sb = reload(t, sb)
	if sb.Wish(0) == 0 || sb.NeedsCard(0) {
		t.Fatal("the card does not ask for room")
	}
	mustOpen(t, sa, 0, mustSeal(t, sb, 0, envelope.S1, "no room").Bytes, "no room")
	carrier := mustSeal(t, sb, 0, envelope.S2, "with card")
	o := mustOpen(t, sa, 0, carrier.Bytes, "with card")
	if o.RestartCard == nil || o.RestartCard.Card.ID() != b.card.Card().ID() || o.RestartCard.Key != b.card.Key() {
		t.Fatal("the card did not arrive")
	}
	mustOpen(t, sb, 0, mustSeal(t, sa, 0, envelope.S1, "thanks").Bytes, "thanks")
	if sb.Wish(0) != 0 || sb.NeedsCard(0) {
		t.Fatal("an acknowledged card travels on")
	}
	if !sb.NeedsCard(31 * 86400) {
		t.Fatal("a card is not renewed")
	}

	// One-way traffic: at the cap the session is full, the card opens another.
	sealed := 0
	for ; sa.CanSeal(0) == nil; sealed++ {
		mustSeal(t, sa, 0, envelope.S1, "lost")
	}
	if sealed < 90 || sealed > 96 {
		t.Fatalf("%d letters before the cap", sealed)
	}
	unchanged(t, sa, seal.ErrCap, func() error { _, err := sa.Seal(0, where(envelope.S1), text("x")); return err })
	a.renew(t)
	again, err := seal.Start(0, a.me, a.card, o.RestartCard.Card, o.RestartCard.Key)
	if err != nil {
		t.Fatal(err)
	}
	first := mustSeal(t, again, 0, envelope.S2, "again")
	sb2, from, o2, err := b.inbox.Open(0, b.me, parse(t, first.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	checkText(t, o2, "again")
	if from.ID() != a.card.Card().ID() || o2.RestartCard.Key != a.card.Key() {
		t.Fatal("the start did not bring a fresh card")
	}
	if sb2.ID() == sb.ID() || sb2.Peer() != sb.Peer() {
		t.Fatal("a restart is a new session with the same person")
	}
}

// An answer opens the cap again, even if the letters were lost.
func TestOneWayTrafficUpToTheCap(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	var last seal.Sealed
	for round := range 5 {
		for sa.CanSeal(0) == nil {
			last = mustSeal(t, sa, 0, envelope.S1, "only the last arrives")
		}
		mustOpen(t, sb, 0, last.Bytes, "only the last arrives")
		o := mustOpen(t, sa, 0, mustSeal(t, sb, 0, envelope.S1, "heard").Bytes, "heard")
		if len(o.Acked) != 1 || o.Acked[0] != (seal.Acked{Epoch: last.Epoch, Index: last.Index}) {
			t.Fatalf("round %d: acknowledged %v, want only %v", round, o.Acked, last.Index)
		}
	}
}

func TestStartSlots(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, err := seal.Start(0, a.me, a.card, b.card.Card(), b.card.Key())
	if err != nil {
		t.Fatal(err)
	}
	var raws [][]byte
	seen := map[envelope.Tag]bool{}
	for sa.CanSeal(0) == nil {
		sa = reload(t, sa)
		out := mustSeal(t, sa, 0, envelope.S2, fmt.Sprint(len(raws)))
		e := parse(t, out.Bytes)
		if seen[e.Tag()] {
			t.Fatal("a slot was used twice")
		}
		seen[e.Tag()] = true
		raws = append(raws, out.Bytes)
	}
	if len(raws) != 64 {
		t.Fatalf("%d starts, want 64", len(raws))
	}
	unchanged(t, sa, seal.ErrCap, func() error { _, err := sa.Seal(0, where(envelope.S2), text("x")); return err })

	// All open, in any order, in one session, each once, also after the
	// card's secrets are gone.
	var sb *seal.Session
	for n := len(raws) - 1; n >= 0; n-- {
		if n == 40 {
			b.inbox.Retire()
			if len(b.inbox.Tags()) != 41 {
				t.Fatalf("%d slots left, want 41", len(b.inbox.Tags()))
			}
		}
		inbox, err := seal.ParseInbox(b.inbox.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		s, from, o, err := inbox.Open(0, b.me, parse(t, raws[n]))
		if err != nil {
			t.Fatalf("start %d: %v", n, err)
		}
		checkText(t, o, fmt.Sprint(n))
		if from.ID() != a.card.Card().ID() {
			t.Fatal("wrong card")
		}
		if sb == nil {
			sb = s
		} else if s.ID() != sb.ID() || s.Peer() != sb.Peer() || !errors.Is(s.CanSeal(0), seal.ErrEnded) || len(s.Tags()) != 0 {
			t.Fatal("a further start is not of the same session")
		}
		reload(t, s)
		before := inbox.Marshal()
		if _, _, _, err := inbox.Open(0, b.me, parse(t, raws[n])); !errors.Is(err, seal.ErrReplay) {
			t.Fatalf("a start opened twice: %v", err)
		}
		if !bytes.Equal(before, inbox.Marshal()) {
			t.Fatal("a replay changed the inbox")
		}
		b.inbox = inbox
	}
	mustOpen(t, sa, 0, mustSeal(t, sb, 0, envelope.S1, "all here").Bytes, "all here")
	if sa.Starting() {
		t.Fatal("still starting after a reply")
	}
}

func TestRetiredCardStartsNothing(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	begin(t, a, b, 0, false)
	c := newPerson(t, "C")
	sc, err := seal.Start(0, c.me, c.card, b.card.Card(), b.card.Key())
	if err != nil {
		t.Fatal(err)
	}
	out := mustSeal(t, sc, 0, envelope.S2, "late")
	b.inbox.Retire()
	_, _, _, err = b.inbox.Open(0, b.me, parse(t, out.Bytes))
	// C may have taken the slot that A used: then it is called opened before.
	if !errors.Is(err, seal.ErrCard) && !errors.Is(err, seal.ErrUnknownTag) && !errors.Is(err, seal.ErrReplay) {
		t.Fatalf("a retired card started a session: %v", err)
	}
}

func TestSimultaneousStarts(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	x, err := seal.Start(0, a.me, a.card, b.card.Card(), b.card.Key())
	if err != nil {
		t.Fatal(err)
	}
	y, err := seal.Start(0, b.me, b.card, a.card.Card(), a.card.Key())
	if err != nil {
		t.Fatal(err)
	}
	fromA, fromB := mustSeal(t, x, 0, envelope.S2, "from A"), mustSeal(t, y, 0, envelope.S2, "from B")
	xb, _, o, err := b.inbox.Open(0, b.me, parse(t, fromA.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	checkText(t, o, "from A")
	ya, _, o, err := a.inbox.Open(0, a.me, parse(t, fromB.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	checkText(t, o, "from B")
	if x.Ranks(ya) != xb.Ranks(y) || x.Ranks(ya) == ya.Ranks(x) || x.Ranks(x) {
		t.Fatal("the two ends prefer different sessions")
	}
	// Both live.
	mustOpen(t, x, 0, mustSeal(t, xb, 0, envelope.S1, "1").Bytes, "1")
	mustOpen(t, y, 0, mustSeal(t, ya, 0, envelope.S1, "2").Bytes, "2")
	mustOpen(t, xb, 0, mustSeal(t, x, 0, envelope.S1, "3").Bytes, "3")
	mustOpen(t, ya, 0, mustSeal(t, y, 0, envelope.S1, "4").Bytes, "4")
}

func TestUnfitStarts(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	start := func(c identity.Card, k [32]byte) error {
		_, err := seal.Start(0, a.me, a.card, c, k)
		return err
	}
	if err := start(a.card.Card(), a.card.Key()); !errors.Is(err, seal.ErrOwnCard) {
		t.Errorf("own card: %v", err)
	}
	if err := start(identity.Card{}, b.card.Key()); !errors.Is(err, seal.ErrCard) {
		t.Errorf("no card: %v", err)
	}
	if err := start(b.card.Card(), [32]byte{}); !errors.Is(err, seal.ErrCard) {
		t.Errorf("no key: %v", err)
	}
	if _, err := seal.Start(0, a.me, b.card, b.card.Card(), b.card.Key()); !errors.Is(err, seal.ErrCard) {
		t.Errorf("another's card as one's own: %v", err)
	}
	// Points of low order give an all-zero secret: both keys of a QR form.
	weak := b.card.Card().Short().Bytes()
	clear(weak[34:66]) // long-term key
	c, err := identity.ParseCard(weak)
	if err != nil {
		t.Fatal(err)
	}
	if err := start(c, b.card.Key()); !errors.Is(err, seal.ErrCard) || !errors.Is(err, identity.ErrWeakKey) {
		t.Errorf("weak long-term key: %v", err)
	}
	weak = b.card.Card().Short().Bytes()
	clear(weak[82:114]) // prekey
	if c, err = identity.ParseCard(weak); err != nil {
		t.Fatal(err)
	}
	if err := start(c, b.card.Key()); !errors.Is(err, seal.ErrCard) {
		t.Errorf("weak prekey: %v", err)
	}
}

func TestTagsChanged(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	known := map[envelope.Tag]bool{}
	apply := func(s *seal.Session) {
		added, removed := s.TagsChanged()
		for _, x := range added {
			known[x] = true
		}
		for _, x := range removed {
			if !known[x] {
				t.Fatal("a tag went that never came")
			}
			delete(known, x)
		}
		want := s.Tags()
		if len(want) != len(known) {
			t.Fatalf("%d tags followed, %d there", len(known), len(want))
		}
		for _, x := range want {
			if !known[x] {
				t.Fatal("a tag was not announced")
			}
		}
	}
	apply(sb)
	now := seal.Tick(0)
	for i := range 300 {
		now += 3600
		out := mustSeal(t, sa, now, envelope.S2, "x")
		if i%3 != 0 {
			mustOpen(t, sb, now, out.Bytes, "x")
		}
		back := mustSeal(t, sb, now, envelope.S2, "y")
		if i%4 != 0 {
			mustOpen(t, sa, now, back.Bytes, "y")
		}
		if i%50 == 49 {
			sb.Expire(now)
		}
		apply(sb)
		if i%20 == 19 {
			sb = reload(t, sb)
		}
	}
	if mustSeal(t, sa, now, envelope.S1, "x").Epoch < 5 {
		t.Fatal("the epochs stand still")
	}
}

// One card, two people: two sessions.
func TestOneCardForTwo(t *testing.T) {
	a, b, c := newPerson(t, "A"), newPerson(t, "B"), newPerson(t, "C")
	_, sb := begin(t, a, b, 0, false)
	sc, err := seal.Start(0, c.me, c.card, b.card.Card(), b.card.Key())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first may fall into the slot that A took
		s, from, _, err := b.inbox.Open(0, b.me, parse(t, mustSeal(t, sc, 0, envelope.S2, "hi").Bytes))
		if errors.Is(err, seal.ErrReplay) {
			continue
		}
		if err != nil || from.Public() != c.me.Public() || s.ID() == sb.ID() {
			t.Fatalf("the second person's start: %v", err)
		}
		return
	}
	t.Fatal("two letters fell into one slot")
}

func TestRedacted(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, _ := begin(t, a, b, 0, false)
	state := fmt.Sprintf("%x", sa.Marshal())
	for _, v := range []any{a.me, a.card, a.card.Prekey(), a.card.KEM(), *a.card.Prekey(), sa, a.inbox, a.card.Invite()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%d"} {
			got := fmt.Sprintf(verb, v)
			if len(got) > 64 || strings.Contains(state, got) {
				t.Errorf("%T prints %q with %s", v, got, verb)
			}
		}
	}
}
