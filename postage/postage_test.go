package postage

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloudflare/circl/blindsign/blindrsa"

	"github.com/jauap/jauap/envelope"
)

const today envelope.Day = 1790

// testKey is RFC 9500's, so that few keys need to be made here.
func testKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	b, err := os.ReadFile("testdata/rfc9500.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	k, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// mint opens an issuer with a key that signs on today, and one that signs next.
func mint(t testing.TB) *Mint {
	t.Helper()
	m := &Mint{keep: func([]byte) error { return nil }}
	for i, k := range []*rsa.PrivateKey{testKey(t), second()} {
		c, err := newCoin(today.Add(i*signDays), k)
		if err != nil {
			t.Fatal(err)
		}
		m.keys = append(m.keys, c)
	}
	return m
}

// second is another key, made once.
var second = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
})

func all(want int) (int, int) { return want, 200 - want }

func unit(t testing.TB, c envelope.Class, expiry envelope.Day) envelope.Envelope {
	t.Helper()
	_, osk, _ := ed25519.GenerateKey(rand.Reader)
	e, err := envelope.New(c, 3, expiry, osk, make([]byte, c.BodySize()))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// RFC 9474, A.3: the library blinds, signs and unblinds as the standard says, and what
// comes out is what this room takes for a good signature.
func TestStandard(t *testing.T) {
	b, err := os.ReadFile("testdata/rfc9474.json")
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	if err := json.Unmarshal(b, &text); err != nil {
		t.Fatal(err)
	}
	v := func(name string) []byte {
		b, err := hex.DecodeString(text[name])
		if err != nil || len(b) == 0 {
			t.Fatal(name, err)
		}
		return b
	}
	n := func(name string) *big.Int { return new(big.Int).SetBytes(v(name)) }
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n("n"), E: exponent}, D: n("d"), Primes: []*big.Int{n("p"), n("q")}}
	c, err := blindrsa.NewClient(blindrsa.SHA384PSSDeterministic, &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	r := new(big.Int).ModInverse(n("inv"), key.N)
	random := bytes.NewReader(append(v("salt"), r.FillBytes(make([]byte, len(v("n"))))...))
	blinded, state, err := c.Blind(random, v("msg"))
	if err != nil || !bytes.Equal(blinded, v("blinded_msg")) {
		t.Fatalf("blinded %x, %v", blinded, err)
	}
	signed, err := blindrsa.NewSigner(key).BlindSign(blinded)
	if err != nil || !bytes.Equal(signed, v("blind_sig")) {
		t.Fatalf("signed %x, %v", signed, err)
	}
	sig, err := c.Finalize(state, signed)
	if err != nil || !bytes.Equal(sig, v("sig")) {
		t.Fatalf("unblinded %x, %v", sig, err)
	}
}

// fixed is a source of bytes that are all the same.
type fixed byte

func (f fixed) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(f)
	}
	return len(p), nil
}

// The vectors of spec/postage.md, 8.
func TestVectors(t *testing.T) {
	m := mint(t)
	key := m.keys[0].public
	if id := key.Issuer(); hex.EncodeToString(id[:]) != vectorIssuer {
		t.Errorf("issuer %x", id)
	}
	tok := Token{Seed: [32]byte(bytes.Repeat([]byte{7}, 32)), Issuer: key.Issuer(), Last: key.Last}
	if pub := tok.Public(); hex.EncodeToString(pub[:]) != vectorToken {
		t.Errorf("token %x", pub)
	}
	c, err := blindrsa.NewClient(blindrsa.SHA384PSSDeterministic, key.public())
	if err != nil {
		t.Fatal(err)
	}
	// With salt and blind of 0x2a the signature is always the same.
	blinded, state, err := c.Blind(io.Reader(fixed(0x2a)), message(tok.Public()))
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Answer(Ask{Issuer: key.Issuer(), Blinded: [][BlindSize]byte{[BlindSize]byte(blinded)}}, today, all)
	if err != nil || len(a.Sigs) != 1 {
		t.Fatal(len(a.Sigs), err)
	}
	sig, err := c.Finalize(state, a.Sigs[0][:])
	if err != nil {
		t.Fatal(err)
	}
	copy(tok.RSA[:], sig)
	osk := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	e, err := envelope.New(envelope.S1, 3, 1800, osk, make([]byte, envelope.S1.BodySize()))
	if err != nil {
		t.Fatal(err)
	}
	s, err := tok.Stamp(e)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(s.Bytes()); got != vectorStamp {
		t.Errorf("stamp %s", got)
	}
	if s.Verify() != nil || !key.Good(s.Key(), s.RSA()) {
		t.Error("the vector's stamp is not good")
	}
}

