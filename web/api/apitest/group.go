package apitest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// AddGroup puts a group, or an invitation to one, into the Fake. ID is filled
// in when it is empty.
func (f *Fake) AddGroup(g api.Group) api.Group {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g.ID == "" {
		g.ID = idOf("group " + g.Name)
	}
	if g.Status == "" {
		g.Status = "member"
	}
	f.groups = append(f.groups, g)
	f.bump()
	return g
}

// inGroup is a group by ID or name; nil when there is none. The lock is held.
func (f *Fake) inGroup(who string) *api.Group {
	for i, g := range f.groups {
		if g.ID == who || strings.EqualFold(g.Name, who) {
			return &f.groups[i]
		}
	}
	return nil
}

// Groups implements api.Backend.
func (f *Fake) Groups(context.Context) ([]api.Group, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.Clone(f.groups)
	for i := range out {
		for _, l := range f.letters {
			if l.To == out[i].Name {
				out[i].LastText, out[i].LastAt, out[i].LastMine = l.Text, &l.SentAt, l.From == ""
			}
			if l.To == out[i].Name && f.unread[l.ID] {
				out[i].Unread++
			}
		}
	}
	return out, f.fails["Groups"]
}

// NewGroup implements api.Backend.
func (f *Fake) NewGroup(_ context.Context, a api.GroupAsk) (api.Group, error) {
	f.mu.Lock()
	err := f.fails["NewGroup"]
	g := api.Group{Name: strings.TrimSpace(a.Name), Admin: true, Family: a.Family, Two: a.Two}
	for _, n := range a.People {
		p := f.find(n)
		if p == nil && err == nil {
			err = unknown(n)
		} else if p != nil {
			g.Asked = append(g.Asked, p.Name)
		}
	}
	if g.Name == "" && err == nil {
		err = fmt.Errorf("%w: a group needs a name", api.ErrUsage)
	}
	g.Members = []api.GroupMember{{Name: f.me.Name, Key: "00000000", Me: true, Admin: true, Said: true}}
	f.mu.Unlock()
	if err != nil {
		return api.Group{}, err
	}
	return f.AddGroup(g), nil
}

// ActGroup implements api.Backend.
func (f *Fake) ActGroup(_ context.Context, a api.GroupAct) (api.Group, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["ActGroup"]; err != nil {
		return api.Group{}, err
	}
	g := f.inGroup(a.Group)
	if g == nil {
		return api.Group{}, fmt.Errorf("%w: no group %q", api.ErrNotFound, a.Group)
	}
	defer f.bump()
	member := slices.IndexFunc(g.Members, func(m api.GroupMember) bool { return m.Key == a.Who || strings.EqualFold(m.Name, a.Who) })
	switch a.Do {
	case "add":
		p := f.find(a.Who)
		if p == nil {
			return api.Group{}, unknown(a.Who)
		}
		g.Asked = append(g.Asked, p.Name)
	case "remove", "promote":
		if member < 0 {
			return api.Group{}, unknown(a.Who)
		}
		if a.Do == "promote" {
			g.Members[member].Admin = true
			break
		}
		gone := g.Members[member]
		g.Members = slices.Delete(slices.Clone(g.Members), member, member+1)
		r := api.GroupRemoval{Name: gone.Name, By: f.me.Name}
		for _, m := range g.Members {
			if !m.Me {
				r.NotHeard = append(r.NotHeard, m.Name)
			}
		}
		g.Removals = append(g.Removals, r)
	case "join":
		g.Status = "asking"
	case "leave":
		g.Status = "left"
	case "forget":
		gone := *g
		if gone.Status != "left" && gone.Status != "removed" {
			return api.Group{}, fmt.Errorf("%w: leave it first", api.ErrUsage)
		}
		f.groups = slices.DeleteFunc(f.groups, func(x api.Group) bool { return x.ID == gone.ID })
		return gone, nil
	case "decline":
		declined := *g
		declined.Status = "declined"
		f.groups = slices.DeleteFunc(f.groups, func(x api.Group) bool { return x.ID == declined.ID })
		return declined, nil
	default:
		return api.Group{}, fmt.Errorf("%w: there is no %q in a group", api.ErrUsage, a.Do)
	}
	return *g, nil
}
