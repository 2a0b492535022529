package seal_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

type openVector struct {
	Name      string       `json:"name"`
	Expect    string       `json:"expect"`
	State     string       `json:"state,omitempty"` // names of states
	Inbox     string       `json:"inbox,omitempty"`
	Me        string       `json:"me,omitempty"`
	Expire    int64        `json:"expire,omitempty"` // tick at which keys expire first
	Now       int64        `json:"now"`
	Envelope  string       `json:"envelope"`
	Parts     []partVector `json:"parts,omitempty"`
	Proof     string       `json:"proof,omitempty"`
	Confirmed bool         `json:"confirmed,omitempty"`
	Forked    bool         `json:"forked,omitempty"`
	Session   string       `json:"session,omitempty"`
	From      string       `json:"from,omitempty"`
}

func (v openVector) with(o seal.Opened) openVector {
	v.Parts = nil
	for _, p := range o.Parts {
		v.Parts = append(v.Parts, partVector{p.Kind, hex.EncodeToString(p.Body)})
	}
	v.Proof, v.Confirmed, v.Forked = hex.EncodeToString(o.Proof), o.Confirmed, o.Forked
	return v
}

func (v openVector) equal(o openVector) bool {
	return slices.Equal(v.Parts, o.Parts) && v.Proof == o.Proof && v.Confirmed == o.Confirmed &&
		v.Forked == o.Forked && v.Session == o.Session && v.From == o.From
}

// open runs a session vector and answers what came of it.
func (v openVector) open(t *testing.T, named states) (openVector, string) {
	t.Helper()
	s, err := seal.ParseSession(unhex(t, named[v.State]))
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	if v.Expire > 0 {
		s.Expire(seal.Tick(v.Expire))
	}
	before := s.Marshal()
	o, err := s.Open(seal.Tick(v.Now), parse(t, unhex(t, v.Envelope)))
	if err != nil && !bytes.Equal(before, s.Marshal()) {
		t.Errorf("%s: an error changed the state", v.Name)
	}
	return v.with(o), classOf(err)
}

// start runs a start vector.
func (v openVector) start(t *testing.T, named states) (openVector, string) {
	t.Helper()
	i, err := seal.ParseInbox(unhex(t, named[v.Inbox]))
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	me, err := identity.ParseMe(unhex(t, named[v.Me]))
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	before := i.Marshal()
	s, from, o, err := i.Open(seal.Tick(v.Now), me, parse(t, unhex(t, v.Envelope)))
	if err != nil {
		if !bytes.Equal(before, i.Marshal()) {
			t.Errorf("%s: an error changed the inbox", v.Name)
		}
		return v, classOf(err)
	}
	id, card := s.ID(), from.ID()
	got := v.with(o)
	got.Session, got.From = hex.EncodeToString(id[:]), hex.EncodeToString(card[:])
	return got, "ok"
}

func checkOpens(t *testing.T, vs []openVector, named states, run func(openVector, *testing.T, states) (openVector, string), classes ...string) {
	t.Helper()
	seen := map[string]bool{}
	for _, v := range vs {
		seen[v.Expect] = true
		got, class := run(v, t, named)
		if !expected(v.Expect, class) {
			t.Errorf("%s: %s, want %s", v.Name, class, v.Expect)
		} else if class == "ok" && !got.equal(v) {
			t.Errorf("%s: got %+v", v.Name, got)
		}
	}
	for _, c := range classes {
		if !seen[c] {
			t.Errorf("no vector of class %s", c)
		}
	}
}

func TestSessionVectors(t *testing.T) {
	vs, named := vectors(t, "session.json", "A session's state (spec/seal.md, 11) meets an envelope: spec/seal.md, 8.", makeSessionVectors)
	checkOpens(t, vs, named, openVector.open, "ok", "malformed", "wrong key", "replayed", "expired", "not ours", "update")
}

func TestStartVectors(t *testing.T) {
	vs, named := vectors(t, "start.json", "An inbox's state (spec/seal.md, 11) meets a Start: spec/seal.md, 4.4.", makeStartVectors)
	checkOpens(t, vs, named, openVector.start, "ok", "malformed", "wrong key", "replayed", "not ours")
}