// A device asks, the relay signs what it cannot see, and the stamp is good; what the
// relay signed is not the signature in the stamp.
func TestBlind(t *testing.T) {
	m := mint(t)
	var talk Talk
	now := time.Unix(1e9, 0)
	say := func(want int) Answer {
		t.Helper()
		frame, err := talk.Next(want, now)
		if err != nil || frame == nil {
			t.Fatalf("no ask: %v", err)
		}
		ask, err := ParseAsk(frame)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Answer(ask, today, all)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	keys, tokens, err := talk.Heard(say(20).Bytes(), today, now)
	if err != nil || len(keys) != 2 || len(tokens) != 0 {
		t.Fatalf("%d keys, %d tokens, %v", len(keys), len(tokens), err)
	}
	now = now.Add(askGap)
	a := say(20)
	_, tokens, err = talk.Heard(a.Bytes(), today, now)
	if err != nil || len(tokens) != MaxAsk {
		t.Fatalf("%d tokens, %v", len(tokens), err)
	}
	ring := &Ring{}
	relay := Relay{1}
	ring.Trust([]Relay{relay})
	if changed, err := ring.Learn(relay, keys, today); !changed || err != nil {
		t.Fatal(changed, err)
	}
	for i, tok := range tokens {
		s, err := tok.Stamp(unit(t, envelope.S2, today+20))
		if err != nil || s.Verify() != nil {
			t.Fatal(err)
		}
		k, ok := ring.Key(s.Issuer())
		if !ok || !k.Good(s.Key(), s.RSA()) {
			t.Fatalf("token %d is not good", i)
		}
		if slices.Contains(a.Sigs, [BlindSize]byte(s.RSA())) {
			t.Fatal("the relay saw the stamp's signature")
		}
	}
	if _, err := tokens[0].Stamp(unit(t, envelope.S4, today+20)); err == nil {
		t.Error("a token bought 64 kB")
	}
	// A token's signature is no other token's.
	s, _ := tokens[1].Stamp(unit(t, envelope.S1, today+20))
	if keys[0].Good(tokens[0].Public(), s.RSA()) {
		t.Error("a signature is good for another token")
	}
}

// What a hostile relay answers gives no token and no key, and ends the talk.
func TestHostile(t *testing.T) {
	m := mint(t)
	honest, err := m.Answer(Ask{}, today, all)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(*Answer)) []byte {
		a := honest
		a.Keys = slices.Clone(honest.Keys)
		f(&a)
		return a.Bytes()
	}
	for name, b := range map[string][]byte{
		"short modulus":  change(func(a *Answer) { a.Keys[0].Modulus[0] = 0x7f }),
		"even modulus":   change(func(a *Answer) { a.Keys[0].Modulus[255] &= 0xfe }),
		"far last day":   change(func(a *Answer) { a.Keys[1].Last = today.Add(aheadDays + goodDays + slackDays + 1) }),
		"too many keys":  change(func(a *Answer) { a.Keys = slices.Repeat(a.Keys, 3) }),
		"unasked":        change(func(a *Answer) { a.Sigs = make([][BlindSize]byte, 1) }),
		"cut":            honest.Bytes()[:300],
		"one byte more":  append(honest.Bytes(), 1),
		"nothing":        {FrameAnswer},
		"17 signatures":  change(func(a *Answer) { a.Sigs = make([][BlindSize]byte, MaxAsk+1) }),
		"another's type": {FrameAsk, 0, 0, 0},
	} {
		var talk Talk
		now := time.Unix(1e9, 0)
		if f, _ := talk.Next(5, now); f == nil {
			t.Fatal("no ask")
		}
		keys, tokens, err := talk.Heard(b, today, now)
		if err == nil || len(tokens) > 0 || len(keys) > 0 {
			t.Errorf("%s: %d keys, %d tokens, %v", name, len(keys), len(tokens), err)
		}
		if f, _ := talk.Next(5, now.Add(24*time.Hour)); f != nil {
			t.Errorf("%s: it is asked again", name)
		}
	}
	// Wrong signatures: those before them are good, no further ones are taken.
	r, ask, err := NewRequest(honest.Keys[0], 3)
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Answer(ask, today, all)
	if err != nil {
		t.Fatal(err)
	}
	a.Sigs[1][100] ^= 1
	if got, err := r.Take(a.Sigs); !errors.Is(err, ErrSignature) || len(got) != 1 {
		t.Errorf("%d tokens, %v", len(got), err)
	}
	// One that signs with another key than it shows.
	other := &Mint{keep: m.keep, keys: slices.Clone(m.keys)}
	other.keys[0].secret = m.keys[1].secret
	if a, err = other.Answer(ask, today, all); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Take(a.Sigs); !errors.Is(err, ErrSignature) || len(got) != 0 {
		t.Errorf("another key: %d tokens, %v", len(got), err)
	}
	// One that was asked under a key that does not sign gives nothing and counts nothing.
	ask.Issuer = m.keys[1].public.Issuer()
	a, err = m.Answer(ask, today, func(want int) (int, int) {
		if want != 0 {
			t.Errorf("%d tokens are counted", want)
		}
		return 0, 9
	})
	if err != nil || len(a.Sigs) != 0 || a.Left != 9 {
		t.Errorf("%d signatures, %v", len(a.Sigs), err)
	}
	// A number above the modulus ends the answer.
	ask.Issuer = m.keys[0].public.Issuer()
	ask.Blinded[1] = [BlindSize]byte(bytes.Repeat([]byte{0xff}, BlindSize))
	if a, err = m.Answer(ask, today, all); err != nil || len(a.Sigs) != 1 {
		t.Errorf("%d signatures, %v", len(a.Sigs), err)
	}
}

