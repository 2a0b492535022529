package web

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jauap/jauap/web/api"
)

// heavy is how many bytes of new files are looked at once more before they are
// sent: more than a text, so the person is told what it costs.
const heavy = 50_000

// compose is the form of a conversation: what is not sent yet.
type compose struct {
	ID, Name string // of the conversation
	Action   string // where the form goes
	Draft    api.Drafted
	Cost     string // in words; empty when there are only words
	Pace     string
	Problem  string
	Look     string // told once: look at the size, then send
	Max      int    // bytes of files
	MaxText  int    // bytes of words
}

func (x *turn) compose(id, name, action, text, problem string) (compose, error) {
	d, err := x.p.b.Draft(x.ctx(), api.DraftAsk{With: id})
	if err != nil {
		return compose{}, err
	}
	if text != "" {
		d.Text = text
	}
	look, _ := x.told("look " + id).(string)
	c := compose{ID: id, Name: name, Action: action, Draft: d, Problem: problem, Max: api.MaxFiles, MaxText: api.MaxText, Look: look}
	if len(d.Files) > 0 {
		c.Cost = x.T("cost.texts", "size", x.Size(d.Cost.Bytes+d.Cost.Held), "texts", x.T("cost.n", "n", d.Cost.Texts))
		c.Pace = x.T("cost.unknown")
		if p := d.Cost.Pace; p != nil {
			c.Pace = x.T("cost.pace", "size", x.Size(p.Bytes), "span", x.Lang.span(p.Seconds), "at-most", x.Lang.span(d.Cost.Seconds))
		}
		if d.Cost.Held > 0 {
			c.Pace += " " + x.T("cost.held", "size", x.Size(d.Cost.Held))
		}
	}
	return c, nil
}

// Vanish are the times after which a letter may vanish, in seconds.
func (x *turn) Vanish() []int64 { return []int64{3600, 24 * 3600, 7 * 24 * 3600} }

// Span is a time in words.
func (x *turn) Span(seconds int64) string { return x.Lang.span(int(seconds)) }

// Seconds is Span of a voice note.
func (x *turn) Seconds(n int) string { return x.Lang.span(n) }

// span is a length of time in words, of one unit.
func (l *language) span(seconds int) string {
	for _, u := range []struct {
		key  string
		long int
	}{{"span.days", 24 * 3600}, {"span.hours", 3600}, {"span.minutes", 60}} {
		if n := (seconds + u.long/2) / u.long; n > 1 || n == 1 && seconds >= u.long {
			return l.say(u.key, "n", n)
		}
	}
	return l.say("span.seconds", "n", max(seconds, 1))
}

// write takes the form: it sends, or only keeps what is there. show is the
// screen around it, when something is wrong.
func (x *turn) write(id, home string, show func(status int, text, problem string) error) error {
	text := strings.ReplaceAll(x.form.Get("text"), "\r\n", "\n")
	if x.cut {
		return show(http.StatusRequestEntityTooLarge, text, x.tooMuch())
	}
	ask := api.DraftAsk{With: id, Text: &text, Files: x.riders(), Size: x.form.Get("size"), Whole: x.form.Get("whole") != ""}
	if key, err := strconv.ParseUint(x.form.Get("drop"), 10, 32); err == nil {
		k := uint32(key)
		ask.Drop = &k
	}
	weight := 0
	for _, f := range ask.Files {
		weight += len(f.Data)
	}
	if x.form.Get("do") == "attach" || ask.Drop != nil || weight > heavy {
		if _, err := x.p.b.Draft(x.ctx(), ask); err != nil {
			return x.notKept(err, text, show)
		}
		if weight > 0 {
			x.tell("look "+id, x.T("talk.look"))
		}
		return x.see(home + "#write")
	}
	d, err := x.p.b.Draft(x.ctx(), api.DraftAsk{With: id})
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" && len(ask.Files)+len(d.Files) == 0 {
		return show(http.StatusBadRequest, "", x.T("fail.empty"))
	}
	if text == "" && d.Text != "" { // emptied by hand: the draft's words must not go
		if _, err = x.p.b.Draft(x.ctx(), api.DraftAsk{With: id, Text: &text}); err != nil {
			return err
		}
	}
	vanish, _ := strconv.ParseInt(x.form.Get("vanish"), 10, 64) // nothing chosen is never
	_, err = x.p.b.Send(x.ctx(), api.SendAsk{To: id, Text: text, Files: ask.Files, Size: ask.Size, Whole: ask.Whole, Vanish: vanish, Draft: true})
	if err != nil {
		_, _ = x.p.b.Draft(x.ctx(), api.DraftAsk{With: id, Text: &text}) // a crash now loses nothing; the form holds the words anyway
		return x.notKept(err, text, show)
	}
	return x.see(home + "#end")
}

// riders are the files of the form, each of the kind whose field it was in.
func (x *turn) riders() []api.SendFile {
	seconds, _ := strconv.Atoi(x.form.Get("seconds"))
	files := x.form.files
	for i := range files {
		if files[i].Kind == api.Voice && seconds > 0 && seconds < 1<<16 {
			files[i].Seconds = seconds
		}
	}
	return files
}

