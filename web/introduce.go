package web

import (
	"errors"
	"net/http"

	"github.com/jauap/jauap/web/api"
)

// asked is an introduction that waits for my answer, or for the other's.
type asked struct {
	ID, Text, More string
	Open           bool // I am asked
}

// Asked are the introductions that a person should see.
func (x *turn) Asked() (list []asked) {
	all, err := x.p.b.Introductions(x.ctx())
	if err != nil {
		return nil
	}
	for _, n := range all {
		if n.By == "" || n.Over {
			continue
		}
		args := []any{"by", isolate(n.By), "name", isolate(n.Name)}
		a := asked{ID: n.ID, Open: n.Answer == ""}
		if a.Open {
			a.Text, a.More = x.T("intro.ask", args...), x.T("intro.ask-text", "by", isolate(n.By))
		} else {
			a.Text = x.T("intro.waits", args...)
		}
		list = append(list, a)
	}
	return list
}

// Others are whom a person could be introduced to.
func (s personScreen) Others() (list []api.Person) {
	all, err := s.x.p.b.People(s.x.ctx())
	if err != nil {
		return nil
	}
	for _, p := range all {
		if p.ID != s.ID {
			list = append(list, p)
		}
	}
	return list
}

// introduce asks two people, or takes my own answer.
func (x *turn) introduce() error {
	if id := x.form.Get("id"); id != "" {
		_, err := x.p.b.AnswerIntroduction(x.ctx(), api.AnswerAsk{ID: id, Yes: x.form.Get("say") == "yes"})
		if err != nil && !errors.Is(err, api.ErrUsage) { // answered in another window
			return err
		}
		return x.see(x.Path())
	}
	with := x.form.Get("with")
	n, err := x.p.b.Introduce(x.ctx(), api.IntroduceAsk{A: with, B: x.form.Get("to")})
	if errors.Is(err, api.ErrUsage) {
		x.r.SetPathValue("id", with)
		p, err := x.find()
		if err != nil {
			return err
		}
		return x.showPerson(http.StatusConflict, personScreen{person: p})
	}
	if err != nil {
		return err
	}
	x.tell("person", x.T("intro.done", "name", isolate(n.Two[0])+", "+isolate(n.Two[1])))
	return x.see(x.Path("person", with))
}