// When a device asks: not twice at once, later where the relay signed less, seldom over a
// link that took long, and never again of a relay that did not answer.
func TestTalk(t *testing.T) {
	m := mint(t)
	start := time.Unix(1e9, 0)
	open := func() (*Talk, time.Time) {
		t.Helper()
		talk := &Talk{}
		if f, _ := talk.Next(0, start); !bytes.Equal(f, Ask{}.Bytes()) {
			t.Fatalf("the keys are not asked for: %x", f)
		}
		if f, _ := talk.Next(5, start); f != nil {
			t.Fatal("two asks at once")
		}
		a, err := m.Answer(Ask{}, today, all)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := talk.Heard(a.Bytes(), today, start.Add(10*time.Second)); err != nil {
			t.Fatal(err)
		}
		return talk, start.Add(10 * time.Second) // a key takes time to be made: that is no slow link
	}
	answer := func(talk *Talk, f []byte, give, left int, at time.Time) int {
		t.Helper()
		ask, err := ParseAsk(f)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Answer(ask, today, func(int) (int, int) { return give, left })
		if err != nil {
			t.Fatal(err)
		}
		_, tokens, err := talk.Heard(a.Bytes(), today, at)
		if err != nil {
			t.Fatal(err)
		}
		return len(tokens)
	}
	next := func(talk *Talk, want int, at time.Time, asks bool) []byte {
		t.Helper()
		f, err := talk.Next(want, at)
		if err != nil || (f != nil) != asks {
			t.Fatalf("asks: %v, %v", f != nil, err)
		}
		return f
	}
	talk, now := open()
	next(talk, 2, now, false)
	now = now.Add(askGap)
	next(talk, 0, now, false)
	f := next(talk, 2, now, true)
	if n := answer(talk, f, 1, 50, now); n != 1 {
		t.Fatalf("%d tokens", n)
	}
	next(talk, 2, now.Add(askGap), false)
	now = now.Add(askLater)
	f = next(talk, 2, now, true)
	answer(talk, f, 0, 0, now)
	next(talk, 2, now.Add(askLater), false)
	f = next(talk, 2, now.Add(askAgain), true)
	if n := answer(talk, f, 2, 9, now.Add(askAgain+2*answerSlow)); n != 2 {
		t.Fatalf("%d tokens of a slow link", n)
	}
	now = now.Add(askAgain + 2*answerSlow)
	next(talk, 2, now.Add(askSlow-1), false)
	next(talk, 2, now.Add(askSlow), true)

	talk = &Talk{}
	next(talk, 2, start, true)
	next(talk, 2, start.Add(2*answerDue), false)
	next(talk, 2, start.Add(3*answerDue), false)
}

