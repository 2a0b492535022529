package api

import (
	"context"
	"net/http"
	"time"
)

// Slip is a question after somebody, and what became of it.
type Slip struct {
	ID       string    `json:"id"`
	State    string    `json:"state"` // open, taken, answered, withdrawn, expired
	Mine     bool      `json:"mine"`  // I asked
	Via      string    `json:"via,omitempty"`
	Inbox    bool      `json:"inbox,omitempty"`   // Via is a public inbox: it came there, or I asked there
	Askers   int       `json:"askers,omitempty"`  // of an inbox: how many asked the same
	Arrived  bool      `json:"arrived,omitempty"` // the inbox that I asked has it
	Made     time.Time `json:"made"`              // the asker's clock: a claim
	Received time.Time `json:"received_at"`
	Until    time.Time `json:"until"`
	Erased   bool      `json:"erased,omitempty"` // whom it was about is forgotten here

	Name     string `json:"name,omitempty"`
	Phone    string `json:"phone,omitempty"`
	Address  string `json:"address,omitempty"`
	Question string `json:"question,omitempty"`
	From     string `json:"from,omitempty"`
	Say      string `json:"say,omitempty"`

	Takers  []string    `json:"takers,omitempty"`  // who is on it
	Tries   int         `json:"tries"`             // times nobody answered
	Outcome string      `json:"outcome,omitempty"` // what a code that was looked at stands for
	Events  []SlipEvent `json:"events"`
}

// SlipEvent is what somebody did about a slip.
type SlipEvent struct {
	Kind    string    `json:"kind"`              // taken, given-back, answered, withdrawn
	Outcome string    `json:"outcome,omitempty"` // spoke, close, neighbour, no-answer, not-there, other
	At      time.Time `json:"at"`                // the writer's clock: a claim
	Who     string    `json:"who"`               // what the writer calls themself
	Via     string    `json:"via,omitempty"`     // the contact who passed it on; empty for my own
	Text    string    `json:"text,omitempty"`
}

// AskAfter is a new slip for helpers.
type AskAfter struct {
	To       []string `json:"to"`              // helpers among my contacts
	Inbox    string   `json:"inbox,omitempty"` // or a public inbox: its card, or one that is kept here
	Name     string   `json:"name,omitempty"`
	Phone    string   `json:"phone,omitempty"`
	Address  string   `json:"address,omitempty"`
	Question string   `json:"question,omitempty"`
	From     string   `json:"from,omitempty"`
	Say      string   `json:"say,omitempty"`
	Days     int      `json:"days,omitempty"` // 14 by default, at most 120
}

// SlipAct says what the owner does about a slip.
type SlipAct struct {
	ID      string `json:"id,omitempty"`   // or its unambiguous beginning
	Kind    string `json:"kind,omitempty"` // taken, given-back, answered, withdrawn, deleted
	Outcome string `json:"outcome,omitempty"`
	Text    string `json:"text,omitempty"`
	Code    string `json:"code,omitempty"` // of a printed slip; says ID, Kind and Outcome
	Look    bool   `json:"look,omitempty"` // do nothing: only say which slip and Outcome it is
}

// SlipPrint asks for a slip on paper.
type SlipPrint struct {
	ID   string `json:"id"`
	Form string `json:"form"` // text or pdf
	Lang string `json:"lang,omitempty"`
}

// SlipFile is slips in the form of other programs.
type SlipFile struct {
	Form string   `json:"form"`           // pfif or csv
	Lang string   `json:"lang,omitempty"` // when written: en, ru or kk, for what nobody said
	Data []byte   `json:"data,omitempty"`
	To   []string `json:"to,omitempty"` // when read: helpers for each
	// Inbox is whom to ask instead: a card, or an inbox that is kept here.
	Inbox string `json:"inbox,omitempty"`
	Days  int    `json:"days,omitempty"` // when read
}

// SlipsRead is what came of a file.
type SlipsRead struct {
	Asked int      `json:"asked"`
	Notes []string `json:"notes,omitempty"` // what could not be used, and why
}

// Inquiries is the part of the door for those who ask and those who help.
type Inquiries interface {
	AskAfter(ctx context.Context, ask AskAfter) (Sent, error)
	Slips(ctx context.Context) ([]Slip, error)
	Act(ctx context.Context, act SlipAct) (Slip, error)
	// Team lists the contacts with whom slips are shared; SetTeam chooses them.
	Team(ctx context.Context) ([]string, error)
	SetTeam(ctx context.Context, names []string) ([]string, error)
	ExportSlips(ctx context.Context, ask SlipFile) (SlipFile, error)
	ImportSlips(ctx context.Context, ask SlipFile) (SlipsRead, error)
	PrintSlip(ctx context.Context, ask SlipPrint) (SlipFile, error)
}

func inquiries(m *http.ServeMux, b Inquiries) {
	m.Handle("POST /api/v1/slips/ask", ask(b.AskAfter))
	m.Handle("GET /api/v1/slips", get(list(b.Slips)))
	m.Handle("POST /api/v1/slips/act", ask(b.Act))
	m.Handle("GET /api/v1/slips/team", get(list(b.Team)))
	m.Handle("POST /api/v1/slips/team", ask(b.SetTeam))
	m.Handle("POST /api/v1/slips/export", ask(b.ExportSlips))
	m.Handle("POST /api/v1/slips/import", ask(b.ImportSlips))
	m.Handle("POST /api/v1/slips/print", ask(b.PrintSlip))
}

// AskAfter implements Inquiries.
func (c *Client) AskAfter(ctx context.Context, a AskAfter) (Sent, error) {
	return fetch[Sent](ctx, c, http.MethodPost, "slips/ask", a)
}

// Slips implements Inquiries.
func (c *Client) Slips(ctx context.Context) ([]Slip, error) {
	return fetch[[]Slip](ctx, c, http.MethodGet, "slips", nil)
}

// Act implements Inquiries.
func (c *Client) Act(ctx context.Context, a SlipAct) (Slip, error) {
	return fetch[Slip](ctx, c, http.MethodPost, "slips/act", a)
}

// Team implements Inquiries.
func (c *Client) Team(ctx context.Context) ([]string, error) {
	return fetch[[]string](ctx, c, http.MethodGet, "slips/team", nil)
}

// SetTeam implements Inquiries.
func (c *Client) SetTeam(ctx context.Context, names []string) ([]string, error) {
	return fetch[[]string](ctx, c, http.MethodPost, "slips/team", names)
}

// ExportSlips implements Inquiries.
func (c *Client) ExportSlips(ctx context.Context, a SlipFile) (SlipFile, error) {
	return fetch[SlipFile](ctx, c, http.MethodPost, "slips/export", a)
}

// ImportSlips implements Inquiries. The file may have MaxAsk bytes, encoded.
func (c *Client) ImportSlips(ctx context.Context, a SlipFile) (SlipsRead, error) {
	return fetch[SlipsRead](ctx, c, http.MethodPost, "slips/import", a)
}

// PrintSlip implements Inquiries.
func (c *Client) PrintSlip(ctx context.Context, a SlipPrint) (SlipFile, error) {
	return fetch[SlipFile](ctx, c, http.MethodPost, "slips/print", a)
}
