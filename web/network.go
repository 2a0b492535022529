package web

import (
	"errors"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jauap/jauap/web/api"
)

const (
	shownLetters = 30 // on the network screen
	shownWindows = 12
)

// sentence says the state of the network in one or two sentences, for every
// screen. What cannot be learned is not known.
func (x *turn) sentence() {
	s, err := x.p.b.Status(x.ctx())
	x.NetIcon = networkIcon(networkOf(s))
	if err != nil {
		x.NetIcon = "not-known"
		x.Sentence = x.T("net.not-known")
		return
	}
	x.Status = s
	x.Sentence = x.T(networkWord(networkOf(s))) + x.outlook(s) + " "
	if s.Waiting > 0 {
		x.Sentence += x.T("wait.some", "n", s.Waiting)
	} else {
		x.Sentence += x.T("wait.none")
	}
	if s.Clock != "" || len(s.Trouble) > 0 {
		x.Sentence += " " + x.T("net.trouble")
	}
}

// networkOf is the state to show: where no relay answers and name servers carry
// letters, that is said instead.
func networkOf(s api.Status) string {
	if s.Network.State == "open" || s.Network.State == "restricted" {
		return s.Network.State
	}
	for _, l := range s.Links {
		if l.Kind == "dns" && l.State == "up" {
			return "names"
		}
	}
	return s.Network.State
}

// networkIcon is the sign of a state; of one that we do not know, a question.
func networkIcon(state string) string {
	switch state {
	case "no-link", "dark", "nearby", "open":
		return state
	case "no-route":
		return "no-link"
	case "portal":
		return "dark"
	case "domestic-only":
		return "nearby"
	case "restricted", "names":
		return "open"
	}
	return "not-known"
}

// networkWord is the sentence of a state.
func networkWord(state string) string {
	switch state {
	case "no-route":
		return "net.no-route"
	case "portal":
		return "net.portal"
	case "domestic-only":
		return "net.domestic"
	case "restricted":
		return "net.restricted"
	case "names":
		return "net.names"
	case "no-link":
		return "net.no-link"
	case "dark":
		return "net.dark"
	case "nearby":
		return "net.nearby"
	case "open":
		return "net.open"
	}
	return "net.not-known"
}

// outlook tells how far a window is, and when windows usually end or begin:
// ranges that were seen, never a promise.
func (x *turn) outlook(s api.Status) string {
	text := ""
	if p := s.Progress; p != nil && p.Total+p.Received > 0 {
		text += " " + x.T("net.progress", "sent", p.Sent, "total", p.Total, "received", p.Received)
	}
	f := s.Forecast
	switch {
	case f == nil:
	case s.Network.State == "open" || s.Network.State == "restricted":
		if f.Closes != nil {
			text += " " + x.T("net.closes", "from", f.Closes.From, "to", f.Closes.To)
		}
	case f.Opens != nil:
		text += " " + x.T("net.opens", "from", f.Opens.From, "to", f.Opens.To)
	}
	return text
}

// networkScreen is what is known about ways, windows and my letters.
type networkScreen struct {
	Outbox  []outgoing
	More    int
	Ways    []wayView
	Windows []windowView
	Relays  relaysView
}

type outgoing struct {
	api.Outgoing
	Begin string
	State stateView
}

type wayView struct {
	api.Link
	Kind, Now string
	By        string   // the transport and port in use
	Instead   []string // what answered in the relay's place
	Silent    string   // how many ways did not answer
	OnAir     string   // of a radio: what it used of its time on the air, and whether it heard others
}

type windowView struct {
	From, To *moment
	Passed   string
}

func (x *turn) network() error {
	x.Tab = "net"
	st, err := x.p.b.Status(x.ctx())
	if err != nil {
		return err
	}
	out, err := x.p.b.Outbox(x.ctx())
	if err != nil {
		return err
	}
	s := x.networkScreen(st, out)
	if s.Relays, err = x.relays(); err != nil {
		return err
	}
	x.view("net", http.StatusOK, x.T("network.title"), s)
	return nil
}

