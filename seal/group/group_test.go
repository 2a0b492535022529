package group

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"math/rand/v2"
	"testing"

	"filippo.io/edwards25519"
	"pgregory.net/rapid"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

var theGroup = [16]byte{9, 9, 9}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func where(c envelope.Class) seal.Where { return seal.Where{Class: c, Expiry: 1800} }

func listen(t testing.TB, p *Pen, s Secret) *Ear {
	t.Helper()
	raw, err := p.HandOut(s, theGroup, [][8]byte{{1}, {2}})
	must(t, err)
	h, err := ParseHandout(raw)
	must(t, err)
	return h.Ear()
}

func write(t testing.TB, p *Pen, s Secret, text string) (Sealed, envelope.Envelope) {
	t.Helper()
	out, err := p.Seal(s, where(envelope.S1), Head{Heads: [][16]byte{{1}, {2}}}, []seal.Part{{Kind: 0x50, Body: []byte(text)}})
	must(t, err)
	e, err := envelope.Parse(out.Bytes)
	must(t, err)
	return out, e
}

func public(s Secret) ed25519.PublicKey { k := s.Key(); return k[:] }

// TestOrdinarySignatures: what a blinded key signs verifies as Ed25519, and an
// unblinded one gives what crypto/ed25519 gives.
func TestOrdinarySignatures(t *testing.T) {
	s := NewSecret()
	k, err := s.Key().point()
	must(t, err)
	for range 100 {
		seed := key(NewSecret().Seed())
		_, h := letterKeys(&seed)
		by := s.signer(h)
		if by.Key != blinded(k, h) {
			t.Fatal("the two sides compute different keys")
		}
		m := []byte("a message")
		sig := by.Sign(m)
		if !ed25519.Verify(by.Key[:], m, sig) {
			t.Fatal("does not verify")
		}
		if ed25519.Verify(by.Key[:], []byte("another"), sig) || ed25519.Verify(public(s), m, sig) {
			t.Fatal("verifies too much")
		}
	}
	// With h = 0 the key is the pseudonym itself.
	zero := edwards25519.NewScalar()
	if by := s.signer(zero); by.Key != [32]byte(s.Key()) || !ed25519.Verify(public(s), []byte("x"), by.Sign([]byte("x"))) {
		t.Fatal("not the key that it should be")
	}
}