// A mint keeps its keys, shows the next one long before it signs, and forgets those
// whose tokens are over.
func TestRotation(t *testing.T) {
	var saved []byte
	keep := func(b []byte) error { saved = b; return nil }
	m, err := NewMint(nil, keep)
	if err != nil {
		t.Fatal(err)
	}
	show := func(m *Mint, day envelope.Day) []Key {
		t.Helper()
		a, err := m.Answer(Ask{}, day, all)
		if err != nil {
			t.Fatal(err)
		}
		return a.Keys
	}
	first := show(m, today)
	if len(first) != 2 || first[0].Last != today.Add(signDays+goodDays-1) || first[1].Last != first[0].Last.Add(signDays) {
		t.Fatalf("%d keys, good until %v", len(first), first[0].Last)
	}
	again, err := NewMint(saved, keep)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(saved)
	if got := show(again, today.Add(signDays-1)); !slices.Equal(got, first) || !bytes.Equal(before, saved) {
		t.Fatalf("after a restart %d keys, the first other: %v", len(got), got[0] != first[0])
	}
	// What signs now was shown sixty days ago, the old one is still good, and the one
	// after it is shown.
	later := show(again, today.Add(signDays))
	if len(later) != 3 || later[0] != first[1] || !slices.Contains(later, first[0]) || bytes.Equal(before, saved) {
		t.Errorf("%d keys: the next one is not the one that was shown, the old one is gone, or nothing new was kept", len(later))
	}
	if end := show(again, first[0].Last+1); slices.Contains(end, first[0]) {
		t.Error("a key is shown after its last day")
	}
	// A clock that jumps back makes a key that signs now, and no file that cannot be read.
	for range 3 {
		show(again, today-300)
	}
	if _, err := NewMint(saved, keep); err != nil {
		t.Error(err)
	}
	// Keys that cannot be kept are not shown.
	m, err = NewMint(nil, func([]byte) error { return errors.New("full") })
	if err != nil {
		t.Fatal(err)
	}
	if a, err := m.Answer(Ask{}, today, all); err == nil {
		t.Errorf("%d keys are shown", len(a.Keys))
	}
	if _, err := NewMint([]byte("-----BEGIN PRIVATE KEY-----\nFirst-Day: 3\n\nAAAA\n-----END PRIVATE KEY-----\n"), keep); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// A ring honours only keys of relays in use, takes few of each, and forgets what is over.
func TestRing(t *testing.T) {
	m := mint(t)
	one, two := Relay{1}, Relay{2}
	key, next := m.keys[0].public, m.keys[1].public
	r := &Ring{}
	if _, err := r.Learn(one, []Key{key, next}, today); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Key(key.Issuer()); ok {
		t.Error("honoured without trust")
	}
	r.Trust([]Relay{two})
	if _, ok := r.Key(key.Issuer()); ok || len(r.Honoured()) != 0 {
		t.Error("the key of a relay that is not used is honoured")
	}
	r.Trust([]Relay{one})
	if k, ok := r.Key(key.Issuer()); !ok || k != key || len(r.Honoured()) != 2 {
		t.Error("the key of a relay in use is not honoured")
	}
	if changed, err := r.Learn(two, []Key{key}, today); changed || err == nil {
		t.Errorf("another relay shows the same key: %v, %v", changed, err)
	}
	// A relay that shows ever new keys.
	for i := range 20 {
		k := key
		k.Modulus[5] = byte(i)
		k.Modulus[6] ^= 0x55
		_, _ = r.Learn(one, []Key{k}, today)
	}
	if n := r.count(one); n != maxOfRelay {
		t.Errorf("%d keys of one relay", n)
	}
	back, err := ParseRing(r.Bytes())
	if err != nil || !slices.Equal(back.list, r.list) {
		t.Errorf("read back: %v", err)
	}
	for i := range r.Bytes() {
		b := r.Bytes()
		b[i] ^= 0x10
		if _, err := ParseRing(b); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	if !r.Forget(key.Last+1) || len(r.Honoured()) != 1 {
		t.Errorf("%d keys are left", len(r.Honoured()))
	}
}
