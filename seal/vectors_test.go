package seal_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// The vectors were written once with -write-vectors and are fixed: a change
// that breaks one breaks everybody's envelopes.
var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors anew")

const vectorDir = "../spec/vectors"

type file[V any] struct {
	About   string            `json:"about"`
	States  map[string]string `json:"states,omitempty"` // by the name that vectors use
	Vectors []V               `json:"vectors"`
}

// states collects the states that vectors name, each once.
type states map[string]string

func (s states) name(b []byte) string {
	h := hex.EncodeToString(b)
	for name, have := range s {
		if have == h {
			return name
		}
	}
	name := fmt.Sprintf("s%d", len(s)+1)
	s[name] = h
	return name
}

type partVector struct {
	Kind uint8  `json:"kind"`
	Body string `json:"body"`
}

// vectors loads a file, or writes it first.
func vectors[V any](t *testing.T, name, about string, make func(*testing.T) ([]V, states)) ([]V, states) {
	t.Helper()
	path := filepath.Join(vectorDir, name)
	if *writeVectors {
		vs, named := make(t)
		b, err := json.MarshalIndent(file[V]{about, named, vs}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f file[V]
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors) == 0 {
		t.Fatalf("%s holds no vectors", name)
	}
	return f.Vectors, f.States
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// classOf is the failure class of an error. spec/seal.md, 8.
func classOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, envelope.ErrTooLarge):
		return "too large"
	case errors.Is(err, seal.ErrReplay):
		return "replayed"
	case errors.Is(err, seal.ErrUnknownTag):
		return "not ours"
	case errors.Is(err, seal.ErrWrongKey), errors.Is(err, envelope.ErrSignature), errors.Is(err, identity.ErrSignature):
		return "wrong key"
	case errors.Is(err, seal.ErrUpdate):
		return "update"
	case errors.Is(err, envelope.ErrMalformed), errors.Is(err, envelope.ErrVersion),
		errors.Is(err, identity.ErrMalformed), errors.Is(err, identity.ErrInvite), errors.Is(err, seal.ErrMalformed):
		return "malformed"
	}
	return "unknown error: " + err.Error()
}

// expected tells whether a class is what the vector says. A reader that
// erased a key cannot tell why: spec/seal.md, 8.
func expected(want, got string) bool {
	return want == got || got == "not ours" && (want == "replayed" || want == "expired")
}

type unitVector struct {
	Name   string `json:"name"`
	Expect string `json:"expect"`
	Today  uint16 `json:"today"`
	Unit   string `json:"unit"`
	Zeros  int    `json:"zeros,omitempty"` // zero bytes that follow unit
	Class  string `json:"class,omitempty"`
	Shard  uint8  `json:"shard,omitempty"`
	Expiry uint16 `json:"expiry,omitempty"`
	Key    string `json:"key,omitempty"`
	Tag    string `json:"tag,omitempty"`
	ID     string `json:"id,omitempty"`
	Proves string `json:"proves,omitempty"`

	Stamped string `json:"stamped,omitempty"`
	Issuer  string `json:"issuer,omitempty"`
	RSA     string `json:"rsa,omitempty"`
}

// unitClass judges a unit as a carrier does. spec/envelope.md, 6.
func unitClass(b []byte, today envelope.Day) (envelope.Envelope, string) {
	e, err := envelope.Parse(b)
	if err == nil {
		err = e.Verify()
	}
	if err == nil && e.Expiry() < today {
		return e, "expired"
	}
	return e, classOf(err)
}

func describe(v unitVector, e envelope.Envelope) unitVector {
	tag, ovk := e.Tag(), e.Key()
	v.Class, v.Shard, v.Expiry = e.Class().String(), e.Shard(), uint16(e.Expiry())
	v.Key, v.Tag, v.ID = hex.EncodeToString(ovk[:]), hex.EncodeToString(tag[:]), e.ID().String()
	if e.Class() == envelope.Done {
		v.Proves = e.Proves().String()
	}
	if e.Class() == envelope.Stamp {
		issuer := e.Issuer()
		v.Stamped, v.Issuer, v.RSA = e.Stamped().String(), hex.EncodeToString(issuer[:]), hex.EncodeToString(e.RSA())
	}
	return v
}

