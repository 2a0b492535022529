package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// boardOf is a board with things to say; the same each time it is asked for.
func boardOf(w *world) string {
	list, _ := w.Boards(context.Background())
	if len(list) > 0 {
		return list[0].ID
	}
	b, _ := w.Board(context.Background(), api.BoardAsk{Do: "create", Name: "№7 қалалық аурухана", Editors: []string{"a", "b", "c"}, Need: 2})
	at := w.clock.t
	w.AddNotice(b.ID, api.Notice{Seq: 3, At: at.Add(-26 * time.Hour), Until: at.AddDate(0, 0, 9), Came: at, Text: "Орын бар: 20.\nКіреберіс Абай көшесінен."})
	w.AddNotice(b.ID, api.Notice{Seq: 6, At: at.Add(-2 * time.Hour), Until: at.AddDate(0, 0, 9), Came: at, Missing: 2, Text: "Қан керек: II(−). <b>",
		Files: []api.NoticeFile{{Name: "list.jpg", Type: "image/jpeg", Data: []byte("jpeg bytes")}}})
	return b.ID
}

func TestBoards(t *testing.T) {
	w := newWorld(t)
	w.AddPerson(api.Person{Name: "Dana"})
	id := boardOf(w)
	b := w.enter(t)
	b.get("/boards")
	has(t, b.last, "№7 қалалық аурухана", "Қан керек: II(−). &lt;b&gt;", "Follow a board")
	resp, body := b.submit("/boards", "card", "nonsense")
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a bad card: %d", resp.StatusCode)
	}
	has(t, body, "begins with jauap-board:1:", ">nonsense</textarea>")
	resp, body = b.submit("/boards", "card", "jauap-board:1:Newspaper")
	if !strings.HasPrefix(resp.Request.URL.Path, "/boards/") {
		t.Errorf("after following: at %s", resp.Request.URL)
	}
	has(t, body, "Newspaper", "Nothing yet.", "jauap-board:1:Newspaper")
	if strings.Contains(body, "Publish") {
		t.Error("a follower is offered to publish")
	}

	b.get("/boards/" + id)
	has(t, b.last, "signed by at least 2 of 3 editors", "2 notices before this one have not come", "list.jpg", "Орын бар: 20.")
	_, file := b.do(b.request("GET", "/boards/"+id+"/file/6/0", nil))
	if file != "jpeg bytes" {
		t.Errorf("file %q", file)
	}
	for _, path := range []string{"/file/6/1", "/file/9/0", "/file/x/0", "/file/6/-1"} {
		if resp, _ := b.do(b.request("GET", "/boards/"+id+path, nil)); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	resp, body = b.do(b.request("GET", "/boards/"+id+"/card.png", nil))
	if resp.Header.Get("Content-Type") != "image/png" || len(body) < 100 {
		t.Errorf("picture: %v", resp.Header)
	}
	b.get("/boards")
	resp, _ = b.submit("/boards", "name", "Pharmacy")
	id = strings.TrimPrefix(resp.Request.URL.Path, "/boards/")
	b.get("/boards/" + id)
	_, body = b.post("/boards/"+id, url.Values{"csrf": {b.csrf()}, "do": {"post"}, "text": {""}})
	has(t, body, "It was not published")
	_, body = b.post("/boards/"+id, url.Values{"csrf": {b.csrf()}, "do": {"post"}, "text": {"We are open."}})
	has(t, body, "Published. It leaves by itself.", "We are open.")
	if _, body = b.get("/boards/" + id + "/wall"); !strings.Contains(body, "We are open.") || strings.Contains(body, "<form method=\"post\" action=\"/boards/") {
		t.Error("the wall shows a form, or not the notice")
	}
	b.get("/boards/" + id)
	_, body = b.submit("/boards/"+id, "muted", "yes")
	has(t, body, "Saved.")
	_, body = b.submit("/boards/"+id, "do", "leave")
	has(t, body, "You no longer follow it.")
}
