package web

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// slipsScreen is whom others ask after, and what became of my own questions.
type slipsScreen struct {
	Mine, Help []slip
	Over       int // of others, not shown
	Team       []teamMate
	Boxes      []waitingSlips
	Reply      *paperReply
	Done       string
}

// paperReply is the ticked answer of a printed slip, to be looked at and sent.
type paperReply struct{ Code, Who, Word string }

// waitingSlips is what of an own public inbox is not in the queue.
type waitingSlips struct{ Name, Word string }

func (x *turn) waitingSlips() (list []waitingSlips, err error) {
	boxes, err := x.p.b.Inboxes(x.ctx())
	for _, b := range boxes {
		if b.SlipsWait > 0 {
			list = append(list, waitingSlips{b.Name, x.T("slips.wait", "n", b.SlipsWait)})
		}
		if b.SlipsFull {
			list = append(list, waitingSlips{b.Name, x.T("slips.full")})
		}
		if b.SlipsRefused > 0 {
			list = append(list, waitingSlips{b.Name, x.T("slips.refused", "n", b.SlipsRefused)})
		}
	}
	return list, err
}

// teamMate is a contact with whom slips may be shared.
type teamMate struct {
	Name, ID string
	In       bool
}

// slip is what a template says about one.
type slip struct {
	api.Slip
	x       *turn
	Who     string // whom it is about, or why that is not known
	Word    string // the state
	Icon    string
	Here    bool // I am on it
	Answers []slipAnswer

	Stranger string // it came by way of a public inbox, from whom nobody knows
}

type slipAnswer struct {
	Word, Text, By string
	At             *moment
}

// slipOutcomes in the order in which a helper is offered them.
var slipOutcomes = [...]string{"spoke", "close", "neighbour", "no-answer", "not-there", "other"}

// Outcomes are what a helper can say.
func (s slip) Outcomes() []struct{ Key, Word string } {
	var list []struct{ Key, Word string }
	for _, o := range slipOutcomes {
		list = append(list, struct{ Key, Word string }{o, s.x.T("outcome." + o)})
	}
	return list
}

// Open reports whether something can still be done about it.
func (s slip) Open() bool { return s.State == "open" || s.State == "taken" }

func (x *turn) slip(s api.Slip, me string) slip {
	v := slip{Slip: s, x: x, Who: s.Name, Word: x.T("slip." + s.State), Icon: "waits", Here: slices.Contains(s.Takers, me)}
	switch {
	case s.Erased:
		v.Who = x.T("slip.forgotten")
	case v.Who == "":
		v.Who = strings.TrimSpace(s.Phone + " " + s.Address)
	}
	switch s.State {
	case "answered":
		v.Icon = "delivered"
	case "withdrawn", "expired":
		v.Icon = "expired"
	case "taken":
		v.Word = x.T("slip.taken-by", "who", isolate(strings.Join(s.Takers, ", ")))
	}
	if s.Inbox && s.Mine && s.State == "open" {
		v.Word = x.T(map[bool]string{true: "slip.at-inbox", false: "slip.to-inbox"}[s.Arrived], "name", isolate(s.Via))
	} else if s.Inbox && !s.Mine {
		v.Stranger = x.T("slip.stranger", "name", isolate(s.Via))
		if s.Askers > 1 {
			v.Stranger += " " + x.T("slip.askers", "n", s.Askers)
		}
	}
	if s.Tries > 0 && v.Open() {
		v.Word += ", " + x.T("slip.tries", "n", s.Tries)
	}
	for _, e := range s.Events {
		if e.Kind != "answered" {
			continue
		}
		by := x.T("slip.by", "who", isolate(e.Who))
		if e.Via != "" && e.Via != e.Who {
			by = x.T("slip.by-via", "who", isolate(e.Who), "via", isolate(e.Via))
		}
		v.Answers = append(v.Answers, slipAnswer{x.T("outcome." + e.Outcome), e.Text, by, x.When(e.At)})
	}
	return v
}

// slips lists them.
func (x *turn) slips() error {
	x.Tab = "people"
	list, err := x.p.b.Slips(x.ctx())
	if err != nil {
		return err
	}
	me, err := x.p.b.Me(x.ctx())
	if err != nil {
		return err
	}
	var s slipsScreen
	s.Done, _ = x.told("slips").(string)
	if r, ok := x.told("reply").(paperReply); ok {
		s.Reply = &r
	}
	for _, one := range list {
		v := x.slip(one, me.Name)
		switch {
		case one.Mine:
			s.Mine = append(s.Mine, v)
		case v.Open():
			s.Help = append(s.Help, v)
		default:
			s.Over++
		}
	}
	slices.Reverse(s.Mine) // what I asked last is what I look for
	if s.Team, err = x.mates(); err != nil {
		return err
	}
	if s.Boxes, err = x.waitingSlips(); err != nil {
		return err
	}
	x.view("slips", http.StatusOK, x.T("slips.title"), s)
	return nil
}

func (x *turn) mates() ([]teamMate, error) {
	team, err := x.p.b.Team(x.ctx())
	if err != nil {
		return nil, err
	}
	people, err := x.p.b.People(x.ctx())
	var list []teamMate
	for _, p := range people {
		list = append(list, teamMate{p.Name, p.ID, slices.Contains(team, p.Name)})
	}
	return list, err
}

