package routing

import (
	"math"
	"slices"
	"testing"

	"github.com/jauap/jauap/envelope"
	"pgregory.net/rapid"
)

func drawUnits(t *rapid.T, most int) []Unit {
	n := rapid.IntRange(0, most).Draw(t, "n")
	units := make([]Unit, n)
	for i := range units {
		c := envelope.Class(rapid.SampledFrom([]int{1, 1, 8, 7, 2, 3, 6}).Draw(t, "class"))
		units[i] = Unit{Class: c, Size: c.Size(), Rank: uint8(rapid.IntRange(0, 3).Draw(t, "rank")),
			From: uint32(rapid.IntRange(1, 5).Draw(t, "from")), Seq: uint64(i + 1)}
		if units[i].Rank == Own {
			units[i].From = 0
		}
	}
	return units
}

// plan is the order in which somebody hears of units who asks for all of them.
func plan(units []Unit, contact bool, nonce uint64) (order []int) {
	t := NewTurns(contact, nonce, Default())
	for i, u := range units {
		u.At = i
		t.Add(u)
	}
	for t.Len() > 0 {
		u, _ := t.Next()
		t.Take()
		t.Listed(u)
		t.Asked(u, u.Size)
		order = append(order, u.At)
	}
	return order
}

func TestPlanIsAnOrderOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := drawUnits(t, 60)
		contact, nonce := rapid.Bool().Draw(t, "contact"), rapid.Uint64().Draw(t, "nonce")
		order := plan(units, contact, nonce)
		seen := slices.Clone(order)
		slices.Sort(seen)
		for i, k := range seen {
			if i != k {
				t.Fatalf("unit %d is missing or doubled", i)
			}
		}
		own := true
		last := map[[2]uint32]int{}
		for _, i := range order {
			u := units[i]
			if contact {
				if u.Rank == Own && !own {
					t.Fatal("towards a contact something goes before an own unit")
				}
				own = own && u.Rank == Own
			}
			giver := [2]uint32{uint32(u.Rank), u.From}
			if k, ok := last[giver]; ok {
				p := units[k]
				if envelope.Compare(p.Class, u.Class) > 0 || envelope.Compare(p.Class, u.Class) == 0 && p.Seq > u.Seq {
					t.Fatal("of one giver a larger or newer unit goes first")
				}
			}
			last[giver] = i
		}
	})
}

// A stranger cannot tell own units by their place: if another had brought them
// the order would be the same.
func TestOrderDoesNotTellWhatIsOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := drawUnits(t, 60)
		nonce := rapid.Uint64().Draw(t, "nonce")
		order := plan(units, false, nonce)
		brought := slices.Clone(units)
		for i := range brought {
			if brought[i].Rank == Own {
				brought[i].Rank = Near
			}
		}
		if !slices.Equal(order, plan(brought, false, nonce)) {
			t.Fatal("the order depends on what is own")
		}
	})
	// And over many meetings own units are as early as any other giver's.
	var units []Unit
	for from := range uint32(8) {
		for range 4 {
			u := Unit{Class: envelope.S1, Size: 1024, Rank: Near, From: from, Seq: uint64(len(units) + 1)}
			if from == 0 {
				u.Rank = Own
			}
			units = append(units, u)
		}
	}
	first := 0
	const meetings = 4000
	for k := range uint64(meetings) {
		if units[plan(units, false, mix(k))[0]].Rank == Own {
			first++
		}
	}
	if want := meetings / 8.0; math.Abs(float64(first)-want) > 5*math.Sqrt(want) {
		t.Fatalf("an own unit went first in %d of %d meetings, want about %.0f", first, meetings, want)
	}
}

