package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// assembly gives a world a group with something of everything.
func assembly(w *world) api.Group {
	at := w.clock.t
	w.AddGroup(api.Group{Name: "Больница №5, волонтёры", Status: "invited", From: "Жанибек Серікұлы Құдайбергенов"})
	g := w.AddGroup(api.Group{Name: "Home", Admin: true, Asked: []string{"Dina from the hospital"}, Members: []api.GroupMember{
		{Name: "Aigerim", Key: "01", Me: true, Admin: true, Said: true}, {Name: "Mama", Key: "02", Admin: true, Said: true, By: "Aigerim", HeardAt: &at},
		{Name: "Жанибек Серікұлы Құдайбергенов", Key: "03", Word: &api.Word{Kind: "moved", Town: "Тараз", Note: "Бәріміз аманбыз, көршілердің үйіндеміз", At: at}, Said: true, By: "Mama", HeardAt: &at}, {Name: "Saule", Key: "04", Teller: "Mama", By: "Mama"},
	}, Removals: []api.GroupRemoval{{Name: "Ерлан", By: "Mama", NotHeard: []string{"Saule", "Жанибек Серікұлы Құдайбергенов"}}}})
	w.Arrive("Mama", api.Letter{Text: "All at home. Who is missing?", To: "Home", Group: "Home", SentAt: at.Add(-5 * time.Hour)})
	w.Arrive("Saule", api.Letter{Text: "Біз мектептеміз, қырық адам. Су бар.", To: "Home", Group: "Home", SentAt: at.Add(-4 * time.Hour)})
	return g
}

// TestGroups: found, be invited, read, write, see who has not heard.
func TestGroups(t *testing.T) {
	w := newWorld(t)
	dana, timur := w.AddPerson(api.Person{Name: "Dana"}), w.AddPerson(api.Person{Name: "Timur <b>"})
	w.AddGroup(api.Group{Name: "Hospital", Status: "invited", From: "Dana"})
	b := w.enter(t)
	has(t, b.last, "Groups", "1 invitation")
	_, page := b.get("/groups")
	has(t, page, "Dana", "invites you into this group", "Timur &lt;b&gt;", "Whom to invite")
	resp, page := b.submit("/groups", "name", "", "who", dana.ID)
	if resp.StatusCode != http.StatusBadRequest {
		t.Error(resp.StatusCode)
	}
	has(t, page, "Give the group a name", `value="`+dana.ID+`" checked`)
	resp, page = b.submit("/groups", "name", "Family <i>", "who", dana.ID, "rule", "family")
	has(t, page, "Family &lt;i&gt;", "is founded", "Dana", "has not answered yet", "Everybody, as in a family")
	path := strings.TrimSuffix(resp.Request.URL.Path, "/who")

	list, err := w.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resp, page = b.submit("/group/"+list[0].ID+"/who", "do", "join")
	if resp.Request.URL.Path != "/groups" {
		t.Error(resp.Request.URL)
	}
	has(t, page, "Saved. You are in it once", "Waiting to be taken in")
	_, page = b.get("/group/" + list[0].ID)
	hasNot(t, page, `name="text"`)

	g := w.AddGroup(api.Group{Name: "School", Admin: true, Members: []api.GroupMember{
		{Name: "Aigerim", Key: "01", Me: true, Admin: true, Said: true}, {Name: "Dana", Key: "02", Contact: dana.ID, Said: true},
		{Name: "Saule", Key: "03", Teller: "Dana", By: "Dana"}, {Name: "member 04", Key: "04"},
	}})
	at := w.clock.t
	w.Arrive("Saule", api.Letter{Text: "<b>forty people</b>", To: "School", Group: "School", SentAt: at})
	_, page = b.get("/groups")
	has(t, page, "School", "4 members", "1 new letter")
	resp, page = b.letter("/group/"+g.ID, b.csrf(), "we come", api.SendFile{Name: "map.png", Data: []byte("xx")})
	has(t, page, "Saule", "&lt;b&gt;forty people", "we come", "map.png", "Saved here")
	if resp.Request.URL.Path != "/group/"+g.ID {
		t.Error(resp.Request.URL)
	}
	_, page = b.get("/group/" + g.ID + "/who")
	has(t, page, "as ", "Dana", "says", "who this is, is not known", "no letter yet", "Add somebody", "Timur &lt;b&gt;")
	_, page = b.submit("/group/"+g.ID+"/who", "do", "remove", "who", "03")
	has(t, page, "Removed.", "was removed by", "Not known to have heard of it yet", "can still read")
	_, page = b.submit("/group/"+g.ID+"/who", "do", "add", "who", timur.ID)
	has(t, page, "The invitation leaves by itself", "has not answered yet")
	_, page = b.get("/group/" + g.ID)
	// To a group photos always go whole: there is nothing to choose.
	if strings.Contains(page, `name="whole"`) || !strings.Contains(page, "Size of the photo") {
		t.Error("a group is offered to ask for photos, or nobody can send one")
	}
	b.get("/group/" + g.ID + "/who")
	_, page = b.submit("/group/"+g.ID+"/who", "do", "leave")
	has(t, page, "Yes, leave now")
	_, page = b.submit("/group/"+g.ID+"/who", "do", "leave", "sure", "yes")
	has(t, page, "You left")
	_, page = b.get("/group/" + g.ID)
	has(t, page, "You cannot write here")
	if code, _ := b.get("/group/nothing"); code != http.StatusNotFound {
		t.Error(code)
	}
	if code, _ := b.get(path); code != http.StatusOK {
		t.Error(code)
	}
	// Forged forms change nothing.
	resp, _ = b.post("/group/"+g.ID+"/who", map[string][]string{"csrf": {"no"}, "do": {"leave"}})
	if resp.StatusCode != http.StatusForbidden {
		t.Error(resp.StatusCode)
	}
	// A group that was left stands behind the others, and is erased when that is said twice.
	b.get("/groups")
	if _, over, ok := strings.Cut(b.last, `<details class="over">`); !ok || !strings.Contains(over, "/group/"+g.ID) {
		t.Errorf("a group that was left stands among the others:\n%s", text(b.last))
	}
	b.get("/group/" + g.ID + "/who")
	has(t, b.last, "Erase it here")
	_, page = b.submit("/group/"+g.ID+"/who", "do", "forget")
	has(t, page, "Yes, erase it now")
	resp, page = b.submit("/group/"+g.ID+"/who", "do", "forget", "sure", "yes")
	if resp.Request.URL.Path != "/groups" {
		t.Errorf("at %s", resp.Request.URL)
	}
	has(t, page, "Erased here.")
	hasNot(t, page, "/group/"+g.ID)
}
