package desk

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// nextMost is how many entries are applied one by one before all are read anew.
const nextMost = 32

// before is the order of entries. spec/desk.md, 2.
func before(a, b *Entry) int {
	return cmp.Or(strings.Compare(a.At, b.At), strings.Compare(a.name, b.name))
}

// advance brings order and view up to date with entries that were just kept, or
// drops them, to be made anew. mu is held.
func (d *Desk) advance(fresh map[string]*Entry) {
	list := make([]*Entry, 0, len(fresh))
	for _, e := range fresh {
		list = append(list, e)
	}
	slices.SortFunc(list, before)
	if d.order == nil || len(list) > nextMost {
		d.order, d.view = nil, nil
		return
	}
	for _, e := range list {
		at, _ := slices.BinarySearchFunc(d.order, e, before)
		if at < len(d.order) { // older than others, as by another desk's clock
			d.view = nil
		}
		d.order = slices.Insert(d.order, at, e)
		if d.view != nil {
			d.view = d.view.next(e)
		}
	}
}

// next is the view with one more entry that is newer than all others: the same
// as folding all anew, but only what the entry is about is made again. It is nil
// where that is not simple: an undo, a merge, something that is named before it
// is here. v stays as it is.
func (v *View) next(e *Entry) *View {
	if v.undone[e.name] || v.loose[e.name] {
		return nil
	}
	n := *v
	n.Log = slices.Concat([]*Entry{e}, v.Log)
	ok := false
	switch e.Kind {
	case KindReport:
		ok = n.nextReport(e)
	case KindIncident:
		n.incidents = maps.Clone(v.incidents)
		i := &Incident{ID: e.name, Title: e.Text}
		i.sum()
		n.incidents[i.ID] = i
		n.Incidents, ok = put(v.Incidents, i, byTime), true
	case KindPut, KindSource, KindClaimed:
		ok = n.nextOf(e)
	case KindGrade:
		if i := v.incidents[end(v.merged, e.Of)]; i != nil {
			c := *i
			c.Grade, ok = e.State, true
			n.swap(i, &c)
		}
	case KindClaim, KindStatus:
		ok = n.nextClaim(e)
	case KindNote:
		ok = n.nextNote(e)
	}
	if !ok {
		return nil
	}
	return &n
}

// put is a sorted list with one more; list stays as it is.
func put[T any](list []T, x T, order func(a, b T) int) []T {
	at, _ := slices.BinarySearchFunc(list, x, order)
	return slices.Concat(list[:at], []T{x}, list[at:])
}

// without is a list with one less; list stays as it is.
func without[T comparable](list []T, x T) []T {
	at := slices.Index(list, x)
	if at < 0 {
		return list
	}
	return slices.Concat(list[:at], list[at+1:])
}

func byTime(a, b *Incident) int {
	return cmp.Or(a.From.Compare(b.From), strings.Compare(a.ID, b.ID))
}

func newest(a, b *Report) int {
	return cmp.Or(b.Came.Compare(a.Came), strings.Compare(a.Root, b.Root))
}

func (n *View) nextReport(e *Entry) bool {
	if n.loose[e.Of] {
		return false
	}
	if n.reports[e.Of] != nil { // the first counts
		return true
	}
	n.reports = maps.Clone(n.reports)
	r := n.addReport(e)
	n.Reports, n.Queue = put(n.Reports, r, newest), put(n.Queue, r, newest)
	return true
}

// nextOf is what is said of a report.
func (n *View) nextOf(e *Entry) bool {
	old := n.reports[e.Of]
	if old == nil || e.Kind == KindPut && e.Into != "" && n.incidents[e.Into] == nil {
		return false
	}
	r, from := *old, n.incidents[old.Incident]
	switch e.Kind {
	case KindPut:
		r.Incident = ""
		if i := n.incidents[e.Into]; i != nil {
			r.Incident = i.ID
		}
	case KindSource:
		r.Source = e.State
	case KindClaimed:
		r.Author = e.Author
	}
	n.swapReport(old, &r)
	if from != nil {
		n.regroup(from, old, nil)
	} else {
		n.Queue = without(n.Queue, old)
	}
	if to := n.incidents[r.Incident]; to != nil {
		n.regroup(to, nil, &r)
	} else {
		n.Queue = put(n.Queue, &r, newest)
	}
	return true
}

