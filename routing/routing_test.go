package routing

import (
	"slices"
	"testing"

	"github.com/jauap/jauap/envelope"
	"pgregory.net/rapid"
)

func drawFacts(t *rapid.T) Facts {
	return Facts{
		Class:  envelope.Class(rapid.IntRange(0, 9).Draw(t, "class")),
		Expiry: envelope.Day(rapid.Uint16().Draw(t, "expiry")),
		Rank:   uint8(rapid.IntRange(0, 3).Draw(t, "rank")),
		Today:  envelope.Day(rapid.Uint16Range(0, 65534).Draw(t, "today")),
		Bulk:   rapid.Int64Range(0, 1<<30).Draw(t, "bulk"),
		Quota:  rapid.Int64Range(0, 1<<30).Draw(t, "quota"),
	}
}

func TestAdmitTable(t *testing.T) {
	const today = 1000
	for _, c := range []struct {
		name string
		f    Facts
		want Verdict
	}{
		{"text", Facts{Class: envelope.S1, Expiry: today + 30, Rank: Other}, KeepAndOffer},
		{"last day", Facts{Class: envelope.S1, Expiry: today, Rank: Other}, KeepAndOffer},
		{"expired", Facts{Class: envelope.S1, Expiry: today - 1, Rank: Other}, Refuse},
		{"own, expired", Facts{Class: envelope.S1, Expiry: today - 1}, Refuse},
		{"longest life", Facts{Class: envelope.S1, Expiry: today + 122, Rank: Other}, KeepAndOffer},
		{"too long a life", Facts{Class: envelope.S1, Expiry: today + 123, Rank: Other}, Refuse},
		{"no day", Facts{Class: envelope.S1, Expiry: envelope.NoDay, Rank: Other}, Refuse},
		{"S0 has no day", Facts{Class: envelope.S0, Expiry: envelope.NoDay, Rank: Other}, KeepAndOffer},
		{"proof", Facts{Class: envelope.Done, Expiry: today + 3, Rank: Other}, KeepAndOffer},
		{"unknown class", Facts{Class: 9, Expiry: today, Rank: Own}, Refuse},
		{"film, half full of films", Facts{Class: envelope.S5, Expiry: today, Rank: Other, Bulk: 5 << 20, Quota: 10 << 20}, Later},
		{"film, room", Facts{Class: envelope.S5, Expiry: today, Rank: Other, Bulk: 4 << 20, Quota: 10 << 20}, KeepAndOffer},
		{"contact's film, half full of films", Facts{Class: envelope.S5, Expiry: today, Rank: Near, Bulk: 5 << 20, Quota: 10 << 20}, KeepAndOffer},
		{"text, full", Facts{Class: envelope.S1, Expiry: today, Rank: Other, Bulk: 10 << 20, Quota: 10 << 20}, KeepAndOffer},
	} {
		c.f.Today = today
		if got := Admit(c.f); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAdmitProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		v := Admit(f)
		lives := f.Class == envelope.S0 || f.Expiry >= f.Today && int(f.Expiry) <= int(f.Today)+envelope.MaxLifetime+envelope.MaxJitter
		if v != Refuse && (!lives || f.Class.Size() == 0) {
			t.Fatalf("admitted what cannot be kept: %+v", f)
		}
		if v == Refuse && lives && f.Class.Size() > 0 {
			// The end of the calendar may come before the longest life.
			if f.Expiry != envelope.NoDay {
				t.Fatalf("refused: %+v", f)
			}
		}
		if v == Later && f.Rank == Own {
			t.Fatalf("own unit put off: %+v", f)
		}
		more := f
		more.Bulk = rapid.Int64Range(0, f.Bulk).Draw(t, "less bulk")
		if v >= Keep && Admit(more) < Keep {
			t.Fatalf("more room turns it away: %+v", more)
		}
		nearer := f
		nearer.Rank = uint8(rapid.IntRange(0, int(f.Rank)).Draw(t, "nearer"))
		if Admit(nearer) < v {
			t.Fatalf("a nearer depositor is treated worse: %+v", nearer)
		}
	})
}

func TestCompareIsAnOrder(t *testing.T) {
	unit := rapid.Custom(func(t *rapid.T) Unit {
		return Unit{
			Class: envelope.Class(rapid.IntRange(0, 8).Draw(t, "class")),
			Rank:  uint8(rapid.IntRange(0, 3).Draw(t, "rank")),
			Seq:   rapid.Uint64Range(0, 20).Draw(t, "seq"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := unit.Draw(t, "a"), unit.Draw(t, "b"), unit.Draw(t, "c")
		same := a.Rank == b.Rank && a.Seq == b.Seq && envelope.Compare(a.Class, b.Class) == 0 // a stamp counts as an S1
		if Compare(a, b) != -Compare(b, a) || (Compare(a, b) == 0) != same {
			t.Fatal("not antisymmetric")
		}
		if Compare(a, b) <= 0 && Compare(b, c) <= 0 && Compare(a, c) > 0 {
			t.Fatal("not transitive")
		}
		if envelope.Compare(a.Class, b.Class) < 0 && Compare(a, b) >= 0 {
			t.Fatal("a larger class goes first")
		}
	})
	units := []Unit{{Class: envelope.S5, Seq: 1}, {Class: envelope.S1, Rank: Other, Seq: 2}, {Class: envelope.S1, Seq: 9}, {Class: envelope.S1, Rank: Near, Seq: 3},
		{Class: envelope.S1, Seq: 8}, {Class: envelope.Done, Rank: Other, Seq: 7}}
	slices.SortFunc(units, Compare)
	if units[0].Class != envelope.Done || units[1].Seq != 8 || units[2].Seq != 9 || units[3].Rank != Near || units[5].Class != envelope.S5 {
		t.Fatalf("order %v", units)
	}
}

func TestUntil(t *testing.T) {
	if Until(envelope.S0, 5) != 35 || Until(envelope.S1, 5) != 0 {
		t.Fatal("until")
	}
}
