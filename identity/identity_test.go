package identity_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/internal/limits"
)

func newMe(t testing.TB, name string) *identity.Me {
	t.Helper()
	m, err := identity.New(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newCard(t testing.TB, m *identity.Me) *identity.CardSecret {
	t.Helper()
	c, err := m.NewCard(9)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMeComesBack(t *testing.T) {
	m := newMe(t, " Айгерім ")
	if m.Name() != "Айгерім" {
		t.Fatalf("name %q", m.Name())
	}
	b := m.Marshal()
	n, err := identity.ParseMe(b)
	if err != nil {
		t.Fatal(err)
	}
	if n.Public() != m.Public() || n.Name() != m.Name() || !bytes.Equal(n.Marshal(), b) {
		t.Fatal("a person does not come back the same")
	}
	other := newMe(t, "Айгерім")
	if other.Public() == m.Public() || other.Public().ID() == m.Public().ID() || len(m.Public().ID()) != 32 {
		t.Fatal("two people are the same")
	}
	for _, bad := range [][]byte{nil, b[:len(b)-1], append(bytes.Clone(b), 0), append([]byte{2}, b[1:]...)} {
		if _, err := identity.ParseMe(bad); !errors.Is(err, identity.ErrMalformed) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, ok := range []string{"", "A", strings.Repeat("ж", 16), "سارا", "می\u200cخواهم", "Zoë 🙂"} {
		m, err := identity.New(ok)
		if err != nil {
			t.Errorf("%q: %v", ok, err)
			continue
		}
		if c := newCard(t, m).Card(); c.Name() != ok {
			t.Errorf("%q became %q", ok, c.Name())
		}
	}
	for _, bad := range []string{strings.Repeat("a", 33), "a\x00b", "a\nb", "\u202eevil", "a\u2066b", "\xff", "a\u2028b", "a\u200fb"} {
		if _, err := identity.New(bad); !errors.Is(err, identity.ErrName) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCards(t *testing.T) {
	m := newMe(t, "Dana")
	s := newCard(t, m)
	c := s.Card()
	if len(c.Bytes()) != 1427 || !c.Full() || c.Public() != m.Public() || c.Name() != "Dana" || c.Shard() != 9 {
		t.Fatalf("card %+v", c)
	}
	short := c.Short()
	if len(short.Bytes()) != 147 || short.Full() || short.ID() != c.ID() || short.Public() != c.Public() ||
		short.Prekey() != c.Prekey() || short.Name() != c.Name() || short.Shard() != c.Shard() || short.Short() != short {
		t.Fatalf("short card %+v", short)
	}
	if _, ok := short.KEM(); ok {
		t.Fatal("a short card has an X-Wing key")
	}
	for _, x := range []identity.Card{c, short} {
		y, err := identity.ParseCard(x.Bytes())
		if err != nil || y != x {
			t.Fatalf("a card does not come back the same: %v", err)
		}
	}
	// Every bit of a full card is signed.
	raw := c.Bytes()
	for at := range raw {
		raw[at] ^= 0x40
		if _, err := identity.ParseCard(raw); err == nil {
			t.Fatalf("byte %d can be altered", at)
		}
		raw[at] ^= 0x40
	}
	if other := newCard(t, m); other.Card().ID() == c.ID() || other.Key() == s.Key() || other.Card().Prekey() == c.Prekey() {
		t.Fatal("cards are not fresh")
	}
	var zero identity.Card
	if !zero.IsZero() || zero.Full() || zero.Name() != "" || zero.Shard() != 0 || zero.Public() != (identity.Public{}) {
		t.Fatal("the zero card is something")
	}
}

func TestCardSecretComesBack(t *testing.T) {
	s, o := newCard(t, newMe(t, "A")), newCard(t, newMe(t, "B"))
	b := s.Marshal()
	r, err := identity.ParseCardSecret(b)
	if err != nil || !bytes.Equal(r.Marshal(), b) || r.Card() != s.Card() || r.Key() != s.Key() {
		t.Fatalf("a card secret does not come back the same: %v", err)
	}
	mixed := append(bytes.Clone(b[:97]), o.Card().Bytes()...)
	if _, err := identity.ParseCardSecret(mixed); !errors.Is(err, identity.ErrMalformed) {
		t.Errorf("secrets of one card with another: %v", err)
	}
	if _, err := identity.ParseCardSecret(b[:100]); !errors.Is(err, identity.ErrMalformed) {
		t.Errorf("cut: %v", err)
	}
}

func TestInvites(t *testing.T) {
	i := newCard(t, newMe(t, "Dana")).Invite()
	link, qr := i.Link(), i.QRText()
	if len(link) != 8+1951 || len(qr) != 8+293 {
		t.Fatalf("%d and %d characters", len(link), len(qr))
	}
	for _, r := range qr {
		if !strings.ContainsRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ:", r) {
			t.Fatalf("%q is not in the QR alphabet", r)
		}
	}
	same := func(s string, want identity.Invite) {
		t.Helper()
		got, err := identity.ParseInvite(s)
		if err != nil || got != want {
			t.Fatalf("%.40q: %v", s, err)
		}
	}
	short := identity.Invite{Card: i.Card.Short(), Key: i.Key}
	same(link, i)
	same(qr, short)
	same(strings.ToLower(qr), short)
	same("  "+link[:100]+"\r\n "+link[100:]+"\u00a0\n", i)
	same("JAUAP:1:"+link[8:], i)
	// One wrong character anywhere is noticed.
	for at := 8; at < len(qr); at++ {
		b := []byte(qr)
		if b[at] = 'A'; qr[at] == 'A' {
			b[at] = '7'
		}
		if _, err := identity.ParseInvite(string(b)); !errors.Is(err, identity.ErrInvite) {
			t.Fatalf("character %d: %v", at, err)
		}
	}
	for bad, hint := range map[string]string{
		"":                              "must begin",
		"hello":                         "must begin",
		"jauap:hello":                   "must begin",
		"jauap:2:hello":                 "newer kind",
		"jauap:2:abc":                   "update",
		"jauap:1:":                      "copy it whole",
		link[:500]:                      "copy it whole",
		link + link[8:]:                 "copy it whole",
		strings.ToLower(link):           "wrong",
		link[:99] + "*" + link[100:]:    "wrong",
		link + strings.Repeat(" ", 1e4): "too long",
	} {
		_, err := identity.ParseInvite(bad)
		if !errors.Is(err, identity.ErrInvite) || !strings.Contains(err.Error(), hint) {
			t.Errorf("%.20q…: %v, want a hint %q", bad, err, hint)
		}
	}
	if s := fmt.Sprintf("%v %+v %x", i, i, i); strings.Contains(s, hex.EncodeToString(i.Key[:4])) || len(s) > 200 {
		t.Errorf("an invite prints its key: %s", s)
	}
}

func TestFingerprint(t *testing.T) {
	m := newMe(t, "Dana")
	f := m.Public().Fingerprint()
	words, digits := f.Words(), f.Digits()
	if len(words) != 8 || len(digits) != 29 || len(strings.ReplaceAll(digits, " ", "")) != 24 {
		t.Fatalf("%v %q", words, digits)
	}
	g, err := identity.ParseFingerprint(f.Marshal())
	if err != nil || g != f || g.IsZero() {
		t.Fatal("a fingerprint does not come back the same")
	}
	for _, code := range []string{
		digits, strings.ReplaceAll(digits, " ", ""), strings.ReplaceAll(digits, " ", "-"), " " + digits + "\n",
		strings.Join(words, " "), strings.ToUpper(strings.Join(words, ", ")), strings.Join(words, "\n"),
	} {
		if !f.Match(code) {
			t.Errorf("%q does not match", code)
		}
	}
	wrong := "0"
	if digits[0] == '0' {
		wrong = "1"
	}
	for _, code := range []string{
		"", " ", digits[:28], digits[1:], wrong + digits[1:], digits + "0", strings.Join(words[:7], " "),
		strings.Join(words, ""), strings.Join(append(words, words[0]), " "), strings.Repeat("0", 24), digits + " " + strings.Join(words, " "),
	} {
		if f.Match(code) {
			t.Errorf("%q matches", code)
		}
	}
	other := newMe(t, "Dana").Public().Fingerprint()
	if other == f || other.Match(digits) || other.Match(strings.Join(words, " ")) {
		t.Fatal("two people have one fingerprint")
	}
	if _, err := identity.ParseFingerprint(make([]byte, 15)); !errors.Is(err, identity.ErrMalformed) {
		t.Error(err)
	}
}

// Words and digits of a known value, by hand: bits 0 to 10 of ff…, 00….
func TestFingerprintEncoding(t *testing.T) {
	b := make([]byte, 16)
	f, _ := identity.ParseFingerprint(b)
	if w := strings.Join(f.Words(), " "); w != strings.TrimSpace(strings.Repeat("abandon ", 8)) {
		t.Errorf("zero is %q", w)
	}
	if f.Digits() != "0000 0000 0000 0000 0000 0000" {
		t.Errorf("zero is %q", f.Digits())
	}
	b[15] = 1
	b[0], b[1] = 0x00, 0x20 // the first word is number 1
	b[10] = 0x02            // the eighth word ends in bit 87: number 2
	f, _ = identity.ParseFingerprint(b)
	if w := f.Words(); w[0] != "ability" || w[7] != "able" || w[1] != "abandon" {
		t.Errorf("%q", w)
	}
}

func TestWeakKeys(t *testing.T) {
	s := identity.NewDHSecret()
	for _, p := range []identity.DHPublic{{}, {1}} { // points of low order
		if _, err := s.Agree(p); !errors.Is(err, identity.ErrWeakKey) {
			t.Errorf("%x: %v", p[:1], err)
		}
	}
	o := identity.NewDHSecret()
	x, err := s.Agree(o.Public())
	if err != nil {
		t.Fatal(err)
	}
	y, err := o.Agree(s.Public())
	if err != nil || x != y || x == [32]byte{} {
		t.Fatal("no agreement")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	m := newMe(t, "A")
	c := newCard(t, m)
	for _, v := range []any{m, c, c.Prekey(), *c.Prekey(), c.KEM(), *c.KEM(), struct{ K identity.DHSecret }{*c.Prekey()}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%d", "%q"} {
			if s := fmt.Sprintf(verb, v); !strings.Contains(s, "(secret)") || len(s) > 80 {
				t.Errorf("%T prints %q with %s", v, s, verb)
			}
		}
	}
}

func FuzzParseInvite(f *testing.F) {
	i := newCard(f, newMe(f, "Dana")).Invite()
	f.Add(i.Link())
	f.Add(i.QRText())
	f.Add("jauap:1:" + strings.Repeat("A", 293))
	f.Add("jauap:1:" + strings.Repeat("A", 1951))
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, s string) {
		defer limits.Watch(t, len(s))()
		i, err := identity.ParseInvite(s)
		if err != nil {
			if !errors.Is(err, identity.ErrInvite) {
				t.Fatal(err)
			}
			return
		}
		text := i.Link()
		if !i.Card.Full() {
			text = i.QRText()
		}
		if again, err := identity.ParseInvite(text); err != nil || again != i {
			t.Fatalf("an invite does not come back the same: %v", err)
		}
	})
}

// TestMatchInEveryLanguage: whoever reads, in whichever language.
func TestMatchInEveryLanguage(t *testing.T) {
	f, other := newMe(t, "A").Public().Fingerprint(), newMe(t, "B").Public().Fingerprint()
	for _, lang := range []string{"en", "kk", "ru"} {
		w := strings.Join(f.WordsIn(lang), " ")
		if !f.Match(w) || !f.Match(strings.ToUpper(w)) || other.Match(w) {
			t.Errorf("%s: %s", lang, w)
		}
	}
	if f.Match(strings.Join(append(f.WordsIn("kk")[:4], f.WordsIn("ru")[4:]...), " ")) {
		t.Error("two languages in one")
	}
}

func FuzzMatch(f *testing.F) {
	p, _ := identity.ParseFingerprint(bytes.Repeat([]byte{0x5a}, 16))
	f.Add(p.Digits())
	f.Add(strings.Join(p.Words(), " "))
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, code string) {
		defer limits.Watch(t, len(code))()
		if p.Match(code) && len(code) < 24 {
			t.Fatalf("%q matches", code)
		}
	})
}

func FuzzParseSecrets(f *testing.F) {
	m := newMe(f, "A")
	f.Add(m.Marshal())
	f.Add(newCard(f, m).Marshal())
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if m, err := identity.ParseMe(b); err == nil && !bytes.Equal(m.Marshal(), b) {
			t.Fatal("a person does not come back the same")
		}
		if c, err := identity.ParseCardSecret(b); err == nil && !bytes.Equal(c.Marshal(), b) {
			t.Fatal("a card secret does not come back the same")
		}
	})
}

func BenchmarkFingerprint(b *testing.B) {
	p := newMe(b, "A").Public()
	for b.Loop() {
		p.Fingerprint()
	}
}
