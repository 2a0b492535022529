package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/jauap/jauap/web/api"
)

// maxQR is the longest text that still makes a picture a phone can read from
// a small screen.
const maxQR = 800

// person is what a template says about somebody.
type person struct {
	api.Person
	x     *turn
	Trust string // in words
	Sure  bool   // checked, and nothing happened since
	Warn  string // why not to trust this contact now; "" mostly
	Last  string // the last words, mine or theirs
}

func (x *turn) about(p api.Person) person {
	v := person{Person: p, x: x, Sure: checked(p.Verified) && !p.KeyChanged && !p.Forked}
	switch {
	case p.KeyChanged:
		v.Trust, v.Warn = x.T("trust.changed"), x.T("trust.warning", "name", isolate(p.Name))
	case p.Forked:
		v.Trust, v.Warn = x.T("trust.forked"), x.T("trust.fork-warning", "name", isolate(p.Name))
	case p.Verified == "":
		v.Trust = x.T("trust.none")
	case p.Verified == "in person", p.Verified == "by voice":
		v.Trust = x.T("trust." + p.Verified)
	case strings.HasPrefix(p.Verified, "introduced by "):
		v.Trust = x.T("trust.introduced", "name", isolate(strings.TrimPrefix(p.Verified, "introduced by ")))
	default:
		v.Trust = x.T("trust.other", "how", p.Verified)
	}
	v.Last = strings.TrimSpace(cut(p.LastText, 140))
	if v.Last == "" {
		v.Last = x.T("people.file")
	}
	if p.LastMine {
		v.Last = x.T("people.you", "text", isolate(v.Last))
	}
	return v
}

// cut shortens a text to at most n characters.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}

// fact is one of the three things that are known about somebody. They are
// never merged: each has another witness.
type fact struct {
	Name    string
	At      *moment
	Unknown string
	By      string // whose word it is, or what it is about
}

// Facts are what is known, each with its age.
func (p person) Facts() []fact {
	unknown := p.x.T("unknown")
	return []fact{
		{p.x.T("fact.wrote"), p.x.Age(p.WroteAt), unknown, ""},
		{p.x.T("fact.seen"), p.x.Age(p.SeenAt), unknown, p.SeenBy},
		{p.x.T("fact.place"), p.x.Age(p.PlaceAnsweredAt), unknown, p.Place},
	}
}

// TrustIcon goes with Trust.
func (p person) TrustIcon() string {
	if p.Sure {
		return "sure"
	}
	return "unsure"
}

// Initial stands for a picture.
func (p person) Initial() string {
	for _, r := range p.Name {
		return strings.ToUpper(string(r))
	}
	return "?"
}

// home is the first screen: what leaves now, everybody, and the other ways.
type home struct {
	People           []person
	Leaving          *api.Progress // while a window is open and something waits or left in it
	Near             int           // devices met now
	Relays, RelaysUp int
}

// rank is what is looked at first: who needs help or could have reported and
// did not, then new letters.
func rank(p api.Person) int {
	switch {
	case p.Word != nil && p.Word.Kind == "hurt", p.Promise != nil && p.Promise.Verdict == "overdue":
		return 2
	case p.Unread > 0:
		return 1
	}
	return 0
}

// lastSign is when something of theirs or to them last happened here.
func lastSign(p api.Person) (at time.Time) {
	if p.LastAt != nil {
		at = *p.LastAt
	}
	if p.Word != nil && p.Word.ReceivedAt != nil && p.Word.ReceivedAt.After(at) {
		at = *p.Word.ReceivedAt
	}
	return at
}

// people lists everybody, who needs it first. With nobody yet it is the first
// visit.
func (x *turn) people() error {
	x.Tab = "people"
	list, err := x.p.b.People(x.ctx())
	if err != nil {
		return err
	}
	if len(list) == 0 {
		x.Tab = "welcome"
		return x.invitation("welcome", http.StatusOK, x.T("welcome.title"), acceptForm{})
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(cmp.Compare(rank(*b), rank(*a)), lastSign(*b).Compare(lastSign(*a)), strings.Compare(a.Name, b.Name)) < 0
	})
	s := home{People: make([]person, len(list))}
	for i, p := range list {
		s.People[i] = x.about(p)
	}
	st, err := x.p.b.Status(x.ctx())
	if err != nil {
		return err
	}
	if p := st.Progress; p != nil && p.Total+p.Received > 0 {
		s.Leaving = p
	}
	for _, l := range st.Links {
		switch {
		case l.Kind == "lan" && l.State == "up":
			s.Near++
		case l.Kind == "relay":
			s.Relays++
			if l.State == "up" {
				s.RelaysUp++
			}
		}
	}
	x.view("people", http.StatusOK, x.T("people.title"), s)
	return nil
}

// find is the person that the address names by ID.
func (x *turn) find() (person, error) {
	id := x.r.PathValue("id")
	list, err := x.p.b.People(x.ctx())
	if err != nil {
		return person{}, err
	}
	for _, p := range list {
		if p.ID == id {
			return x.about(p), nil
		}
	}
	return person{}, fmt.Errorf("%w: %q", api.ErrUnknownPerson, id)
}

// acceptForm is the form for somebody's invitation, as far as it was filled.
type acceptForm struct {
	Code, Name string
	InPerson   bool
	Problem    string
}

// addScreen shows my invitation beside the form for theirs.
type addScreen struct {
	Invite  api.Invite
	Picture bool // the invitation is short enough for one
	Form    acceptForm
}

func (x *turn) add() error {
	x.Tab = "add"
	return x.invitation("add", http.StatusOK, x.T("add.title"), acceptForm{})
}

