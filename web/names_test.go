package web

import (
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestOnlyNames: where no relay answers and name servers carry letters, every
// screen says so, and the list of ways names the tunnel.
func TestOnlyNames(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	for _, c := range []struct{ network, tunnel, say, way string }{
		{"dark", "up", "Only names are looked up", "works"},
		{"dark", "trying", "No way out right now.", "being tried"},
		{"open", "resting", "The way out is open.", "not needed now"},
	} {
		w.SetStatus(api.Status{Network: api.Network{State: c.network}, Links: []api.Link{{Kind: "dns", Addr: "t.example.org", State: c.tunnel}}})
		_, page := b.get("/net")
		has(t, page, c.say, "Name lookups (DNS)", "t.example.org", c.way)
	}
}
