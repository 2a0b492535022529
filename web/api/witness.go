package api

import (
	"context"
	"net/http"
)

// Witnesses are outside witnesses whom a report's root can be shown, and by
// what way.
type Witnesses struct {
	Authorities []string `json:"authorities"` // time-stamp authorities (RFC 3161)
	Calendars   []string `json:"calendars"`   // of OpenTimestamps
	Way         string   `json:"way"`         // straight, proxy or tor
}

// WitnessAsk names a report and whom to ask. Nothing but the root leaves; for
// calendars not even that.
type WitnessAsk struct {
	Report      string   `json:"report"`                // a root, the beginning of one at the desk, or the id of a report that was sent
	Again       bool     `json:"again,omitempty"`       // ask the calendars of earlier proofs whether they are in a block
	Look        bool     `json:"look,omitempty"`        // ask nobody: only say what is kept
	Authorities []string `json:"authorities,omitempty"` // of the settings, when none is named
	Calendars   []string `json:"calendars,omitempty"`
}

// Witnessed is what outside witnesses signed of a report.
type Witnessed struct {
	Root     string        `json:"root"`
	Stamps   []WitnessFile `json:"stamps"`
	Findings []DeskFinding `json:"findings,omitempty"`
	Waits    bool          `json:"waits,omitempty"` // a calendar can be asked again later
	Fresh    int           `json:"fresh,omitempty"` // stamps that came now
	Failed   []WitnessMiss `json:"failed,omitempty"`
	SentTo   string        `json:"sent_to,omitempty"` // the inbox with my report, to which they go as well
	NoCard   string        `json:"no_card,omitempty"` // that inbox, to which they do not go: its card is not kept
}

// WitnessFile is one stamp, to keep beside the package.
type WitnessFile struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// WitnessMiss is a witness that did not answer, and why.
type WitnessMiss struct {
	Who string `json:"who,omitempty"`
	Why string `json:"why"`
	Cause
	Early bool `json:"early,omitempty"` // it has nothing yet: ask in some hours
}

// Witnessing is the part of the door for outside witnesses.
type Witnessing interface {
	Witnesses(ctx context.Context) (Witnesses, error)
	AskWitnesses(ctx context.Context, ask WitnessAsk) (Witnessed, error)
}

func witnessing(m *http.ServeMux, b Witnessing) {
	m.Handle("GET /api/v1/witnesses", get(b.Witnesses))
	m.Handle("POST /api/v1/witnesses", ask(b.AskWitnesses))
}

// Witnesses implements Witnessing.
func (c *Client) Witnesses(ctx context.Context) (Witnesses, error) {
	return fetch[Witnesses](ctx, c, http.MethodGet, "witnesses", nil)
}

// AskWitnesses implements Witnessing.
func (c *Client) AskWitnesses(ctx context.Context, a WitnessAsk) (Witnessed, error) {
	return fetch[Witnessed](ctx, c, http.MethodPost, "witnesses", a)
}
