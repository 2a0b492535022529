package web

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/jauap/jauap/web/api"
)

// aPhoto is a JPEG of noise, large enough to be looked at before it is sent.
func aPhoto(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 320, 240))
	x := uint32(1)
	for i := range 320 * 240 {
		x = x*1664525 + 1013904223
		img.Set(i%320, i/320, color.RGBA{uint8(x >> 8), uint8(x >> 16), uint8(x >> 24), 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// testTalking: a photo is chosen, seen with its cost and sent; words outlive a
// closed page; a letter is found and deleted.
func testTalking(t *testing.T, ctx context.Context) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	said := complaints(t, ctx)
	file := filepath.Join(t.TempDir(), "IMG_2022.jpg")
	if err := os.WriteFile(file, aPhoto(t), 0o600); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Navigate(w.site.Link(w.s.URL)))
	until(t, ctx, "main", "Dana")
	do(t, ctx, chromedp.Navigate(w.s.URL+"/with/"+p.ID), chromedp.SendKeys(chromedp.CSS("#text"), "our yard"), chromedp.Click(chromedp.CSS(".pick summary")))
	do(t, ctx, chromedp.SetUploadFiles(chromedp.CSS("#photo"), []string{file}))
	until(t, ctx, "#write", "short letters")
	has(t, html(t, ctx, "#write"), "Look at the size, then send.", "Take out", "leave only when they ask", ">our yard</textarea>")
	if out, _ := w.Outbox(t.Context()); len(out) != 0 {
		t.Fatal("it was sent before anybody looked")
	}
	do(t, ctx, chromedp.Click(chromedp.CSS(".send > button")))
	until(t, ctx, "#letters", "Saved here")
	has(t, html(t, ctx, "#letters"), "our yard", `src="/picture/`)

	// What is typed is kept without pressing anything.
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#text"), "half a thou"))
	for range 800 {
		if d, err := w.Draft(t.Context(), api.DraftAsk{With: p.ID}); err != nil || d.Text == "half a thou" {
			break
		}
		time.Sleep(25 * time.Millisecond) // a real browser has a clock of its own
	}
	do(t, ctx, chromedp.Navigate(w.s.URL+"/"), chromedp.Navigate(w.s.URL+"/with/"+p.ID))
	until(t, ctx, "#write", ">half a thou</textarea>")

	w.Arrive("Dana", api.Letter{Text: "find these words"})
	do(t, ctx, chromedp.Navigate(w.s.URL+"/search"), chromedp.SendKeys(chromedp.CSS("#q"), "these words"), chromedp.Click(chromedp.CSS("main form button")))
	until(t, ctx, "main", "1 letter found")
	do(t, ctx, chromedp.Click(chromedp.CSS("main .card a")))
	until(t, ctx, "#letters", "find these words")
	do(t, ctx, chromedp.Click(chromedp.CSS(".theirs summary")), chromedp.Click(chromedp.CSS(".theirs a.button")))
	until(t, ctx, "main", "Delete this letter?")
	do(t, ctx, chromedp.Click(chromedp.CSS("main form button")))
	until(t, ctx, "main", "Deleted on this device.")
	hasNot(t, html(t, ctx, "#letters"), "find these words")
	for _, s := range said() {
		t.Errorf("console: %s", s)
	}
}

// testVoice: a note is recorded in the page with the browser's own beeping
// microphone, its length is told, and what is sent is a sound that plays.
func testVoice(t *testing.T, ctx context.Context) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	said := complaints(t, ctx)
	do(t, ctx, chromedp.Navigate(w.site.Link(w.s.URL)))
	until(t, ctx, "main", "Dana")
	do(t, ctx, chromedp.Navigate(w.s.URL+"/with/"+p.ID), chromedp.Click(chromedp.CSS(".pick summary")))
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-record]")))
	until(t, ctx, "#write", "Stop: 1 s")
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-record]")))
	until(t, ctx, "#write", "Take out")
	do(t, ctx, chromedp.Click(chromedp.CSS(".send > button")))
	until(t, ctx, "#letters", "Saved here")
	has(t, html(t, ctx, "#letters"), "Voice note", "<audio controls")
	out, err := w.Conversation(t.Context(), api.ConversationAsk{With: p.ID})
	if err != nil || len(out) != 1 || len(out[0].Attachments) != 1 {
		t.Fatal(out, err)
	}
	a := out[0].Attachments[0]
	if a.Kind != api.Voice || a.Seconds < 1 || a.Seconds > 60 || a.Bytes < 500 {
		t.Errorf("%+v", a)
	}
	kept, err := w.Sound(t.Context(), api.SoundAsk{ID: a.ID})
	if err != nil || !bytes.HasPrefix(kept.Data, []byte("\x1a\x45\xdf\xa3")) { // WebM, what this browser records
		t.Errorf("not a sound that browsers play: %.20q, %v", kept.Data, err)
	}
	for _, s := range said() {
		t.Errorf("console: %s", s)
	}
}

