package inquiry

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/seal"
)

// mail is a part on its way between two desks of a country.
type mail struct {
	from, to account.ContactID
	letter   account.LetterID
	part     seal.Part
}

// country is desks and the mail between them.
type country struct {
	t     testing.TB
	rng   *rand.Rand
	now   time.Time
	names []account.ContactID
	desks map[account.ContactID]*Desk
	mails []mail
	cut   map[account.ContactID]bool // nothing goes to or from them
}

// post is one desk's way out.
type post struct {
	c    *country
	from account.ContactID
}

func (p post) Queue(_ account.Tx, _ account.Moment, o account.Outgoing) error {
	for _, part := range o.Parts {
		if seal.PartSize(part) > 900 {
			p.c.t.Errorf("a part of %d bytes does not fit every envelope", seal.PartSize(part))
		}
		p.c.mails = append(p.c.mails, mail{p.from, o.To, o.Letter, part})
	}
	return nil
}

func newCountry(t testing.TB, seed uint64, n int) *country {
	c := &country{t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2022, 1, 6, 9, 0, 0, 0, time.UTC),
		desks: map[account.ContactID]*Desk{}, cut: map[account.ContactID]bool{}}
	for i := range n {
		id := account.ContactID{byte(i + 1)}
		c.names = append(c.names, id)
		c.desks[id] = New(post{c, id}, account.NewMemVault(), fmt.Sprintf("helper %d", i))
	}
	return c
}

func (c *country) at() account.Moment {
	c.now = c.now.Add(time.Second)
	return account.Moment{Wall: c.now}
}

func (c *country) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// carry delivers what is under way, in any order, some of it twice, until
// nothing is left but what goes to those who are cut off.
func (c *country) carry() {
	c.t.Helper()
	var held []mail
	for len(c.mails) > 0 {
		i := c.rng.IntN(len(c.mails))
		m := c.mails[i]
		c.mails[i] = c.mails[len(c.mails)-1]
		c.mails = c.mails[:len(c.mails)-1]
		if c.cut[m.from] || c.cut[m.to] {
			held = append(held, m)
			continue
		}
		d := c.desks[m.to]
		for range 1 + c.rng.IntN(8)/7 {
			c.must(d.vault.Update(func(tx account.Tx) error {
				return d.Deliver(tx, account.Contact{ID: m.from}, c.at(), m.part)
			}))
		}
		sender := c.desks[m.from]
		c.must(sender.vault.Update(func(tx account.Tx) error {
			return sender.Moved(tx, c.at(), account.Progress{Letter: m.letter, To: m.to, Proven: true})
		}))
	}
	c.mails = held
}

func (c *country) slips(of account.ContactID) map[ID]View {
	c.t.Helper()
	list, err := c.desks[of].Slips(account.Moment{Wall: c.now}, nil)
	c.must(err)
	m := map[ID]View{}
	for _, v := range list {
		m[v.ID] = v
	}
	return m
}

func (c *country) state(of account.ContactID, id ID) State { return c.slips(of)[id].State }

func asked(name string) Slip {
	return Slip{Name: name, Phone: "+7 701 000 00 00", Address: "Алматы, Абай даңғылы 10", Question: "Тірі ме?", From: "her brother in Omsk", Say: "We are well.", Days: 14}
}

