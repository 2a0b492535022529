package account

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

func TestFirstLetters(t *testing.T) {
	a, b := newUser(t, "Aigerim"), newUser(t, "Dana")
	befriend(t, a, b)
	if len(a.a.Contacts()) != 0 {
		t.Fatal("an invitation alone makes a contact")
	}
	id := b.write("Aigerim", "are you well?")
	first := b.pack(1 << 20)
	if len(first) != 1 || len(first[0].Bytes) != envelope.S2.Size() || !slices.Equal(first[0].Letters, []LetterID{id}) {
		t.Fatalf("first letter: %d envelopes", len(first))
	}
	if !a.receive(first[0].Bytes) || a.receive(first[0].Bytes) {
		t.Fatal("not once")
	}
	if c := a.contact("dana"); c.Name != "Dana" || c.Verified != Unverified || c.HeardAt.IsZero() {
		t.Fatalf("%+v", c)
	}
	if got := a.notes(); !slices.Equal(got, []string{"are you well?"}) {
		t.Fatalf("notes: %q", got)
	}
	if s := b.progress(id); s != "sealed=true carriers=0 left=false proven=false expired=false" {
		t.Fatal(s)
	}
	exchange(t, a, b)
	if s := b.progress(id); s != "sealed=true carriers=0 left=false proven=false expired=false" {
		t.Fatal(s) // everybody who has the invitation could have made that proof
	}
	b.arrived("Aigerim", id)
	if s := b.progress(id); s != "sealed=true carriers=0 left=false proven=true expired=false" {
		t.Fatal(s)
	}
	a.write("Dana", "yes")
	reply := a.pack(1 << 20)
	if len(reply) != 1 || len(reply[0].Bytes) > envelope.S2.Size() {
		t.Fatalf("reply: %d envelopes", len(reply))
	}
	b.receive(reply[0].Bytes)
	if got := b.notes(); !slices.Equal(got, []string{"yes"}) {
		t.Fatalf("notes: %q", got)
	}
	exchange(t, a, b)
	a.write("Dana", "short")
	if p := a.pack(1 << 20); len(p) != 1 || len(p[0].Bytes) != envelope.S1.Size() {
		t.Fatalf("a short letter in a session takes %d envelopes of %d", len(p), len(p[0].Bytes))
	}
}

func TestCreateAndOpen(t *testing.T) {
	v := NewMemVault()
	if _, err := Open(v, testMoment()); !errors.Is(err, ErrNoAccount) {
		t.Fatal(err)
	}
	a, err := Create(v, "Timur", testMoment())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(v, "Timur", testMoment()); !errors.Is(err, ErrTaken) {
		t.Fatal(err)
	}
	b, err := Open(v, testMoment())
	if err != nil || b.Me().Public() != a.Me().Public() {
		t.Fatal(err)
	}
	if _, err := b.Receive(testMoment(), []byte("junk")); err == nil {
		t.Fatal("junk received")
	}
}

