package apitest

import (
	"context"
	"fmt"

	"github.com/jauap/jauap/web/api"
)

// Wipe implements api.Backend: nobody is left who knows anybody.
func (f *Fake) Wipe(_ context.Context, a api.WipeAsk) (api.Wiped, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Wipe"]; err != nil {
		return api.Wiped{}, err
	}
	if !a.Sure {
		return api.Wiped{}, fmt.Errorf("%w: nobody is sure", api.ErrUsage)
	}
	f.people = nil
	return api.Wiped{Left: []string{"mine.txt"}}, nil
}
