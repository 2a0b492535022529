package web

import (
	"errors"
	"mime"
	"net/http"
	"sort"
	"strconv"
	"strings"

	"rsc.io/qr"

	"github.com/jauap/jauap/web/api"
)

func (p *pages) boardPages(m *http.ServeMux) {
	m.Handle("GET /boards", p.screen((*turn).boards))
	m.Handle("POST /boards", p.act((*turn).changeBoards))
	m.Handle("POST /boards/feed", p.act((*turn).setFeed))
	m.Handle("GET /boards/{id}", p.screen((*turn).oneBoard))
	m.Handle("POST /boards/{id}", p.act((*turn).actBoard))
	m.Handle("GET /boards/{id}/wall", p.screen((*turn).wall))
	m.Handle("GET /boards/{id}/card.png", p.screen((*turn).boardQR))
	m.Handle("GET /boards/{id}/media/{seq}", p.screen((*turn).noticeMedia))
	m.Handle("GET /boards/{id}/file/{seq}/{n}", p.screen((*turn).noticeFile))
}

// boardsScreen lists public boards with the newest that each says.
type boardsScreen struct {
	Boards  []publicBoard
	Card    string
	Name    string
	Problem string
	Done    string
	Feed    string // its address for a reader of this device; "" while there is none
}

// publicBoard is what a template says about one board.
type publicBoard struct {
	api.Board
	Signed  string // how many editors stand behind it
	Latest  *noticeView
	Notices []noticeView
	Problem string
	Typed   string
	Again   string // what must be chosen once more
	Leaving bool   // an own board is to end: asked once more
	Done    string
	Feed    string // as of boardsScreen
}

// noticeView is one notice.
type noticeView struct {
	api.Notice
	When *moment
	Left *moment         // until when it holds
	Lost int             // so many before it have not come
	Show *api.NoticeFile // photo or voice note; nil when there is none
	Rest []restFile      // of an older Jauap
}

type restFile struct {
	N    int
	Name string
}

func (x *turn) publicBoard(b api.Board) publicBoard {
	v := publicBoard{Board: b, Signed: x.T("boards.signed-one")}
	if b.Editors > 1 {
		v.Signed = x.T("boards.signed", "need", b.Need, "n", b.Editors)
	}
	return v
}

func (x *turn) notices(v *publicBoard) error {
	list, err := x.p.b.Notices(x.ctx(), v.ID)
	for _, n := range list {
		nv := noticeView{Notice: n, When: x.When(n.At), Left: x.When(n.Until), Lost: int(min(n.Missing, 1<<20))}
		for i, f := range n.Files {
			if f.Sort == "" {
				nv.Rest = append(nv.Rest, restFile{i, f.Name})
			} else if nv.Show == nil {
				nv.Show = &n.Files[i]
			}
		}
		v.Notices = append(v.Notices, nv)
	}
	sort.SliceStable(v.Notices, func(i, j int) bool { return v.Notices[i].Pinned && !v.Notices[j].Pinned })
	for i := range v.Notices {
		if v.Latest == nil || v.Notices[i].Pinned && !v.Latest.Pinned {
			v.Latest = &v.Notices[i]
		}
	}
	return err
}

// boards lists those that are followed.
func (x *turn) boards() error { return x.boardsWith(boardsScreen{}, http.StatusOK) }

func (x *turn) boardsWith(s boardsScreen, status int) error {
	x.Tab = "people"
	list, err := x.p.b.Boards(x.ctx())
	if err != nil {
		return err
	}
	if s.Done == "" {
		s.Done, _ = x.told("boards").(string)
	}
	for _, b := range list {
		v := x.publicBoard(b)
		if !b.Muted {
			if err := x.notices(&v); err != nil {
				return err
			}
		}
		s.Boards = append(s.Boards, v)
	}
	s.Feed = x.feedAddress("")
	x.view("boards", status, x.T("boards.title"), s)
	return nil
}