func (x *turn) networkScreen(st api.Status, out []api.Outgoing) networkScreen {
	var s networkScreen
	for _, o := range slices.Backward(out) {
		if o.State == api.Delivered || o.State == api.Read {
			continue
		}
		if len(s.Outbox) == shownLetters {
			s.More++
			continue
		}
		s.Outbox = append(s.Outbox, outgoing{o, cut(strings.TrimSpace(o.Text), 60), x.state(o.State, &o.At, o.Carriers)})
	}
	for _, l := range st.Links {
		v := wayView{Link: l, Kind: x.T("way.other"), Now: x.T("unknown")}
		switch l.Kind {
		case "lan", "relay", "folder", "broadcast", "dns", "radio", "dtn", "tor":
			v.Kind = x.T("way." + l.Kind)
		}
		switch l.State {
		case "up", "down", "trying", "resting":
			v.Now = x.T("way." + l.State)
		}
		if l.Error != "" {
			v.Error = x.because(api.Cause{Code: l.Code}, l.Error)
		}
		x.tried(&v)
		if a := l.Airtime; a != nil {
			v.OnAir = x.T("radio.airtime", "used", seconds(a.Used), "limit", seconds(a.Limit))
			if a.LastHeard == nil {
				v.OnAir += " " + x.T("radio.alone")
			}
		}
		s.Ways = append(s.Ways, v)
	}
	windows := slices.Clone(st.Windows)
	sort.SliceStable(windows, func(i, j int) bool { return windows[j].From.Before(windows[i].From) })
	for _, w := range windows[:min(len(windows), shownWindows)] {
		s.Windows = append(s.Windows, windowView{
			From: x.clock(&w.From), To: x.clock(w.To),
			Passed: x.T("network.passed", "sent", w.Sent, "received", w.Received),
		})
	}
	return s
}

// tried words which ways to a relay were tried and what answered.
func (x *turn) tried(v *wayView) {
	switch {
	case v.State != "up":
	case v.Transport == "quic":
		v.By = x.T("tried.by-quic", "port", v.Port)
	case v.Transport == "tls":
		v.By = x.T("tried.by-tls", "port", v.Port)
	}
	silent := 0
	for _, t := range v.Tried {
		switch {
		case t.Answered:
		case t.Saw == "":
			silent++
		case t.Saw == "portal":
			v.Instead = append(v.Instead, x.T("tried.portal", "port", t.Port))
		case t.Saw == "key":
			v.Instead = append(v.Instead, x.T("tried.key", "port", t.Port))
		default:
			v.Instead = append(v.Instead, x.T("tried.other", "port", t.Port))
		}
	}
	if silent > 0 {
		v.Silent = x.T("tried.silent", "n", silent)
	}
	if text := x.fault(v.Fault); text != "" {
		v.Instead = append(v.Instead, text)
	}
	if len(v.Instead) > 0 {
		v.Error = "" // the same, in English
	}
}

// clock shows a time by date and hour: ages do not tell a span.
func (x *turn) clock(t *time.Time) *moment {
	m := x.Age(t)
	if m != nil {
		m.Age = x.Lang.date(*t, x.p.o.Zone)
	}
	return m
}

// carryScreen is the form for a stick and what came of it.
type carryScreen struct {
	Path    string
	Problem string
	Haul    *api.Haul

	Visit *visitView

	Recording   string
	NoRecording string
	Heard       *api.Haul
}

func (x *turn) stick() error {
	x.Tab = "carry"
	s, _ := x.told("carry").(carryScreen)
	if now, err := x.p.b.Sticks(x.ctx()); err == nil {
		s.Visit = x.visitView(now.Visit)
	}
	x.view("carry", http.StatusOK, x.T("carry.title"), s)
	return nil
}

func (x *turn) carry() error {
	x.Tab = "carry"
	s := carryScreen{Path: strings.TrimSpace(x.form.Get("path"))}
	if s.Path == "" {
		s.Problem = x.T("carry.empty")
		x.view("carry", http.StatusBadRequest, x.T("carry.title"), s)
		return nil
	}
	if x.form.Get("do") == "ignore" {
		if _, err := x.p.b.IgnoreStick(x.ctx(), api.StickAsk{Path: s.Path}); err != nil {
			return err
		}
		return x.see(x.Path("carry"))
	}
	haul, err := x.p.b.Carry(x.ctx(), api.CarryAsk{Path: s.Path})
	if err != nil {
		s.Problem = x.T("carry.bad", "why", x.why(err))
		status := http.StatusInternalServerError
		if errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrUsage) {
			status = http.StatusNotFound
		}
		x.view("carry", status, x.T("carry.title"), s)
		return nil
	}
	s.Haul = &haul
	x.tell("carry", s)
	return x.see(x.Path("carry"))
}