// TestOneSlip follows a slip from an asker through a door and its team and back.
func TestOneSlip(t *testing.T) {
	c := newCountry(t, 1, 4)
	asker, door, x, y := c.names[0], c.names[1], c.names[2], c.names[3]
	for _, h := range []account.ContactID{door, x, y} {
		c.must(c.desks[h].SetTeam(slices.DeleteFunc([]account.ContactID{door, x, y}, func(o account.ContactID) bool { return o == h })))
	}
	id, err := c.desks[asker].Ask(c.at(), asked("Әсел"), []account.ContactID{door})
	c.must(err)
	c.carry()
	for _, h := range []account.ContactID{door, x, y} {
		if v := c.slips(h)[id]; v.State != Open || v.Name != "Әсел" || v.Mine {
			t.Fatalf("%v: %+v", h, v)
		}
	}
	// Two take it while they cannot hear each other: both are named.
	c.cut[y] = true
	c.must(c.desks[x].Act(c.at(), id, Took, 0, ""))
	c.must(c.desks[y].Act(c.at(), id, Took, 0, ""))
	c.carry()
	c.cut[y] = false
	c.carry()
	if v := c.slips(asker)[id]; v.State != TakenState || !slices.Equal(v.Takers, []string{"helper 2", "helper 3"}) {
		t.Fatalf("%+v", v)
	}
	c.must(c.desks[y].Act(c.at(), id, GaveBack, 0, ""))
	c.must(c.desks[x].Act(c.at(), id, Answered, NoAnswer, "rang for ten minutes"))
	c.carry()
	if v := c.slips(asker)[id]; v.State != TakenState || v.Tries != 1 || len(v.Takers) != 1 {
		t.Fatalf("%+v", v)
	}
	c.must(c.desks[x].Act(c.at(), id, Answered, Spoke, "She is well and at home."))
	c.carry()
	v := c.slips(asker)[id]
	if last := v.Events[len(v.Events)-1]; v.State != Done || last.Text != "She is well and at home." || last.Who != "helper 2" || last.Via != door || v.Erased {
		t.Fatalf("%+v", v)
	}
	// The helpers' devices know no more whom it was about, nor what was said.
	for _, h := range []account.ContactID{door, x, y} {
		v := c.slips(h)[id]
		if !v.Erased || v.Name+v.Phone+v.Address+v.Question+v.From+v.Say != "" {
			t.Errorf("%v still knows %+v", h, v.Slip)
		}
		for _, e := range v.Events {
			if e.Text != "" {
				t.Errorf("%v still says %q", h, e.Text)
			}
		}
	}
	if err := c.desks[x].Act(c.at(), id, Took, 0, ""); !errors.Is(err, ErrOver) {
		t.Errorf("an answered slip was taken: %v", err)
	}
	if err := c.desks[asker].Act(c.at(), id, Took, 0, ""); !errors.Is(err, ErrNotMine) {
		t.Errorf("the asker took it: %v", err)
	}
	c.must(c.desks[asker].Delete(id))
	if len(c.slips(asker)) != 0 {
		t.Error("a deleted slip is there")
	}
}

func TestWithdrawn(t *testing.T) {
	c := newCountry(t, 2, 3)
	asker, door, x := c.names[0], c.names[1], c.names[2]
	c.must(c.desks[door].SetTeam([]account.ContactID{x}))
	id, err := c.desks[asker].Ask(c.at(), asked("Марат"), []account.ContactID{door})
	c.must(err)
	c.must(c.desks[asker].Act(c.at(), id, Withdrawn, 0, ""))
	c.carry() // the withdrawal may come before the slip
	for _, h := range c.names {
		if s := c.state(h, id); s != Gone {
			t.Errorf("%v: %s", h, s)
		}
	}
	if v := c.slips(x)[id]; !v.Erased {
		t.Errorf("%+v", v)
	}
}

// TestLate shows that a slip is over when its days are, and only then erased.
func TestLate(t *testing.T) {
	c := newCountry(t, 3, 2)
	id, err := c.desks[c.names[0]].Ask(c.at(), asked("X"), []account.ContactID{c.names[1]})
	c.must(err)
	c.carry()
	d := c.desks[c.names[1]]
	c.now = c.now.AddDate(0, 0, 13)
	c.must(d.Tend(c.at()))
	if v := c.slips(c.names[1])[id]; v.State != Open || v.Erased {
		t.Fatalf("%+v", v)
	}
	c.now = c.now.AddDate(0, 0, 2)
	if s := c.state(c.names[1], id); s != Late {
		t.Error(s)
	}
	c.must(d.Tend(c.at()))
	if v := c.slips(c.names[1])[id]; !v.Erased || v.Name != "" {
		t.Errorf("%+v", v)
	}
}

