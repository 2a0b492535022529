package apitest

import (
	"context"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// Rename implements api.Renamer.
func (f *Fake) Rename(_ context.Context, a api.RenameAsk) (api.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Rename"]; err != nil {
		return api.Person{}, err
	}
	p := f.find(a.Name)
	if p == nil {
		return api.Person{}, unknown(a.Name)
	}
	as := strings.TrimSpace(a.As)
	if as == "" || len(as) > 64 {
		return api.Person{}, &api.Fault{Status: 400, Kind: "usage", Text: "no such name", Cause: api.Cause{Code: "name"}}
	}
	for _, other := range f.people {
		if other.ID != p.ID && strings.EqualFold(other.Name, as) {
			return api.Person{}, &api.Fault{Status: 400, Kind: "usage", Text: "taken", Cause: api.Cause{Code: "name-taken"}}
		}
	}
	p.Name = as
	f.bump()
	return *p, nil
}
