package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/jauap/jauap/bulletin/evidence"
)

// stage is a real browser at the demo of this program.
type stage struct {
	*browser
	at   context.Context
	base string
	p    program
}

// newStage starts the demo, whose nodes are real, and opens the voices.
func newStage(t *testing.T) stage {
	t.Helper()
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("the voices of the demo are not played in a real browser: that takes half a minute of computing; JAUAP_TEST=all does")
	}
	b := newBrowser(t)
	p := program{t, filepath.Join(t.TempDir(), "nobody")}
	r := p.start([]string{"page"}, "demo", "--no-browser")
	t.Cleanup(r.stop) // leaves nothing behind
	at, base := b.visit(r)
	b.do(at, chromedp.EmulateViewport(1440, 1000))
	return stage{b, at, base, p}
}

// eval asks the page; one that is on its way to another is asked again.
func (s stage) eval(script string) (out string) {
	s.t.Helper()
	var err error
	for range 100 {
		if out, err = chromedp.Run(s.at, chromedp.Evaluate[string](script)); err == nil {
			return out
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("browser: %s: %v", script, err)
	return ""
}

func (s stage) open(path string) {
	s.t.Helper()
	var err error
	for range 40 {
		if err = chromedp.Do(s.at, chromedp.Navigate(s.base+path)); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("browser: %s: %v", path, err)
}

// shows asks for a screen until it has all the words.
func (s stage) shows(path string, words ...string) {
	s.t.Helper()
	missing := ""
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(100 * time.Millisecond) {
		s.open(path)
		missing = ""
		for _, w := range words {
			if !strings.Contains(s.text(s.at), w) {
				missing = w
				break
			}
		}
		if missing == "" {
			return
		}
	}
	s.t.Fatalf("%s does not show %q:\n%s", path, missing, s.text(s.at))
}

func (s stage) hides(path string, words ...string) {
	s.t.Helper()
	s.open(path)
	for _, w := range words {
		if text := s.text(s.at); text == "" || strings.Contains(text, w) {
			s.t.Errorf("%s shows %q:\n%s", path, w, text)
		}
	}
}

// press presses a button of the world and waits until it was carried out.
func (s stage) press(key string) {
	s.t.Helper()
	s.open("/act/voices")
	s.eval(fmt.Sprintf(`(document.querySelector("button[value=%s]").click(), "")`, key))
	for begin := time.Now(); s.eval(`document.querySelector("form[data-press]").dataset.sent || ""`) != ""; time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			s.t.Fatalf("the button %q is never done", key)
		}
	}
	s.open("/act/voices")
	if said := s.eval(`document.querySelector("#board-problem").innerText`); said != "" {
		s.t.Fatalf("the button %q: %s", key, said)
	}
}

// network brings the country's switch into a position.
func (s stage) network(on bool) {
	s.t.Helper()
	s.open("/act/voices")
	if (s.eval(`document.querySelector("button[value=net]").getAttribute("aria-checked")`) == "true") != on {
		s.press("net")
	}
}

// fill types into the fields of a screen, by their ids.
func (s stage) fill(fields map[string]string) {
	s.t.Helper()
	for id, text := range fields {
		s.eval(fmt.Sprintf(`(document.querySelector("#%s").value = %q, "")`, id, text))
	}
}

func (s stage) click(sel string) {
	s.t.Helper()
	s.eval(fmt.Sprintf(`(document.querySelector(%q).click(), "")`, sel)) // in one step: the page keeps itself fresh
}

// says waits for words on the screen that is open.
func (s stage) says(want string) {
	s.t.Helper()
	s.until(s.at, want, time.Minute)
}

// done asks the scene whether a step counts as done.
func (s stage) done(n int) {
	s.t.Helper()
	script := fmt.Sprintf(`[...document.querySelectorAll(".steps li.over b")].some((e) => e.textContent === "%d") ? "done" : ""`, n)
	for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(100 * time.Millisecond) {
		s.open("/act/voices")
		if s.eval(script) == "done" {
			return
		}
	}
	s.t.Fatalf("step %d is not shown as done", n)
}

// TestVoicesAsk: a relative abroad asks after somebody into the dark; a stick
// takes the slip in; that a helper is on it leaves through a window; the answer
// leaves in a phone, and says who says so, how, and when.
func TestVoicesAsk(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.open("/")
	s.click(`.acts a[href="/act/voices"]`)
	for begin := time.Now(); s.eval(`document.querySelectorAll(".place iframe").length + ""`) != "4"; time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("the voices do not open: %s", s.text(s.at))
		}
	}
	s.click(`.steps a[href="/p/dana/slips"]`) // the third step: another screen in Dana's pane
	for begin := time.Now(); !strings.Contains(s.eval(`document.querySelector("iframe[name=dana]").contentDocument?.body?.innerText || ""`), "What I asked"); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatal("the step does not lead into Dana's pane")
		}
	}
	s.looks("voices")

	s.open("/p/dana/slips/ask")
	s.fill(map[string]string{"name": "Gulnar Akhmetova", "phone": "+7 701 123 45 67", "question": "Is she at home?", "from": "her daughter Dana", "say": "We love you."})
	s.eval(`([...document.querySelectorAll("label.check")].find((e) => e.textContent.includes("Timur")).click(), "")`)
	s.click(`form[action="/p/dana/slips/ask"] button`)
	s.says("nobody is on it yet")
	s.done(1)
	s.hides("/p/timur/slips", "Gulnar")

	s.press("stick")
	s.shows("/p/timur/slips", "Gulnar Akhmetova", "+7 701 123 45 67", "her daughter Dana", "We love you.")
	s.shoot(s.at, "voices-slip")
	s.click(`button[value=taken]`)
	s.says("taken by")
	s.network(true) // a window
	s.shows("/p/dana/slips", "taken by \u2068Timur\u2069")
	s.network(false)

	s.open("/p/timur/slips")
	s.click(`article details summary`)
	s.click(`input[value=spoke]`)
	s.eval(`(document.querySelector("article details textarea").value = "She is at home and has bread.", "")`)
	s.click(`button[value=answered]`)
	s.says("1 question is settled")
	s.hides("/p/timur/slips", "Gulnar", "123 45 67", "bread")
	s.hides("/p/dana/slips", "bread")
	s.press("travel") // Timur's own phone, over the border
	s.shows("/p/dana/slips", "answered", "She is at home and has bread.", "says \u2068Timur\u2069")
	answer := s.eval(`document.querySelector("blockquote").innerHTML`)
	for _, want := range []string{"spoke", "<time datetime=\"20"} {
		if !strings.Contains(strings.ToLower(answer), want) {
			t.Errorf("the answer does not say how or when: %s", answer)
		}
	}
	s.shoot(s.at, "voices-answer")
	s.done(2)
	s.done(3)
}

