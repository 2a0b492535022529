package web

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jauap/jauap/web/api"
)

// deskScreen is the desk at a glance.
type deskScreen struct {
	api.Desk
	Waits   []deskReport
	Cases   []deskCase
	Sum     string
	Series  []claimSeries
	Page    int
	Earlier bool // there is a page before
	Later   bool
	Sides   []keyword
	Counts  []keyword
	Claim   api.DeskClaim // as typed
	Problem string
	Done    string
}

// deskReport is a report as a template shows it.
type deskReport struct {
	api.DeskReport
	Short, How, May string
	Numbers         string
	When            *moment
	Began, Ended    string // as its place tells the time
}

// deskCase is an incident.
type deskCase struct {
	api.DeskIncident
	Word    string // the grade
	Numbers string
	When    *moment
	List    []deskReport
	Grades  []keyword
	Others  []api.DeskIncident
	Done    string
}

// claimSeries are claims that count the same, with bars.
type claimSeries struct {
	Topic, What string
	Claims      []claimBar
	Own         string // what the desk's incidents say
	OwnFrom     int
	OwnTo       int
}

type claimBar struct {
	api.DeskClaim
	Side, Word   string
	Number       string
	From, To     int // of a bar of 1000
	Withdrawn    bool
	HistoryLines []string
}

var (
	deskGrades = [...]string{"confirmed", "fair", "weak", "contested", "discounted"}
	deskSides  = [...]string{"official", "hospital", "monitor", "witness", "media", "other"}
)

// Next is the number of the page after this one.
func (s deskScreen) Next() int { return s.Page + 1 }

// Next is the number of the page after this one.
func (s deskLogScreen) Next() int { return s.Page + 1 }

func (x *turn) deskReport(r api.DeskReport) deskReport {
	v := deskReport{DeskReport: r, Short: r.What, How: x.T("report." + r.Basis), May: x.T("report." + "may-" + r.Consent), When: x.When(r.Came), Began: there(r.From), Ended: there(r.Till)}
	if s := []rune(r.What); len(s) > 160 {
		v.Short = string(s[:160]) + "…"
	}
	var list []string
	for _, n := range r.Numbers {
		list = append(list, x.T("report."+n.What)+": "+x.span(n.Min, n.Max))
	}
	v.Numbers = strings.Join(list, " · ")
	return v
}

// there is a time as people write it, in the zone of the place it is told of.
func there(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return t.Format("2006-01-02 15:04 -07:00")
}

