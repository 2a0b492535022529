package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/inbox"
	"github.com/jauap/jauap/inquiry"
	"github.com/jauap/jauap/web/api"
)

// usualDays is how long a slip is worth asking when nobody says.
const usualDays = 14

// slipError turns errors of the room into those of the door.
func slipError(err error) error {
	switch {
	case errors.Is(err, inquiry.ErrUnknown), errors.Is(err, inbox.ErrUnknown):
		return fmt.Errorf("%w: %w", api.ErrNotFound, err)
	case errors.Is(err, inquiry.ErrSlip), errors.Is(err, inquiry.ErrOver), errors.Is(err, inquiry.ErrNotMine):
		return fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	return doorError(err)
}

// contacts finds people by their names. people is held.
func (d *Daemon) contacts(names []string) ([]account.ContactID, error) {
	var list []account.ContactID
	for _, n := range names {
		c, err := d.acc.Contact(n)
		if err != nil {
			return nil, fmt.Errorf("%w: %q", api.ErrUnknownPerson, n)
		}
		list = append(list, c.ID)
	}
	return list, nil
}

// AskAfter implements api.Inquiries.
func (d *Daemon) AskAfter(_ context.Context, a api.AskAfter) (api.Sent, error) {
	d.people.Lock()
	defer d.people.Unlock()
	to, err := d.contacts(a.To)
	if err != nil {
		return api.Sent{}, err
	}
	if len(to) > 0 == (a.Inbox != "") {
		return api.Sent{}, cause.ErrWhoAsks
	}
	if a.Days == 0 {
		a.Days = usualDays
	}
	s := inquiry.Slip{Name: a.Name, Phone: a.Phone, Address: a.Address, Question: a.Question, From: a.From, Say: a.Say, Days: a.Days}
	if a.Inbox != "" {
		return d.askInbox(a.Inbox, s)
	}
	id, err := d.inquiry.Ask(d.moment(), s, to)
	if err != nil {
		return api.Sent{}, slipError(err)
	}
	d.changed()
	return api.Sent{ID: id.String()}, nil
}

// Slips implements api.Inquiries.
func (d *Daemon) Slips(context.Context) ([]api.Slip, error) {
	list, err := d.inquiry.Slips(d.moment(), nil)
	if err != nil {
		return nil, slipError(err)
	}
	out := make([]api.Slip, len(list))
	names, arrived := d.boxNames(), d.arrivedSlips()
	for i := range list {
		out[i] = d.slipOf(&list[i])
		throughInbox(&list[i], &out[i], names, arrived)
	}
	return out, nil
}

// slip words one for the door.
func (d *Daemon) slip(v *inquiry.View) api.Slip {
	s := d.slipOf(v)
	throughInbox(v, &s, d.boxNames(), d.arrivedSlips())
	return s
}

func (d *Daemon) slipOf(v *inquiry.View) api.Slip {
	s := api.Slip{ID: v.ID.String(), State: string(v.State), Mine: v.Mine, Via: d.nameOf(v.Via), Made: v.Made.UTC(), Received: v.Received.UTC(),
		Until: v.Received.UTC().Add(time.Duration(v.Days) * 24 * time.Hour), Erased: v.Erased, Name: v.Name, Phone: v.Phone, Address: v.Address,
		Question: v.Question, From: v.From, Say: v.Say, Takers: v.Takers, Tries: v.Tries, Events: []api.SlipEvent{}}
	for _, e := range v.Events {
		s.Events = append(s.Events, api.SlipEvent{Kind: actName(e.Kind), Outcome: e.Outcome.String(), At: e.At.UTC(), Who: e.Who, Via: d.nameOf(e.Via), Text: e.Text})
	}
	return s
}

// nameOf is a contact's name here, empty for nobody.
func (d *Daemon) nameOf(id account.ContactID) string {
	if id == (account.ContactID{}) {
		return ""
	}
	c, err := d.acc.ContactByID(id)
	if err != nil {
		return "?"
	}
	return c.Name
}

func actName(k inquiry.Kind) string {
	switch k {
	case inquiry.Took:
		return "taken"
	case inquiry.GaveBack:
		return "given-back"
	case inquiry.Answered:
		return "answered"
	}
	return "withdrawn"
}

// Act implements api.Inquiries.
func (d *Daemon) Act(_ context.Context, a api.SlipAct) (api.Slip, error) {
	d.people.Lock()
	defer d.people.Unlock()
	if a.Code != "" {
		if err := byCode(&a); err != nil {
			return api.Slip{}, err
		}
	}
	v, err := d.inquiry.Slip(d.moment(), a.ID)
	if err != nil {
		return api.Slip{}, slipError(err)
	}
	if a.Look {
		s := d.slip(&v)
		s.Outcome = a.Outcome
		return s, nil
	}
	var outcome inquiry.Outcome
	kind := inquiry.Kind(0)
	switch a.Kind {
	case "taken":
		kind = inquiry.Took
	case "given-back":
		kind = inquiry.GaveBack
	case "withdrawn":
		kind = inquiry.Withdrawn
	case "answered":
		kind = inquiry.Answered
		if outcome, err = inquiry.ParseOutcome(a.Outcome); err != nil {
			return api.Slip{}, slipError(err)
		}
	case "deleted":
		if err := errors.Join(d.forgetSlip(&v), slipError(d.inquiry.Delete(v.ID))); err != nil {
			return api.Slip{}, err
		}
		d.changed()
		return d.slip(&v), nil
	default:
		return api.Slip{}, fmt.Errorf("%w: a slip can be taken, given-back, answered, withdrawn or deleted", api.ErrUsage)
	}
	if err := d.inquiry.Act(d.moment(), v.ID, kind, outcome, a.Text); err != nil {
		return api.Slip{}, slipError(err)
	}
	d.changed()
	if v, err = d.inquiry.Slip(d.moment(), v.ID.String()); err != nil {
		return api.Slip{}, slipError(err)
	}
	return d.slip(&v), nil
}

// Team implements api.Inquiries.
func (d *Daemon) Team(context.Context) ([]string, error) {
	list, err := d.inquiry.Team()
	if err != nil {
		return nil, slipError(err)
	}
	names := []string{}
	for _, id := range list {
		names = append(names, d.nameOf(id))
	}
	return names, nil
}

// SetTeam implements api.Inquiries.
func (d *Daemon) SetTeam(ctx context.Context, names []string) ([]string, error) {
	d.people.Lock()
	list, err := d.contacts(names)
	if err == nil {
		err = slipError(d.inquiry.SetTeam(list))
	}
	d.people.Unlock()
	if err != nil {
		return nil, err
	}
	d.changes.bump()
	return d.Team(ctx)
}

// ExportSlips implements api.Inquiries.
func (d *Daemon) ExportSlips(_ context.Context, a api.SlipFile) (api.SlipFile, error) {
	list, err := d.inquiry.Slips(d.moment(), nil)
	if err != nil {
		return a, slipError(err)
	}
	for i, names := 0, d.boxNames(); i < len(list); i++ {
		for j := range list[i].Events {
			if e := &list[i].Events[j]; e.Who == "" { // said by an inbox
				e.Who = names[e.Via]
			}
		}
	}
	var b bytes.Buffer
	switch a.Form {
	case "pfif":
		err = inquiry.WritePFIF(&b, list, "jauap.invalid", a.Lang) // RFC 6761, 6.4: nobody's domain
	case "csv":
		err = inquiry.WriteCSV(&b, list)
	default:
		err = fmt.Errorf("%w: the form is pfif or csv", api.ErrUsage)
	}
	return api.SlipFile{Form: a.Form, Data: b.Bytes()}, err
}

// ImportSlips implements api.Inquiries.
func (d *Daemon) ImportSlips(ctx context.Context, a api.SlipFile) (out api.SlipsRead, err error) {
	read := inquiry.ReadPFIF
	switch a.Form {
	case "pfif":
	case "csv":
		read = inquiry.ReadCSV
	default:
		return out, fmt.Errorf("%w: the form is pfif or csv", api.ErrUsage)
	}
	if a.Days == 0 {
		a.Days = usualDays
	}
	list, notes, err := read(strings.NewReader(string(a.Data)), a.Days)
	if err != nil {
		return out, slipError(err)
	}
	out.Notes = notes
	for _, s := range list {
		ask := api.AskAfter{To: a.To, Inbox: a.Inbox, Name: s.Name, Phone: s.Phone, Address: s.Address, Question: s.Question, From: s.From, Say: s.Say, Days: s.Days}
		if _, err := d.AskAfter(ctx, ask); err != nil {
			return out, err
		}
		out.Asked++
	}
	return out, nil
}