// looks leaves pictures of the scene: a laptop, a phone, at night.
func (s stage) looks(name string) {
	s.t.Helper()
	for _, l := range []struct {
		name, scheme string
		w, h         int64
	}{{"laptop", "light", 1440, 1000}, {"phone", "light", 320, 640}, {"phone-dark", "dark", 320, 640}, {"laptop-dark", "dark", 1440, 1000}} {
		s.do(s.at, chromedp.EmulateViewport(l.w, l.h), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}})
			return err
		}))
		if wide := s.eval(`String(document.documentElement.scrollWidth - innerWidth)`); strings.TrimPrefix(wide, "-") != wide && wide != "0" {
			continue
		} else if wide != "0" {
			s.t.Errorf("%s: the scene is %s pixels wider than the screen", l.name, wide)
		}
		s.shoot(s.at, name+"-"+l.name)
	}
	s.do(s.at, chromedp.EmulateViewport(1440, 1000))
}

// TestVoicesNotice: two of a hospital's three editors sign a notice, which a
// stick takes to one who follows the board already and to one who begins now.
func TestVoicesNotice(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.open("/act/voices")
	board := s.eval(`new URL(document.querySelector("#steps-dana a[href*='/boards/']").href).pathname.slice("/p/dana/".length)`)
	const words = "Қан керек: II(−). Кіреберіс Абай көшесінен."
	s.shows("/p/aigerim/"+board, "signed by at least 2 of 3 editors")
	s.fill(map[string]string{"text": words})
	s.click(`button[value=post]`)
	s.says("Nothing is published yet")
	draft := s.eval(`document.querySelector("#draft").value`)
	s.click(`section[aria-labelledby=back] button`) // one editor alone
	s.says("It was not published")
	s.hides("/p/aigerim/"+board, words)

	s.open("/p/timur/editor")
	s.fill(map[string]string{"draft": draft})
	s.click(`section:first-of-type form button`)
	s.says(words) // what is signed is read
	s.click(`button[value=sign]`)
	s.says("Give the signature back")
	signed := s.eval(`document.querySelector("#signed").value`)
	s.shoot(s.at, "voices-sign")

	// The draft is taken up again, as on another day.
	s.shows("/p/aigerim/"+board, "Nothing yet.")
	s.fill(map[string]string{"draft": draft})
	s.click(`button[value=again]`)
	s.says("What came back")
	s.fill(map[string]string{"signed": signed})
	s.click(`section[aria-labelledby=back] button`)
	s.says("Published.")
	s.done(8)
	s.hides("/p/dana/"+board, words)

	s.press("stick")
	s.shows("/p/dana/"+board, words, "signed by at least 2 of 3 editors")
	card := s.eval(`document.querySelector("#card").value`)
	s.open("/p/newsroom/boards") // follows only now: it is on the device already
	s.fill(map[string]string{"card": card})
	s.click(`form button`)
	s.says(words)
	s.open("/p/dana/" + board + "/wall")
	s.says(words)
	if n := s.eval(`String(document.querySelectorAll("#wall form").length) + getComputedStyle(document.querySelector("#wall .said")).fontSize`); !strings.HasPrefix(n, "0") {
		t.Errorf("the big screen has forms: %s", n)
	}
	s.shoot(s.at, "voices-wall")
	paper, err := chromedp.Run(s.at, chromedp.PrintToPDF())
	if err != nil || !bytes.HasPrefix(paper, []byte("%PDF-")) {
		t.Fatalf("printed: %v", err)
	}
	if dir := os.Getenv("JAUAP_SHOTS"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, "voices-wall.pdf"), paper, 0o600)
	}
	s.done(9)
}

