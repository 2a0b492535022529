package daemon

import (
	"context"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/pairing"
	"github.com/jauap/jauap/web/api"
)

func answerText(a pairing.Answer) string {
	switch a {
	case pairing.Yes:
		return "yes"
	case pairing.No:
		return "no"
	}
	return ""
}

func (d *Daemon) introduction(n pairing.Intro) api.Introduction {
	name := func(id account.ContactID) string {
		c, err := d.acc.ContactByID(id)
		if err != nil {
			return id.String()
		}
		return c.Name
	}
	a := api.Introduction{ID: n.ID, Since: n.Since.UTC(), Over: n.Over}
	if n.By != (account.ContactID{}) {
		a.By, a.Name, a.Answer = name(n.By), n.Name, answerText(n.Answer)
		return a
	}
	for i, id := range n.Two {
		a.Two = append(a.Two, name(id))
		a.Answers = append(a.Answers, answerText(n.Answers[i]))
	}
	return a
}

// Introduce implements api.Pairing.
func (d *Daemon) Introduce(_ context.Context, ask api.IntroduceAsk) (api.Introduction, error) {
	d.people.Lock()
	defer d.people.Unlock()
	x, err := d.acc.Contact(ask.A)
	if err != nil {
		return api.Introduction{}, doorError(err)
	}
	y, err := d.acc.Contact(ask.B)
	if err != nil {
		return api.Introduction{}, doorError(err)
	}
	n, err := d.pairing.Introduce(d.moment(), x.ID, y.ID)
	if err != nil {
		return api.Introduction{}, doorError(err)
	}
	d.changed()
	return d.introduction(n), nil
}

// Introductions implements api.Pairing.
func (d *Daemon) Introductions(context.Context) ([]api.Introduction, error) {
	all, err := d.pairing.Intros()
	list := make([]api.Introduction, len(all))
	for i, n := range all {
		list[i] = d.introduction(n)
	}
	return list, err
}

// AnswerIntroduction implements api.Pairing.
func (d *Daemon) AnswerIntroduction(_ context.Context, ask api.AnswerAsk) (api.Introduction, error) {
	d.people.Lock()
	defer d.people.Unlock()
	n, err := d.pairing.Answer(d.moment(), ask.ID, ask.Yes)
	if err != nil {
		return api.Introduction{}, doorError(err)
	}
	d.changed()
	return d.introduction(n), nil
}
