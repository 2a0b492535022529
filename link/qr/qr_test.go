package qr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/link/fountain"
	"github.com/jauap/jauap/link/linktest"
)

func noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 3))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func strip(t testing.TB, room int, units ...[]byte) *Strip {
	t.Helper()
	s, err := Make(linktest.From(units), room)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// gather is what a reader does with packets.
type gather struct {
	c     fountain.Collector
	units [][]byte
}

func (g *gather) take(b []byte) error {
	units, _ := g.c.Add(b)
	g.units = append(g.units, units...)
	return nil
}

func encoded(t testing.TB, img image.Image, how string) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	if how == "png" {
		err = png.Encode(&b, img)
	} else {
		err = jpeg.Encode(&b, img, &jpeg.Options{Quality: 60})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestStillCodes(t *testing.T) {
	for _, c := range []struct{ size, room, side int }{{96, Fine, 49 + 8}, {222, Fine, 61 + 8}, {1024, Fine, 109 + 8}, {222, Coarse, 61 + 8}} {
		unit := noise(uint64(c.size), c.size)
		s := strip(t, c.room, unit)
		if s.Frames() != 1 || s.Needed != 1 || s.Side() > c.side {
			t.Errorf("%d bytes: %d frames of %d modules; want 1 of at most %d", c.size, s.Frames(), s.Side(), c.side)
		}
		for _, how := range []string{"png", "jpeg"} {
			var g gather
			seen, err := Look(context.Background(), encoded(t, s.Frame(0, 4), how), g.take)
			if err != nil || seen.Codes != 1 || len(g.units) != 1 || !bytes.Equal(g.units[0], unit) {
				t.Errorf("%d bytes as %s: %+v, %d units, %v", c.size, how, seen, len(g.units), err)
			}
		}
	}
}

func TestStillHoldsWhatFits(t *testing.T) {
	units := [][]byte{noise(1, 96), noise(2, 160), noise(3, 222), noise(4, 1024)}
	for room, want := range map[int]int{Coarse: 2, Fine: 3} {
		s, err := MakeStill(linktest.From(units), room)
		if err != nil || s.Frames() != 1 || s.Units != want {
			t.Fatalf("room %d: %+v, %v; want %d units in one code", room, s, err, want)
		}
		var g gather
		if _, err := Look(context.Background(), encoded(t, s.Frame(0, 4), "jpeg"), g.take); err != nil || len(g.units) != want {
			t.Errorf("room %d: %d units read, %v", room, len(g.units), err)
		}
	}
	if s, err := MakeStill(linktest.From(units[3:]), Fine); err != nil || s.Frames() != 1 || s.Units != 1 {
		t.Errorf("an S1: %+v, %v", s, err)
	}
	if _, err := MakeStill(linktest.From(units[3:]), Coarse); !errors.Is(err, ErrEmpty) {
		t.Errorf("an S1 in a coarse code: %v", err)
	}
}

func TestMovingPicture(t *testing.T) {
	units := [][]byte{noise(1, 1024), noise(2, 4096), noise(3, 222)}
	for _, room := range []int{Coarse, Fine} {
		s := strip(t, room, units...)
		b, err := s.GIF(2)
		if err != nil {
			t.Fatal(err)
		}
		var g gather
		seen, err := Look(context.Background(), b, g.take)
		if err != nil || seen.Frames != s.Frames() || seen.Codes != seen.Frames || len(g.units) != 3 {
			t.Errorf("room %d: %+v, %d units, %v", room, seen, len(g.units), err)
		}
	}
}

// seenByCamera is a frame as a camera has it: turned, out of the middle, blurred
// by scaling, with noise and uneven light.
func seenByCamera(img *image.Paletted, r *rand.Rand, width, height int, share float64) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, width, height))
	side := float64(img.Bounds().Dx())
	scale := side / (share * float64(height))
	angle := (r.Float64() - 0.5) * 0.2
	sin, cos := math.Sin(angle), math.Cos(angle)
	dx, dy := float64(width)/2+20*(r.Float64()-0.5), float64(height)/2+20*(r.Float64()-0.5)
	lean := (r.Float64() - 0.5) * 0.0002
	for y := range height {
		for x := range width {
			sum := 0.0
			for _, o := range [4][2]float64{{.25, .25}, {.75, .25}, {.25, .75}, {.75, .75}} {
				px, py := float64(x)+o[0]-dx, float64(y)+o[1]-dy
				w := 1 + lean*px
				u, v := (cos*px+sin*py)*scale*w+side/2, (-sin*px+cos*py)*scale*w+side/2
				if u >= 0 && v >= 0 && u < side && v < side && img.Pix[int(v)*img.Stride+int(u)] == 1 {
					sum += 40
				} else if u >= 0 && v >= 0 && u < side && v < side {
					sum += 200
				} else {
					sum += 90
				}
			}
			light := 0.8 + 0.25*float64(x)/float64(width)
			out.Pix[y*out.Stride+x] = uint8(max(0, min(255, sum/4*light+r.NormFloat64()*8)))
		}
	}
	return out
}