// snapshot is what a camera gives: some kilobytes that do not shrink.
func snapshot(t *testing.T, name string) (path string, b []byte) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for i := range 320 * 240 {
		img.Set(i%320, i/320, color.RGBA{uint8(i * 7), uint8(i * i >> 5), uint8(i >> 3), 255})
	}
	var f bytes.Buffer
	if err := jpeg.Encode(&f, img, nil); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, f.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, f.Bytes()
}

// report fills the form of a report and sends it to the newsroom.
func (s stage) report(who, what, killed string, files ...string) {
	s.t.Helper()
	s.open("/p/" + who + "/report")
	s.fill(map[string]string{"what": what, "from": "2022-01-05T17:30", "place": "Almaty, Republic Square", "killed-min": killed})
	s.click(`input[name=basis][value=witnessed]`)
	s.click(`input[name=consent][value=publish]`)
	s.click(`input[name=forget]`)
	if len(files) > 0 {
		s.do(s.at, chromedp.SetUploadFiles(chromedp.CSS("#file"), files))
	}
	s.click(`button[value=send]`)
	s.says("Sealed. It leaves by itself")
	s.says("waits here or is under way")
}

// TestVoicesReport: a witness's report with a photo leaves in a neighbour's
// phone, another's by a stick; the newsroom's person joins them; what both
// devices kept of them is forgotten once it has arrived; a stranger verifies the
// package.
func TestVoicesReport(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	down := t.TempDir()
	s.do(s.at, chromedp.Func(func(ctx context.Context, x *chromedp.Target) error {
		_, err := cdp.Call(ctx, x, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: chromedp.FromContext(s.at).BrowserContextID, DownloadPath: down})
		return err
	}))
	path, original := snapshot(t, "IMG_4711.jpg")
	s.report("aigerim", "Soldiers fired at people on the square", "4", path)
	s.done(4)
	s.hides("/p/newsroom/desk", "Republic Square")
	s.press("meet")   // Timur's phone has it
	s.press("travel") // and is abroad
	s.shows("/p/newsroom/desk", "Soldiers fired at people")
	s.press("travel")
	s.report("timur", "People on the square were shot at by soldiers", "2")
	s.press("stick")
	s.shows("/p/newsroom/desk", "Soldiers fired at people", "were shot at by soldiers")
	s.done(5)
	s.shoot(s.at, "voices-queue")

	open := func(words string) {
		s.t.Helper()
		s.open("/p/newsroom/desk")
		s.eval(fmt.Sprintf(`([...document.querySelectorAll("#wait-now article")].find((e) => e.textContent.includes(%q)).querySelector("a").click(), "")`, words))
		s.says("What its package proves")
	}
	open("Soldiers fired")
	s.fill(map[string]string{"text": "The square"})
	s.eval(`([...document.querySelectorAll("form")].find((f) => f.elements.into?.value === "new").querySelector("button").click(), "")`)
	s.says("Entered.")
	open("were shot at")
	s.says("Perhaps:") // suggested, and joined by a person only
	s.eval(`([...document.querySelectorAll("form")].find((f) => f.elements.into && f.elements.into.value !== "new").querySelector("button").click(), "")`)
	s.says("Entered.")
	s.shows("/p/newsroom/desk", "Reports: 2, independent sources: 2")
	s.done(6)

	s.open("/p/newsroom/desk")
	s.eval(`([...document.querySelectorAll("summary")].find((e) => e.textContent.includes("claim")).click(), "")`)
	s.fill(map[string]string{"topic": "The square", "who": "Ministry", "min": "0", "said": "2022-01-06"})
	s.eval(`(document.querySelector("#topic").form.requestSubmit(), "")`)
	s.says("Entered.")
	s.shows("/p/newsroom/desk", "Ministry", "The square")
	s.shoot(s.at, "voices-desk")

	// Receipts came home with the stick; what was kept is forgotten.
	s.press("stick")
	s.shows("/p/aigerim/report", "Nothing is remembered here.")
	s.shows("/p/timur/report", "Nothing is remembered here.")

	s.open("/p/newsroom/desk")
	s.click(`a[href="/p/newsroom/desk/file/redacted"]`)
	out := s.downloaded(down, "desk-redacted.zip")
	z, err := zip.NewReader(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"events.csv": "The square", "claims.csv": "Ministry", "report.pdf": "%PDF-"} {
		f, err := z.Open(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if b, err := io.ReadAll(f); err != nil || !bytes.Contains(b, []byte(want)) {
			t.Errorf("%s does not hold %q: %v", name, want, err)
		}
	}
	s.verify(down, original)
}