func (x *turn) span(least int, most *int) string {
	switch {
	case most == nil:
		return x.T("report.least") + " " + strconv.Itoa(least)
	case *most == least:
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d–%d", least, *most)
}

func (x *turn) deskCounts(list []api.DeskCount) string {
	var out []string
	for _, n := range list {
		most := &n.Max
		if n.Max == n.Min {
			most = nil
		}
		out = append(out, x.T("report."+n.What)+": "+x.span(n.Min, most))
	}
	return strings.Join(out, " · ")
}

func (x *turn) deskCase(i api.DeskIncident) deskCase {
	v := deskCase{DeskIncident: i, Word: x.T("desk." + cmp.Or(i.Grade, "ungraded")), Numbers: x.deskCounts(i.Counts), When: x.Age(i.From), Grades: nil}
	for _, g := range deskGrades {
		v.Grades = append(v.Grades, keyword{g, x.T("desk." + g), g == i.Grade})
	}
	for _, r := range i.Reports {
		v.List = append(v.List, x.deskReport(r))
	}
	return v
}

// desk is the desk's first screen.
func (x *turn) desk() error { return x.deskWith(deskScreen{}, http.StatusOK) }

func (x *turn) deskWith(s deskScreen, status int) error {
	x.Tab = "people"
	s.Page, _ = strconv.Atoi(x.r.URL.Query().Get("page"))
	s.Page = min(max(s.Page, 0), 1<<20)
	now, err := x.p.b.Desk(x.ctx(), api.DeskAsk{Page: s.Page, Lang: x.Lang.Tag})
	if err != nil {
		return err
	}
	s.Desk, s.Sum = now, x.deskCounts(now.Tally)
	const size = 50 // of a page at the door
	s.Earlier, s.Later = s.Page > 0, max(now.Waiting, now.All) > (s.Page+1)*size
	for i, m := range s.Map.Marks {
		if n := x.deskCounts(m.Counts); n != "" {
			s.Map.Marks[i].Text += " · " + n
		}
	}
	for i, b := range s.Broken {
		s.Broken[i].Words = x.Lang.fault(b.Fault, b.Words)
	}
	for _, r := range now.Queue {
		s.Waits = append(s.Waits, x.deskReport(r))
	}
	for _, i := range now.Incidents {
		s.Cases = append(s.Cases, x.deskCase(i))
	}
	s.Series = x.claimSeries(now)
	for _, k := range deskSides {
		s.Sides = append(s.Sides, keyword{k, x.T("desk." + k), k == s.Claim.Side})
	}
	for _, k := range reportCounts {
		s.Counts = append(s.Counts, keyword{k, x.T("report." + k), k == s.Claim.What})
	}
	if s.Done == "" {
		s.Done, _ = x.told("desk").(string)
	}
	x.view("desk", status, x.T("desk.title"), s)
	return nil
}

// claimSeries puts claims of one kind side by side, and the desk's own range
// below them.
func (x *turn) claimSeries(now api.Desk) (list []claimSeries) {
	own := map[string]api.DeskCount{}
	for _, n := range now.Tally {
		own[n.What] = n
	}
	for _, c := range now.Claims {
		if k := len(list) - 1; k < 0 || list[k].Topic != c.Topic || list[k].Claims[0].What != c.What {
			list = append(list, claimSeries{Topic: c.Topic, What: x.T("report." + c.What)})
		}
		s := &list[len(list)-1]
		b := claimBar{DeskClaim: c, Side: x.T("desk." + c.Side), Word: x.T("desk." + cmp.Or(c.State, "stands")), Number: x.span(c.Min, c.Max), Withdrawn: c.State == "withdrawn"}
		if c.Max == nil {
			b.Number = strconv.Itoa(c.Min)
		}
		for _, h := range c.History {
			word := h.Text
			if h.State != "" {
				word = strings.TrimSpace(x.T("desk."+h.State) + ". " + h.Text)
			}
			b.HistoryLines = append(b.HistoryLines, h.At.In(x.p.o.Zone).Format("2006-01-02")+" "+word)
		}
		s.Claims = append(s.Claims, b)
	}
	for k := range list {
		list[k].scale(own)
	}
	for k := range list {
		if n, ok := own[list[k].Claims[0].DeskClaim.What]; ok {
			list[k].Own = x.span(n.Min, &n.Max)
		}
	}
	return list
}

// scale makes the largest number 1000 units long.
func (s *claimSeries) scale(own map[string]api.DeskCount) {
	n := own[s.Claims[0].DeskClaim.What]
	top := max(n.Max, 1)
	for _, c := range s.Claims {
		top = max(top, c.Min)
		if c.Max != nil {
			top = max(top, *c.Max)
		}
	}
	unit := func(n int) int { return int(math.Round(float64(n) * 1000 / float64(top))) }
	for i := range s.Claims {
		c := &s.Claims[i]
		c.From, c.To = unit(c.Min), unit(c.Min)
		if c.Max != nil {
			c.To = unit(*c.Max)
		}
	}
	s.OwnFrom, s.OwnTo = unit(n.Min), unit(n.Max)
}

// actDesk enters what a person decided, on any of the desk's screens.
func (x *turn) actDesk() error {
	get := func(k string) string { return strings.TrimSpace(x.form.Get(k)) }
	a := api.DeskAct{Kind: get("do"), Of: get("of"), Into: get("into"), State: get("state"), Text: get("text")}
	if x.cut && a.Kind != "take" {
		return fmt.Errorf("%w: form", api.ErrTooLarge)
	}
	switch a.Kind {
	case "claim":
		return x.enterClaim()
	case "take":
		return x.takeAtDesk()
	}
	e, err := x.p.b.DeskAct(x.ctx(), a)
	if errors.Is(err, api.ErrUsage) {
		return x.deskWith(deskScreen{Problem: x.T("desk.bad", "why", x.why(err))}, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	x.tell("desk", x.T("desk.entered"))
	if a.Kind == "put" && e.Into != "" {
		return x.see(x.Path("desk", "incident", e.Into))
	}
	return x.see(x.back())
}

func (x *turn) enterClaim() error {
	get := func(k string) string { return strings.TrimSpace(x.form.Get(k)) }
	n, _, bad := readCount(get("what"), get("min"), get("max"))
	c := api.DeskClaim{Topic: get("topic"), Who: get("who"), Side: get("side"), What: get("what"), Min: n.Min, Max: n.Max, Said: get("said"), Scope: get("scope"), Ref: get("ref")}
	var err error
	if bad || get("min") == "" {
		err = api.ErrUsage
	} else {
		_, err = x.p.b.DeskAct(x.ctx(), api.DeskAct{Kind: "claim", Claim: &c})
	}
	if errors.Is(err, api.ErrUsage) {
		return x.deskWith(deskScreen{Claim: c, Problem: x.T("desk.no-claim")}, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	x.tell("desk", x.T("desk.entered"))
	return x.see(x.Path("desk"))
}

func (x *turn) takeAtDesk() error {
	if x.cut {
		return x.deskWith(deskScreen{Problem: x.tooMuch()}, http.StatusRequestEntityTooLarge)
	}
	list, err := x.p.b.DeskTake(x.ctx(), api.DeskTake{Files: x.form.files})
	if err != nil {
		return err
	}
	fresh, refused, why := 0, 0, ""
	for _, t := range list {
		fresh, refused = fresh+t.Fresh, refused+t.Refused
		if t.Fault != "" {
			why = x.Lang.fault(t.Fault, t.Words)
		}
	}
	done := x.T("desk.taken", "fresh", fresh, "refused", refused)
	if refused > 0 {
		return x.deskWith(deskScreen{Problem: strings.TrimSpace(done + " " + why)}, http.StatusUnprocessableEntity)
	}
	x.tell("desk", done)
	return x.see(x.Path("desk"))
}

// deskReportScreen is one report.
type deskReportScreen struct {
	deskReport
	From, Till string
	Proof      []keyword // class and sentence
	Cases      []api.DeskIncident
	Done       string
}

func (x *turn) oneReport() error {
	x.Tab = "people"
	r, err := x.p.b.DeskReport(x.ctx(), x.r.PathValue("id"))
	if err != nil {
		return err
	}
	s := deskReportScreen{deskReport: x.deskReport(r), From: r.From, Till: r.Till}
	s.Done, _ = x.told("desk").(string)
	for _, f := range r.Findings {
		s.Proof = append(s.Proof, keyword{x.T(classKey(f.Class)), x.Lang.finding(f.Code, x.dated(f.Args), f.Words), f.Class == "broken"})
	}
	now, err := x.p.b.Desk(x.ctx(), api.DeskAsk{Lang: x.Lang.Tag, Size: 200})
	if err != nil {
		return err
	}
	s.Cases = now.Incidents
	x.view("deskreport", http.StatusOK, x.T("desk.report"), s)
	return nil
}

func (x *turn) oneCase() error {
	x.Tab = "people"
	i, err := x.p.b.DeskIncident(x.ctx(), x.r.PathValue("id"))
	if err != nil {
		return err
	}
	v := x.deskCase(i)
	v.Done, _ = x.told("desk").(string)
	now, err := x.p.b.Desk(x.ctx(), api.DeskAsk{Lang: x.Lang.Tag, Size: 200})
	if err != nil {
		return err
	}
	for _, o := range now.Incidents {
		if o.ID != i.ID {
			v.Others = append(v.Others, o)
		}
	}
	x.view("incident", http.StatusOK, i.Title, v)
	return nil
}

// deskLogScreen lists what was entered, with a way to take it back.
type deskLogScreen struct {
	Entries []deskLine
	Page    int
	Later   bool
	Done    string
}

type deskLine struct {
	api.DeskEntry
	Word string
	When *moment
}

func (x *turn) deskLog() error {
	x.Tab = "people"
	page, _ := strconv.Atoi(x.r.URL.Query().Get("page"))
	s := deskLogScreen{Page: min(max(page, 0), 1<<20)}
	list, err := x.p.b.DeskLog(x.ctx(), api.DeskAsk{Page: s.Page})
	if err != nil {
		return err
	}
	s.Later = len(list) == 50
	for _, e := range list {
		s.Entries = append(s.Entries, deskLine{e, x.T("desk." + "did-" + e.Kind), x.When(e.At)})
	}
	s.Done, _ = x.told("desk").(string)
	x.view("desklog", http.StatusOK, x.T("desk.log"), s)
	return nil
}

// deskFile gives an export as a download.
func (x *turn) deskFile() error {
	f, body, err := x.p.b.DeskFile(x.ctx(), api.DeskFileAsk{Form: x.r.PathValue("form"), Lang: x.Lang.Tag})
	if err != nil {
		return err
	}
	return api.Download(x.w, x.r, f, body)
}
