package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// groupView is what a template says about a group.
type groupView struct {
	api.Group
	x *turn
}

// Last is the last words, mine or another's.
func (g groupView) Last() string {
	s := strings.TrimSpace(cut(g.LastText, 140))
	switch {
	case g.LastAt == nil:
		return g.x.T("people.nothing")
	case s == "":
		s = g.x.T("people.file")
	}
	if g.LastMine {
		return g.x.T("people.you", "text", isolate(s))
	}
	return s
}

// Status in words.
func (g groupView) Word() string {
	switch g.Status {
	case "member":
		return g.x.T("group.count", "n", len(g.Members))
	case "asking", "left", "removed":
		return g.x.T("group." + g.Status)
	}
	return g.x.T("group.not-known")
}

// In reports whether I am a member.
func (g groupView) In() bool { return g.Status == "member" }

// Notices say of each removal who has not heard of it.
func (g groupView) Notices() (list []string) {
	for _, r := range g.Removals {
		key := "group.notice-left"
		if r.By != "" {
			key = "group.notice-removed"
		}
		names := make([]string, len(r.NotHeard))
		for i, n := range r.NotHeard {
			names[i] = isolate(n)
		}
		list = append(list, g.x.T(key, "name", isolate(r.Name), "by", isolate(r.By), "names", strings.Join(names, ", ")))
	}
	return list
}

// memberView is one member in words.
type memberView struct {
	api.GroupMember
	Words []string
	Said  *word // their newest; nil when there is none
}

func (g groupView) About(m api.GroupMember) memberView {
	v := memberView{GroupMember: m}
	if m.Word != nil {
		v.Said = g.x.word(*m.Word)
	}
	if m.Admin {
		v.Words = append(v.Words, g.x.T("group.admin"))
	}
	switch {
	case m.Me:
		v.Words = append(v.Words, g.x.T("group.me"))
	case m.Said:
	case m.Teller != "":
		v.Words = append(v.Words, g.x.T("group.teller", "name", isolate(m.Teller)))
	default:
		v.Words = append(v.Words, g.x.T("group.who-not-known"))
	}
	if m.By != "" {
		v.Words = append(v.Words, g.x.T("group.by", "name", isolate(m.By)))
	}
	return v
}

// groupList parts the groups: those I am in or ask to be, invitations, and those that I left.
func (x *turn) groupList() (mine, invited, over []groupView, err error) {
	list, err := x.p.b.Groups(x.ctx())
	for _, g := range list {
		switch v := (groupView{g, x}); g.Status {
		case "invited":
			invited = append(invited, v)
		case "left", "removed":
			over = append(over, v)
		default:
			mine = append(mine, v)
		}
	}
	return mine, invited, over, err
}

// Groups counts what is new in groups, for the list of people.
func (x *turn) GroupNews() string {
	mine, invited, _, err := x.groupList()
	if err != nil {
		return ""
	}
	n := 0
	for _, g := range mine {
		n += g.Unread
	}
	var words []string
	if n > 0 {
		words = append(words, x.T("people.unread", "n", n))
	}
	if len(invited) > 0 {
		words = append(words, x.T("group.invitations", "n", len(invited)))
	}
	return strings.Join(words, " · ")
}

// groupsScreen is all groups, invitations, and the form for a new one.
type groupsScreen struct {
	Mine, Invited, Over []groupView
	People              []api.Person
	Name                string
	Chosen              map[string]bool
	Problem, Done       string
}

func (x *turn) groups() error {
	done, _ := x.told("group").(string)
	return x.showGroups(http.StatusOK, groupsScreen{Done: done})
}

func (x *turn) showGroups(status int, s groupsScreen) error {
	x.Tab = "people"
	var err error
	if s.Mine, s.Invited, s.Over, err = x.groupList(); err != nil {
		return err
	}
	if s.People, err = x.p.b.People(x.ctx()); err != nil {
		return err
	}
	x.view("groups", status, x.T("group.title"), s)
	return nil
}

// newGroup founds one.
func (x *turn) newGroup() error {
	s := groupsScreen{Name: strings.TrimSpace(x.form.Get("name")), Chosen: map[string]bool{}}
	for _, id := range x.form.Values["who"] {
		s.Chosen[id] = true
	}
	if s.Name == "" || len(s.Chosen) == 0 {
		s.Problem = x.T("group.empty")
		return x.showGroups(http.StatusBadRequest, s)
	}
	g, err := x.p.b.NewGroup(x.ctx(), api.GroupAsk{Name: s.Name, People: x.form.Values["who"], Family: x.form.Get("rule") == "family", Two: x.form.Get("rule") == "two"})
	if err != nil {
		s.Problem = x.T("group.cannot", "why", x.why(err))
		return x.showGroups(http.StatusConflict, s)
	}
	x.tell("group", x.T("group.founded", "name", isolate(g.Name)))
	return x.see(x.Path("group", g.ID, "who"))
}