// testNoticeVoice: a notice is spoken in the page, heard before it is public,
// and ends by itself before the bytes that a notice may have are full.
func testNoticeVoice(t *testing.T, ctx context.Context) {
	w := newWorld(t)
	made, err := w.Board(t.Context(), api.BoardAsk{Do: "create", Name: "Pharmacy"})
	if err != nil {
		t.Fatal(err)
	}
	said := complaints(t, ctx)
	do(t, ctx, chromedp.Navigate(w.site.Link(w.s.URL)))
	until(t, ctx, "main", "Reach your people")
	record := func(most string) {
		do(t, ctx, chromedp.Navigate(w.s.URL+"/boards/"+made.ID), chromedp.SendKeys(chromedp.CSS("#text"), "Listen"), chromedp.Click(chromedp.CSS(".pick summary")))
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("[data-record]").dataset.record = "`+most+`"`)); err != nil {
			t.Fatal(err)
		}
		do(t, ctx, chromedp.Click(chromedp.CSS("[data-record]")))
	}
	record("49152")
	until(t, ctx, "main", "Stop: 1 s, ")
	has(t, html(t, ctx, "main"), " of 48 KB")
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-record]")))
	until(t, ctx, "main", "Look once more")
	has(t, html(t, ctx, "main"), "Listen", "of at most 48 KB", "Nobody can take it back")
	plays := func() {
		t.Helper()
		for range 800 {
			ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`(() => { const a = document.querySelector("audio"); a.preload = "auto"; return a.readyState > 1 && !a.error })()`))
			if err == nil && ok {
				return
			}
			time.Sleep(25 * time.Millisecond) // a real browser has a clock of its own
		}
		t.Error("the browser does not play what it recorded")
	}
	plays()
	do(t, ctx, chromedp.EmulateViewport(320, 640))
	inspect(t, ctx, "a notice before it is public")
	axe(t, ctx, "a notice before it is public")
	shoot(t, ctx, "notice-voice")
	if list, _ := w.Notices(t.Context(), made.ID); len(list) != 0 {
		t.Fatal("it was published before anybody heard it")
	}
	// News come while somebody listens: the draft stays.
	w.SetStatus(api.Status{Network: api.Network{State: "open"}})
	until(t, ctx, "#net", "The way out is open.")
	has(t, html(t, ctx, "main"), "Look once more")
	do(t, ctx, chromedp.Click(chromedp.CSS("button[value=publish]")))
	until(t, ctx, "main", "Published.")
	plays()
	list, err := w.Notices(t.Context(), made.ID)
	if err != nil || len(list) != 1 || list[0].Text != "Listen" || len(list[0].Files) != 1 || list[0].Files[0].Bytes < 500 {
		t.Fatal(list, err)
	}
	// Nobody presses stop: it ends before the room is full, here eight kilobytes.
	record("8192")
	until(t, ctx, "main", "Look once more")
	has(t, html(t, ctx, "main"), "Recording:")
	do(t, ctx, chromedp.Click(chromedp.CSS("button[value=publish]")))
	until(t, ctx, "main", "Published.")
	if list, err = w.Notices(t.Context(), made.ID); err != nil || len(list) != 2 || list[0].Files[0].Bytes < 2048 || list[0].Files[0].Bytes > 8192 {
		t.Errorf("%d notices, %d bytes, %v", len(list), list[0].Files[0].Bytes, err)
	}
	for _, s := range said() {
		t.Errorf("console: %s", s)
	}
}

// testKeyboard: a letter is written and sent with nothing but keys, each stop
// can be seen, and no stop is a trap.
func testKeyboard(t *testing.T, ctx context.Context) {
	w := newWorld(t)
	w.AddPerson(api.Person{Name: "Dana"})
	do(t, ctx, chromedp.Navigate(w.site.Link(w.s.URL)))
	until(t, ctx, "main", "Dana")
	at := func() string {
		s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(() => { const el = document.activeElement, s = getComputedStyle(el);
			return el.tagName + "#" + el.id + "." + el.className + (s.outlineStyle === "none" && el !== document.body ? " UNSEEN" : "") })()`))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	walk := func(to string) {
		t.Helper()
		var stops []string
		for range 60 {
			do(t, ctx, chromedp.KeyEvent(kb.Tab))
			stop := at()
			stops = append(stops, stop)
			if strings.Contains(stop, "UNSEEN") {
				t.Errorf("the focus cannot be seen at %s", stop)
			}
			if strings.HasPrefix(stop, to) {
				return
			}
		}
		t.Fatalf("no way to %s: %v", to, stops)
	}
	walk("A#.skip")
	walk("A#.go")
	do(t, ctx, chromedp.KeyEvent(kb.Enter))
	until(t, ctx, "main", `id="letters"`)
	walk("TEXTAREA#text")
	do(t, ctx, chromedp.KeyEvent("alive"))
	walk("SUMMARY#.")
	walk("BUTTON#.")
	do(t, ctx, chromedp.KeyEvent(kb.Enter))
	until(t, ctx, "#letters", "Saved here")
	if out, err := w.Outbox(t.Context()); err != nil || len(out) != 1 || out[0].Text != "alive" {
		t.Errorf("outbox %v, %v", out, err)
	}
}

