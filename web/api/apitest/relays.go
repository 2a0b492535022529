package apitest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// SetRelays says which relays there are.
func (f *Fake) SetRelays(r api.Relays) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.relays = r
}

// Relays implements api.Mailboxes.
func (f *Fake) Relays(context.Context) (api.Relays, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.relays, f.fails["Relays"]
}

// ChangeRelays implements api.Mailboxes.
func (f *Fake) ChangeRelays(_ context.Context, a api.RelayAsk) (api.Relays, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["ChangeRelays"]; err != nil {
		return api.Relays{}, err
	}
	if !strings.HasPrefix(a.Addr, "https://") {
		return api.Relays{}, fmt.Errorf("%w: not a relay's address", api.ErrUsage)
	}
	switch a.Do {
	case "use":
		f.relays.Mine = append(slices.Clone(f.relays.Mine), a.Relay)
	case "refuse":
	case "tell":
		if !slices.ContainsFunc(f.people, func(p api.Person) bool { return p.Name == a.To || p.ID == a.To }) {
			return api.Relays{}, api.ErrUnknownPerson
		}
		return f.relays, nil
	default:
		return api.Relays{}, fmt.Errorf("%w: use, refuse or tell", api.ErrUsage)
	}
	f.relays.Offered = slices.DeleteFunc(slices.Clone(f.relays.Offered), func(o api.OfferedRelay) bool { return o.Addr == a.Addr })
	return f.relays, nil
}
