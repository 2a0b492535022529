package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Inbox is a public inbox that this device opened, or somebody's card.
type Inbox struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	Card   string    `json:"card"` // text to publish
	QR     string    `json:"qr"`   // the same for a QR code
	Mine   bool      `json:"mine"`
	Closed bool      `json:"closed,omitempty"`
	Until  time.Time `json:"until"`          // publish a new card by then
	Keys   int       `json:"keys"`           // weeks that this device can read
	Late   int       `json:"late,omitempty"` // letters that came after their key was erased

	Slips        int  `json:"slips,omitempty"`         // questions after people that are open
	SlipsWait    int  `json:"slips_wait,omitempty"`    // that came and wait for room in the queue
	SlipsFull    bool `json:"slips_full,omitempty"`    // further ones wait where they are carried
	SlipsRefused int  `json:"slips_refused,omitempty"` // that could not be used
}

// InboxAsk opens, keeps, closes or forgets an inbox.
type InboxAsk struct {
	Do   string `json:"do"`             // open, save, close
	Name string `json:"name,omitempty"` // of open
	Card string `json:"card,omitempty"` // of save
	ID   string `json:"id,omitempty"`   // of close: an ID, its beginning or a name
}

// InboxLetter is a text for an inbox.
type InboxLetter struct {
	To   string `json:"to"` // a card, or an inbox that is kept here
	Text string `json:"text"`
}

// ReportForm is what a person says happened. Times are RFC 3339.
type ReportForm struct {
	What    string        `json:"what"`
	From    string        `json:"from"`
	Till    string        `json:"till,omitempty"`
	Place   string        `json:"place"`
	Lat     *float64      `json:"lat,omitempty"`
	Lon     *float64      `json:"lon,omitempty"`
	Near    *int          `json:"precision_m,omitempty"`
	Basis   string        `json:"basis"` // witnessed, heard, inferred
	Numbers []ReportCount `json:"numbers,omitempty"`
	Actors  []string      `json:"actors,omitempty"`
	Source  string        `json:"source,omitempty"`
	Consent string        `json:"consent"` // private, desk, publish
}

// ReportCount counts people, at least and at most.
type ReportCount struct {
	What string `json:"what"` // killed, injured, detained, missing
	Min  int    `json:"min"`
	Max  *int   `json:"max,omitempty"`
}

// ReportAsk sends a report with untouched originals to an inbox.
type ReportAsk struct {
	To string `json:"to"` // a card, or an inbox that is kept here
	ReportForm
	Claim  bool       `json:"claim,omitempty"`  // keep a secret here by which it can be claimed later
	Bare   bool       `json:"bare,omitempty"`   // name no notices that were seen before
	Forget int        `json:"forget,omitempty"` // after so many receipts this device forgets it; 0: never
	Erase  []string   `json:"erase,omitempty"`  // files that then are deleted, one for each of Files
	Files  []SendFile `json:"files,omitempty"`
}

// SentReport is how far a letter or report to an inbox has come.
type SentReport struct {
	ID       string    `json:"id"`
	To       string    `json:"to"`
	Kind     string    `json:"kind"` // letter, report, slip, claim
	At       time.Time `json:"at"`
	Bytes    int       `json:"bytes"`
	Root     string    `json:"root,omitempty"`
	Pieces   int       `json:"pieces"`
	Relays   int       `json:"relays"`  // that hold all of it
	Arrived  bool      `json:"arrived"` // the desk has all of it
	Forget   int       `json:"forget,omitempty"`
	Erase    []string  `json:"erase,omitempty"`
	CanClaim bool      `json:"can_claim,omitempty"`
	Claimed  bool      `json:"claimed,omitempty"`
}

// SentAct says what the owner does about one.
type SentAct struct {
	ID string `json:"id"` // or its beginning
	Do string `json:"do"` // claim, forget
}

// Received is what came to an own inbox.
type Received struct {
	ID    string    `json:"id"`
	Inbox string    `json:"inbox"`
	Kind  string    `json:"kind"`
	Came  time.Time `json:"came"`
	Bytes int       `json:"bytes"`
	Here  int       `json:"here"` // pieces, of All
	All   int       `json:"all"`
	Text  string    `json:"text,omitempty"` // of letters
}

