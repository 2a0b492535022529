package daemon

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/media"
	"github.com/jauap/jauap/pairing"
	"github.com/jauap/jauap/scan"
	"github.com/jauap/jauap/status"
	"github.com/jauap/jauap/web/api"
)

var (
	_ api.Backend = (*Daemon)(nil)
	_ api.Opener  = (*Daemon)(nil)
)

// moment is the time for requests; a clock that nobody can believe still
// dates what a person writes, and Status says so.
func (d *Daemon) moment() account.Moment {
	m, _ := d.clock.moment()
	return m
}

// changed lets waiting pages look again and sends what can be sent. people is
// held.
func (d *Daemon) changed() {
	d.settleLocked()
	d.changes.bump()
}

// Me implements api.People.
func (d *Daemon) Me(context.Context) (api.Me, error) {
	me := d.acc.Me()
	f, err := d.acc.MyFingerprint()
	if err != nil {
		return api.Me{}, err
	}
	return api.Me{Name: me.Name(), ID: me.Public().ID(), Words: f.Words(), WordsIn: wordsIn(f), Digits: f.Digits(), Erasable: d.end.gone != nil}, nil
}

// People implements api.People.
func (d *Daemon) People(context.Context) ([]api.Person, error) {
	people := []api.Person{}
	list := d.acc.Contacts()
	views, err := d.views(idsOf(list)...)
	if err != nil {
		return nil, err
	}
	for i, c := range list {
		p, err := d.entire(c, views[i])
		if err != nil {
			return nil, err
		}
		people = append(people, p)
	}
	return people, nil
}

// person puts together what the rooms know of a contact.
func (d *Daemon) person(c account.Contact) (api.Person, error) {
	v, err := d.views(c.ID)
	if err != nil {
		return api.Person{}, err
	}
	return d.entire(c, v[0])
}

func (d *Daemon) entire(c account.Contact, v status.View) (api.Person, error) {
	h, err := d.chat.Head(c.ID)
	if err != nil {
		return api.Person{}, err
	}
	f, err := d.acc.Fingerprint(c.ID)
	if err != nil {
		return api.Person{}, err
	}
	p := api.Person{
		Name: c.Name, ID: c.ID.String(), Verified: verified(c), VerifiedAt: known(c.VerifiedAt), KeyChanged: c.KeyChanged,
		WroteAt: known(h.WroteAt), Unread: h.Unread, Waiting: d.acc.WaitingFor(c.ID),
		Words: f.Words(), WordsIn: wordsIn(f), Digits: f.Digits(), LastText: h.LastText, LastMine: h.LastMine, LastAt: known(h.LastAt),
		HeardAt: known(c.HeardAt), Forked: c.Forked, Stuck: c.Stuck, StuckCode: stuckCode(c.Stuck),
	}
	theirs, at, err := d.pairing.Theirs(c.ID)
	if err != nil {
		return api.Person{}, err
	}
	p.Theirs, p.TheirsAt = theirs.String(), known(at)
	d.aboutThem(&p, v)
	return p, nil
}

func verified(c account.Contact) string {
	switch c.Verified {
	case account.InPerson:
		return "in person"
	case account.ByVoice:
		return "by voice"
	case account.Introduced:
		return "introduced by " + c.By
	}
	return ""
}

// Invite implements api.People.
func (d *Daemon) Invite(context.Context) (api.Invite, error) {
	f, err := d.acc.MyFingerprint()
	if err != nil {
		return api.Invite{}, err
	}
	d.people.Lock()
	defer d.people.Unlock()
	i, err := d.acc.Invite(d.moment())
	if err != nil {
		return api.Invite{}, doorError(err)
	}
	return api.Invite{Link: i.Link(), QR: i.QRTextAt(d.listensAt()...), Digits: f.Digits()}, nil
}

// Accept implements api.People.
func (d *Daemon) Accept(_ context.Context, ask api.AcceptAsk) (api.Person, error) {
	code, at := identity.SplitPlaces(ask.Code)
	i, err := identity.ParseInvite(code)
	if err != nil {
		return api.Person{}, fmt.Errorf("%w: %w", api.ErrBadInvite, err)
	}
	d.people.Lock()
	defer d.people.Unlock()
	name := ask.Name
	if old, err := d.acc.ContactByID(account.IDOf(i.Card.Public())); err == nil {
		name = old.Name // a newer invitation of somebody known does not rename them
	}
	c, err := d.acc.Accept(d.moment(), i, name, ask.InPerson)
	if err != nil {
		return api.Person{}, doorError(err)
	}
	d.tellChecked()
	d.callBeside(at)
	d.changed()
	return d.person(c)
}

// Verify implements api.People.
func (d *Daemon) Verify(_ context.Context, ask api.VerifyAsk) (api.Person, error) {
	d.people.Lock()
	defer d.people.Unlock()
	c, err := d.acc.Contact(ask.Name)
	if err == nil {
		c, err = d.acc.Verify(d.moment(), c.ID, ask.Code, ask.Compared)
	}
	if err != nil {
		return api.Person{}, doorError(err)
	}
	d.tellChecked()
	d.changed()
	return d.person(c)
}

