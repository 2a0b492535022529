package web

import (
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestFaults: what a mailbox did wrong is said in words, in place of the English error.
func TestFaults(t *testing.T) {
	w := newWorld(t)
	b := w.enter(t)
	for fault, want := range map[string]string{
		api.FaultSums: "sums of its list that nobody asked for", api.FaultList: "is not what it sent",
		api.FaultGarbage: "makes no sense", api.FaultStall: "That may also be the network", "": "exchange: so",
	} {
		w.SetStatus(api.Status{Links: []api.Link{{Kind: "relay", Addr: "203.0.113.5:443", State: "down", Error: "exchange: so", Fault: fault}}})
		_, page := b.get("/net")
		has(t, page, want)
		if fault != "" && strings.Contains(page, "exchange: so") {
			t.Errorf("%s: the error stands beside it", fault)
		}
	}
}
