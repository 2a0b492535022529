package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/jauap/jauap/web/api"
)

// desk serves the screens of editors, inboxes, reports and the desk.
func (p *pages) desk(m *http.ServeMux) {
	p.editors(m)
	m.Handle("GET /inbox", p.screen((*turn).inbox))
	m.Handle("POST /inbox", p.act((*turn).changeInbox))
	m.Handle("GET /inbox/card/{id}", p.screen((*turn).inboxQR))
	m.Handle("GET /inbox/file/{id}", p.screen((*turn).cameFile))
	m.Handle("GET /slips/{id}/{form}", p.screen((*turn).printSlip))
	m.Handle("POST /slips/code", p.act((*turn).codeSlip))
	m.Handle("GET /desk", p.screen((*turn).desk))
	m.Handle("POST /desk", p.acts((*turn).actDesk))
	m.Handle("GET /desk/report/{id}", p.screen((*turn).oneReport))
	m.Handle("GET /desk/incident/{id}", p.screen((*turn).oneCase))
	m.Handle("GET /desk/log", p.screen((*turn).deskLog))
	m.Handle("GET /desk/file/{form}", p.screen((*turn).deskFile))
	m.Handle("GET /report", p.screen((*turn).report))
	m.Handle("POST /report", p.acts((*turn).sendReport))
}

// inboxScreen is the own public inboxes with what came, and others' cards.
type inboxScreen struct {
	Mine, Others []publicInbox
	Came         []cameIn
	Sent         []sentOut
	Name, Card   string
	To, Text     string
	Problem      string // of opening and keeping
	Unsent       string // of writing
	Erasing      string // asked about
	Done         string
}

type publicInbox struct {
	api.Inbox
	Ends *moment
}

type cameIn struct {
	api.Received
	Word string
	When *moment
}

// sentOut is a letter or report to an inbox, on its way.
type sentOut struct {
	api.SentReport
	Word, What, Icon string
	When             *moment
}

// Size is the number of bytes.
func (c cameIn) Size() int64 { return int64(c.Bytes) }

// Size is the number of bytes.
func (s sentOut) Size() int64 { return int64(s.Bytes) }

func (x *turn) cameIn(r api.Received) cameIn {
	c := cameIn{Received: r, When: x.When(r.Came), Word: x.T("inbox." + r.Kind)}
	if !r.Whole() {
		c.Word += ", " + x.T("inbox.part", "here", r.Here, "all", r.All)
	}
	return c
}

func (x *turn) sentOut(s api.SentReport) sentOut {
	o := sentOut{SentReport: s, When: x.When(s.At), What: x.T("inbox." + s.Kind), Icon: "waits", Word: x.T("report.waits")}
	switch {
	case s.Arrived:
		o.Icon, o.Word = "delivered", x.T("report.arrived")
	case s.Relays > 0:
		o.Icon, o.Word = "left", x.T("report.held", "n", s.Relays)
	}
	return o
}

func (x *turn) sentReports() (list []sentOut, err error) {
	all, err := x.p.b.SentReports(x.ctx())
	for _, s := range all {
		list = append(list, x.sentOut(s))
	}
	return list, err
}

func (x *turn) inbox() error { return x.inboxWith(inboxScreen{}, http.StatusOK) }

func (x *turn) inboxWith(s inboxScreen, status int) error {
	x.Tab = "people"
	list, err := x.p.b.Inboxes(x.ctx())
	if err != nil {
		return err
	}
	came, err := x.p.b.Received(x.ctx())
	if err != nil {
		return err
	}
	for _, b := range list {
		v := publicInbox{b, x.When(b.Until)}
		if b.Mine {
			s.Mine = append(s.Mine, v)
		} else {
			s.Others = append(s.Others, v)
		}
	}
	for _, r := range came {
		s.Came = append(s.Came, x.cameIn(r))
	}
	slices.Reverse(s.Came)
	if s.Sent, err = x.sentReports(); err != nil {
		return err
	}
	if s.Done == "" {
		s.Done, _ = x.told("inbox").(string)
	}
	x.view("inbox", status, x.T("inbox.title"), s)
	return nil
}

