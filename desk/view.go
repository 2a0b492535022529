package desk

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/bulletin/evidence"
)

// Report is one that came.
type Report struct {
	Root     string
	Came     time.Time
	By       string // the desk that entered it
	Manifest *evidence.Manifest
	Author   string // key of an author who claimed it
	Source   string // name that the desk gave to whom it comes from
	Incident string // empty while it waits
	Notes    []Entry
	from     time.Time
}

// source is what counts as one source. spec/desk.md, 4.
func (r *Report) source() string {
	switch {
	case r.Source != "":
		return "name " + r.Source
	case r.Author != "":
		return "author " + r.Author
	}
	return "report " + r.Root
}

// Range counts people. Known is false where nobody said a number.
type Range struct {
	Min, Max int
	Known    bool
}

// Incident is what a person joined.
type Incident struct {
	ID        string
	Title     string
	Grade     string
	Reports   []*Report // oldest event first
	Sources   int       // independent ones
	Witnessed int       // reports of people who saw it
	From      time.Time // of its first report
	Place     string
	Lat, Lon  *float64
	Near      int // metres
	Counts    map[string]Range
	Merged    []string // incidents that became this one
	Notes     []Entry
}

// ClaimView is a claim with its history.
type ClaimView struct {
	ID      string
	Claim   Claim
	Entered Entry
	State   string // stands, withdrawn, revised
	History []Entry
	at      time.Time
}

// Series are claims that count the same thing, in the order in which they
// were said.
type Series struct {
	Topic, What string
	Claims      []*ClaimView
}

// View is what follows from a set of entries. It does not change.
type View struct {
	By        string
	Queue     []*Report // that belong to no incident, newest first
	Reports   []*Report // all, by when they came
	Incidents []*Incident
	Series    []Series
	Log       []*Entry // all entries, newest first
	undone    map[string]bool
	loose     map[string]bool   // what is spoken of and is not here
	merged    map[string]string // incidents that became others
	reports   map[string]*Report
	incidents map[string]*Incident
	claims    map[string]*ClaimView
}

// View is what the desk knows now.
func (d *Desk) View() (*View, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(); err != nil {
		return nil, err
	}
	if d.view == nil {
		d.view = fold(d.sorted())
		d.view.By = d.by
	}
	return d.view, nil
}

// Report, Incident and Claim find one; nil when there is none.
func (v *View) Report(root string) *Report { return v.reports[root] }

// Incident finds one, also by the ID of one that became it.
func (v *View) Incident(id string) *Incident { return v.incidents[id] }

// Claim finds one.
func (v *View) Claim(id string) *ClaimView { return v.claims[id] }

// Undone reports whether an entry does not count.
func (v *View) Undone(name string) bool { return v.undone[name] }

// Name is the entry's name.
func (e *Entry) Name() string { return e.name }

// fold reads entries in their order. spec/desk.md, 2.
func fold(list []*Entry) *View {
	v := &View{undone: map[string]bool{}, reports: map[string]*Report{}, incidents: map[string]*Incident{}, claims: map[string]*ClaimView{}}
	for _, e := range slices.Backward(list) {
		if e.Kind == KindUndo && !v.undone[e.name] {
			v.undone[e.Of] = true
		}
		v.Log = append(v.Log, e)
	}
	merged := map[string]string{}
	var notes []*Entry
	for _, e := range list {
		if v.undone[e.name] {
			continue
		}
		switch e.Kind {
		case KindReport:
			v.addReport(e)
		case KindIncident:
			v.incidents[e.name] = &Incident{ID: e.name, Title: e.Text}
		case KindMerge:
			merge(merged, e.Of, e.Into)
		case KindClaim:
			v.claims[e.name] = claimOf(e)
		case KindNote:
			notes = append(notes, e)
		}
	}
	v.second(list, merged)
	v.join(merged)
	for _, e := range notes {
		if r := v.reports[e.Of]; r != nil {
			r.Notes = append(r.Notes, *e)
		} else if i := v.incidents[e.Of]; i != nil {
			i.Notes = append(i.Notes, *e)
		} else if c := v.claims[e.Of]; c != nil {
			c.History = append(c.History, *e)
		}
	}
	v.arrange()
	v.merged, v.loose = merged, v.unbound(list)
	return v
}

func (v *View) addReport(e *Entry) *Report {
	r := v.reports[e.Of]
	if r == nil {
		r = &Report{Root: e.Of, By: e.By, Manifest: e.Report, Came: parsed(e.Came), from: parsed(e.Report.Report.From)}
		v.reports[e.Of] = r
	}
	return r
}

// merge notes that one incident is another, unless that closes a circle.
func merge(merged map[string]string, of, into string) {
	if end(merged, into) != of {
		merged[of] = into
	}
}

func end(merged map[string]string, id string) string {
	for range len(merged) + 1 {
		next, ok := merged[id]
		if !ok {
			return id
		}
		id = next
	}
	return id
}

