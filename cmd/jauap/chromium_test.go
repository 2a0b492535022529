package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/image/draw"

	"github.com/jauap/jauap/web/api"
)

// seldom skips a browser's test in the plain run.
func seldom(t *testing.T) {
	t.Helper()
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("drives a browser for ten seconds and more: JAUAP_TEST=all runs it")
	}
}

// browser is a real one whose camera looks at what film shows.
type browser struct {
	t    testing.TB
	ctx  context.Context
	film string
}

func newBrowser(t testing.TB) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("there is no chromium in PATH: install it")
	}
	dir, err := os.MkdirTemp("", "jauap-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, film: filepath.Join(dir, "film.y4m")}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en"),
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", b.film), chromedp.WindowSize(420, 900),
	)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		cancel()
		stop()
		for range 100 { // the browser's children may still write for a moment
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	b.ctx = ctx
	b.do(ctx)
	return b
}

func (b *browser) do(ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("browser: %v", err)
	}
}

// visit opens a person's page in a window with cookies of its own.
func (b *browser) visit(r *running) (ctx context.Context, base string) {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(cancel)
	b.do(ctx)
	ctx, done := context.WithTimeout(ctx, 3*time.Minute)
	b.t.Cleanup(done)
	url := r.lines["page"]
	b.do(ctx, chromedp.EmulateViewport(320, 700), chromedp.Navigate(url))
	open := false
	for begin := time.Now(); !open && time.Since(begin) < 30*time.Second; time.Sleep(50 * time.Millisecond) {
		open, _ = chromedp.Run(ctx, chromedp.Evaluate[bool](`!!document.querySelector("header nav")`))
	}
	if !open {
		b.t.Fatalf("the page does not open: %s", b.text(ctx))
	}
	base, _, _ = strings.Cut(url, "/enter")
	return ctx, base
}

