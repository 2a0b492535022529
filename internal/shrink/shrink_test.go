package shrink

import (
	"image"
	"image/color"
	"testing"

	"golang.org/x/image/draw"
)

// picture has edges, slopes and a transparent corner, away from the origin.
func picture() *image.NRGBA {
	p := image.NewNRGBA(image.Rect(7, 11, 7+301, 11+203))
	for y := range 203 {
		for x := range 301 {
			c := color.NRGBA{uint8(x), uint8(2 * y), uint8(x ^ y), 255}
			if x/20%2 == y/20%2 {
				c.R, c.G = 255, 0
			}
			if x+y < 50 {
				c.A = uint8(5 * (x + y))
			}
			p.SetNRGBA(7+x, 11+y, c)
		}
	}
	return p
}

func far(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }

// TestAgainstAnother compares with the bilinear kernel of x/image.
func TestAgainstAnother(t *testing.T) {
	img := picture()
	for _, s := range [][2]int{{150, 101}, {96, 64}, {301, 203}, {1, 1}, {8, 203}, {500, 400}, {301, 1}} {
		w, h := s[0], s[1]
		want, got := image.NewRGBA(image.Rect(0, 0, w, h)), RGBA(img, w, h)
		draw.BiLinear.Scale(want, want.Bounds(), img, img.Bounds(), draw.Src, nil)
		for i := range want.Pix {
			if far(want.Pix[i], got.Pix[i]) > 2 {
				t.Fatalf("%v: byte %d is %d, want %d", s, i, got.Pix[i], want.Pix[i])
			}
		}
		grey, other := Gray(img, w, h), image.NewGray(image.Rect(0, 0, w, h))
		draw.BiLinear.Scale(other, other.Bounds(), img, img.Bounds(), draw.Src, nil)
		for i := range grey.Pix {
			if far(grey.Pix[i], other.Pix[i]) > 2 {
				t.Fatalf("%v: grey byte %d is %d, want %d", s, i, grey.Pix[i], other.Pix[i])
			}
		}
	}
}