// second reads what is said of reports, incidents and claims, whichever desk
// entered those first.
func (v *View) second(list []*Entry, merged map[string]string) {
	for _, e := range list {
		if v.undone[e.name] {
			continue
		}
		r := v.reports[e.Of]
		switch {
		case e.Kind == KindPut && r != nil:
			r.Incident = e.Into
		case e.Kind == KindSource && r != nil:
			r.Source = e.State
		case e.Kind == KindClaimed && r != nil:
			r.Author = e.Author
		case e.Kind == KindGrade:
			if i := v.incidents[end(merged, e.Of)]; i != nil {
				i.Grade = e.State
			}
		case e.Kind == KindStatus:
			if c := v.claims[e.Of]; c != nil {
				c.State = e.State
				c.History = append(c.History, *e)
			}
		}
	}
}

// join puts reports into their incidents.
func (v *View) join(merged map[string]string) {
	for _, id := range sortedKeys(merged) {
		if into := v.incidents[end(merged, id)]; into != nil && v.incidents[id] != nil {
			into.Merged = append(into.Merged, id)
			if into.Title == "" {
				into.Title = v.incidents[id].Title
			}
			v.incidents[id] = into
		}
	}
	for _, root := range sortedKeys(v.reports) {
		r := v.reports[root]
		i := v.incidents[r.Incident]
		if i == nil {
			r.Incident = ""
			continue
		}
		r.Incident = i.ID
		i.Reports = append(i.Reports, r)
	}
}

func sortedKeys[T any](m map[string]T) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// arrange puts everything in the order in which it is shown.
func (v *View) arrange() {
	for _, r := range v.reports {
		v.Reports = append(v.Reports, r)
	}
	slices.SortFunc(v.Reports, newest)
	for _, r := range v.Reports {
		if r.Incident == "" {
			v.Queue = append(v.Queue, r)
		}
	}
	for id, i := range v.incidents {
		if id == i.ID {
			i.sum()
			v.Incidents = append(v.Incidents, i)
		}
	}
	slices.SortFunc(v.Incidents, byTime)
	series := map[[2]string][]*ClaimView{}
	for _, c := range v.claims {
		k := [2]string{c.Claim.Topic, c.Claim.What}
		series[k] = append(series[k], c)
	}
	for k, list := range series {
		slices.SortFunc(list, bySaid)
		v.Series = append(v.Series, Series{k[0], k[1], list})
	}
	slices.SortStableFunc(v.Series, bySeries)
}

// sum computes what an incident's reports say together. spec/desk.md, 4.
func (i *Incident) sum() {
	slices.SortFunc(i.Reports, func(a, b *Report) int { return cmp.Or(a.from.Compare(b.from), strings.Compare(a.Root, b.Root)) })
	i.Counts, i.Sources, i.Witnessed = map[string]Range{}, 0, 0
	i.From, i.Place, i.Lat, i.Lon, i.Near = time.Time{}, "", nil, nil, 0
	sources := map[string]bool{}
	for _, r := range i.Reports {
		sources[r.source()] = true
		p := &r.Manifest.Report
		if p.Basis == "witnessed" {
			i.Witnessed++
		}
		if i.Place == "" {
			i.Place, i.From = p.Place.Name, r.from
		}
		if p.Place.Lat != nil && (i.Lat == nil || *p.Place.PrecisionM < i.Near) {
			i.Lat, i.Lon, i.Near = p.Place.Lat, p.Place.Lon, *p.Place.PrecisionM
		}
		for _, n := range p.Numbers {
			i.Counts[n.What] = i.Counts[n.What].wider(n)
		}
	}
	i.Sources = len(sources)
}

func (r Range) wider(n evidence.Numbers) Range {
	most := n.Min
	if n.Max != nil {
		most = *n.Max
	}
	if !r.Known {
		return Range{n.Min, most, true}
	}
	return Range{min(r.Min, n.Min), max(r.Max, most), true}
}

// Tally adds the incidents, those left out that were discounted.
func (v *View) Tally() map[string]Range {
	sum := map[string]Range{}
	for _, i := range v.Incidents {
		if i.Grade == "discounted" {
			continue
		}
		for what, n := range i.Counts {
			t := sum[what]
			sum[what] = Range{t.Min + n.Min, t.Max + n.Max, true}
		}
	}
	return sum
}

// Allowed is the same desk with only those reports whose consent ok admits:
// everything is computed anew from them. Incidents without any are left out.
func (v *View) Allowed(ok func(consent string) bool) *View {
	out := &View{By: v.By, Series: v.Series, incidents: map[string]*Incident{}, reports: map[string]*Report{}, claims: v.claims}
	for _, r := range v.Reports {
		if ok(r.Manifest.Report.Consent) {
			out.Reports = append(out.Reports, r)
			out.reports[r.Root] = r
			if r.Incident == "" {
				out.Queue = append(out.Queue, r)
			}
		}
	}
	for _, i := range v.Incidents {
		n := *i
		n.Reports = slices.DeleteFunc(slices.Clone(i.Reports), func(r *Report) bool { return out.reports[r.Root] == nil })
		if len(n.Reports) == 0 {
			continue
		}
		n.sum()
		out.Incidents = append(out.Incidents, &n)
		out.incidents[n.ID] = &n
	}
	return out
}

// words of a text in lower case.
func words(s string) [][]byte {
	return bytes.FieldsFunc(bytes.ToLower([]byte(s)), func(r rune) bool { return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f) })
}
