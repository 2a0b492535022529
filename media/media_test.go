package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

// scene is a picture with something to see: a gradient, and its upper left
// quarter red.
func scene(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8((x ^ y) & 0xff), 255}
			if x < w/2 && y < h/2 {
				c = color.RGBA{220, 20, 20, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

const secret = "43.2389 N 76.8897 E, Canon EOS 5D of Aigerim"

// camera is a JPEG as a camera writes it: EXIF with an orientation and a
// place, XMP, IPTC, a comment, and bytes after its end.
func camera(t testing.TB, img image.Image, orientation byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 92}); err != nil {
		t.Fatal(err)
	}
	exif := append([]byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), orientation, 0, 0, 0, 0, 0, 0)
	out := []byte{0xff, 0xd8}
	for _, s := range []struct {
		marker byte
		body   string
	}{
		{0xe1, string(exif) + secret}, {0xe1, "http://ns.adobe.com/xap/1.0/\x00<x>" + secret + "</x>"},
		{0xed, "Photoshop 3.0\x00" + secret}, {0xe2, "ICC_PROFILE\x00" + secret}, {0xfe, secret},
	} {
		out = append(out, 0xff, s.marker)
		out = binary.BigEndian.AppendUint16(out, uint16(len(s.body)+2))
		out = append(out, s.body...)
	}
	return append(append(out, b.Bytes()[2:]...), secret...)
}

// markers lists the segments of a JPEG.
func markers(b []byte) (list []byte) {
	segments(b, func(m byte, _ []byte) bool { list = append(list, m); return true })
	return list
}

func TestNothingOfTheCameraStays(t *testing.T) {
	src := camera(t, scene(3000, 2000), 1)
	for _, c := range []struct {
		size Size
		w, h int
		most int
	}{{Small, 1280, 853, 300_000}, {Large, 2560, 1707, 1_500_000}, {Original, 3000, 2000, 6_000_000}} {
		p, err := Shrink(src, c.size)
		if err != nil {
			t.Fatal(err)
		}
		if p.Width != c.w || p.Height != c.h || len(p.JPEG) > c.most || len(p.Preview) > MaxPreview {
			t.Errorf("%s: %d by %d, %d bytes, preview %d", c.size, p.Width, p.Height, len(p.JPEG), len(p.Preview))
		}
		if bytes.Contains(p.JPEG, []byte(secret[:8])) || bytes.Contains(p.JPEG, []byte("Exif")) || bytes.Contains(p.Preview, []byte(secret[:8])) {
			t.Errorf("%s: what the camera wrote is still there", c.size)
		}
		for _, m := range markers(p.JPEG) {
			if m >= 0xe0 && m <= 0xef || m == 0xfe {
				t.Errorf("%s: segment %x", c.size, m)
			}
		}
		if got, err := jpeg.DecodeConfig(bytes.NewReader(p.JPEG)); err != nil || got.Width != c.w {
			t.Errorf("%s: %v, %v", c.size, got, err)
		}
		t.Logf("%s: %d bytes of %d, preview %d bytes", c.size, len(p.JPEG), len(src), len(p.Preview))
	}
	if _, err := Shrink(src, "huge"); !errors.Is(err, ErrSize) {
		t.Errorf("size huge: %v", err)
	}
}

// TestUpright: the red corner is at the upper left, however the camera was held.
func TestUpright(t *testing.T) {
	where := map[byte][2]int{1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 1}, 8: {0, 1}}
	for o, corner := range where {
		for _, size := range []Size{Small, Original} {
			p, err := Shrink(camera(t, scene(200, 100), o), size)
			if err != nil {
				t.Fatal(err)
			}
			if wide := p.Width > p.Height; wide != (o < 5) {
				t.Errorf("orientation %d: %d by %d", o, p.Width, p.Height)
			}
			img, err := jpeg.Decode(bytes.NewReader(p.JPEG))
			if err != nil {
				t.Fatal(err)
			}
			r, g, b, _ := img.At(p.Width/4+corner[0]*p.Width/2, p.Height/4+corner[1]*p.Height/2).RGBA()
			if r>>8 < 180 || g>>8 > 70 || b>>8 > 70 {
				t.Errorf("orientation %d, %s: the red corner is %d %d %d", o, size, r>>8, g>>8, b>>8)
			}
		}
	}
}

