package web

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jauap/jauap/web/api"
)

// kinds of words, in the order of the screen.
var kinds = [...]string{"safe", "moved", "hurt", "looking"}

// word is what a template says of a status.
type word struct {
	api.Word
	Text string // "Safe, in another place"
	Icon string
	At   *moment
	How  string // by SMS or on paper, or that its words were changed
}

func (x *turn) word(w api.Word) *word {
	v := &word{Word: w, Icon: "unknown", Text: w.Kind, At: x.When(w.At)}
	switch w.Kind {
	case "safe", "moved", "hurt":
		v.Icon, v.Text = "word-"+w.Kind, x.T("word."+w.Kind)
	case "looking":
		v.Icon, v.Text = "word-"+w.Kind, x.T("word.looks", "name", isolate(w.Whom))
	}
	if w.Noted {
		v.How = x.T("word.noted")
	}
	if w.Doubt {
		v.How = x.T("word.doubt")
	}
	return v
}

// Where is the place of a word.
func (w word) Where() string { return strings.TrimSpace(w.Town + " " + w.Net) }

// Who are there too.
func (w word) Who() string { return strings.Join(w.With, ", ") }

// Said is the person's newest word about themselves, nil when there is none.
func (p person) Said() *word {
	if p.Word == nil {
		return nil
	}
	return p.x.word(*p.Word)
}

// Seeks are whom they look for.
func (p person) Seeks() (list []*word) {
	for _, w := range p.Searches {
		list = append(list, p.x.word(w))
	}
	return list
}

// promise is what a template says of one.
type promise struct {
	api.Promise
	Text string
	Loud bool // they could have reported and did not
}

// Pledge is what can be said of the person's promise, nil when there is none.
func (p person) Pledge() *promise {
	if p.Promise == nil {
		return nil
	}
	return p.x.promise(*p.Promise)
}

func (x *turn) promise(q api.Promise) *promise {
	v := &promise{Promise: q, Loud: q.Verdict == "overdue" && q.Who != ""}
	key := "promise." + q.Verdict
	switch q.Verdict {
	case "waiting", "reported", "cancelled", "place-dark":
	case "overdue":
		if q.Who == "" {
			key = "promise.mine-over"
		}
	default:
		key = "unknown"
	}
	by := x.T("promise.by", "hour", x.hour(q.By))
	if q.Who == "" {
		by = x.T("promise.mine", "hour", x.hour(q.By))
	}
	v.Text = by + " " + x.T(key)
	return v
}

// hour is a time of day, with the date when that is another day.
func (x *turn) hour(t time.Time) string {
	t, now := t.In(x.p.o.Zone), x.Now.In(x.p.o.Zone)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04")
	}
	return x.Lang.date(t, x.p.o.Zone)
}

// choice is a person that can be chosen.
type choice struct {
	Name, ID string
	On       bool
}

func choices(people []api.Person, on []string, all bool) (list []choice) {
	for _, p := range people {
		list = append(list, choice{p.Name, p.ID, all || slices.Contains(on, p.ID)})
	}
	return list
}

// safeScreen is "I am safe": four choices, and what became of earlier words.
type safeScreen struct {
	Kinds   []kindChoice
	Whom    string
	Town    string
	Net     string
	Note    string
	Towns   []string
	To      []choice
	Groups  []choice
	With    []choice
	Opened  bool // more than the choices is filled in
	Problem string
	Done    bool
	Told    []toldView
	Promise *promise
}

type kindChoice struct {
	Key, Word, Icon string
	On              bool
}

type toldView struct {
	*word
	Reached string // how many people and groups
	To      []toldTo
}

type toldTo struct {
	Name    string
	State   stateView
	Reach   string   // of a group: how many have it
	Missing []string // and who is not known to
}

func (x *turn) toldView(t api.Told) toldView {
	v := toldView{word: x.word(t.Word)}
	people, groups := 0, 0
	for _, to := range t.To {
		one := toldTo{Name: to.Name, State: x.toldState(to)}
		if r := to.Reach; r != nil && to.State != api.Replaced {
			one.Reach, one.Missing = x.T("safe.reach", "n", r.Delivered, "of", r.Of), r.Missing
		}
		if v.To = append(v.To, one); to.Group {
			groups++
		} else {
			people++
		}
	}
	var parts []string
	if people > 0 {
		parts = append(parts, x.T("safe.reached", "n", people))
	}
	if groups > 0 {
		parts = append(parts, x.T("safe.reached-groups", "n", groups))
	}
	v.Reached = strings.Join(parts, " · ")
	return v
}

