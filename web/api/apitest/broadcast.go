package apitest

import (
	"context"
	"fmt"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// Broadcast implements api.Backend: it sends nothing.
func (f *Fake) Broadcast(_ context.Context, a api.BroadcastAsk) (api.Aired, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Broadcast"]; err != nil {
		return api.Aired{}, err
	}
	if a.Loss < 0 || a.Rounds < 0 {
		return api.Aired{}, fmt.Errorf("%w: less than nothing", api.ErrUsage)
	}
	return api.Aired{Envelopes: 3, Bytes: 3072, Sent: 6000, Rounds: max(a.Rounds, 1)}, nil
}

// Tune implements api.Backend. Only files below /media exist.
func (f *Fake) Tune(_ context.Context, a api.TuneAsk) (api.Haul, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Tune"]; err != nil {
		return api.Haul{}, err
	}
	if a.File != "" && !strings.HasPrefix(a.File, "/media/") {
		return api.Haul{}, fmt.Errorf("%w: there is no recording %s", api.ErrUsage, a.File)
	}
	return api.Haul{Read: 5, Opened: 1, Notes: []string{"2 blocks lack packets: record another round"}}, nil
}
