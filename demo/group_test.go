package demo

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// script runs what answers nothing.
func (s seat) script(js string) {
	s.t.Helper()
	if _, err := chromedp.Run(s.ctx, chromedp.Evaluate[string]("("+js+`, "")`)); err != nil {
		s.t.Fatalf("browser: %v", err)
	}
}

// group is the address of a person's only group.
func (s seat) group(pane, status string) string {
	s.t.Helper()
	s.shows("/p/"+pane+"/groups", "Home", status)
	href, err := chromedp.Run(s.ctx, chromedp.Evaluate[string](`new URL(document.querySelector("#groups a.go").href).pathname`))
	if err != nil {
		s.t.Fatal(err)
	}
	return href
}

func (s seat) send(path, text string) {
	s.t.Helper()
	s.visit(path)
	s.do(chromedp.SetValue(chromedp.CSS("#text"), text), chromedp.Click(chromedp.CSS("form.write .send > button")))
	s.until("#letters", text)
}

// TestGroupThroughAPartition: the country is cut off, both sides write, one
// removes a member; when the network returns both sides agree.
func TestGroupThroughAPartition(t *testing.T) {
	ctx := browser(t)
	life, end := context.WithCancel(t.Context())
	ready, over := make(chan string, 1), make(chan error, 1)
	go func() {
		over <- Run(life, Options{Page: "127.0.0.1:0", Ready: func(link func() string) { ready <- link() }})
	}()
	var url string
	select {
	case url = <-ready:
	case err := <-over:
		t.Fatal(err)
	}
	base, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	s := seat{t, ctx, "http://" + base}
	s.do(chromedp.Navigate(url))
	s.shows("/", "iframe")
	s.network(true)

	s.visit("/p/aigerim/groups")
	s.do(chromedp.SetValue(chromedp.CSS("#name"), "Home"))
	s.script(`document.querySelectorAll("input[name=who], input[value=family]").forEach((e) => e.click())`)
	s.script(`document.querySelector("form[action$='/groups'] button").click()`)
	s.until("main", "is founded")
	for _, pane := range []string{"timur", "dana"} {
		s.shows("/p/"+pane+"/groups", "invites you into this group")
		s.do(chromedp.Click(chromedp.CSS("button[value=join]")))
		s.until("main", "Saved.")
	}
	at := map[string]string{}
	for _, pane := range []string{"aigerim", "timur", "dana"} {
		at[pane] = s.group(pane, "3 members")
	}
	s.send(at["aigerim"], "Is everybody here?")
	s.shows(at["timur"], "Is everybody here?")
	s.shows(at["dana"], "Is everybody here?")
	s.send(at["timur"], "Timur is here.")
	s.shows(at["dana"], "Timur is here.")
	s.shows(at["aigerim"], "Timur is here.", "With 2 of 2")

	s.network(false)
	s.send(at["aigerim"], "Inside it is dark.")
	s.visit(at["dana"] + "/who")
	s.script(`[...document.querySelectorAll(".members li")].find((e) => e.textContent.includes("Timur")).querySelector("button[value=remove]").click()`)
	s.until("main", "Not known to have heard of it yet")
	s.until("main", "2 members")
	s.send(at["dana"], "Outside, without Timur.")

	s.network(true)
	s.shows(at["aigerim"], "Inside it is dark.", "Outside, without Timur.", "2 members")
	s.shows(at["dana"], "Inside it is dark.", "Outside, without Timur.")
	s.shows(at["timur"]+"/who", "You were removed")
	s.send(at["aigerim"], "I heard of it.")
	s.shows(at["dana"], "I heard of it.")
	s.visit(at["dana"])
	for pane, never := range map[string]string{"dana": "Not known to have heard", "timur": "without Timur", "aigerim": "Not known to have heard"} {
		s.visit(at[pane])
		if h, err := chromedp.Run(ctx, chromedp.OuterHTML(chromedp.CSS("main"))); err != nil || strings.Contains(h, never) {
			t.Errorf("%s sees %q: %v\n%s", pane, never, err, h)
		}
	}
	// Both sides stand in the same order.
	order := func(pane string) string {
		s.visit(at[pane])
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("#letters .text")].map((e) => e.textContent).join("|")`))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if a, d := order("aigerim"), order("dana"); a != d || strings.Count(a, "|") != 4 {
		t.Errorf("Aigerim reads %q\nDana reads    %q", a, d)
	}
	end()
	if err := <-over; err != nil {
		t.Errorf("the demo ended with %v", err)
	}
}
