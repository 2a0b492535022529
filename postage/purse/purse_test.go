package purse

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/postage"
)

const today envelope.Day = 1790

var relay = postage.Relay{7}

func unit(t testing.TB, c envelope.Class, expiry envelope.Day) envelope.Envelope {
	t.Helper()
	_, osk, _ := ed25519.GenerateKey(rand.Reader)
	e, err := envelope.New(c, 3, expiry, osk, make([]byte, c.BodySize()))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// world is a relay that issues, and a vault and a file that last.
type world struct {
	t     *testing.T
	mint  *postage.Mint
	vault account.Vault
	ring  []byte
	*Purse
}

func newWorld(t *testing.T) *world {
	m, err := postage.NewMint(nil, func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, mint: m, vault: account.NewMemVault()}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.Purse, err = Open(w.vault, w.ring, func(b []byte) error { w.ring = b; return nil }); err != nil {
		w.t.Fatal(err)
	}
	w.Trust([]postage.Relay{relay})
}

func (w *world) answer(a postage.Ask, day envelope.Day) postage.Answer {
	w.t.Helper()
	out, err := w.mint.Answer(a, day, func(want int) (int, int) { return want, 1000 })
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// buy takes n tokens as they are issued on a day.
func (w *world) buy(n int, day envelope.Day) {
	w.t.Helper()
	keys := w.answer(postage.Ask{}, day).Keys
	r, ask, err := postage.NewRequest(keys[0], n)
	if err != nil {
		w.t.Fatal(err)
	}
	tokens, err := r.Take(w.answer(ask, day).Sigs)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.Take(relay, keys, tokens, day); err != nil {
		w.t.Fatal(err)
	}
}

// Tokens last over a restart, each pays once, and only for what may have postage.
func TestPurse(t *testing.T) {
	w := newWorld(t)
	w.buy(5, today)
	w.open()
	if w.Len() != 5 || w.Want() != Enough-5 || len(w.Honoured()) != 2 {
		t.Fatalf("%d tokens, %d wanted, %d issuers after a restart", w.Len(), w.Want(), len(w.Honoured()))
	}
	units := []envelope.Envelope{unit(t, envelope.S1, today+30), unit(t, envelope.S5, today+30), unit(t, envelope.S3, today+30)}
	stamps, err := w.Pay(units, today)
	if err != nil || len(stamps) != 3 || len(stamps[1].Bytes()) != 0 || w.Len() != 3 {
		t.Fatalf("%d stamps, %d tokens left, %v", len(stamps), w.Len(), err)
	}
	for _, i := range []int{0, 2} {
		if s := stamps[i]; s.Stamped() != units[i].ID() || s.Verify() != nil || !w.Valid(s) {
			t.Errorf("stamp %d is not good", i)
		}
	}
	if stamps[0].Key() == stamps[2].Key() {
		t.Error("one token paid twice")
	}
	// A stamp with another's signature, and one whose issuer nobody knows.
	var rsa [envelope.RSASize]byte
	copy(rsa[:], stamps[0].RSA())
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	if s, _ := envelope.NewStamp(units[0], other, stamps[0].Issuer(), rsa); s.Verify() != nil || w.Valid(s) {
		t.Error("the signature of another token is honoured")
	}
	w.Trust(nil)
	if w.Valid(stamps[0]) {
		t.Error("the postage of a relay that is not used is honoured")
	}
	w.open()
	if w.Len() != 3 || !w.Valid(stamps[0]) {
		t.Fatalf("%d tokens after a restart", w.Len())
	}
	stamps, err = w.Pay([]envelope.Envelope{units[0], units[0], units[0], units[0]}, today)
	if err != nil || len(stamps[2].Bytes()) == 0 || len(stamps[3].Bytes()) != 0 || w.Len() != 0 {
		t.Fatalf("%d tokens left, %v", w.Len(), err)
	}
	if w.open(); w.Len() != 0 {
		t.Error("what was spent is back")
	}
}

// The token that is over first pays, unless its unit lives longer; what is over goes.
func TestOver(t *testing.T) {
	w := newWorld(t)
	w.buy(2, today)
	w.buy(2, today+60) // of the next key, good for sixty days longer
	last := w.list[0].Last
	if w.list[3].Last != last+60 {
		t.Fatalf("good until %v and %v", last, w.list[3].Last)
	}
	pay := func(expiry envelope.Day) envelope.Day {
		t.Helper()
		before := w.Len()
		s, err := w.Pay([]envelope.Envelope{unit(t, envelope.S1, expiry)}, today+60)
		if err != nil || w.Len() != before-1 {
			t.Fatal(err)
		}
		for _, i := range w.Honoured() {
			if i.Key.Issuer() == s[0].Issuer() {
				return i.Key.Last
			}
		}
		t.Fatal("no such issuer")
		return 0
	}
	if got := pay(last); got != last {
		t.Errorf("paid with a token that is good until %v", got)
	}
	if got := pay(last + 1); got != last+60 {
		t.Errorf("paid with a token that is good until %v", got)
	}
	if err := w.Tend(last + 1); err != nil || w.Len() != 1 || w.list[0].Last != last+60 {
		t.Errorf("%d tokens are left, %v", w.Len(), err)
	}
	if w.open(); w.Len() != 1 {
		t.Errorf("%d tokens after a restart", w.Len())
	}
}

// broken is a vault whose disk fails.
type broken struct{ account.Vault }

func (broken) Update(func(account.Tx) error) error { return account.ErrFull }

// A token that cannot be taken off the disk is not spent.
func TestDiskFails(t *testing.T) {
	w := newWorld(t)
	w.buy(3, today)
	p, err := Open(broken{w.vault}, w.ring, func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	p.Trust([]postage.Relay{relay})
	stamps, err := p.Pay([]envelope.Envelope{unit(t, envelope.S1, today+30)}, today)
	if !errors.Is(err, account.ErrFull) || len(stamps[0].Bytes()) != 0 || p.Len() != 3 {
		t.Errorf("%d tokens left, %v", p.Len(), err)
	}
	if _, err := Open(w.vault, []byte("nonsense"), nil); !errors.Is(err, postage.ErrDamaged) {
		t.Error(err)
	}
}

// A relay that gives without being asked for as much fills no vault, and tokens of a key
// that is not in the ring are not kept.
func TestBounds(t *testing.T) {
	w := newWorld(t)
	w.buy(16, today)
	for len(w.list) < Most {
		w.list = append(w.list, w.list[len(w.list)%16])
	}
	w.buy(1, today)
	if w.Len() != Most {
		t.Errorf("%d tokens", w.Len())
	}
	w.open()
	strange := w.list[0]
	strange.Issuer[0] ^= 1
	if err := w.Take(relay, nil, []postage.Token{strange}, today); err != nil || w.Len() != 16 {
		t.Errorf("%d tokens, %v", w.Len(), err)
	}
}

// FuzzToken gives strange bytes to the reader of a token's record.
func FuzzToken(f *testing.F) {
	f.Add(record(postage.Token{Last: today}))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if tok, err := parseToken(b); err == nil && len(record(tok)) < 297 {
			t.Error("a token came of too few bytes")
		}
	})
}
