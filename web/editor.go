package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// looked is a photo or recording of a draft that somebody looks at now.
type looked struct {
	key string
	api.NoticeFile
}

// maxLooked is how many of them one visit keeps.
const maxLooked = 6

// keep lets a page show what is in no board yet.
func (v *visit) keep(f api.NoticeFile) string {
	sum := sha256.Sum256(f.Data)
	key := hex.EncodeToString(sum[:16])
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looked = append(v.looked[max(0, len(v.looked)-maxLooked+1):len(v.looked):len(v.looked)], looked{key, f})
	return key
}

func (v *visit) kept(key string) (f api.NoticeFile, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, l := range v.looked {
		if l.key == key {
			return l.NoticeFile, true
		}
	}
	return f, false
}

// shownDraft is a draft as an editor must see it before it is signed.
type shownDraft struct {
	Editor api.Editor
	Draft  string // as text
	Show   string // path of its photo or recording; "" when there is none here
	Left   *moment
	Size   string // of the photo or recording
}

// examine shows a draft, and signs it if asked.
func (x *turn) examine(a api.EditorAsk) (s shownDraft, err error) {
	if s.Editor, err = x.p.b.Editor(x.ctx(), a); err != nil {
		return s, err
	}
	s.Draft, s.Left = draftText(a.Draft), x.Age(s.Editor.Until)
	if m := s.Editor.Media; m != nil {
		s.Size = x.Size(int64(m.Bytes))
		if m.Here {
			s.Show = x.Path("editor", "media", x.visit.keep(*m))
		}
	}
	return s, nil
}

// editorScreen is this device as one of several editors of a board.
type editorScreen struct {
	shownDraft
	Looked           bool   // the draft was read and is to be looked at
	Pasted           string // what was no draft
	Name, Keys, Need string // of a board to make
	Problem          string // of signing
	Unmade           string
}

// draftScreen is a notice of an own board before it is public.
type draftScreen struct {
	publicBoard
	shownDraft
	Bare    string // without its photo or recording; "" when it has none
	Cosigns string
	Problem string
}

// editors serves the screens of boards with several editors.
func (p *pages) editors(m *http.ServeMux) {
	m.Handle("GET /editor", p.screen((*turn).editor))
	m.Handle("POST /editor", p.act((*turn).actEditor))
	m.Handle("GET /editor/media/{key}", p.screen((*turn).draftMedia))
}

func (x *turn) editor() error { return x.editorWith(editorScreen{Need: "2"}, http.StatusOK) }

