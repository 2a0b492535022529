package web

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/jauap/jauap/web/api"
)

// testHalfTyped: what a helper has begun to write stays, and the form stays
// open, while the page keeps itself fresh.
func testHalfTyped(t *testing.T, ctx context.Context) {
	w := newWorld(t)
	w.AddPerson(api.Person{Name: "Mama", Verified: "in person"})
	slip := api.Slip{State: "open", Name: "Gulnar", Received: w.clock.t, Until: w.clock.t.AddDate(0, 0, 9), Events: []api.SlipEvent{}}
	id := w.AddSlip(slip)
	do(t, ctx, chromedp.Navigate(w.site.Link(w.s.URL)))
	until(t, ctx, "main", "Mama")
	do(t, ctx, chromedp.Navigate(w.s.URL+"/slips"))
	until(t, ctx, "#slips", "Gulnar")
	do(t, ctx, chromedp.Click(chromedp.CSS("#slips article summary")), chromedp.SendKeys(chromedp.CSS("#slips article textarea"), "She is at"))
	w.SetStatus(api.Status{Network: api.Network{State: "open"}})
	if _, err := w.Act(t.Context(), api.SlipAct{ID: id, Kind: "taken"}); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, ".top .net", "The way out is open")
	if got := evaluate(t, ctx, `document.querySelector("#slips textarea").value`); got != "She is at" {
		t.Errorf("what was typed became %q", got)
	}
	evaluate(t, ctx, `(document.querySelector("#slips article textarea").value = "", "")`)
	w.SetStatus(api.Status{Network: api.Network{State: "nearby"}})
	until(t, ctx, "#slips", "taken by")
	if !strings.Contains(evaluate(t, ctx, `document.querySelector("#slips article details").outerHTML`), "open") {
		t.Error("the form was closed under the person's hands")
	}
	mailOf(w)
	do(t, ctx, chromedp.Navigate(w.s.URL+"/inbox"), chromedp.Click(chromedp.CSS("#came-now button[value=delete]")))
	until(t, ctx, "#came-now", "Erase it for good?")
	w.SetStatus(api.Status{Network: api.Network{State: "open"}})
	until(t, ctx, ".top .net", "The way out is open")
	if s := html(t, ctx, "#came-now"); !strings.Contains(s, "Erase it for good?") {
		t.Error("news took a question away")
	}
}

// evaluate is what a script answers on the page.
func evaluate(t *testing.T, ctx context.Context, script string) string {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// testTooLong: of a text that no letter takes it is said before it is sent, and what
// is typed stays; made shorter, it goes.
func testTooLong(t *testing.T, ctx context.Context) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Mama", Verified: "in person"})
	do(t, ctx, chromedp.Navigate(w.site.Link(w.s.URL)))
	until(t, ctx, "main", "Mama")
	do(t, ctx, chromedp.Navigate(w.s.URL+"/with/"+p.ID))
	until(t, ctx, "#write", "Mama")
	write := func(n int) string {
		return evaluate(t, ctx, fmt.Sprintf(`(() => { const t = document.getElementById("text"); t.value = "ж".repeat(%d); t.dispatchEvent(new Event("input")); return t.validationMessage; })()`, n))
	}
	if said := write(api.MaxText/2 + 1); !strings.Contains(said, "too large") {
		t.Errorf("a byte too long: said %q", said)
	}
	do(t, ctx, chromedp.Click(chromedp.CSS("#write button:not([name]):not([type])")))
	if n := evaluate(t, ctx, `String(document.getElementById("text").value.length)`); n != fmt.Sprint(api.MaxText/2+1) {
		t.Errorf("%s letters are still there", n)
	}
	if sent, err := w.Outbox(t.Context()); err != nil || len(sent) > 0 {
		t.Errorf("%d letters were sent: %v", len(sent), err)
	}
	if said := write(api.MaxText / 2); said != "" {
		t.Errorf("what fits: said %q", said)
	}
	do(t, ctx, chromedp.Click(chromedp.CSS("#write button:not([name]):not([type])")))
	until(t, ctx, "#letters", "жжж")
}