// swapReport puts another in the place of a report.
func (n *View) swapReport(old, r *Report) {
	n.reports = maps.Clone(n.reports)
	n.reports[r.Root] = r
	n.Reports = slices.Clone(n.Reports)
	at, _ := slices.BinarySearchFunc(n.Reports, old, newest)
	n.Reports[at] = r
}

// regroup takes a report out of an incident and puts one in.
func (n *View) regroup(i *Incident, out, in *Report) {
	c := *i
	c.Reports = slices.Clone(i.Reports)
	if out != nil {
		c.Reports = without(c.Reports, out)
	}
	if in != nil {
		c.Reports = append(c.Reports, in)
	}
	c.sum()
	n.swap(i, &c)
}

// swap puts another in the place of an incident.
func (n *View) swap(old, i *Incident) {
	n.incidents = maps.Clone(n.incidents)
	n.incidents[i.ID] = i
	for _, id := range i.Merged {
		n.incidents[id] = i
	}
	n.Incidents = put(without(n.Incidents, old), i, byTime)
}

func (n *View) nextClaim(e *Entry) bool {
	c := &ClaimView{}
	if e.Kind == KindClaim {
		c = claimOf(e)
	} else {
		old := n.claims[e.Of]
		if old == nil {
			return false
		}
		*c = *old
		c.State = e.State
		at := 0 // what became of it stands before the notes
		for at < len(c.History) && c.History[at].Kind == KindStatus {
			at++
		}
		c.History = slices.Concat(c.History[:at], []Entry{*e}, c.History[at:])
	}
	n.swapClaim(c)
	return true
}

// swapClaim puts a claim into its series, in the place of an older form of it.
func (n *View) swapClaim(c *ClaimView) {
	old := n.claims[c.ID]
	n.claims = maps.Clone(n.claims)
	n.claims[c.ID] = c
	s := Series{Topic: c.Claim.Topic, What: c.Claim.What}
	at, found := slices.BinarySearchFunc(n.Series, s, bySeries)
	if !found {
		n.Series = slices.Concat(n.Series[:at], []Series{s}, n.Series[at:])
	} else {
		n.Series = slices.Clone(n.Series)
	}
	list := n.Series[at].Claims
	if old != nil {
		list = without(list, old)
	}
	n.Series[at].Claims = put(list, c, bySaid)
}

func bySeries(a, b Series) int {
	return cmp.Or(strings.Compare(a.Topic, b.Topic), strings.Compare(a.What, b.What))
}

func bySaid(a, b *ClaimView) int {
	return cmp.Or(a.at.Compare(b.at), strings.Compare(a.Entered.At, b.Entered.At), strings.Compare(a.ID, b.ID))
}

func claimOf(e *Entry) *ClaimView {
	at, _ := saidAt(e.Claim.Said)
	return &ClaimView{ID: e.name, Claim: *e.Claim, Entered: *e, State: "stands", at: at}
}

func (n *View) nextNote(e *Entry) bool {
	if old := n.reports[e.Of]; old != nil {
		r := *old
		r.Notes = slices.Concat(old.Notes, []Entry{*e})
		n.swapReport(old, &r)
		if i := n.incidents[r.Incident]; i != nil {
			n.regroup(i, old, &r)
		} else {
			n.Queue = put(without(n.Queue, old), &r, newest)
		}
		return true
	}
	if old := n.incidents[e.Of]; old != nil {
		i := *old
		i.Notes = slices.Concat(old.Notes, []Entry{*e})
		n.swap(old, &i)
		return true
	}
	if old := n.claims[e.Of]; old != nil {
		c := *old
		c.History = slices.Concat(old.History, []Entry{*e})
		n.swapClaim(&c)
		return true
	}
	return false
}

// unbound are the names of what is spoken of and is not here.
func (v *View) unbound(list []*Entry) map[string]bool {
	loose := map[string]bool{}
	for _, e := range list {
		for _, name := range [...]string{e.Of, e.Into} {
			if name != "" && e.Kind != KindReport && e.Kind != KindUndo && v.reports[name] == nil && v.incidents[name] == nil && v.claims[name] == nil {
				loose[name] = true
			}
		}
	}
	return loose
}

// parsed is a time that was checked when it came.
func parsed(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t
}
