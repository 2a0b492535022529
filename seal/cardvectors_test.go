package seal_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/jauap/jauap/identity"
)

type cardVector struct {
	Name   string   `json:"name"`
	Expect string   `json:"expect"`
	Card   string   `json:"card,omitempty"`
	Invite string   `json:"invite,omitempty"`
	Full   bool     `json:"full,omitempty"`
	ID     string   `json:"id,omitempty"`
	Person string   `json:"person,omitempty"`
	Says   string   `json:"says,omitempty"`
	Shard  uint8    `json:"shard,omitempty"`
	Key    string   `json:"key,omitempty"`
	Words  []string `json:"words,omitempty"`
	Digits string   `json:"digits,omitempty"`
}

func (v cardVector) read(t *testing.T) (identity.Card, [32]byte, string) {
	if v.Invite != "" {
		i, err := identity.ParseInvite(v.Invite)
		return i.Card, i.Key, classOf(err)
	}
	c, err := identity.ParseCard(unhex(t, v.Card))
	return c, [32]byte{}, classOf(err)
}

func (v cardVector) with(c identity.Card, key [32]byte, fingerprint bool) cardVector {
	id := c.ID()
	v.Full, v.ID, v.Person, v.Says, v.Shard = c.Full(), hex.EncodeToString(id[:]), c.Public().ID(), c.Name(), c.Shard()
	if v.Invite != "" {
		v.Key = hex.EncodeToString(key[:])
	}
	v.Words, v.Digits = nil, ""
	if fingerprint {
		f := c.Public().Fingerprint()
		v.Words, v.Digits = f.Words(), f.Digits()
	}
	return v
}

func TestCardVectors(t *testing.T) {
	vs, _ := vectors(t, "card.json", "Cards and invitations: spec/seal.md, 3. Some with the words and digits of the fingerprint.", makeCardVectors)
	seen := map[string]bool{}
	for _, v := range vs {
		seen[v.Expect] = true
		c, key, class := v.read(t)
		if class != v.Expect {
			t.Errorf("%s: %s, want %s", v.Name, class, v.Expect)
			continue
		}
		if v.Card != "" {
			if _, ok := secondCard(unhex(t, v.Card)); ok != (class == "ok") {
				t.Errorf("%s: the second decoder says %v", v.Name, ok)
			}
		}
		if class != "ok" {
			continue
		}
		got := v.with(c, key, v.Digits != "")
		if got.Full != v.Full || got.ID != v.ID || got.Person != v.Person || got.Says != v.Says || got.Shard != v.Shard ||
			got.Key != v.Key || got.Digits != v.Digits || strings.Join(got.Words, " ") != strings.Join(v.Words, " ") {
			t.Errorf("%s: read as %+v", v.Name, got)
		}
	}
	for _, c := range []string{"ok", "malformed", "wrong key"} {
		if !seen[c] {
			t.Errorf("no vector of class %s", c)
		}
	}
}

func makeCardVectors(t *testing.T) (vs []cardVector, _ states) {
	p := newPerson(t, "Айгерім Ә.")
	full, short := p.card.Card().Bytes(), p.card.Card().Short().Bytes()
	add := func(v cardVector, fingerprint bool) {
		t.Helper()
		c, key, class := v.read(t)
		if class != v.Expect {
			t.Fatalf("%s: %s", v.Name, class)
		}
		if class == "ok" {
			v = v.with(c, key, fingerprint)
		}
		vs = append(vs, v)
	}
	card := func(name, expect string, b []byte) {
		t.Helper()
		add(cardVector{Name: name, Expect: expect, Card: hex.EncodeToString(b)}, expect == "ok" && name == "full card")
	}
	set := func(b []byte, at int, v byte) []byte {
		c := bytes.Clone(b)
		c[at] = v
		return c
	}
	card("full card", "ok", full)
	card("short card", "ok", short)
	card("full, altered name", "wrong key", set(full, 1330+17, '!'))
	card("full, altered shard", "wrong key", flipped(full, 1362))
	card("full, altered signature", "wrong key", flipped(full, 1426))
	card("full, altered key", "wrong key", flipped(full, 400))
	card("full, cut", "malformed", full[:1426])
	card("full, one byte more", "malformed", append(bytes.Clone(full), 0))
	card("full, version 2", "malformed", set(full, 0, 2))
	card("full with the flag of the short form", "malformed", set(full, 1, 1))
	card("short without its flag", "malformed", set(short, 1, 0))
	card("short with an unknown flag", "malformed", set(short, 1, 3))
	card("name is not UTF-8", "malformed", set(short, 114, 0xff))
	card("name after its end", "malformed", set(short, 145, 'x'))
	card("name with a control character", "malformed", set(short, 114+17, 7))
	card("no bytes", "malformed", nil)
	i := p.card.Invite()
	invite := func(name, expect, s string) {
		t.Helper()
		add(cardVector{Name: name, Expect: expect, Invite: s}, false)
	}
	link, qr := i.Link(), i.QRText()
	invite("link", "ok", link)
	invite("link broken into lines", "ok", " "+link[:50]+"\r\n"+link[50:900]+"\n\t"+link[900:]+"\n")
	invite("QR", "ok", qr)
	invite("QR in lower case", "ok", strings.ToLower(qr))
	invite("link in lower case", "malformed", strings.ToLower(link))
	invite("link cut", "malformed", link[:len(link)-1])
	invite("other scheme", "malformed", "https://example.org/"+link)
	invite("newer kind", "malformed", strings.Replace(link, ":1:", ":2:", 1))
	mistyped := []byte(qr)
	if mistyped[100] = 'A'; qr[100] == 'A' {
		mistyped[100] = 'B'
	}
	invite("QR mistyped", "malformed", string(mistyped))
	return vs, nil
}