func (x *turn) notKept(err error, text string, show func(int, string, string) error) error {
	key, status := "fail.other", http.StatusInternalServerError
	switch {
	case errors.Is(err, api.ErrFull):
		key, status = "fail.full", http.StatusInsufficientStorage
	case errors.Is(err, api.ErrClock):
		key, status = "fail.clock", http.StatusConflict
	case errors.Is(err, api.ErrTooLarge):
		key, status = "fail.large", http.StatusRequestEntityTooLarge
	case errors.Is(err, api.ErrNotAllowed):
		key, status = "group.not-in", http.StatusForbidden
	case errors.Is(err, api.ErrUsage):
		key, status = "fail.media", http.StatusUnprocessableEntity
	}
	return show(status, text, x.T(key))
}

// keepDraft keeps the words of a form while they are typed.
func (x *turn) keepDraft() error {
	text := strings.ReplaceAll(x.form.Get("text"), "\r\n", "\n")
	if _, err := x.p.b.Draft(x.ctx(), api.DraftAsk{With: x.r.PathValue("id"), Text: &text}); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// kept shows a photo of a draft.
func (x *turn) kept() error {
	d, err := x.p.b.Draft(x.ctx(), api.DraftAsk{With: x.r.PathValue("id")})
	if err != nil {
		return err
	}
	for _, f := range d.Files {
		if strconv.FormatUint(uint64(f.Key), 10) == x.r.PathValue("key") && len(f.Preview) > 0 {
			return x.bytes("image/jpeg", f.Preview)
		}
	}
	return api.ErrNotFound
}

// picture shows a photo as this device encoded it.
func (x *turn) picture() error {
	id := x.r.PathValue("id")
	if !api.GoodID(id) {
		return api.ErrNotFound
	}
	p, err := x.p.b.Picture(x.ctx(), api.PictureAsk{ID: id})
	if err != nil {
		return err
	}
	return x.bytes("image/jpeg", p.JPEG)
}

// sound plays a voice note.
func (x *turn) sound() error {
	id := x.r.PathValue("id")
	if !api.GoodID(id) {
		return api.ErrNotFound
	}
	s, err := x.p.b.Sound(x.ctx(), api.SoundAsk{ID: id})
	if err != nil {
		return err
	}
	if !strings.HasPrefix(s.Type, "audio/") {
		return api.ErrNotFound
	}
	return x.bytes(s.Type, s.Data)
}

// bytes answers with what no browser may take for anything else.
func (x *turn) bytes(kind string, b []byte) error {
	h := x.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	api.AnswerDeadline(x.w, time.Minute)
	http.ServeContent(x.w, x.r, "", time.Time{}, bytes.NewReader(b))
	return nil
}

// fetch asks a sender for a photo.
func (x *turn) fetch() error {
	if _, err := x.p.b.Fetch(x.ctx(), api.FetchAsk{ID: x.r.PathValue("id")}); err != nil {
		return err
	}
	return x.see(x.back())
}

// deleteScreen asks once more.
type deleteScreen struct {
	ID, Back string
}

func (x *turn) askDelete() error {
	id := x.r.PathValue("id")
	if !api.GoodID(id) {
		return api.ErrNotFound
	}
	x.Tab = "people"
	back := x.r.URL.Query().Get("back")
	x.form = form{Values: url.Values{"back": {back}}}
	x.view("delete", http.StatusOK, x.T("delete.title"), deleteScreen{id, x.back()})
	return nil
}

func (x *turn) delete() error {
	d, err := x.p.b.Delete(x.ctx(), api.DeleteAsk{IDs: []string{x.r.PathValue("id")}})
	if err != nil {
		return err
	}
	key := "delete.done"
	if d.Withdrawn > 0 {
		key = "delete.withdrawn"
	} else if d.Out > 0 {
		key = "delete.out"
	}
	x.tell("deleted", x.T(key))
	return x.see(x.back())
}

// found is one letter of a search.
type found struct {
	letter
	Who  string
	Href string
}

// searchScreen is what was looked for and found.
type searchScreen struct {
	Query string
	Asked bool
	List  []found
	Count string
}

func (x *turn) search() error {
	x.Tab = "people"
	s := searchScreen{Query: strings.TrimSpace(cut(x.r.URL.Query().Get("q"), 200))}
	if s.Asked = s.Query != ""; s.Asked {
		list, err := x.p.b.Search(x.ctx(), api.SearchAsk{Query: s.Query})
		if err != nil {
			return err
		}
		people, err := x.p.b.People(x.ctx())
		if err != nil {
			return err
		}
		ids := map[string]string{}
		for _, p := range people {
			ids[p.Name] = p.ID
		}
		for _, l := range list {
			f := found{letter: x.letter(l), Who: l.From}
			if f.Mine {
				f.Who = l.To
			}
			if id := ids[f.Who]; id != "" {
				f.Href = x.Path("with", id) + "#end"
			}
			s.List = append(s.List, f)
		}
		s.Count = x.T("search.found", "n", len(list))
	}
	x.view("search", http.StatusOK, x.T("search.title"), s)
	return nil
}
