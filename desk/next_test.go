package desk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/bulletin/evidence"
)

// told writes all that a view says, and finds where its parts disagree.
func told(t *testing.T, v *View) string {
	t.Helper()
	var b bytes.Buffer
	say := func(what string, x any) {
		j, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s\n", what, strings.ReplaceAll(string(j), "null", "[]"))
	}
	say("queue", v.Queue)
	say("reports", v.Reports)
	say("incidents", v.Incidents)
	say("series", v.Series)
	say("log", v.Log)
	say("merged", v.merged)
	for _, m := range []map[string]bool{v.undone, v.loose} {
		say("names", sortedKeys(m))
	}
	for _, e := range v.Log {
		b.WriteString(e.name + "\n")
	}
	for _, r := range v.Reports {
		fmt.Fprintln(&b, r.from)
		if v.reports[r.Root] != r || (r.Incident == "") != slices.Contains(v.Queue, r) || r.Incident != "" && !slices.Contains(v.incidents[r.Incident].Reports, r) {
			t.Fatalf("report %s is not the same everywhere", r.Root)
		}
	}
	ids := 0
	for _, i := range v.Incidents {
		for _, id := range append([]string{i.ID}, i.Merged...) {
			if ids++; v.incidents[id] != i {
				t.Fatalf("incident %s is not the same everywhere", id)
			}
		}
	}
	claims := 0
	for _, s := range v.Series {
		for _, c := range s.Claims {
			if claims++; v.claims[c.ID] != c {
				t.Fatalf("claim %s is not the same everywhere", c.ID)
			}
		}
	}
	fmt.Fprintln(&b, len(v.reports)-len(v.Reports), len(v.incidents)-ids, len(v.claims)-claims)
	return b.String()
}

// TestNext: whatever two desks enter, merge, take back and give each other, the
// view that grew entry by entry is the one that is made of all entries, and no
// view that was handed out changes.
func TestNext(t *testing.T) {
	var packages []*evidence.Verdict
	for i := range 6 {
		packages = append(packages, made(t, func(r *evidence.Report) {
			r.From = noon.Add(time.Duration(i%3) * time.Hour).Format(time.RFC3339)
			r.What = fmt.Sprint("Report ", i)
			r.Numbers[0].Min = i
		}))
	}
	grew, anew := 0, 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 7))
		desks := []*Desk{New(account.NewMemVault()), New(account.NewMemVault())}
		at, before, said := noon, [2]*View{}, [2]string{}
		for range 60 {
			k := rng.IntN(2)
			d := desks[k]
			if before[k] != nil && told(t, before[k]) != said[k] {
				t.Fatalf("seed %d: a view that was handed out changed", seed)
			}
			at = at.Add(time.Second)
			when := at
			if rng.IntN(12) == 0 {
				when = at.Add(-time.Minute) // by a clock that was wrong
			}
			change(t, rng, d, desks[1-k], when, packages)
			if d.view != nil {
				grew++
			} else {
				anew++
			}
			v := view(t, d)
			before[k], said[k] = v, told(t, v)
			all := make([]*Entry, 0, len(d.entries))
			for _, e := range d.entries {
				all = append(all, e)
			}
			slices.SortFunc(all, func(a, b *Entry) int { return strings.Compare(a.At+a.name, b.At+b.name) })
			if want := told(t, fold(all)); said[k] != want {
				t.Fatalf("seed %d: grown\n%s\nmade anew\n%s", seed, said[k], want)
			}
		}
	}
	if grew < 700 || anew < 100 {
		t.Errorf("%d views grew and %d were made anew: this test sees too little", grew, anew)
	}
}

// change does one thing at a desk.
func change(t *testing.T, rng *rand.Rand, d, other *Desk, at time.Time, packages []*evidence.Verdict) {
	t.Helper()
	v := view(t, d)
	var reports, incidents, claims, all []string
	for _, e := range v.Log { // also what was taken back
		all = append(all, e.name)
		switch e.Kind {
		case KindReport:
			reports = append(reports, e.Of)
		case KindIncident:
			incidents = append(incidents, e.name)
		case KindClaim:
			claims = append(claims, e.name)
		}
	}
	one := func(list []string) string {
		if len(list) == 0 {
			return strings.Repeat("ab", 16)
		}
		return list[rng.IntN(len(list))]
	}
	e := Entry{}
	switch rng.IntN(13) {
	case 0, 1:
		if _, err := d.File(at, noon.Add(time.Duration(rng.IntN(3))*time.Hour), packages[rng.IntN(len(packages))]); err != nil {
			t.Fatal(err)
		}
		return
	case 2:
		e = Entry{Kind: KindIncident, Text: fmt.Sprint("Incident ", rng.IntN(5))}
	case 3, 4:
		e = Entry{Kind: KindPut, Of: packages[rng.IntN(len(packages))].Root.String(), Into: one(incidents)}
		if rng.IntN(5) == 0 {
			e.Into = ""
		}
	case 5:
		e = Entry{Kind: KindSource, Of: packages[rng.IntN(len(packages))].Root.String(), State: fmt.Sprint("Aru ", rng.IntN(2))}
	case 6:
		e = Entry{Kind: KindGrade, Of: one(incidents), State: Grades[rng.IntN(len(Grades))]}
	case 7:
		e = Entry{Kind: KindMerge, Of: one(incidents), Into: one(incidents)}
		if e.Of == e.Into {
			return
		}
	case 8:
		e = Entry{Kind: KindClaim, Claim: &Claim{Topic: fmt.Sprint("T", rng.IntN(2)), Who: "x", Side: "official", What: Counts[rng.IntN(2)], Min: rng.IntN(9), Said: fmt.Sprintf("2022-01-%02d", 5+rng.IntN(3))}}
	case 9:
		e = Entry{Kind: KindStatus, Of: one(claims), State: Statuses[rng.IntN(len(Statuses))]}
	case 10:
		e = Entry{Kind: KindNote, Of: one(slices.Concat(reports, incidents, claims)), Text: "note"}
	case 11:
		e = Entry{Kind: KindUndo, Of: one(all)}
	case 12:
		var b bytes.Buffer
		if _, err := other.Write(&b); err != nil {
			t.Fatal(err)
		}
		if rng.IntN(2) == 0 { // some of it got lost
			lines := strings.SplitAfter(b.String(), "\n")
			b.Reset()
			for _, l := range lines {
				if rng.IntN(3) > 0 {
					b.WriteString(l)
				}
			}
		}
		if _, refused, err := d.Merge(&b); err != nil || refused != 0 {
			t.Fatal(refused, err)
		}
		return
	}
	enter(t, d, at, e)
}
