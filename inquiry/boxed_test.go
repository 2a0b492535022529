package inquiry

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/internal/limits"
)

// boxLetters are the letters of one desk to inboxes and askers, unsealed.
type boxLetters struct {
	written [][]byte              // to the inbox
	said    map[[32]byte][][]byte // by the first chain of an address
	first   map[[32]byte][32]byte
}

func (l *boxLetters) Answer(_ account.Tx, _ account.Moment, chain [32]byte, _ uint8, content []byte) ([32]byte, error) {
	next := sha256.Sum256(chain[:])
	begin, ok := l.first[chain]
	if !ok {
		begin = chain
	}
	l.first[next] = begin
	l.said[begin] = append(l.said[begin], bytes.Clone(content))
	return next, nil
}

func (l *boxLetters) Write(_ account.Tx, _ account.Moment, _ [16]byte, content []byte) error {
	l.written = append(l.written, bytes.Clone(content))
	return nil
}

var theBox = [16]byte{0xb0, 1}

// through gives desks letters.
func (c *country) through() map[account.ContactID]*boxLetters {
	all := map[account.ContactID]*boxLetters{}
	for id, d := range c.desks {
		all[id] = &boxLetters{said: map[[32]byte][][]byte{}, first: map[[32]byte][32]byte{}}
		d.Through(all[id])
	}
	return all
}

// ask drafts and keeps a slip for the box.
func (c *country) ask(who account.ContactID, s Slip, chain [32]byte) *Boxed {
	c.t.Helper()
	d := c.desks[who]
	b, err := d.Box(c.at(), s, theBox, chain, 7)
	c.must(err)
	c.must(d.vault.Update(func(tx account.Tx) error { return d.Keep(tx, b, ID{1}) }))
	return b
}

func (c *country) file(door account.ContactID, content []byte, want Verdict) {
	c.t.Helper()
	if v, err := c.desks[door].File(c.at(), theBox, content); v != want || err != nil {
		c.t.Errorf("verdict %q, %v; not %q", v, err, want)
	}
}

// hear gives an asker all that was said to its address, in any order.
func (c *country) hear(who account.ContactID, about ID, said [][]byte) {
	c.t.Helper()
	d := c.desks[who]
	for _, i := range c.rng.Perm(len(said)) {
		c.must(d.vault.Update(func(tx account.Tx) error { return d.Heard(tx, c.at(), theBox, about, said[i]) }))
	}
}

// TestBoxed: one who knows nobody asks an inbox; its team works the slip, and
// the asker hears what came of it and no name.
func TestBoxed(t *testing.T) {
	c := newCountry(t, 11, 4)
	asker, door, x, y := c.names[0], c.names[1], c.names[2], c.names[3]
	l := c.through()
	for _, h := range []account.ContactID{door, x, y} {
		c.must(c.desks[h].SetTeam(slices.DeleteFunc([]account.ContactID{door, x, y}, func(o account.ContactID) bool { return o == h })))
	}
	chain := [32]byte{1, 2, 3}
	b := c.ask(asker, asked("Әсел"), chain)
	c.file(door, b.Content, Filed)
	c.file(door, b.Content, Known)
	c.carry()
	if v := c.slips(x)[b.ID]; v.State != Open || v.Name != "Әсел" || v.Boxed {
		t.Fatalf("%+v", v)
	}
	if v := c.slips(door)[b.ID]; !v.Boxed || v.Askers != 1 || v.Via != theBox || v.Made.Minute() != 0 {
		t.Fatalf("%+v", v)
	}
	c.must(c.desks[x].Act(c.at(), b.ID, Took, 0, ""))
	c.must(c.desks[y].Act(c.at(), b.ID, Took, 0, ""))
	c.carry()
	c.must(c.desks[x].Act(c.at(), b.ID, Answered, Spoke, "She has bread."))
	c.carry()
	said := l[door].said[chain]
	if len(said) != 3 || bytes.Contains(slices.Concat(said...), []byte("helper")) {
		t.Fatalf("%d, %q", len(said), said)
	}
	c.hear(asker, b.ID, said)
	c.hear(asker, b.ID, said)
	v := c.slips(asker)[b.ID]
	if v.State != Done || len(v.Events) != 3 || v.Events[2].Text != "She has bread." || v.Events[2].Via != theBox || v.Letter != (ID{1}) {
		t.Fatalf("%+v", v)
	}
	// Nothing of it is left where the team works, and a second answer still goes out.
	for _, h := range []account.ContactID{door, x, y} {
		if v := c.slips(h)[b.ID]; !v.Erased || v.Name != "" {
			t.Errorf("%+v", v)
		}
	}
	c.must(c.desks[door].Act(c.at(), b.ID, Answered, Other, "Her son is there, too."))
	if said = l[door].said[chain]; len(said) != 4 {
		t.Errorf("%d answers", len(said))
	}
	c.now = c.now.AddDate(0, 0, 15)
	c.must(c.desks[door].Tend(c.at()))
	if v := c.slips(door)[b.ID]; v.Askers != 0 || v.State != Done {
		t.Errorf("the way to the asker is kept: %+v", v)
	}
	if _, open, err := c.desks[door].Refused(theBox); open != 0 || err != nil {
		t.Error(open, err)
	}
}

