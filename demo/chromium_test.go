package demo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts a real one with a fresh profile; without JAUAP_TEST=all the
// test is skipped. With JAUAP_SHOTS=DIR it leaves pictures there.
func browser(t *testing.T) context.Context {
	t.Helper()
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("drives a browser through the demo, ten seconds and more: JAUAP_TEST=all runs it")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("JAUAP_TEST=all, and there is no chromium in PATH: install it")
	}
	dir := t.TempDir()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(dir),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1440, 1000))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		cancel()
		stop()
		for range 100 { // its children may still write for a moment
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(done)
	return ctx
}

// stage drives the demo's page.
type stage struct {
	t   *testing.T
	ctx context.Context
}

// eval runs a script that answers a string. A page on its way to another may
// answer an error: it is asked again.
func (s stage) eval(script string) string {
	var out string
	for range 40 {
		v, err := chromedp.Run(s.ctx, chromedp.Evaluate[string](script))
		if err == nil {
			return v
		}
		out = err.Error()
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("browser: %s: %s", script, out)
	return ""
}

// frameOf is a script's expression for the document of a person's frame.
func frameOf(name string) string {
	return fmt.Sprintf(`document.querySelector("iframe[name=%s]").contentDocument`, strings.ToLower(name))
}

func (s stage) until(what, script, want string) {
	s.t.Helper()
	last := ""
	for range 400 {
		if last = s.eval(script); strings.Contains(last, want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("%s: the browser does not show %q but %q; the log: %s", what, want, last, s.eval(`document.querySelector("#log").innerText`))
}

func (s stage) press(what string) {
	s.t.Helper()
	s.until("the buttons", `document.querySelector("form[data-press]").dataset.sent || "free"`, "free")
	s.eval(fmt.Sprintf(`(document.querySelector("button[value=%s]").click(), "")`, what))
}

func (s stage) write(name, text string) {
	s.t.Helper()
	s.eval(fmt.Sprintf(`(() => { const d = %s; const a = d.querySelector("textarea"); a.value = %q; a.form.requestSubmit(); return ""; })()`, frameOf(name), text))
	s.until(name+"'s own letter", frameOf(name)+`.body.innerText`, text)
}

func (s stage) shot(name string) {
	s.t.Helper()
	dir := os.Getenv("JAUAP_SHOTS")
	if dir == "" {
		return
	}
	b, err := chromedp.Run(s.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), b, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// TestDemo plays the demo as a newcomer does: a letter waits in the dark,
// crosses in a courier's phone, an answer comes back by stick, and another
// when the network returns.
func TestDemo(t *testing.T) {
	ctx := browser(t)
	t.Setenv("TMPDIR", t.TempDir()) // other demos may run beside this one
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
	s := stage{t, ctx}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	s.until("the way in", `document.body.innerText`, "")
	s.eval(`(document.querySelector("iframe") || document.querySelector("a").click(), "")`)
	s.until("the stage", `document.querySelector("h1").innerText`, "A blackout")
	s.shot("demo-begin")
	for _, name := range []string{"Aigerim", "Dana"} {
		s.until(name+"'s conversation", frameOf(name)+`.querySelector("textarea") ? "form" : ""`, "form")
	}
	s.write("Aigerim", "We are alive. Біз аманбыз.")
	s.until("in the dark", frameOf("Aigerim")+`.body.innerText.toLowerCase()`, "saved")

	s.press("meet")
	s.until("carried", frameOf("Aigerim")+`.body.innerText.toLowerCase()`, "with others after")
	s.press("travel")
	s.until("at Dana's", frameOf("Dana")+`.body.innerText`, "We are alive. Біз аманбыз.")
	s.shot("demo-carried")
	s.write("Dana", "We hear you.")
	s.press("carry")
	s.until("back by stick", frameOf("Aigerim")+`.body.innerText`, "We hear you.")
	s.until("delivered", frameOf("Aigerim")+`.body.innerText.toLowerCase()`, "read")

	s.write("Aigerim", "Now by the window.")
	s.press("net")
	s.until("through the window", frameOf("Dana")+`.body.innerText`, "Now by the window.")
	s.shot("demo-open")

	end()
	if err := <-over; err != nil {
		t.Errorf("the demo ended with %v", err)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "jauap-demo-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range left {
		if info, err := os.Stat(l); err == nil && time.Since(info.ModTime()) < 2*time.Minute {
			t.Errorf("the demo left %s behind", l)
		}
	}
}
