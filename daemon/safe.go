package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/note"
	"github.com/jauap/jauap/status"
	"github.com/jauap/jauap/web/api"
)

// boardConfig holds confirmations of words back as long as those of letters.
func (d *Daemon) boardConfig() status.Config {
	c := d.chatConfig()
	return status.Config{Rand: c.Rand, ReceiptMin: c.ReceiptMin, ReceiptMax: c.ReceiptMax}
}

// safeError turns errors of the rooms into those of the door.
func safeError(err error) error {
	for _, wrong := range []error{
		status.ErrEmpty, status.ErrWhom, status.ErrTooLong, status.ErrNobody, status.ErrNone, status.ErrPast, status.ErrMine,
		note.ErrNoCode, note.ErrLength,
	} {
		if errors.Is(err, wrong) {
			_, text, _ := strings.Cut(err.Error(), ": ")
			return cause.Say(api.ErrUsage, wrong, text)
		}
	}
	for _, p := range []struct{ is, door error }{
		{status.ErrNoted, api.ErrMismatch}, {note.ErrTypo, api.ErrTypo}, {status.ErrNotFound, api.ErrNotFound},
	} {
		if errors.Is(err, p.is) {
			_, text, _ := strings.Cut(p.is.Error(), ": ")
			return cause.Say(p.door, p.is, text)
		}
	}
	return groupError(err)
}

