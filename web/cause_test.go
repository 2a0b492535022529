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
