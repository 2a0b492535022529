package web

import (
	"errors"
	"net/http"

	"github.com/jauap/jauap/web/api"
)

type phraseScreen struct {
	Problem, Done string
	Protected     bool
}

// phrase shows where passphrases are changed. It looks the same whether there is one
// under duress or not.
func (x *turn) phrase(status int, s phraseScreen) error {
	x.Tab = "me"
	now, err := x.p.b.Status(x.ctx())
	if err != nil {
		return err
	}
	s.Protected = now.Lock != nil
	x.view("phrase", status, x.T("phrase.title"), s)
	return nil
}

// rephrase changes the passphrase, or sets the one under duress.
func (x *turn) rephrase() error {
	act, pass := x.form.Get("act"), x.form.Get("pass")
	ask := api.PhraseAsk{Now: []byte(x.form.Get("now")), Duress: act != "change", Off: act == "off"}
	s := phraseScreen{Done: x.T("phrase.changed")}
	if ask.Duress {
		s.Done = x.T("duress.done")
	}
	if !ask.Off {
		ask.New = []byte(pass)
		switch {
		case ask.Duress && x.form.Get("sure") == "":
			s.Problem = x.T("duress.unsure")
		case pass != x.form.Get("again"):
			s.Problem = x.T("first.differ")
		case len(pass) < shortest:
			s.Problem = x.T("phrase.short")
		}
	}
	if s.Problem == "" {
		_, err := x.p.b.Phrase(x.ctx(), ask)
		switch {
		case errors.Is(err, api.ErrMismatch):
			return x.see(x.Path()) // it is locked
		case err != nil:
			s.Problem = x.T("first.failed", "why", x.why(err))
		}
	}
	if s.Problem != "" {
		s.Done = ""
		return x.phrase(http.StatusUnprocessableEntity, s)
	}
	return x.phrase(http.StatusOK, s)
}
