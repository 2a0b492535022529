package apitest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// AddSlip is a slip that arrived, or was written here.
func (f *Fake) AddSlip(s api.Slip) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.ID == "" {
		s.ID = f.nextID("slip")
	}
	if s.State == "" {
		s.State = "open"
	}
	f.slips = append(f.slips, s)
	f.bump()
	return s.ID
}

// SetSlips says what of an inbox's slips waits or was refused.
func (f *Fake) SetSlips(id string, wait int, full bool, refused int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.boxes {
		if b := &f.boxes[i]; b.ID == id {
			b.SlipsWait, b.SlipsFull, b.SlipsRefused = wait, full, refused
		}
	}
}

// AskAfter implements api.Backend.
func (f *Fake) AskAfter(_ context.Context, a api.AskAfter) (api.Sent, error) {
	f.mu.Lock()
	if err := f.fails["AskAfter"]; err != nil {
		f.mu.Unlock()
		return api.Sent{}, err
	}
	for _, n := range a.To {
		if f.find(n) == nil {
			f.mu.Unlock()
			return api.Sent{}, unknown(n)
		}
	}
	now := f.now()
	f.mu.Unlock()
	if len(a.To) > 0 == (a.Inbox != "") || strings.TrimSpace(a.Name+a.Phone+a.Address) == "" {
		return api.Sent{}, fmt.Errorf("%w: whom to ask after?", api.ErrUsage)
	}
	id := f.AddSlip(api.Slip{Mine: true, Inbox: a.Inbox != "", Via: a.Inbox, Made: now, Received: now, Until: now.AddDate(0, 0, 14), Name: a.Name, Phone: a.Phone, Address: a.Address,
		Question: a.Question, From: a.From, Say: a.Say, Events: []api.SlipEvent{}})
	return api.Sent{ID: id}, nil
}

// Slips implements api.Backend.
func (f *Fake) Slips(context.Context) ([]api.Slip, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.slips), f.fails["Slips"]
}

// Act implements api.Backend.
func (f *Fake) Act(_ context.Context, a api.SlipAct) (api.Slip, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Act"]; err != nil {
		return api.Slip{}, err
	}
	if _, id, ok := strings.Cut(a.Code, "JAUAP-REPLY:"); ok { // of this Fake: who was spoken to
		a.ID, a.Kind, a.Outcome = id, "answered", "spoke"
	}
	i := slices.IndexFunc(f.slips, func(s api.Slip) bool { return s.ID == a.ID })
	if i < 0 {
		return api.Slip{}, api.ErrNotFound
	}
	if a.Look {
		s := f.slips[i]
		s.Outcome = a.Outcome
		return s, nil
	}
	s := &f.slips[i]
	was := *s
	switch a.Kind {
	case "deleted":
		f.slips = slices.Delete(f.slips, i, i+1)
		f.bump()
		return was, nil
	case "taken":
		s.State, s.Takers = "taken", append(s.Takers, f.me.Name)
	case "given-back":
		s.State, s.Takers = "open", nil
	case "answered":
		if s.State = "answered"; a.Outcome == "no-answer" {
			s.State, s.Tries = was.State, s.Tries+1
		}
	case "withdrawn":
		s.State = "withdrawn"
	default:
		return was, api.ErrUsage
	}
	s.Events = append(slices.Clone(s.Events), api.SlipEvent{Kind: a.Kind, Outcome: a.Outcome, At: f.now(), Who: f.me.Name, Text: a.Text})
	f.bump()
	return *s, nil
}

// Team implements api.Backend.
func (f *Fake) Team(context.Context) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.team), nil
}

// SetTeam implements api.Backend.
func (f *Fake) SetTeam(_ context.Context, names []string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	team := []string{}
	for _, n := range names {
		p := f.find(n)
		if p == nil {
			return nil, unknown(n)
		}
		team = append(team, p.Name)
	}
	f.team = team
	f.bump()
	return f.team, nil
}

// ExportSlips implements api.Backend: one line per slip.
func (f *Fake) ExportSlips(_ context.Context, a api.SlipFile) (api.SlipFile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.slips {
		a.Data = append(a.Data, s.Name+"\n"...)
	}
	return a, nil
}

// ImportSlips implements api.Backend: one slip per line.
func (f *Fake) ImportSlips(ctx context.Context, a api.SlipFile) (out api.SlipsRead, err error) {
	for line := range strings.Lines(string(a.Data)) {
		if _, err := f.AskAfter(ctx, api.AskAfter{To: a.To, Name: strings.TrimSpace(line)}); err != nil {
			return out, err
		}
		out.Asked++
	}
	return out, nil
}

// PrintSlip implements api.Backend.
func (f *Fake) PrintSlip(_ context.Context, a api.SlipPrint) (api.SlipFile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.slips {
		if s.ID == a.ID {
			return api.SlipFile{Form: a.Form, Data: []byte(a.Form + " of " + s.Name)}, nil
		}
	}
	return api.SlipFile{}, api.ErrNotFound
}
