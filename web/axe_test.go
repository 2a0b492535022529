package web

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// axeScript is axe-core's script, which .ci/axe puts where it is looked for:
// in JAUAP_AXE, else in the user's cache.
func axeScript(t *testing.T) string {
	t.Helper()
	path := os.Getenv("JAUAP_AXE")
	if path == "" {
		if dir, err := os.UserCacheDir(); err == nil {
			path = filepath.Join(dir, "jauap-ci", "axe.min.js")
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("JAUAP_TEST=all, and there is no axe-core at %q: run .ci/axe", path)
	}
	return string(b)
}

// axe runs axe-core's rules of WCAG 2.2 A and AA over the page: no violation.
func axe(t *testing.T, ctx context.Context, what string) {
	t.Helper()
	for _, f := range axeFaults(t, ctx, what) {
		t.Errorf("%s: axe: %s", what, f)
	}
}

// testAxeFinds: the check can fail.
func testAxeFinds(t *testing.T, ctx context.Context) {
	w := newWorld(t)
	do(t, ctx, chromedp.Navigate(w.site.Link(w.s.URL)))
	until(t, ctx, "main", "Reach your people")
	axe(t, ctx, "welcome")
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("main").innerHTML += "<img src=/static/icon.svg><input>"; ""`)); err != nil {
		t.Fatal(err)
	}
	if list := axeFaults(t, ctx, "spoilt"); len(list) < 2 {
		t.Errorf("a picture without words and a field without a name: axe found %v", list)
	}
}

func axeFaults(t *testing.T, ctx context.Context, what string) []string {
	t.Helper()
	script := axeScript(t)
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[string](script+`; "loaded"`)); err != nil {
		t.Fatalf("%s: axe-core: %v", what, err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[string](axeRun)); err != nil {
		t.Fatal(err)
	}
	for range 400 {
		list, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`window.axeFaults || ["wait"]`))
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 && list[0] == "wait" {
			time.Sleep(25 * time.Millisecond) // a real browser has a clock of its own
			continue
		}
		return list
	}
	t.Fatalf("%s: axe-core does not end", what)
	return nil
}

const axeRun = `(window.axeFaults = null, axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then(
	(r) => { window.axeFaults = r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 120))); },
	(e) => { window.axeFaults = [String(e)]; }), "running")`