// testLongTalk measures the first paint of ten thousand letters, and walks up
// through the earlier ones.
func testLongTalk(t *testing.T, ctx context.Context) {
	w := newWorld(t)
	p := w.AddPerson(api.Person{Name: "Dana"})
	for range 10_000 {
		w.Arrive("Dana", api.Letter{Text: strings.Repeat("Біз аманбыз. ", 8)})
	}
	do(t, ctx, chromedp.Navigate(w.site.Link(w.s.URL)))
	until(t, ctx, "main", "Dana")
	do(t, ctx, chromedp.Navigate(w.s.URL+"/with/"+p.ID))
	until(t, ctx, "#letters", "аманбыз")
	paint, err := 0.0, error(nil)
	for i := 0; i < 400 && err == nil && paint == 0; i++ { // it is told after it happened
		paint, err = chromedp.Run(ctx, chromedp.Evaluate[float64](`performance.getEntriesByName("first-contentful-paint")[0]?.startTime || 0`))
		time.Sleep(25 * time.Millisecond)
	}
	if err != nil || paint <= 0 {
		t.Fatal(paint, err)
	}
	t.Logf("first paint of a conversation of 10,000 letters: %.0f ms", paint)
	count := func() int {
		n, err := chromedp.Run(ctx, chromedp.Evaluate[int](`scrollTo(0, 0), document.querySelectorAll("#letters > li").length`))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 800 {
		if count() >= 3*page {
			return
		}
		time.Sleep(25 * time.Millisecond) // a real browser has a clock of its own
	}
	t.Errorf("scrolled up, %d letters are there", count())
}

// TestMediaIsOnlyMedia: what a stranger sent is shown as a picture or a sound
// that nothing can run in.
func TestMediaIsOnlyMedia(t *testing.T) {
	w := newWorld(t)
	w.AddPerson(api.Person{Name: "Dana"})
	id := w.Arrive("Dana", api.Letter{}, api.SendFile{Name: "<svg onload=alert(1)>.svg", Data: []byte("<svg onload=alert(1)>"), Kind: api.Photo}, api.SendFile{Name: "v", Data: []byte("OggS<script>"), Kind: api.Voice})
	b := w.enter(t)
	for path, kind := range map[string]string{"/picture/" + id + "-0": "image/jpeg", "/sound/" + id + "-1": "audio/ogg"} {
		resp, body := b.do(b.request("GET", path, nil))
		h := resp.Header
		if resp.StatusCode != 200 || h.Get("Content-Type") != kind || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, resp.StatusCode, h)
		}
		if kind == "image/jpeg" && bytes.Contains([]byte(body), []byte("<svg")) {
			t.Error("the stranger's bytes came through")
		}
	}
	for _, path := range []string{"/picture/..%2f..%2fetc%2fpasswd", "/sound/%2e%2e", "/picture/none", "/draft/nobody/0", "/draft/" + idDana(w) + "/..%2f1", "/static/..%2fwords%2fen.json", "/static/../gate.go"} {
		if status, _ := b.get(path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	// Another site's picture or sound element gets nothing.
	for _, path := range []string{"/picture/" + id + "-0", "/sound/" + id + "-1", "/events", "/file/" + id + "-0"} {
		req := b.request("GET", path, nil)
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		req.Header.Set("Sec-Fetch-Mode", "no-cors")
		req.Header.Set("Sec-Fetch-Dest", "image")
		if resp, body := b.do(req); resp.StatusCode != http.StatusForbidden || len(body) != 0 {
			t.Errorf("%s from another site: %d, %d bytes", path, resp.StatusCode, len(body))
		}
	}
}

func idDana(w *world) string {
	list, _ := w.People(context.Background())
	return list[0].ID
}
