package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// callScreen is one telephone call: my code to read aloud, theirs to type.
type callScreen struct {
	Code    *codeView // nil until one is made
	Looks   []lookView
	Typed   string
	Name    string
	Problem string
}

// codeView is my code as the screen shows it.
type codeView struct {
	api.Code
	Words   []string
	Out     string
	Ends    *moment
	Answers []answerView
}

// answerView is somebody who heard my code.
type answerView struct {
	ID, Text string
	Sure     bool
}

// lookView is a code that I typed.
type lookView struct {
	api.Look
	Text, False, Half string
}

// inWords chooses the words of the page's language.
func (x *turn) inWords(by map[string][]string, plain []string) []string {
	if w := by[x.Lang.Tag]; w != nil {
		return w
	}
	return plain
}

func (x *turn) call() error { return x.showCall(http.StatusOK, callScreen{}) }

func (x *turn) showCall(status int, s callScreen) error {
	x.Tab = "add"
	calls, err := x.p.b.Calls(x.ctx())
	if err != nil {
		return err
	}
	// The newest that goes on; else one that was answered and is over.
	for _, c := range calls.Codes {
		if s.Code == nil && c.EndsAt != nil {
			v := x.code(c)
			s.Code = &v
		}
	}
	for _, l := range calls.Looks {
		s.Looks = append(s.Looks, x.look(l))
	}
	x.view("call", status, x.T("call.title"), s)
	return nil
}

func (x *turn) code(c api.Code) codeView {
	v := codeView{Code: c, Words: x.inWords(c.Words, c.Words["en"]), Ends: x.Age(c.EndsAt)}
	v.Out = x.T("call.out." + c.Out)
	for _, p := range c.Answers {
		a := answerView{ID: p.ID, Sure: checked(p.Verified) && !p.KeyChanged && !p.Forked}
		if a.Sure {
			a.Text = x.T("call.answered-sure", "name", isolate(p.Name))
		} else {
			a.Text = x.T("call.answered", "name", isolate(p.Name))
		}
		v.Answers = append(v.Answers, a)
	}
	return v
}

func (x *turn) look(l api.Look) lookView {
	v := lookView{Look: l}
	name := isolate(l.Name)
	if l.Name == "" {
		name = x.T("call.nameless", "begin", l.Begin)
	}
	switch l.State {
	case "found":
		v.Text = x.T("call.found", "name", name)
		if l.Person != nil {
			v.Half = x.half(*l.Person)
		}
	case "too-late":
		v.Text = x.T("call.too-late", "name", name)
	default:
		v.Text = x.T("call.looking", "name", name)
	}
	if l.False > 0 {
		v.False = x.T("call.false", "name", name)
	}
	return v
}

// checked tells whether two people did it themselves: an introduction is the
// word of a third.
func checked(how string) bool { return how == "in person" || how == "by voice" }

// half is what is missing until both have checked each other, "" when nobody
// has.
func (x *turn) half(p api.Person) string {
	name := isolate(p.Name)
	sure, theirs := checked(p.Verified) && !p.KeyChanged && !p.Forked, checked(p.Theirs)
	switch {
	case sure && theirs:
		return x.T("half.both", "name", name)
	case sure:
		return x.T("half.mine", "name", name)
	case theirs:
		return x.T("half.theirs", "name", name)
	}
	return ""
}

// calling serves the three buttons of the call.
func (x *turn) calling() error {
	switch x.form.Get("do") {
	case "new":
		if _, err := x.p.b.NewCode(x.ctx()); errors.Is(err, api.ErrUsage) {
			return x.showCall(http.StatusConflict, callScreen{Problem: x.T("call.many")})
		} else if err != nil {
			return err
		}
	case "end":
		if _, err := x.p.b.EndCall(x.ctx(), api.EndAsk{ID: x.form.Get("id")}); err != nil && !errors.Is(err, api.ErrNotFound) {
			return err
		}
	default:
		s := callScreen{Typed: strings.TrimSpace(x.form.Get("code")), Name: strings.TrimSpace(x.form.Get("name"))}
		_, err := x.p.b.Look(x.ctx(), api.LookAsk{Code: s.Typed, Name: s.Name})
		switch {
		case errors.Is(err, api.ErrMistyped):
			s.Problem = x.T("call.bad")
			return x.showCall(http.StatusUnprocessableEntity, s)
		case errors.Is(err, api.ErrUsage):
			s.Problem = x.T("call.own")
			return x.showCall(http.StatusUnprocessableEntity, s)
		case err != nil:
			return err
		}
	}
	return x.see(x.Path("call"))
}
