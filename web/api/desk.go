package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// DeskCount counts people in reports, incidents or claims.
type DeskCount struct {
	What string `json:"what"` // killed, injured, detained, missing
	Min  int    `json:"min"`
	Max  int    `json:"max"`
}

// DeskReport is a verified report at the desk.
type DeskReport struct {
	Root string `json:"root"`
	ReportForm
	Came       time.Time        `json:"came"`
	By         string           `json:"by"` // the desk that entered it
	Author     string           `json:"author,omitempty"`
	SourceName string           `json:"source_name,omitempty"` // what this desk calls whom it comes from
	Incident   string           `json:"incident,omitempty"`
	Media      []DeskMedium     `json:"media,omitempty"`
	Package    string           `json:"package,omitempty"` // id of what came, to download
	Findings   []DeskFinding    `json:"findings,omitempty"`
	Alike      []DeskSuggestion `json:"alike,omitempty"`
	Notes      []DeskEntry      `json:"notes,omitempty"`
}

// DeskMedium is an original in a report's package.
type DeskMedium struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// DeskFinding is one sentence about a package.
type DeskFinding struct {
	Class string `json:"class"` // proven, claimed, not proven, broken
	About string `json:"about"`
	// Code names the sentence, Args stand in it: evidence.md, 6. Words are English.
	Code  string   `json:"code"`
	Args  []string `json:"args,omitempty"`
	Words string   `json:"words"`
}

// DeskSuggestion is an incident to which a report may belong. A person decides.
type DeskSuggestion struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Time  bool   `json:"time"`
	Place bool   `json:"place"`
	Words int    `json:"words"`
}

// DeskIncident is what a person joined.
type DeskIncident struct {
	ID        string       `json:"id"`
	Title     string       `json:"title"`
	Grade     string       `json:"grade,omitempty"`
	Sources   int          `json:"sources"`
	Witnessed int          `json:"witnessed"`
	Count     int          `json:"reports_count"`
	From      *time.Time   `json:"from,omitempty"`
	Place     string       `json:"place,omitempty"`
	Counts    []DeskCount  `json:"counts,omitempty"`
	Merged    []string     `json:"merged,omitempty"`
	Reports   []DeskReport `json:"reports,omitempty"` // of one incident only
	Notes     []DeskEntry  `json:"notes,omitempty"`
}

// DeskClaim is what somebody said of a number, with its history.
type DeskClaim struct {
	ID      string      `json:"id,omitempty"`
	Topic   string      `json:"topic"`
	Who     string      `json:"who"`
	Side    string      `json:"side"` // official, hospital, monitor, witness, media, other
	What    string      `json:"what"`
	Min     int         `json:"min"`
	Max     *int        `json:"max,omitempty"`
	Said    string      `json:"said"`
	Scope   string      `json:"scope,omitempty"`
	Ref     string      `json:"ref,omitempty"`
	State   string      `json:"state,omitempty"` // stands, withdrawn, revised
	History []DeskEntry `json:"history,omitempty"`
}

// DeskEntry is one line of what the desk knows.
type DeskEntry struct {
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Kind   string    `json:"kind"`
	Of     string    `json:"of,omitempty"`
	Into   string    `json:"into,omitempty"`
	State  string    `json:"state,omitempty"`
	Text   string    `json:"text,omitempty"`
	Undone bool      `json:"undone,omitempty"`
}

// DeskMark is something on the map.
type DeskMark struct {
	X    float64 `json:"x"`
	Y    float64 `json:"y"`
	Size float64 `json:"size,omitempty"`
	Text string  `json:"text"`
	ID   string  `json:"id,omitempty"` // of an incident
	// Counts are what its reports say.
	Counts []DeskCount `json:"counts,omitempty"`
}

// DeskMap is an outline with names and incidents, in its own units.
type DeskMap struct {
	Width   int        `json:"width"`
	Height  int        `json:"height"`
	Outline string     `json:"outline"` // path of SVG
	Borders string     `json:"borders"` // of regions, likewise
	Names   []DeskMark `json:"names"`
	Marks   []DeskMark `json:"marks"`
}

// DeskBroken is a package that came and does not hold.
type DeskBroken struct {
	ID    string    `json:"id"`
	Fault string    `json:"fault"`
	Words string    `json:"words"`
	Came  time.Time `json:"came"`
}

// Desk is what the desk knows at a glance.
type Desk struct {
	By        string         `json:"by"`
	Reports   int            `json:"reports"`
	Waiting   int            `json:"waiting"`
	Queue     []DeskReport   `json:"queue"` // one page
	All       int            `json:"incidents_count"`
	Incidents []DeskIncident `json:"incidents"` // one page, in the order of time
	Tally     []DeskCount    `json:"tally,omitempty"`
	Claims    []DeskClaim    `json:"claims"` // by topic, what and when they were said
	Broken    []DeskBroken   `json:"broken,omitempty"`
	Map       DeskMap        `json:"map"`
}