// askScreen is the form of a new slip.
type askScreen struct {
	api.AskAfter
	Helpers []teamMate
	Inboxes []api.Inbox // cards that are kept here
	Card    string
	Problem string
}

func (x *turn) askForm(f api.AskAfter, status int, problem string) error {
	x.Tab = "people"
	s := askScreen{AskAfter: f, Problem: problem, Card: x.form.Get("card")}
	boxes, err := x.p.b.Inboxes(x.ctx())
	if err != nil {
		return err
	}
	for _, b := range boxes {
		if !b.Mine {
			s.Inboxes = append(s.Inboxes, b)
		}
	}
	people, err := x.p.b.People(x.ctx())
	if err != nil {
		return err
	}
	for _, p := range people {
		s.Helpers = append(s.Helpers, teamMate{p.Name, p.ID, slices.Contains(f.To, p.ID)})
	}
	x.view("ask", status, x.T("ask.title"), s)
	return nil
}

func (x *turn) askNew() error { return x.askForm(api.AskAfter{}, http.StatusOK, "") }

// ask saves a slip; what was typed stays when something is missing.
func (x *turn) ask() error {
	f := api.AskAfter{To: x.form.Values["to"], Inbox: x.form.Get("inbox")}
	for name, field := range map[string]*string{"name": &f.Name, "phone": &f.Phone, "address": &f.Address, "question": &f.Question, "from": &f.From, "say": &f.Say} {
		*field = strings.TrimSpace(x.form.Get(name))
	}
	card := strings.TrimSpace(x.form.Get("card"))
	switch {
	case f.Name+f.Phone+f.Address == "":
		return x.askForm(f, http.StatusBadRequest, x.T("ask.nobody"))
	case len(f.To) > 0 && (f.Inbox != "" || card != ""):
		return x.askForm(f, http.StatusBadRequest, x.T("ask.both"))
	case card != "":
		b, err := x.p.b.Inbox(x.ctx(), api.InboxAsk{Do: "save", Card: card})
		if errors.Is(err, api.ErrUsage) {
			return x.askForm(f, http.StatusBadRequest, x.T("ask.bad-card"))
		} else if err != nil {
			return err
		}
		f.Inbox = b.ID
	case len(f.To) == 0 && f.Inbox == "":
		return x.askForm(f, http.StatusBadRequest, x.T("ask.no-helper"))
	}
	if _, err := x.p.b.AskAfter(x.ctx(), f); err != nil {
		if errors.Is(err, api.ErrUsage) {
			return x.askForm(f, http.StatusBadRequest, x.T("ask.bad", "why", x.why(err)))
		}
		return err
	}
	x.tell("slips", x.T("ask.done"))
	return x.see(x.Path("slips"))
}

// actSlip does one thing to a slip.
func (x *turn) actSlip() error {
	a := api.SlipAct{ID: x.r.PathValue("id"), Kind: x.form.Get("do"), Outcome: x.form.Get("outcome"), Text: strings.TrimSpace(x.form.Get("text"))}
	if a.Kind == "answered" && a.Outcome == "" {
		x.tell("slips", x.T("slips.no-outcome"))
		return x.see(x.Path("slips"))
	}
	if _, err := x.p.b.Act(x.ctx(), a); err != nil {
		return err
	}
	x.tell("slips", x.T("slips.did"))
	return x.see(x.Path("slips"))
}

// codeSlip files the answer that was ticked on paper.
func (x *turn) codeSlip() error {
	_, err := x.p.b.Act(x.ctx(), api.SlipAct{Code: strings.TrimSpace(x.form.Get("code")), Text: strings.TrimSpace(x.form.Get("text"))})
	switch {
	case x.noCode(err):
	case err != nil:
		return err
	default:
		x.tell("slips", x.T("slips.did"))
	}
	return x.see(x.Path("slips"))
}

// noCode tells of a code that was mistyped, or that stands on no slip here.
func (x *turn) noCode(err error) bool {
	switch {
	case errors.Is(err, api.ErrTypo):
		x.tell("slips", x.T("slips.code-typo"))
	case errors.Is(err, api.ErrNotFound):
		x.tell("slips", x.T("slips.code-unknown"))
	default:
		return false
	}
	return true
}

// printSlip gives a slip as a page to print, or as text.
func (x *turn) printSlip() error {
	form, kind, name := x.r.PathValue("form"), "application/pdf", "reply-slip.pdf"
	if form == "text" {
		kind, name = "text/plain; charset=utf-8", "reply-slip.txt"
	}
	f, err := x.p.b.PrintSlip(x.ctx(), api.SlipPrint{ID: x.r.PathValue("id"), Form: form, Lang: x.Lang.Tag})
	if err != nil {
		return err
	}
	h := x.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	_, _ = x.w.Write(f.Data)
	return nil
}

// setTeam chooses with whom slips are shared.
func (x *turn) setTeam() error {
	if _, err := x.p.b.SetTeam(x.ctx(), x.form.Values["mate"]); err != nil {
		return err
	}
	x.tell("slips", x.T("slips.did"))
	return x.see(x.Path("slips"))
}