// film lets a camera look at a strip: a fifth of the frames is lost. It answers
// after how many frames all units were there.
func film(t testing.TB, s *Strip, r *rand.Rand, units, width, height int, share float64) (frames, read int) {
	t.Helper()
	var g gather
	begin := r.IntN(s.Frames())
	for ; len(g.units) < units; frames++ {
		if frames > 3*s.Frames() {
			t.Fatalf("after %d frames %d of %d units are there; %d frames were read", frames, len(g.units), units, read)
		}
		if r.IntN(5) == 0 {
			continue
		}
		shot := seenByCamera(s.Frame((begin+frames)%s.Frames(), 1), r, width, height, share)
		seen, err := Look(context.Background(), encoded(t, shot, "jpeg"), g.take)
		if err != nil {
			t.Fatal(err)
		}
		read += seen.Codes
	}
	return frames, read
}

func TestSeenByACamera(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, c := range []struct{ room, size int }{{Coarse, 1024}, {Fine, 4096}} {
		s := strip(t, c.room, noise(9, c.size))
		frames, read := film(t, s, r, 1, 1280, 720, 0.9)
		t.Logf("room %d: %d bytes in %d frames, %d of them read, %d needed", c.room, c.size, frames, read, s.Needed)
		// Four fifths arrive, and nearly all of them are read.
		if frames > 2*s.Needed+6 {
			t.Errorf("room %d: %d frames for %d needed", c.room, frames, s.Needed)
		}
	}
}

