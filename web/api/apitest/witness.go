package apitest

import (
	"context"
	"fmt"
	"slices"

	"github.com/jauap/jauap/web/api"
)

// witnesses are those of a Fake, and what they signed, by root.
type witnesses struct {
	outside   api.Witnesses
	witnessed map[string]api.Witnessed
	asked     []api.WitnessAsk
}

// SetWitnesses says who stands in the settings.
func (f *Fake) SetWitnesses(w api.Witnesses) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outside = w
}

// SetWitnessed says what came of asking about a root.
func (f *Fake) SetWitnessed(w api.Witnessed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.witnessed == nil {
		f.witnessed = map[string]api.Witnessed{}
	}
	f.witnessed[w.Root] = w
}

// AskedWitnesses are the questions so far.
func (f *Fake) AskedWitnesses() []api.WitnessAsk {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// Witnesses implements api.Backend.
func (f *Fake) Witnesses(context.Context) (api.Witnesses, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.outside, f.fails["Witnesses"]
}

// AskWitnesses implements api.Backend.
func (f *Fake) AskWitnesses(_ context.Context, a api.WitnessAsk) (api.Witnessed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, ok := f.witnessed[a.Report]
	if !ok {
		return api.Witnessed{}, fmt.Errorf("%w: no report", api.ErrNotFound)
	}
	if a.Look {
		w.Fresh, w.Failed = 0, nil
		return w, nil
	}
	f.asked = append(f.asked, a)
	return w, f.fails["AskWitnesses"]
}