// TestMerged: the same question in the same words is one slip, and all who
// asked hear; it is withdrawn when the last of them withdraws.
func TestMerged(t *testing.T) {
	c := newCountry(t, 12, 4)
	a1, a2, door := c.names[0], c.names[1], c.names[2]
	l := c.through()
	b1, b2 := c.ask(a1, asked("Әсел"), [32]byte{1}), c.ask(a2, asked("Әсел"), [32]byte{2})
	other := asked("Әсел")
	other.From = "her son"
	b3 := c.ask(a2, other, [32]byte{3})
	c.file(door, b1.Content, Filed)
	c.must(c.desks[door].Act(c.at(), b1.ID, Took, 0, ""))
	c.file(door, b2.Content, Merged)
	c.file(door, b2.Content, Known)
	c.file(door, b3.Content, Filed)
	if v := c.slips(door); len(v) != 2 || v[b1.ID].Askers != 2 {
		t.Fatalf("%+v", v)
	}
	if said := l[door].said[[32]byte{2}]; len(said) != 1 {
		t.Errorf("who was merged heard %d events", len(said))
	}
	// One takes it back: the other still waits for an answer.
	c.must(c.desks[a1].Act(c.at(), b1.ID, Withdrawn, 0, ""))
	c.file(door, l[a1].written[0], Filed)
	c.file(door, l[a1].written[0], Known)
	if v := c.slips(door)[b1.ID]; v.State != TakenState || v.Askers != 1 {
		t.Fatalf("%+v", v)
	}
	c.must(c.desks[door].Act(c.at(), b1.ID, Answered, Neighbour, "seen on Sunday"))
	c.hear(a2, b2.ID, l[door].said[[32]byte{2}])
	if v := c.slips(a2)[b2.ID]; v.State != Done || v.Events[len(v.Events)-1].Text != "seen on Sunday" {
		t.Errorf("%+v", v)
	}
	if n := len(l[door].said[[32]byte{1}]); n != 1 {
		t.Errorf("who withdrew heard %d events", n)
	}
	// A withdrawal may come first.
	b4 := c.ask(a1, asked("Болат"), [32]byte{4})
	c.must(c.desks[a1].Act(c.at(), b4.ID, Withdrawn, 0, ""))
	c.file(door, l[a1].written[1], Filed)
	c.file(door, b4.Content, Filed)
	if v := c.slips(door)[b4.ID]; v.State != Gone || v.Name != "" || v.Askers != 0 {
		t.Errorf("%+v", v)
	}
}

