package api

import (
	"context"
	"net/http"
)

// Here is where devices beside this one reach it.
type Here struct {
	Addrs []string `json:"addrs"`         // to be typed there; empty when nobody is listened to
	Code  string   `json:"code"`          // text for a QR code with the first of them; empty when there is none
	Off   bool     `json:"off"`           // meeting neighbours is switched off
	Why   []string `json:"why,omitempty"` // what of the network could not be used
	// Causes of each Why.
	Causes []Cause `json:"causes,omitempty"`
}

// MeetAsk calls a device beside this one.
type MeetAsk struct {
	// Addr is host:port or [fe80::1%wlan0]:port, or the text of the QR code that the
	// other device shows.
	Addr string `json:"addr"`
}

// Met is a device that answered.
type Met struct {
	Addr string `json:"addr"`
	Who  string `json:"who,omitempty"` // the contact whose device it is; empty for a stranger's
}

// Near is the part of the door for devices on the same network.
type Near interface {
	Here(ctx context.Context) (Here, error)
	// Meet returns as soon as the two devices meet; the meeting goes on by itself for
	// as long as both are there. Errors: ErrUsage for what is no address,
	// ErrNotFound when nobody answers there.
	Meet(ctx context.Context, ask MeetAsk) (Met, error)
}

// near serves Near.
func near(m *http.ServeMux, b Backend) {
	m.Handle("GET /api/v1/here", get(b.Here))
	m.Handle("POST /api/v1/meet", ask(b.Meet))
}

// Here implements Backend.
func (c *Client) Here(ctx context.Context) (Here, error) {
	return fetch[Here](ctx, c, http.MethodGet, "here", nil)
}

// Meet implements Backend.
func (c *Client) Meet(ctx context.Context, ask MeetAsk) (Met, error) {
	return fetch[Met](ctx, c, http.MethodPost, "meet", ask)
}
