package web

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// element is any XML element.
type element struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	In      []element  `xml:",any"`
}

func (e element) all(name string) (list []element) {
	for _, x := range e.In {
		if x.XMLName.Local == name && x.XMLName.Space == "http://www.w3.org/2005/Atom" {
			list = append(list, x)
		}
	}
	return list
}

// checkAtom holds a document to what RFC 4287 requires.
func checkAtom(t *testing.T, doc string) element {
	t.Helper()
	var feed element
	dec := xml.NewDecoder(strings.NewReader(doc))
	if err := dec.Decode(&feed); err != nil {
		t.Fatalf("not XML: %v\n%s", err, doc)
	}
	for {
		x, err := dec.Token()
		if err == io.EOF {
			break
		}
		if c, ok := x.(xml.CharData); err != nil || !ok || strings.TrimSpace(string(c)) != "" {
			t.Fatalf("after the feed: %v %v", x, err)
		}
	}
	if feed.XMLName != (xml.Name{Space: "http://www.w3.org/2005/Atom", Local: "feed"}) {
		t.Errorf("the root is %v", feed.XMLName)
	}
	ids := map[string]bool{}
	uuid := regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	check := func(e element, once ...string) {
		for _, name := range once { // RFC 4287, 4.1.1 and 4.1.2
			if list := e.all(name); len(list) != 1 || strings.TrimSpace(list[0].Text) == "" {
				t.Errorf("%s has %d of %s, or an empty one", e.XMLName.Local, len(list), name)
			}
		}
		id := e.all("id")[0].Text
		if !uuid.MatchString(id) || ids[id] {
			t.Errorf("id %q is none, or is there twice", id)
		}
		ids[id] = true
		for _, name := range []string{"updated", "published"} {
			for _, x := range e.all(name) {
				if _, err := time.Parse(time.RFC3339, x.Text); err != nil {
					t.Errorf("%s %q", name, x.Text)
				}
			}
		}
	}
	check(feed, "id", "title", "updated", "generator")
	for _, e := range feed.all("entry") {
		check(e, "id", "title", "updated", "content")
		if a := e.all("author"); len(a) != 1 || len(a[0].all("name")) != 1 || a[0].all("name")[0].Text == "" {
			t.Error("an entry without an author's name")
		}
	}
	return feed
}

