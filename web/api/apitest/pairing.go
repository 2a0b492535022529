package apitest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/web/api"
)

// NewCode implements api.Pairing. The digits are believable, no more.
func (f *Fake) NewCode(context.Context) (api.Code, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["NewCode"]; err != nil {
		return api.Code{}, err
	}
	id := f.nextID("code")
	at := f.now()
	ends := at.Add(72 * time.Hour)
	c := api.Code{
		ID: id, Digits: digits(id + f.me.Name), Words: map[string][]string{}, MadeAt: at, EndsAt: &ends, Out: "here", Answers: []api.Person{},
	}
	for _, lang := range []string{"en", "kk", "ru"} {
		c.Words[lang] = words(lang + id)
	}
	f.codes = append([]api.Code{c}, f.codes...)
	f.bump()
	return c, nil
}

// Calls implements api.Pairing.
func (f *Fake) Calls(context.Context) (api.Calls, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return api.Calls{Codes: slices.Clone(f.codes), Looks: slices.Clone(f.looks)}, f.fails["Calls"]
}

// Look implements api.Pairing. Eight words or 24 digits are right.
func (f *Fake) Look(_ context.Context, a api.LookAsk) (api.Look, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Look"]; err != nil {
		return api.Look{}, err
	}
	parts := strings.Fields(a.Code)
	joined := strings.Join(parts, "")
	if len(joined) != 24 && len(parts) != 8 {
		return api.Look{}, fmt.Errorf("%w: it has %d digits, not 24", api.ErrMistyped, len(joined))
	}
	l := api.Look{ID: f.nextID("look"), Begin: joined[:4], Name: a.Name, Since: f.now(), State: "looking"}
	f.looks = append([]api.Look{l}, f.looks...)
	f.bump()
	return l, nil
}

// SetLook changes a look or a code, as if something was found.
func (f *Fake) SetLook(l api.Look) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.looks {
		if f.looks[i].ID == l.ID {
			f.looks[i] = l
		}
	}
	f.bump()
}

// SetCode changes one of my codes, as if it was answered.
func (f *Fake) SetCode(c api.Code) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.codes {
		if f.codes[i].ID == c.ID {
			f.codes[i] = c
		}
	}
	f.bump()
}

// Scan implements api.Pairing: a picture is one of the text in it.
func (f *Fake) Scan(_ context.Context, picture []byte) (api.Scanned, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails["Scan"]; err != nil {
		return api.Scanned{}, err
	}
	_, code, ok := strings.Cut(string(picture), "JAUAP:")
	if strings.HasPrefix(string(picture), "JAUAP-AT/") || strings.HasPrefix(string(picture), "JAUAP-REPLY:") || strings.HasPrefix(string(picture), "jauap-inbox:") {
		return api.Scanned{Code: string(picture)}, nil
	}
	if _, text, note := strings.Cut(string(picture), "NOTE:"); note {
		return api.Scanned{Code: text}, nil
	}
	if !ok {
		return api.Scanned{}, fmt.Errorf("%w", api.ErrBadPicture)
	}
	return api.Scanned{Code: "JAUAP:" + code}, nil
}

// EndCall implements api.Pairing.
func (f *Fake) EndCall(ctx context.Context, a api.EndAsk) (api.Calls, error) {
	f.mu.Lock()
	n := len(f.codes) + len(f.looks)
	f.codes = slices.DeleteFunc(f.codes, func(c api.Code) bool { return c.ID == a.ID })
	f.looks = slices.DeleteFunc(f.looks, func(l api.Look) bool { return l.ID == a.ID })
	gone := len(f.codes)+len(f.looks) < n
	f.bump()
	f.mu.Unlock()
	if !gone {
		return api.Calls{}, fmt.Errorf("%w: code %q", api.ErrNotFound, a.ID)
	}
	return f.Calls(ctx)
}

// AddIntroduction lets somebody introduce me.
func (f *Fake) AddIntroduction(i api.Introduction) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i.ID, i.Since = f.nextID("intro"), f.now()
	f.intros = append([]api.Introduction{i}, f.intros...)
	f.bump()
}

// Introduce implements api.Pairing.
func (f *Fake) Introduce(_ context.Context, a api.IntroduceAsk) (api.Introduction, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x, y := f.find(a.A), f.find(a.B)
	switch {
	case x == nil:
		return api.Introduction{}, unknown(a.A)
	case y == nil:
		return api.Introduction{}, unknown(a.B)
	case x == y:
		return api.Introduction{}, fmt.Errorf("%w: these are the same person", api.ErrUsage)
	}
	i := api.Introduction{ID: f.nextID("intro"), Since: f.now(), Two: []string{x.Name, y.Name}, Answers: []string{"", ""}}
	f.intros = append([]api.Introduction{i}, f.intros...)
	f.bump()
	return i, nil
}

// Introductions implements api.Pairing.
func (f *Fake) Introductions(context.Context) ([]api.Introduction, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.intros), f.fails["Introductions"]
}

// AnswerIntroduction implements api.Pairing.
func (f *Fake) AnswerIntroduction(_ context.Context, a api.AnswerAsk) (api.Introduction, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.intros {
		n := &f.intros[i]
		if n.ID != a.ID || n.By == "" {
			continue
		}
		if n.Answer = "no"; a.Yes {
			n.Answer = "yes"
		}
		n.Over = !a.Yes
		f.bump()
		return *n, nil
	}
	return api.Introduction{}, fmt.Errorf("%w: introduction %q", api.ErrNotFound, a.ID)
}
