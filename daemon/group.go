package daemon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/group"
	"github.com/jauap/jauap/roster"
	"github.com/jauap/jauap/seal"
	"github.com/jauap/jauap/status"
	"github.com/jauap/jauap/web/api"
)

func (d *Daemon) groupConfig() group.Config {
	c := group.DefaultConfig(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	if d.opts.Config.Receipts == config.ReceiptsPrompt {
		c.TellMin, c.TellMax = 0, 0
	}
	return c
}

// openGroups lets words about people go to groups, too.
func (d *Daemon) openGroups() (err error) {
	if d.groups, err = group.New(d.acc, d.chat, d.groupConfig()); err != nil {
		return err
	}
	d.board.Join(d.groups)
	d.groups.Others(func(tx account.Tx, at account.Moment, w group.Writer, p seal.Part) error {
		return d.board.InGroup(tx, at, status.Writer(w), p)
	})
	return nil
}

// conversation is whom a letter goes to: a person, else a group.
func (d *Daemon) conversation(nameOrID string) (account.ContactID, error) {
	c, err := d.acc.Contact(nameOrID)
	if err == nil {
		return c.ID, nil
	}
	if id, _, ok := d.acc.Held(nameOrID); ok {
		return id, nil
	}
	return account.ContactID{}, err
}

// again gives what the shelf holds to the account once more when that listens
// for letters that may have come before.
func (d *Daemon) again() bool {
	if !d.acc.Fresher() {
		return false
	}
	d.courier.Lock()
	defer d.courier.Unlock()
	n := len(d.arrived)
	d.offerShelf()
	return len(d.arrived) > n
}

// offerShelf lists as arrived what lies on the shelf for the person. What a failing
// disk does not give now is asked for again by retry. people and courier are held, or nothing runs yet.
func (d *Daemon) offerShelf() {
	delete(d.trouble, "unread")
	var seq uint64
	for {
		list := d.shelf.Since(seq, 4096)
		if len(list) == 0 {
			return
		}
		for _, e := range list {
			seq = e.Seq
			if e.Own || !d.acc.Knows(e.Tag) && !d.boards.Knows(e.Tag) {
				continue
			}
			raw, err := d.shelf.Get(e.ID)
			if err != nil {
				d.log.Warn("shelf", "envelope", e.ID.String(), "error", err)
				d.unread(err)
				continue
			}
			d.arrived = append(d.arrived, arrival{e.ID, raw})
		}
	}
}

// Groups implements api.Groups.
func (d *Daemon) Groups(context.Context) ([]api.Group, error) {
	list, asked, err := d.groups.List()
	if err != nil {
		return nil, err
	}
	var out []api.Group
	for _, a := range asked {
		g := api.Group{ID: a.ID.String(), Name: a.Name, Status: "invited", Members: []api.GroupMember{}}
		if c, err := d.acc.ContactByID(a.From); err == nil {
			g.From = c.Name
		}
		out = append(out, g)
	}
	for _, i := range list {
		g, err := d.groupOf(i)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

func (d *Daemon) groupOf(i group.Info) (api.Group, error) {
	h, err := d.chat.Head(i.ID)
	if err != nil {
		return api.Group{}, err
	}
	g := api.Group{
		ID: i.ID.String(), Name: i.Name, Status: string(i.Status), Admin: i.Admin, Asked: i.Asked,
		Family: i.Rules&roster.AllAdmins != 0, Two: i.Rules&roster.TwoToAdd != 0,
		Unread: h.Unread, Waiting: d.acc.WaitingFor(i.ID),
		LastText: h.LastText, LastMine: h.LastMine, LastAt: known(h.LastAt),
	}
	if g.Members, err = d.members(i.Members); err != nil {
		return g, err
	}
	if len(i.Proposed) > 0 {
		if g.Proposed, err = d.members(i.Proposed); err != nil {
			return g, err
		}
	}
	for _, r := range i.Removals {
		g.Removals = append(g.Removals, api.GroupRemoval{Name: r.Name, By: r.By, NotHeard: r.NotHeard})
	}
	return g, nil
}

func (d *Daemon) members(list []group.Person) ([]api.GroupMember, error) {
	out := make([]api.GroupMember, len(list))
	for i, p := range list {
		out[i] = api.GroupMember{Name: p.Name, Key: p.Key, Me: p.Me, Admin: p.Admin, Said: p.Said, Teller: p.Teller, By: p.By, HeardAt: known(p.HeardAt), Behind: p.Behind}
		if p.Contact != (account.ContactID{}) {
			out[i].Contact = p.Contact.String()
		}
		if p.Me {
			continue
		}
		by := []account.ContactID{p.Author} // and, once they said who they are, the contact
		if p.Said && out[i].Contact != "" {
			by = append(by, p.Contact)
		}
		h, err := d.board.Newest(by...)
		if err != nil {
			return nil, safeError(err)
		}
		if h != nil {
			w := d.word(*h)
			out[i].Word = &w
		}
	}
	return out, nil
}

// NewGroup implements api.Groups.
func (d *Daemon) NewGroup(_ context.Context, ask api.GroupAsk) (api.Group, error) {
	var people []account.ContactID
	for _, name := range ask.People {
		c, err := d.acc.Contact(name)
		if err != nil {
			return api.Group{}, doorError(err)
		}
		people = append(people, c.ID)
	}
	var rules roster.Rules
	if ask.Family {
		rules |= roster.AllAdmins
	}
	if ask.Two {
		rules |= roster.TwoToAdd
	}
	d.people.Lock()
	defer d.people.Unlock()
	id, err := d.groups.Found(d.moment(), ask.Name, rules, people)
	if err != nil {
		return api.Group{}, groupError(err)
	}
	d.changed()
	return d.showGroup(id)
}

func (d *Daemon) showGroup(id group.ID) (api.Group, error) {
	i, err := d.groups.Show(id)
	if errors.Is(err, group.ErrUnknown) {
		return api.Group{ID: id.String(), Status: "declined", Members: []api.GroupMember{}}, nil
	}
	if err != nil {
		return api.Group{}, err
	}
	return d.groupOf(i)
}

// ActGroup implements api.Groups.
func (d *Daemon) ActGroup(_ context.Context, act api.GroupAct) (api.Group, error) {
	d.people.Lock()
	defer d.people.Unlock()
	id, err := d.groupID(act)
	if err != nil {
		return api.Group{}, err
	}
	m := d.moment()
	switch act.Do {
	case "add":
		c, err := d.acc.Contact(act.Who)
		if err != nil {
			return api.Group{}, doorError(err)
		}
		err = d.groups.Add(m, id, c.ID, false)
		if err != nil {
			return api.Group{}, groupError(err)
		}
	case "promote":
		err = d.groups.Promote(m, id, act.Who)
	case "remove":
		err = d.groups.Remove(m, id, act.Who)
	case "join":
		err = d.groups.Join(m, id)
	case "decline":
		err = d.groups.Decline(m, id)
	case "leave":
		err = d.groups.Leave(m, id)
	case "forget":
		err = d.forgetGroup(m, id)
	default:
		err = fmt.Errorf("%w: there is no %q in a group", api.ErrUsage, act.Do)
	}
	if err != nil {
		return api.Group{}, groupError(err)
	}
	d.changed()
	return d.showGroup(id)
}

// forgetGroup takes a group that was left out of the list and its letters off
// this device.
func (d *Daemon) forgetGroup(m account.Moment, id group.ID) error {
	i, err := d.groups.Show(id)
	if err != nil {
		return err
	}
	if err := d.groups.Hide(m, id); err != nil {
		return err
	}
	for _, p := range i.Members {
		if err := d.board.Forget(p.Author); err != nil {
			return err
		}
	}
	for {
		list, err := d.chat.Conversation(id, account.LetterID{}, 0)
		if err != nil || len(list) == 0 {
			return err
		}
		var ids []account.LetterID
		for _, l := range list {
			ids = append(ids, l.ID)
		}
		if _, err := d.chat.Delete(m, ids...); err != nil {
			return err
		}
	}
}

// groupID finds a group or, to join or decline, an invitation to one.
func (d *Daemon) groupID(act api.GroupAct) (group.ID, error) {
	if act.Do == "join" || act.Do == "decline" {
		_, asked, err := d.groups.List()
		if err != nil {
			return group.ID{}, err
		}
		for _, a := range asked {
			if a.ID.String() == act.Group || a.Name == account.CleanName(act.Group) {
				return a.ID, nil
			}
		}
		return group.ID{}, fmt.Errorf("%w: nobody invited you to %q", api.ErrNotFound, account.CleanName(act.Group))
	}
	if id, _, ok := d.acc.Held(act.Group); ok {
		return id, nil
	}
	return group.ID{}, fmt.Errorf("%w: there is no group %q", api.ErrNotFound, account.CleanName(act.Group))
}

// groupError turns errors of the groups into those that the door promises.
func groupError(err error) error {
	for _, pair := range []struct{ is, door error }{
		{group.ErrNotAdmin, api.ErrNotAllowed}, {group.ErrNotMember, api.ErrNotAllowed},
		{group.ErrUnknown, api.ErrNotFound}, {group.ErrNoInvite, api.ErrNotFound}, {group.ErrNobody, api.ErrUnknownPerson},
		{group.ErrAlready, api.ErrUsage}, {group.ErrStays, api.ErrUsage}, {group.ErrFull, api.ErrTooLarge}, {group.ErrName, api.ErrUsage},
	} {
		if errors.Is(err, pair.is) {
			return cause.Say(pair.door, pair.is, pair.is.Error()[len("group: "):])
		}
	}
	return doorError(err)
}

// addGroups completes letters for the door that stand in groups.
func (d *Daemon) addGroups(list []chat.Letter, out []api.Letter) error {
	var mine []account.LetterID
	for _, l := range list {
		if l.Mine {
			mine = append(mine, l.ID)
		}
	}
	reach, err := d.groups.Reach(mine...)
	if err != nil {
		return err
	}
	for i, l := range list {
		_, name, ok := d.acc.Held(l.With.String())
		if !ok {
			continue
		}
		out[i].Group = name
		if l.Mine {
			out[i].To = name
			if r, ok := reach[l.ID]; ok {
				out[i].Reach = &api.Reach{Delivered: r.Delivered, Read: r.Read, Of: r.Of, Missing: r.Missing}
			}
			continue
		}
		out[i].To = name
		if out[i].From, ok = d.groups.Author(l.By); !ok {
			out[i].From = "?"
		}
	}
	return nil
}