// TestNoApp: what arrives before anything takes letters is not lost.
func TestNoApp(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	b.write("A", "early")
	p := b.pack(1 << 20)
	bare, err := Open(a.vault, a.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bare.Receive(a.at, p[0].Bytes); !errors.Is(err, ErrNoApp) {
		t.Fatal(err)
	}
	// An App that fails leaves everything as it was.
	a.book.fail = errors.New("the App's table is broken")
	if _, err := a.a.Receive(a.at, p[0].Bytes); !errors.Is(err, a.book.fail) {
		t.Fatal(err)
	}
	a.book.fail = nil
	if !a.receive(p[0].Bytes) || len(a.notes()) != 1 {
		t.Fatalf("%q", a.notes())
	}
}

func TestPackingFigure(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	for i := range 500 {
		a.write("B", fmt.Sprintf("%-223d", i)) // 200 and chat's head of 23
	}
	packed := a.pack(1 << 30)
	size := 0
	for _, p := range packed {
		size += len(p.Bytes)
		if !b.receive(p.Bytes) {
			t.Fatal("not received")
		}
	}
	if got := len(b.notes()); got != 500 {
		t.Fatalf("%d letters arrived", got)
	}
	if size > 125_000 {
		t.Errorf("500 letters of 200 B take %d B, want at most 125,000", size)
	}
	if len(packed[0].Bytes) != envelope.S1.Size() {
		t.Errorf("the first of many has %d bytes: too long on a slow link", len(packed[0].Bytes))
	}
	t.Logf("500 texts of 200 B: %d B", size)
}

// TestPackRespectsMax fills ever so small windows.
func TestPackRespectsMax(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	for i := range 30 {
		a.write("B", fmt.Sprintf("%-300d", i))
	}
	a.writeStream("B", "stream")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		m := rng.IntN(9000)
		total := 0
		for _, p := range a.pack(m) {
			total += len(p.Bytes)
			b.receive(p.Bytes)
		}
		if total > m {
			t.Fatalf("%d bytes for a window of %d", total, m)
		}
	}
	if n := len(b.notes()); n != 31 {
		t.Errorf("%d letters arrived", n)
	}
	if got := b.streamed(); got != 3000 {
		t.Errorf("%d bytes of the stream arrived", got)
	}
}

