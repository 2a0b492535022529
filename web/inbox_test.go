package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// mailOf opens an inbox with things that came, and keeps somebody's card.
func mailOf(w *world) {
	if list, _ := w.Inboxes(context.Background()); len(list) > 0 {
		return
	}
	_, _ = w.Inbox(context.Background(), api.InboxAsk{Do: "open", Name: "Азаттық редакциясы"})
	_, _ = w.Inbox(context.Background(), api.InboxAsk{Do: "save", Card: "jauap-inbox:1:Құқық"})
	w.Receive(api.Received{Inbox: "Азаттық редакциясы", Kind: "letter", Bytes: 40, Here: 1, All: 1, Text: "Бізді Шымкентке апарды. <b>"})
	w.Receive(api.Received{Inbox: "Азаттық редакциясы", Kind: "report", Bytes: 700_000, Here: 2, All: 4})
	w.Receive(api.Received{Inbox: "Азаттық редакциясы", Kind: "report", Bytes: 9000, Here: 2, All: 2})
	s, _ := w.Report(context.Background(), api.ReportAsk{To: "Құқық", ReportForm: api.ReportForm{What: "x", Place: "y", Basis: "heard", Consent: "desk"}, Claim: true})
	w.SetSent(s.ID, 2, false)
}

func TestInboxPage(t *testing.T) {
	w := newWorld(t)
	mailOf(w)
	b := w.enter(t)
	b.get("/inbox")
	has(t, b.last, "Азаттық редакциясы", "Шымкентке апарды. &lt;b&gt;", "2 of 4 pieces are here", "kept whole in 2 places abroad", "Say that it is mine", "jauap-inbox:1:Азаттық")
	list, _ := w.Inboxes(t.Context())
	resp, body := b.do(b.request("GET", "/inbox/card/"+list[0].ID, nil))
	if resp.Header.Get("Content-Type") != "image/png" || len(body) < 100 {
		t.Errorf("picture: %v", resp.Header)
	}
	came, _ := w.Received(t.Context())
	if _, body = b.do(b.request("GET", "/inbox/file/"+came[2].ID, nil)); body != "bytes" {
		t.Errorf("file %q", body)
	}
	b.get("/inbox")
	form := func(pairs ...string) string {
		v := url.Values{"csrf": {b.csrf()}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		_, body := b.post("/inbox", v)
		return body
	}
	has(t, form("do", "save", "card", "nonsense"), "begins with jauap-inbox:1:", ">nonsense</textarea>")
	has(t, form("do", "write", "to", list[1].ID, "text", ""), "It was not sent")
	has(t, form("do", "write", "to", list[1].ID, "text", "hello"), "Sealed. It leaves by itself")
	has(t, form("do", "delete", "id", came[0].ID), "Erase it for good?", "Keep it")
	if now, _ := w.Received(t.Context()); len(now) != len(came) {
		t.Fatal("erased unasked")
	}
	has(t, form("do", "delete", "id", came[0].ID, "sure", "yes"), "Erased here.")
	has(t, form("do", "close", "id", list[0].ID), "Its keys are erased.")
	has(t, form("do", "open", "name", "Lawyer"), "Open. Publish the card.", "Lawyer")
}

func TestReportPage(t *testing.T) {
	w := newWorld(t)
	mailOf(w)
	list, _ := w.Inboxes(t.Context())
	b := w.enter(t)
	b.get("/report")
	has(t, b.last, "Report what happened", `value="2022-01-07T18:00"`, "Құқық")
	v := url.Values{"to": {list[1].ID}, "what": {"Shots <at> the square"}, "from": {"2022-01-05T17:00"}, "place": {"Almaty"}, "killed-min": {"4"}, "killed-max": {"12"}, "injured-min": {"20"},
		"lat": {"43,2567"}, "lon": {"76.9286"}, "near": {"500"}, "basis": {"witnessed"}, "consent": {"desk"}, "source": {"medical"}, "actors": {"soldiers\n\nno insignia"}, "forget": {"yes"}}
	for _, c := range []struct{ field, value, want string }{
		{"from", "yesterday", "Say when"}, {"what", "", "Say what happened"}, {"place", "", "Say where"}, {"basis", "", "Say how you know"}, {"consent", "", "Say who may have it"},
		{"killed-max", "3", "The numbers cannot be read"}, {"near", "", "go together"}, {"to", "", "Choose whom it is for"},
	} {
		bad := url.Values{"csrf": {b.csrf()}}
		for k, x := range v {
			bad[k] = x
		}
		bad.Set(c.field, c.value)
		resp, body := b.post("/report", bad)
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d", c.field, resp.StatusCode)
		}
		has(t, body, c.want)
		if c.field != "what" {
			has(t, body, "Shots &lt;at&gt; the square</textarea>")
		}
	}
	v.Set("csrf", b.csrf())
	_, body := b.post("/report", v)
	has(t, body, "Sealed. It leaves by itself")
	sent := w.Reports()
	r := sent[len(sent)-1]
	if r.From != "2022-01-05T17:00:00+06:00" || *r.Lat != 43.2567 || *r.Near != 500 || len(r.Numbers) != 2 || *r.Numbers[0].Max != 12 || r.Numbers[1].Max != nil || len(r.Actors) != 2 || r.Forget != 1 || r.Source != "medical" {
		t.Errorf("%+v", r)
	}
	all, _ := w.SentReports(t.Context())
	b.get("/report")
	_, body = b.post("/report", url.Values{"csrf": {b.csrf()}, "do": {"claim"}, "id": {all[len(all)-1].ID}})
	has(t, body, "will know that it was you")
	_, body = b.post("/report", url.Values{"csrf": {b.csrf()}, "do": {"forget"}, "id": {all[0].ID}})
	has(t, body, "Forgotten here")
	if strings.Contains(body, all[0].ID) {
		t.Error("it is still shown")
	}
}