// sessionMaker collects vectors that sb reads.
type sessionMaker struct {
	t     *testing.T
	vs    []openVector
	named states
}

func (m *sessionMaker) add(name, expect string, s *seal.Session, now int64, raw []byte) {
	m.t.Helper()
	v := openVector{Name: name, Expect: expect, State: m.named.name(s.Marshal()), Now: now, Envelope: hex.EncodeToString(raw)}
	m.put(v)
}

func (m *sessionMaker) put(v openVector) {
	m.t.Helper()
	got, class := v.open(m.t, m.named)
	if !expected(v.Expect, class) {
		m.t.Fatalf("%s: %s, want %s", v.Name, class, v.Expect)
	}
	if class == "ok" {
		v = got
	}
	m.vs = append(m.vs, v)
}

func makeSessionVectors(t *testing.T) ([]openVector, states) {
	m := &sessionMaker{t: t, named: states{}}
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := begin(t, a, b, 0, false)
	// The first reply, and the first letter after it.
	reply := mustSeal(t, sb, 10, envelope.S1, "reply").Bytes
	m.add("first reply, read by the initiator", "ok", sa, 20, reply)
	m.add("a stranger's envelope", "not ours", sb, 20, reply)
	mustOpen(t, sa, 20, reply, "reply")
	m.add("the reply again", "replayed", sa, 20, reply)
	first := mustSeal(t, sa, 30, envelope.S1, "after the start").Bytes
	m.add("first letter after the start", "ok", sb, 40, first)
	m.add("altered shard", "wrong key", sb, 40, flipped(first, 1))
	m.add("altered expiry", "wrong key", sb, 40, flipped(first, 2))
	m.add("altered signature", "wrong key", sb, 40, flipped(first, 50))
	m.add("altered nonce", "wrong key", sb, 40, flipped(first, 100))
	m.add("altered body", "wrong key", sb, 40, flipped(first, 700))
	m.add("altered MAC", "wrong key", sb, 40, flipped(first, 1023))
	mustOpen(t, sb, 40, first, "after the start")
	makeLateVectors(m, sa, sb)
	makeRawVectors(m, sa, sb)
	makeExchangeVectors(m, b, sa, sb)
	return m.vs, m.named
}

// makeLateVectors: overtaken letters, and such whose keys are gone.
func makeLateVectors(m *sessionMaker, sa, sb *seal.Session) {
	t := m.t
	late := mustSeal(t, sa, 50, envelope.S2, "late").Bytes
	for range 60 {
		mustSeal(t, sa, 50, envelope.S1, "never arrives")
	}
	next := mustSeal(t, sa, 50, envelope.S1, "overtakes").Bytes
	m.add("61 are missing before it", "ok", sb, 60, next)
	mustOpen(t, sb, 60, next, "overtakes")
	m.add("an overtaken letter", "ok", sb, 70, late)
	day34 := int64(34 * 86400)
	v := openVector{Name: "a second before its key goes", Expect: "ok", State: m.named.name(sb.Marshal()), Expire: 60 + day34 - 1, Now: 60 + day34, Envelope: hex.EncodeToString(late)}
	m.put(v)
	v.Name, v.Expect, v.Expire = "its key is gone", "expired", 60+day34
	m.put(v)
	mustOpen(t, sb, 70, late, "late")
	m.add("an overtaken letter again", "replayed", sb, 80, late)
	short, err := sa.SealShort(90, seal.Part{Kind: kindText, Body: []byte("short")})
	if err != nil {
		t.Fatal(err)
	}
	m.add("S0", "ok", sb, 90, short.Bytes)
	m.add("S0 with altered salt", "wrong key", sb, 90, flipped(short.Bytes, 13))
	m.add("S0 with altered tag", "not ours", sb, 90, flipped(short.Bytes, 5))
	mustOpen(t, sb, 90, short.Bytes, "short")
	m.add("S0 again", "replayed", sb, 90, short.Bytes)
	mustOpen(t, sa, 90, mustSeal(t, sb, 90, envelope.S1, "heard").Bytes, "heard")
}