func TestFeed(t *testing.T) {
	w := newWorld(t)
	id := boardOf(w)
	other, _ := w.Board(t.Context(), api.BoardAsk{Do: "follow", Card: "jauap-board:1:<script>alert(1)</script>"})
	at := w.clock.t
	w.AddNotice(other.ID, api.Notice{Seq: 1, At: at.Add(-time.Hour), Until: at.AddDate(0, 0, 9), Came: at, Text: "\x01\x0b]]>&\"<b>" + strings.Repeat("ұ", 200)})
	w.AddNotice(other.ID, api.Notice{Seq: 2, At: at.Add(-time.Minute), Until: at.AddDate(0, 0, 9), Came: at})
	b := w.enter(t)
	b.get("/boards")
	if strings.Contains(b.last, "/feed/") {
		t.Error("an address is there that nobody asked for")
	}
	for _, path := range []string{"/feed//boards.atom", "/feed/x/boards.atom"} {
		if resp, _ := b.do(b.request("GET", path, nil)); resp.StatusCode == http.StatusOK {
			t.Errorf("%s is open", path)
		}
	}
	b.get("/boards")
	b.post("/boards/feed", url.Values{"csrf": {b.csrf()}, "do": {"new"}})
	_, page := b.get("/boards")
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+(/feed/[\w-]{43}/)boards\.atom`).FindStringSubmatch(page)
	if address == nil {
		t.Fatal("no address on the page")
	}
	stranger := &http.Client{}
	fetch := func(path string, head ...string) (*http.Response, string) {
		t.Helper()
		r, _ := http.NewRequest("GET", w.s.URL+path, nil)
		for i := 0; i+1 < len(head); i += 2 {
			if r.Header.Set(head[i], head[i+1]); head[i] == "Host" {
				r.Host = head[i+1]
			}
		}
		resp, err := stranger.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
	resp, all := fetch(address[1]+"boards.atom", "Accept-Language", "kk")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/atom+xml; charset=utf-8" || resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	feed := checkAtom(t, all)
	entries := feed.all("entry")
	if len(entries) != 5 || entries[0].all("title")[0].Text != "Сурет не жазба" || !strings.HasPrefix(entries[1].all("content")[0].Text, "\uFFFD\uFFFD]]>&\"<b>ұ") || strings.Contains(all, "<b>") || strings.Contains(all, "<script") {
		t.Errorf("%d entries\n%s", len(entries), all)
	}
	if n := len([]rune(entries[1].all("title")[0].Text)); n != feedTitle {
		t.Errorf("a title of %d characters", n)
	}
	_, again := fetch(address[1]+"boards.atom", "Accept-Language", "kk")
	if again != all {
		t.Error("the feed is another one each time")
	}
	if resp, _ := fetch(address[1]+"boards.atom", "Accept-Language", "kk", "If-None-Match", resp.Header.Get("ETag")); resp.StatusCode != http.StatusNotModified {
		t.Errorf("nothing is new: %d", resp.StatusCode)
	}
	_, one := fetch(address[1] + id + ".atom")
	if f := checkAtom(t, one); len(f.all("entry")) != 3 || f.all("title")[0].Text != "№7 қалалық аурухана" || f.all("entry")[0].all("id")[0].Text != entries[2].all("id")[0].Text {
		t.Errorf("one board: %s", one)
	}
	// The key opens nothing else, and only from here.
	for _, c := range [][]string{
		{address[1] + "nobody.atom"}, {address[1] + id}, {strings.ToUpper(address[1]) + "boards.atom"},
		{address[1] + "boards.atom", "Host", "evil.example"}, {address[1] + "boards.atom", "Sec-Fetch-Site", "cross-site"},
		{"/boards", "Cookie", "x=" + address[1]}, {"/api/v1/boards", "Authorization", "Bearer " + strings.Split(address[1], "/")[2]},
	} {
		if resp, body := fetch(c[0], c[1:]...); resp.StatusCode == http.StatusOK || strings.Contains(body, "Қан керек") {
			t.Errorf("%v: %d", c, resp.StatusCode)
		}
	}
	b.get("/boards")
	b.post("/boards/feed", url.Values{"csrf": {b.csrf()}, "do": {"new"}})
	if resp, _ := fetch(address[1] + "boards.atom"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an old address still works: %d", resp.StatusCode)
	}
	b.get("/boards")
	_, page = b.post("/boards/feed", url.Values{"csrf": {b.csrf()}, "do": {"off"}})
	if strings.Contains(page, ".atom") {
		t.Error("an address is left")
	}
}

// TestFeedOrder: the newest of many boards come first, a fork is said in each
// entry, and an empty feed is valid.
func TestFeedOrder(t *testing.T) {
	at := time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC)
	f := Feed{ID: strings.Repeat("0f", 16), Title: "Boards"}
	var b bytes.Buffer
	if err := WriteFeed(&b, f); err != nil {
		t.Fatal(err)
	}
	checkAtom(t, b.String())
	for i := range 3 {
		board := FeedBoard{Board: api.Board{ID: strings.Repeat(string("abc"[i]), 32), Name: "N"}}
		if i == 1 {
			board.Forks = []uint64{3}
		}
		for k := range feedEntries {
			board.Notices = append(board.Notices, api.Notice{Seq: uint64(999 - k), At: at.Add(-time.Duration(k*3+i) * time.Minute), Text: "same words"})
		}
		f.Boards = append(f.Boards, board)
	}
	b.Reset()
	if err := WriteFeed(&b, f); err != nil {
		t.Fatal(err)
	}
	feed := checkAtom(t, b.String())
	if len(feed.all("entry")) != feedEntries || feed.all("updated")[0].Text != "2026-01-07T12:00:00Z" {
		t.Errorf("%d entries, updated %s", len(feed.all("entry")), feed.all("updated")[0].Text)
	}
	last := "9"
	for i, e := range feed.all("entry") {
		now := e.all("updated")[0].Text
		if now > last {
			t.Errorf("entry %d is newer than the one before", i)
		}
		last = now
		if forked := strings.Contains(e.all("content")[0].Text, "told different people different things"); forked != (i%3 == 1) {
			t.Errorf("entry %d: forked %v", i, forked)
		}
	}
}
