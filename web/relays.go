package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// relaysView is what the network screen says of mailboxes.
type relaysView struct {
	api.Relays
	People  []api.Person
	Done    string
	Problem string
}

// relays reads it; done and problem are what became of the last form.
func (x *turn) relays() (v relaysView, err error) {
	v, _ = x.told("relays").(relaysView)
	if v.Relays, err = x.p.b.Relays(x.ctx()); err != nil {
		return v, err
	}
	v.Offered = slices.Clone(v.Offered)
	for i, o := range v.Offered {
		v.Offered[i].From = x.T("relays.from", "name", isolate(o.From))
	}
	v.People, err = x.p.b.People(x.ctx())
	return v, err
}

// changeRelays takes, refuses or tells of a mailbox.
func (x *turn) changeRelays() error {
	ask := api.RelayAsk{Do: x.form.Get("do"), Relay: api.Relay{Addr: strings.TrimSpace(x.form.Get("addr")), Inland: x.form.Get("inland") != ""}, To: x.form.Get("to")}
	got, err := x.p.b.ChangeRelays(x.ctx(), ask)
	var v relaysView
	switch {
	case errors.Is(err, api.ErrUsage), errors.Is(err, api.ErrUnknownPerson):
		v.Problem = x.T("relays.bad")
	case err != nil:
		return err
	case got.Later:
		v.Done = x.T("relays.later")
	case ask.Do == "use":
		v.Done = x.T("relays.used")
	case ask.Do == "refuse":
		v.Done = x.T("relays.refused")
	default:
		v.Done = x.T("relays.told")
	}
	x.tell("relays", v)
	return x.see(x.Path("net"))
}

func (p *pages) relayPages(m *http.ServeMux) {
	m.Handle("POST /net", p.act((*turn).changeRelays))
}