// As long as all ranks have something to send they get their shares, and
// within a rank all givers the same.
func TestPlanKeepsShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var units []Unit
		classes := []envelope.Class{envelope.S1, envelope.S2, envelope.S3}
		for rank := Near; rank <= Other; rank++ {
			for from := range uint32(rapid.IntRange(1, 4).Draw(t, "givers")) {
				for left := rapid.IntRange(0, 400<<10).Draw(t, "bytes"); left > 0; {
					c := classes[rapid.IntRange(0, 2).Draw(t, "class")]
					left -= c.Size()
					units = append(units, Unit{Class: c, Size: c.Size(), Rank: rank, From: from + 1, Seq: uint64(len(units) + 1)})
				}
			}
		}
		const largest = 16 << 10
		type giver struct{ rank, from uint32 }
		left, sent := map[giver]int{}, map[giver]int{}
		rankLeft, rankSent := map[uint8]int{}, map[uint8]int{}
		for _, u := range units {
			left[giver{uint32(u.Rank), u.From}]++
			rankLeft[u.Rank]++
		}
		for _, i := range plan(units, false, 1) {
			u := units[i]
			g := giver{uint32(u.Rank), u.From}
			sent[g] += u.Size
			rankSent[u.Rank] += u.Size
			for o, n := range left {
				if o.rank == g.rank && n > 0 && sent[g]-sent[o] > 2*largest {
					t.Fatalf("%v got %d bytes while %v waits with %d", g, sent[g], o, sent[o])
				}
			}
			for r, n := range rankLeft {
				mine, theirs := float64(rankSent[u.Rank])/float64(Shares()[u.Rank]), float64(rankSent[r])/float64(Shares()[r])
				if n > 0 && mine-theirs > 2*largest/float64(Shares()[Other]) {
					t.Fatalf("rank %d got more than its share of rank %d", u.Rank, r)
				}
			}
			left[g]--
			rankLeft[u.Rank]--
		}
	})
}

func drawArrival(t *rapid.T) Arrival {
	return Arrival{
		Class: envelope.Class(rapid.IntRange(0, 8).Draw(t, "class")), Today: 9,
		Contact: rapid.Bool().Draw(t, "contact"), Label: Label(rapid.IntRange(0, 2).Draw(t, "label")),
		Paid: rapid.Bool().Draw(t, "paid"), Sure: rapid.Bool().Draw(t, "sure"),
		Proves: uint8(rapid.IntRange(0, 3).Draw(t, "proves")), Room: rapid.Bool().Draw(t, "room"),
	}
}

func TestStrangersStayOutside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawArrival(t)
		g, _ := Edge{}.Grade(a, Default())
		proof := a.Class == envelope.Done && a.Sure
		if g.Rank == Own || g.Rank == Near && !proof && (!a.Contact || a.Label == Plain) {
			t.Fatalf("%+v became %+v", a, g)
		}
		if g.Fixed && (!a.Contact || a.Label != First || !a.Room) {
			t.Fatalf("%+v was reserved", a)
		}
		if g.Rank == Paid && !a.Paid && !proof {
			t.Fatalf("%+v counts as paid", a)
		}
		if a.Paid && g.Rank > Paid || a.Class == envelope.Stamp && g.Rank == Near {
			t.Fatalf("%+v became %+v", a, g)
		}
	})
}

// Whatever a contact brings in a day, what is not answered by proofs stays
// within its credit and its reserved lane.
func TestCreditHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e Edge
		near, fixed, bytes, brought := 0, 0, 0, 0
		var held []envelope.Class
		for range rapid.IntRange(0, 400).Draw(t, "n") {
			if len(held) > 0 && rapid.IntRange(0, 9).Draw(t, "proof") == 0 {
				near -= int(price(held[0]))
				e = e.Proved(held[0], false)
				held = held[1:]
				continue
			}
			a := drawArrival(t)
			a.Contact, a.Sure = true, false
			var g Grade
			g, e = e.Grade(a, Default())
			if g.Rank == Near && a.Class != envelope.Done && a.Class != envelope.Stamp {
				brought++
			}
			switch {
			case g.Fixed:
				fixed++
				bytes += a.Class.Size()
			case g.Rank == Near:
				near += int(price(a.Class))
				held = append(held, a.Class)
			}
		}
		if near > Credit*fine || fixed > FirstUnits || bytes > Default().FirstBytes {
			t.Fatalf("%d pieces of credit, %d reserved with %d bytes", near, fixed, bytes)
		}
		if int(e.Brought) != brought {
			t.Fatalf("%d letters count as %d", brought, e.Brought)
		}
		tomorrow, next := e.Grade(Arrival{Class: envelope.S1, Today: 10, Contact: true, Label: Known}, Default())
		if tomorrow.Rank != Near || next.Spent != fine {
			t.Fatal("the credit is not new on the next day")
		}
	})
}

