package group

import (
	"slices"
	"sort"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/roster"
)

// Info is what is known of a group.
type Info struct {
	ID       ID
	Name     string
	Status   Status
	Rules    roster.Rules
	Admin    bool // the owner is one
	Members  []Person
	Asked    []string // whom the owner asked and who did not answer yet
	Proposed []Person // whom one admin added and a second must
	Removals []Removal
}

// Person is a member of a group.
type Person struct {
	Name    string
	Key     string // the beginning of the pseudonym
	Author  account.ContactID
	Me      bool
	Admin   bool
	Contact account.ContactID // zero when they are none
	Said    bool              // they said themselves who they are
	Teller  string            // who said so, when they did not
	By      string            // who added them; "" for the founder
	HeardAt time.Time         // of their last letter; zero when there is none
	Behind  int               // entries of the roster that they are not known to have heard
}

// Removal is a member who was removed or left, while not everybody is known to
// have heard.
type Removal struct {
	Name     string
	By       string // "" when they left
	NotHeard []string
}

// Asked is an invitation into a group.
type Asked struct {
	ID   ID
	Name string
	From account.ContactID
	At   time.Time
}

// Reach tells how many readers have a letter of the owner.
type Reach struct {
	Delivered, Read, Of int
	Missing             []string // names of those not known to have it
}

// nameOf is what a member is called here.
func (g *Groups) nameOf(m *member) string {
	if m.contact != (account.ContactID{}) {
		if c, err := g.a.Known(m.contact); err == nil {
			return c.Name
		}
	}
	if m.name != "" {
		return m.name
	}
	return "member " + short(m.key)
}

// find is a member by name, contact id or the beginning of the pseudonym.
func (g *Groups) find(tx account.Tx, x *group, who string) (*member, error) {
	l, err := g.log(tx, x.id)
	if err != nil {
		return nil, err
	}
	all, err := members(tx, x.id)
	if err != nil {
		return nil, err
	}
	s := l.State()
	for k := range s.Members {
		m := all[k]
		if m == nil {
			m = &member{group: x.id, key: k}
		}
		if k != x.key() && (short(k) == who || m.contact.String() == who || same(g.nameOf(m), who)) {
			return m, nil
		}
	}
	return nil, ErrNobody
}

// List is all groups of the owner, by name, those that were left behind the others,
// and the open invitations.
func (g *Groups) List() (list []Info, asked []Asked, err error) {
	err = g.a.Look(func(tx account.Tx) error {
		list, asked = nil, nil
		var all []*group
		err := tx.Scan(tableGroups, nil, nil, false, func(k, v []byte) (bool, error) {
			x, err := parseGroup(ID(k), v)
			all = append(all, x)
			return true, err
		})
		if err != nil {
			return err
		}
		for _, x := range all {
			if gone, err := x.hidden(tx); err != nil {
				return err
			} else if gone {
				continue
			}
			i, err := g.info(tx, x)
			if err != nil {
				return err
			}
			list = append(list, i)
		}
		prefix := other(otherInvite)
		return tx.Scan(tableOther, prefix, account.After(prefix), false, func(k, v []byte) (bool, error) {
			i, err := parseInvitation(v)
			if err != nil {
				return false, err
			}
			e, err := roster.Parse(i.found)
			asked = append(asked, Asked{ID(k[1:]), account.CleanName(e.Name), i.from, i.at})
			return true, err
		})
	})
	sort.SliceStable(list, func(i, j int) bool {
		if a, b := list[i].Status.Over(), list[j].Status.Over(); a != b {
			return b
		}
		return list[i].Name < list[j].Name
	})
	return list, asked, err
}

// Show is one group: ErrUnknown.
func (g *Groups) Show(id ID) (i Info, err error) {
	err = g.a.Look(func(tx account.Tx) error {
		x, err := knownGroup(tx, id)
		if err != nil {
			return err
		}
		i, err = g.info(tx, x)
		return err
	})
	return i, err
}