// TestAnyOrder opens a whole generation shuffled and doubled, through
// marshalling, and each letter once.
func TestAnyOrder(t *testing.T) {
	s := NewSecret()
	p := NewPen(3, 100)
	e := listen(t, p, s)
	tags, err := e.Tags()
	must(t, err)
	if len(tags) != Letters {
		t.Fatal(len(tags))
	}
	at := map[envelope.Tag]uint32{}
	for _, x := range tags {
		at[x.Tag] = x.Index
	}
	var units []envelope.Envelope
	for i := range Letters {
		out, u := write(t, p, s, string(rune('a'+i%26)))
		must(t, u.Verify())
		if out.Index != uint32(i) || at[u.Tag()] != uint32(i) || u.Key() != out.Key || out.Tag != u.Tag() {
			t.Fatal("index or tag", i)
		}
		d, err := envelope.Parse(out.Done)
		must(t, err)
		must(t, d.Verify())
		if d.Proves() != u.ID() || d.Key() != u.Key() {
			t.Fatal("the proof is not of this envelope")
		}
		units = append(units, u)
	}
	if _, err := p.Seal(s, where(envelope.S1), Head{}, nil); !errors.Is(err, seal.ErrCap) || !p.Spent(100) {
		t.Fatal(err)
	}
	units = append(units, units...)
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(units), func(i, j int) { units[i], units[j] = units[j], units[i] })
	seen := map[uint32]bool{}
	for n, u := range units {
		i := at[u.Tag()]
		o, err := e.Open(200, u, i)
		if seen[i] != (err != nil) {
			t.Fatal(i, err)
		}
		if err == nil && string(o.Parts[0].Body) != string(rune('a'+i%26)) {
			t.Fatal("text of", i)
		}
		seen[i] = true
		if n%37 == 0 {
			if e, err = ParseEar(e.Marshal()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(seen) != Letters || len(e.missing) != 0 {
		t.Fatal(len(seen), len(e.missing))
	}
}

// TestMembersCannotForge: who holds the chain can neither write in another's
// name nor make the proof by which carriers delete.
func TestMembersCannotForge(t *testing.T) {
	victim, thief := NewSecret(), NewSecret()
	p := NewPen(0, 0)
	e := listen(t, p, victim)
	// The thief knows the chain: it seals with its own secret.
	forged := *p
	out, err := forged.Seal(thief, where(envelope.S1), Head{}, []seal.Part{{Kind: 0x50, Body: []byte("lie")}})
	must(t, err)
	u, err := envelope.Parse(out.Bytes)
	must(t, err)
	tags, err := e.Tags()
	must(t, err)
	if u.Tag() == tags[0].Tag {
		t.Fatal("the thief occupies the tag")
	}
	if _, err := e.Open(0, u, 0); !errors.Is(err, seal.ErrUnknownTag) {
		t.Fatal(err)
	}
	// The thief takes the right key and body, and a signature of its own.
	_, seed := step(&e.ck)
	mk, h := letterKeys(&seed)
	k, err := victim.Key().point()
	must(t, err)
	plain, err := appendLetter(nil, Head{LifeDays: 30}, []seal.Part{{Kind: 0x50, Body: []byte("lie")}}, envelope.S1.BodySize()-bodyCost)
	must(t, err)
	by := thief.signer(h)
	by.Key = blinded(k, h)
	body := appendSealed(nil, &mk, plain, envelope.Head(envelope.S1, 0, 1800, by.Key))
	u, err = envelope.NewBy(envelope.S1, 0, 1800, by, body)
	must(t, err)
	if u.Verify() == nil {
		t.Fatal("carriers take the forgery")
	}
	if _, err := e.Open(0, u, 0); !errors.Is(err, seal.ErrWrongKey) {
		t.Fatal(err)
	}
	d, err := envelope.NewDoneBy(u, by)
	must(t, err)
	if d.Verify() == nil {
		t.Fatal("carriers take a member's proof")
	}
	// A signature of one letter moved to the next one's key by the known
	// difference of their blindings: the challenge binds the key.
	_, real := write(t, p, victim, "true")
	second, _ := step(&e.ck)
	_, seed2 := step(&second)
	_, h2 := letterKeys(&seed2)
	sig := real.Bytes()[36:100]
	S, err := edwards25519.NewScalar().SetCanonicalBytes(sig[32:])
	must(t, err)
	msg := append([]byte("jauap/1 envelope"), append(append([]byte(nil), real.Bytes()[:36]...), real.Bytes()[100:]...)...)
	ovk := real.Key()
	hh := sha512.Sum512(append(append(append([]byte(nil), sig[:32]...), ovk[:]...), msg...))
	c, err := edwards25519.NewScalar().SetUniformBytes(hh[:])
	must(t, err)
	moved := edwards25519.NewScalar().Subtract(h2, h)
	moved.MultiplyAdd(c, moved, S)
	ovk2 := blinded(k, h2)
	if ed25519.Verify(ovk2[:], msg, append(append([]byte(nil), sig[:32]...), moved.Bytes()...)) {
		t.Fatal("a signature moves to another key")
	}
	// The true letter still opens.
	if _, err := e.Open(0, real, 0); err != nil {
		t.Fatal(err)
	}
}

// TestLateMember reads nothing from before the handout.
func TestLateMember(t *testing.T) {
	s := NewSecret()
	p := NewPen(0, 0)
	_, before := write(t, p, s, "before")
	e := listen(t, p, s)
	if _, err := e.Open(0, before, 0); !errors.Is(err, seal.ErrUnknownTag) {
		t.Fatal(err)
	}
	_, after := write(t, p, s, "after")
	if _, err := e.Open(0, after, 1); err != nil {
		t.Fatal(err)
	}
}

// TestErased: a state taken after opening opens nothing that was opened.
func TestErased(t *testing.T) {
	s := NewSecret()
	p := NewPen(0, 0)
	e := listen(t, p, s)
	_, a := write(t, p, s, "one")
	_, b := write(t, p, s, "two")
	_, err := e.Open(0, b, 1)
	must(t, err)
	stolen, err := ParseEar(e.Marshal())
	must(t, err)
	if _, err := stolen.Open(0, b, 1); err == nil {
		t.Fatal("opened twice")
	}
	if _, err := stolen.Open(0, a, 0); err != nil {
		t.Fatal("the overtaken letter is lost:", err)
	}
	if gone := e.Expire(33 * day); len(gone) != 0 {
		t.Fatal(gone)
	}
	if gone := e.Expire(34 * day); len(gone) != 1 || len(e.missing) != 0 {
		t.Fatal(gone)
	}
	if _, err := ParsePen(p.Marshal()); err != nil {
		t.Fatal(err)
	}
}

// TestHandout: altered, unordered or foreign ones are refused.
func TestHandout(t *testing.T) {
	s := NewSecret()
	raw, err := NewPen(7, 0).HandOut(s, theGroup, [][8]byte{{3}, {1}, {2}, {1}})
	must(t, err)
	h, err := ParseHandout(raw)
	must(t, err)
	if h.Gen != 7 || h.Key != s.Key() || len(h.Audience) != 3 || !h.For([8]byte{2}) || h.For([8]byte{4}) || !bytes.Equal(h.Bytes(), raw) {
		t.Fatalf("%+v", h)
	}
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 1
		if _, err := ParseHandout(bad); err == nil {
			t.Fatalf("byte %d may change", i)
		}
	}
	if _, err := NewPen(0, 0).HandOut(s, theGroup, make([][8]byte, 0)); err == nil {
		t.Fatal("for nobody")
	}
}

// TestModel: any order of writing, opening, handing out and forgetting keeps
// the promises.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSecret()
		p := NewPen(0, 0)
		for range rapid.IntRange(0, 5).Draw(t, "before") {
			if _, err := p.Seal(s, where(envelope.S1), Head{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		raw, err := p.HandOut(s, theGroup, [][8]byte{{1}})
		if err != nil {
			t.Fatal(err)
		}
		h, err := ParseHandout(raw)
		if err != nil {
			t.Fatal(err)
		}
		e := h.Ear()
		var units []Sealed
		opened := map[uint32]bool{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if len(units) == 0 || rapid.Bool().Draw(t, "write") {
				out, err := p.Seal(s, where(envelope.S1), Head{}, []seal.Part{{Kind: 0x51, Body: []byte{byte(len(units))}}})
				if err != nil {
					t.Fatal(err)
				}
				units = append(units, out)
				continue
			}
			u := units[rapid.IntRange(0, len(units)-1).Draw(t, "which")]
			x, err := envelope.Parse(u.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			o, err := e.Open(1, x, u.Index)
			if opened[u.Index] != (err != nil) {
				t.Fatalf("index %d: %v", u.Index, err)
			}
			if err == nil && units[o.Parts[0].Body[0]].Index != u.Index {
				t.Fatal("another letter")
			}
			opened[u.Index] = true
			if e, err = ParseEar(e.Marshal()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	s, p := NewSecret(), NewPen(0, 0)
	part := []seal.Part{{Kind: 0x50, Body: make([]byte, 200)}}
	for b.Loop() {
		if p.next == Letters {
			p = NewPen(0, 0)
		}
		if _, err := p.Seal(s, where(envelope.S1), Head{}, part); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s := NewSecret()
	var p *Pen
	var e *Ear
	for b.Loop() {
		b.StopTimer()
		if p == nil || p.next == Letters {
			p = NewPen(0, 0)
			e = listen(b, p, s)
		}
		out, u := write(b, p, s, "a text of some length")
		b.StartTimer()
		if _, err := e.Open(0, u, out.Index); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkListen is what a new chain costs each reader: 500 tags.
func BenchmarkListen(b *testing.B) {
	s, p := NewSecret(), NewPen(0, 0)
	raw, err := p.HandOut(s, theGroup, [][8]byte{{1}})
	must(b, err)
	for b.Loop() {
		h, err := ParseHandout(raw)
		must(b, err)
		if _, err := h.Ear().Tags(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRekey50 is what a writer's new chain costs it: one handout for 49.
func BenchmarkRekey50(b *testing.B) {
	s := NewSecret()
	audience := make([][8]byte, 49)
	for i := range audience {
		audience[i] = [8]byte{byte(i)}
	}
	for b.Loop() {
		raw, err := NewPen(0, 0).HandOut(s, theGroup, audience)
		must(b, err)
		b.ReportMetric(float64(len(raw)), "B/handout")
	}
}
