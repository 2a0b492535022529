package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/bulletin/evidence"
	"github.com/jauap/jauap/desk"
	"github.com/jauap/jauap/desk/paper"
	"github.com/jauap/jauap/inbox"
	"github.com/jauap/jauap/web/api"
)

// deskPage is how many reports and incidents a page has when nobody says.
const deskPage = 50

// deskError turns errors of the room into those of the door.
func deskError(err error) error {
	switch {
	case errors.Is(err, desk.ErrUnknown):
		return fmt.Errorf("%w: %w", api.ErrNotFound, err)
	case errors.Is(err, desk.ErrEntry):
		return fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	return doorError(err)
}

// fileReports checks packages and claims that came to the inboxes and were not
// looked at yet. people is held.
func (d *Daemon) fileReports() error {
	list := d.inboxes.Messages()
	order := func(k inbox.Kind) int { // reports before claims and stamps of them
		if k == inbox.Stamps {
			return math.MaxInt16
		}
		return int(k)
	}
	slices.SortStableFunc(list, func(a, b inbox.Message) int { return order(a.Kind) - order(b.Kind) })
	for _, m := range list {
		if !m.Whole || m.Kind == inbox.Letter || m.Kind == inbox.Slip {
			continue
		}
		if was, err := d.desk.WasChecked(m.ID.String()); was || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if err := d.fileMessage(m); err != nil {
			return err
		}
		d.changes.bump()
	}
	return nil
}

func (d *Daemon) fileMessage(m inbox.Message) error {
	c, _, err := d.inboxes.Content(m.ID)
	if err != nil {
		return err
	}
	now, note := d.moment().Wall, desk.Checked{Package: m.ID.String(), Came: m.Came}
	if m.Kind == inbox.Claim {
		b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
		if err != nil {
			return err
		}
		claim, bad := evidence.ParseClaim(b)
		if bad != nil {
			note.Fault, note.Words = "claim", bad.Error()
			return d.desk.Note(note)
		}
		ok, err := d.desk.Claimed(now, claim)
		if err != nil || !ok {
			return err // its report may come yet
		}
		return d.desk.Note(note)
	}
	if m.Kind == inbox.Stamps {
		b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
		if err != nil {
			return err
		}
		done, fault, err := d.desk.Stamped(b)
		if err != nil || !done {
			return err // its report may come yet
		}
		if fault != nil {
			note.Fault, note.Words = "stamp", fault.Error()
		}
		return d.desk.Note(note)
	}
	v, err := evidence.Check(c, c.Size())
	if err != nil {
		return err
	}
	note.Root = v.Root.String()
	if v.Broken() {
		note.Root, note.Fault = "", v.Fault()
		note.Words = faultWords(&v)
		return d.desk.Note(note)
	}
	if _, err := d.desk.File(now, m.Came, &v); err != nil {
		return err
	}
	return d.desk.Note(note)
}

func faultWords(v *evidence.Verdict) string {
	for _, f := range v.Findings {
		if f.Class == evidence.Broken {
			return f.Words
		}
	}
	return ""
}

func deskReport(r *desk.Report) api.DeskReport {
	p := &r.Manifest.Report
	out := api.DeskReport{Root: r.Root, Came: r.Came.UTC(), By: r.By, Author: r.Author, SourceName: r.Source, Incident: r.Incident, ReportForm: api.ReportForm{
		What: p.What, From: p.From, Till: p.To, Place: p.Place.Name, Lat: p.Place.Lat, Lon: p.Place.Lon, Near: p.Place.PrecisionM, Basis: p.Basis, Actors: p.Actors, Source: p.Source, Consent: p.Consent}}
	for _, n := range p.Numbers {
		out.Numbers = append(out.Numbers, api.ReportCount{What: n.What, Min: n.Min, Max: n.Max})
	}
	for _, m := range r.Manifest.Media {
		out.Media = append(out.Media, api.DeskMedium{Name: m.Name, Type: m.Type, Bytes: m.Bytes, SHA256: m.SHA256})
	}
	for i := range r.Notes {
		out.Notes = append(out.Notes, deskEntry(&r.Notes[i], false))
	}
	return out
}

func deskEntry(e *desk.Entry, undone bool) api.DeskEntry {
	at, _ := time.Parse(time.RFC3339, e.At)
	out := api.DeskEntry{Name: e.Name(), At: at, By: e.By, Kind: e.Kind, Of: e.Of, Into: e.Into, State: e.State, Text: e.Text, Undone: undone}
	if e.Claim != nil {
		out.Text = fmt.Sprintf("%s: %s, %s %d", e.Claim.Topic, e.Claim.Who, e.Claim.What, e.Claim.Min)
	}
	return out
}

func deskCounts(m map[string]desk.Range) (list []api.DeskCount) {
	for _, c := range desk.Counts {
		if n := m[c]; n.Known {
			list = append(list, api.DeskCount{What: c, Min: n.Min, Max: n.Max})
		}
	}
	return list
}

func deskIncident(i *desk.Incident) api.DeskIncident {
	out := api.DeskIncident{ID: i.ID, Title: i.Title, Grade: i.Grade, Sources: i.Sources, Witnessed: i.Witnessed, Count: len(i.Reports), Place: i.Place, Counts: deskCounts(i.Counts), Merged: i.Merged}
	if len(i.Reports) > 0 {
		out.From = known(i.From)
		out.Title = i.Heading()
	}
	return out
}

// Desk implements api.Desks.
func (d *Daemon) Desk(_ context.Context, a api.DeskAsk) (out api.Desk, err error) {
	v, err := d.desk.View()
	if err != nil {
		return out, deskError(err)
	}
	size := a.Size
	if size <= 0 || size > 1000 {
		size = deskPage
	}
	out = api.Desk{By: v.By, Reports: len(v.Reports), Waiting: len(v.Queue), All: len(v.Incidents), Queue: []api.DeskReport{}, Incidents: []api.DeskIncident{}, Claims: []api.DeskClaim{}, Tally: deskCounts(v.Tally())}
	for _, r := range window(v.Queue, a.Page, size) {
		out.Queue = append(out.Queue, deskReport(r))
	}
	for _, i := range window(v.Incidents, a.Page, size) {
		out.Incidents = append(out.Incidents, deskIncident(i))
	}
	for _, s := range v.Series {
		for _, c := range s.Claims {
			out.Claims = append(out.Claims, deskClaim(c))
		}
	}
	broken, err := d.desk.Broken()
	for _, b := range broken {
		out.Broken = append(out.Broken, api.DeskBroken{ID: b.Package, Fault: b.Fault, Words: b.Words, Came: b.Came.UTC()})
	}
	out.Map = deskMap(v, a.Lang)
	return out, deskError(err)
}

func window[T any](list []T, page, size int) []T {
	page = min(max(page, 0), len(list)) // also against overflow
	from := min(page*size, len(list))
	return list[from:min(from+size, len(list))]
}

func deskClaim(c *desk.ClaimView) api.DeskClaim {
	out := api.DeskClaim{ID: c.ID, Topic: c.Claim.Topic, Who: c.Claim.Who, Side: c.Claim.Side, What: c.Claim.What, Min: c.Claim.Min, Max: c.Claim.Max, Said: c.Claim.Said, Scope: c.Claim.Scope, Ref: c.Claim.Ref, State: c.State}
	for i := range c.History {
		out.History = append(out.History, deskEntry(&c.History[i], false))
	}
	return out
}

// mapMarks bounds what a map shows: the incidents with the most reports.
const mapMarks = 500

func deskMap(v *desk.View, lang string) api.DeskMap {
	m := api.DeskMap{Width: desk.Width, Height: desk.Height, Outline: desk.Outline(), Borders: desk.Borders(), Names: []api.DeskMark{}, Marks: []api.DeskMark{}}
	for _, r := range desk.Regions() {
		x, y, _ := desk.Spot(r.Lat, r.Lon)
		name := map[string]string{"kk": r.KK, "ru": r.RU}[lang]
		if name == "" {
			name = r.EN
		}
		m.Names = append(m.Names, api.DeskMark{X: x, Y: y, Text: name})
	}
	list := slices.Clone(v.Incidents)
	slices.SortStableFunc(list, func(a, b *desk.Incident) int { return len(b.Reports) - len(a.Reports) })
	for _, i := range list {
		if i.Lat == nil || len(m.Marks) == mapMarks {
			continue
		}
		if x, y, ok := desk.Spot(*i.Lat, *i.Lon); ok {
			m.Marks = append(m.Marks, api.DeskMark{X: x, Y: y, Size: 5 + min(float64(len(i.Reports)), 12), Text: i.Heading(), ID: i.ID, Counts: deskCounts(i.Counts)})
		}
	}
	return m
}

// deskName finds a report, incident, claim or entry by the beginning of its
// name.
func deskName(v *desk.View, name string) (string, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	hits := map[string]bool{}
	if len(name) >= 6 {
		for _, r := range v.Reports {
			if strings.HasPrefix(r.Root, name) {
				hits[r.Root] = true
			}
		}
		for _, e := range v.Log {
			if strings.HasPrefix(e.Name(), name) {
				hits[e.Name()] = true
			}
		}
	}
	for hit := range hits {
		if len(hits) == 1 {
			return hit, nil
		}
	}
	return "", fmt.Errorf("%w: %d things of the desk begin with %.64q; give at least 6 digits, and more if it is not one", api.ErrNotFound, len(hits), name)
}

// DeskReport implements api.Desks.
func (d *Daemon) DeskReport(_ context.Context, name string) (out api.DeskReport, err error) {
	v, err := d.desk.View()
	if err != nil {
		return out, deskError(err)
	}
	root, err := deskName(v, name)
	if err != nil {
		return out, err
	}
	r := v.Report(root)
	if r == nil {
		return out, fmt.Errorf("%w: %s is no report", api.ErrNotFound, root)
	}
	out = deskReport(r)
	for _, s := range v.Suggest(r) {
		out.Alike = append(out.Alike, api.DeskSuggestion{ID: s.Incident.ID, Title: s.Incident.Heading(), Time: s.Time, Place: s.Place, Words: s.Words})
	}
	if id := d.desk.PackageOf(root); id != "" {
		if m, err := d.message(id); err == nil {
			out.Package = id
			if c, _, err := d.inboxes.Content(m.ID); err == nil {
				stamps, err := d.stampsOf(root)
				if err != nil {
					return out, deskError(err)
				}
				check, err := evidence.CheckWith(c, c.Size(), evidence.Beside{Stamps: stamps})
				if err != nil {
					return out, inboxError(err)
				}
				out.Findings = deskFindings(check.Findings)
			}
		}
	}
	return out, nil
}

// DeskIncident implements api.Desks.
func (d *Daemon) DeskIncident(_ context.Context, name string) (out api.DeskIncident, err error) {
	v, err := d.desk.View()
	if err != nil {
		return out, deskError(err)
	}
	id, err := deskName(v, name)
	if err != nil {
		return out, err
	}
	i := v.Incident(id)
	if i == nil {
		return out, fmt.Errorf("%w: %s is no incident", api.ErrNotFound, id)
	}
	out = deskIncident(i)
	for _, r := range i.Reports {
		out.Reports = append(out.Reports, deskReport(r))
	}
	for k := range i.Notes {
		out.Notes = append(out.Notes, deskEntry(&i.Notes[k], false))
	}
	return out, nil
}

// DeskLog implements api.Desks.
func (d *Daemon) DeskLog(_ context.Context, a api.DeskAsk) ([]api.DeskEntry, error) {
	v, err := d.desk.View()
	if err != nil {
		return nil, deskError(err)
	}
	size := a.Size
	if size <= 0 || size > 1000 {
		size = deskPage
	}
	out := []api.DeskEntry{}
	for _, e := range window(v.Log, a.Page, size) {
		out = append(out, deskEntry(e, v.Undone(e.Name())))
	}
	return out, nil
}

// DeskAct implements api.Desks.
func (d *Daemon) DeskAct(_ context.Context, a api.DeskAct) (out api.DeskEntry, err error) {
	d.people.Lock()
	defer d.people.Unlock()
	if a.Kind == "name" {
		return out, deskError(d.desk.Name(a.Text))
	}
	v, err := d.desk.View()
	if err != nil {
		return out, deskError(err)
	}
	now := d.moment().Wall
	e := desk.Entry{Kind: a.Kind, State: a.State, Text: a.Text}
	for _, n := range []struct {
		from string
		to   *string
	}{{a.Of, &e.Of}, {a.Into, &e.Into}} {
		if n.from != "" && n.from != "new" {
			if *n.to, err = deskName(v, n.from); err != nil {
				return out, err
			}
		}
	}
	if a.Into == "new" {
		made, err := d.desk.Enter(now.Add(-time.Millisecond), desk.Entry{Kind: desk.KindIncident, Text: a.Text})
		if err != nil {
			return out, deskError(err)
		}
		e.Into, e.Text = made[0].Name(), ""
	}
	if c := a.Claim; c != nil {
		e.Claim = &desk.Claim{Topic: c.Topic, Who: c.Who, Side: c.Side, What: c.What, Min: c.Min, Max: c.Max, Said: c.Said, Scope: c.Scope, Ref: c.Ref}
	}
	if e.Kind == desk.KindReport || e.Kind == desk.KindClaimed {
		return out, fmt.Errorf("%w: reports are entered by checking their packages: desk take", api.ErrUsage)
	}
	if err := actsOn(v, &e); err != nil {
		return out, err
	}
	list, err := d.desk.Enter(now, e)
	if err != nil {
		return out, deskError(err)
	}
	d.changes.bump()
	return deskEntry(&list[0], false), nil
}

// actsOn refuses an entry about something of another kind.
func actsOn(v *desk.View, e *desk.Entry) error {
	ok := true
	switch e.Kind {
	case desk.KindPut, desk.KindSource:
		ok = v.Report(e.Of) != nil
	case desk.KindMerge:
		ok = v.Incident(e.Of) != nil && v.Incident(e.Into) != nil
	case desk.KindGrade:
		ok = v.Incident(e.Of) != nil
	case desk.KindStatus:
		ok = v.Claim(e.Of) != nil
	}
	if !ok {
		return fmt.Errorf("%w: %s is not about that", api.ErrUsage, e.Kind)
	}
	return nil
}

// DeskTake implements api.Desks.
func (d *Daemon) DeskTake(_ context.Context, a api.DeskTake) ([]api.DeskTaken, error) {
	d.people.Lock()
	defer d.people.Unlock()
	out := []api.DeskTaken{}
	for _, f := range a.Files {
		t := api.DeskTaken{Name: f.Name}
		var err error
		if bytes.HasPrefix(f.Data, []byte(`{"format":"jauap-desk/1"`)) {
			t.Fresh, t.Refused, err = d.desk.Merge(bytes.NewReader(f.Data))
		} else {
			err = d.takePackage(f.Data, &t)
		}
		if err != nil {
			return out, deskError(err)
		}
		out = append(out, t)
	}
	d.changes.bump()
	return out, nil
}

func (d *Daemon) takePackage(b []byte, t *api.DeskTaken) error {
	v, err := evidence.Check(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	if v.Broken() {
		t.Fault, t.Words, t.Refused = v.Fault(), faultWords(&v), 1
		return nil
	}
	now := d.moment().Wall
	fresh, err := d.desk.File(now, now, &v)
	if fresh {
		t.Fresh = 1
	}
	t.Root = v.Root.String()
	return err
}

// DeskFile implements api.Desks.
func (d *Daemon) DeskFile(_ context.Context, a api.DeskFileAsk) (f api.File, body io.ReadCloser, err error) {
	var b bytes.Buffer
	name := "desk-" + a.Form + ".zip"
	if a.Form == "entries" {
		name = "desk-entries.jsonl"
		_, err = d.desk.Write(&b)
	} else {
		x, bad := d.desk.Export(a.Form, d.moment().Wall)
		if bad != nil {
			return f, nil, deskError(bad)
		}
		err = d.desk.WriteZip(&b, x, d.deskPaper(x, a.Lang))
	}
	if err != nil {
		return f, nil, deskError(err)
	}
	n := int64(b.Len())
	return api.File{ID: "desk", Name: name, Bytes: n, Have: n}, io.NopCloser(&b), nil
}

// deskPaper prints an export.
func (d *Daemon) deskPaper(x *desk.Export, lang string) func([]desk.Summed) ([]byte, error) {
	return func(sums []desk.Summed) ([]byte, error) { return paper.Report(x, lang, sums) }
}