func (b *browser) text(ctx context.Context) string {
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("main")?.innerText || ""`))
	if err != nil {
		return ""
	}
	return s
}

// until waits for a sentence to appear by itself.
func (b *browser) until(ctx context.Context, want string, most time.Duration) {
	b.t.Helper()
	for begin := time.Now(); time.Since(begin) < most; time.Sleep(50 * time.Millisecond) {
		if strings.Contains(b.text(ctx), want) {
			return
		}
	}
	b.t.Fatalf("the browser does not show %q:\n%s", want, b.text(ctx))
}

// see is what a camera in front of this screen would take.
func (b *browser) see(ctx context.Context) image.Image {
	b.t.Helper()
	shot, err := chromedp.Run(ctx, chromedp.Screenshot(chromedp.CSS(".qr img")))
	if err != nil {
		b.t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		b.t.Fatal(err)
	}
	out := image.NewYCbCr(image.Rect(0, 0, 640, 480), image.YCbCrSubsampleRatio420)
	for i := range out.Y {
		out.Y[i] = 140
	}
	for i := range out.Cb {
		out.Cb[i], out.Cr[i] = 128, 128
	}
	grey := image.NewGray(image.Rect(0, 0, 440, 440))
	draw.ApproxBiLinear.Scale(grey, grey.Bounds(), img, img.Bounds(), draw.Src, nil)
	for y := range 440 {
		for x := range 440 {
			out.Y[out.YOffset(100+x, 20+y)] = 20 + grey.GrayAt(x, y).Y*3/4
		}
	}
	return out
}

// point points the camera at a screen.
func (b *browser) point(img image.Image) {
	b.t.Helper()
	p := img.(*image.YCbCr)
	var f bytes.Buffer
	f.WriteString("YUV4MPEG2 W640 H480 F15:1 Ip A1:1 C420jpeg\n")
	for range 15 {
		f.WriteString("FRAME\n")
		f.Write(p.Y)
		f.Write(p.Cb)
		f.Write(p.Cr)
	}
	if err := os.WriteFile(b.film, f.Bytes(), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) shoot(ctx context.Context, name string) {
	dir := os.Getenv("JAUAP_SHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// TestSideBySide: one phone scans with the camera in the page, the other takes
// a photo and chooses it; nothing but the address in the picture brings the two
// devices together. Both are verified in person.
func TestSideBySide(t *testing.T) {
	seldom(t)
	t.Parallel()
	b := newBrowser(t)
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	a := aigerim.start([]string{"page"}, "up", "--no-browser", "--listen", "127.0.0.1:0")
	d := dana.start([]string{"page"}, "up", "--no-browser", "--listen", "127.0.0.1:0")
	at, baseA := b.visit(a)
	dt, baseD := b.visit(d)
	b.do(at, chromedp.Navigate(baseA+"/scan"))
	b.do(dt, chromedp.Navigate(baseD+"/scan"))
	b.point(b.see(dt))
	seen := b.see(at) // Aigerim's screen, before hers shows another invitation
	b.do(at, chromedp.Click(chromedp.CSS("#camera")))
	b.until(at, "checked in person. Now let", 60*time.Second)
	b.shoot(at, "scan-done")

	photo := filepath.Join(t.TempDir(), "photo.png")
	var f bytes.Buffer
	turned := image.NewRGBA(image.Rect(0, 0, 480, 640))
	for y := range 480 {
		for x := range 640 {
			turned.Set(479-y, x, color.RGBAModel.Convert(seen.At(x, y)))
		}
	}
	if err := png.Encode(&f, turned); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(photo, f.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(dt, chromedp.SetUploadFiles(chromedp.CSS("#photo"), []string{photo}), chromedp.Click(chromedp.CSS("#scan button.quiet")))
	b.until(dt, "Aigerim\u2069 is now among your people", 30*time.Second)
	inPerson := func(p api.Person) bool { return p.Verified == "in person" && p.Theirs == "in person" }
	aigerim.person("Dana", inPerson)
	dana.person("Aigerim", inPerson)
	aigerim.send("Dana", "Көрдім")
	dana.await("Aigerim", "Көрдім")

	// A photo without a code is said to be one, and nothing is lost.
	var none bytes.Buffer
	if err := png.Encode(&none, image.NewGray(image.Rect(0, 0, 200, 200))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(photo, none.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(dt, chromedp.Navigate(baseD+"/scan"), chromedp.SetUploadFiles(chromedp.CSS("#photo"), []string{photo}), chromedp.Click(chromedp.CSS("#scan button.quiet")))
	b.until(dt, "No invitation was found", 30*time.Second)
}

// TestTelephoneInBrowser: what one screen shows is typed into the other, in
// Kazakh and Russian, over nothing but a relay.
func TestTelephoneInBrowser(t *testing.T) {
	seldom(t)
	t.Parallel()
	b := newBrowser(t)
	relay := startRelay(t)
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	up := func(p program) *running {
		return p.start([]string{"page"}, "up", "--no-browser", "--listen", "off", "--relay", relay)
	}
	at, baseA := b.visit(up(aigerim))
	dt, baseD := b.visit(up(dana))
	said := func(ctx context.Context, base, lang string) string {
		b.do(ctx, chromedp.Navigate(base+"/call"), chromedp.Click(chromedp.CSS(fmt.Sprintf("button[lang=%s]", lang))))
		b.until(ctx, map[string]string{"kk": "Кодымды жасау", "ru": "Сделать мой код"}[lang], 30*time.Second)
		b.do(ctx, chromedp.Click(chromedp.CSS("section:first-of-type form button")))
		for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(50 * time.Millisecond) {
			s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector(".digits.big")?.innerText || ""`))
			if err == nil && s != "" {
				return s
			}
		}
		t.Fatalf("no code:\n%s", b.text(ctx))
		return ""
	}
	ca, cd := said(at, baseA, "kk"), said(dt, baseD, "ru")
	b.do(at, chromedp.SendKeys(chromedp.CSS("#code"), cd), chromedp.SendKeys(chromedp.CSS("#name"), "Қызым"), chromedp.Click(chromedp.CSS("section:last-of-type form button")))
	b.until(at, "Қызым\u2069: карта табылды", 60*time.Second)
	b.until(at, "Жартысы бітті", 10*time.Second)
	b.until(dt, "Вы ещё не знаете, кто это", 60*time.Second)
	b.shoot(at, "call-kk-half")
	b.shoot(dt, "call-ru-answered")
	b.do(dt, chromedp.SendKeys(chromedp.CSS("#code"), ca), chromedp.Click(chromedp.CSS("section:last-of-type form button")))
	b.until(dt, "карта найдена и проверена по голосу", 60*time.Second)
	b.until(at, "Екеуіңіз де бір-біріңізді білесіздер", 60*time.Second)
	b.shoot(at, "call-kk-done")
	aigerim.person("Қызым", both)
	dana.person("Aigerim", both)
}