// findGroup is the group that the address names by ID.
func (x *turn) findGroup() (groupView, error) {
	id := x.r.PathValue("id")
	list, err := x.p.b.Groups(x.ctx())
	if err != nil {
		return groupView{}, err
	}
	for _, g := range list {
		if g.ID == id {
			return groupView{g, x}, nil
		}
	}
	return groupView{}, fmt.Errorf("%w: group %q", api.ErrNotFound, id)
}

// groupScreen is the conversation of a group.
type groupScreen struct {
	groupView
	Letters []letter
	Earlier string
	Latest  bool
	News    string
	Write   compose
}

func (x *turn) group() error {
	g, err := x.findGroup()
	if err != nil {
		return err
	}
	if g.Status == "invited" {
		return x.see(x.Path("groups"))
	}
	return x.showGroup(http.StatusOK, g, "", "")
}

func (x *turn) showGroup(status int, g groupView, text, problem string) error {
	x.Tab = "people"
	before := x.r.URL.Query().Get("before")
	if before != "" && !api.GoodID(before) {
		return api.ErrNotFound
	}
	list, err := x.p.b.Conversation(x.ctx(), api.ConversationAsk{With: g.ID, Before: before, Max: page, Mark: true})
	if err != nil {
		return err
	}
	s := groupScreen{groupView: g, Latest: before == ""}
	if s.Write, err = x.compose(g.ID, g.Name, x.Path("group", g.ID), text, problem); err != nil {
		return err
	}
	for _, l := range list {
		v := x.letter(l)
		if !v.Mine {
			s.News = x.T("talk.news", "name", isolate(l.From), "text", isolate(cut(l.Text, 200)))
		} else if r := l.Reach; r != nil && r.Of > 0 && r.Delivered > 0 {
			v.State.Word = x.T("group.reach", "n", r.Delivered, "of", r.Of, "read", r.Read)
			v.Missing = r.Missing
		}
		s.Letters = append(s.Letters, v)
	}
	if len(list) == page {
		s.Earlier = x.Path("group", g.ID) + "?before=" + url.QueryEscape(list[0].ID)
	}
	x.view("group", status, x.T("talk.title", "name", isolate(g.Name)), s)
	return nil
}

// sendGroup writes a letter to a group. When that fails the text stays.
func (x *turn) sendGroup() error {
	g, err := x.findGroup()
	if err != nil {
		return err
	}
	return x.write(g.ID, x.Path("group", g.ID), func(status int, text, problem string) error {
		return x.showGroup(status, g, text, problem)
	})
}

// whoScreen is who belongs to a group.
type whoScreen struct {
	groupView
	Others        []api.Person // whom I may add
	Done, Problem string
	Leaving       bool // asked once more
	Forgetting    bool // so, too
}

func (x *turn) who() error {
	g, err := x.findGroup()
	if err != nil {
		return err
	}
	done, _ := x.told("group").(string)
	return x.showWho(http.StatusOK, whoScreen{groupView: g, Done: done})
}

func (x *turn) showWho(status int, s whoScreen) error {
	x.Tab = "people"
	if s.Admin {
		people, err := x.p.b.People(x.ctx())
		if err != nil {
			return err
		}
		in := map[string]bool{}
		for _, m := range s.Members {
			in[m.Contact] = true
		}
		for _, p := range people {
			if !in[p.ID] {
				s.Others = append(s.Others, p)
			}
		}
	}
	x.view("who", status, x.T("group.who", "name", isolate(s.Name)), s)
	return nil
}

// actGroup changes who belongs, or answers an invitation.
func (x *turn) actGroup() error {
	g, err := x.findGroup()
	if err != nil {
		return err
	}
	do := x.form.Get("do")
	if do == "leave" && x.form.Get("sure") == "" {
		return x.showWho(http.StatusOK, whoScreen{groupView: g, Leaving: true})
	}
	if do == "forget" && x.form.Get("sure") == "" {
		return x.showWho(http.StatusOK, whoScreen{groupView: g, Forgetting: true})
	}
	_, err = x.p.b.ActGroup(x.ctx(), api.GroupAct{Group: g.ID, Do: do, Who: x.form.Get("who")})
	answering := do == "join" || do == "decline"
	if err != nil {
		why := x.T("group.cannot", "why", x.why(err))
		if answering {
			return x.showGroups(http.StatusConflict, groupsScreen{Problem: why})
		}
		return x.showWho(http.StatusConflict, whoScreen{groupView: g, Problem: why})
	}
	done := map[string]string{"join": "group.joined", "add": "group.added", "remove": "group.gone", "forget": "group.forgotten"}[do]
	if done != "" {
		x.tell("group", x.T(done))
	}
	if answering || do == "forget" {
		return x.see(x.Path("groups"))
	}
	return x.see(x.Path("group", g.ID, "who"))
}