// TestStrangers shows what is not taken: events of people who have nothing to do
// with a slip, withdrawals of helpers, answers of the asker.
func TestStrangers(t *testing.T) {
	c := newCountry(t, 4, 4)
	asker, door, spy := c.names[0], c.names[1], c.names[3]
	id, err := c.desks[asker].Ask(c.at(), asked("X"), []account.ContactID{door})
	c.must(err)
	c.carry()
	deliver := func(to, from account.ContactID, e Event) {
		e.ID, e.At, e.Who = newID(), c.now, "?"
		d := c.desks[to]
		c.must(d.vault.Update(func(tx account.Tx) error { return d.Deliver(tx, account.Contact{ID: from}, c.at(), eventPart(id, &e)) }))
	}
	deliver(asker, spy, Event{Kind: Answered, Outcome: Spoke})
	deliver(door, spy, Event{Kind: Withdrawn})
	deliver(asker, door, Event{Kind: Withdrawn})
	deliver(door, asker, Event{Kind: Answered, Outcome: Spoke})
	for _, h := range []account.ContactID{asker, door} {
		if v := c.slips(h)[id]; v.State != Open || len(v.Events) != 0 {
			t.Errorf("%v: %+v", h, v)
		}
	}
	// A flood is bounded.
	for range 3 * maxEvents {
		deliver(asker, door, Event{Kind: Took})
	}
	if n := len(c.slips(asker)[id].Events); n > maxEvents {
		t.Errorf("%d events", n)
	}
	d := c.desks[door]
	for range maxOpen + 10 {
		s := asked("flood")
		s.ID, s.Made = newID(), c.now
		c.must(d.vault.Update(func(tx account.Tx) error { return d.Deliver(tx, account.Contact{ID: spy}, c.at(), slipPart(&s, false)) }))
	}
	if n := len(c.slips(door)); n != maxOpen+1 {
		t.Errorf("%d slips", n)
	}
}

// TestTeam lets a team of 20 work many slips of three askers through partitions,
// some of them two at a time who cannot hear each other, with mail that comes
// late, in any order and twice: no slip is lost or there twice, each is answered
// to its asker exactly once for each answer that was given, and who was on it is
// known to everybody.
func TestTeam(t *testing.T) {
	slipsN := 500
	if os.Getenv("JAUAP_TEST") == "all" {
		slipsN = 5000
	}
	c := newCountry(t, 5, 23)
	askers, team := c.names[:3], c.names[3:]
	for _, h := range team {
		c.must(c.desks[h].SetTeam(slices.DeleteFunc(slices.Clone(team), func(o account.ContactID) bool { return o == h })))
	}
	type asking struct {
		id ID
		by account.ContactID
	}
	var all []asking
	answers, takers := map[ID]int{}, map[ID]map[string]bool{}
	for i := range slipsN {
		by := askers[i%3]
		id, err := c.desks[by].Ask(c.at(), asked(fmt.Sprint("person ", i)), []account.ContactID{team[c.rng.IntN(4)]})
		c.must(err)
		all = append(all, asking{id, by})
	}
	c.carry()
	open := make([]ID, 0, len(all))
	for _, a := range all {
		open = append(open, a.id)
	}
	for round := 0; len(open) > 0; round++ {
		if round > 20 {
			t.Fatalf("%d slips are still open", len(open))
		}
		clear(c.cut)
		for _, h := range team[4:] { // the doors can be reached
			c.cut[h] = c.rng.IntN(3) == 0
		}
		var rest []ID
		for _, id := range open {
			again, on := true, c.rng.Perm(len(team))[:1+c.rng.IntN(5)/4] // now and then two, who do not know of each other yet
			for _, n := range on {
				h := c.desks[team[n]]
				c.must(h.Act(c.at(), id, Took, 0, ""))
				if takers[id] == nil {
					takers[id] = map[string]bool{}
				}
				takers[id][h.me] = true
			}
			for _, n := range on {
				h := c.desks[team[n]]
				if c.rng.IntN(3) == 0 {
					c.must(h.Act(c.at(), id, Answered, NoAnswer, ""))
					continue
				}
				c.must(h.Act(c.at(), id, Answered, Spoke, "said so"))
				again = false
				answers[id]++
			}
			if again {
				rest = append(rest, id)
			}
		}
		open = rest
		c.carry()
		clear(c.cut)
		c.carry()
	}
	seen := map[account.ContactID]map[ID]View{}
	for _, by := range askers {
		seen[by] = c.slips(by)
	}
	for _, a := range all {
		n, v, took := 0, seen[a.by][a.id], map[string]bool{}
		for _, e := range v.Events {
			if e.Outcome == Spoke {
				n++
			}
			if e.Kind == Took {
				took[e.Who] = true
			}
		}
		if v.State != Done || n != answers[a.id] || !maps.Equal(took, takers[a.id]) {
			t.Fatalf("%s: %s with %d answers of %d; %v took it, not %v", a.id, v.State, n, answers[a.id], took, takers[a.id])
		}
	}
	twice := 0
	for _, n := range answers {
		if n > 1 {
			twice++
		}
	}
	if twice < slipsN/50 {
		t.Errorf("%d slips were answered by two: this test sees too little", twice)
	}
	for i, by := range askers { // each has all of its own, and only these
		if n := len(seen[by]); n != (slipsN-i+2)/3 {
			t.Errorf("an asker has %d slips", n)
		}
	}
	for _, h := range team {
		if n := len(c.slips(h)); n != slipsN {
			t.Errorf("%v has %d slips of %d", h, n, slipsN)
		}
		for id, v := range c.slips(h) {
			if v.State != Done || !v.Erased {
				t.Fatalf("%v still has %s: %s", h, id, v.State)
			}
		}
	}
}