// TestHostileBox: what strangers seal to an inbox gets a verdict, changes no
// slip of others, and a flood keeps nobody else out.
func TestHostileBox(t *testing.T) {
	c := newCountry(t, 13, 3)
	a, door, friend := c.names[0], c.names[1], c.names[2]
	c.through()
	chain := [32]byte{9}
	b := c.ask(a, asked("Әсел"), chain)
	c.file(door, b.Content, Filed)
	d := c.desks[door]
	refuse := func(content []byte, want Verdict) {
		t.Helper()
		before, _, _ := d.Refused(theBox)
		c.file(door, content, want)
		if after, _, _ := d.Refused(theBox); after != before+1 {
			t.Errorf("%q is not counted", want)
		}
	}
	s := asked("Мұрат")
	s.ID = b.ID
	refuse(boxedSlip(&s, [32]byte{8}, 7), NotTheirs) // another's name
	refuse(boxedWithdrawal(&back{slip: b.ID, right: [32]byte{1}}, &Event{ID: ID{5}, At: c.now}), NotTheirs)
	s.ID = ID{3}
	refuse(boxedSlip(&s, chain, 0), Unusable)
	s.Days = 0
	refuse(boxedSlip(&s, chain, 7), Unusable)
	s = asked(strings.Repeat("x", MaxTexts))
	s.ID = ID{3}
	refuse(boxedSlip(&s, chain, 7), Unusable)
	refuse([]byte{1, 2}, Unusable)
	refuse(nil, Unusable)
	if v := c.slips(door); len(v) != 1 || v[b.ID].State != Open || v[b.ID].Name != "Әсел" {
		t.Errorf("%+v", v)
	}
	// An asker's event, or one about another's slip, is none of the inbox's.
	said := [][]byte{eventPart(b.ID, &Event{ID: ID{1}, Kind: Withdrawn}).Body, eventPart(ID{4}, &Event{ID: ID{2}, Kind: Took}).Body, {1, 2, 3}, nil}
	c.hear(a, b.ID, said)
	if v := c.slips(a)[b.ID]; len(v.Events) != 0 {
		t.Errorf("%+v", v)
	}
	// A full queue: the slip waits, and a contact's comes in.
	key := account.ContactID(theBox)
	c.must(d.vault.Update(func(tx account.Tx) error { return d.count(tx, key, maxBoxed-1, 0) }))
	s = asked("Болат")
	s.ID = ID{6}
	if _, err := d.File(c.at(), theBox, boxedSlip(&s, [32]byte{6}, 7)); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	id, err := c.desks[friend].Ask(c.at(), asked("Гүлнар"), []account.ContactID{door})
	c.must(err)
	c.carry()
	if c.state(door, id) != Open {
		t.Error("a flood to the inbox keeps a contact's slip out")
	}
	c.must(d.Delete(b.ID))
	c.file(door, boxedSlip(&s, [32]byte{6}, 7), Filed)
}

var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors anew")

type slipVector struct {
	Name    string            `json:"name"`
	Content []byte            `json:"content"`
	Expect  string            `json:"expect"` // slip, withdrawal, malformed
	Fields  map[string]string `json:"fields,omitempty"`
}

func makeSlips() (all []slipVector) {
	s := asked("Әсел")
	s.ID, s.Made = ID{1, 2, 3}, when(1641459600000)
	chain := [32]byte(bytes.Repeat([]byte{7}, 32))
	good := boxedSlip(&s, chain, 200)
	right := rightOf(chain)
	all = append(all, slipVector{"a slip", good, "slip", fieldsOf(&s, chain, 200)})
	gone := boxedWithdrawal(&back{slip: s.ID, right: right}, &Event{ID: ID{9}, At: s.Made})
	all = append(all, slipVector{"its withdrawal", gone, "withdrawal", map[string]string{"slip": s.ID.String(), "right": hex.EncodeToString(right[:])}})
	bad := func(name string, content []byte) { all = append(all, slipVector{name, content, "malformed", nil}) }
	all = append(all, slipVector{"a later version's field behind it", append(bytes.Clone(good), 0), "slip", fieldsOf(&s, chain, 200)})
	bad("cut short", good[:len(good)-1])
	bad("shard 0", boxedSlip(&s, chain, 0))
	bad("another version", append([]byte{2}, good[1:]...))
	s.Days = 121
	bad("open for 121 days", boxedSlip(&s, chain, 200))
	return all
}

