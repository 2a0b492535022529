package bulletin

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
)

var noon = account.Moment{Wall: time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC), Day: 1468}

func boards(t testing.TB) *Boards {
	t.Helper()
	s, err := Open(account.NewMemVault())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t testing.TB, s *Boards, editors [][32]byte, need int) *Card {
	t.Helper()
	c, err := s.Create("City hospital №7", editors, need)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// post publishes one notice and gives its envelope as carriers have it.
func post(t testing.TB, s *Boards, c *Card, p Saying, cosigned ...string) []byte {
	t.Helper()
	d, err := s.Draft(noon, c.ID(), p)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(noon, d, cosigned); err != nil {
		t.Fatal(err)
	}
	list, err := s.Outbox()
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	if err := s.Submitted(envelope.IDOf(list[0])); err != nil {
		t.Fatal(err)
	}
	return list[0]
}

func take(t testing.TB, s *Boards, raw []byte) bool {
	t.Helper()
	ok, err := s.Take(noon, raw)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func shown(t testing.TB, s *Boards, id ID) []Shown {
	t.Helper()
	list, err := s.Notices(id, noon.Wall)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func text(s string) Saying { return Saying{Text: s, Days: 14} }

// TestBoard publishes, and lets a follower take the notices in a bad order, some
// twice, with one lost.
func TestBoard(t *testing.T) {
	pub, fan := boards(t), boards(t)
	c := create(t, pub, nil, 0)
	again, err := ParseCard(" " + c.Link()[:40] + "\n" + c.Link()[40:] + "\n")
	if err != nil || again.ID() != c.ID() || again.Name != "City hospital №7" {
		t.Fatal(again, err)
	}
	if err := fan.Follow(again); err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for i := range 30 {
		all = append(all, post(t, pub, c, text(fmt.Sprint("notice ", i))))
	}
	all = append(all, post(t, pub, c, Saying{Text: "Қан керек", Days: 3, Pinned: true}))
	rng := rand.New(rand.NewPCG(1, 1))
	for at := 0; at < len(all); at += 8 { // in heaps that are shuffled
		heap := append([][]byte(nil), all[at:min(at+8, len(all))]...)
		heap = append(heap, heap[0])
		rng.Shuffle(len(heap), func(i, j int) { heap[i], heap[j] = heap[j], heap[i] })
		for _, raw := range heap {
			if !bytes.Equal(raw, all[20]) { // this one is lost
				take(t, fan, raw)
			}
		}
	}
	list := shown(t, fan, c.ID())
	if len(list) != 30 || list[0].Text != "Қан керек" || !list[0].Pinned {
		t.Fatalf("%d notices, first %+v", len(list), list[0].Text)
	}
	for _, n := range list {
		if want := uint64(0); n.Seq == 21 && n.Missing != 1 || n.Seq != 21 && n.Missing != want || n.Forked {
			t.Errorf("notice %d: %d missing, forked %v", n.Seq, n.Missing, n.Forked)
		}
	}
	// The publisher sees them too, and a restart knows what may come.
	if n := len(shown(t, pub, c.ID())); n != 31 {
		t.Errorf("the publisher sees %d", n)
	}
	reopened, err := Open(fan.vault)
	if err != nil || !take(t, reopened, all[20]) || len(shown(t, reopened, c.ID())) != 31 {
		t.Error("the lost one did not come after a restart", err)
	}
	if list, _ := reopened.Notices(c.ID(), noon.Wall.AddDate(0, 0, 4)); list[0].Text == "Қан керек" {
		t.Error("an old notice is shown")
	}
	// A stranger sees nothing of it.
	if e, _ := envelope.Parse(all[0]); bytes.Contains(all[0], []byte("notice")) || boards(t).Knows(e.Tag()) {
		t.Error("a carrier can read it")
	}
	if err := reopened.Leave(c.ID()); err != nil || len(reopened.tags) != 0 {
		t.Error(err, len(reopened.tags))
	}
}

// TestFork: a publisher who tells two towns different things is found out by
// the next notice.
func TestFork(t *testing.T) {
	pub := boards(t)
	c := create(t, pub, nil, 0)
	north, south := boards(t), boards(t)
	for _, s := range []*Boards{north, south} {
		if err := s.Follow(c); err != nil {
			t.Fatal(err)
		}
	}
	first := post(t, pub, c, text("first"))
	liar, err := Open(pub.vault.(*account.MemVault).Clone())
	if err != nil {
		t.Fatal(err)
	}
	truth, lie := post(t, pub, c, text("twelve dead")), post(t, liar, c, text("nobody was hurt"))
	next := post(t, pub, c, text("names follow"))
	for _, raw := range [][]byte{first, truth, next} {
		take(t, north, raw)
	}
	for _, raw := range [][]byte{first, next, lie} {
		take(t, south, raw)
	}
	for _, n := range shown(t, north, c.ID()) {
		if n.Forked {
			t.Error("the honest row is called forked")
		}
	}
	list := shown(t, south, c.ID())
	if len(list) != 3 || !list[0].Forked || list[1].Forked {
		t.Errorf("%+v", list)
	}
	if info, _ := south.List(); len(info[0].Forks) != 1 {
		t.Errorf("%+v", info)
	}
}

// TestEditors: two of three must sign; one alone, a stranger, and a signature
// for another notice do not count.
func TestEditors(t *testing.T) {
	var rooms []*Boards
	var keys []ed25519.PrivateKey
	var pubs [][32]byte
	for range 3 {
		s := boards(t)
		k, err := s.Editor()
		if err != nil {
			t.Fatal(err)
		}
		rooms, keys, pubs = append(rooms, s), append(keys, k), append(pubs, [32]byte(k.Public().(ed25519.PublicKey)))
	}
	c := create(t, rooms[0], pubs, 2)
	fan := boards(t)
	if err := fan.Follow(c); err != nil {
		t.Fatal(err)
	}
	d, err := rooms[0].Draft(noon, c.ID(), text("the committee says"))
	if err != nil {
		t.Fatal(err)
	}
	d, err = ParseDraft(d.Bytes()) // as it travels to the others
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, _ := ed25519.GenerateKey(nil)
	other, _ := rooms[0].Draft(noon, c.ID(), text("something else"))
	for _, cosigned := range [][]string{nil, {d.Cosign(keys[0])}, {d.Cosign(stranger)}, {other.Cosign(keys[1])}, {"nonsense"}} {
		if err := rooms[0].Publish(noon, d, cosigned); !errors.Is(err, ErrEditors) {
			t.Errorf("%v: %v", cosigned, err)
		}
	}
	raw := func() []byte {
		if err := rooms[0].Publish(noon, d, []string{d.Cosign(keys[2])}); err != nil {
			t.Fatal(err)
		}
		list, _ := rooms[0].Outbox()
		return list[0]
	}()
	if !take(t, fan, raw) || shown(t, fan, c.ID())[0].Text != "the committee says" {
		t.Error("two editors were not enough")
	}
	if err := rooms[0].Publish(noon, d, []string{d.Cosign(keys[2])}); !errors.Is(err, ErrNotice) {
		t.Errorf("twice: %v", err)
	}

	// A publisher who posts with one signature is not believed.
	b := &board{}
	_ = rooms[0].vault.View(func(tx account.Tx) (err error) { b, err = get(tx, c.ID()); return err })
	n := &Notice{Seq: 1, Prev: b.last, At: noon.Wall, Until: noon.Wall.AddDate(0, 0, 1), Text: "I alone say"}
	for _, sigs := range [][]editorSig{
		{{0, [64]byte(ed25519.Sign(keys[0], toSign(c.ID(), n.Hash())))}},
		{{0, [64]byte(ed25519.Sign(keys[0], toSign(c.ID(), n.Hash())))}, {0, [64]byte(ed25519.Sign(keys[0], toSign(c.ID(), n.Hash())))}},
		{{0, [64]byte(ed25519.Sign(keys[0], toSign(c.ID(), n.Hash())))}, {1, [64]byte{}}},
	} {
		n.sigs = sigs
		e, err := n.seal(c, oneTime(b.seed, 1), 1500)
		if err != nil {
			t.Fatal(err)
		}
		if take(t, fan, e.Bytes()) {
			t.Errorf("%d signatures of one editor are believed", len(sigs))
		}
	}
	if len(shown(t, fan, c.ID())) != 1 {
		t.Error("an unsigned notice is shown")
	}
}

// TestFlood: a board that says too much loses its oldest, and keeps what it
// pinned; other boards are left alone.
func TestFlood(t *testing.T) {
	pub, fan := boards(t), boards(t)
	loud, quiet := create(t, pub, nil, 0), create(t, pub, nil, 0)
	for _, c := range []*Card{loud, quiet} {
		if err := fan.Follow(c); err != nil {
			t.Fatal(err)
		}
	}
	take(t, fan, post(t, pub, quiet, text("we are open")))
	take(t, fan, post(t, pub, loud, Saying{Text: "pinned", Days: 1, Pinned: true}))
	for range maxNotices + 50 {
		take(t, fan, post(t, pub, loud, text("again")))
	}
	list := shown(t, fan, loud.ID())
	if len(list) != maxNotices || list[len(list)-1].Text != "pinned" || len(shown(t, fan, quiet.ID())) != 1 {
		t.Errorf("%d notices, oldest %q", len(list), list[len(list)-1].Text)
	}
}

func TestBadAsks(t *testing.T) {
	s := boards(t)
	for _, name := range []string{"", strings.Repeat("x", MaxName+1)} {
		if _, err := s.Create(name, nil, 0); !errors.Is(err, ErrCard) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := s.Create("x", [][32]byte{{1}, {1}}, 1); !errors.Is(err, ErrCard) {
		t.Error("one editor twice", err)
	}
	c := create(t, s, nil, 0)
	for _, p := range []Saying{{Days: 3}, {Text: "x"}, {Text: "x", Days: 121}, {Text: strings.Repeat("x", MaxText+1), Days: 1}} {
		if _, err := s.Draft(noon, c.ID(), p); !errors.Is(err, ErrNotice) {
			t.Errorf("%v", err)
		}
	}
	d, err := s.Draft(noon, c.ID(), Saying{Text: "x", Days: 1, Media: make([]byte, 70_000), Sort: Photo})
	if err == nil {
		err = s.Publish(noon, d, nil)
	}
	if !errors.Is(err, ErrNotice) || !strings.Contains(err.Error(), "smaller") {
		t.Error(err)
	}
	fan := boards(t)
	if err := fan.Follow(c); err != nil {
		t.Fatal(err)
	}
	if _, err := fan.Draft(noon, c.ID(), text("x")); !errors.Is(err, ErrNotMine) {
		t.Error(err)
	}
	for _, bad := range []string{"", "jauap:1:x", "jauap-board:1:", "jauap-board:1:AAAA", c.Link()[:len(c.Link())-1]} {
		if _, err := ParseCard(bad); !errors.Is(err, ErrCard) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	s := boards(f)
	c := create(f, s, nil, 0)
	d, err := s.Draft(noon, c.ID(), Saying{Text: "x", Days: 1, Media: []byte("c"), Sort: Voice})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.bytes())
	f.Add(d.Notice.bytes())
	f.Add(d.Bytes())
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if c, ok := parseCard(b); ok && !bytes.Equal(c.bytes(), b) {
			t.Fatal("two forms of one card")
		}
		if n, ok := parseNotice(b); ok && !bytes.Equal(n.bytes(), b) {
			t.Fatal("two forms of one notice")
		}
		if d, err := ParseDraft(b); err == nil {
			if again, err := ParseDraft(d.Bytes()); err != nil || again.Notice.Hash() != d.Notice.Hash() {
				t.Fatal("a draft changed on its way")
			}
		}
	})
}
