package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// bureau is a desk with two reports, an incident, claims and a broken package.
func bureau(w *world) api.Desk {
	at := w.clock.t.Add(-time.Hour)
	lat, lon, near, most := 43.2389, 76.945, 300, 12
	form := api.ReportForm{What: "Алаңда оқ атылды <b>, мен жығылған адамдарды көрдім.", From: "2022-01-05T17:00:00+06:00", Place: "Алматы, Республика алаңы", Lat: &lat, Lon: &lon, Near: &near, Basis: "witnessed", Consent: "desk",
		Numbers: []api.ReportCount{{What: "killed", Min: 4, Max: &most}, {What: "injured", Min: 20}}, Actors: []string{"айырым белгісіз сарбаздар"}}
	r := api.DeskReport{Root: strings.Repeat("ab", 32), ReportForm: form, Came: at, By: "Азаттық", Package: "came9", Media: []api.DeskMedium{{Name: "original-1.jpg", Type: "image/jpeg", Bytes: 3_400_000}},
		Findings: []api.DeskFinding{{Class: "proven", About: "media", Words: "The 1 originals are those that were reported, unchanged."}, {Class: "claimed", About: "time", Words: "The report gives a time."}},
		Alike:    []api.DeskSuggestion{{ID: "feed01", Title: "Алаң", Time: true, Place: true, Words: 3}}, Notes: []api.DeskEntry{{By: "Азаттық", Text: "Аурухананы сұрау"}}}
	in := r
	in.Root, in.Incident = strings.Repeat("cd", 32), "feed01"
	from := at.Add(-48 * time.Hour)
	i := api.DeskIncident{ID: "feed01", Title: "Алаң", Grade: "fair", Sources: 2, Witnessed: 1, Count: 2, From: &from, Place: form.Place, Counts: []api.DeskCount{{What: "killed", Min: 4, Max: 12}}, Reports: []api.DeskReport{in}}
	claim := func(n int, state, said string) api.DeskClaim {
		c := api.DeskClaim{ID: "c" + said, Topic: "Қаңтар 2022", Who: "Денсаулық сақтау министрлігі", Side: "official", What: "killed", Min: n, Said: said, State: state, Scope: "103-і Алматыда"}
		if state != "stands" {
			c.History = []api.DeskEntry{{At: at, State: state, Text: "техникалық қателік"}}
		}
		return c
	}
	d := api.Desk{By: "Азаттық", Reports: 2, Waiting: 1, Queue: []api.DeskReport{r}, All: 2, Incidents: []api.DeskIncident{i, {ID: "feed02", Title: "Тараз", Count: 0}}, Tally: i.Counts,
		Claims: []api.DeskClaim{claim(26, "stands", "2022-01-07"), claim(164, "withdrawn", "2022-01-09"), claim(225, "stands", "2022-01-15")},
		Broken: []api.DeskBroken{{ID: "b1", Fault: "media", Words: "original-1.jpg is not what was reported: it was changed, cut or swapped", Came: at}},
		Map: api.DeskMap{Width: 1000, Height: 560, Outline: "M60 330L230 240L520 90L900 260L760 480L400 500Z", Names: []api.DeskMark{{X: 700, Y: 440, Text: "Алматы"}},
			Marks: []api.DeskMark{{X: 710, Y: 430, Size: 8, Text: "Алаң", ID: "feed01"}}}}
	w.SetDesk(d)
	return d
}

func TestDeskPage(t *testing.T) {
	w := newWorld(t)
	d := bureau(w)
	b := w.enter(t)
	b.get("/desk")
	has(t, b.last, "Алаңда оқ атылды &lt;b&gt;", "Killed: 4–12", "Reports: 2; waiting: 1; incidents: 2.", "<s>164</s>", "Withdrawn. техникалық қателік", "by our incidents", "or was changed, cut or swapped", `<path d="M60 330L`, "<title>Алаң</title>", `<rect class="from" width="729"`)
	report := "/desk/report/" + d.Queue[0].Root
	b.get(report)
	has(t, b.last, "original-1.jpg", "unchanged.", "Perhaps:", "within a day", "near", "айырым белгісіз сарбаздар", "Аурухананы сұрау")
	post := func(pairs ...string) (*http.Response, string) {
		v := url.Values{"csrf": {b.csrf()}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return b.post("/desk", v)
	}
	resp, body := post("do", "put", "of", d.Queue[0].Root, "into", "feed01")
	if resp.Request.URL.Path != "/desk/incident/feed01" {
		t.Errorf("at %s", resp.Request.URL)
	}
	has(t, body, "Entered.", "In the order of time", ">2022-01-05 17:00 &#43;06:00</time>", "Does not belong here", `<option value="fair" selected>`, `<option value="feed02">`)
	resp, body = post("do", "source", "of", d.Queue[0].Root, "state", "Aru", "back", report)
	if resp.Request.URL.Path != report {
		t.Errorf("at %s", resp.Request.URL)
	}
	has(t, body, "Entered.")
	_, body = post("do", "claim", "topic", "January", "who", "Ministry", "side", "official", "what", "killed", "min", "x", "said", "2022-01-09")
	has(t, body, "Say what it is about", `value="January"`)
	b.get("/desk")
	_, body = post("do", "claim", "topic", "January", "who", "Ministry", "side", "official", "what", "killed", "min", "164", "said", "2022-01-09")
	has(t, body, "Entered.")
	acts := w.Acts()
	if c := acts[len(acts)-1].Claim; c == nil || c.Min != 164 || c.Max != nil || acts[0].Kind != "put" || acts[1].State != "Aru" {
		t.Errorf("%+v", acts)
	}
	b.get("/desk/log")
	has(t, b.last, "A report was put to an incident", "Take back")
	_, body = post("do", "undo", "of", "entry1", "back", "/desk/log")
	has(t, body, "Something was taken back")
	if _, body = b.do(b.request("GET", "/desk/file/redacted", nil)); body != "reda" {
		t.Errorf("file %q", body)
	}
	b.get("/desk")
	_, body = post("do", "name", "text", "Desk", "back", "//evil.example/")
	has(t, body, "Jauap")
}