// DeskAsk asks for a page of the desk, from 0.
type DeskAsk struct {
	Page int    `json:"page,omitempty"`
	Size int    `json:"size,omitempty"` // 50 by default, at most 1000
	Lang string `json:"lang,omitempty"` // of names on the map: en, ru or kk
}

// DeskAct enters something. Reports, incidents, claims and entries are named by
// their ids or unambiguous beginnings of at least 6 digits.
type DeskAct struct {
	Kind  string     `json:"kind"` // name, incident, put, merge, grade, source, claim, status, note, undo
	Of    string     `json:"of,omitempty"`
	Into  string     `json:"into,omitempty"` // "new" makes an incident
	State string     `json:"state,omitempty"`
	Text  string     `json:"text,omitempty"`
	Claim *DeskClaim `json:"claim,omitempty"`
}

// DeskFileAsk asks for a file of the desk.
type DeskFileAsk struct {
	Form string `json:"form"` // full or redacted: a ZIP of exports; entries: for another desk
	Lang string `json:"lang,omitempty"`
}

// DeskTake brings files: packages of evidence, or the entries of another desk.
type DeskTake struct {
	Files []SendFile `json:"files,omitempty"`
}

// DeskTaken is what came of one file.
type DeskTaken struct {
	Name    string `json:"name"`
	Root    string `json:"root,omitempty"` // of a report that was filed or was here
	Fresh   int    `json:"fresh"`          // entries, or 1 for a report
	Refused int    `json:"refused"`
	Fault   string `json:"fault,omitempty"`
	Words   string `json:"words,omitempty"`
}

// Desks is the desk's part of the door.
type Desks interface {
	Desk(ctx context.Context, ask DeskAsk) (Desk, error)
	DeskReport(ctx context.Context, root string) (DeskReport, error)
	DeskIncident(ctx context.Context, id string) (DeskIncident, error)
	DeskLog(ctx context.Context, ask DeskAsk) ([]DeskEntry, error)
	DeskAct(ctx context.Context, act DeskAct) (DeskEntry, error)
	DeskTake(ctx context.Context, take DeskTake) ([]DeskTaken, error)
	DeskFile(ctx context.Context, ask DeskFileAsk) (File, io.ReadCloser, error)
}

func desks(m *http.ServeMux, b Desks) {
	m.Handle("POST /api/v1/desk", ask(b.Desk))
	m.Handle("POST /api/v1/desk/report", ask(b.DeskReport))
	m.Handle("POST /api/v1/desk/incident", ask(b.DeskIncident))
	m.Handle("POST /api/v1/desk/log", ask(b.DeskLog))
	m.Handle("POST /api/v1/desk/act", ask(b.DeskAct))
	m.Handle("POST /api/v1/desk/take", upload(b.DeskTake, func(a *DeskTake) *[]SendFile { return &a.Files }))
	m.HandleFunc("GET /api/v1/desk/file", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		f, body, err := b.DeskFile(r.Context(), DeskFileAsk{Form: q.Get("form"), Lang: q.Get("lang")})
		if err == nil {
			err = Download(w, r, f, body)
		}
		if err != nil {
			fail(w, r, err)
		}
	})
}

// Desk implements Desks.
func (c *Client) Desk(ctx context.Context, a DeskAsk) (Desk, error) {
	return fetch[Desk](ctx, c, http.MethodPost, "desk", a)
}

// DeskReport implements Desks.
func (c *Client) DeskReport(ctx context.Context, root string) (DeskReport, error) {
	return fetch[DeskReport](ctx, c, http.MethodPost, "desk/report", root)
}

// DeskIncident implements Desks.
func (c *Client) DeskIncident(ctx context.Context, id string) (DeskIncident, error) {
	return fetch[DeskIncident](ctx, c, http.MethodPost, "desk/incident", id)
}

// DeskLog implements Desks.
func (c *Client) DeskLog(ctx context.Context, a DeskAsk) ([]DeskEntry, error) {
	return fetch[[]DeskEntry](ctx, c, http.MethodPost, "desk/log", a)
}

// DeskAct implements Desks.
func (c *Client) DeskAct(ctx context.Context, a DeskAct) (DeskEntry, error) {
	return fetch[DeskEntry](ctx, c, http.MethodPost, "desk/act", a)
}

// DeskTake implements Desks.
func (c *Client) DeskTake(ctx context.Context, a DeskTake) ([]DeskTaken, error) {
	files := a.Files
	a.Files = nil
	return asking[[]DeskTaken](ctx, c, "desk/take", a, files)
}

// DeskFile implements Desks.
func (c *Client) DeskFile(ctx context.Context, a DeskFileAsk) (File, io.ReadCloser, error) {
	return c.download(ctx, "desk/file?form="+url.QueryEscape(a.Form)+"&lang="+url.QueryEscape(a.Lang))
}