// TestOrder shows that the state follows from the set of events alone.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 8).Draw(t, "n")
		var events []Event
		for i := range n {
			e := Event{ID: ID{byte(i)}, Kind: Kind(rapid.IntRange(1, 4).Draw(t, "kind")), By: [8]byte{byte(rapid.IntRange(0, 2).Draw(t, "by"))},
				At: time.Unix(int64(rapid.IntRange(0, 3).Draw(t, "at")), 0), Who: "x"}
			if e.Kind == Answered {
				e.Outcome = Outcome(rapid.IntRange(1, 6).Draw(t, "outcome"))
			}
			events = append(events, e)
		}
		a, b := View{Events: events}, View{Events: rapid.Permutation(events).Draw(t, "order")}
		a.judge(time.Time{})
		b.judge(time.Time{})
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v\n%+v", a, b)
		}
	})
}

func TestBadSlips(t *testing.T) {
	c := newCountry(t, 6, 1)
	for _, s := range []Slip{{Days: 5}, {Name: "x"}, {Name: "x", Days: 121}, {Name: strings.Repeat("ж", 401), Days: 5}} {
		if _, err := c.desks[c.names[0]].Ask(c.at(), s, nil); !errors.Is(err, ErrSlip) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if _, err := c.desks[c.names[0]].Slip(c.at(), "ab"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// TestFiles writes slips as PFIF and CSV and reads them again.
func TestFiles(t *testing.T) {
	c := newCountry(t, 7, 2)
	d := c.desks[c.names[0]]
	want := asked("=Әсел <b> & Co")
	id, err := d.Ask(c.at(), want, []account.ContactID{c.names[1]})
	c.must(err)
	c.carry()
	c.must(c.desks[c.names[1]].Act(c.at(), id, Answered, Neighbour, "=seen on Monday"))
	c.carry()
	list, err := d.Slips(c.at(), nil)
	c.must(err)
	var x, s bytes.Buffer
	c.must(WritePFIF(&x, list, "jauap.example", "en"))
	c.must(WriteCSV(&s, list))
	for _, text := range []string{"<status>believed_alive</status>", "<author_made_contact>false</author_made_contact>", "<full_name>=Әсел &lt;b&gt; &amp; Co</full_name>", pfifNS} {
		if !strings.Contains(x.String(), text) {
			t.Errorf("PFIF lacks %s:\n%s", text, x.String())
		}
	}
	if !strings.Contains(s.String(), "'=Әсел") || !strings.Contains(s.String(), "'=seen on Monday") {
		t.Errorf("CSV: %s", s.String())
	}
	for name, read := range map[string]func() ([]Slip, []string, error){
		"pfif": func() ([]Slip, []string, error) { return ReadPFIF(&x, 14) },
		"csv":  func() ([]Slip, []string, error) { return ReadCSV(&s, 14) },
	} {
		got, notes, err := read()
		if err != nil || len(notes) != 0 || len(got) != 1 {
			t.Fatalf("%s: %v %v %v", name, got, notes, err)
		}
		g := got[0]
		g.Say = cmp.Or(g.Say, want.Say) // PFIF has no place for it
		if g != want {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

// TestPFIFWithoutNames: each note has an author and a text, as PFIF 1.4 demands,
// and nobody gets a name by being written and read.
func TestPFIFWithoutNames(t *testing.T) {
	at := time.Date(2026, 12, 6, 10, 0, 0, 0, time.UTC)
	list := []View{{Slip: Slip{Name: "Әсел", Days: 14, Made: at}, Received: at, Events: []Event{{Kind: Answered, Outcome: NoAnswer, At: at}, {Kind: Answered, Outcome: Spoke, At: at, Who: "Дана", Text: "x"}}}}
	for lang, asker := range map[string]string{"en": "someone who asks (name not given)", "ru": "тот, кто спрашивает (имя не указано)", "kk": "сұраған адам (аты айтылмаған)", "": "someone who asks (name not given)"} {
		var x bytes.Buffer
		if err := WritePFIF(&x, list, "jauap.example", lang); err != nil {
			t.Fatal(err)
		}
		var out pfif
		if err := xml.Unmarshal(x.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		p := out.Persons[0]
		if p.Author != "" || len(p.Notes) != 3 || p.Notes[0].Author != asker || p.Notes[2].Author != "Дана" {
			t.Errorf("%s: %+v", lang, p)
		}
		for _, n := range p.Notes {
			if n.Author == "" || n.Text == "" || n.NoteID == "" || n.SourceDate == "" {
				t.Errorf("%s: a field that PFIF demands is empty: %+v", lang, n)
			}
		}
		// Also where another program made the note's author the person's.
		foreign := strings.Replace(x.String(), "<full_name>", "<author_name>"+asker+"</author_name><full_name>", 1)
		for _, file := range []string{x.String(), foreign} {
			got, notes, err := ReadPFIF(strings.NewReader(file), 14)
			if err != nil || len(notes) != 0 || len(got) != 1 || got[0].From != "" || got[0].Question != "" || got[0].Name != "Әсел" {
				t.Errorf("%s: %+v %v %v", lang, got, notes, err)
			}
		}
	}
}

// TestForeignPFIF reads a file in the form of other programs and older versions.
func TestForeignPFIF(t *testing.T) {
	const file = `<?xml version="1.0" encoding="UTF-8"?>
<pfif:pfif xmlns:pfif="http://zesty.ca/pfif/1.2"><pfif:person><pfif:person_record_id>x.org/1</pfif:person_record_id>
<pfif:first_name>Daniyar</pfif:first_name><pfif:last_name>Serikov</pfif:last_name><pfif:home_city>Almaty</pfif:home_city>
<pfif:note><pfif:text>Last seen on Abai street</pfif:text></pfif:note></pfif:person>
<pfif:person><pfif:person_record_id>x.org/2</pfif:person_record_id></pfif:person></pfif:pfif>`
	list, notes, err := ReadPFIF(strings.NewReader(file), 10)
	if err != nil || len(list) != 1 || len(notes) != 1 || list[0].Name != "Daniyar Serikov" || list[0].Address != "Almaty" || list[0].Question != "Last seen on Abai street" {
		t.Fatalf("%+v %v %v", list, notes, err)
	}
	for _, bad := range []string{"", "<pfif", "no,such\n1,2"} {
		if _, _, err := ReadCSV(strings.NewReader(bad), 10); err == nil {
			t.Errorf("CSV %q was read", bad)
		}
	}
	if _, _, err := ReadPFIF(strings.NewReader("<a><b></a>"), 10); !errors.Is(err, ErrSlip) {
		t.Error(err)
	}
}

func FuzzParts(f *testing.F) {
	s := asked("X")
	f.Add(slipPart(&s, true).Body)
	f.Add(eventPart(s.ID, &Event{Kind: Answered, Outcome: Spoke, Who: "x", Text: "y"}).Body)
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if s, team, ok := parseSlip(b); ok {
			again, t2, ok := parseSlip(slipPart(&s, team).Body)
			if !ok || again != s || team != t2 {
				t.Fatalf("%+v %+v", s, again)
			}
		}
		if id, e, ok := parseEvent(b); ok {
			id2, again, ok := parseEvent(eventPart(id, &e).Body)
			if !ok || again != e || id != id2 {
				t.Fatalf("%+v %+v", e, again)
			}
		}
	})
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(`<pfif xmlns="http://zesty.ca/pfif/1.4"><person><full_name>x</full_name></person></pfif>`))
	f.Add([]byte("name,phone\nx,\"y\n\"\n"))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		for _, read := range []func() ([]Slip, []string, error){
			func() ([]Slip, []string, error) { return ReadPFIF(bytes.NewReader(b), 10) },
			func() ([]Slip, []string, error) { return ReadCSV(bytes.NewReader(b), 10) },
		} {
			list, _, _ := read()
			for _, s := range list {
				if err := s.check(); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
