package web

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/jauap/jauap/web/api"
)

// testSafe: without a mouse, from the first screen to a word that is saved,
// its SMS, and a note that came; the word's way changes on the open page.
func testSafe(t *testing.T, ctx context.Context) {
	w := newWorld(t)
	w.AddPerson(api.Person{Name: "Mama", Verified: "in person"})
	said := complaints(t, ctx)
	do(t, ctx, chromedp.Navigate(w.site.Link(w.s.URL)))
	until(t, ctx, "main", "Mama")
	walk(t, ctx, `a[href="/safe"]`, kb.Enter)
	until(t, ctx, "main", "How are you?")
	inspect(t, ctx, "safe")
	// The first choice is taken; the arrow goes to the next, and one question
	// more appears only for who looks for somebody.
	walk(t, ctx, `input[value=safe]`, kb.ArrowRight)
	if v := html(t, ctx, "#say"); !strings.Contains(v, `value="moved"`) {
		t.Fatal(v)
	}
	hidden := func() string {
		t.Helper()
		s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`getComputedStyle(document.querySelector("#say .whom")).display + " " + document.querySelector("input[name=kind]:checked").value`))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := hidden(); s != "none moved" {
		t.Errorf("whom: %s", s)
	}
	do(t, ctx, chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
	if s := hidden(); s != "grid looking" {
		t.Errorf("whom: %s", s)
	}
	walk(t, ctx, "#whom", "Ерлан")
	walk(t, ctx, "#town", "Алматы")
	walk(t, ctx, "#note", "көк күрте киген")
	walk(t, ctx, "#say button", kb.Enter)
	until(t, ctx, "main", "Saved.")
	until(t, ctx, "#told", "Looks for")
	told, err := w.Told(t.Context())
	if err != nil || len(told) != 1 || told[0].Kind != "looking" || told[0].Whom != "Ерлан" || told[0].Note != "көк күрте киген" || len(told[0].To) != 1 {
		t.Fatalf("%+v %v", told, err)
	}
	w.SetTold(told[0].Seq, api.Delivered, w.clock.t)
	until(t, ctx, "#told", "Delivered")
	walk(t, ctx, `a[href="/safe/notes"]`, kb.Enter)
	until(t, ctx, "main", "Copy as SMS")
	do(t, ctx, call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}))
	shoot(t, ctx, "print-notes")
	paper, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil || !strings.Contains(paper, "Аманмын @Алматы. #1EFZ8Q") || strings.Contains(paper, "Network") || !strings.Contains(paper, "Алушыға") || !strings.Contains(paper, "Получателю") {
		t.Errorf("on paper: %q, %v", paper, err)
	}
	do(t, ctx, call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}))

	do(t, ctx, chromedp.Navigate(w.s.URL+"/"))
	walk(t, ctx, `a[href="/note"]`, kb.Enter)
	until(t, ctx, "main", "A message came by SMS or on paper")
	walk(t, ctx, "#text", "Аманбыз #Mama")
	walk(t, ctx, "main button", kb.Enter)
	until(t, ctx, "main", "The code is right.")
	w.SetWord("Mama", api.Word{Seq: 9, Kind: "hurt", At: w.clock.t})
	do(t, ctx, chromedp.Navigate(w.s.URL+"/"))
	until(t, ctx, "#people", "Needs help")
	w.SetPromise("Mama", api.Promise{By: w.clock.t.Add(-time.Hour), Verdict: "place-dark"})
	until(t, ctx, "#people", "nobody can tell")
	for _, s := range said() {
		t.Errorf("console: %s", s)
	}
}

// walk goes on by the tabulator key until it is at an element, and types.
func walk(t *testing.T, ctx context.Context, sel, keys string) {
	t.Helper()
	for range 80 {
		at, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!!document.activeElement && document.activeElement.matches(`+"`"+sel+"`"+`)`))
		if err == nil && at {
			seen, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.activeElement.matches(":focus-visible") && document.activeElement.getBoundingClientRect().height > 0`))
			if err != nil || !seen {
				t.Errorf("%s has the focus and does not show it, %v", sel, err)
			}
			do(t, ctx, chromedp.KeyEvent(keys))
			return
		}
		do(t, ctx, chromedp.KeyEvent(kb.Tab))
	}
	t.Fatalf("the tabulator key does not lead to %s", sel)
}