// changeInbox does one of the things of the screen.
func (x *turn) changeInbox() error {
	s := inboxScreen{Card: strings.TrimSpace(x.form.Get("card")), Name: strings.TrimSpace(x.form.Get("name")), To: x.form.Get("to"), Text: strings.TrimSpace(x.form.Get("text"))}
	ask, done := api.InboxAsk{}, ""
	switch x.form.Get("do") {
	case "open":
		ask, done = api.InboxAsk{Do: "open", Name: s.Name}, x.T("inbox.opened")
	case "save":
		ask, done = api.InboxAsk{Do: "save", Card: s.Card}, x.T("inbox.saved")
	case "close":
		ask, done = api.InboxAsk{Do: "close", ID: x.form.Get("id")}, x.T("inbox.closed")
	case "delete":
		if x.form.Get("sure") == "" { // perhaps nobody else has it
			s.Erasing = x.form.Get("id")
			return x.inboxWith(s, http.StatusOK)
		}
		if _, err := x.p.b.DeleteReceived(x.ctx(), x.form.Get("id")); err != nil {
			return err
		}
		x.tell("inbox", x.T("inbox.deleted"))
		return x.see(x.Path("inbox"))
	case "write":
		if _, err := x.p.b.WriteInbox(x.ctx(), api.InboxLetter{To: s.To, Text: s.Text}); err != nil {
			if !errors.Is(err, api.ErrUsage) && !errors.Is(err, api.ErrNotFound) {
				return err
			}
			s.Unsent = x.T("inbox.unsent")
			return x.inboxWith(s, http.StatusUnprocessableEntity)
		}
		x.tell("inbox", x.T("inbox.written"))
		return x.see(x.Path("inbox"))
	}
	if _, err := x.p.b.Inbox(x.ctx(), ask); err != nil {
		if !errors.Is(err, api.ErrUsage) {
			return err
		}
		s.Problem = x.T("inbox.bad")
		return x.inboxWith(s, http.StatusUnprocessableEntity)
	}
	x.tell("inbox", done)
	return x.see(x.Path("inbox"))
}

// inboxQR is a card as a picture.
func (x *turn) inboxQR() error {
	list, err := x.p.b.Inboxes(x.ctx())
	if err != nil {
		return err
	}
	for _, b := range list {
		if b.ID == x.r.PathValue("id") {
			code, err := qr.Encode(b.QR, qr.L)
			if err != nil {
				return api.ErrNotFound
			}
			x.w.Header().Set("Content-Type", "image/png")
			_, _ = x.w.Write(code.PNG())
			return nil
		}
	}
	return api.ErrNotFound
}

// cameFile gives what came as a download.
func (x *turn) cameFile() error {
	id := x.r.PathValue("id")
	if !api.GoodID(id) {
		return api.ErrNotFound
	}
	f, body, err := x.p.b.ReceivedFile(x.ctx(), id)
	if err != nil {
		return err
	}
	return api.Download(x.w, x.r, f, body)
}

// reportScreen is the form of a report.
type reportScreen struct {
	Inboxes []api.Inbox
	Form    map[string]string
	Counts  []reportCount
	Bases   []keyword
	Sources []keyword
	Consent []keyword
	Sent    []sentOut
	Problem string
	Done    string
}

type keyword struct {
	Key, Word string
	On        bool
}

type reportCount struct{ Key, Word, Min, Max string }

var (
	reportCounts  = [...]string{"killed", "injured", "detained", "missing"}
	reportBases   = [...]string{"witnessed", "heard", "inferred"}
	reportSources = [...]string{"witness", "relative", "medical", "official", "media", "other"}
	reportConsent = [...]string{"private", "desk", "publish"}
	reportFields  = [...]string{"to", "card", "what", "from", "till", "place", "lat", "lon", "near", "actors", "claim", "bare", "forget"}
)

func (x *turn) keywords(prefix string, keys []string, on string) (list []keyword) {
	for _, k := range keys {
		list = append(list, keyword{k, x.T("report." + prefix + k), k == on})
	}
	return list
}

func (x *turn) report() error { return x.reportWith("", http.StatusOK) }

// reportWith shows the form with what was typed.
func (x *turn) reportWith(problem string, status int) (err error) {
	x.Tab = "people"
	s := reportScreen{Form: map[string]string{"from": x.Now.In(x.p.o.Zone).Format("2006-01-02T15:04")}, Problem: problem}
	s.Done, _ = x.told("report").(string)
	if x.form.Values != nil {
		for _, k := range reportFields {
			s.Form[k] = x.form.Get(k)
		}
	}
	for _, k := range reportCounts {
		s.Counts = append(s.Counts, reportCount{k, x.T("report." + k), x.form.Get(k + "-min"), x.form.Get(k + "-max")})
	}
	s.Bases = x.keywords("", reportBases[:], x.form.Get("basis"))
	s.Sources = x.keywords("by-", reportSources[:], x.form.Get("source"))
	s.Consent = x.keywords("may-", reportConsent[:], x.form.Get("consent"))
	all, err := x.p.b.Inboxes(x.ctx())
	if err != nil {
		return err
	}
	for _, b := range all {
		if !b.Closed {
			s.Inboxes = append(s.Inboxes, b)
		}
	}
	if s.Sent, err = x.sentReports(); err != nil {
		return err
	}
	x.view("report", status, x.T("report.title"), s)
	return nil
}