func TestLabels(t *testing.T) {
	if LabelOf(Own, true) != First || LabelOf(Own, false) != Known || LabelOf(Near, true) != Known || LabelOf(Paid, true) != Plain || LabelOf(Other, true) != Plain {
		t.Fatal("labels")
	}
	if !MayDisplace(envelope.S5, 0) || MayDisplace(envelope.S1, Encounter) || !MayDisplace(envelope.S1, Encounter-1024) {
		t.Fatal("encounter")
	}
}

// Near units that the far end holds already, however many are listed, do not
// make room for a flood of which it holds nothing.
func TestWhatIsHeldMakesNoRoomForJunk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		turns := NewTurns(rapid.Bool().Draw(t, "contact"), rapid.Uint64().Draw(t, "nonce"), Default())
		held := map[int]bool{}
		for i := range rapid.IntRange(1, 400).Draw(t, "near") {
			turns.Add(Unit{Class: envelope.S1, Size: 1024, Rank: Near, From: uint32(i % 7), Seq: uint64(i + 1), At: i})
			held[i] = rapid.IntRange(0, 9).Draw(t, "held") > 0
		}
		for i := range 400 {
			turns.Add(Unit{Class: envelope.S1, Size: 1024, Rank: Other, From: uint32(i % 11), Seq: uint64(1000 + i), At: 1000 + i})
		}
		near, junk := 0, 0
		for left := len(held); left > 0; {
			u, _ := turns.Next()
			turns.Take()
			turns.Listed(u)
			switch {
			case u.Rank == Other:
				junk += u.Size + listed
				turns.Asked(u, u.Size)
			case held[u.At]:
				near += listed
				left--
				turns.Held(u)
			default:
				near += u.Size + listed
				left--
				turns.Asked(u, u.Size)
			}
			if most := near*Shares()[Other]/Shares()[Near] + 2*(1024+listed); junk > most {
				t.Fatalf("%d bytes of junk beside %d near ones", junk, near)
			}
		}
	})
}

// Who turns out to be a contact hears what a contact hears; and nobody is
// offered first what they brought.
func TestBefriend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := drawUnits(t, 60)
		nonce := rapid.Uint64().Draw(t, "nonce")
		turns := NewTurns(false, nonce, Default())
		for i := range units {
			units[i].Back, units[i].At = units[i].From == 1, i
			turns.Add(units[i])
		}
		turns.Befriend()
		var order []int
		for turns.Len() > 0 {
			u, _ := turns.Next()
			turns.Take()
			turns.Listed(u)
			turns.Asked(u, u.Size)
			if n := len(order); n > 0 && units[order[n-1]].Back && !u.Back {
				t.Fatal("what the far end brought goes before other units")
			}
			order = append(order, u.At)
		}
		if !slices.Equal(order, plan(units, true, nonce)) {
			t.Fatal("who is a contact later hears another order")
		}
	})
}