func checkUnits(t *testing.T, vs []unitVector) {
	seen := map[string]bool{}
	for _, v := range vs {
		seen[v.Expect] = true
		b := append(unhex(t, v.Unit), make([]byte, v.Zeros)...)
		e, class := unitClass(b, envelope.Day(v.Today))
		if class != v.Expect {
			t.Errorf("%s: %s, want %s", v.Name, class, v.Expect)
			continue
		}
		if class == "ok" && describe(v, e) != v {
			t.Errorf("%s: read as %+v", v.Name, describe(v, e))
		}
		if second, ok := secondUnit(b); ok != (class == "ok" || class == "expired" || class == "wrong key") {
			t.Errorf("%s: the second decoder says %v %+v", v.Name, ok, second)
		}
	}
	for _, c := range []string{"ok", "malformed", "wrong key", "expired"} {
		if !seen[c] {
			t.Errorf("no vector of class %s", c)
		}
	}
}

func TestEnvelopeVectors(t *testing.T) {
	vs, _ := vectors(t, "envelope.json", "Units as carriers judge them: spec/envelope.md, 6. zeros: so many zero bytes follow the unit.", makeEnvelopeVectors)
	checkUnits(t, vs)
}

func TestProofVectors(t *testing.T) {
	vs, _ := vectors(t, "proof.json", "Proofs of delivery: spec/envelope.md, 2.3.", makeProofVectors)
	checkUnits(t, vs)
}

func flipped(b []byte, at int) []byte {
	c := bytes.Clone(b)
	c[at] ^= 1
	return c
}

func unitFrom(name, expect string, today uint16, b []byte) unitVector {
	return unitVector{Name: name, Expect: expect, Today: today, Unit: hex.EncodeToString(b)}
}

func makeEnvelopeVectors(t *testing.T) (vs []unitVector, _ states) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, _ := confirmed(t, a, b, 0, false)
	add := func(name, expect string, today uint16, raw []byte) {
		v := unitFrom(name, expect, today, raw)
		if expect == "ok" {
			v = describe(v, parse(t, raw))
		}
		vs = append(vs, v)
	}
	s1 := mustSeal(t, sa, 0, envelope.S1, "one").Bytes
	add("S1", "ok", 1500, s1)
	add("S2", "ok", 1490, mustSeal(t, sa, 0, envelope.S2, "two").Bytes)
	s1b := mustSeal(t, sa, 0, envelope.S1b, "between").Bytes
	add("S1b", "ok", 1500, s1b)
	for i, n := range []int{10, 100, 179} {
		name := []string{"S0 of 96", "S0 of 160", "S0 of 222"}[i]
		out, err := sa.SealShort(0, seal.Part{Kind: kindText, Body: bytes.Repeat([]byte("x"), n)})
		if err != nil {
			t.Fatal(err)
		}
		add(name, "ok", 1500, out.Bytes)
		if n == 10 {
			add("S0 one byte short", "malformed", 0, out.Bytes[:len(out.Bytes)-1])
			add("S0 one byte long", "malformed", 0, append(bytes.Clone(out.Bytes), 0))
		}
	}
	add("expired yesterday", "expired", 1501, s1)
	add("last day", "ok", 1500, s1)
	add("shard altered", "wrong key", 0, flipped(s1, 1))
	add("expiry altered", "wrong key", 0, flipped(s1, 3))
	add("key altered", "wrong key", 0, flipped(s1, 4))
	add("signature altered", "wrong key", 0, flipped(s1, 99))
	add("body altered", "wrong key", 0, flipped(s1, 1023))
	add("S1 cut by one", "malformed", 0, s1[:1023])
	add("S1 with one byte more", "malformed", 0, append(bytes.Clone(s1), 0))
	add("version 2", "malformed", 0, append([]byte{0x21}, s1[1:]...))
	add("S1 that says S1b", "malformed", 0, append([]byte{0x17}, s1[1:]...))
	add("class 15", "malformed", 0, append([]byte{0x1f}, s1[1:]...))
	add("S1 that says S2", "malformed", 0, append([]byte{0x12}, s1[1:]...))
	add("S1b cut by one", "malformed", 0, s1b[:2047])
	add("S1b with one byte more", "malformed", 0, append(bytes.Clone(s1b), 0))
	add("S1b that says S2", "malformed", 0, append([]byte{0x12}, s1b[1:]...))
	add("S1b that says stamp", "malformed", 0, append([]byte{0x18}, s1b[1:]...))
	add("S1b with its body altered", "wrong key", 0, flipped(s1b, 2047))
	add("no bytes", "malformed", 0, nil)
	add("one byte", "malformed", 0, []byte{0x11})
	add("S5 with one byte more", "too large", 0, []byte{0x15})
	vs[len(vs)-1].Zeros = envelope.MaxSize
	return append(vs, stampVectors(t, parse(t, s1))...), nil
}

