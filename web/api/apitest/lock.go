package apitest

import (
	"context"
	"fmt"

	"github.com/jauap/jauap/web/api"
)

// Lock implements api.Backend: this profile has a lock that closes nothing.
func (f *Fake) Lock(_ context.Context, a api.LockAsk) (api.LockState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Lock"]; err != nil {
		return api.LockState{}, err
	}
	s := &f.lock
	switch {
	case a.After == nil:
		s.Locked = true
	case *a.After != 0 && (*a.After < api.MinLockAfter || *a.After > api.MaxLockAfter):
		return *s, fmt.Errorf("%w: too soon or too late", api.ErrUsage)
	default:
		s.After = *a.After
	}
	return *s, nil
}

// Phrase implements api.Backend: "wrong" is wrong, and "near" too near.
func (f *Fake) Phrase(_ context.Context, a api.PhraseAsk) (api.Phrased, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.fails["Phrase"] != nil:
		return api.Phrased{}, f.fails["Phrase"]
	case string(a.Now) == "wrong":
		f.lock.Locked = true
		return api.Phrased{}, fmt.Errorf("%w: wrong passphrase", api.ErrMismatch)
	case string(a.New) == "too near":
		return api.Phrased{}, fmt.Errorf("%w: too near", api.ErrUsage)
	}
	f.phrases = append(f.phrases, a)
	return api.Phrased{}, nil
}

// Phrases are what was asked for.
func (f *Fake) Phrases() []api.PhraseAsk {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.phrases
}

// Unlock implements api.Backend. Every passphrase but "wrong" opens.
func (f *Fake) Unlock(_ context.Context, a api.UnlockAsk) (api.LockState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Unlock"]; err != nil {
		return api.LockState{}, err
	}
	if string(a.Passphrase) == "wrong" {
		return f.lock, fmt.Errorf("%w: this is not the passphrase", api.ErrMismatch)
	}
	f.lock.Locked = false
	return f.lock, nil
}