// What is brought and not proven never raises a weight, what is proven never
// lowers it, and nobody's is nothing.
func TestWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Default()
		r.Trust, r.Proven = rapid.IntRange(0, 50).Draw(t, "trust"), rapid.IntRange(0, 100).Draw(t, "percent")
		var e Edge
		for range rapid.IntRange(0, 300).Draw(t, "n") {
			before := e.Weight(r)
			if before < 1 || before > Whole || r.Trust == 0 && before != Whole {
				t.Fatalf("weight %d of %+v", before, e)
			}
			a := drawArrival(t)
			a.Contact, a.Today = true, 9
			if e.Brought > e.Proven && rapid.Bool().Draw(t, "proof") {
				if e = e.Proved(a.Class, false); e.Weight(r) < before {
					t.Fatalf("a proof lowers the weight: %+v", e)
				}
				continue
			}
			var g Grade
			old := e
			if g, e = e.Grade(a, r); e.Brought != old.Brought+uint16(b2i(g.Rank == Near && a.Class != envelope.Done && a.Class != envelope.Stamp)) {
				t.Fatalf("%+v became %+v and is counted wrong: %+v", a, g, e)
			}
			if e.Day == old.Day && e.Weight(r) > before {
				t.Fatalf("what is not proven raises the weight: %+v", e)
			}
		}
		if e.Proven > e.Brought {
			t.Fatalf("%+v", e)
		}
		if next := e.on(10); next.Weight(r) < e.Weight(r) && e.Proven == 0 {
			t.Fatal("a day that passes raises the doubt")
		}
	})
	junk, mail := Edge{Brought: 120}, Edge{Brought: 120, Proven: 70}
	if junk.Weight(Default()) > 2 || mail.Weight(Default()) != Whole || (Edge{}).Weight(Default()) != Whole {
		t.Fatal("weights")
	}
	full := Edge{Brought: 1<<16 - 1, Proven: 1<<16 - 1}
	if e := full.bring(envelope.S1); e.Brought != 1<<15 || e.Proven != 1<<15-1 {
		t.Fatalf("%+v", e)
	}
}

// What is proven never ends a contact's word, what is not never brings it back
// within a day, and a day that passes never ends it.
func TestVouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Default()
		r.Vouch, r.VouchProven = rapid.IntRange(0, 100).Draw(t, "units"), rapid.IntRange(0, 10).Draw(t, "proven")
		var e Edge
		for range rapid.IntRange(0, 300).Draw(t, "n") {
			before := e.Vouched(r)
			if e.Brought > e.Proven && rapid.Bool().Draw(t, "proof") {
				if e = e.Proved(envelope.S1, false); before && !e.Vouched(r) {
					t.Fatalf("a proof ends the word of %+v", e)
				}
				continue
			}
			if e = e.bring(envelope.S1); !before && e.Vouched(r) {
				t.Fatalf("what is not proven brings back the word of %+v", e)
			}
		}
		if next := e.on(e.Day + 1); e.Proven == 0 && e.Vouched(r) && !next.Vouched(r) {
			t.Fatalf("a day ends the word of %+v", e)
		}
	})
	r := Default()
	if !(Edge{Brought: uint16(r.Vouch)}).Vouched(r) || (Edge{Brought: uint16(r.Vouch) + 1}).Vouched(r) || !(Edge{Brought: 1000, Proven: 600}).Vouched(r) {
		t.Fatal("who is vouched for")
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Of two who both have something a doubted giver gets a sixteenth, and all of
// the turns once the other has nothing.
func TestDoubtOnlyOrders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := uint8(rapid.IntRange(1, Whole).Draw(t, "weight"))
		var units []Unit
		for from := range uint32(2) {
			for range 200 {
				u := Unit{Class: envelope.S1, Size: 1024, Rank: Near, From: from + 1, Seq: uint64(len(units) + 1)}
				if from == 1 {
					u.Weight = weight
				}
				units = append(units, u)
			}
		}
		doubted, left := 0, 200
		for _, i := range plan(units, rapid.Bool().Draw(t, "contact"), rapid.Uint64().Draw(t, "nonce")) {
			if units[i].From == 2 {
				doubted++
			} else {
				left--
			}
			fair := float64(200-left) * float64(weight) / Whole
			if left > 0 && math.Abs(float64(doubted)-fair) > 1+1e-9 {
				t.Fatalf("weight %d: %d of the doubted after %d of the other", weight, doubted, 200-left)
			}
		}
		if doubted != 200 || left != 0 {
			t.Fatal("not all is offered")
		}
	})
}
