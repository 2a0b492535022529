package main

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/jauap/jauap/web/api"
)

// BenchmarkLongTalk opens a conversation of 10,000 letters that stand in the
// real vault, in a real browser: the time from asking until the first paint.
func BenchmarkLongTalk(b *testing.B) {
	p, q := program{b, filepath.Join(b.TempDir(), "p")}, program{b, filepath.Join(b.TempDir(), "q")}
	p.ok("init", "--name", "Aigerim", "--no-passphrase")
	q.ok("init", "--name", "Dana", "--no-passphrase")
	p.ok("accept", q.invite())
	var lines strings.Builder
	for i := range 10_000 {
		lines.WriteString(strings.Repeat("Біз аманбыз. ", 8) + strconv.Itoa(i) + "\n")
	}
	cmd := p.command("send", "Dana", "--lines")
	cmd.Stdin = strings.NewReader(lines.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	r := up(p)
	var people []api.Person
	p.json(&people, "people", "--json")
	ctx, base := newBrowser(b).visit(r)
	n, sum := 0, 0.0
	for b.Loop() {
		paint, err := 0.0, chromedp.Do(ctx, chromedp.Navigate(base+"/with/"+people[0].ID))
		for err == nil && paint == 0 {
			paint, err = chromedp.Run(ctx, chromedp.Evaluate[float64](`document.querySelectorAll("#letters > li").length && performance.getEntriesByName("first-contentful-paint")[0]?.startTime || 0`))
		}
		if err != nil {
			b.Fatal(err)
		}
		n, sum = n+1, sum+paint
	}
	b.ReportMetric(sum/float64(n), "ms/paint")
}