func fieldsOf(s *Slip, chain [32]byte, shard uint8) map[string]string {
	return map[string]string{"slip": s.ID.String(), "address": hex.EncodeToString(chain[:]), "shard": fmt.Sprint(shard), "days": fmt.Sprint(s.Days), "made": fmt.Sprint(s.Made.UnixMilli()),
		"name": s.Name, "phone": s.Phone, "address_of": s.Address, "question": s.Question, "from": s.From, "say": s.Say}
}

// secondSlip reads a content from the text of spec/inquiry.md alone.
func secondSlip(b []byte) (string, map[string]string) {
	bad := false
	take := func(n int) []byte {
		if bad || n < 0 || n > len(b) {
			bad = true
			return make([]byte, max(n, 0))
		}
		x := b[:n]
		b = b[n:]
		return x
	}
	num := func() int {
		v, n := binary.Uvarint(b)
		take(max(n, 1))
		return int(v)
	}
	zig := func() int { v := num(); return v>>1 ^ -(v & 1) }
	if take(1)[0] != 1 {
		return "malformed", nil
	}
	form := num()
	f := map[string]string{}
	if form == 1 {
		f["slip"] = hex.EncodeToString(take(16))
		take(16)
		zig()
		f["right"] = hex.EncodeToString(take(32))
	} else {
		f["address"], f["shard"] = hex.EncodeToString(take(32)), fmt.Sprint(take(1)[0])
		if n := num(); n < 0 || n > len(b) {
			return "malformed", nil
		} else if b = b[:n]; take(1)[0] != 1 {
			return "malformed", nil
		}
		f["slip"], f["made"] = hex.EncodeToString(take(16)), fmt.Sprint(zig())
		days := num()
		f["days"] = fmt.Sprint(days)
		if num() != 0 || days < 1 || days > 120 || f["shard"] == "0" {
			return "malformed", nil
		}
		for _, k := range []string{"name", "phone", "address_of", "question", "from", "say"} {
			f[k] = string(take(num()))
		}
	}
	if bad {
		return "malformed", nil
	}
	return []string{"slip", "withdrawal"}[form], f
}

func TestSlipVectors(t *testing.T) {
	const path = "../spec/vectors/slips.json"
	var all struct {
		About   string       `json:"about"`
		Vectors []slipVector `json:"vectors"`
	}
	if *writeVectors {
		all.About, all.Vectors = "Slips to a public inbox: spec/inquiry.md, 8.", makeSlips()
		b, err := json.MarshalIndent(all, "", " ")
		if err == nil {
			err = os.WriteFile(path, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &all); err != nil || len(all.Vectors) < 7 {
		t.Fatal(len(all.Vectors), err)
	}
	for i, v := range all.Vectors {
		s, b, e, err := parseBoxed(v.Content)
		class, fields := "malformed", map[string]string(nil)
		switch {
		case err != nil:
		case e.Kind == Withdrawn:
			class, fields = "withdrawal", map[string]string{"slip": b.slip.String(), "right": hex.EncodeToString(b.right[:])}
		default:
			class, fields = "slip", fieldsOf(&s, b.chain, b.shard)
		}
		for _, got := range []struct {
			class  string
			fields map[string]string
		}{{class, fields}, func() (g struct {
			class  string
			fields map[string]string
		}) {
			g.class, g.fields = secondSlip(v.Content)
			return g
		}()} {
			if got.class != v.Expect || fmt.Sprint(got.fields) != fmt.Sprint(v.Fields) {
				t.Errorf("%d, %s: %s %v", i, v.Name, got.class, got.fields)
			}
		}
	}
}

// FuzzBoxed: whatever comes to an inbox is read as what would be written, or
// refused.
func FuzzBoxed(f *testing.F) {
	for _, v := range makeSlips() {
		f.Add(v.Content)
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		defer limits.Watch(t, len(content))()
		s, b, e, err := parseBoxed(content)
		if err != nil {
			return
		}
		again := boxedWithdrawal(&b, &e)
		if e.Kind != Withdrawn {
			again = boxedSlip(&s, b.chain, b.shard)
		}
		if s2, b2, e2, err := parseBoxed(again); err != nil || s2 != s || b2 != b || e2 != e {
			t.Fatalf("%+v %+v %+v %v", s2, b2, e2, err)
		}
	})
}
