package web

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// editorScreen is this device as one of several editors of a board.
type editorScreen struct {
	api.Editor
	Draft            string // that was pasted
	Name, Keys, Need string // of a board to make
	Problem          string // of signing
	Unmade           string
}

// draftScreen is a notice of an own board that others must sign.
type draftScreen struct {
	publicBoard
	Draft  string
	Say    api.PostAsk
	Signed string
}

// editors serves the screens of boards with several editors.
func (p *pages) editors(m *http.ServeMux) {
	m.Handle("GET /editor", p.screen((*turn).editor))
	m.Handle("POST /editor", p.act((*turn).actEditor))
}

func (x *turn) editor() error { return x.editorWith(editorScreen{Need: "2"}, http.StatusOK) }

func (x *turn) editorWith(s editorScreen, status int) error {
	x.Tab = "people"
	if s.Key == "" {
		e, err := x.p.b.Editor(x.ctx(), api.EditorAsk{})
		if err != nil {
			return err
		}
		s.Editor = e
	}
	x.view("editor", status, x.T("editor.title"), s)
	return nil
}

// draftText is a draft that goes from one screen to another by hand.
func draftText(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func readDraft(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		return nil
	}
	return b
}

// actEditor signs a draft of others, or makes a board of several editors.
func (x *turn) actEditor() (err error) {
	s := editorScreen{Draft: strings.TrimSpace(x.form.Get("draft")), Name: strings.TrimSpace(x.form.Get("name")), Keys: strings.TrimSpace(x.form.Get("keys")), Need: x.form.Get("need")}
	if x.form.Get("do") == "make" {
		return x.makeTogether(s)
	}
	if b := readDraft(s.Draft); len(b) > 0 {
		s.Editor, err = x.p.b.Editor(x.ctx(), api.EditorAsk{Draft: b})
	}
	if errors.Is(err, api.ErrUsage) || err == nil && s.Signed == "" {
		s.Editor, s.Problem = api.Editor{}, x.T("editor.bad")
		return x.editorWith(s, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return x.editorWith(s, http.StatusOK)
}

func (x *turn) makeTogether(s editorScreen) error {
	me, err := x.p.b.Editor(x.ctx(), api.EditorAsk{})
	if err != nil {
		return err
	}
	a := api.BoardAsk{Do: "create", Name: s.Name, Editors: []string{me.Key}}
	a.Editors = append(a.Editors, strings.Fields(s.Keys)...)
	if a.Need, err = strconv.Atoi(strings.TrimSpace(s.Need)); err != nil || a.Need < 1 || s.Name == "" {
		err = api.ErrUsage
	} else {
		var b api.Board
		if b, err = x.p.b.Board(x.ctx(), a); err == nil {
			return x.see(x.Path("boards", b.ID))
		}
	}
	if !errors.Is(err, api.ErrUsage) {
		return err
	}
	s.Unmade = x.T("editor.not-made")
	return x.editorWith(s, http.StatusUnprocessableEntity)
}

// draft shows a notice that is not yet signed by enough.
func (x *turn) draft(v publicBoard, a api.PostAsk) error {
	a.Only = true
	made, err := x.p.b.Post(x.ctx(), a)
	if errors.Is(err, api.ErrUsage) {
		v.Problem = x.T("boards.not-posted", "why", isolate(err.Error()))
		x.view("oneboard", http.StatusUnprocessableEntity, v.Name, v)
		return nil
	}
	if err != nil {
		return err
	}
	x.view("draft", http.StatusOK, v.Name, draftScreen{publicBoard: v, Draft: draftText(made.Draft), Say: a})
	return nil
}

// publish posts a draft with the signatures that came back.
func (x *turn) publish(v publicBoard) error {
	s := draftScreen{publicBoard: v, Draft: x.form.Get("draft"), Signed: strings.TrimSpace(x.form.Get("signed")), Say: api.PostAsk{Text: x.form.Get("text")}}
	_, err := x.p.b.Post(x.ctx(), api.PostAsk{Board: v.ID, Draft: readDraft(s.Draft), Signed: strings.Fields(s.Signed)})
	if errors.Is(err, api.ErrUsage) {
		s.Problem = x.T("boards.not-posted", "why", isolate(err.Error()))
		x.view("draft", http.StatusUnprocessableEntity, v.Name, s)
		return nil
	}
	if err != nil {
		return err
	}
	x.tell("board", x.T("boards.posted"))
	return x.see(x.Path("boards", v.ID))
}
