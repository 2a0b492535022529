package api

import (
	"context"
	"net/http"
	"time"
)

// Board is a public voice that this device follows or publishes.
type Board struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Card    string     `json:"card"` // text that lets others follow it
	Mine    bool       `json:"mine"`
	Muted   bool       `json:"muted,omitempty"`
	Pinned  bool       `json:"pinned,omitempty"`
	Plain   bool       `json:"text_only,omitempty"` // photos and voice notes are not kept here
	Need    int        `json:"need"`                // so many editors sign each notice
	Editors int        `json:"editors"`
	Forks   []uint64   `json:"forks,omitempty"` // notices that contradict the one before: somebody was told something else
	Notices int        `json:"notices"`
	Newest  *time.Time `json:"newest_at,omitempty"` // the editors' clock
}

// Notice is one thing that a board says.
type Notice struct {
	Seq     uint64       `json:"seq"`
	At      time.Time    `json:"at"` // the editors' clock: a claim
	Until   time.Time    `json:"until"`
	Came    time.Time    `json:"received_at"`
	Pinned  bool         `json:"pinned,omitempty"`
	Text    string       `json:"text"`
	Files   []NoticeFile `json:"files,omitempty"`
	Missing uint64       `json:"missing,omitempty"` // so many before it are not here
	Forked  bool         `json:"forked,omitempty"`
	SeenBy  int          `json:"seen_by,omitempty"` // so many contacts say that they opened it
}

// NoticeFile is a photo or a voice note of a notice. Its bytes come later than
// the notice, or never; NoticeMedia gives them.
type NoticeFile struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Sort  string `json:"sort,omitempty"` // photo or voice; "" is a file of an older Jauap, with its Data
	Bytes int    `json:"bytes,omitempty"`
	Here  bool   `json:"here,omitempty"` // it has arrived
	Data  []byte `json:"data,omitempty"`
}

// NoticeMediaAsk asks for the photo or voice note of a notice.
type NoticeMediaAsk struct {
	Board string `json:"board"`
	Seq   uint64 `json:"seq"`
}

// BoardAsk makes, follows, changes or leaves a board.
type BoardAsk struct {
	Do      string   `json:"do"` // create, follow, set, leave, seen
	ID      string   `json:"id,omitempty"`
	Card    string   `json:"card,omitempty"`    // of follow
	Name    string   `json:"name,omitempty"`    // of create and set
	Editors []string `json:"editors,omitempty"` // of create: keys that `jauap board editor` prints; empty: this device
	Need    int      `json:"need,omitempty"`    // of create
	Muted   bool     `json:"muted,omitempty"`   // of set
	Pinned  bool     `json:"pinned,omitempty"`
	Plain   bool     `json:"text_only,omitempty"` // of set
	Sure    bool     `json:"sure,omitempty"`      // of leave: end an own board for good
	Seqs    []uint64 `json:"seqs,omitempty"`      // of seen: notices that a person opened; contacts may learn it
}

// PostAsk is a new notice of an own board.
type PostAsk struct {
	Board  string       `json:"board"`
	Text   string       `json:"text,omitempty"`
	Files  []NoticeFile `json:"files,omitempty"` // at most one: a photo, made small and cleaned, or a recording of at most 48 KiB
	Days   int          `json:"days,omitempty"`  // 14 by default, at most 120
	Pinned bool         `json:"pinned,omitempty"`
	// Where several editors must sign: with Only a draft is made and nothing
	// posted; later Draft and Signed post it.
	Only   bool     `json:"only,omitempty"`
	Draft  []byte   `json:"draft,omitempty"`
	Signed []string `json:"signed,omitempty"`
}

// Posted answers Post.
type Posted struct {
	Seq   uint64 `json:"seq"`
	Draft []byte `json:"draft,omitempty"` // with Only
	Bare  []byte `json:"bare,omitempty"`  // the draft without its photo or recording; nil when it has none
}

// EditorAsk shows a draft to this device's editor, who may sign it; without one
// only the key is told.
type EditorAsk struct {
	Draft  []byte `json:"draft,omitempty"`
	Sign   bool   `json:"sign,omitempty"`
	Unseen bool   `json:"unseen,omitempty"` // sign even what is not there to be looked at
}

// Editor is this device as an editor of boards.
type Editor struct {
	Key    string `json:"key"` // 64 hexadecimal digits
	Signed string `json:"signed,omitempty"`
	// Of the draft, to look at before it is signed.
	Board  string     `json:"board,omitempty"` // its name here; "" when it is not followed
	Text   string     `json:"text,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Pinned bool       `json:"pinned,omitempty"`
	Files  int        `json:"files,omitempty"` // of an older Jauap, that nobody can look at here
	// What it shows beside its text; not Here when it did not come with the draft.
	Media *NoticeFile `json:"media,omitempty"`
}

// Boards is the part of the door for public notices. A board is named by its ID,
// its beginning, or the name it has here.
type Boards interface {
	Boards(ctx context.Context) ([]Board, error)
	Board(ctx context.Context, ask BoardAsk) (Board, error)
	Notices(ctx context.Context, board string) ([]Notice, error)
	NoticeMedia(ctx context.Context, ask NoticeMediaAsk) (NoticeFile, error)
	Post(ctx context.Context, ask PostAsk) (Posted, error)
	Editor(ctx context.Context, ask EditorAsk) (Editor, error)
}

func boards(m *http.ServeMux, b Boards) {
	m.Handle("GET /api/v1/boards", get(list(b.Boards)))
	m.Handle("POST /api/v1/boards", ask(b.Board))
	m.Handle("POST /api/v1/boards/notices", ask(b.Notices))
	m.Handle("POST /api/v1/boards/media", ask(b.NoticeMedia))
	m.Handle("POST /api/v1/boards/post", ask(b.Post))
	m.Handle("POST /api/v1/boards/editor", ask(b.Editor))
}

// Boards implements Boards.
func (c *Client) Boards(ctx context.Context) ([]Board, error) {
	return fetch[[]Board](ctx, c, http.MethodGet, "boards", nil)
}

// Board implements Boards.
func (c *Client) Board(ctx context.Context, a BoardAsk) (Board, error) {
	return fetch[Board](ctx, c, http.MethodPost, "boards", a)
}

// Notices implements Boards.
func (c *Client) Notices(ctx context.Context, board string) ([]Notice, error) {
	return fetch[[]Notice](ctx, c, http.MethodPost, "boards/notices", board)
}

// NoticeMedia implements Boards.
func (c *Client) NoticeMedia(ctx context.Context, a NoticeMediaAsk) (NoticeFile, error) {
	return fetch[NoticeFile](ctx, c, http.MethodPost, "boards/media", a)
}

// Post implements Boards.
func (c *Client) Post(ctx context.Context, a PostAsk) (Posted, error) {
	return fetch[Posted](ctx, c, http.MethodPost, "boards/post", a)
}

// Editor implements Boards.
func (c *Client) Editor(ctx context.Context, a EditorAsk) (Editor, error) {
	return fetch[Editor](ctx, c, http.MethodPost, "boards/editor", a)
}
