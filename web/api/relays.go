package api

import (
	"context"
	"net/http"
)

// Relay is a mailbox for absent people.
type Relay struct {
	Addr   string `json:"addr"`             // https://host:port/#key
	Inland bool   `json:"inland,omitempty"` // inside the country: its answers are no way abroad
	Fault  string `json:"fault,omitempty"`  // what one in use did wrong when it was met last
}

// What a relay did wrong. All but the last proved its key first.
const (
	FaultSums    = "sums"    // it sent sums of its list that nobody asked for
	FaultList    = "list"    // it listed what it then did not send: other bytes came
	FaultGarbage = "garbage" // it sent what is no exchange
	FaultStall   = "stall"   // it fell silent, or the network did
	FaultKey     = "key"     // another key answers in its place
)

// OfferedRelay is one that a contact told of and that is not used.
type OfferedRelay struct {
	Relay
	From string `json:"from"`
	Day  string `json:"day"` // it came, YYYY-MM-DD
}

// Relays are those that this device uses, and those that contacts told of.
type Relays struct {
	Mine    []Relay        `json:"mine"`
	Offered []OfferedRelay `json:"offered,omitempty"`
	Later   bool           `json:"later,omitempty"` // what was taken just now is used from the next start on
}

// RelayAsk decides about a relay: "use", "refuse", or "tell" contact To of it.
type RelayAsk struct {
	Relay
	Do string `json:"do"`
	To string `json:"to,omitempty"`
}

// Mailboxes is the part of the door for relays. Errors: ErrUsage,
// ErrUnknownPerson, ErrNotFound.
type Mailboxes interface {
	Relays(ctx context.Context) (Relays, error)
	ChangeRelays(ctx context.Context, ask RelayAsk) (Relays, error)
}

// mailboxes serves Mailboxes.
func mailboxes(m *http.ServeMux, b Backend) {
	m.Handle("GET /api/v1/relays", get(b.Relays))
	m.Handle("POST /api/v1/relays", ask(b.ChangeRelays))
}

// Relays implements Backend.
func (c *Client) Relays(ctx context.Context) (Relays, error) {
	return fetch[Relays](ctx, c, http.MethodGet, "relays", nil)
}

// ChangeRelays implements Backend.
func (c *Client) ChangeRelays(ctx context.Context, ask RelayAsk) (Relays, error) {
	return fetch[Relays](ctx, c, http.MethodPost, "relays", ask)
}