// groupChoices are the groups that the owner is in.
func (x *turn) groupChoices(on []string) (list []choice, err error) {
	all, err := x.p.b.Groups(x.ctx())
	for _, g := range all {
		if g.Status == "member" {
			list = append(list, choice{g.Name, g.ID, slices.Contains(on, g.ID)})
		}
	}
	return list, err
}

// shownTold is how many earlier words the screen shows.
const shownTold = 5

func (x *turn) safe() error {
	s := safeScreen{}
	s.Done, _ = x.told("safe").(bool)
	return x.showSafe(http.StatusOK, s, "safe")
}

func (x *turn) showSafe(status int, s safeScreen, kind string) error {
	x.Tab = "safe"
	for _, k := range kinds {
		s.Kinds = append(s.Kinds, kindChoice{k, x.T("say." + k), "word-" + k, k == kind})
	}
	people, err := x.p.b.People(x.ctx())
	if err != nil {
		return err
	}
	if s.To == nil {
		s.To = choices(people, nil, true)
	}
	if s.With == nil {
		s.With = choices(people, nil, false)
	}
	if s.Groups, err = x.groupChoices(x.form.Values["group"]); err != nil {
		return err
	}
	s.Towns = strings.Split(x.T("safe.towns"), "|")
	told, err := x.p.b.Told(x.ctx())
	if err != nil {
		return err
	}
	for _, t := range told[:min(len(told), shownTold)] {
		s.Told = append(s.Told, x.toldView(t))
	}
	if s.Town == "" && s.Problem == "" && len(told) > 0 && told[0].Kind != "moved" {
		s.Town, s.Net = told[0].Town, told[0].Net // typed once is enough
	}
	if s.Promise, err = x.myPromise(); err != nil {
		return err
	}
	x.view("safe", status, x.T("safe.title"), s)
	return nil
}

func (x *turn) myPromise() (*promise, error) {
	list, err := x.p.b.Promises(x.ctx())
	for _, q := range list {
		if q.Who == "" {
			return x.promise(q), err
		}
	}
	return nil, err
}

func (x *turn) toldState(t api.ToldTo) stateView {
	if t.State == api.Replaced {
		return stateView{Key: "replaced", Word: x.T("safe.replaced"), At: x.When(t.At)}
	}
	return x.state(t.State, &t.At, t.Carriers)
}

// tellSafe saves a word.
func (x *turn) tellSafe() error {
	a := api.SafeAsk{
		Kind: x.form.Get("kind"), Whom: strings.TrimSpace(x.form.Get("whom")), Town: strings.TrimSpace(x.form.Get("town")),
		Net: strings.TrimSpace(x.form.Get("net")), Note: strings.TrimSpace(x.form.Get("note")), To: x.form.Values["to"], With: x.form.Values["with"],
		Heard: x.form.Get("heard") != "",
	}
	people, err := x.p.b.People(x.ctx())
	if err != nil {
		return err
	}
	groups := x.form.Values["group"]
	if a.To = slices.Concat(a.To, groups); len(groups) == 0 && len(a.To) == len(people) {
		a.To = nil
	}
	_, chose := x.form.Values["choose"]
	none := chose && len(x.form.Values["to"])+len(groups) == 0
	switch {
	case none && len(people) > 0:
		err = fmt.Errorf("%w: nobody was chosen", api.ErrUsage)
	default:
		_, err = x.p.b.Safe(x.ctx(), a)
	}
	if err == nil {
		x.tell("safe", true)
		return x.see(x.Path("safe"))
	}
	s := safeScreen{Whom: a.Whom, Town: a.Town, Net: a.Net, Note: a.Note, Opened: true,
		To: choices(people, x.form.Values["to"], false), With: choices(people, a.With, false)}
	status := http.StatusBadRequest
	switch {
	case len(people) == 0:
		s.Problem = x.T("safe.nobody")
	case a.Kind == "looking" && a.Whom == "":
		s.Problem = x.T("safe.whom-missing")
	case none:
		s.Problem = x.T("safe.none-chosen")
	case errors.Is(err, api.ErrUsage), errors.Is(err, api.ErrTooLarge):
		s.Problem = x.T("safe.long")
	case errors.Is(err, api.ErrFull):
		s.Problem, status = x.T("fail.full"), http.StatusInsufficientStorage
	default:
		s.Problem, status = x.T("fail.other"), http.StatusInternalServerError
	}
	return x.showSafe(status, s, a.Kind)
}

