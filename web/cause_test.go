package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestCausesInWords: what goes wrong behind the page is told in the person's
// language, and in the room's words where no catalogue has any.
func TestCausesInWords(t *testing.T) {
	w := newWorld(t)
	made, _ := w.Board(t.Context(), api.BoardAsk{Do: "create", Name: "Аурухана"})
	b := w.enter(t)
	post := func(err error) string {
		w.Fail("Post", err)
		b.get("/boards/" + made.ID)
		resp, page := b.post("/boards/"+made.ID, url.Values{"do": {"post"}, "text": {"x"}, "csrf": {b.csrf()}})
		if resp.StatusCode != http.StatusUnprocessableEntity {
			t.Error(resp.StatusCode)
		}
		return page
	}
	because := func(code string, args ...string) error {
		return &api.Fault{Status: 400, Kind: "usage", Text: "wrong request: <i>cannot</i> use this notice", Cause: api.Cause{Code: code, Args: args}}
	}
	for lang, want := range map[string][2]string{
		"kk": {"басқа хабарландыру жарияланған", "ол тек \u2068503\u2069 нөмірімен жауап берді"},
		"ru": {"уже опубликовано другое", "он ответил только номером \u2068503\u2069"},
		"en": {"another notice was published", "it answered only with the number \u2068503\u2069"},
	} {
		b.head["Accept-Language"] = lang
		if page := post(because("posted-since")); !strings.Contains(page, want[0]) || strings.Contains(page, "use this notice") {
			t.Errorf("%s:\n%s", lang, page)
		}
		if page := post(because("status", "503")); !strings.Contains(page, want[1]) {
			t.Errorf("%s:\n%s", lang, page)
		}
		if page := post(because("of-a-newer-one")); !strings.Contains(page, "&lt;i&gt;cannot&lt;/i&gt; use this notice") {
			t.Errorf("%s:\n%s", lang, page)
		}
		if page := post(fmt.Errorf("%w: no code", api.ErrUsage)); !strings.Contains(page, "no code") {
			t.Errorf("%s:\n%s", lang, page)
		}
	}
}

// TestNothingInEnglish: what is wrong with a device, a way, a neighbour and a letter
// stands in Kazakh on a Kazakh page, also the hour of a stamp.
func TestNothingInEnglish(t *testing.T) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Дана", Stuck: "no card is left", StuckCode: "invitation"})
	w.SetStatus(api.Status{Network: api.Network{State: "dark"}, Clock: "the clock went back",
		Trouble: []string{"the folder /m/S: broken", "arrived letters wait", "something newer"},
		Causes:  []api.Cause{{Code: "folder", Args: []string{"/m/S"}}, {Code: "vault"}, {Code: "of-a-newer-one"}},
		Links:   []api.Link{{Kind: "relay", Addr: "192.0.2.1:443", State: "down", Error: "the budget is used up", Code: "spent"}}})
	w.SetWhy([]string{"wlan0: multicast cannot be used", "unknown"}, api.Cause{Code: "near-unsent", Args: []string{"wlan0"}})
	b := w.enter(t)
	b.head["Accept-Language"] = "kk"
	_, page := b.get("/net")
	has(t, page, "\u2068/m/S\u2069 қалтасын", "Хаттар күтіп тұр: бұл құрылғының", "something newer", "сағаты дұрыс емес", "рұқсат етілген шығын таусылды")
	hasNot(t, page, "broken", "arrived", "budget", "went back")
	_, page = b.get("/near")
	has(t, page, "\u2068wlan0\u2069: мұнда басқалар", "unknown")
	hasNot(t, page, "multicast")
	_, page = b.get("/with/" + p.ID)
	has(t, page, "бірде-бір шақыру қалмады")
	hasNot(t, page, "no card")
	x := &turn{p: &pages{o: Options{Zone: almaty()}}, Lang: byTag(loadWords(), "kk")}
	if got := x.dated([]string{"2022-01-09T18:30:00Z", "2022-01-09", "TSA"}); got[0] != "2022 ж. 10 қаңтар, 00:30" || got[1] != isolate("2022-01-09") {
		t.Errorf("%q", got)
	}
}
