package web

import (
	"errors"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/jauap/jauap/web/api"
)

// witnessScreen is what outside witnesses say of one report, and a form to ask
// them. Who is asked stands in it before anything leaves.
type witnessScreen struct {
	Root                   string
	Authorities, Calendars string
	Way                    string
	Proof                  []keyword
	Stamps                 []witnessStamp
	Failed                 []witnessMiss
	Waits                  bool
	Done, Problem          string
}

type witnessStamp struct {
	Name, Word string
	Bytes      int
}

type witnessMiss struct{ Who, Word, Why string }

func (p *pages) witness(m *http.ServeMux) {
	m.Handle("GET /witness/{root}", p.screen((*turn).witness))
	m.Handle("POST /witness/{root}", p.act((*turn).askWitness))
	m.Handle("GET /witness/{root}/{name}", p.screen((*turn).witnessFile))
}

func (x *turn) lookWitness() (api.Witnessed, error) {
	return x.p.b.AskWitnesses(x.ctx(), api.WitnessAsk{Report: x.r.PathValue("root"), Look: true})
}

func (x *turn) witness() error {
	w, err := x.lookWitness()
	if err != nil {
		return err
	}
	return x.witnessWith(w, witnessScreen{}, http.StatusOK)
}

func (x *turn) witnessWith(w api.Witnessed, s witnessScreen, status int) error {
	x.Tab = "people"
	by, err := x.p.b.Witnesses(x.ctx())
	if err != nil {
		return err
	}
	if s.Authorities+s.Calendars == "" && s.Problem == "" {
		s.Authorities, s.Calendars = strings.Join(by.Authorities, "\n"), strings.Join(by.Calendars, "\n")
	}
	s.Root, s.Waits, s.Way = w.Root, w.Waits, x.T("witness."+"by-"+by.Way)
	for _, f := range w.Findings {
		s.Proof = append(s.Proof, keyword{x.T(classKey(f.Class)), x.Lang.finding(f.Code, x.dated(f.Args), f.Words), f.Class == "broken"})
	}
	for _, f := range w.Stamps {
		s.Stamps = append(s.Stamps, witnessStamp{f.Name, x.T("witness." + "file-" + strings.TrimPrefix(path.Ext(f.Name), ".")), len(f.Data)})
	}
	for _, f := range w.Failed {
		m := witnessMiss{f.Who, x.T("witness.failed"), x.because(f.Cause, f.Why)}
		if f.Early {
			m.Word, m.Why = x.T("witness.early"), ""
		}
		s.Failed = append(s.Failed, m)
	}
	x.view("witness", status, x.T("witness.title"), s)
	return nil
}

// askWitness asks those in the form and shows what came and who failed.
func (x *turn) askWitness() error {
	s := witnessScreen{Authorities: x.form.Get("authorities"), Calendars: x.form.Get("calendars")}
	a := api.WitnessAsk{Report: x.r.PathValue("root"), Again: x.form.Get("do") == "again", Authorities: strings.Fields(s.Authorities), Calendars: strings.Fields(s.Calendars)}
	if a.Again {
		a.Authorities = nil
	}
	if len(a.Authorities)+len(a.Calendars) == 0 {
		return x.witnessBad(s, x.T("witness.nobody"))
	}
	w, err := x.p.b.AskWitnesses(x.ctx(), a)
	if errors.Is(err, api.ErrUsage) {
		return x.witnessBad(s, x.T("witness.bad", "why", x.why(err)))
	} else if err != nil {
		return err
	}
	switch {
	case w.Fresh > 0:
		s.Done = x.T("witness.came", "n", w.Fresh)
		if w.SentTo != "" {
			s.Done += " " + x.T("witness.sent", "name", isolate(w.SentTo))
		} else if w.NoCard != "" {
			s.Done += " " + x.T("witness.no-card", "name", isolate(w.NoCard))
		}
	default:
		s.Problem = x.T("witness.none")
	}
	return x.witnessWith(w, s, http.StatusOK)
}

func (x *turn) witnessBad(s witnessScreen, problem string) error {
	w, err := x.lookWitness()
	if err != nil {
		return err
	}
	s.Problem = problem
	return x.witnessWith(w, s, http.StatusUnprocessableEntity)
}

// witnessFile gives one stamp to keep beside the package.
func (x *turn) witnessFile() error {
	w, err := x.lookWitness()
	if err != nil {
		return err
	}
	for _, f := range w.Stamps {
		if f.Name == x.r.PathValue("name") {
			h := x.w.Header()
			h.Set("Content-Type", "application/octet-stream")
			h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": w.Root[:8] + "-" + f.Name}))
			_, _ = x.w.Write(f.Data)
			return nil
		}
	}
	return api.ErrNotFound
}
