package scan_test

import (
	"bytes"
	"encoding/base32"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/scan"
)

// invitation is a text as long as a QR invitation with an address.
func invitation() string {
	b := make([]byte, 183)
	for i := range b {
		b[i] = byte(i * 37)
	}
	return "JAUAP:1:" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b) + "/192.168.1.14:40123"
}

func code(t testing.TB) image.Image {
	t.Helper()
	c, err := qr.Encode(invitation(), qr.L)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(c.PNG()))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// photo is how a hand holds a phone: turned, uneven light, noise.
func photo(t testing.TB, w, h int, turn, zoom float64) []byte {
	t.Helper()
	src := code(t)
	n := float64(src.Bounds().Dx())
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	rng := rand.New(rand.NewPCG(1, 2))
	sin, cos := math.Sincos(turn)
	for y := range h {
		for x := range w {
			dx, dy := float64(x-w/2), float64(y-h/2)
			u, v := (dx*cos+dy*sin)/zoom+n/2, (dy*cos-dx*sin)/zoom+n/2
			light := 90 + 150*float64(x)/float64(w)
			if u >= 0 && v >= 0 && u < n && v < n {
				if r, _, _, _ := src.At(int(u), int(v)).RGBA(); r == 0 {
					light *= 0.35
				}
			} else {
				light *= 0.7
			}
			light = min(max(light+rng.Float64()*24-12, 0), 255)
			out.Set(x, y, color.RGBA{uint8(light), uint8(light * 0.97), uint8(light * 0.9), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, out, &jpeg.Options{Quality: 70}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRead(t *testing.T) {
	var plain bytes.Buffer
	if err := png.Encode(&plain, code(t)); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"screenshot": plain.Bytes(), "upright": photo(t, 640, 480, 0, 0.8), "turned": photo(t, 640, 480, 0.3, 0.7),
		"on its side": photo(t, 720, 960, math.Pi/2, 1.2), "large": photo(t, 3000, 2200, -0.2, 3),
	} {
		if got, err := scan.Read(b); err != nil || got != invitation() {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestRefuse(t *testing.T) {
	var empty bytes.Buffer
	if err := png.Encode(&empty, image.NewGray(image.Rect(0, 0, 300, 200))); err != nil {
		t.Fatal(err)
	}
	// A PNG that claims to be 60,000 points wide and high.
	bomb := bytes.Clone(empty.Bytes())
	copy(bomb[16:], []byte{0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60})
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing": {nil, scan.ErrPicture}, "text": {[]byte(strings.Repeat("jauap:1:", 100)), scan.ErrPicture}, "no code": {empty.Bytes(), scan.ErrNone},
		"cut": {empty.Bytes()[:60], scan.ErrPicture}, "bytes": {make([]byte, scan.MaxBytes+1), scan.ErrLarge},
	} {
		if _, err := scan.Read(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := scan.Read(bomb); err == nil {
		t.Error("a bomb was unpacked")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(photo(f, 200, 200, 0.1, 0.5))
	var b bytes.Buffer
	if png.Encode(&b, code(f)) == nil {
		f.Add(b.Bytes())
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		// A picture is looked through for codes at each of its pixels.
		defer limits.Watch(t, len(b), limits.Cost{Bytes: 64 << 20, Time: 200 * time.Millisecond})()
		if len(b) > 64<<10 {
			return
		}
		if text, err := scan.Read(b); err == nil && (text == "" || len(text) > 4096) {
			t.Fatalf("%d bytes of text", len(text))
		}
	})
}