// notesScreen is my newest word as lines for SMS and paper.
type notesScreen struct {
	Word  *word
	Notes []noteView
	Paper []*language // what stands on paper is in all of them
}

type noteView struct {
	api.Note
	Link  template.URL // opens the telephone's own SMS, where there is one
	Count string
	Image string // the same as a code, for the camera
}

func (x *turn) notes() error {
	x.Tab = "safe"
	told, err := x.p.b.Told(x.ctx())
	if err != nil {
		return err
	}
	if len(told) == 0 {
		return x.see(x.Path("safe"))
	}
	newest := told[0]
	ask := api.NotesAsk{Lang: x.Lang.Tag, Seq: newest.Seq}
	for _, to := range newest.To {
		ask.To = append(ask.To, to.ID)
	}
	list, err := x.p.b.Notes(x.ctx(), ask)
	if err != nil {
		return err
	}
	s := notesScreen{Word: x.word(newest.Word), Paper: x.p.words}
	for _, n := range list {
		// url.QueryEscape writes a space as +, which telephones show as it is.
		link := "sms:?&body=" + strings.ReplaceAll(url.QueryEscape(n.Text), "+", "%20")
		s.Notes = append(s.Notes, noteView{n, template.URL(link), x.T("notes.count", "units", n.Units, "limit", n.Limit), x.Path("safe", "notes", strconv.FormatUint(uint64(newest.Seq), 10), n.ID)})
	}
	x.view("notes", http.StatusOK, x.T("notes.title"), s)
	return nil
}

// checkinScreen is "I will report by that hour", and the promises of others.
type checkinScreen struct {
	Mine    *promise
	Running bool // mine can be put off or taken back
	Others  []person
	Hour    string
	To      []choice
	Problem string
	Done    string
}

func (x *turn) checkin() error {
	done, _ := x.told("checkin").(string)
	return x.showCheckin(http.StatusOK, checkinScreen{Done: done})
}

func (x *turn) showCheckin(status int, s checkinScreen) error {
	x.Tab = "safe"
	people, err := x.p.b.People(x.ctx())
	if err != nil {
		return err
	}
	if s.To == nil {
		s.To = choices(people, nil, true)
	}
	for _, p := range people {
		if p.Promise != nil {
			s.Others = append(s.Others, x.about(p))
		}
	}
	if s.Mine, err = x.myPromise(); err != nil {
		return err
	}
	s.Running = s.Mine != nil && (s.Mine.Verdict == "waiting" || s.Mine.Verdict == "overdue")
	if s.Hour == "" {
		s.Hour = x.Now.In(x.p.o.Zone).Add(3 * time.Hour).Format("15:00")
	}
	x.view("checkin", status, x.T("checkin.title"), s)
	return nil
}

// makePromise makes, puts off or takes back a promise. An hour that is over
// today is tomorrow's.
func (x *turn) makePromise() error {
	if x.form.Get("do") == "cancel" {
		if _, err := x.p.b.Promise(x.ctx(), api.PromiseAsk{Cancel: true}); err != nil && !errors.Is(err, api.ErrNotFound) {
			return err
		}
		x.tell("checkin", x.T("checkin.cancelled"))
		return x.see(x.Path("checkin"))
	}
	s := checkinScreen{Hour: x.form.Get("by")}
	t, err := time.Parse("15:04", s.Hour)
	if err == nil {
		now := x.Now.In(x.p.o.Zone)
		by := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), 0, 0, x.p.o.Zone)
		if !by.After(now) {
			by = by.AddDate(0, 0, 1)
		}
		_, err = x.p.b.Promise(x.ctx(), api.PromiseAsk{By: by, To: x.form.Values["to"]})
		if err == nil {
			x.tell("checkin", x.T("checkin.done", "hour", x.hour(by)))
			return x.see(x.Path("checkin"))
		}
		if !errors.Is(err, api.ErrUsage) {
			return err
		}
	}
	s.Problem = x.T("checkin.bad")
	return x.showCheckin(http.StatusBadRequest, s)
}

// knownScreen is what is known of somebody, and their earlier words.
type knownScreen struct {
	person
	Words []*word
}

func (x *turn) known() error {
	x.Tab = "people"
	p, err := x.find()
	if err != nil {
		return err
	}
	list, err := x.p.b.Words(x.ctx(), api.WordsAsk{From: p.ID})
	if err != nil {
		return err
	}
	s := knownScreen{person: p}
	for _, w := range list {
		s.Words = append(s.Words, x.word(w))
	}
	x.view("known", http.StatusOK, x.T("known.title", "name", isolate(p.Name)), s)
	return nil
}
