package desk

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/internal/limits"
)

var noon = time.Date(2022, 1, 9, 12, 0, 0, 0, time.UTC)

func made(t testing.TB, change func(*evidence.Report)) *evidence.Verdict {
	t.Helper()
	lat, lon, near, most := 43.2567, 76.9286, 300, 12
	r := evidence.Report{What: "Shots were fired at the square", From: "2022-01-05T17:00:00+06:00", Place: evidence.Place{Name: "Almaty, Republic Square", Lat: &lat, Lon: &lon, PrecisionM: &near},
		Basis: "witnessed", Numbers: []evidence.Numbers{{What: "killed", Min: 4, Max: &most}}, Actors: []string{"soldiers without insignia"}, Consent: "desk", Made: "2022-01-05T20:00:00+06:00", Tool: "test"}
	if change != nil {
		change(&r)
	}
	var b bytes.Buffer
	if _, err := evidence.Write(&b, r, nil, nil, evidence.Author{}); err != nil {
		t.Fatal(err)
	}
	v, err := evidence.Check(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || v.Broken() {
		t.Fatal(v, err)
	}
	return &v
}

func file(t testing.TB, d *Desk, change func(*evidence.Report)) string {
	t.Helper()
	v := made(t, change)
	if fresh, err := d.File(noon, noon, v); err != nil || !fresh {
		t.Fatal(fresh, err)
	}
	return v.Root.String()
}

func enter(t testing.TB, d *Desk, at time.Time, e Entry) Entry {
	t.Helper()
	l, err := d.Enter(at, e)
	if err != nil {
		t.Fatal(err)
	}
	return l[0]
}

func view(t testing.TB, d *Desk) *View {
	t.Helper()
	v, err := d.View()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func ten(n int) *int { return &n }

// TestJanuary2022 is the ledger of what was said about the dead of January
// 2022: nothing is overwritten, and what was withdrawn stands there as
// withdrawn.
func TestJanuary2022(t *testing.T) {
	vault := account.NewMemVault()
	d := New(vault)
	const topic = "Dead in January 2022"
	said := func(day int, who, side string, n int, scope string) Entry {
		return enter(t, d, noon.AddDate(0, 0, day), Entry{Kind: KindClaim, Claim: &Claim{Topic: topic, Who: who, Side: side, What: "killed", Min: n, Said: fmt.Sprintf("2022-01-%02d", day), Scope: scope}})
	}
	said(7, "Interior Ministry", "official", 26, "“armed criminals”")
	said(8, "Interior Ministry", "official", 18, "security officers")
	health := said(9, "Ministry of Health", "official", 164, "103 of them in Almaty")
	enter(t, d, noon.AddDate(0, 0, 9), Entry{Kind: KindStatus, Of: health.Name(), State: "withdrawn", Text: "called a technical error"})
	said(15, "Prosecutor General", "official", 225, "bodies in morgues, 19 of them security")
	enter(t, d, noon.AddDate(0, 7, 0), Entry{Kind: KindClaim, Claim: &Claim{Topic: topic, Who: "Prosecutor General", Side: "official", What: "killed", Min: 238, Said: "2022-08-16", Scope: "list of names, 6 by excessive force"}})
	said(10, "A hospital", "hospital", 50, "one morgue in Almaty")
	enter(t, d, noon, Entry{Kind: KindClaim, Claim: &Claim{Topic: topic, Who: "Relatives", Side: "witness", What: "killed", Min: 30, Max: ten(60), Said: "2022-01-08T10:00:00+06:00"}})

	v := view(t, New(vault)) // read again from the vault
	if len(v.Series) != 1 {
		t.Fatalf("%+v", v.Series)
	}
	var got []string
	for _, c := range v.Series[0].Claims {
		got = append(got, fmt.Sprint(c.Claim.Min, " ", c.Claim.Side, " ", c.State))
	}
	want := "26 official stands; 18 official stands; 30 witness stands; 164 official withdrawn; 50 hospital stands; 225 official stands; 238 official stands"
	if strings.Join(got, "; ") != want {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "; "), want)
	}
	c := v.Claim(health.Name())
	if len(c.History) != 1 || c.Claim.Min != 164 || c.History[0].Text != "called a technical error" {
		t.Errorf("%+v", c)
	}
}

