package web

import (
	"errors"
	"net/http"
	"strings"

	"rsc.io/qr"

	"github.com/jauap/jauap/web/api"
)

// nearScreen is who is met now, where this device is reached, and how to call
// another.
type nearScreen struct {
	Met     []api.Link // devices nearby, those met now first
	Here    api.Here
	Addr    string
	Done    string
	Problem string
}

// codeAt begins the text of a picture with addresses. spec/lan.md, 3.1.
const codeAt = "JAUAP-AT/"

func (p *pages) nearPages(m *http.ServeMux) {
	m.Handle("GET /net", p.screen((*turn).network))
	p.relayPages(m)
	m.Handle("GET /near", p.screen((*turn).near))
	m.Handle("POST /near", p.act((*turn).meet))
	m.Handle("GET /near.png", p.screen((*turn).nearImage))
}

func (x *turn) near() error {
	s, _ := x.told("near").(nearScreen)
	return x.showNear(http.StatusOK, s)
}

func (x *turn) showNear(status int, s nearScreen) error {
	x.Tab = "net"
	var err error
	if s.Here, err = x.p.b.Here(x.ctx()); err != nil {
		return err
	}
	s.Here.Why = x.reasons("trouble.", s.Here.Why, s.Here.Causes)
	st, err := x.p.b.Status(x.ctx())
	if err != nil {
		return err
	}
	for _, up := range []bool{true, false} {
		for _, l := range st.Links {
			if l.Kind == "lan" && (l.State == "up") == up && (up || l.Who != "") {
				s.Met = append(s.Met, l)
			}
		}
	}
	x.view("near", status, x.T("way.lan"), s)
	return nil
}

// meet calls the device whose address was typed.
func (x *turn) meet() error {
	s := nearScreen{Addr: strings.TrimSpace(x.form.Get("addr"))}
	met, err := x.p.b.Meet(x.ctx(), api.MeetAsk{Addr: s.Addr})
	switch {
	case errors.Is(err, api.ErrUsage):
		s.Problem = x.T("near.bad")
		return x.showNear(http.StatusBadRequest, s)
	case errors.Is(err, api.ErrNotFound):
		s.Problem = x.notMet(err)
		return x.showNear(http.StatusNotFound, s)
	case err != nil:
		return err
	}
	x.tell("near", nearScreen{Done: x.metText(met)})
	return x.see(x.Path("near"))
}

// notMet says why nobody was met: a call that was never made is no silence.
func (x *turn) notMet(err error) string {
	switch x.p.o.Cause(err).Code {
	case "meet-off", "meet-node", "apart":
		return x.T("near.not-called", "why", x.why(err))
	}
	return x.T("near.silent")
}

func (x *turn) metText(m api.Met) string {
	if m.Who == "" {
		return x.T("near.stranger")
	}
	return x.T("near.met", "name", isolate(m.Who))
}

func (x *turn) nearImage() error {
	h, err := x.p.b.Here(x.ctx())
	if err != nil {
		return err
	}
	code, err := qr.Encode(h.Code, qr.L)
	if err != nil || h.Code == "" {
		return api.ErrNotFound
	}
	x.w.Header().Set("Content-Type", "image/png")
	_, _ = x.w.Write(code.PNG())
	return nil
}