// makeRawVectors: letters sealed with the right key whose plaintext is not
// what it must be.
func makeRawVectors(m *sessionMaker, sa, sb *seal.Session) {
	size := envelope.S1.BodySize() - 40
	raw := func(name, expect string, change func(l *seal.Letter), after func(b []byte)) {
		m.t.Helper()
		l := sa.NextLetter()
		l.Parts = text("raw")
		if change != nil {
			change(&l)
		}
		b, err := seal.WriteLetter(l, size)
		if err != nil {
			m.t.Fatal(err)
		}
		if after != nil {
			after(b)
		}
		m.add(name, expect, sb, 100, sa.SealRaw(where(envelope.S1), b).Bytes())
	}
	raw("written by hand", "ok", nil, nil)
	raw("no parts", "ok", func(l *seal.Letter) { l.Parts = nil }, nil)
	raw("an unknown part to be passed over", "ok", func(l *seal.Letter) { l.Ours = []seal.Part{{Kind: 0x3f, Body: []byte("new")}} }, nil)
	raw("an unknown critical part", "update", func(l *seal.Letter) { l.Ours = []seal.Part{{Kind: 0x81, Body: nil}} }, nil)
	raw("letter of version 2", "update", nil, func(b []byte) { b[0] = 2 })
	raw("own epoch too high", "malformed", func(l *seal.Letter) { l.Own = 2 }, nil)
	raw("acknowledgement of indexes below 0", "malformed", func(l *seal.Letter) { l.AckNext, l.AckBits = 3, 4 }, nil)
	raw("bits without acknowledgement", "malformed", func(l *seal.Letter) { l.AckNext, l.AckBits = 0, 1 }, nil)
	raw("count of no epoch", "malformed", func(l *seal.Letter) { l.Finals[0] = 1 }, nil)
	raw("lifetime 0", "malformed", func(l *seal.Letter) { l.Life = 0 }, nil)
	raw("lifetime 121", "malformed", func(l *seal.Letter) { l.Life = 121 }, nil)
	raw("padding that is not zero", "malformed", nil, func(b []byte) { b[len(b)-1] = 1 })
	raw("part longer than the letter", "malformed", nil, func(b []byte) { b[36] = 0xff })
	raw("part kind 0 with a body", "malformed", nil, func(b []byte) { b[34] = 0 })
	raw("parts out of order", "malformed", func(l *seal.Letter) {
		l.Ours, l.Parts = text("raw"), []seal.Part{{Kind: 0x3f, Body: nil}}
	}, nil)
	raw("one part twice", "malformed", func(l *seal.Letter) { l.Ours = []seal.Part{{Kind: 0x3f}, {Kind: 0x3f}} }, nil)
	raw("key outside a start", "malformed", func(l *seal.Letter) { l.Ours = []seal.Part{{Kind: 3, Body: make([]byte, 32)}} }, nil)
	raw("offer of a wrong size", "malformed", func(l *seal.Letter) { l.Ours = []seal.Part{{Kind: 1, Body: make([]byte, 9)}} }, nil)
	raw("acknowledges what was not sealed", "ok", func(l *seal.Letter) { l.AckNext, l.AckBits = 60, 0 }, nil)
	rawShort := func(name, expect string, change func(b []byte)) {
		m.t.Helper()
		b := make([]byte, 59)
		copy(b[4:], []byte{kindText, 3, 'r', 'a', 'w'})
		change(b)
		m.add(name, expect, sb, 100, sa.SealShortRaw([8]byte{1}, b).Bytes())
	}
	rawShort("S0 by hand", "ok", func([]byte) {})
	rawShort("S0 with unknown flag", "update", func(b []byte) { b[0] = 4 })
	rawShort("S0 padding that is not zero", "malformed", func(b []byte) { b[58] = 1 })
	rawShort("S0 length beyond its size", "malformed", func(b []byte) { b[5] = 54 })
	rawShort("S0 acknowledgement without flag", "malformed", func(b []byte) { b[3] = 1 })
	rawShort("S0 flag without acknowledgement", "malformed", func(b []byte) { b[0] = 2 })
	rawShort("S0 with a part of this specification", "malformed", func(b []byte) { b[4] = 1 })
}

