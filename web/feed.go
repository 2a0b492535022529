package web

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/jauap/jauap/web/api"
)

// Entries of a feed, and characters of an entry's title.
const (
	feedEntries = 200
	feedTitle   = 80
)

// Feed is one public board, or all that are followed, for a feed reader on the
// same device.
type Feed struct {
	ID     string // 32 hexadecimal digits that stay
	Title  string
	Self   string // its address; may be empty
	Boards []FeedBoard
}

// FeedBoard is a board with what it says.
type FeedBoard struct {
	api.Board
	Notices []api.Notice
}

// feedWords are the sentences around notices, in one language.
type feedWords struct {
	tag, forked, untitled string
}

func urn(id string) string { return "urn:uuid:" + asUUID(id) }

// asUUID makes an RFC 9562 UUID of version 8 from 32 hexadecimal digits.
func asUUID(id string) string {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) < 16 {
		sum := sha256.Sum256([]byte(id))
		b = sum[:]
	}
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	s := hex.EncodeToString(b[:16])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// noticeURN names a notice for good: a board says one thing under a number.
func noticeURN(board string, n api.Notice) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "jauap/1 entry %s %d %d %s", board, n.Seq, n.At.UnixMilli(), n.Text))
	return urn(hex.EncodeToString(sum[:16]))
}

// WriteFeed writes an Atom feed (RFC 4287) in English.
func WriteFeed(w io.Writer, f Feed) error {
	return writeFeed(w, f, feedWords{"en", loadWords()[0].say("boards.forked"), loadWords()[0].say("boards.photo-only")})
}

type feedEntry struct {
	board FeedBoard
	api.Notice
}

// newest are the entries of all boards, newest first.
func (f Feed) newest() (list []feedEntry) {
	next := make([]int, len(f.Boards))
	for len(list) < feedEntries {
		best := -1
		for i, b := range f.Boards {
			if next[i] < len(b.Notices) && (best < 0 || b.Notices[next[i]].At.After(f.Boards[best].Notices[next[best]].At)) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		list = append(list, feedEntry{f.Boards[best], f.Boards[best].Notices[next[best]]})
		next[best]++
	}
	return list
}

func writeFeed(w io.Writer, f Feed, words feedWords) error {
	var b bytes.Buffer
	tag := func(name, text string) {
		fmt.Fprintf(&b, "<%s>", name)
		_ = xml.EscapeText(&b, []byte(text)) // a Buffer takes everything
		fmt.Fprintf(&b, "</%s>\n", name)
	}
	attr := func(s string) string {
		var e strings.Builder
		_ = xml.EscapeText(&e, []byte(s))
		return e.String()
	}
	list := f.newest()
	updated := time.Unix(0, 0)
	for _, e := range list {
		if e.At.After(updated) {
			updated = e.At
		}
	}
	fmt.Fprintf(&b, "%s<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"%s\">\n", xml.Header, words.tag)
	tag("id", urn(f.ID))
	tag("title", f.Title)
	tag("updated", updated.UTC().Format(time.RFC3339))
	if f.Self != "" {
		fmt.Fprintf(&b, "<link rel=\"self\" type=\"application/atom+xml\" href=\"%s\"/>\n", attr(f.Self))
	}
	tag("generator", "Jauap")
	for _, e := range list {
		title, _, _ := strings.Cut(strings.TrimSpace(e.Text), "\n")
		if r := []rune(title); len(r) > feedTitle {
			title = string(r[:feedTitle-1]) + "…"
		}
		text := e.Text
		if title == "" {
			title, text = words.untitled, words.untitled
		}
		if len(e.board.Forks) > 0 { // what cannot be relied on does not look as if it could
			title, text = "⚠ "+title, "⚠ "+words.forked+"\n\n"+text
		}
		at := e.At.UTC().Format(time.RFC3339)
		b.WriteString("<entry>\n")
		tag("id", noticeURN(e.board.ID, e.Notice))
		tag("title", title)
		tag("updated", at)
		tag("published", at)
		b.WriteString("<author>")
		tag("name", e.board.Name)
		b.WriteString("</author>\n")
		tag("content", text)
		b.WriteString("</entry>\n")
	}
	b.WriteString("</feed>\n")
	_, err := w.Write(b.Bytes())
	return err
}

// withFeed serves feeds beside a page: their addresses carry a key of their
// own, because a feed reader cannot enter as a person does.
func (p *pages) withFeed(page http.Handler) http.Handler {
	m := http.NewServeMux()
	m.Handle("/", page)
	m.Handle("GET /feed/{key}/{board}", api.Local(http.HandlerFunc(p.feed)))
	return m
}

// feed answers one. A wrong key and an unknown board look alike.
func (p *pages) feed(w http.ResponseWriter, r *http.Request) {
	headers(w.Header(), "'none'")
	api.AnswerDeadline(w, 0)
	if unbidden(r) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	feed, err := p.b.Feed(r.Context(), api.FeedAsk{})
	if err != nil || feed.Key == "" || subtle.ConstantTimeCompare([]byte(feed.Key), []byte(r.PathValue("key"))) != 1 {
		http.NotFound(w, r)
		return
	}
	x := p.turn(w, r, nil)
	name, ok := strings.CutSuffix(r.PathValue("board"), ".atom")
	f := Feed{ID: feed.ID, Title: x.T("boards.title"), Self: "http://" + r.Host + r.URL.RequestURI()}
	boards, err := p.b.Boards(r.Context())
	if err != nil || !ok {
		http.NotFound(w, r)
		return
	}
	for _, b := range boards {
		if name != "boards" && name != b.ID || name == "boards" && b.Muted {
			continue
		}
		list, err := p.b.Notices(r.Context(), b.ID)
		if err != nil {
			http.Error(w, "Jauap cannot read the board now.", http.StatusServiceUnavailable)
			return
		}
		if f.Boards = append(f.Boards, FeedBoard{b, list}); name == b.ID {
			f.ID, f.Title = b.ID, b.Name
		}
	}
	if name != "boards" && len(f.Boards) == 0 {
		http.NotFound(w, r)
		return
	}
	var b bytes.Buffer
	if err := writeFeed(&b, f, feedWords{x.Lang.Tag, x.T("boards.forked"), x.T("boards.photo-only")}); err != nil {
		http.Error(w, "web: internal error: "+err.Error(), http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256(b.Bytes())
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Set("Vary", "Accept-Language")
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.Bytes()))
}

// feedAddress is where a reader finds the feed of a board, or of all: "".
func (x *turn) feedAddress(board string) string {
	f, err := x.p.b.Feed(x.ctx(), api.FeedAsk{})
	if err != nil || f.Key == "" {
		return ""
	}
	return f.Address(x.r.Host, board)
}

// setFeed makes a new address of feeds, or ends all.
func (x *turn) setFeed() error {
	do, done := "new", x.T("boards.feed-new-done")
	if x.form.Get("do") == "off" {
		do, done = "off", x.T("boards.feed-off-done")
	}
	if _, err := x.p.b.Feed(x.ctx(), api.FeedAsk{Do: do}); err != nil {
		return err
	}
	x.tell("boards", done)
	return x.see(x.Path("boards") + "#feed")
}