// verify downloads the package with the photo and lets a stranger check it.
func (s stage) verify(down string, original []byte) {
	s.t.Helper()
	s.open("/p/newsroom/desk")
	s.eval(`(document.querySelector("#cases-now a").click(), "")`)
	s.says("Soldiers fired")
	s.eval(`([...document.querySelectorAll(".timeline a")].find((e) => e.textContent.includes("Soldiers fired")).click(), "")`)
	s.says("What its package proves")
	name := s.eval(`(document.querySelector("a[href*='/inbox/file/']").click(), document.querySelector("a[href*='/inbox/file/']").href.split("/").pop().slice(0, 12))`) + ".jauap-evidence.zip"
	b := s.downloaded(down, name)
	if !bytes.Contains(b, original) {
		s.t.Error("the photo is not in the package as it was")
	}
	var v evidence.Verdict
	s.p.json(&v, "verify-evidence", filepath.Join(down, name), "--json")
	if v.Broken() || v.Manifest.Report.What != "Soldiers fired at people on the square" || len(v.Manifest.Media) != 1 {
		s.t.Errorf("%+v", v)
	}
	bad := filepath.Join(down, "changed.zip")
	if err := os.WriteFile(bad, bytes.Replace(b, original[2000:2100], original[2100:2200], 1), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if out, _, code := s.p.try("verify-evidence", bad); code != exitFailed {
		s.t.Errorf("a changed photo passes: %s", out)
	}
}

// downloaded waits for a file that the browser was given.
func (s stage) downloaded(dir, name string) []byte {
	s.t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(50 * time.Millisecond) {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil && len(b) > 0 { // written elsewhere, then renamed
			return b
		}
	}
	list, _ := filepath.Glob(filepath.Join(dir, "*"))
	s.t.Fatalf("%s was not downloaded; there are %v", name, list)
	return nil
}
