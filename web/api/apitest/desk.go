package apitest

import (
	"bytes"
	"context"
	"io"
	"slices"
	"time"

	"github.com/jauap/jauap/web/api"
)

// bureau is the desk of a Fake: what a test set, and what it was told.
type bureau struct {
	deskNow api.Desk
	acts    []api.DeskAct
	taken   []api.DeskTake
	log     []api.DeskEntry
}

// SetDesk says what the desk knows.
func (f *Fake) SetDesk(d api.Desk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deskNow = d
	f.bump()
}

// Acts are those that were entered.
func (f *Fake) Acts() []api.DeskAct {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.acts)
}

// Desk implements api.Backend.
func (f *Fake) Desk(context.Context, api.DeskAsk) (api.Desk, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deskNow, f.fails["Desk"]
}

// DeskReport implements api.Backend.
func (f *Fake) DeskReport(_ context.Context, root string) (api.DeskReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.Clone(f.deskNow.Queue)
	for _, i := range f.deskNow.Incidents {
		all = append(all, i.Reports...)
	}
	for _, r := range all {
		if r.Root == root {
			return r, nil
		}
	}
	return api.DeskReport{}, api.ErrNotFound
}

// DeskIncident implements api.Backend.
func (f *Fake) DeskIncident(_ context.Context, id string) (api.DeskIncident, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.deskNow.Incidents {
		if i.ID == id {
			return i, nil
		}
	}
	return api.DeskIncident{}, api.ErrNotFound
}

// DeskLog implements api.Backend.
func (f *Fake) DeskLog(context.Context, api.DeskAsk) ([]api.DeskEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log), nil
}

// DeskAct implements api.Backend. It keeps what it is told and changes nothing.
func (f *Fake) DeskAct(_ context.Context, a api.DeskAct) (api.DeskEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := a.Claim; c != nil && (c.Topic == "" || c.Who == "" || c.Said == "") {
		return api.DeskEntry{}, api.ErrUsage
	}
	f.acts = append(f.acts, a)
	e := api.DeskEntry{Name: f.nextID("entry"), At: f.now().Truncate(time.Second), By: f.deskNow.By, Kind: a.Kind, Of: a.Of, Into: a.Into, State: a.State, Text: a.Text}
	f.log = append([]api.DeskEntry{e}, f.log...)
	f.bump()
	return e, nil
}

// DeskTake implements api.Backend.
func (f *Fake) DeskTake(_ context.Context, a api.DeskTake) ([]api.DeskTaken, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken = append(f.taken, a)
	out := []api.DeskTaken{}
	for _, x := range a.Files {
		t := api.DeskTaken{Name: x.Name, Fresh: 1}
		if string(x.Data) == "broken" {
			t = api.DeskTaken{Name: x.Name, Refused: 1, Fault: "not a package", Words: "This is not a Jauap evidence package."}
		}
		out = append(out, t)
	}
	return out, nil
}

// DeskFile implements api.Backend.
func (f *Fake) DeskFile(_ context.Context, a api.DeskFileAsk) (api.File, io.ReadCloser, error) {
	if a.Form != "full" && a.Form != "redacted" && a.Form != "entries" {
		return api.File{}, nil, api.ErrUsage
	}
	return api.File{ID: "desk", Name: "desk.zip", Bytes: 4, Have: 4}, io.NopCloser(bytes.NewReader([]byte(a.Form[:4]))), nil
}
