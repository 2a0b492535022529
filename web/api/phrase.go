package api

import (
	"context"
	"net/http"
)

// PhraseAsk changes the passphrase, or the one under duress: given in place of the
// first it destroys the key, and an empty profile opens.
type PhraseAsk struct {
	Now    []byte `json:"now,omitempty"` // the first as it is; none for a profile without one
	New    []byte `json:"new,omitempty"` // at least 8 bytes
	Duress bool   `json:"duress,omitempty"`
	Off    bool   `json:"off,omitempty"` // with Duress: there is none from now on
}

// Phrased is empty: whether there was one under duress before, nobody can tell.
type Phrased struct{}

// Phraser is the part of the door that changes passphrases.
type Phraser interface {
	// Phrase locks the profile when Now is wrong. With a new first passphrase the one
	// under duress is gone. ErrMismatch for a wrong one, ErrUsage for a new one that
	// is too short or too near, and for one under duress where there is no first.
	Phrase(ctx context.Context, ask PhraseAsk) (Phrased, error)
}

func phraser(m *http.ServeMux, b Phraser) { m.Handle("POST /api/v1/passphrase", ask(b.Phrase)) }

// Phrase implements Backend.
func (c *Client) Phrase(ctx context.Context, ask PhraseAsk) (Phrased, error) {
	return fetch[Phrased](ctx, c, http.MethodPost, "passphrase", ask)
}