func TestPreview(t *testing.T) {
	for _, s := range [][2]int{{1, 1}, {3, 500}, {640, 480}, {33, 7}, {2000, 31}} {
		noise := image.NewRGBA(image.Rect(0, 0, s[0], s[1]))
		x := uint32(7)
		for i := range noise.Pix {
			x = x*1664525 + 1013904223
			noise.Pix[i] = byte(x>>24) | byte(i&3/3*255)
		}
		p, err := Shrink(camera(t, noise, 1), Small)
		if err != nil || len(p.Preview) > MaxPreview {
			t.Fatalf("%v: %d bytes, %v", s, len(p.Preview), err)
		}
		got, err := Picture(p.Preview)
		if err != nil {
			t.Fatalf("%v: %v", s, err)
		}
		if c, err := jpeg.DecodeConfig(bytes.NewReader(got)); err != nil || c.Width != int(p.Preview[0]) || c.Height != int(p.Preview[1]) {
			t.Errorf("%v: %v, %v", s, c, err)
		}
	}
	p, _ := Shrink(camera(t, scene(640, 480), 1), Small)
	got, err := Picture(p.Preview)
	if err != nil {
		t.Fatal(err)
	}
	img, _ := jpeg.Decode(bytes.NewReader(got))
	if r, g, _, _ := img.At(img.Bounds().Dx()/4, img.Bounds().Dy()/4).RGBA(); r>>8 < 150 || g>>8 > 90 {
		t.Errorf("the preview's red corner is %d %d", r>>8, g>>8)
	}
	for _, bad := range [][]byte{nil, {1, 1}, {0, 9, 1, 2, 3}, make([]byte, MaxPreview+1), {200, 200, 0xff, 0xd9, 1}} {
		if _, err := Picture(bad); err == nil {
			t.Errorf("%x is a preview", bad[:min(len(bad), 8)])
		}
	}
}

// bomb is a PNG of a few hundred bytes that claims to be large.
func bomb(w, h uint32) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1)))
	out := b.Bytes()
	binary.BigEndian.PutUint32(out[16:], w)
	binary.BigEndian.PutUint32(out[20:], h)
	binary.BigEndian.PutUint32(out[29:], crc32.ChecksumIEEE(out[12:29]))
	return out
}

