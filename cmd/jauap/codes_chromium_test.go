package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/image/draw"
)

// TestCodesInBrowser: one page shows codes that move, a camera films them, the
// other page's camera looks at the film.
func TestCodesInBrowser(t *testing.T) {
	seldom(t)
	t.Parallel()
	b := newBrowser(t)
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	pair(t, aigerim, dana, "Aigerim", "Dana")
	text := strings.Repeat("Біз аманбыз, үйдеміз. ", 300)
	aigerim.send("Dana", text)
	up := func(p program) *running {
		return p.start([]string{"page"}, "up", "--no-browser", "--listen", "off", "--no-multicast")
	}
	at, baseA := b.visit(up(aigerim))
	dt, baseD := b.visit(up(dana))
	b.do(at, chromedp.EmulateViewport(900, 1000), chromedp.Navigate(baseA+"/codes"), chromedp.Click(chromedp.CSS("button[value=show]")))
	b.until(at, "Let the other phone film it", 30*time.Second)
	b.shoot(at, "codes-shown")

	const width, height = 1280, 720
	film := new(bytes.Buffer)
	fmt.Fprintf(film, "YUV4MPEG2 W%d H%d F15:1 Ip A1:1 C420jpeg\n", width, height)
	shots := map[string]bool{}
	for begin := time.Now(); len(shots) < 18; { // each of them another code, as they came by
		if time.Since(begin) > 90*time.Second {
			t.Fatalf("the picture does not move: %d different codes", len(shots))
		}
		shot, err := chromedp.Run(at, chromedp.Screenshot(chromedp.CSS(".codes img")))
		if err != nil {
			t.Fatal(err)
		}
		if shots[string(shot)] {
			continue
		}
		shots[string(shot)] = true
		filmed(t, film, shot, width, height)
	}
	if err := os.WriteFile(b.film, film.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(dt, chromedp.Navigate(baseD+"/codes"))
	b.do(dt, chromedp.Click(chromedp.CSS("#camera button")))
	b.until(dt, "All letters of these codes are here", 120*time.Second)
	b.shoot(dt, "codes-taken")
	dana.await("Aigerim", text)

	// The same film from a file, when the system can take films apart.
	tool, err := exec.LookPath("ffmpeg")
	if err != nil {
		if os.Getenv("JAUAP_TEST") == "all" {
			t.Fatal("JAUAP_TEST=all, and there is no ffmpeg in PATH: install it")
		}
		t.Log("left out: no ffmpeg in PATH, so no film file is read")
		return
	}
	carrier := newProgram(t, "Carrier")
	mp4 := filepath.Join(t.TempDir(), "film.mp4")
	if out, err := exec.Command(tool, "-nostdin", "-v", "error", "-i", b.film, "-crf", "20", mp4).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := carrier.ok("qr", "read", mp4); strings.Contains(got, "took 0 envelopes") {
		t.Errorf("a film in MP4: %s", got)
	}
}

// filmed appends what a camera makes of a screen: dim, a little small, blurred.
func filmed(t testing.TB, film *bytes.Buffer, shot []byte, width, height int) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	side := height - 40
	grey := image.NewGray(image.Rect(0, 0, side, side))
	draw.ApproxBiLinear.Scale(grey, grey.Bounds(), img, img.Bounds(), draw.Src, nil)
	out := bytes.Repeat([]byte{140}, width*height)
	for y := range side {
		for x := range side {
			out[(20+y)*width+(width-side)/2+x] = uint8(20 + int(grey.GrayAt(x, y).Y)*3/4)
		}
	}
	film.WriteString("FRAME\n")
	film.Write(out)
	film.Write(bytes.Repeat([]byte{128}, width*height/2))
}
