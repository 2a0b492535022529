package api

import (
	"context"
	"net/http"
)

// BroadcastAsk sends what this device carries one way, to everybody who
// listens.
type BroadcastAsk struct {
	To     string `json:"to,omitempty"`     // UDP group or address, ip:port; the usual group when empty
	File   string `json:"file,omitempty"`   // instead: a transport stream to append to
	Rate   int64  `json:"rate,omitempty"`   // bits per second; 0 for 2 Mbit/s
	Rounds int    `json:"rounds,omitempty"` // 0: one into a file, and on until it is interrupted over the air
	Loss   int    `json:"loss,omitempty"`   // per cent of packets that may be lost in a round; 0 for 30
	PID    int    `json:"pid,omitempty"`    // of the sections in a file; 0 for 4001
	Max    int64  `json:"max,omitempty"`    // at most so many bytes of envelopes; 0 for all
}

// Aired answers Broadcast.
type Aired struct {
	Envelopes int   `json:"envelopes"` // in the last round
	Bytes     int64 `json:"bytes"`     // of these
	Sent      int64 `json:"sent"`      // bytes on the air or in the file, all rounds
	Rounds    int   `json:"rounds"`    // that were finished
}

// TuneAsk takes from a broadcast.
type TuneAsk struct {
	From    string `json:"from,omitempty"`    // UDP group or address, ip:port; the usual group when empty
	File    string `json:"file,omitempty"`    // instead: a recording
	Seconds int    `json:"seconds,omitempty"` // how long to listen; 0 until it is interrupted
}

// Air is the one-way part of the door. What was sent counts as carried by
// nobody: nobody can confirm it.
type Air interface {
	Broadcast(ctx context.Context, ask BroadcastAsk) (Aired, error)
	Tune(ctx context.Context, ask TuneAsk) (Haul, error)
}

// air serves Air.
func air(m *http.ServeMux, b Backend) {
	m.Handle("POST /api/v1/broadcast", ask(b.Broadcast))
	m.Handle("POST /api/v1/tune", ask(b.Tune))
}

// Broadcast implements Backend. Only ctx ends it.
func (c *Client) Broadcast(ctx context.Context, ask BroadcastAsk) (Aired, error) {
	return fetch[Aired](ctx, c, http.MethodPost, "broadcast", ask)
}

// Tune implements Backend. Only ctx ends it.
func (c *Client) Tune(ctx context.Context, ask TuneAsk) (Haul, error) {
	return fetch[Haul](ctx, c, http.MethodPost, "tune", ask)
}