func (x *turn) invitation(look string, status int, title string, f acceptForm) error {
	in, err := x.p.invitation(x, false)
	if err != nil {
		return err
	}
	x.view(look, status, title, addScreen{in, qrText(in) != "", f})
	return nil
}

// invitation is the one that the page shows now. It is for one person, so a
// new one is made when somebody was added since, or on request; reloading the
// page makes none.
func (p *pages) invitation(x *turn, fresh bool) (api.Invite, error) {
	list, err := p.b.People(x.ctx())
	if err != nil {
		return api.Invite{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.invite == nil || fresh || len(list) > p.knew {
		in, err := p.b.Invite(x.ctx())
		if err != nil {
			return api.Invite{}, err
		}
		p.invite, p.knew = &in, len(list)
	}
	return *p.invite, nil
}

func (x *turn) renew() error {
	if _, err := x.p.invitation(x, true); err != nil {
		return err
	}
	return x.see(x.back())
}

func qrText(in api.Invite) string {
	text := in.QR
	if text == "" {
		text = in.Link
	}
	if len(text) > maxQR {
		return ""
	}
	return text
}

func (x *turn) inviteImage() error {
	in, err := x.p.invitation(x, false)
	if err != nil {
		return err
	}
	code, err := qr.Encode(qrText(in), qr.L)
	if err != nil || qrText(in) == "" {
		return api.ErrNotFound
	}
	x.w.Header().Set("Content-Type", "image/png")
	_, _ = x.w.Write(code.PNG())
	return nil
}

func (x *turn) inviteText() error {
	in, err := x.p.invitation(x, false)
	if err != nil {
		return err
	}
	h := x.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="invitation.txt"`)
	_, _ = x.w.Write([]byte(in.Link + "\n"))
	return nil
}

// accept takes somebody's invitation.
func (x *turn) accept() error {
	f := acceptForm{
		Code:     strings.TrimSpace(x.form.Get("code")),
		Name:     strings.TrimSpace(x.form.Get("name")),
		InPerson: x.form.Get("near") != "",
	}
	p, err := x.p.b.Accept(x.ctx(), api.AcceptAsk{Code: f.Code, Name: f.Name, InPerson: f.InPerson})
	if errors.Is(err, api.ErrBadInvite) || errors.Is(err, api.ErrUsage) {
		x.Tab, f.Problem = "add", x.T("accept.bad")
		if errors.Is(err, api.ErrUsage) { // whole, but our own, for example
			f.Problem = x.T("accept.cannot", "why", x.why(err))
		}
		return x.invitation("add", http.StatusUnprocessableEntity, x.T("add.title"), f)
	}
	if err != nil {
		return err
	}
	key := "accept.done"
	if f.Name != "" && f.Name != p.Name { // known already: they keep the name that they have here
		key = "accept.known"
	}
	x.tell("person", x.T(key, "name", isolate(p.Name)))
	return x.see(x.Path("person", p.ID))
}

// personScreen is everything about one person.
type personScreen struct {
	person
	Me      api.Me
	Half    string // what is missing until both have checked each other
	Done    string // what went well
	Problem string
	Code    string // typed and not matching
	As      string // what to call them, as it was typed
	NoName  string // why not
}

func (x *turn) person() error {
	p, err := x.find()
	if err != nil {
		return err
	}
	done, _ := x.told("person").(string)
	return x.showPerson(http.StatusOK, personScreen{person: p, Done: done})
}

func (x *turn) showPerson(status int, s personScreen) error {
	x.Tab = "people"
	var err error
	if s.Me, err = x.p.b.Me(x.ctx()); err != nil {
		return err
	}
	s.Half = x.half(s.Person)
	s.Me.Words, s.Words = x.inWords(s.Me.WordsIn, s.Me.Words), x.inWords(s.WordsIn, s.Words)
	x.view("person", status, x.T("person.title", "name", s.Name), s)
	return nil
}

// verify compares what the other person read aloud, or takes another name for them.
func (x *turn) verify() error {
	p, err := x.find()
	if err != nil {
		return err
	}
	if x.form.Has("name") {
		return x.rename(p)
	}
	code := strings.TrimSpace(x.form.Get("code"))
	beside := x.form.Get("same") != ""
	if code == "" && !beside {
		return x.showPerson(http.StatusBadRequest, personScreen{person: p, Problem: x.T("verify.empty")})
	}
	_, err = x.p.b.Verify(x.ctx(), api.VerifyAsk{Name: p.ID, Code: code, Compared: beside && code == ""})
	if errors.Is(err, api.ErrMismatch) || errors.Is(err, api.ErrUsage) {
		return x.showPerson(http.StatusConflict, personScreen{person: p, Problem: x.T("verify.bad"), Code: code})
	}
	if err != nil {
		return err
	}
	x.tell("person", x.T("verify.ok", "name", isolate(p.Name)))
	return x.see(x.Path("person", p.ID))
}

// rename changes what somebody is called here.
func (x *turn) rename(p person) error {
	as := x.form.Get("name")
	now, err := x.p.b.Rename(x.ctx(), api.RenameAsk{Name: p.ID, As: as})
	if errors.Is(err, api.ErrUsage) {
		return x.showPerson(http.StatusConflict, personScreen{person: p, As: as, NoName: x.why(err)})
	}
	if err != nil {
		return err
	}
	x.tell("person", x.T("rename.done", "name", isolate(now.Name)))
	return x.see(x.Path("person", p.ID))
}

func (x *turn) me() error {
	x.Tab = "me"
	me, err := x.p.b.Me(x.ctx())
	if err != nil {
		return err
	}
	me.Words = x.inWords(me.WordsIn, me.Words)
	x.view("me", http.StatusOK, x.T("me.title"), me)
	return nil
}
