package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// recording takes letters from a recording of a broadcast.
func (x *turn) recording() error {
	x.Tab = "carry"
	s := carryScreen{Recording: strings.TrimSpace(x.form.Get("file"))}
	if s.Recording == "" {
		s.NoRecording = x.T("tune.empty")
		x.view("carry", http.StatusBadRequest, x.T("carry.title"), s)
		return nil
	}
	haul, err := x.p.b.Tune(x.ctx(), api.TuneAsk{File: s.Recording})
	if err != nil {
		s.NoRecording = x.T("tune.bad", "why", x.why(err))
		status := http.StatusInternalServerError
		if errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrUsage) {
			status = http.StatusNotFound
		}
		x.view("carry", status, x.T("carry.title"), s)
		return nil
	}
	s.Heard = &haul
	x.tell("carry", s)
	return x.see(x.Path("carry"))
}
