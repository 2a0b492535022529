package apitest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/web/api"
)

// safety is what the fake knows of words.
type safety struct {
	told     []api.Told // newest first
	words    map[string][]api.Word
	promises []api.Promise
}

// SetWord gives a person a word about themselves, as if it had come now.
func (f *Fake) SetWord(name string, w api.Word) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.words == nil {
		f.words = map[string][]api.Word{}
	}
	f.words[name] = append([]api.Word{w}, f.words[name]...)
	p := f.find(name)
	if w.Kind == "looking" {
		p.Searches = append([]api.Word{w}, p.Searches...)
	} else {
		p.Word = &w
	}
	p.WroteAt = &w.At
	f.bump()
}

// SetPromise gives a person a promise.
func (f *Fake) SetPromise(name string, q api.Promise) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.find(name)
	q.Who, q.ID = p.Name, p.ID
	p.Promise = &q
	f.bump()
}

// SetTold moves one of my words on, to everybody.
func (f *Fake) SetTold(seq uint32, s api.State, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.told {
		for i := range t.To {
			if t.Seq == seq {
				t.To[i].State, t.To[i].At = s, at
			}
		}
	}
	f.bump()
}

// everybody are the people of those names; f.mu is held.
func (f *Fake) everybody(names []string) (list []api.Person, err error) {
	if len(names) == 0 {
		list = slices.Clone(f.people)
	}
	for _, n := range names {
		p := f.find(n)
		if p == nil {
			return nil, unknown(n)
		}
		list = append(list, *p)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: there is nobody to tell yet: add somebody first", api.ErrUsage)
	}
	return list, nil
}

// recipients are everybody, and groups; f.mu is held.
func (f *Fake) recipients(names []string) (people []api.Person, groups []api.Group, err error) {
	var rest []string
	for _, n := range names {
		if g := f.inGroup(n); g != nil && !slices.ContainsFunc(f.people, func(p api.Person) bool { return p.ID == n || p.Name == n }) {
			groups = append(groups, *g)
		} else {
			rest = append(rest, n)
		}
	}
	if len(groups) > 0 && len(rest) == 0 {
		return nil, groups, nil
	}
	people, err = f.everybody(rest)
	return people, groups, err
}

// Safe implements api.Backend.
func (f *Fake) Safe(_ context.Context, a api.SafeAsk) (api.Told, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Safe"]; err != nil {
		return api.Told{}, err
	}
	to, groups, err := f.recipients(a.To)
	switch {
	case err != nil:
		return api.Told{}, err
	case !slices.Contains([]string{"safe", "moved", "hurt", "looking"}, a.Kind):
		return api.Told{}, fmt.Errorf("%w: say what you want to tell", api.ErrUsage)
	case a.Kind == "looking" && strings.TrimSpace(a.Whom) == "":
		return api.Told{}, fmt.Errorf("%w: say whom you are looking for", api.ErrUsage)
	case len(a.Note) > 280:
		return api.Told{}, fmt.Errorf("%w: a word is short", api.ErrUsage)
	}
	at := f.now()
	t := api.Told{Word: api.Word{Seq: uint32(len(f.told) + 1), Kind: a.Kind, At: at, Whom: a.Whom, Town: a.Town, Net: a.Net, Note: a.Note, With: a.With}}
	for _, p := range to {
		t.To = append(t.To, api.ToldTo{Name: p.Name, ID: p.ID, State: api.Saved, At: at})
	}
	for _, g := range groups {
		t.To = append(t.To, api.ToldTo{Name: g.Name, ID: g.ID, State: api.Saved, At: at, Group: true, Reach: &api.Reach{Of: max(len(g.Members)-1, 0)}})
	}
	f.told = append([]api.Told{t}, f.told...)
	f.bump()
	return t, nil
}

// Told implements api.Backend.
func (f *Fake) Told(context.Context) ([]api.Told, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.told), f.fails["Told"]
}