// makeExchangeVectors: an offer, its answer, the new epoch, a restart card.
func makeExchangeVectors(m *sessionMaker, b *person, sa, sb *seal.Session) {
	t, now := m.t, int64(90_000)
	tick := seal.Tick(now)
	mustOpen(t, sb, tick, mustSeal(t, sa, tick, envelope.S1, "alive").Bytes, "alive")
	b.renew(t)
	if err := sb.HandOver(b.card); err != nil {
		t.Fatal(err)
	}
	offer := mustSeal(t, sa, tick, envelope.S2, "with an offer").Bytes
	m.add("an offer", "ok", sb, now, offer)
	mustOpen(t, sb, tick, offer, "with an offer")
	before := reload(t, sb)
	answer := mustSeal(t, sb, tick, envelope.S2, "with an answer").Bytes
	m.add("an answer", "ok", sa, now, answer)
	card := mustSeal(t, sb, tick, envelope.S3, "with answer and card").Bytes
	m.add("an answer and a card", "ok", sa, now, card)
	mustOpen(t, sa, tick, answer, "with an answer")
	mustOpen(t, sa, tick, card, "with answer and card")
	first := mustSeal(t, sa, tick, envelope.S1, "in epoch 1").Bytes
	m.add("first letter of an epoch", "ok", sb, now, first)
	m.add("first letter of an epoch, again at its beginning", "ok", before, now, first)
}

func makeStartVectors(t *testing.T) (vs []openVector, named states) {
	named = states{}
	for _, short := range []bool{false, true} {
		form := map[bool]string{false: "full card: ", true: "short card: "}[short]
		a, b := newPerson(t, "A"), newPerson(t, "B")
		card := b.card.Card()
		if short {
			card = card.Short()
		}
		sa, err := seal.Start(0, a.me, a.card, card, b.card.Key())
		if err != nil {
			t.Fatal(err)
		}
		add := func(name, expect string, raw []byte) {
			t.Helper()
			v := openVector{
				Name: form + name, Expect: expect, Inbox: named.name(b.inbox.Marshal()),
				Me: named.name(b.me.Marshal()), Now: 5, Envelope: hex.EncodeToString(raw),
			}
			got, class := v.start(t, named)
			if !expected(expect, class) {
				t.Fatalf("%s: %s, want %s", v.Name, class, expect)
			}
			if class == "ok" {
				v = got
			}
			vs = append(vs, v)
		}
		one, two := mustSeal(t, sa, 0, envelope.S2, "one").Bytes, mustSeal(t, sa, 0, envelope.S2, "two").Bytes
		add("a start", "ok", one)
		add("altered header", "wrong key", flipped(one, 1))
		add("altered signature", "wrong key", flipped(one, 36))
		add("altered encapsulated key", "wrong key", flipped(one, 101))
		add("altered outer layer", "wrong key", flipped(one, 4095))
		add("altered key", "not ours", flipped(one, 5))
		if _, _, _, err := b.inbox.Open(5, b.me, parse(t, one)); err != nil {
			t.Fatal(err)
		}
		add("a start again", "replayed", one)
		add("a second start of the session", "ok", two)
		b.inbox.Retire()
		add("a second start after the card is erased", "ok", two)
	}
	return append(vs, smallStart(t, named, envelope.S1), smallStart(t, named, envelope.S1b)), named
}

// smallStart is an envelope below S2 in a slot, which only somebody with the card's key can
// make.
func smallStart(t *testing.T, named states, c envelope.Class) openVector {
	b := newPerson(t, "B")
	e := seal.SlotEnvelope(b.card.Key(), false, 3, where(c))
	return openVector{
		Name: fmt.Sprintf("an %v in a slot", c), Expect: "malformed", Inbox: named.name(b.inbox.Marshal()),
		Me: named.name(b.me.Marshal()), Now: 5, Envelope: hex.EncodeToString(e.Bytes()),
	}
}
