package web

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// street is a photo with something to see.
func street() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 960, 640))
	for y := range 640 {
		for x := range 960 {
			c := color.RGBA{uint8(120 + y/8), uint8(140 + y/8), 190, 255}
			if y > 400+x%240/3 || x%160 < 120 && y > 220 && y < 400 {
				c = color.RGBA{uint8(90 + x%160/3), 80, 70, 255}
			}
			img.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, nil)
	return b.Bytes()
}

// boardOf is a board with things to say; the same each time it is asked for.
func boardOf(w *world) string {
	list, _ := w.Boards(context.Background())
	if len(list) > 0 {
		return list[0].ID
	}
	b, _ := w.Board(context.Background(), api.BoardAsk{Do: "create", Name: "№7 қалалық аурухана", Editors: []string{"a", "b", "c"}, Need: 2})
	at := w.clock.t
	w.AddNotice(b.ID, api.Notice{Seq: 2, At: at.Add(-30 * time.Hour), Until: at.AddDate(0, 0, 9), Came: at, Text: "Дәрігердің сөзі.", Files: []api.NoticeFile{{Name: "voice", Sort: "voice", Bytes: 30_000}}})
	w.AddNotice(b.ID, api.Notice{Seq: 3, At: at.Add(-26 * time.Hour), Until: at.AddDate(0, 0, 9), Came: at, SeenBy: 3, Text: "Орын бар: 20.\nКіреберіс Абай көшесінен.",
		Files: []api.NoticeFile{{Name: "photo.jpg", Type: "image/jpeg", Sort: "photo", Bytes: 9000, Here: true, Data: street()}}})
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
	if got := w.Opened(); !slices.Equal(got, []uint64{6, 3, 2}) {
		t.Errorf("opened: %v", got)
	}
	has(t, b.last, "The recording has not arrived.", "/media/3", "Photo of this notice", "Seen by 3 of your contacts", "signed by at least 2 of 3 editors", "2 notices before this one have not come", "list.jpg", "Орын бар: 20.")
	_, file := b.do(b.request("GET", "/boards/"+id+"/file/6/0", nil))
	if file != "jpeg bytes" {
		t.Errorf("file %q", file)
	}
	resp, photo := b.do(b.request("GET", "/boards/"+id+"/media/3", nil))
	if resp.Header.Get("Content-Type") != "image/jpeg" || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "sandbox") || photo != string(street()) {
		t.Errorf("photo: %v", resp.Header)
	}
	for _, path := range []string{"/media/2", "/media/6", "/media/x", "/file/3/0", "/file/6/1", "/file/9/0", "/file/x/0", "/file/6/-1"} {
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
	hasNot(t, body, `id="net"`, `href="/safe"`, `href="/me"`) // strangers look at it
	b.get("/boards/" + id)
	_, body = b.submit("/boards/"+id, "muted", "yes")
	has(t, body, "Saved.")
	_, body = b.submit("/boards/"+id, "do", "leave")
	has(t, body, "End this board for good?", "Keep it", "We are open.")
	if list, _ := w.Boards(t.Context()); len(list) != 3 {
		t.Fatalf("%d boards: an own one ended at one press", len(list))
	}
	_, body = b.submit("/boards/"+id, "do", "leave", "sure", "yes")
	has(t, body, "You no longer follow it.")
	if list, _ := w.Boards(t.Context()); len(list) != 2 {
		t.Errorf("%d boards after leaving one", len(list))
	}
}

// TestBoardOrder: what a board keeps at the top is there, on the page and on
// the big screen, and both say what is missing and for how long a notice holds.
func TestBoardOrder(t *testing.T) {
	w := newWorld(t)
	id := boardOf(w)
	at := w.clock.t
	w.AddNotice(id, api.Notice{Seq: 7, At: at, Until: at.AddDate(0, 0, 9), Came: at, Pinned: true, Forked: true, Text: "Kept at the top."})
	w.AddNotice(id, api.Notice{Seq: 8, At: at, Until: at.AddDate(0, 0, 9), Came: at, Text: "The newest."})
	b := w.enter(t)
	for _, path := range []string{"/boards/" + id, "/boards/" + id + "/wall"} {
		_, page := b.get(path)
		has(t, page, "The notice before this one was another one elsewhere.", "2 notices before this one have not come", "holds until", at.AddDate(0, 0, 9).Format("2006-01-02"), "/media/3")
		if top, next := strings.Index(page, "Kept at the top."), strings.Index(page, "The newest."); top < 0 || next < top {
			t.Errorf("%s: the order is wrong", path)
		}
	}
}
