package inbox

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/seal"
)

var noon = account.Moment{Wall: time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC), Tick: 5000, Day: 1468}

func later(days int) account.Moment {
	return account.Moment{Wall: noon.Wall.AddDate(0, 0, days), Tick: noon.Tick + seal.Tick(days)*86400, Day: noon.Day + envelope.Day(days)}
}

func opened1(t testing.TB, v account.Vault) *Inboxes {
	t.Helper()
	x, err := Open(v, rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func content(t testing.TB, x *Inboxes, id ID) []byte {
	t.Helper()
	c, _, err := x.Content(id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func noise(n int) []byte {
	b := make([]byte, n)
	crand.Read(b)
	return b
}

// TestWay: a writer seals a report of several sizes, the pieces arrive in any
// order with restarts between, and the proofs tell the writer.
func TestWay(t *testing.T) {
	for _, size := range []int{1, firstRoom, firstRoom + 1, 5000, 300_000, 600_000} {
		dv, wv := account.NewMemVault(), account.NewMemVault()
		desk, writer := opened1(t, dv), opened1(t, wv)
		card, err := desk.Create(noon, "Newsroom")
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{card.Link(), card.QRText(), " " + card.Link()[:40] + "\n" + card.Link()[40:]} {
			if again, err := ParseCard(text); err != nil || again.ID() != card.ID() {
				t.Fatal(err)
			}
		}
		body := noise(size)
		s, err := writer.Send(noon, card, Post{Kind: Report, Content: body, Forget: 2, Files: []string{"/a"}})
		if err != nil {
			t.Fatal(err)
		}
		units, err := writer.Outbox()
		if err != nil || len(units) != s.Pieces {
			t.Fatal(len(units), err)
		}
		// Whoever has the writer's vault and the card reads nothing.
		for _, u := range units {
			if k, err := writer.Take(noon, u); err != nil || k.Used {
				t.Fatal("the writer's device opens it", err)
			}
		}
		rand.Shuffle(len(units), func(i, j int) { units[i], units[j] = units[j], units[i] })
		var got ID
		for round := 0; got == (ID{}) && round < 3; round++ { // pieces that came before the head come again
			for _, u := range units {
				desk = opened1(t, dv)
				e, _ := envelope.Parse(u)
				if !desk.Wants(e.Class(), e.Shard(), e.Tag()) {
					continue
				}
				k, err := desk.Take(noon, u)
				if err != nil {
					t.Fatal(err)
				}
				if k.Whole != (ID{}) {
					got = k.Whole
				}
			}
		}
		if !bytes.Equal(content(t, desk, got), body) {
			t.Fatalf("%d bytes: another content", size)
		}
		if list, _ := desk.Proofs(noon, false); len(list) == len(units) {
			t.Error("all proofs are due at once")
		}
		proofs, err := desk.Proofs(later(1), false)
		if err != nil || len(proofs) != len(units) {
			t.Fatal(len(proofs), err)
		}
		writer = opened1(t, wv)
		for i, p := range proofs {
			if i == 0 {
				forged := forge(t, p)
				if fresh, _ := writer.Proven(forged); fresh {
					t.Error("a stranger's proof counts")
				}
			}
			if fresh, err := writer.Proven(p); err != nil || !fresh {
				t.Error("a proof tells nothing", err)
			}
		}
		if ripe := writer.Ripe(); len(ripe) != 1 || !ripe[0].Arrived || ripe[0].Files[0] != "/a" {
			t.Fatalf("%+v", ripe)
		}
		if err := errors.Join(desk.Proved(proofs...), writer.Forget(s.ID), desk.Delete(got)); err != nil {
			t.Fatal(err)
		}
		if list, _ := desk.Proofs(later(1), true); len(list) != 0 {
			t.Error("proofs come again")
		}
		for _, u := range units {
			if k, err := desk.Take(noon, u); err != nil || k.Used {
				t.Error("a deleted message comes back", err)
			}
		}
		if desk.bytes != 0 {
			t.Errorf("%d bytes are counted for nothing", desk.bytes)
		}
	}
}

// forge makes a proof for the same envelope with a key of one's own.
func forge(t *testing.T, proof []byte) []byte {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := append([]byte(nil), proof...)
	copy(raw[20:], pub)
	copy(raw[52:], ed25519.Sign(key, append([]byte("jauap/1 done"), raw[:52]...)))
	return raw
}

// TestSeizedDesk: the secret of a week is erased 32 days after it, a letter
// of it is then counted and not read, and the last week stays.
func TestSeizedDesk(t *testing.T) {
	v := account.NewMemVault()
	desk := opened1(t, v)
	card, _ := desk.Create(noon, "Lawyer")
	old, err := card.Seal(Letter, []byte("in January"), noon.Day, 0)
	if err != nil {
		t.Fatal(err)
	}
	fresh, _ := card.Seal(Letter, []byte("in March"), later(60).Day, 2)
	if n, err := desk.Tend(later(30)); n != 0 || err != nil {
		t.Fatal("erased too early", n, err)
	}
	stolen := opened1(t, v.Clone())
	if n, err := desk.Tend(later(60)); err != nil || n < 2 || n > 4 {
		t.Fatal(n, err)
	}
	desk = opened1(t, v)
	if k, err := desk.Take(later(60), old[0].Bytes()); err != nil || !k.Used || k.Whole != (ID{}) {
		t.Fatal(k, err)
	}
	if l := desk.List(); l[0].Late != 1 || l[0].Keys >= Weeks {
		t.Errorf("%+v", l[0])
	}
	if k, _ := desk.Take(later(60), old[0].Bytes()); k.Used {
		t.Error("it is counted twice")
	}
	if k, _ := desk.Take(later(60), fresh[0].Bytes()); k.Whole == (ID{}) {
		t.Error("a newer letter is not read")
	}
	if k, _ := stolen.Take(later(30), old[0].Bytes()); k.Whole == (ID{}) {
		t.Error("before that, it can be read")
	}
	for range 3 {
		if _, err := desk.Tend(later(5000)); err != nil {
			t.Fatal(err)
		}
	}
	last, _ := card.Seal(Letter, []byte("much later"), later(5000).Day, 0)
	if k, _ := desk.Take(later(5000), last[0].Bytes()); k.Whole == (ID{}) {
		t.Error("the last key is gone")
	}
	if err := desk.Close(card.ID()); err != nil {
		t.Fatal(err)
	}
	if desk = opened1(t, v); desk.Wants(envelope.S2, card.Shard, envelope.Tag{}) || !desk.List()[0].Closed {
		t.Error("a closed inbox still reads")
	}
}

// TestFlood: heads that announce much and bring nothing do not keep others
// out, and one that has pieces stays.
func TestFlood(t *testing.T) {
	desk := opened1(t, account.NewMemVault())
	card, _ := desk.Create(noon, "Newsroom")
	one := func(size int) []envelope.Envelope {
		l, err := card.Seal(Report, make([]byte, size), noon.Day, 0)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	slow := one(2 * 262144)
	for _, e := range slow[:2] {
		if k, err := desk.Take(noon, e.Bytes()); err != nil || !k.Used {
			t.Fatal(k, err)
		}
	}
	for range maxPartial + 40 {
		if _, err := desk.Take(noon, one(firstRoom + 1)[0].Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for _, m := range desk.Messages() {
		if !m.Whole {
			n++
		}
	}
	if n != maxPartial {
		t.Errorf("%d unfinished ones are kept", n)
	}
	var k Taken
	for _, e := range slow[2:] {
		k, _ = desk.Take(noon, e.Bytes())
	}
	if k.Whole == (ID{}) {
		t.Error("the flood evicted a message with pieces")
	}
	if k, _ = desk.Take(noon, one(10)[0].Bytes()); k.Whole == (ID{}) {
		t.Error("a short letter does not come through")
	}
}

// second is an opener written from spec/inbox.md alone.
func second(cardText string, kem []byte, weeks map[int][]byte, units [][]byte) ([]byte, string) {
	card, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(cardText, "jauap-inbox:1:"))
	sum := sha256.Sum256(append([]byte("jauap/1 inbox card\x00"), card...))
	body := units[0][100:]
	sk, _ := hpke.MLKEM768X25519().NewPrivateKey(kem)
	x, err := hpke.NewRecipient(body[:1120], sk, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), append([]byte("jauap/1 inbox"), sum[:16]...))
	if err != nil {
		return nil, "not ours"
	}
	outer, _ := x.Export("jauap/1 inbox outer", 32)
	un := func(key, b, aad []byte) ([]byte, bool) {
		a, _ := chacha20poly1305.NewX(key)
		p, err := a.Open(nil, b[:24], b[24:], aad)
		return p, err == nil
	}
	o, ok := un(outer, body[1120:], units[0][:36])
	if !ok {
		return nil, "not ours"
	}
	secret := weeks[int(binary.BigEndian.Uint16(o))]
	if secret == nil {
		return nil, "too late"
	}
	wk, _ := ecdh.X25519().NewPrivateKey(secret)
	ek, _ := ecdh.X25519().NewPublicKey(o[2:34])
	dh, _ := wk.ECDH(ek)
	prk, _ := hkdf.Extract(sha256.New, dh, outer)
	inner, _ := hkdf.Expand(sha256.New, prk, "jauap/1 inbox inner"+string(body[:1120])+string(o[2:34])+string(o[:2]), 32)
	p, ok := un(inner, o[34:], units[0][:36])
	if !ok {
		return nil, "malformed"
	}
	length := int(binary.BigEndian.Uint64(p[66:]))
	out := append([]byte(nil), p[106:106+min(length, 2656)]...)
	for i, u := range units[1:] {
		k, _ := hkdf.Expand(sha256.New, p[34:66], "jauap/1 inbox piece"+string(binary.BigEndian.AppendUint32(nil, uint32(i))), 32)
		d, ok := un(k, u[100:], u[:36])
		if !ok {
			return nil, "malformed"
		}
		out = append(out, d[:min(len(d), length-len(out))]...)
	}
	if sum := sha256.Sum256(append([]byte("jauap/1 inbox content\x00"), out...)); !bytes.Equal(sum[:], p[74:106]) {
		return nil, "malformed"
	}
	return out, "ok"
}

var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors anew")

type vector struct {
	Name    string         `json:"name"`
	Expect  string         `json:"expect"` // ok, not ours, too late, malformed
	Card    string         `json:"card"`
	KEM     []byte         `json:"kem"`   // base64
	Weeks   map[int][]byte `json:"weeks"` // secrets that are not erased
	Units   [][]byte       `json:"units"`
	Content []byte         `json:"content,omitempty"`
}

func makeVectors(t *testing.T) (all []vector) {
	c, s, err := newCard("Newsroom", noon.Day)
	if err != nil {
		t.Fatal(err)
	}
	c.weeks, s.weeks = c.weeks[:2], s.weeks[:2]
	weeks := map[int][]byte{int(c.first): s.weeks[0], int(c.first) + 1: s.weeks[1]}
	add := func(name, expect string, kind Kind, content []byte, change func(*vector)) {
		list, err := c.Seal(kind, content, noon.Day, 1)
		if err != nil {
			t.Fatal(err)
		}
		v := vector{Name: name, Expect: expect, Card: c.Link(), KEM: s.kem, Weeks: weeks, Content: content}
		for _, e := range list {
			v.Units = append(v.Units, e.Bytes())
		}
		if change != nil {
			change(&v)
			v.Content = nil
		}
		all = append(all, v)
	}
	add("a letter", "ok", Letter, []byte("Тірімін. Нас увезли в Шымкент."), nil)
	add("a report in two pieces", "ok", Report, bytes.Repeat([]byte("evidence "), 500), nil)
	add("a letter of an erased week", "too late", Letter, []byte("late"), func(v *vector) { v.Weeks = map[int][]byte{int(c.first) + 1: s.weeks[1]} })
	add("another inbox", "not ours", Letter, []byte("x"), func(v *vector) {
		other, o, err := newCard("Other", noon.Day)
		if err != nil {
			t.Fatal(err)
		}
		v.Card, v.KEM = other.Link(), o.kem
	})
	add("a head whose expiry was changed", "not ours", Letter, []byte("x"), func(v *vector) { v.Units[0][3]++ })
	add("a week's secret of another inbox", "malformed", Letter, []byte("x"), func(v *vector) { v.Weeks = map[int][]byte{int(c.first): s.weeks[1]} })
	add("a piece that was changed", "malformed", Report, bytes.Repeat([]byte("evidence "), 500), func(v *vector) { v.Units[1][200] ^= 1 })
	return all
}

// vectorsOf reads a file of spec/vectors, which is written anew first where that is asked for.
func vectorsOf[V any](t *testing.T, name, about string, made func(*testing.T) []V, least int) []V {
	t.Helper()
	path := "../spec/vectors/" + name + ".json"
	var all struct {
		About   string `json:"about"`
		Vectors []V    `json:"vectors"`
	}
	if *writeVectors {
		all.About, all.Vectors = about, made(t)
		b, err := json.MarshalIndent(all, "", " ")
		if err == nil {
			err = os.WriteFile(path, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil || len(all.Vectors) < least {
		t.Fatal(len(all.Vectors), err)
	}
	return all.Vectors
}

// TestVectors holds this reader, and another written from the text alone, to
// spec/vectors/inbox.json.
func TestVectors(t *testing.T) {
	for _, v := range vectorsOf(t, "inbox", "Public inbox: spec/inbox.md.", makeVectors, 7) {
		got, class := first(t, v)
		if class != v.Expect || !bytes.Equal(got, v.Content) {
			t.Errorf("%s: %s, %q", v.Name, class, got)
		}
		if got, class := second(v.Card, v.KEM, v.Weeks, v.Units); class != v.Expect || !bytes.Equal(got, v.Content) {
			t.Errorf("%s: the second reader says %s, %q", v.Name, class, got)
		}
	}
}

func first(t *testing.T, v vector) ([]byte, string) {
	c, err := ParseCard(v.Card)
	if err != nil {
		t.Fatal(err)
	}
	s, err := unlocked(v.KEM, make([][]byte, len(c.weeks)))
	if err != nil {
		t.Fatal(err)
	}
	for w, k := range v.Weeks {
		if i := w - int(c.first); i >= 0 && i < len(s.weeks) {
			s.weeks[i] = k
		}
	}
	e, err := envelope.Parse(v.Units[0])
	if err != nil {
		t.Fatal(err)
	}
	h, err := openHead(c, s, e)
	if err != nil {
		return nil, map[error]string{errNotOurs: "not ours", errLate: "too late", errMalformed: "malformed"}[err]
	}
	out := bytes.Clone(h.first)
	for i, u := range v.Units[1:] {
		e, err := envelope.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		d, _, ok := openPiece(h.root, i, h.length, e)
		if !ok {
			return nil, "malformed"
		}
		out = append(out, d...)
	}
	return out, "ok"
}

func TestRefusals(t *testing.T) {
	x := opened1(t, account.NewMemVault())
	card, _ := x.Create(noon, "Desk")
	for _, p := range []Post{{Kind: Letter}, {Kind: Letter, Content: []byte{0xff}}, {Kind: Letter, Content: make([]byte, MaxLetter+1)}, {Kind: 0x78, Content: []byte("x")}, {Kind: Slip, Content: make([]byte, maxSlip+1)}, {Kind: Claim, Content: make([]byte, maxClaim+1)}} {
		if _, err := x.Send(noon, card, p); !errors.Is(err, ErrContent) {
			t.Errorf("%v of %d bytes: %v", p.Kind, len(p.Content), err)
		}
	}
	for _, name := range []string{"", " ", strings.Repeat("x", 65)} {
		if _, err := x.Create(noon, name); !errors.Is(err, ErrCard) {
			t.Errorf("%q: %v", name, err)
		}
	}
	link := card.Link()
	for _, text := range []string{"", "jauap:1:abc", link[:len(link)-1], link + "A", strings.Replace(link, "jauap-inbox:1:A", "jauap-inbox:1:Q", 1)} {
		if _, err := ParseCard(text); !errors.Is(err, ErrCard) {
			t.Errorf("%.30q: %v", text, err)
		}
	}
	if _, _, err := x.Content(ID{1}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

func FuzzCard(f *testing.F) {
	c, _, err := newCard("Newsroom", 1468)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.Link())
	f.Add(c.QRText())
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, s string) {
		defer limits.Watch(t, len(s))()
		c, err := ParseCard(s)
		if err != nil {
			return
		}
		if again, err := ParseCard(c.Link()); err != nil || again.ID() != c.ID() {
			t.Fatal(err)
		}
	})
}

func BenchmarkTrial(b *testing.B) {
	c, s, err := newCard("Newsroom", noon.Day)
	if err != nil {
		b.Fatal(err)
	}
	other, _, _ := newCard("Other", noon.Day)
	other.Shard = c.Shard
	l, err := other.Seal(Letter, []byte("x"), noon.Day, 0)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := openHead(c, s, l[0]); err != errNotOurs {
			b.Fatal(err)
		}
	}
}

// TestReceipts: a relay counts when it holds all pieces, once, and a message is
// ripe when as many as were asked for do.
func TestReceipts(t *testing.T) {
	v := account.NewMemVault()
	x := opened1(t, v)
	card, _ := x.Create(noon, "Desk")
	s, err := x.Send(noon, card, Post{Kind: Report, Content: noise(10_000), Forget: 2})
	if err != nil {
		t.Fatal(err)
	}
	units, _ := x.Outbox()
	hand := func(relay string, n int) {
		for _, u := range units[:n] {
			if _, err := x.Handed(envelope.IDOf(u), relay); err != nil {
				t.Fatal(err)
			}
		}
	}
	hand("one", len(units))
	hand("two", len(units)-1)
	if fresh, _ := x.Handed(envelope.IDOf(units[0]), "one"); fresh {
		t.Error("a relay counts twice")
	}
	if fresh, _ := x.Handed(envelope.ID{1}, "one"); fresh {
		t.Error("a foreign envelope counts")
	}
	if l := x.SentAll(); l[0].Relays != 1 || l[0].Arrived || len(x.Ripe()) != 0 {
		t.Errorf("%+v", l[0])
	}
	x = opened1(t, v)
	hand("two", len(units))
	if l := x.Ripe(); len(l) != 1 || l[0].ID != s.ID || l[0].Relays != 2 {
		t.Errorf("%+v", l)
	}
}
