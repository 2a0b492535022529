package daemon

import (
	"context"
	"errors"

	"github.com/jauap/jauap/note"
	"github.com/jauap/jauap/status"
	"github.com/jauap/jauap/web/api"
)

// TakeNotes implements api.Safety.
func (d *Daemon) TakeNotes(_ context.Context, a api.TakeAsk) ([]api.Outcome, error) {
	d.people.Lock()
	defer d.people.Unlock()
	var out []api.Outcome
	for _, o := range d.board.TakeAll(d.moment(), a.Text) {
		one := api.Outcome{Text: o.Text}
		if t := o.Taken; o.Err == nil {
			one.Taken = &api.Taken{From: d.nameOf(t.From), ID: t.From.String(), Word: d.word(t.Heard), Known: t.Known, Older: t.Older, Typo: t.Typo}
			d.changes.bump()
		} else {
			one.Why, one.Error = whyNot(o.Err), safeError(o.Err).Error()
		}
		out = append(out, one)
	}
	return out, nil
}

// whyNot names an error of a note for scripts and the page.
func whyNot(err error) string {
	switch {
	case errors.Is(err, note.ErrTypo):
		return "typo"
	case errors.Is(err, status.ErrNoted):
		return "mismatch"
	case errors.Is(err, note.ErrNoCode), errors.Is(err, note.ErrLength):
		return "no-code"
	case errors.Is(err, status.ErrMine):
		return "mine"
	}
	return "failed"
}
