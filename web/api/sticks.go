package api

import (
	"context"
	"net/http"
)

// Sticks tells of the visit to a stick that is under way, and of sticks that
// appeared and wait for a word.
type Sticks struct {
	Visit    *Visit  `json:"visit,omitempty"`
	Appeared []Stick `json:"appeared,omitempty"`
}

// Visit is how far a visit to a stick or folder is.
type Visit struct {
	Path    string `json:"path"`
	Phase   string `json:"phase"`          // reading, restoring, writing or protecting
	Done    int64  `json:"done"`           // bytes of this phase
	Total   int64  `json:"total"`          // about; 0 when nobody knows
	Seconds int    `json:"left,omitempty"` // that this phase still takes, about; 0 when nobody knows
}

// Stick is one that was plugged in while the node ran.
type Stick struct {
	Path  string `json:"path"`
	Known bool   `json:"known"` // this device was here before
}

// StickAsk names a stick.
type StickAsk struct {
	Path string `json:"path"`
}

// Carriers is the part of the door for sticks.
type Carriers interface {
	Sticks(ctx context.Context) (Sticks, error)
	// IgnoreStick says no to a stick that appeared, until it appears again.
	IgnoreStick(ctx context.Context, ask StickAsk) (Sticks, error)
}

// carriers serves Carriers.
func carriers(m *http.ServeMux, b Backend) {
	m.Handle("GET /api/v1/sticks", get(b.Sticks))
	m.Handle("POST /api/v1/sticks/ignore", ask(b.IgnoreStick))
}

// Sticks implements Backend.
func (c *Client) Sticks(ctx context.Context) (Sticks, error) {
	return fetch[Sticks](ctx, c, http.MethodGet, "sticks", nil)
}

// IgnoreStick implements Backend.
func (c *Client) IgnoreStick(ctx context.Context, ask StickAsk) (Sticks, error) {
	return fetch[Sticks](ctx, c, http.MethodPost, "sticks/ignore", ask)
}