// stampVectors are the layout: the RSA signature is none, and no carrier would take it.
func stampVectors(t *testing.T, of envelope.Envelope) []unitVector {
	token := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x54}, ed25519.SeedSize))
	var rsa [envelope.RSASize]byte
	for i := range rsa {
		rsa[i] = byte(i)
	}
	e, err := envelope.NewStamp(of, token, envelope.Issuer{1, 2, 3, 4, 5, 6, 7, 8}, rsa)
	if err != nil {
		t.Fatal(err)
	}
	b := e.Bytes()
	return []unitVector{
		describe(unitFrom("stamp", "ok", 1500, b), e),
		unitFrom("stamp, expired", "expired", 1501, b),
		unitFrom("stamp for another unit", "wrong key", 0, flipped(b, 4)),
		unitFrom("stamp with its shard altered", "wrong key", 0, flipped(b, 1)),
		unitFrom("stamp with its expiry altered", "wrong key", 0, flipped(b, 3)),
		unitFrom("stamp of another token", "wrong key", 0, flipped(b, 21)),
		unitFrom("stamp of another issuer", "wrong key", 0, flipped(b, 52)),
		unitFrom("stamp with the issuer's signature altered", "wrong key", 0, flipped(b, 60)),
		unitFrom("stamp with its signature altered", "wrong key", 0, flipped(b, 379)),
		unitFrom("stamp cut by one", "malformed", 0, b[:379]),
		unitFrom("stamp with one byte more", "malformed", 0, append(bytes.Clone(b), 0)),
		unitFrom("stamp that says done", "malformed", 0, append([]byte{0x16}, b[1:]...)),
		unitFrom("stamp that says class 9", "malformed", 0, append([]byte{0x19}, b[1:]...)),
	}
}

func makeProofVectors(t *testing.T) (vs []unitVector, _ states) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	e := mustSeal(t, sa, 0, envelope.S1, "one")
	p := mustOpen(t, sb, 0, e.Bytes, "one").Proof
	vs = append(vs,
		describe(unitFrom("proof", "ok", 1500, p), parse(t, p)),
		unitFrom("expired", "expired", 1501, p),
		unitFrom("for another envelope", "wrong key", 0, flipped(p, 4)),
		unitFrom("shard altered", "wrong key", 0, flipped(p, 1)),
		unitFrom("expiry altered", "wrong key", 0, flipped(p, 3)),
		unitFrom("key altered", "wrong key", 0, flipped(p, 21)),
		unitFrom("signature altered", "wrong key", 0, flipped(p, 115)),
		unitFrom("cut", "malformed", 0, p[:115]),
		unitFrom("too long", "malformed", 0, append(bytes.Clone(p), 0)))
	return vs, nil
}

type chainVector struct {
	Root        string   `json:"root"`
	ToInitiator bool     `json:"to_initiator"`
	Chain       []string `json:"ck"`
	Seeds       []string `json:"seed"`
	Keys        []string `json:"mk"`
	OVK         []string `json:"ovk"`
	Tags        []string `json:"tag"`
	ShortTags   []string `json:"short_tag"`
}

func TestChainVectors(t *testing.T) {
	write := func(root [32]byte, to bool) (v chainVector) {
		v.Root, v.ToInitiator = hex.EncodeToString(root[:]), to
		for _, l := range seal.Chain(root, to, 3) {
			tag, short := envelope.TagOf(l.OVK), envelope.ShortTagOf(l.OVK)
			v.Chain = append(v.Chain, hex.EncodeToString(l.CK[:]))
			v.Seeds = append(v.Seeds, hex.EncodeToString(l.Seed[:]))
			v.Keys = append(v.Keys, hex.EncodeToString(l.MK[:]))
			v.OVK = append(v.OVK, hex.EncodeToString(l.OVK[:]))
			v.Tags = append(v.Tags, hex.EncodeToString(tag[:]))
			v.ShortTags = append(v.ShortTags, hex.EncodeToString(short[:12]))
		}
		return v
	}
	vs, _ := vectors(t, "chain.json", "Keys and addresses of letters 0 to 2 of an epoch: spec/seal.md, 5.1.", func(t *testing.T) ([]chainVector, states) {
		return []chainVector{write([32]byte{}, false), write([32]byte{31: 1}, true)}, nil
	})
	for _, v := range vs {
		want, _ := json.Marshal(v)
		got, _ := json.Marshal(write([32]byte(unhex(t, v.Root)), v.ToInitiator))
		if !bytes.Equal(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}
