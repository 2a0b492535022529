package inbox

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
)

// asker is a device that sent a slip and notes what it hears.
type asker struct {
	*Inboxes
	v     account.Vault
	t     *testing.T
	heard []string
}

func newAsker(t *testing.T) *asker {
	a := &asker{v: account.NewMemVault(), t: t}
	a.restart()
	return a
}

func (a *asker) restart() {
	a.Inboxes = opened1(a.t, a.v)
	a.Listen(func(_ account.Tx, _ account.Moment, _, _ ID, content []byte) error {
		a.heard = append(a.heard, string(content))
		return nil
	})
}

func (a *asker) ask(c *Card, about ID, back Address) {
	a.t.Helper()
	_, err := a.Send(noon, c, Post{Kind: Slip, Content: []byte("a slip"), About: about, Address: back, Days: 14, Also: func(account.Tx, ID) error { return nil }})
	if err != nil {
		a.t.Fatal(err)
	}
}

func answers(t *testing.T, a Address, texts ...string) (list []envelope.Envelope, next Address) {
	t.Helper()
	for _, text := range texts {
		e, next, err := a.Answer([]byte(text), noon.Day, 1)
		if err != nil {
			t.Fatal(err)
		}
		list, a = append(list, e), next
	}
	return list, a
}

// TestAnswers: answers come in any order, over restarts, once each, and the
// device that sealed them can open none of them afterwards.
func TestAnswers(t *testing.T) {
	desk := opened1(t, account.NewMemVault())
	card, _ := desk.Create(noon, "Newsroom")
	a := newAsker(t)
	about, back := ID{7}, NewAddress()
	a.ask(card, about, back)
	texts := strings.Split("abcdefghijklmnopqrstuvwxyz", "")
	list, after := answers(t, back, texts...)
	take := func(i int) bool {
		t.Helper()
		a.restart()
		if !a.Wants(list[i].Class(), list[i].Shard(), list[i].Tag()) {
			return false
		}
		k, err := a.Take(noon, list[i].Bytes())
		if err != nil || !k.Used || !k.Heard {
			t.Fatalf("answer %d: %+v %v", i, k, err)
		}
		return true
	}
	for _, i := range []int{3, 0, 15, 1} {
		if !take(i) {
			t.Errorf("answer %d is not known", i)
		}
	}
	if take(3) || take(0) || take(18) {
		t.Error("one that came before, or far ahead, is taken")
	}
	for i := range list { // what was far ahead comes again
		take(i)
	}
	for i := range list {
		if take(i) {
			t.Errorf("answer %d is taken twice", i)
		}
	}
	if got := strings.Join(a.heard, ""); len(got) != len(texts) || !strings.HasPrefix(got, "dapbc") {
		t.Errorf("heard %q", got)
	}
	proofs, err := a.Proofs(later(1), false)
	if err != nil || len(proofs) != len(list) {
		t.Error(len(proofs), err)
	}
	// What the desk keeps afterwards opens nothing that went before.
	if _, osk, _ := after.open(list[0]); osk != nil {
		t.Error("the address after an answer opens it")
	}
	for i, e := range list {
		if e.Class() != envelope.S1 || e.Shard() != back.Shard {
			t.Errorf("answer %d: %v in shard %d", i, e.Class(), e.Shard())
		}
	}
	if err := a.Forgo(about); err != nil {
		t.Fatal(err)
	}
	more, _ := answers(t, after, "x")
	if k, err := a.Take(noon, more[0].Bytes()); err != nil || k.Used {
		t.Error("an answer to a forgotten slip is taken", err)
	}
}

// TestAwaitEnds: the address is erased when no answer can come any more, and a
// vault that refuses does not make an answer count as read.
func TestAwaitEnds(t *testing.T) {
	desk := opened1(t, account.NewMemVault())
	card, _ := desk.Create(noon, "Newsroom")
	a := newAsker(t)
	back := NewAddress()
	a.ask(card, ID{1}, back)
	list, _ := answers(t, back, "one", "two")
	bad := errors.New("the vault is full")
	a.Listen(func(account.Tx, account.Moment, ID, ID, []byte) error { return bad })
	if _, err := a.Take(noon, list[0].Bytes()); !errors.Is(err, bad) {
		t.Error(err)
	}
	a.restart()
	if k, err := a.Take(noon, list[0].Bytes()); err != nil || !k.Heard {
		t.Error("the answer is lost", err)
	}
	if _, err := a.Tend(later(14 + envelope.Lifetime + 2)); err != nil || len(a.awaits) != 1 {
		t.Error(len(a.awaits), err)
	}
	if _, err := a.Tend(later(14 + envelope.Lifetime + 3)); err != nil || len(a.awaits)+len(a.answers) != 0 {
		t.Error(len(a.awaits), len(a.answers), err)
	}
	a.restart()
	if a.Wants(list[1].Class(), list[1].Shard(), list[1].Tag()) {
		t.Error("an erased address is awaited")
	}
}