// Words implements api.Backend.
func (f *Fake) Words(_ context.Context, a api.WordsAsk) ([]api.Word, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.From == "" {
		out := []api.Word{}
		for _, t := range f.told {
			out = append(out, t.Word)
		}
		return out, nil
	}
	p := f.find(a.From)
	if p == nil {
		return nil, unknown(a.From)
	}
	return slices.Clone(f.words[p.Name]), nil
}

// Notes implements api.Backend.
func (f *Fake) Notes(_ context.Context, a api.NotesAsk) ([]api.Note, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.told) == 0 {
		return nil, fmt.Errorf("%w: there is nothing to send: say first how you are", api.ErrUsage)
	}
	to, err := f.everybody(a.To)
	out := []api.Note{}
	for _, p := range to {
		out = append(out, api.Note{To: p.Name, ID: p.ID, Text: "Аманмын @Алматы. #1EFZ8Q-FAKEC0-DE" + p.ID[:4], Code: "1EFZ8Q-FAKEC0-DE" + p.ID[:4], Units: 38, Limit: 70})
	}
	return out, err
}

// TakeNote implements api.Backend: a note is the name of a person and a code.
func (f *Fake) TakeNote(_ context.Context, a api.TakeAsk) (api.Taken, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	words, code, ok := strings.Cut(a.Text, "#")
	if !ok {
		return api.Taken{}, fmt.Errorf("%w: there is no code in it", api.ErrUsage)
	}
	p := f.find(strings.TrimSpace(code))
	if p == nil && strings.TrimSpace(code) == "TYPO" {
		return api.Taken{}, api.ErrTypo
	}
	if p == nil {
		return api.Taken{}, api.ErrMismatch
	}
	at := f.now()
	return api.Taken{From: p.Name, ID: p.ID, Word: api.Word{Kind: "safe", At: at, ReceivedAt: &at, Note: strings.TrimSpace(words), Noted: true}}, nil
}

// TakeNotes implements api.Backend: each line is a note.
func (f *Fake) TakeNotes(ctx context.Context, a api.TakeAsk) (out []api.Outcome, err error) {
	for line := range strings.Lines(a.Text) {
		o := api.Outcome{Text: strings.TrimSpace(line)}
		t, err := f.TakeNote(ctx, api.TakeAsk{Text: line})
		switch {
		case err == nil:
			o.Taken = &t
		case errors.Is(err, api.ErrTypo):
			o.Why, o.Error = "typo", err.Error()
		case errors.Is(err, api.ErrMismatch):
			o.Why, o.Error = "mismatch", err.Error()
		default:
			o.Why, o.Error = "no-code", err.Error()
		}
		out = append(out, o)
	}
	if len(out) == 0 {
		out = []api.Outcome{{Why: "no-code", Error: "there is no code in it"}}
	}
	return out, nil
}

// Promise implements api.Backend.
func (f *Fake) Promise(_ context.Context, a api.PromiseAsk) (api.Promise, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.Cancel {
		if len(f.promises) == 0 {
			return api.Promise{}, api.ErrNotFound
		}
		f.promises = nil
		f.bump()
		return api.Promise{Verdict: "cancelled"}, nil
	}
	if !a.By.After(f.now()) {
		return api.Promise{}, fmt.Errorf("%w: the hour of a promise must lie ahead", api.ErrUsage)
	}
	to, err := f.everybody(a.To)
	if err != nil {
		return api.Promise{}, err
	}
	p := api.Promise{By: a.By, At: f.now(), Grace: 60, Verdict: "waiting"}
	for _, t := range to {
		p.To = append(p.To, t.Name)
	}
	f.promises = []api.Promise{p}
	f.bump()
	return p, nil
}

// Promises implements api.Backend.
func (f *Fake) Promises(context.Context) ([]api.Promise, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.Clone(f.promises)
	for _, p := range f.people {
		if p.Promise != nil {
			out = append(out, *p.Promise)
		}
	}
	return out, f.fails["Promises"]
}
