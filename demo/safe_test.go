package demo

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// seat is one browser window at the demo.
type seat struct {
	t    *testing.T
	ctx  context.Context
	base string
}

func (s seat) do(steps ...chromedp.Action[chromedp.Void]) {
	s.t.Helper()
	if err := chromedp.Do(s.ctx, steps...); err != nil {
		s.t.Fatalf("browser: %v", err)
	}
}

// visit goes to a page; a browser that is on its way elsewhere is asked again.
func (s seat) visit(path string) {
	s.t.Helper()
	var err error
	for range 40 {
		if err = chromedp.Do(s.ctx, chromedp.Navigate(s.base+path)); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("browser: %s: %v", path, err)
}

// shows asks for the page again and again until it has all of the words, as a
// person without JavaScript would.
func (s seat) shows(path string, words ...string) {
	s.t.Helper()
	last, missing := "", ""
	for range 200 {
		s.visit(path)
		var err error
		if last, err = chromedp.Run(s.ctx, chromedp.OuterHTML(chromedp.CSS("main"))); err != nil {
			continue
		}
		missing = ""
		for _, w := range words {
			if !strings.Contains(last, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatalf("%s does not show %q:\n%s", path, missing, last)
}

func (s seat) scripts(on bool) {
	s.t.Helper()
	s.do(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}))
}

// until waits for the page that is open.
func (s seat) until(sel, want string) {
	s.t.Helper()
	last := ""
	for range 200 {
		h, err := chromedp.Run(s.ctx, chromedp.OuterHTML(chromedp.CSS(sel)))
		if last = h; err == nil && strings.Contains(h, want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("%s does not show %q:\n%s", sel, want, last)
}

// network brings the country's switch into a position.
func (s seat) network(on bool) {
	s.t.Helper()
	want := map[bool]string{true: "The country's network is on.", false: "The country's network is off."}[on]
	s.visit("/")
	if h, err := chromedp.Run(s.ctx, chromedp.OuterHTML(chromedp.CSS("#scene"))); err == nil && strings.Contains(h, want) {
		return
	}
	s.do(chromedp.Click(chromedp.CSS("button[value=net]")))
	s.until("#scene", want)
}

// TestSafeThroughTheSwitch: in each language, and without JavaScript, "I am
// safe" is saved in the dark, leaves when the network returns, and is known to
// have arrived.
func TestSafeThroughTheSwitch(t *testing.T) {
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
	for _, c := range []struct {
		lang, kind, town, note    string
		done, word, arrived, pill string
		plain                     bool // without JavaScript
	}{
		{"en", "safe", "Almaty", "We are at home.", "Saved.", "Safe", "Delivered", "I am safe", false},
		{"ru", "hurt", "Алматы", "Нужны лекарства.", "Сохранено.", "Нужна помощь", "Доставлено", "Я в порядке", false},
		{"kk", "moved", "Талғар", "Апаңмен біргеміз.", "Сақталды.", "Аман, басқа жерде", "Жетті", "Аманмын", false},
		{"kk", "safe", "Алматы", "Үйге келдік.", "Сақталды.", "Аман", "Жетті", "Аманмын", true},
		{"en", "safe", "Almaty", "And once more.", "Saved.", "Safe", "Delivered", "I am safe", true},
	} {
		s.scripts(true)
		for _, pane := range []string{"aigerim", "dana"} {
			s.visit("/p/" + pane + "/me")
			if _, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(document.querySelector("button[lang=`+c.lang+`]").click(), "")`)); err != nil {
				t.Fatal(err)
			}
			s.until("html", `lang="`+c.lang+`" dir`)
		}
		s.scripts(!c.plain)
		s.network(false)
		s.shows("/p/aigerim/safe", c.pill)
		s.do(chromedp.Click(chromedp.CSS("label."+c.kind)), chromedp.SetValue(chromedp.CSS("#town"), c.town),
			chromedp.SendKeys(chromedp.CSS("#note"), c.note), chromedp.Click(chromedp.CSS("#say button")))
		s.until("main", c.done)
		s.until("#told", c.note)
		s.network(true)
		s.shows("/p/dana/", c.word, c.town, c.note)
		s.shows("/p/aigerim/safe", c.note, c.arrived)
	}
	end()
	if err := <-over; err != nil {
		t.Errorf("the demo ended with %v", err)
	}
}

func call[P, R any](cmd cdp.Command[P, R], p P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cmd, p)
		return err
	})
}
