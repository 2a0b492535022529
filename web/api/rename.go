package api

import (
	"context"
	"net/http"
)

// RenameAsk says what to call a person here.
type RenameAsk struct {
	Name string `json:"name"`
	As   string `json:"as"`
}

// Renamer is the part of the door that gives contacts other names.
type Renamer interface {
	// Rename changes what a contact is called here, and only here: the name is
	// never sent. ErrUsage when it is taken, too long or empty; nothing changes then.
	Rename(ctx context.Context, ask RenameAsk) (Person, error)
}

func renamer(m *http.ServeMux, b Renamer) { m.Handle("POST /api/v1/rename", ask(b.Rename)) }

// Rename implements Backend.
func (c *Client) Rename(ctx context.Context, ask RenameAsk) (Person, error) {
	return fetch[Person](ctx, c, http.MethodPost, "rename", ask)
}