func TestHostilePictures(t *testing.T) {
	for _, size := range [][2]uint32{{50_000, 50_000}, {1, 40_000}, {20_000, 20_000}} {
		if _, err := Shrink(bomb(size[0], size[1]), Small); !errors.Is(err, ErrLarge) {
			t.Errorf("a bomb of %v: %v", size, err)
		}
	}
	for name, src := range map[string][]byte{"empty": nil, "text": []byte("hello"), "svg": []byte("<svg onload=alert(1)>"), "heic": []byte("\x00\x00\x00\x18ftypheic")} {
		if _, err := Shrink(src, Small); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := camera(t, scene(300, 200), 1)
	if _, err := Redraw(whole[:len(whole)/3]); !errors.Is(err, ErrBroken) {
		t.Errorf("a cut picture: %v", err)
	}
	if _, err := Shrink(make([]byte, maxBytes+1), Small); !errors.Is(err, ErrLarge) {
		t.Errorf("a source of more than %d bytes: %v", maxBytes, err)
	}
}

// TestOtherFormats: transparent is white, as on paper.
func TestOtherFormats(t *testing.T) {
	clear := image.NewNRGBA(image.Rect(0, 0, 40, 30))
	var asPNG, asGIF bytes.Buffer
	if err := errors.Join(png.Encode(&asPNG, clear), gif.Encode(&asGIF, scene(40, 30), nil)); err != nil {
		t.Fatal(err)
	}
	// The smallest lossless WebP: one point. (RFC 9649, 3)
	asWebP := []byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00")
	for name, src := range map[string][]byte{"png": asPNG.Bytes(), "gif": asGIF.Bytes(), "webp": asWebP} {
		p, err := Shrink(src, Small)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		img, err := jpeg.Decode(bytes.NewReader(p.JPEG))
		if err != nil {
			t.Fatal(err)
		}
		if r, g, b, _ := img.At(1, 1).RGBA(); name == "png" && (r>>8 < 250 || g>>8 < 250 || b>>8 < 250) {
			t.Errorf("transparent became %d %d %d", r>>8, g>>8, b>>8)
		}
	}
}

func TestSound(t *testing.T) {
	for b, want := range map[string]string{
		"OggS\x00": "audio/ogg", "\x1a\x45\xdf\xa3": "audio/webm", "\x00\x00\x00\x20ftypM4A ": "audio/mp4", "RIFF\x00\x00\x00\x00WAVEfmt ": "audio/wav",
		"<html>": "", "": "", "\x00\x00\x00\x20ftyx": "",
	} {
		if got := Sound([]byte(b)); got != want {
			t.Errorf("%q is %q, want %q", b, got, want)
		}
	}
}

func FuzzShrink(f *testing.F) {
	f.Add(camera(f, scene(40, 30), 6))
	f.Add(bomb(1000, 1000))
	f.Add([]byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		// A picture unpacks to its pixels, of which open allows a camera's number.
		defer limits.Watch(t, len(b), limits.Cost{Bytes: 256 << 20, Time: 2 * time.Second})()
		if _, err := open(b, true); errors.Is(err, ErrLarge) {
			return
		}
		p, err := Shrink(b, Small)
		if err != nil {
			return
		}
		if len(p.Preview) > MaxPreview || max(p.Width, p.Height) > 1280 {
			t.Errorf("%d by %d, preview %d", p.Width, p.Height, len(p.Preview))
		}
		if _, err := Picture(p.Preview); err != nil {
			t.Errorf("our preview: %v", err)
		}
	})
}

func FuzzPicture(f *testing.F) {
	p, _ := Shrink(camera(f, scene(40, 30), 6), Small)
	f.Add(p.Preview)
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		_, _ = Picture(b)
	})
}

func BenchmarkShrink12MP(b *testing.B) {
	src := camera(b, scene(4000, 3000), 6)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := Shrink(src, Small); err != nil {
			b.Fatal(err)
		}
	}
}

// TestFit: a photo becomes as small as it must, upright, with nothing of the
// camera, and what cannot is refused.
func TestFit(t *testing.T) {
	noise := image.NewRGBA(image.Rect(0, 0, 640, 480))
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = byte(rng.Uint32()) | byte(i%4/3*255)
	}
	for name, src := range map[string][]byte{"scene": camera(t, scene(1500, 1000), 6), "noise": camera(t, noise, 1)} {
		p, err := Fit(src, 48<<10)
		if err != nil || len(p.JPEG) > 48<<10 {
			t.Fatalf("%s: %d bytes, %v", name, len(p.JPEG), err)
		}
		if name == "scene" && (p.Width >= p.Height || p.Height < 640) {
			t.Errorf("%s: %d by %d", name, p.Width, p.Height)
		}
		for _, m := range markers(p.JPEG) {
			if m >= 0xe0 && m <= 0xef || m == 0xfe {
				t.Errorf("%s: marker %x", name, m)
			}
		}
	}
	if _, err := Fit(camera(t, noise, 1), 900); !errors.Is(err, ErrLarge) {
		t.Errorf("900 bytes of noise: %v", err)
	}
	if _, err := Fit(bomb(20_000, 20_000), 48<<10); !errors.Is(err, ErrLarge) {
		t.Errorf("a bomb: %v", err)
	}
	if s := Sound([]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00")); s != "" {
		t.Errorf("a photo passes for %s", s)
	}
}