func (x *turn) editorWith(s editorScreen, status int) error {
	x.Tab = "people"
	if s.Editor.Key == "" {
		e, err := x.p.b.Editor(x.ctx(), api.EditorAsk{})
		if err != nil {
			return err
		}
		s.Editor.Key = e.Key
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

// draftOf is the draft of a form: a file, or text.
func (f form) draft() []byte {
	for _, x := range f.files {
		if len(x.Data) > 0 {
			return x.Data
		}
	}
	return readDraft(f.Get("draft"))
}

// actEditor shows a draft of others, signs it, or makes a board of several editors.
func (x *turn) actEditor() error {
	s := editorScreen{Pasted: strings.TrimSpace(x.form.Get("draft")), Name: strings.TrimSpace(x.form.Get("name")), Keys: strings.TrimSpace(x.form.Get("keys")), Need: x.form.Get("need")}
	if x.form.Get("do") == "make" {
		return x.makeTogether(s)
	}
	a := api.EditorAsk{Draft: x.form.draft()}
	bad := func() error {
		s.Problem = x.T("editor.bad")
		return x.editorWith(s, http.StatusUnprocessableEntity)
	}
	if len(a.Draft) == 0 {
		return bad()
	}
	shown, err := x.examine(a)
	if errors.Is(err, api.ErrUsage) {
		return bad()
	}
	if err != nil {
		return err
	}
	s.shownDraft, s.Looked, s.Pasted = shown, true, ""
	if x.form.Get("do") != "sign" {
		return x.editorWith(s, http.StatusOK)
	}
	if a.Sign, a.Unseen = true, x.form.Get("unseen") != ""; !a.Unseen && s.Editor.Media != nil && !s.Editor.Media.Here {
		s.Problem = x.T("editor.tick")
		return x.editorWith(s, http.StatusUnprocessableEntity)
	}
	if s.shownDraft, err = x.examine(a); err != nil {
		return err
	}
	return x.editorWith(s, http.StatusOK)
}

// draftMedia shows what a draft shows, to the visitor who looks at it.
func (x *turn) draftMedia() error {
	f, ok := x.visit.kept(x.r.PathValue("key"))
	if !ok {
		return api.ErrNotFound
	}
	return x.noticeBytes(f)
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

// draft shows a notice as everybody will see it, before it is public; where
// several editors sign, it goes to them first.
func (x *turn) draft(v publicBoard, a api.PostAsk) error {
	a.Only = true
	made, err := x.p.b.Post(x.ctx(), a)
	if errors.Is(err, api.ErrUsage) {
		return x.notPosted(v, err)
	}
	if err != nil {
		return err
	}
	s := draftScreen{publicBoard: v}
	if len(made.Bare) > 0 {
		s.Bare = draftText(made.Bare)
	}
	if s.shownDraft, err = x.examine(api.EditorAsk{Draft: made.Draft}); err != nil {
		return err
	}
	x.view("draft", http.StatusOK, v.Name, s)
	return nil
}

func (x *turn) notPosted(v publicBoard, err error) error {
	v.Problem = x.T("boards.not-posted", "why", x.why(err))
	x.view("oneboard", http.StatusUnprocessableEntity, v.Name, v)
	return nil
}

// publish posts a draft with the signatures that came back.
func (x *turn) publish(v publicBoard) error {
	b := x.form.draft()
	cosigns := strings.TrimSpace(x.form.Get("signed"))
	_, err := x.p.b.Post(x.ctx(), api.PostAsk{Board: v.ID, Draft: b, Signed: strings.Fields(cosigns)})
	if err == nil && len(b) > 0 {
		x.tell("board", x.T("boards.posted"))
		return x.see(x.Path("boards", v.ID))
	}
	if err != nil && !errors.Is(err, api.ErrUsage) {
		return err
	}
	s := draftScreen{publicBoard: v, Bare: x.form.Get("bare"), Cosigns: cosigns}
	var bad error
	if s.shownDraft, bad = x.examine(api.EditorAsk{Draft: b}); bad != nil || len(b) == 0 {
		return x.takeUp(v) // says that it is none
	}
	s.Problem = x.T("boards.not-posted", "why", x.why(err))
	x.view("draft", http.StatusUnprocessableEntity, v.Name, s)
	return nil
}

// takeUp shows a draft that was made earlier, to publish it with the signatures
// that came back since.
func (x *turn) takeUp(v publicBoard) error {
	b := x.form.draft()
	s, err := draftScreen{publicBoard: v}, error(api.ErrUsage)
	if len(b) > 0 {
		s.shownDraft, err = x.examine(api.EditorAsk{Draft: b})
	}
	if errors.Is(err, api.ErrUsage) {
		v.Problem = x.T("editor.bad")
		x.view("oneboard", http.StatusUnprocessableEntity, v.Name, v)
		return nil
	}
	if err != nil {
		return err
	}
	x.view("draft", http.StatusOK, v.Name, s)
	return nil
}

// changeDraft goes back to the words of a draft.
func (x *turn) changeDraft(v publicBoard) error {
	s, err := x.examine(api.EditorAsk{Draft: x.form.draft()})
	if err != nil {
		return err
	}
	if v.Typed = s.Editor.Text; s.Editor.Media != nil {
		v.Again = x.T("draft.again")
	}
	x.view("oneboard", http.StatusOK, v.Name, v)
	return nil
}

// saveDraft gives a draft as a file, for another editor.
func (x *turn) saveDraft() error {
	h := x.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="notice.draft"`)
	_, _ = x.w.Write(x.form.draft())
	return nil
}