// TestIncidents joins reports, counts sources, merges, undoes.
func TestIncidents(t *testing.T) {
	d := New(account.NewMemVault())
	a := file(t, d, nil)
	b := file(t, d, func(r *evidence.Report) { r.Numbers = []evidence.Numbers{{What: "killed", Min: 2}}; r.Basis = "heard" })
	c := file(t, d, func(r *evidence.Report) {
		r.Place = evidence.Place{Name: "Almaty, Republic Square"}
		r.From, r.Numbers = "2022-01-05T18:00:00+06:00", []evidence.Numbers{{What: "killed", Min: 20, Max: ten(30)}, {What: "injured", Min: 7}}
	})
	far := file(t, d, func(r *evidence.Report) {
		lat, lon := 51.1, 71.4
		r.Place = evidence.Place{Name: "Nur-Sultan", Lat: &lat, Lon: &lon, PrecisionM: r.Place.PrecisionM}
		r.From, r.What = "2022-02-05T17:00:00+06:00", "Nothing alike happened here"
	})
	if v := view(t, d); len(v.Queue) != 4 || len(v.Suggest(v.Report(b))) != 0 {
		t.Fatalf("%d wait", len(v.Queue))
	}
	one := enter(t, d, noon, Entry{Kind: KindIncident, Text: "Square"})
	two := enter(t, d, noon, Entry{Kind: KindIncident})
	enter(t, d, noon, Entry{Kind: KindPut, Of: a, Into: one.Name()})
	v := view(t, d)
	if s := v.Suggest(v.Report(b)); len(s) != 1 || !s[0].Time || !s[0].Place || s[0].Words < 2 {
		t.Errorf("%+v", s)
	}
	if s := v.Suggest(v.Report(c)); len(s) != 1 || !s[0].Place {
		t.Errorf("by the name of the place: %+v", s)
	}
	if s := v.Suggest(v.Report(far)); len(s) != 0 {
		t.Errorf("%+v", s)
	}
	if len(v.Queue) != 3 {
		t.Error("a program joined something")
	}
	enter(t, d, noon, Entry{Kind: KindPut, Of: b, Into: one.Name()})
	enter(t, d, noon, Entry{Kind: KindPut, Of: c, Into: two.Name()})
	enter(t, d, noon, Entry{Kind: KindSource, Of: a, State: "Aru"})
	enter(t, d, noon, Entry{Kind: KindSource, Of: b, State: "Aru"})
	enter(t, d, noon, Entry{Kind: KindGrade, Of: one.Name(), State: "fair"})
	m := enter(t, d, noon.Add(time.Second), Entry{Kind: KindMerge, Of: two.Name(), Into: one.Name()})
	v = view(t, d)
	i := v.Incident(two.Name())
	if len(v.Incidents) != 1 || i != v.Incident(one.Name()) || len(i.Reports) != 3 || i.Sources != 2 || i.Witnessed != 2 || i.Grade != "fair" {
		t.Fatalf("%+v", i)
	}
	if k := i.Counts["killed"]; k != (Range{2, 30, true}) || v.Tally()["injured"] != (Range{7, 7, true}) {
		t.Errorf("%+v", i.Counts)
	}
	// A circle does not count; undoing the merge parts them, undoing that undo
	// joins them again.
	enter(t, d, noon.Add(2*time.Second), Entry{Kind: KindMerge, Of: one.Name(), Into: two.Name()})
	if v = view(t, d); len(v.Incidents) != 1 || v.Incidents[0].ID != one.Name() {
		t.Error("a circle counts")
	}
	u := enter(t, d, noon.Add(3*time.Second), Entry{Kind: KindUndo, Of: m.Name()})
	if v = view(t, d); !v.Undone(m.Name()) || len(v.Incident(two.Name()).Reports) != 3 || v.Incidents[0].ID != two.Name() {
		t.Error("now the other merge counts")
	}
	enter(t, d, noon.Add(4*time.Second), Entry{Kind: KindUndo, Of: u.Name()})
	if v = view(t, d); v.Undone(m.Name()) || v.Incidents[0].ID != one.Name() {
		t.Error("an undone undo counts")
	}
	for _, e := range []Entry{{Kind: "x"}, {Kind: KindGrade, Of: one.Name(), State: "true"}, {Kind: KindPut, Of: "x"}, {Kind: KindMerge, Of: one.Name(), Into: one.Name()}, {Kind: KindNote, Of: a},
		{Kind: KindClaim, Claim: &Claim{Topic: "t", Who: "w", Side: "official", What: "killed", Said: "soon"}}, {Kind: KindClaim, Claim: &Claim{Topic: "t", Who: "w", Side: "official", What: "killed", Said: "2022-01-01", Min: 3, Max: ten(2)}}} {
		if _, err := d.Enter(noon, e); !errors.Is(err, ErrEntry) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

// TestTwoDesks: two desks work apart, exchange their entries in any order and
// see the same; a changed line is refused; a private report stays.
func TestTwoDesks(t *testing.T) {
	a, b := New(account.NewMemVault()), New(account.NewMemVault())
	_ = a.Name("Almaty")
	_ = b.Name("Prague")
	root := file(t, a, nil)
	hidden := file(t, a, func(r *evidence.Report) { r.Consent, r.What = "private", "XYZZY private words" })
	secret := enter(t, a, noon, Entry{Kind: KindIncident, Text: "XYZZY private title"})
	enter(t, a, noon, Entry{Kind: KindPut, Of: hidden, Into: secret.Name()})
	one := enter(t, a, noon, Entry{Kind: KindIncident, Text: "Square"})
	enter(t, a, noon, Entry{Kind: KindPut, Of: root, Into: one.Name()})
	other := enter(t, b, noon.Add(time.Hour), Entry{Kind: KindIncident, Text: "Square, seen from Prague"})
	enter(t, b, noon.Add(time.Hour), Entry{Kind: KindNote, Of: other.Name(), Text: "Look at this"})
	give := func(from, to *Desk) (fresh, refused int) {
		var buf bytes.Buffer
		if _, err := from.Write(&buf); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(buf.String(), "XYZZY") {
			t.Fatal("a private report leaves")
		}
		lines := strings.SplitAfter(strings.TrimSuffix(buf.String(), "\n"), "\n")
		rand.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		for i := range lines {
			lines[i] = strings.TrimSuffix(lines[i], "\n")
		}
		fresh, refused, err := to.Merge(strings.NewReader(strings.Join(lines, "\n") + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return fresh, refused
	}
	give(a, b)
	enter(t, b, noon.Add(2*time.Hour), Entry{Kind: KindMerge, Of: other.Name(), Into: one.Name()})
	if fresh, refused := give(b, a); fresh != 3 || refused != 0 {
		t.Error(fresh, refused)
	}
	if fresh, _ := give(b, a); fresh != 0 {
		t.Error("it is new twice")
	}
	x, y := view(t, a), view(t, b)
	if len(x.Incident(other.Name()).Reports) != 1 || len(y.Incident(one.Name()).Notes) != 1 || x.Incident(one.Name()).Merged[0] != other.Name() || x.Report(root).By != "Almaty" {
		t.Errorf("%+v", x.Incident(one.Name()))
	}
	var buf bytes.Buffer
	_, _ = a.Write(&buf)
	good := buf.String()
	for _, bad := range []string{strings.Replace(good, "Shots", "Songs", 1), strings.Replace(good, `"by":"Almaty"`, `"by":"Prague"`, 1), good[:len(good)-40], "{}\n", "nonsense\n", strings.Replace(good, `{"format"`, `{ "format"`, 1)} {
		c := New(account.NewMemVault())
		if _, refused, err := c.Merge(strings.NewReader(bad)); err != nil || refused != 1 {
			t.Errorf("refused %d, %v", refused, err)
		}
	}
}

// TestExports greps what leaves for what must not, and opens every file.
func TestExports(t *testing.T) {
	d := New(account.NewMemVault())
	_ = d.Name("Desk of Almaty")
	roots := map[string]string{}
	i := enter(t, d, noon, Entry{Kind: KindIncident})
	for _, consent := range []string{"private", "desk", "publish"} {
		roots[consent] = file(t, d, func(r *evidence.Report) {
			r.Consent, r.What = consent, "=WORDS of "+consent
			r.Numbers = []evidence.Numbers{{What: "killed", Min: map[string]int{"private": 1000, "desk": 100, "publish": 10}[consent]}}
			r.Actors = []string{"ACTOR " + consent}
		})
		enter(t, d, noon, Entry{Kind: KindPut, Of: roots[consent], Into: i.Name()})
		enter(t, d, noon, Entry{Kind: KindNote, Of: roots[consent], Text: "NOTE " + consent})
		enter(t, d, noon, Entry{Kind: KindSource, Of: roots[consent], State: "NAME " + consent})
	}
	secret := enter(t, d, noon, Entry{Kind: KindIncident, Text: "TITLE private"})
	enter(t, d, noon, Entry{Kind: KindPut, Of: file(t, d, func(r *evidence.Report) { r.Consent = "private" }), Into: secret.Name()})
	enter(t, d, noon, Entry{Kind: KindClaim, Claim: &Claim{Topic: "Dead", Who: "Ministry", Side: "official", What: "killed", Min: 164, Said: "2022-01-09"}})
	for _, c := range []struct {
		level        string
		has, hasNot  []string
		held, killed string
	}{
		{Full, []string{"WORDS of desk", "WORDS of publish", "ACTOR desk", "76.9286", roots["desk"]}, []string{"private,", "of private", "ACTOR private", "NOTE", "NAME private", "TITLE", "1000", roots["private"]}, "2", "10,100"},
		{Redacted, []string{"WORDS of publish", "43.25,76.95,5000"}, []string{"WORDS of desk", "ACTOR", "NOTE", "NAME", "TITLE", "1000", "10,100", "76.9286", "43.2567", roots["publish"]}, "3", "10,10"},
	} {
		x, err := d.Export(c.level, noon)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := d.WriteZip(&b, x, func([]Summed) ([]byte, error) { return []byte("%PDF-"), nil }); err != nil {
			t.Fatal(err)
		}
		text := strings.Split(b.String(), "manifest.json")[0] // hashes may hold any digits
		for _, s := range append(c.has, c.killed, "164", "'=WORDS") {
			if !strings.Contains(text, s) {
				t.Errorf("%s: %q is missing", c.level, s)
			}
		}
		for _, s := range c.hasNot {
			if strings.Contains(text, s) {
				t.Errorf("%s: %q leaves", c.level, s)
			}
		}
		if !strings.Contains(text, c.held+" reports were held back") {
			t.Errorf("%s: what was held back is not counted", c.level)
		}
		open(t, b.Bytes())
	}
	if _, err := d.Export("all", noon); !errors.Is(err, ErrEntry) {
		t.Error(err)
	}
}

func open(t *testing.T, b []byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	data := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if data[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Name, ".csv") {
			rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data[f.Name], []byte("\uFEFF")))).ReadAll()
			if err != nil || len(rows) < 2 {
				t.Errorf("%s: %d rows, %v", f.Name, len(rows), err)
			}
		}
	}
	var m struct {
		Desk  string
		Files []Summed
	}
	if err := json.Unmarshal(data["manifest.json"], &m); err != nil || len(m.Files) != 9 {
		t.Fatal(err)
	}
	key, _ := hex.DecodeString(m.Desk)
	if !ed25519.Verify(key, append([]byte("jauap/1 desk export\x00"), data["manifest.json"]...), data["manifest.sig"]) {
		t.Error("the manifest's signature is wrong")
	}
	var geo struct {
		Type     string
		Features []struct {
			Type     string
			Geometry struct {
				Type        string
				Coordinates []float64
			}
		}
	}
	if err := json.Unmarshal(data["events.geojson"], &geo); err != nil || geo.Type != "FeatureCollection" || len(geo.Features) != 1 || geo.Features[0].Geometry.Type != "Point" || geo.Features[0].Geometry.Coordinates[0] < 76 {
		t.Errorf("%+v %v", geo, err)
	}
}

