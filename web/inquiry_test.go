package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// askings are slips as a person would have them.
func askings(w *world) {
	at := w.clock.t
	spoke := api.SlipEvent{Kind: "answered", Outcome: "spoke", At: at.Add(-time.Hour), Who: "Saule", Via: "Timur", Text: "She is well, she has bread."}
	w.AddSlip(api.Slip{Mine: true, State: "answered", Name: "Гүлнар Ахметова", Made: at.Add(-30 * time.Hour), Received: at.Add(-30 * time.Hour), Events: []api.SlipEvent{spoke}})
	w.AddSlip(api.Slip{Mine: true, Name: "Марат", Made: at, Received: at.Add(-3 * time.Hour)})
	w.AddSlip(api.Slip{State: "taken", Takers: []string{"Timur"}, Tries: 2, Name: "Айша Серікқызы", Phone: "+7 701 123 45 67", Address: "Алматы, Абай даңғылы 10, 5-пәтер", Via: "Dana",
		Question: "Is she alive?", From: "her brother <b>", Say: "We love you.", Made: at, Received: at.Add(-2 * time.Hour)})
	w.AddSlip(api.Slip{State: "answered", Erased: true, Made: at, Received: at.Add(-50 * time.Hour)})
}

func TestSlips(t *testing.T) {
	w := newWorld(t)
	dana := w.AddPerson(api.Person{Name: "Dana"})
	askings(w)
	b := w.enter(t)
	b.get("/slips")
	has(t, b.last, "Гүлнар Ахметова", "answered", "I spoke to them", "She is well, she has bread.", "says \u2068Saule\u2069, by way of \u2068Timur\u2069",
		"nobody is on it yet", "Айша Серікқызы", "7 701 123 45 67", "taken by", "no answer 2 times", "her brother &lt;b&gt;", "1 question is settled", "Dana")
	if strings.Contains(b.last, "her brother <b>") {
		t.Error("a stranger's words are taken for a page")
	}

	// A form that lacks something keeps what was typed.
	b.get("/slips/ask")
	resp, body := b.submit("/slips/ask", "question", "Well?", "to", dana.ID)
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("nobody to ask after: %d", resp.StatusCode)
	}
	has(t, body, "Say whom to ask after", ">Well?</textarea>", "checked")
	_, body = b.submit("/slips/ask", "name", "Асан")
	has(t, body, "Choose who is to ask", `value="Асан"`)
	_, body = b.submit("/slips/ask", "name", "Асан", "card", "nonsense")
	has(t, body, "not an inbox’s card", `value="Асан"`, ">nonsense</textarea>")
	_, body = b.submit("/slips/ask", "name", "Асан", "to", dana.ID, "card", "jauap-inbox:1:x")
	has(t, body, "not both", "checked")
	resp, body = b.submit("/slips/ask", "name", "Асан", "phone", "+7 7", "to", dana.ID)
	if resp.Request.URL.Path != "/slips" {
		t.Errorf("after asking: at %s", resp.Request.URL)
	}
	has(t, body, "leaves by itself", "Асан")

	// Whoever knows nobody asks a public inbox.
	b.get("/slips/ask")
	_, body = b.submit("/slips/ask", "name", "Болат", "card", "jauap-inbox:1:Аурухана")
	boxes, _ := w.Inboxes(t.Context())
	if len(boxes) != 1 {
		t.Fatal(len(boxes))
	}
	has(t, body, "Болат", "on its way to")
	b.get("/slips/ask")
	_, body = b.submit("/slips/ask", "name", "Күнсұлу", "inbox", boxes[0].ID)
	has(t, body, "Күнсұлу")

	// What strangers ask says that nobody vouches for them, and can be put away.
	w.SetSlips(boxes[0].ID, 12, true, 1)
	junk := w.AddSlip(api.Slip{Inbox: true, Via: "Аурухана", Askers: 3, Name: "Junk <i>", Made: w.clock.t, Received: w.clock.t})
	b.get("/slips")
	has(t, b.last, "Nobody vouches for who asks", "3 people asked the same", "12 questions wait", "stay with those who carry them", "1 question was refused", "Junk &lt;i&gt;", "This is no real question")
	_, body = b.submit("/slips/"+junk, "do", "deleted")
	if strings.Contains(body, "Junk") {
		t.Error("what was put away is still asked")
	}

	// A helper takes a slip and answers it.
	list, _ := w.Slips(t.Context())
	var help api.Slip
	for _, s := range list {
		if strings.HasPrefix(s.Name, "Айша") {
			help = s
		}
	}
	if resp, body = b.do(b.request("GET", "/slips/"+help.ID+"/pdf", nil)); resp.Header.Get("Content-Type") != "application/pdf" || body != "pdf of "+help.Name {
		t.Errorf("%v %q", resp.Header, body)
	}
	// The code that was ticked on paper is scanned: nothing is filed before the
	// person has seen which it was.
	b.get("/scan")
	_, body = b.letter("/scan", b.csrf(), "", api.SendFile{Name: "a.jpg", Data: []byte("JAUAP-REPLY:" + help.ID)})
	has(t, body, "The paper says about", "Айша", "I spoke to them", `value="JAUAP-REPLY:`+help.ID)
	if list, _ := w.Slips(t.Context()); slices.ContainsFunc(list, func(s api.Slip) bool { return s.ID == help.ID && len(s.Events) > 0 }) {
		t.Error("a scan files an answer by itself")
	}
	b.get("/scan")
	_, body = b.letter("/scan", b.csrf(), "", api.SendFile{Name: "a.jpg", Data: []byte("JAUAP-REPLY:nothing")})
	has(t, body, "No open slip on this device has this code")
	b.get("/scan")
	_, body = b.letter("/scan", b.csrf(), "", api.SendFile{Name: "a.jpg", Data: []byte("jauap-inbox:1:Заңгер")})
	has(t, body, "Заңгер")
	w.Fail("Act", fmt.Errorf("%w: the code", api.ErrTypo))
	b.get("/slips")
	_, body = b.submit("/slips/code", "code", "AAAA")
	has(t, body, "This code was typed wrong")
	w.Fail("Act", nil)
	b.get("/slips")
	_, body = b.submit("/slips/"+help.ID, "do", "taken")
	has(t, body, "Saved. The others will see it", "Somebody else may")
	_, body = b.submit("/slips/"+help.ID, "do", "answered")
	has(t, body, "Choose what came of it")
	_, body = b.submit("/slips/"+help.ID, "do", "answered", "outcome", "neighbour", "text", "went to her village")
	if strings.Contains(body, "Айша") {
		t.Error("an answered slip is still asked")
	}
	_, body = b.submit("/slips", "mate", dana.ID)
	if team, _ := w.Team(t.Context()); len(team) != 1 || !strings.Contains(body, "checked") {
		t.Errorf("team %v", team)
	}
}