// recipients are the people and groups of those names, all people when there is
// none.
func (d *Daemon) recipients(names []string) (ids []account.ContactID, err error) {
	if len(names) == 0 {
		return idsOf(d.acc.Contacts()), nil
	}
	for _, n := range names {
		id, err := d.conversation(n)
		if err != nil {
			return nil, fmt.Errorf("%w: %q", api.ErrUnknownPerson, n)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// chosen are the contacts of those names, everybody when there is none.
func (d *Daemon) chosen(names []string) (list []account.Contact, err error) {
	if len(names) == 0 {
		return d.acc.Contacts(), nil
	}
	seen := map[account.ContactID]bool{}
	for _, n := range names {
		c, err := d.acc.Contact(n)
		if err != nil {
			return nil, fmt.Errorf("%w: %q", api.ErrUnknownPerson, n)
		}
		if !seen[c.ID] {
			list = append(list, c)
		}
		seen[c.ID] = true
	}
	return list, nil
}

func idsOf(list []account.Contact) []account.ContactID {
	ids := make([]account.ContactID, len(list))
	for i, c := range list {
		ids[i] = c.ID
	}
	return ids
}

// Safe implements api.Safety.
func (d *Daemon) Safe(_ context.Context, a api.SafeAsk) (api.Told, error) {
	d.people.Lock()
	defer d.people.Unlock()
	to, err := d.recipients(a.To)
	if err != nil {
		return api.Told{}, err
	}
	w := status.Word{Whom: a.Whom, Place: status.Place{Town: a.Town, Net: a.Net}, Note: a.Note}
	w.Kind, _ = status.ParseKind(a.Kind)
	if len(a.With) > 0 {
		with, err := d.chosen(a.With)
		if err != nil {
			return api.Told{}, err
		}
		for _, c := range with {
			w.With = append(w.With, status.Mention{Name: c.Outward(), ID: c.ID})
		}
	}
	said, err := d.board.Say(d.moment(), w, to, a.Heard)
	if err != nil {
		return api.Told{}, safeError(err)
	}
	d.changed()
	return d.told(said)
}

// Told implements api.Safety.
func (d *Daemon) Told(context.Context) ([]api.Told, error) {
	list, err := d.board.Mine(0)
	if err != nil {
		return nil, safeError(err)
	}
	out := make([]api.Told, len(list))
	for i, s := range list {
		if out[i], err = d.told(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *Daemon) told(s status.Said) (api.Told, error) {
	t := api.Told{Word: d.word(status.Heard{Word: s.Word}), To: []api.ToldTo{}}
	for _, to := range s.To {
		one := api.ToldTo{ID: to.To.String(), State: api.State(to.State), At: to.At.UTC(), Carriers: to.Carriers}
		var group bool
		if _, one.Name, group = d.acc.Held(one.ID); !group {
			one.Name = d.nameOf(to.To)
		} else if r, err := d.groups.Reach(to.Letter); err != nil {
			return t, err
		} else if n, ok := r[to.Letter]; ok {
			one.Reach = &api.Reach{Delivered: n.Delivered, Of: n.Of, Missing: n.Missing}
		}
		one.Group = group
		t.To = append(t.To, one)
	}
	return t, nil
}

// word words one for the door.
func (d *Daemon) word(h status.Heard) api.Word {
	w := api.Word{
		Seq: h.Seq, Kind: h.Kind.String(), Whom: h.Whom, Town: h.Town, Net: h.Net, Note: h.Note,
		ReceivedAt: known(h.ReceivedAt), Noted: h.Noted, Doubt: h.Doubt,
	}
	if !h.At.IsZero() {
		w.At = h.At.UTC()
	}
	for _, m := range h.With {
		name := m.Name
		if m.ID != (account.ContactID{}) {
			if own := d.nameOf(m.ID); own != "" {
				name = own
			}
		}
		w.With = append(w.With, name)
	}
	return w
}

// Words implements api.Safety.
func (d *Daemon) Words(_ context.Context, a api.WordsAsk) ([]api.Word, error) {
	out := []api.Word{}
	if a.From == "" {
		mine, err := d.board.Mine(max(a.Max, 0))
		for _, s := range mine {
			out = append(out, d.word(status.Heard{Word: s.Word}))
		}
		return out, safeError(err)
	}
	c, err := d.acc.Contact(a.From)
	if err != nil {
		return nil, doorError(err)
	}
	list, err := d.board.Of(c.ID, max(a.Max, 0))
	for _, h := range list {
		out = append(out, d.word(h))
	}
	return out, safeError(err)
}

// Notes implements api.Safety.
func (d *Daemon) Notes(_ context.Context, a api.NotesAsk) ([]api.Note, error) {
	to, err := d.chosen(a.To)
	if err != nil {
		return nil, err
	}
	_, lines, err := d.board.Notes(a.Seq, a.Lang, to)
	if err != nil {
		return nil, safeError(err)
	}
	out := make([]api.Note, len(lines))
	for i, l := range lines {
		out[i] = api.Note{To: to[i].Name, ID: to[i].ID.String(), Text: l.Text, Code: l.Code, Units: l.Units, Limit: l.Limit, Cut: l.Cut}
	}
	return out, nil
}

// TakeNote implements api.Safety.
func (d *Daemon) TakeNote(_ context.Context, a api.TakeAsk) (api.Taken, error) {
	d.people.Lock()
	defer d.people.Unlock()
	t, err := d.board.Take(d.moment(), a.Text)
	if err != nil {
		return api.Taken{}, safeError(err)
	}
	d.changes.bump()
	return api.Taken{From: d.nameOf(t.From), ID: t.From.String(), Word: d.word(t.Heard), Known: t.Known, Older: t.Older, Typo: t.Typo}, nil
}

// Promise implements api.Safety.
func (d *Daemon) Promise(_ context.Context, a api.PromiseAsk) (api.Promise, error) {
	d.people.Lock()
	defer d.people.Unlock()
	m := d.moment()
	if a.Cancel {
		if err := d.board.Cancel(m); err != nil {
			return api.Promise{}, safeError(err)
		}
	} else {
		to, err := d.chosen(a.To)
		if err != nil {
			return api.Promise{}, err
		}
		if a.Grace < 0 {
			return api.Promise{}, fmt.Errorf("%w: the grace is a number of minutes", api.ErrUsage)
		}
		if _, err := d.board.Promise(m, a.By, time.Duration(a.Grace)*time.Minute, idsOf(to)); err != nil {
			return api.Promise{}, safeError(err)
		}
	}
	d.changed()
	p, err := d.myPromise()
	if err != nil || p == nil {
		return api.Promise{}, safeError(err)
	}
	return *p, nil
}

// myPromise is mine as far as it goes, nil when there was none.
func (d *Daemon) myPromise() (*api.Promise, error) {
	p, err := d.board.MyPromise()
	if err != nil || p == nil {
		return nil, err
	}
	verdict := status.Reported
	switch {
	case p.Cancelled():
		verdict = status.Ended
	case p.Open() && d.opts.Now().Before(p.By):
		verdict = status.Waiting
	case p.Open():
		verdict = status.Overdue
	}
	out := promise(*p, verdict, p.At)
	for _, id := range p.To {
		out.To = append(out.To, d.nameOf(id))
	}
	return out, nil
}

func promise(p status.Promise, v status.Verdict, since time.Time) *api.Promise {
	return &api.Promise{By: p.By.UTC(), At: p.At.UTC(), Grace: int(p.Grace / time.Minute), Verdict: string(v), Since: known(since)}
}

// Promises implements api.Safety: mine first.
func (d *Daemon) Promises(ctx context.Context) ([]api.Promise, error) {
	out := []api.Promise{}
	mine, err := d.myPromise()
	if err != nil {
		return nil, safeError(err)
	}
	if mine != nil && d.current(*mine) {
		out = append(out, *mine)
	}
	people, err := d.People(ctx)
	for _, p := range people {
		if p.Promise != nil {
			out = append(out, *p.Promise)
		}
	}
	return out, err
}

// current tells whether a promise is still worth a line: one that ended is for
// a day.
func (d *Daemon) current(p api.Promise) bool {
	ended := p.Verdict == string(status.Reported) || p.Verdict == string(status.Ended)
	return !ended || p.Since == nil || d.opts.Now().Sub(*p.Since) < 24*time.Hour
}

// windows are the spans in which a way abroad answered.
func (d *Daemon) windows() (list []status.Span) {
	now := d.opts.Now()
	d.courier.Lock()
	defer d.courier.Unlock()
	for _, w := range d.watch.Windows() {
		to := w.To
		if to.IsZero() {
			to = now
		}
		list = append(list, status.Span{From: w.From, To: to})
	}
	return list
}

// views are what words tell of contacts.
func (d *Daemon) views(ids ...account.ContactID) ([]status.View, error) {
	v, err := d.board.About(ids, d.opts.Now(), d.windows())
	return v, safeError(err)
}

// aboutThem adds what is known of a contact from words.
func (d *Daemon) aboutThem(p *api.Person, v status.View) {
	if v.Now != nil {
		w := d.word(*v.Now)
		p.Word = &w
	}
	for _, h := range v.Searches {
		p.Searches = append(p.Searches, d.word(h))
	}
	if p.WroteAt == nil || v.Wrote.After(*p.WroteAt) {
		p.WroteAt = known(v.Wrote)
	}
	p.SeenAt, p.PlaceAnsweredAt = known(v.Seen), known(v.Answered)
	if !v.Seen.IsZero() {
		p.SeenBy = d.nameOf(v.SeenBy)
	}
	p.Place = strings.TrimSpace(v.Place.Town + " " + v.Place.Net)
	if v.Promise != nil {
		q := promise(*v.Promise, v.Verdict, v.Since)
		if q.Who, q.ID = p.Name, p.ID; d.current(*q) {
			p.Promise = q
		}
	}
}

// heard tells the board that something of a contact's came in a letter.
func (d *Daemon) heard(tx account.Tx, from account.ContactID, at account.Moment, wrote time.Time, byHand bool) error {
	return d.board.Heard(tx, from, at, wrote, byHand)
}
