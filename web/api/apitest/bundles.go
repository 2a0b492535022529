package apitest

import (
	"context"
	"fmt"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// Bundles implements api.Backend. Only folders below /media exist.
func (f *Fake) Bundles(_ context.Context, a api.BundlesAsk) (api.Haul, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.fails["Bundles"] != nil:
		return api.Haul{}, f.fails["Bundles"]
	case !strings.HasPrefix(a.Dir, "/media/"):
		return api.Haul{}, fmt.Errorf("%w: %q is not a folder", api.ErrUsage, a.Dir)
	case a.Import:
		return api.Haul{Read: 4, Opened: 1, Notes: []string{"2 bundles were for others and were left alone"}}, nil
	}
	return api.Haul{Written: 7, Bytes: 7168}, nil
}