// Wait implements api.Net.
func (d *Daemon) Wait(ctx context.Context, seen uint64) (uint64, error) {
	return d.changes.wait(ctx, seen)
}

// Page implements api.Opener.
func (d *Daemon) Page(ctx context.Context) (string, error) {
	if d.opts.Keeper == nil {
		return "", api.ErrNotFound
	}
	return d.opts.Keeper.Page(ctx)
}

// Status implements api.Net.
func (d *Daemon) Status(context.Context) (api.Status, error) {
	waiting := d.acc.Waiting()
	doubt := d.clock.doubt()
	progress, err := d.countLetters(d.opts.Now())
	if err != nil {
		return api.Status{}, err
	}
	d.courier.Lock()
	defer d.courier.Unlock()
	state, since := d.watch.Verdict(d.opts.Now())
	st := d.shelf.Stats()
	s := api.Status{
		Network: api.Network{State: string(state), Since: known(since)},
		Links:   []api.Link{}, Windows: []api.Window{},
		Shelf:   api.Shelf{Envelopes: st.Envelopes, Bytes: st.Bytes, Quota: st.Quota},
		Waiting: waiting, Clock: doubt, Trouble: d.troubles(), Causes: d.troubled(), LeftAt: known(d.leftAt), Progress: progress,
		Metered: d.metered.status(), Tor: d.tor, Postage: d.postage(),
	}
	if d.opts.Keeper != nil {
		s.Lock = d.opts.Keeper.Lockable()
	}
	if doubt == "" { // else its hours mean nothing
		s.Forecast = forecast(d.watch.Forecast(d.opts.Now()))
	}
	for _, r := range d.rows {
		l := api.Link{Kind: r.kind, Addr: r.addr, State: r.state, Since: known(r.since), Error: r.err, Code: r.code, In: r.in, Out: r.out, Who: r.who, Airtime: r.airtime, Fault: d.faulty(r)}
		if used := r.tries.used; used.Addr.Port != 0 {
			l.Transport, l.Port = used.Path().Transport(), used.Addr.Port
		}
		l.Tried = r.tries.show()
		if r.m != nil {
			l.In, l.Out = l.In+r.m.in.Load(), l.Out+r.m.out.Load()
		}
		s.Links = append(s.Links, l)
	}
	sort.SliceStable(s.Links, func(i, j int) bool {
		a, b := &s.Links[i], &s.Links[j]
		return a.Kind+" "+a.Addr < b.Kind+" "+b.Addr
	})
	for _, w := range d.watch.Windows() {
		s.Windows = append(s.Windows, api.Window{From: w.From.UTC(), To: known(w.To), Sent: w.Sent, Received: w.Received, Out: w.Out, In: w.In})
	}
	return s, nil
}

// known is nil for a time that nobody knows.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// doorError turns errors of the rooms into those that the door promises.
func doorError(err error) error {
	for _, pair := range []struct{ is, door error }{
		{account.ErrUnknown, api.ErrUnknownPerson},
		{account.ErrSelf, api.ErrUsage},
		{account.ErrName, api.ErrUsage},
		{account.ErrNameTaken, api.ErrUsage},
		{scan.ErrNone, api.ErrBadPicture},
		{scan.ErrPicture, api.ErrBadPicture},
		{scan.ErrLarge, api.ErrTooLarge},
		{pairing.ErrMistyped, api.ErrMistyped},
		{pairing.ErrOwn, api.ErrUsage},
		{pairing.ErrMany, api.ErrUsage},
		{pairing.ErrUnknown, api.ErrNotFound},
		{pairing.ErrSame, api.ErrUsage},
		{pairing.ErrAnswered, api.ErrUsage},
		{pairing.ErrManyIntro, api.ErrUsage},
		{account.ErrNoMatch, api.ErrMismatch},
		{account.ErrFull, api.ErrFull},
		{account.ErrClock, api.ErrClock},
		{chat.ErrNotFound, api.ErrNotFound},
		{chat.ErrIncomplete, api.ErrNotFound},
		{chat.ErrTooLarge, api.ErrTooLarge},
		{chat.ErrEmpty, api.ErrUsage},
		{chat.ErrVanish, api.ErrUsage},
		{media.ErrFormat, api.ErrUsage},
		{media.ErrBroken, api.ErrUsage},
		{media.ErrSize, api.ErrUsage},
		{media.ErrLarge, api.ErrTooLarge},
	} {
		if errors.Is(err, pair.is) {
			// The room's words without the room's name, and not said twice.
			_, text, _ := strings.Cut(err.Error(), ": ")
			if text = strings.TrimPrefix(strings.TrimPrefix(text, pair.door.Error()), ": "); text == "" {
				return pair.door
			}
			return cause.Say(pair.door, err, text)
		}
	}
	return err
}
