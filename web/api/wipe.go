package api

import (
	"context"
	"net/http"
)

// WipeAsk asks for the end of the profile.
type WipeAsk struct {
	Sure bool `json:"sure"` // there is no way back
}

// Wiped tells what became of it.
type Wiped struct {
	Left []string `json:"left,omitempty"` // names in its folder that are not Jauap's
}

// Eraser is the part of the door that erases a profile.
type Eraser interface {
	// Wipe erases the profile for good, its key first, and ends the node. ErrUsage
	// unless the ask is sure, or when this node cannot be ended from here.
	Wipe(ctx context.Context, ask WipeAsk) (Wiped, error)
}

// eraser serves Eraser.
func eraser(m *http.ServeMux, b Eraser) {
	m.Handle("POST /api/v1/wipe", ask(b.Wipe))
}

// Wipe implements Backend.
func (c *Client) Wipe(ctx context.Context, ask WipeAsk) (Wiped, error) {
	return fetch[Wiped](ctx, c, http.MethodPost, "wipe", ask)
}
