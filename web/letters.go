package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jauap/jauap/web/api"
)

// page is how many letters one screen shows.
const page = 50

// letter is what a template says about one letter.
type letter struct {
	api.Letter
	Mine    bool
	State   stateView
	Steps   []stateView // the whole way of my letter
	Missing []string    // in a group: who is not known to have it
	Late    bool        // it took an hour or more, so both times are shown
}

// stateView is one state of a letter: icon, word and age, never colour alone.
type stateView struct {
	Key  string // names the icon
	Word string
	At   *moment
	Done bool
}

// way is the order of the states; an expired letter leaves it.
var way = [...]api.State{api.Saved, api.Carried, api.Left, api.Delivered, api.Read}

// state says one state in words. What is not one of ours is not known.
func (x *turn) state(s api.State, at *time.Time, carriers int) stateView {
	v := stateView{Key: string(s), At: x.Age(at), Done: true}
	switch s {
	case api.Carried:
		v.Word = x.T("state.carried-some")
		if carriers > 0 {
			v.Word = x.T("state.carried", "n", carriers)
		}
	case api.Saved, api.Left, api.Delivered, api.Read, api.Expired:
		v.Word = x.T("state." + string(s))
	default:
		v.Key, v.Word = "unknown", x.T("state.unknown")
	}
	return v
}

func (x *turn) letter(l api.Letter) letter {
	v := letter{Letter: l, Mine: l.From == ""}
	if !v.Mine {
		v.Late = l.ReceivedAt != nil && l.ReceivedAt.Sub(l.SentAt).Abs() >= time.Hour
		return v
	}
	v.State = x.state(l.State, l.At, l.Carriers)
	reached := map[api.State]*time.Time{}
	for _, c := range l.History {
		reached[c.State] = &c.At
	}
	for _, s := range way {
		step := x.state(s, reached[s], l.Carriers)
		if step.Done = reached[s] != nil; !step.Done {
			step.Word = x.T("state." + string(s))
			if s == api.Carried {
				step.Word = x.T("state.carried-some")
			}
		}
		v.Steps = append(v.Steps, step)
	}
	if l.State == api.Expired {
		v.Steps = append(v.Steps, v.State)
	}
	return v
}

// talkScreen is one conversation.
type talkScreen struct {
	person
	Letters []letter
	Earlier string // address of the letters before these
	Latest  bool   // these are the newest
	News    string // the newest facts, for people who listen to the page
	Write   compose
	Done    string // told once
}

func (x *turn) talk() error {
	p, err := x.find()
	if err != nil {
		return err
	}
	return x.showTalk(http.StatusOK, p, "", "")
}

func (x *turn) showTalk(status int, p person, text, problem string) error {
	x.Tab = "people"
	before := x.r.URL.Query().Get("before")
	if before != "" && !api.GoodID(before) {
		return api.ErrNotFound
	}
	list, err := x.p.b.Conversation(x.ctx(), api.ConversationAsk{With: p.ID, Before: before, Max: page, Mark: true})
	if err != nil {
		return err
	}
	s := talkScreen{person: p, Latest: before == ""}
	if s.Write, err = x.compose(p.ID, p.Name, x.Path("with", p.ID), text, problem); err != nil {
		return err
	}
	s.Done, _ = x.told("deleted").(string)
	for _, l := range list {
		s.Letters = append(s.Letters, x.letter(l))
	}
	if len(list) == page {
		s.Earlier = x.Path("with", p.ID) + "?before=" + url.QueryEscape(list[0].ID)
	}
	s.News = x.news(p, s.Letters)
	x.view("talk", status, x.T("talk.title", "name", isolate(p.Name)), s)
	return nil
}

// news is what a screen reader says when it changes: the newest letter of
// theirs and the state of mine, without ages.
func (x *turn) news(p person, list []letter) string {
	var theirs, mine string
	for _, l := range list {
		if l.Mine {
			mine = x.T("talk.state", "state", l.State.Word)
		} else {
			theirs = x.T("talk.news", "name", isolate(p.Name), "text", isolate(cut(l.Text, 200)))
		}
	}
	return strings.TrimSpace(theirs + " " + mine)
}

// send writes a letter. When that fails, the text stays in its form.
func (x *turn) send() error {
	p, err := x.find()
	if err != nil {
		return err
	}
	return x.write(p.ID, x.Path("with", p.ID), func(status int, text, problem string) error {
		return x.showTalk(status, p, text, problem)
	})
}

// file hands out an attachment, always as a download.
func (x *turn) file() error {
	id := x.r.PathValue("id")
	if !api.GoodID(id) {
		return api.ErrNotFound
	}
	return api.ServeFile(x.w, x.r, x.p.b, id)
}

// FileName is an attachment's name, made harmless.
func (x *turn) FileName(s string) string { return api.CleanName(s) }