// changeBoards follows a board, or makes one.
func (x *turn) changeBoards() error {
	s := boardsScreen{Card: strings.TrimSpace(x.form.Get("card")), Name: strings.TrimSpace(x.form.Get("name"))}
	a := api.BoardAsk{Do: "follow", Card: s.Card}
	if s.Card == "" {
		a = api.BoardAsk{Do: "create", Name: s.Name}
	}
	if s.Card == "" && s.Name == "" {
		s.Problem = x.T("boards.empty")
		return x.boardsWith(s, http.StatusBadRequest)
	}
	b, err := x.p.b.Board(x.ctx(), a)
	if errors.Is(err, api.ErrUsage) {
		s.Problem = x.T("boards.bad")
		return x.boardsWith(s, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return x.see(x.Path("boards", b.ID))
}

func (x *turn) findPublicBoard() (v publicBoard, err error) {
	list, err := x.p.b.Boards(x.ctx())
	for _, b := range list {
		if b.ID == x.r.PathValue("id") {
			v = x.publicBoard(b)
			return v, x.notices(&v)
		}
	}
	if err == nil {
		err = api.ErrNotFound
	}
	return v, err
}

// oneBoard shows all that one says; wall shows it on a big screen or on paper.
func (x *turn) oneBoard() error {
	x.Tab = "people"
	v, err := x.findPublicBoard()
	if err != nil {
		return err
	}
	if err := x.saw(v); err != nil {
		return err
	}
	v.Done, _ = x.told("board").(string)
	v.Feed = x.feedAddress(v.ID)
	x.view("oneboard", http.StatusOK, v.Name, v)
	return nil
}

// saw says that the person opened what is shown.
func (x *turn) saw(v publicBoard) error {
	a := api.BoardAsk{Do: "seen", ID: v.ID}
	for _, n := range v.Notices {
		a.Seqs = append(a.Seqs, n.Seq)
	}
	if len(a.Seqs) == 0 {
		return nil
	}
	_, err := x.p.b.Board(x.ctx(), a)
	return err
}

func (x *turn) wall() error {
	v, err := x.findPublicBoard()
	if err != nil {
		return err
	}
	x.view("wall", http.StatusOK, v.Name, v)
	return nil
}

// actBoard posts on an own board, or changes how one is shown.
func (x *turn) actBoard() error {
	v, err := x.findPublicBoard()
	if err != nil {
		return err
	}
	switch x.form.Get("do") {
	case "post":
		return x.post(v)
	case "again":
		return x.takeUp(v)
	case "publish":
		return x.publish(v)
	case "change":
		return x.changeDraft(v)
	case "save":
		return x.saveDraft()
	case "leave":
		if v.Mine && x.form.Get("sure") == "" {
			v.Leaving = true
			x.view("oneboard", http.StatusOK, v.Name, v)
			return nil
		}
		if _, err := x.p.b.Board(x.ctx(), api.BoardAsk{Do: "leave", ID: v.ID, Sure: x.form.Get("sure") != ""}); err != nil {
			return err
		}
		x.tell("boards", x.T("boards.left"))
		return x.see(x.Path("boards"))
	}
	ask := api.BoardAsk{Do: "set", ID: v.ID, Muted: x.form.Get("muted") != "", Pinned: x.form.Get("pinned") != "", Plain: x.form.Get("plain") != ""}
	if _, err := x.p.b.Board(x.ctx(), ask); err != nil {
		return err
	}
	x.tell("board", x.T("boards.saved"))
	return x.see(x.Path("boards", v.ID))
}

func (x *turn) post(v publicBoard) error {
	v.Typed = strings.TrimSpace(x.form.Get("text"))
	a := api.PostAsk{Board: v.ID, Text: v.Typed, Pinned: x.form.Get("pinned") != ""}
	for _, f := range x.form.files {
		a.Files = append(a.Files, api.NoticeFile{Name: f.Name, Data: f.Data})
	}
	if v.Need > 1 || len(a.Files) > 0 { // nobody publishes unheard what nobody can take back
		return x.draft(v, a)
	}
	if _, err := x.p.b.Post(x.ctx(), a); err != nil {
		if !errors.Is(err, api.ErrUsage) {
			return err
		}
		return x.notPosted(v, err)
	}
	x.tell("board", x.T("boards.posted"))
	return x.see(x.Path("boards", v.ID))
}

// noticeMedia shows a photo or plays a voice note, as this device drew or
// recognised it.
func (x *turn) noticeMedia() error {
	seq, err := strconv.ParseUint(x.r.PathValue("seq"), 10, 64)
	if err != nil {
		return api.ErrNotFound
	}
	f, err := x.p.b.NoticeMedia(x.ctx(), api.NoticeMediaAsk{Board: x.r.PathValue("id"), Seq: seq})
	if err != nil {
		return err
	}
	return x.noticeBytes(f)
}

func (x *turn) noticeBytes(f api.NoticeFile) error {
	if f.Type != "image/jpeg" && !strings.HasPrefix(f.Type, "audio/") {
		return api.ErrNotFound
	}
	return x.bytes(f.Type, f.Data)
}

// noticeFile gives a file of an older Jauap's notice as a download.
func (x *turn) noticeFile() error {
	v, err := x.findPublicBoard()
	if err != nil {
		return err
	}
	seq, err1 := strconv.ParseUint(x.r.PathValue("seq"), 10, 64)
	i, err2 := strconv.Atoi(x.r.PathValue("n"))
	for _, n := range v.Notices {
		if err1 == nil && err2 == nil && n.Seq == seq && i >= 0 && i < len(n.Files) && n.Files[i].Sort == "" {
			h := x.w.Header()
			h.Set("Content-Type", "application/octet-stream")
			h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": api.CleanName(n.Files[i].Name)}))
			_, _ = x.w.Write(n.Files[i].Data)
			return nil
		}
	}
	return api.ErrNotFound
}

// boardQR is the card as a picture.
func (x *turn) boardQR() error {
	v, err := x.findPublicBoard()
	if err != nil {
		return err
	}
	code, err := qr.Encode(v.Card, qr.L)
	if err != nil {
		return api.ErrNotFound // too many editors for a picture
	}
	x.w.Header().Set("Content-Type", "image/png")
	_, _ = x.w.Write(code.PNG())
	return nil
}
