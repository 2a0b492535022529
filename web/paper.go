package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"rsc.io/qr"

	"github.com/jauap/jauap/web/api"
)

// noteScreen takes what came by SMS or on paper: by pasting, by typing, or by a
// picture of the code.
type noteScreen struct {
	Text    string
	Problem string
	Unread  string // why a picture could not be used
	Taken   []takenView
	Refused []refusedView
}

type takenView struct {
	api.Taken
	Said *word
}

type refusedView struct{ Text, Why string }

const shownText = 80

// paper are the screens for SMS and paper.
func (p *pages) paper(m *http.ServeMux) {
	m.Handle("GET /safe/notes", p.screen((*turn).notes))
	m.Handle("GET /note", p.screen((*turn).note))
	m.Handle("POST /note", p.act((*turn).takeNote))
	m.Handle("POST /note/photo", p.acts((*turn).takePicture))
	m.Handle("GET /safe/notes/{seq}/{id}", p.screen((*turn).noteImage))
}

func (x *turn) note() error {
	var s noteScreen
	if list, ok := x.told("note").([]api.Outcome); ok {
		x.outcomes(&s, list)
	}
	return x.showNote(http.StatusOK, s)
}

func (x *turn) showNote(status int, s noteScreen) error {
	x.Tab = "people"
	x.camera()
	x.view("note", status, x.T("note.title"), s)
	return nil
}

// camera lets this screen, and this page alone, use the camera.
func (x *turn) camera() {
	h := x.w.Header()
	h.Set("Permissions-Policy", strings.Replace(h.Get("Permissions-Policy"), "camera=()", "camera=(self)", 1))
}

// outcomes words what became of notes.
func (x *turn) outcomes(s *noteScreen, list []api.Outcome) {
	for _, o := range list {
		if o.Taken != nil {
			s.Taken = append(s.Taken, takenView{*o.Taken, x.word(o.Taken.Word)})
			continue
		}
		s.Refused = append(s.Refused, refusedView{cut(strings.Join(strings.Fields(o.Text), " "), shownText), x.whyNot(o.Why)})
	}
}

func (x *turn) whyNot(why string) string {
	switch why {
	case "typo":
		return x.T("note.typo")
	case "mismatch":
		return x.T("note.false")
	case "mine":
		return x.T("note.mine")
	case "no-code":
		return x.T("note.no-code")
	}
	return x.T("note.failed")
}

// takeNote files a text with one note or several.
func (x *turn) takeNote() error {
	s := noteScreen{Text: strings.TrimSpace(x.form.Get("text"))}
	list, err := x.p.b.TakeNotes(x.ctx(), api.TakeAsk{Text: s.Text})
	if err != nil {
		return err
	}
	if len(list) == 1 && list[0].Taken == nil { // to be put right where it was typed
		s.Problem = x.whyNot(list[0].Why)
		return x.showNote(http.StatusUnprocessableEntity, s)
	}
	x.tell("note", list)
	return x.see(x.Path("note"))
}

// takePicture reads a photo of a note's code, or what the camera sees just now, in
// which mostly no code is to be found yet.
func (x *turn) takePicture() error {
	live := x.live()
	problem := func(why string) error {
		if live {
			x.w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return x.showNote(http.StatusUnprocessableEntity, noteScreen{Unread: x.T(why)})
	}
	if x.cut || len(x.form.files) != 1 {
		return problem("note.unread")
	}
	s, err := x.p.b.Scan(x.ctx(), x.form.files[0].Data)
	if errors.Is(err, api.ErrBadPicture) || errors.Is(err, api.ErrTooLarge) {
		return problem("note.unread")
	}
	if err != nil {
		return err
	}
	return x.noteSeen(s.Code, live)
}

// noteSeen files the note that a picture held.
func (x *turn) noteSeen(text string, live bool) error {
	list, err := x.p.b.TakeNotes(x.ctx(), api.TakeAsk{Text: text})
	if err != nil {
		return err
	}
	x.tell("note", list)
	if live {
		// The page goes on by itself: a fetch must not use up what is told once.
		x.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = x.w.Write([]byte(x.Path("note")))
		return nil
	}
	return x.see(x.Path("note"))
}

// noteImage is one person's note as a picture, for paper.
func (x *turn) noteImage() error {
	seq, err := strconv.ParseUint(x.r.PathValue("seq"), 10, 32)
	id := x.r.PathValue("id")
	if err != nil || !api.GoodID(id) {
		return api.ErrNotFound
	}
	list, err := x.p.b.Notes(x.ctx(), api.NotesAsk{Lang: x.Lang.Tag, Seq: uint32(seq), To: []string{id}})
	if err != nil || len(list) != 1 {
		return errors.Join(err, api.ErrNotFound)
	}
	code, err := qr.Encode(list[0].Text, qr.M)
	if err != nil {
		return api.ErrNotFound
	}
	x.w.Header().Set("Content-Type", "image/png")
	_, _ = x.w.Write(code.PNG())
	return nil
}