// sendReport seals what was typed and picked.
func (x *turn) sendReport() error {
	if x.cut {
		return x.reportWith(x.tooMuch(), http.StatusRequestEntityTooLarge)
	}
	switch x.form.Get("do") {
	case "claim", "forget":
		if _, err := x.p.b.ActSent(x.ctx(), api.SentAct{ID: x.form.Get("id"), Do: x.form.Get("do")}); err != nil {
			return err
		}
		x.tell("report", x.T("report."+"did-"+x.form.Get("do")))
		return x.see(x.Path("report"))
	}
	a, problem := x.readReport()
	if problem != "" {
		return x.reportWith(x.T(problem), http.StatusBadRequest)
	}
	if _, err := x.p.b.Report(x.ctx(), a); err != nil {
		if !errors.Is(err, api.ErrUsage) && !errors.Is(err, api.ErrNotFound) {
			return err
		}
		return x.reportWith(x.T("report.bad", "why", x.why(err)), http.StatusUnprocessableEntity)
	}
	x.tell("report", x.T("report.done"))
	return x.see(x.Path("report"))
}

// readReport makes a report of the form, or names the sentence that says what
// is missing.
func (x *turn) readReport() (a api.ReportAsk, problem string) {
	get := func(k string) string { return strings.TrimSpace(x.form.Get(k)) }
	a = api.ReportAsk{To: get("to"), Claim: get("claim") != "", Bare: get("bare") != "", Files: x.form.files}
	a.What, a.Place, a.Basis, a.Source, a.Consent = get("what"), get("place"), get("basis"), get("source"), get("consent")
	if get("card") != "" {
		a.To = get("card")
	}
	if get("forget") != "" {
		a.Forget = 1
	}
	for name := range strings.SplitSeq(get("actors"), "\n") {
		if name = strings.TrimSpace(name); name != "" {
			a.Actors = append(a.Actors, name)
		}
	}
	var bad bool
	if a.From, bad = x.instant(get("from")); bad || a.From == "" {
		return a, "report.no-time"
	}
	if a.Till, bad = x.instant(get("till")); bad {
		return a, "report.no-time"
	}
	for _, k := range reportCounts {
		c, ok, bad := readCount(k, get(k+"-min"), get(k+"-max"))
		if bad {
			return a, "report.no-number"
		}
		if ok {
			a.Numbers = append(a.Numbers, c)
		}
	}
	if a.Lat, a.Lon, a.Near, bad = readPosition(get("lat"), get("lon"), get("near")); bad {
		return a, "report.no-position"
	}
	for _, c := range []struct{ value, key string }{{a.To, "report.no-inbox"}, {a.What, "report.no-what"}, {a.Place, "report.no-place"}, {a.Basis, "report.no-basis"}, {a.Consent, "report.no-consent"}} {
		if c.value == "" {
			return a, c.key
		}
	}
	return a, ""
}

// instant reads a browser's local time.
func (x *turn) instant(s string) (string, bool) {
	if s == "" {
		return "", false
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(form, s, x.p.o.Zone); err == nil {
			return t.Format(time.RFC3339), false
		}
	}
	return "", true
}

func readCount(what, least, most string) (c api.ReportCount, ok, bad bool) {
	if least == "" && most == "" {
		return c, false, false
	}
	c.What = what
	var err error
	if least != "" {
		c.Min, err = strconv.Atoi(least)
	}
	if most != "" && err == nil {
		var n int
		n, err = strconv.Atoi(most)
		c.Max = &n
	}
	return c, true, err != nil || c.Min < 0 || c.Max != nil && *c.Max < c.Min
}

func readPosition(lat, lon, near string) (a, b *float64, n *int, bad bool) {
	if lat+lon+near == "" {
		return nil, nil, nil, false
	}
	decimal := func(s string) (float64, error) { return strconv.ParseFloat(strings.ReplaceAll(s, ",", "."), 64) }
	x, err1 := decimal(lat)
	y, err2 := decimal(lon)
	m, err3 := strconv.Atoi(near)
	return &x, &y, &m, errors.Join(err1, err2, err3) != nil
}
