package apitest

import (
	"context"
	"fmt"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// Here implements api.Backend.
func (f *Fake) Here(context.Context) (api.Here, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return api.Here{Addrs: []string{"192.168.1.7:40123", "[fe80::7%wlan0]:40123"}, Code: "JAUAP-AT/192.168.1.7:40123", Why: f.here.Why, Causes: f.here.Causes}, f.fails["Here"]
}

// SetWhy sets what of the network cannot be used, and the causes.
func (f *Fake) SetWhy(why []string, causes ...api.Cause) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.here = api.Here{Why: why, Causes: causes}
}

// Meet implements api.Backend: Timur's device answers at 192.168.1.9.
func (f *Fake) Meet(_ context.Context, a api.MeetAsk) (api.Met, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.fails["Meet"] != nil:
		return api.Met{}, f.fails["Meet"]
	case !strings.Contains(a.Addr, ":"):
		return api.Met{}, fmt.Errorf("%w: %q is not an address", api.ErrUsage, a.Addr)
	case !strings.Contains(a.Addr, "192.168.1.9:"):
		return api.Met{}, fmt.Errorf("%w: nobody answers there", api.ErrNotFound)
	}
	return api.Met{Addr: a.Addr, Who: "Timur"}, nil
}
