package api

import (
	"context"
	"net/http"
)

// BundlesAsk is one visit to a folder of bundles, for tools of a delay-tolerant
// network that send what lies in a folder or write there what comes.
type BundlesAsk struct {
	Dir     string `json:"dir"`
	Import  bool   `json:"import,omitempty"`  // take what is there; otherwise leave what was not left there before
	Options string `json:"options,omitempty"` // to=EID,as=EID,life=DAYS,bare
}

// Bundles is the part of the door for delay-tolerant networks.
type Bundles interface {
	// Bundles answers what was read or written. ErrUsage when the folder is none, or
	// an option.
	Bundles(ctx context.Context, ask BundlesAsk) (Haul, error)
}

// bundles serves Bundles.
func bundles(m *http.ServeMux, b Backend) {
	m.Handle("POST /api/v1/bundles", ask(b.Bundles))
}

// Bundles implements Backend.
func (c *Client) Bundles(ctx context.Context, ask BundlesAsk) (Haul, error) {
	return fetch[Haul](ctx, c, http.MethodPost, "bundles", ask)
}