func TestMap(t *testing.T) {
	path := Outline()
	if n := strings.Count(path, "L"); n != 276 || !strings.HasPrefix(path, "M") {
		t.Errorf("%d lines", n)
	}
	inner := Borders()
	if strings.Count(inner, "M") != 26 || len(Regions()) != 17 {
		t.Errorf("%d borders of %d regions", strings.Count(inner, "M"), len(Regions()))
	}
	for _, p := range strings.FieldsFunc(inner, func(r rune) bool { return r == 'M' || r == 'L' }) {
		var x, y float64
		if n, err := fmt.Sscan(p, &x, &y); n != 2 || err != nil || x < 20 || x > Width-20 || y < 10 || y > Height {
			t.Errorf("a border goes by %q", p)
		}
	}
	for _, r := range Regions() {
		if x, y, ok := Spot(r.Lat, r.Lon); !ok || x < 20 || y < 10 || r.KK == "" || r.RU == "" || r.EN == "" {
			t.Errorf("%s is at %g %g", r.EN, x, y)
		}
	}
	if _, _, ok := Spot(52.5, 13.4); ok {
		t.Error("Berlin is on the map")
	}
}

func FuzzMerge(f *testing.F) {
	d := New(account.NewMemVault())
	v := made(f, nil)
	_, _ = d.File(noon, noon, v)
	_, _ = d.Enter(noon, Entry{Kind: KindIncident, Text: "x"})
	var b bytes.Buffer
	_, _ = d.Write(&b)
	f.Add(b.Bytes())
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer limits.Watch(t, len(raw))()
		d := New(account.NewMemVault())
		if _, _, err := d.Merge(bytes.NewReader(raw)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.View(); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkView folds 10,000 reports in 2,500 incidents, and looks for
// incidents like one of them.
func BenchmarkView(b *testing.B) {
	d := New(account.NewMemVault())
	if err := d.load(); err != nil {
		b.Fatal(err)
	}
	fill(b, d, 10_000)
	b.Run("fold", func(b *testing.B) {
		for b.Loop() {
			d.view, d.order = nil, nil
			view(b, d)
		}
	})
	b.Run("next", func(b *testing.B) {
		v := view(b, d)
		e := &Entry{Kind: KindPut, Of: v.Reports[77].Root, Into: v.Incidents[5].ID, At: "2030-01-01T00:00:00.000Z", name: "x"}
		for b.Loop() {
			if v.next(e) == nil {
				b.Fatal("it is made anew")
			}
		}
	})
	b.Run("suggest", func(b *testing.B) {
		v := view(b, d)
		for b.Loop() {
			v.Suggest(v.Reports[77])
		}
	})
}

// fill makes many reports without signing each.
func fill(b testing.TB, d *Desk, n int) {
	v := made(b, nil)
	incident := ""
	for i := range n {
		if i%4 == 0 {
			incident = fmt.Sprint(KindIncident, i)
			add(d, Entry{Kind: KindIncident, Text: "Incident"}, i)
		}
		m := *v.Manifest
		m.Report.From = noon.Add(time.Duration(i) * time.Minute).Format(time.RFC3339)
		root := fmt.Sprintf("%064x", i)
		add(d, Entry{Kind: KindReport, Of: root, Came: noon.Format(time.RFC3339), Report: &m}, i)
		add(d, Entry{Kind: KindPut, Of: root, Into: incident}, i)
	}
	d.view, d.order = nil, nil
}

func add(d *Desk, e Entry, i int) {
	e.At, e.name = noon.Add(time.Duration(i)*time.Second).Format(timeForm), fmt.Sprint(e.Kind, i)
	d.entries[e.name] = &e
}
