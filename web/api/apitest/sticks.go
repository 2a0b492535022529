package apitest

import (
	"context"
	"slices"

	"github.com/jauap/jauap/web/api"
)

// SetSticks says what Sticks answers.
func (f *Fake) SetSticks(s api.Sticks) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sticks = s
}

// Sticks implements api.Backend.
func (f *Fake) Sticks(context.Context) (api.Sticks, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sticks, f.fails["Sticks"]
}

// IgnoreStick implements api.Backend.
func (f *Fake) IgnoreStick(_ context.Context, a api.StickAsk) (api.Sticks, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sticks.Appeared = slices.DeleteFunc(slices.Clone(f.sticks.Appeared), func(s api.Stick) bool { return s.Path == a.Path })
	return f.sticks, f.fails["IgnoreStick"]
}