// TestSlipFlood: slips that nobody has room for do not keep reports out, and
// what was dealt with does not fill the inbox.
func TestSlipFlood(t *testing.T) {
	desk := opened1(t, account.NewMemVault())
	card, _ := desk.Create(noon, "Newsroom")
	one := func(k Kind) []byte {
		l, err := card.Seal(k, []byte("x"), noon.Day, 0)
		if err != nil {
			t.Fatal(err)
		}
		return l[0].Bytes()
	}
	desk.slips = maxSlips - 1
	k, err := desk.Take(noon, one(Slip))
	if err != nil || k.Whole == (ID{}) {
		t.Fatal(k, err)
	}
	late := one(Slip)
	if k, err := desk.Take(noon, late); err != nil || k.Used {
		t.Error("one slip too many is taken", err)
	}
	if l := desk.List(); l[0].Slips != 1 || !l[0].Full {
		t.Errorf("%+v", l[0])
	}
	if k, err := desk.Take(noon, one(Letter)); err != nil || k.Whole == (ID{}) {
		t.Error("slips keep letters out", err)
	}
	if err := desk.Delete(k.Whole); err != nil {
		t.Fatal(err)
	}
	if k, err := desk.Take(noon, late); err != nil || k.Whole == (ID{}) {
		t.Error("what waited outside does not come in", err)
	}
	if desk.live != 2 { // the letter and the late slip: what was dealt with is remembered and does not count
		t.Errorf("%d count as here", desk.live)
	}
}

// Two readers of answers, for the vectors: this room's and one from the text.
type answerVector struct {
	Name    string   `json:"name"`
	Expect  string   `json:"expect"` // ok, not ours, malformed
	Chain   []byte   `json:"chain"`
	Shard   uint8    `json:"shard"`
	Number  int      `json:"number"` // of the answer, from 0
	Unit    []byte   `json:"unit"`
	Content []byte   `json:"content,omitempty"`
	Chains  [][]byte `json:"chains,omitempty"` // the address after each answer
}

func secondAnswer(v answerVector) ([]byte, string) {
	chain := v.Chain
	for range v.Number {
		chain, _ = hkdf.Expand(sha256.New, chain, "jauap/1 slip answer", 32)
	}
	k, _ := hkdf.Expand(sha256.New, chain, "jauap/1 slip answer", 96)
	ovk := ed25519.NewKeyFromSeed(k[64:]).Public().(ed25519.PublicKey)
	if len(v.Unit) != 1024 || v.Unit[0] != 0x11 || !bytes.Equal(v.Unit[4:36], ovk) {
		return nil, "not ours"
	}
	a, _ := chacha20poly1305.NewX(k[32:64])
	p, err := a.Open(nil, v.Unit[100:124], v.Unit[124:], v.Unit[:36])
	if err != nil {
		return nil, "malformed"
	}
	n := int(binary.BigEndian.Uint16(p))
	if n > len(p)-2 || len(bytes.Trim(p[2+n:], "\x00")) > 0 {
		return nil, "malformed"
	}
	return p[2 : 2+n], "ok"
}

func firstAnswer(t *testing.T, v answerVector) ([]byte, string) {
	e, err := envelope.Parse(v.Unit)
	if err != nil {
		return nil, "malformed"
	}
	b, osk, ok := Address{[32]byte(v.Chain), v.Shard}.skip(v.Number).open(e)
	switch {
	case !ok:
		return nil, "not ours"
	case osk == nil:
		t.Error("an answer of ours has no key")
	case len(b) == 0:
		return nil, "malformed"
	}
	return b, "ok"
}

func makeAnswers(t *testing.T) (all []answerVector) {
	a := NewAddress()
	list, _ := answers(t, a, "Ол тірі.", strings.Repeat("x", MaxAnswer))
	add := func(name, expect string, n int, unit, content []byte) {
		all = append(all, answerVector{Name: name, Expect: expect, Chain: a.Chain[:], Shard: a.Shard, Number: n, Unit: unit, Content: content})
	}
	add("the first answer", "ok", 0, list[0].Bytes(), []byte("Ол тірі."))
	add("the second, as long as one may be", "ok", 1, list[1].Bytes(), bytes.Repeat([]byte("x"), MaxAnswer))
	add("the second in the first's place", "not ours", 0, list[1].Bytes(), nil)
	b := bytes.Clone(list[0].Bytes())
	b[200] ^= 1
	add("a body that was changed", "malformed", 0, b, nil)
	return all
}

func TestAnswerVectors(t *testing.T) {
	for _, v := range vectorsOf(t, "answers", "Answers to slips: spec/inbox.md, 6.", makeAnswers, 4) {
		if got, class := firstAnswer(t, v); class != v.Expect || !bytes.Equal(got, v.Content) {
			t.Errorf("%s: %s, %q", v.Name, class, got)
		}
		if got, class := secondAnswer(v); class != v.Expect || !bytes.Equal(got, v.Content) {
			t.Errorf("%s: the second reader says %s, %q", v.Name, class, got)
		}
	}
}

// FuzzAnswer: whatever a desk seals under the right key, the asker's device
// takes or drops it, and goes on waiting for the next.
func FuzzAnswer(f *testing.F) {
	a := Address{[32]byte{1}, 9}
	key, osk, _ := a.step()
	f.Add([]byte{0, 2, 'h', 'i'})
	f.Add([]byte{0xff, 0xff})
	f.Add(newAwaited(ID{1}, ID{2}, 2000, a).record())
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, p []byte) {
		defer limits.Watch(t, len(p))()
		plain := make([]byte, envelope.S1.BodySize()-sealOver)
		copy(plain, p)
		h := envelope.Head(envelope.S1, a.Shard, 2000, [32]byte(osk[32:]))
		e, err := envelope.New(envelope.S1, a.Shard, 2000, osk, sealed(key, plain, h))
		if err != nil {
			t.Fatal(err)
		}
		content, got, ok := a.open(e)
		if !ok || !bytes.Equal(got, osk) || len(content) > MaxAnswer {
			t.Fatal("an answer of ours is not ours")
		}
		if w, err := parseAwaited(ID{1}, p); err == nil {
			if again, err := parseAwaited(w.about, w.record()); err != nil || *again != *w {
				t.Fatal(err)
			}
		}
	})
}