func (g *Groups) info(tx account.Tx, x *group) (Info, error) {
	l, err := g.log(tx, x.id)
	if err != nil {
		return Info{}, err
	}
	all, err := members(tx, x.id)
	if err != nil {
		return Info{}, err
	}
	s := l.State()
	i := Info{ID: x.id, Name: x.name, Status: x.status, Rules: s.Rules, Admin: s.Members[x.key()].Admin && x.status == Member}
	name := func(k roster.Key) string {
		if k == x.key() {
			return ""
		}
		if all[k] == nil {
			return "member " + short(k)
		}
		return g.nameOf(all[k])
	}
	for k, m := range s.Members {
		p := g.person(all[k], x, k)
		if p.Admin = m.Admin; m.By != (roster.Key{}) {
			if p.By = name(m.By); m.By == x.key() {
				p.By = g.a.Me().Name()
			}
		}
		if known := all[k]; !p.Me && known != nil {
			p.Behind = len(l.Lacks(known.knows(l)))
		} else if !p.Me {
			p.Behind = l.Len()
		}
		i.Members = append(i.Members, p)
	}
	for k := range s.Proposed {
		i.Proposed = append(i.Proposed, g.person(all[k], x, k))
	}
	asked, err := collect(tx, tableOther, other(otherAsked, x.id[:]))
	if err != nil {
		return i, err
	}
	for _, k := range asked {
		if c, err := g.a.Known(account.ContactID(k[17:])); err == nil {
			i.Asked = append(i.Asked, c.Name)
		}
	}
	i.Removals = g.removals(l, all, x, name)
	for _, l := range [][]Person{i.Members, i.Proposed} {
		sort.SliceStable(l, func(i, j int) bool { return l[i].Name+l[i].Key < l[j].Name+l[j].Key })
	}
	slices.Sort(i.Asked)
	return i, nil
}

func (g *Groups) person(m *member, x *group, k roster.Key) Person {
	if k == x.key() {
		return Person{Name: g.a.Me().Name(), Key: short(k), Author: authorID(x.id, k), Me: true, Said: true}
	}
	if m == nil {
		m = &member{group: x.id, key: k}
	}
	p := Person{Name: g.nameOf(m), Key: short(k), Author: authorID(x.id, k), Said: m.claim == said, HeardAt: m.heardAt}
	if _, err := g.a.Known(m.contact); err == nil {
		p.Contact = m.contact
	}
	if m.claim == hearsay {
		if c, err := g.a.Known(m.teller); err == nil {
			p.Teller = c.Name
		}
	}
	return p
}

// removals lists who is gone while somebody is not known to have heard.
func (g *Groups) removals(l *roster.Log, all map[roster.Key]*member, x *group, name func(roster.Key) string) (list []Removal) {
	s := l.State()
	for _, e := range l.List() {
		gone, by := e.Subject, e.Author
		if e.Kind == roster.Leave {
			gone, by = e.Author, roster.Key{}
		} else if e.Kind != roster.Remove {
			continue
		}
		r := Removal{Name: name(gone)}
		if by != (roster.Key{}) {
			if r.By = name(by); by == x.key() {
				r.By = g.a.Me().Name()
			}
		}
		for k := range s.Members {
			if k != x.key() && k != by && (all[k] == nil || !l.Covers(all[k].knows(l), e.ID)) {
				r.NotHeard = append(r.NotHeard, name(k))
			}
		}
		if len(r.NotHeard) > 0 {
			slices.Sort(r.NotHeard)
			list = append(list, r)
		}
	}
	return list
}

// Author is who wrote letters under an author's id: their name, and the name of
// their group. ok is false for contacts.
func (g *Groups) Author(id account.ContactID) (name string, ok bool) {
	err := g.a.Look(func(tx account.Tx) error {
		b, err := tx.Get(tableAuthors, id[:])
		if err != nil || len(b) != 48 {
			return err
		}
		m, err := getMember(tx, ID(b[:16]), roster.Key(b[16:]))
		if err == nil {
			name, ok = g.nameOf(m), true
		}
		return err
	})
	return name, ok && err == nil
}

// Reach tells how far letters of the owner in groups came; others are not in
// the answer.
func (g *Groups) Reach(letters ...account.LetterID) (map[account.LetterID]Reach, error) {
	out := map[account.LetterID]Reach{}
	err := g.a.Look(func(tx account.Tx) error {
		for _, id := range letters {
			r, err := getReaders(tx, id)
			if err != nil {
				return err
			}
			if r == nil {
				continue
			}
			x, err := getGroup(tx, r.group)
			if err != nil || x == nil {
				return err
			}
			if out[id], err = g.reach(tx, x, id); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// reach counts those readers of a letter who are members still.
func (g *Groups) reach(tx account.Tx, x *group, letter account.LetterID) (out Reach, err error) {
	r, err := getReaders(tx, letter)
	if err != nil || r == nil {
		return out, err
	}
	l, err := g.log(tx, x.id)
	if err != nil {
		return out, err
	}
	for k := range l.State().Members {
		if k == x.key() || len(r.list) > 0 && !slices.Contains(r.list, k.Short()) {
			continue // written before they came; with nobody there it is for who comes
		}
		h, err := getHas(tx, letter, k.Short())
		if err != nil {
			return out, err
		}
		out.Of++
		if !h.read.IsZero() {
			out.Read++
		}
		if !h.delivered.IsZero() {
			out.Delivered++
			continue
		}
		m, err := getMember(tx, x.id, k)
		if err != nil {
			return out, err
		}
		out.Missing = append(out.Missing, g.nameOf(m))
	}
	slices.Sort(out.Missing)
	return out, nil
}