// Whole reports whether all of it has come.
func (r Received) Whole() bool { return r.Here == r.All }

// Inboxes is the part of the door for public inboxes: of who opens one, and of
// who writes to one.
type Inboxes interface {
	Inboxes(ctx context.Context) ([]Inbox, error)
	Inbox(ctx context.Context, ask InboxAsk) (Inbox, error)
	WriteInbox(ctx context.Context, ask InboxLetter) (SentReport, error)
	Report(ctx context.Context, ask ReportAsk) (SentReport, error)
	SentReports(ctx context.Context) ([]SentReport, error)
	ActSent(ctx context.Context, ask SentAct) (SentReport, error)
	Received(ctx context.Context) ([]Received, error)
	// ReceivedFile is the content of what came, whole.
	ReceivedFile(ctx context.Context, id string) (File, io.ReadCloser, error)
	DeleteReceived(ctx context.Context, id string) (Received, error)
}

func inboxes(m *http.ServeMux, b Inboxes) {
	m.Handle("GET /api/v1/inboxes", get(list(b.Inboxes)))
	m.Handle("POST /api/v1/inboxes", ask(b.Inbox))
	m.Handle("POST /api/v1/inboxes/write", ask(b.WriteInbox))
	m.Handle("POST /api/v1/inboxes/report", upload(b.Report, func(a *ReportAsk) *[]SendFile { return &a.Files }))
	m.Handle("GET /api/v1/inboxes/sent", get(list(b.SentReports)))
	m.Handle("POST /api/v1/inboxes/sent", ask(b.ActSent))
	m.Handle("GET /api/v1/inboxes/received", get(list(b.Received)))
	m.Handle("POST /api/v1/inboxes/delete", ask(b.DeleteReceived))
	m.HandleFunc("GET /api/v1/inboxes/received/{id}", func(w http.ResponseWriter, r *http.Request) {
		f, body, err := b.ReceivedFile(r.Context(), r.PathValue("id"))
		if err != nil {
			fail(w, r, err)
			return
		}
		if err := Download(w, r, f, body); err != nil {
			fail(w, r, err)
		}
	})
}

// Inboxes implements Inboxes.
func (c *Client) Inboxes(ctx context.Context) ([]Inbox, error) {
	return fetch[[]Inbox](ctx, c, http.MethodGet, "inboxes", nil)
}

// Inbox implements Inboxes.
func (c *Client) Inbox(ctx context.Context, a InboxAsk) (Inbox, error) {
	return fetch[Inbox](ctx, c, http.MethodPost, "inboxes", a)
}

// WriteInbox implements Inboxes.
func (c *Client) WriteInbox(ctx context.Context, a InboxLetter) (SentReport, error) {
	return fetch[SentReport](ctx, c, http.MethodPost, "inboxes/write", a)
}

// Report implements Inboxes.
func (c *Client) Report(ctx context.Context, a ReportAsk) (SentReport, error) {
	files := a.Files
	a.Files = nil
	return asking[SentReport](ctx, c, "inboxes/report", a, files)
}

// SentReports implements Inboxes.
func (c *Client) SentReports(ctx context.Context) ([]SentReport, error) {
	return fetch[[]SentReport](ctx, c, http.MethodGet, "inboxes/sent", nil)
}

// ActSent implements Inboxes.
func (c *Client) ActSent(ctx context.Context, a SentAct) (SentReport, error) {
	return fetch[SentReport](ctx, c, http.MethodPost, "inboxes/sent", a)
}

// Received implements Inboxes.
func (c *Client) Received(ctx context.Context) ([]Received, error) {
	return fetch[[]Received](ctx, c, http.MethodGet, "inboxes/received", nil)
}

// DeleteReceived implements Inboxes.
func (c *Client) DeleteReceived(ctx context.Context, id string) (Received, error) {
	return fetch[Received](ctx, c, http.MethodPost, "inboxes/delete", id)
}

// ReceivedFile implements Inboxes.
func (c *Client) ReceivedFile(ctx context.Context, id string) (File, io.ReadCloser, error) {
	if !GoodID(id) {
		return File{}, nil, fmt.Errorf("%w: nothing of that name came", ErrNotFound)
	}
	return c.download(ctx, "inboxes/received/"+id)
}