// TestLinkInBrowser: the text of one screen is pasted into the other; the
// people stay unverified until words were compared.
func TestLinkInBrowser(t *testing.T) {
	seldom(t)
	t.Parallel()
	b := newBrowser(t)
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	a := aigerim.start([]string{"page", "listening"}, "up", "--no-browser", "--listen", "127.0.0.1:0")
	d := dana.start([]string{"page"}, "up", "--no-browser", "--listen", "127.0.0.1:0", "--link", a.lines["listening"])
	at, baseA := b.visit(a)
	dt, baseD := b.visit(d)
	b.do(at, chromedp.Navigate(baseA+"/add"))
	b.until(at, "Whoever else sees this text", 10*time.Second)
	link, err := chromedp.Run(at, chromedp.Value(chromedp.CSS("#invitation")))
	if err != nil {
		t.Fatal(err)
	}
	b.do(dt, chromedp.Navigate(baseD+"/add"), chromedp.SetValue(chromedp.CSS("#code"), link), chromedp.Click(chromedp.CSS("form[action='/add'] button")))
	b.until(dt, "Not checked yet", 30*time.Second)
	aigerim.person("Dana", func(p api.Person) bool { return p.Verified == "" })
	var me api.Me
	aigerim.json(&me, "me", "--json")
	b.do(dt, chromedp.SendKeys(chromedp.CSS("#code"), strings.Join(me.Words, " ")), chromedp.Click(chromedp.CSS("form[action^='/person'] button")))
	b.until(dt, "They match", 30*time.Second)
	aigerim.person("Dana", func(p api.Person) bool { return p.Verified == "" && p.Theirs == "by voice" })
	dana.person("Aigerim", byVoice)
}

// TestIntroductionInBrowser: asked on the first screen, answered there, shown
// as introduced by whom and when.
func TestIntroductionInBrowser(t *testing.T) {
	seldom(t)
	t.Parallel()
	b := newBrowser(t)
	relay := startRelay(t)
	timur, aigerim, dana := newProgram(t, "Timur"), newProgram(t, "Aigerim"), newProgram(t, "Dana")
	for _, p := range []program{aigerim, dana} {
		p.ok("accept", timur.invite(), "--in-person")
	}
	up := func(p program) *running {
		return p.start([]string{"page"}, "up", "--no-browser", "--listen", "off", "--relay", relay)
	}
	ct, baseC := b.visit(up(timur))
	at, baseA := b.visit(up(aigerim))
	dt, baseD := b.visit(up(dana))
	any1 := func(api.Person) bool { return true }
	a := timur.person("Aigerim", any1)
	d := timur.person("Dana", any1)
	b.do(ct, chromedp.Navigate(baseC+"/person/"+a.ID), chromedp.SetValue(chromedp.CSS("#to"), d.ID), chromedp.Click(chromedp.CSS("form[action='/introduce'] button")))
	b.until(ct, "Both will be asked", 30*time.Second)
	for _, w := range []struct {
		ctx   context.Context
		base  string
		other string
	}{{at, baseA, "Dana"}, {dt, baseD, "Aigerim"}} {
		b.do(w.ctx, chromedp.Navigate(w.base+"/"))
		b.until(w.ctx, "wants to introduce you to \u2068"+w.other, 60*time.Second)
		b.shoot(w.ctx, "asked-"+w.other)
		b.do(w.ctx, chromedp.Click(chromedp.CSS("#asked button[value=yes]")))
	}
	introduced := func(p api.Person) bool { return p.Verified == "introduced by Timur" }
	dana.person("Aigerim", introduced)
	p := aigerim.person("Dana", introduced)
	b.do(at, chromedp.Navigate(baseA+"/person/"+p.ID))
	b.until(at, "Introduced by \u2068Timur\u2069", 30*time.Second)
	b.shoot(at, "introduced")
}