// streamed is how many bytes of streams arrived.
func (u *user) streamed() (n uint64) {
	u.t.Helper()
	err := u.vault.View(func(tx Tx) error {
		return tx.Scan(tableNotes, []byte("bytes"), After([]byte("bytes")), false, func(_, v []byte) (bool, error) {
			n += binary.BigEndian.Uint64(v)
			return true, nil
		})
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return n
}

// TestTextsPassLongStreams: attachments leave keys to texts, and answers of the
// other end let them go on.
func TestTextsPassLongStreams(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	c := a.contact("B")
	err := a.vault.Update(func(tx Tx) error {
		if err := tx.Put(tableNotes, []byte("leftbig"), binary.BigEndian.AppendUint64(nil, 200_000)); err != nil {
			return err
		}
		return a.a.Queue(tx, a.at, Outgoing{To: c.ID, Letter: LetterID{1}, Parts: []seal.Part{{Kind: kindNote}}, Streams: []StreamID{"big"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	var kept []Packed
	for range 300 {
		kept = append(kept, a.pack(1024)...) // so small windows that every piece is an S1
	}
	if len(kept) > 96-reserve+1 || len(kept) < 50 {
		t.Fatalf("%d envelopes without an answer", len(kept))
	}
	if s := a.contact("B").Stuck; s != "" {
		t.Errorf("texts are stuck: %s", s)
	}
	for i := range reserve - 2 {
		a.write("B", fmt.Sprint(i))
		if p := a.pack(4096); len(p) != 1 {
			t.Fatalf("text %d does not leave", i)
		} else {
			kept = append(kept, p...)
		}
	}
	for rounds := 0; b.streamed() < 200_000; rounds++ {
		for _, p := range kept {
			b.receive(p.Bytes)
		}
		b.at.Tick += 60
		a.at.Tick += 60
		for _, p := range b.pack(1 << 20) {
			a.receive(p.Bytes)
		}
		if kept = a.pack(20_000); rounds > 100 {
			t.Fatalf("stalled at %d bytes", b.streamed())
		}
	}
}

// TestCapAndRestart writes into silence until the keys are used up, goes on
// with the restart card, and then waits with a reason.
func TestCapAndRestart(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	var kept []Packed
	for i := range 200 {
		a.write("B", fmt.Sprint(i))
		kept = append(kept, a.pack(1<<20)...)
	}
	stuck := a.contact("B").Stuck
	if len(kept) < 96+60 || len(kept) > 96+64 || stuck == "" {
		t.Fatalf("%d envelopes, stuck: %q", len(kept), stuck)
	}
	if n := a.a.WaitingFor(a.contact("B").ID); n != 200 {
		t.Fatalf("%d wait", n)
	}
	rand.New(rand.NewPCG(4, 4)).Shuffle(len(kept), func(i, j int) { kept[i], kept[j] = kept[j], kept[i] })
	a.restart(a.vault)
	for _, p := range kept {
		if !b.receive(p.Bytes) {
			t.Fatal("not received")
		}
	}
	exchange(t, a, b)
	if n := len(b.notes()); n != 200 {
		t.Fatalf("%d letters arrived", n)
	}
	if s := a.contact("B").Stuck; s != "" {
		t.Errorf("still stuck: %s", s)
	}
	if c := b.contact("A"); c.KeyChanged || c.Forked || len(b.a.Contacts()) != 1 {
		t.Errorf("%+v", c)
	}
}

// TestOldCopyOfVault: B comes back with a copy from before some letters. The
// two find together again; nothing that was not opened by the copy is lost.
func TestOldCopyOfVault(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	old := b.vault.(*MemVault).Clone()
	for i := range 5 {
		a.write("B", fmt.Sprint("first ", i))
		b.write("A", fmt.Sprint("reply ", i))
		exchange(t, a, b)
	}
	b.restart(old)
	for i := range 8 {
		b.write("A", fmt.Sprint("second ", i))
		a.write("B", fmt.Sprint("second ", i))
		exchange(t, a, b)
	}
	last := func(u *user) int {
		n := 0
		for _, s := range u.notes() {
			if len(s) > 6 && s[:6] == "second" {
				n++
			}
		}
		return n
	}
	// Letters of the copy that repeat used keys are refused as opened before;
	// those after the first exchange arrive.
	if last(b) != 8 || last(a) < 2 {
		t.Errorf("A has %d, B has %d of 8", last(a), last(b))
	}
	t.Logf("after the old copy A got %d and B %d of 8", last(a), last(b))
	if !a.contact("B").Forked && !b.contact("A").Forked {
		t.Error("nobody was warned")
	}
}

// TestReplaysLeaveNothing repeats everything that ever travelled, also after a
// restart, and looks at every record of the vault.
func TestReplaysLeaveNothing(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	var all [][]byte
	for round := range 6 {
		a.at.Tick += 60
		b.at.Tick += 60
		b.write("A", fmt.Sprint(round))
		if round > 0 {
			a.writeStream("B", fmt.Sprint(round))
		}
		for _, u := range []*user{a, b} {
			for _, p := range u.pack(1 << 20) {
				all = append(all, p.Bytes)
			}
			proofs, err := u.a.Proofs(u.at, true)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, proofs...)
		}
		for _, raw := range all {
			a.receive(raw)
			b.receive(raw)
		}
	}
	before := [2]*leaf{a.vault.(*MemVault).root, b.vault.(*MemVault).root}
	for i, u := range []*user{a, b} {
		for range 2 {
			for range 20 {
				for _, raw := range all {
					if u.receive(raw) {
						t.Fatal("opened again")
					}
				}
			}
			if u.vault.(*MemVault).root != before[i] {
				t.Fatal("a replay changed the vault")
			}
			u.restart(u.vault)
		}
	}
}

func TestProofsWaitAndAreChecked(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	c := testConfig(1)
	c.ProofMin, c.ProofMax = time.Hour, 24*time.Hour
	b.a.Configure(c)
	id := a.write("B", "x")
	packed := a.pack(1 << 20)
	b.receive(packed[0].Bytes)
	due, ok := b.a.Next()
	if wait := due - b.at.Tick; !ok || wait < 3600 || wait > 86400 {
		t.Fatalf("due in %d s", wait)
	}
	at := b.at
	at.Tick = due - 1
	if p, err := b.a.Proofs(at, false); err != nil || len(p) != 0 {
		t.Fatalf("%d proofs too early, %v", len(p), err)
	}
	at.Tick = due
	proofs, err := b.a.Proofs(at, false)
	if err != nil || len(proofs) != 1 {
		t.Fatalf("%d proofs, %v", len(proofs), err)
	}
	if again, _ := b.a.Proofs(at, true); len(again) != 0 {
		t.Fatal("the same proof twice in one life")
	}
	b.restart(b.vault)
	if again, _ := b.a.Proofs(at, true); len(again) != 1 {
		t.Fatal("the proof was lost with the process")
	}
	if err := b.a.Submitted(envelope.IDOf(proofs[0])); err != nil {
		t.Fatal(err)
	}
	b.restart(b.vault)
	if again, _ := b.a.Proofs(at, true); len(again) != 0 {
		t.Fatal("a submitted proof comes back")
	}
	for i := range proofs[0] {
		forged := slices.Clone(proofs[0])
		forged[i] ^= 1
		if _, err := a.a.Receive(a.at, forged); err == nil {
			t.Fatalf("a proof with byte %d changed is taken", i)
		}
	}
	if _, err := b.a.Receive(b.at, proofs[0]); !errors.Is(err, ErrNotOurs) {
		t.Error(err)
	}
	r, err := a.a.Receive(a.at, proofs[0])
	if err != nil || len(r.Proven) != 1 || r.Proven[0] != packed[0].ID || r.From.Name != "B" {
		t.Fatalf("%+v %v", r, err)
	}
	if s := a.progress(id); s != "sealed=true carriers=0 left=false proven=true expired=false" {
		t.Error(s)
	}
	if n, _ := a.a.Unhanded(); len(n) != 0 {
		t.Errorf("%d envelopes are still kept", len(n))
	}
}

// TestWildClocks: nothing is sealed on an unbelievable day, everything can be
// received on it, and nothing is lost by it.
func TestWildClocks(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	good := a.at
	for i, wall := range []time.Time{time.Unix(0, 0), time.Date(2106, 2, 7, 6, 28, 15, 0, time.UTC), time.Unix(-1e10, 0), good.Wall.AddDate(-10, 0, 0)} {
		a.at = Moment{Wall: wall, Tick: a.at.Tick + 60, Day: envelope.DayOf(wall)}
		id := a.write("B", fmt.Sprint("to B ", i))
		if _, err := a.a.Pack(a.at, 1<<20); !errors.Is(err, ErrClock) {
			t.Fatalf("%v: %v", wall, err)
		}
		b.write("A", fmt.Sprint("to A ", i))
		for _, p := range b.pack(1 << 20) {
			if !a.receive(p.Bytes) {
				t.Fatal("not received")
			}
		}
		a.restart(a.vault)
		tick := a.at.Tick
		a.at = good
		a.at.Tick = tick + 60
		for _, p := range a.pack(1 << 20) {
			if day := mustParse(t, p.Bytes).Expiry(); day < testDay+30 || day > testDay+32 {
				t.Errorf("expiry %v", day)
			}
			b.receive(p.Bytes)
		}
		if s := a.progress(id); s == "" {
			t.Error("no progress")
		}
	}
	if len(a.notes()) != 4 || len(b.notes()) != 4 {
		t.Errorf("%q %q", a.notes(), b.notes())
	}
}

// TestTickGoesOn: a letter that waits unsealed ages with the device's time and
// is not sent when it is too old; it is forgotten long after.
func TestUnsealedLettersAge(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	id := a.write("B", "old")
	a.at.Day += 400 // the device was off, or the clock was put right
	if p := a.pack(1 << 20); len(p) != 1 {
		t.Fatal("a letter that is young in device time does not leave")
	}
	id2 := a.write("B", "older")
	a.at.Tick += 31 * day
	if p := a.pack(1 << 20); len(p) != 0 {
		t.Fatal("a letter of 31 days leaves")
	}
	if s := a.progress(id2); s != "sealed=false carriers=0 left=false proven=false expired=true" {
		t.Error(s)
	}
	a.at.Tick += keepExpired + 2*day
	a.at.Day += 100
	a.pack(1 << 20)
	err := a.vault.View(func(tx Tx) error {
		for table := tableQueue; table <= tableAcks; table++ {
			err := tx.Scan(table, nil, nil, false, func(k, v []byte) (bool, error) {
				if string(v) != "" && (slices.Equal(k, id2[:]) || table == tableQueue) {
					t.Errorf("left behind in table %d: %x %q", table, k, v)
				}
				return true, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = id
}

func TestForeignIsQuick(t *testing.T) {
	a, b, c := newUser(t, "A"), newUser(t, "B"), newUser(t, "C")
	befriend(t, a, b)
	befriend(t, b, c)
	root := a.vault.(*MemVault).root
	c.write("B", "not for A")
	for _, p := range c.pack(1 << 20) {
		if a.a.Knows(mustParse(t, p.Bytes).Tag()) || a.receive(p.Bytes) {
			t.Error("A takes a letter to B")
		}
	}
	if a.vault.(*MemVault).root != root {
		t.Error("a foreign letter left something behind")
	}
}

func TestReceiveAll(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	var raws [][]byte
	for i := range 20 {
		a.write("B", fmt.Sprint(i))
		for _, p := range a.pack(1 << 20) {
			raws = append(raws, p.Bytes)
		}
	}
	broken := slices.Clone(raws[3])
	broken[200] ^= 1
	raws = append([][]byte{[]byte("junk"), broken, raws[0]}, raws...)
	results, err := b.a.ReceiveAll(b.at, raws)
	if err != nil {
		t.Fatal(err)
	}
	bad := 0
	for _, r := range results {
		if r.Err != nil {
			bad++
		}
		if r.Later {
			t.Error("what is wrong with a unit is taken for a failing vault")
		}
	}
	if bad != 3 || results[0].Err == nil || !errors.Is(results[1].Err, seal.ErrWrongKey) || !errors.Is(results[3].Err, ErrNotOurs) || len(b.notes()) != 20 {
		t.Errorf("%d refused, %d letters", bad, len(b.notes()))
	}
}

// TestCarriers: a letter of several pieces is carried, or has left, only when
// all of it is.
func TestCarriers(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	id := a.writeStream("B", "x")
	packed := a.pack(2048)
	packed = append(packed, a.pack(1<<20)...)
	if len(packed) < 2 || a.a.Waiting() != 1 {
		t.Fatalf("%d pieces, %d waiting", len(packed), a.a.Waiting())
	}
	hand := func(who string, abroad bool, which ...Packed) string {
		t.Helper()
		var list []Handover
		for _, p := range which {
			list = append(list, Handover{p.ID, who, abroad})
		}
		if err := a.a.HandedAll(a.at, append(list, Handover{envelope.ID{9}, who, abroad})); err != nil {
			t.Fatal(err)
		}
		return a.progress(id)
	}
	const none = "sealed=true carriers=0 left=false proven=false expired=false"
	if s := hand("Timur", false, packed[0]); s != none {
		t.Error(s)
	}
	if s := hand("relay", true, packed[0]); s != none {
		t.Error(s)
	}
	if s := hand("Timur", false, packed[1:]...); s != "sealed=true carriers=1 left=false proven=false expired=false" {
		t.Error(s)
	}
	if a.a.Waiting() != 0 {
		t.Error("still waiting")
	}
	if s := hand("relay", true, packed[1:]...); s != "sealed=true carriers=2 left=true proven=false expired=false" {
		t.Error(s)
	}
	for i := range 300 {
		hand(fmt.Sprint("carrier ", i), false, packed...)
	}
	if s := a.progress(id); s != "sealed=true carriers=63 left=true proven=false expired=false" {
		t.Error(s)
	}
	for _, p := range packed {
		b.receive(p.Bytes)
	}
	exchange(t, a, b)
	if s := hand("late", false, packed...); s != "sealed=true carriers=0 left=false proven=true expired=false" {
		t.Error(s)
	}
}

// TestManySessions: a contact who starts again and again does not fill the
// vault, and the newest session is the one that is used.
func TestManySessions(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	for i := range 2 * maxSessions {
		for _, u := range []*user{a, b} {
			u.at.Tick += 2 * day
			u.at.Day += 2
		}
		if _, err := b.a.Accept(b.at, mustInvite(t, a), "", false); err != nil {
			t.Fatal(err)
		}
		exchange(t, a, b)
		a.write("B", fmt.Sprint("a", i))
		b.write("A", fmt.Sprint("b", i))
		exchange(t, a, b)
	}
	p := a.a.people[a.contact("B").ID]
	if n := len(p.sessions); n != maxSessions {
		t.Errorf("%d sessions", n)
	}
	if len(a.notes()) != 2*maxSessions || len(b.notes()) != 2*maxSessions {
		t.Errorf("%d and %d letters", len(a.notes()), len(b.notes()))
	}
	if len(a.a.Contacts()) != 1 {
		t.Errorf("%d contacts", len(a.a.Contacts()))
	}
	a.at.Tick += keepOld + day
	a.write("B", "later")
	a.pack(1 << 20)
	if n := len(p.sessions); n != 1 {
		t.Errorf("%d sessions after %d days", n, keepOld/day)
	}
	tags := 0
	for _, o := range a.a.tags {
		if o.session != nil {
			tags++
			if o.session != p.sessions[0] {
				t.Fatal("a tag leads to a session that is gone")
			}
		}
	}
	if want := len(p.sessions[0].s.Tags()); tags != want {
		t.Errorf("%d tags, want %d", tags, want)
	}
}

// TestOneBadContact: what goes wrong with one does not hold up the others.
func TestOneBadContact(t *testing.T) {
	a, b, c := newUser(t, "A"), newUser(t, "B"), newUser(t, "C")
	befriend(t, a, b)
	befriend(t, a, c)
	exchange(t, a, b, c)
	a.a.people[a.contact("B").ID].lifeDays = 1000 // seal refuses it
	a.write("B", "to B")
	a.write("C", "to C")
	packed := a.pack(1 << 20)
	if len(packed) != 1 || packed[0].To != a.contact("C").ID {
		t.Fatalf("%d envelopes", len(packed))
	}
	a.restart(a.vault)
	if packed = a.pack(1 << 20); len(packed) != 1 || packed[0].To != a.contact("B").ID {
		t.Fatalf("%d envelopes after mending", len(packed))
	}
	// The same for what arrives: the App fails for one part only.
	for _, u := range []*user{b, c} {
		u.write("A", "from "+u.name)
	}
	raws := [][]byte{b.pack(1 << 20)[0].Bytes, c.pack(1 << 20)[0].Bytes}
	a.book.poison = "from B"
	results, err := a.a.ReceiveAll(a.at, raws)
	if err != nil || results[0].Err == nil || !results[0].Later || results[1].Err != nil || results[1].Later {
		t.Fatal(err, results[0], results[1])
	}
	a.book.poison = ""
	if !a.receive(raws[0]) || len(a.notes()) != 2 {
		t.Errorf("%q", a.notes())
	}
}

// TestLongTextsPassAttachments: an early stream leaves before a late one.
func TestLongTextsPassAttachments(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	a.writeStream("B", "film")
	c := a.contact("B")
	err := a.vault.Update(func(tx Tx) error {
		if err := tx.Put(tableNotes, []byte("lefttext"), binary.BigEndian.AppendUint64(nil, 9000)); err != nil {
			return err
		}
		return a.a.Queue(tx, a.at, Outgoing{To: c.ID, Letter: LetterID{1}, Early: []StreamID{"text"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	left := func(s StreamID) (n int64) {
		if err := a.vault.View(func(tx Tx) (err error) { n, err = a.book.Left(tx, s); return err }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	a.pack(3 * 4096)
	if left("text") != 0 || left("film") == 0 {
		t.Errorf("text %d, film %d", left("text"), left("film"))
	}
	a.pack(1 << 20)
	if left("film") != 0 {
		t.Error("the film does not leave")
	}
}