// TestDimScreen: what is white on the screen is darker than the wall behind it.
func TestDimScreen(t *testing.T) {
	s := strip(t, Fine, noise(7, 9000))
	read := 0
	for i := range s.Needed {
		code := s.Frame(i, 5)
		img := image.NewGray(image.Rect(0, 0, 1280, 720))
		for j := range img.Pix {
			img.Pix[j] = 140
		}
		for y := range code.Bounds().Dy() {
			for x := range code.Bounds().Dx() {
				img.SetGray(300+x, 40+y, color.Gray{Y: map[uint8]uint8{0: 83, 1: 20}[code.ColorIndexAt(x, y)]})
			}
		}
		seen, err := Look(context.Background(), encoded(t, img, "jpeg"), func([]byte) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		read += seen.Codes
	}
	if read*10 < s.Needed*7 {
		t.Errorf("only %d of %d codes were read", read, s.Needed)
	}
}

// TestRecordedFilm reads JPEG after JPEG, as cameras record, with rubbish
// between.
func TestRecordedFilm(t *testing.T) {
	unit := noise(5, 2000)
	s := strip(t, Coarse, unit)
	var film []byte
	for i := range s.Needed + 3 {
		film = append(film, encoded(t, s.Frame(i, 3), "jpeg")...)
		film = append(film, "--boundary\r\n\r\n"...)
	}
	var g gather
	seen, err := Look(context.Background(), film, g.take)
	if err != nil || seen.Frames != s.Needed+3 || len(g.units) != 1 || !bytes.Equal(g.units[0], unit) {
		t.Errorf("%+v, %d units, %v", seen, len(g.units), err)
	}
}

func TestHugePicturesAreNotOpened(t *testing.T) {
	// A PNG of 60,000 by 60,000 white pixels is a few kilobytes of file.
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewPaletted(image.Rect(0, 0, 30, 30), color.Palette{color.White})); err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(b.Bytes())
	copy(huge[16:], []byte{0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60})
	moving := &gif.GIF{}
	for range 3 {
		moving.Image = append(moving.Image, image.NewPaletted(image.Rect(0, 0, 6000, 6000), color.Palette{color.White, color.Black}))
		moving.Delay = append(moving.Delay, 1)
	}
	var g bytes.Buffer
	if err := gif.EncodeAll(&g, moving); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"png": huge, "gif": g.Bytes(), "text": []byte("hello"), "nothing": nil, "cut": b.Bytes()[:20], "gif cut": g.Bytes()[:100]} {
		if _, err := Look(context.Background(), file, nil); !errors.Is(err, ErrPicture) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	if _, err := Make(linktest.From(nil), Fine); !errors.Is(err, ErrEmpty) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := Make(linktest.From(nil), 100); !errors.Is(err, ErrRoom) {
		t.Errorf("a room of 100: %v", err)
	}
	var units [][]byte
	for i := range 200 {
		units = append(units, noise(uint64(i), 1024))
	}
	s := strip(t, Coarse, units...)
	if s.Units != 97 || s.Bytes != 97*1024 || s.Side() > 69+8 {
		t.Errorf("%d units, %d bytes, %d modules", s.Units, s.Bytes, s.Side())
	}
}

func FuzzLook(f *testing.F) {
	s, err := Make(linktest.From([][]byte{noise(1, 300)}), Coarse)
	if err != nil {
		f.Fatal(err)
	}
	p, _ := s.PNG(0, 2)
	g, _ := s.GIF(1)
	f.Add(p)
	f.Add(g)
	f.Add(encoded(f, s.Frame(0, 2), "jpeg"))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		defer limits.Watch(t, len(file))()
		if n, ok := gifPixels(file); ok && n > 1<<20 {
			t.Skip("a large picture: slow, and no other way through the code")
		}
		_, _ = Look(context.Background(), file, func(b []byte) error {
			if len(b) > 2953 {
				t.Errorf("%d bytes out of one code", len(b))
			}
			return nil
		})
	})
}

// BenchmarkFilm shows 97 kB of envelopes to a camera of 1280 by 720 pixels that
// loses a fifth of the frames, and tells how fast they come across at 12 frames a
// second.
func BenchmarkFilm(b *testing.B) {
	for _, room := range []int{Coarse, Fine} {
		b.Run(fmt.Sprint(room), func(b *testing.B) {
			var units [][]byte
			for i := range 97 {
				units = append(units, noise(uint64(i), 1024))
			}
			s := strip(b, room, units...)
			r := rand.New(rand.NewPCG(5, 5))
			var rates []float64
			read, frames := 0, 0
			for b.Loop() {
				n, got := film(b, s, r, len(units), 1280, 720, 0.95)
				rates = append(rates, float64(s.Bytes)/float64(n)*PerSecond)
				read, frames = read+got, frames+n
			}
			b.ReportMetric(median(rates)/1000, "kB/s")
			b.ReportMetric(float64(read)/float64(frames)*100, "%read")
		})
	}
}

func median(list []float64) float64 {
	for i := range list {
		for j := range i {
			if list[i] < list[j] {
				list[i], list[j] = list[j], list[i]
			}
		}
	}
	return list[len(list)/2]
}

func BenchmarkMake(b *testing.B) {
	units := [][]byte{noise(1, 65536)}
	for b.Loop() {
		s := strip(b, Fine, units...)
		g, err := s.GIF(1)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(g)), "gif-bytes")
	}
}
