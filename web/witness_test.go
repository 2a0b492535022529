package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// witnessed gives the fake witnesses to ask, and what some of them did of a report.
func witnessed(w *world, root string) {
	w.SetWitnesses(api.Witnesses{Authorities: []string{"https://tsa.example/ts"}, Calendars: []string{"https://a.example", "https://b.example"}, Way: "tor"})
	w.SetWitnessed(api.Witnessed{Root: root, Waits: true, Stamps: []api.WitnessFile{{Name: "1.tsr", Data: []byte("stamp")}, {Name: "2.ots", Data: []byte("proof")}},
		Findings: []api.DeskFinding{{Class: "proven", About: "stamp", Code: "stamp", Args: []string{"2026-01-07T12:00:00Z", "Authority", "abcd"}, Words: "x"}}})
}

// TestWitnessPage: who is asked stands there before anything leaves; what came,
// and who did not answer, afterwards; nothing is asked by looking.
func TestWitnessPage(t *testing.T) {
	w := newWorld(t)
	root := strings.Repeat("ab", 32)
	w.SetWitnesses(api.Witnesses{Authorities: []string{"https://tsa.example/ts"}, Calendars: []string{"https://a.example", "https://b.example"}, Way: "tor"})
	w.SetWitnessed(api.Witnessed{Root: root})
	b := w.enter(t)
	b.get("/witness/" + root)
	has(t, b.last, "Ask outside witnesses", "https://tsa.example/ts</textarea>", "https://a.example\nhttps://b.example</textarea>", "through Tor", root, "Nobody outside has signed yet", "never what it says or shows")
	if len(w.AskedWitnesses()) != 0 {
		t.Fatal("looking asks somebody")
	}
	ask := func(pairs ...string) (*http.Response, string) {
		v := url.Values{"csrf": {b.csrf()}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return b.post("/witness/"+root, v)
	}
	resp, body := ask("do", "ask", "authorities", " ", "calendars", "")
	if resp.StatusCode != http.StatusUnprocessableEntity || len(w.AskedWitnesses()) != 0 {
		t.Error(resp.StatusCode)
	}
	has(t, body, "Name at least one witness")
	w.SetWitnessed(api.Witnessed{Root: root, Fresh: 1, Waits: true, Stamps: []api.WitnessFile{{Name: "1.tsr", Data: []byte("stamp")}, {Name: "2.ots", Data: []byte("proof")}},
		Findings: []api.DeskFinding{{Class: "proven", About: "stamp", Code: "stamp", Args: []string{"2026-01-07T12:00:00Z", "Authority <b>", "abcd"}, Words: "x"}},
		Failed:   []api.WitnessMiss{{Who: "https://a.example", Why: "no <i>such</i> host"}, {Who: "https://c.example", Why: "x", Cause: api.Cause{Code: "status", Args: []string{"503"}}}, {Who: "https://b.example", Why: "later", Early: true}}})
	_, body = ask("do", "ask", "authorities", "https://tsa.example/ts", "calendars", "https://a.example\nhttps://b.example")
	has(t, body, "1 witness answered", "Authority &lt;b&gt;", "did not answer as it should:", "no &lt;i&gt;such", `<p class="card"><bdi>https://b.example</bdi> has nothing yet`, "answered only with the number", "has nothing yet", "Proof of a calendar", "Ask the calendars for the block")
	if q := w.AskedWitnesses(); len(q) != 1 || len(q[0].Authorities) != 1 || len(q[0].Calendars) != 2 || q[0].Again {
		t.Fatalf("%+v", q)
	}
	if resp, body = b.do(b.request("GET", "/witness/"+root+"/1.tsr", nil)); body != "stamp" || !strings.Contains(resp.Header.Get("Content-Disposition"), "abababab-1.tsr") {
		t.Error(body, resp.Header)
	}
	b.get("/witness/" + root)
	ask("do", "again", "calendars", "https://b.example", "authorities", "https://tsa.example/ts")
	if q := w.AskedWitnesses(); len(q) != 2 || !q[1].Again || len(q[1].Authorities) != 0 {
		t.Errorf("%+v", q)
	}
	w.SetWitnessed(api.Witnessed{Root: root, Failed: []api.WitnessMiss{{Who: "https://a.example", Why: "no network"}}})
	_, body = ask("do", "ask", "calendars", "https://a.example")
	has(t, body, "None of them gave anything new", "no network", "https://a.example</textarea>")
	w.SetWitnessed(api.Witnessed{Root: root, Fresh: 1, SentTo: "News <b>"})
	_, body = ask("do", "ask", "calendars", "https://a.example")
	has(t, body, "It goes to \u2068News &lt;b&gt;\u2069 as well")
	w.SetWitnessed(api.Witnessed{Root: root, Fresh: 1, NoCard: "News"})
	_, body = ask("do", "ask", "calendars", "https://a.example")
	has(t, body, "the card of \u2068News\u2069 is not among your inboxes")
	if resp, _ := b.do(b.request("GET", "/witness/"+strings.Repeat("cd", 32), nil)); resp.StatusCode != http.StatusNotFound {
		t.Error(resp.StatusCode)
	}
}
