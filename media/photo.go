package media

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/webp"

	"github.com/jauap/jauap/internal/shrink"
)

// Errors of this room, usable with errors.Is.
var (
	ErrFormat = errors.New("media: no picture of a known kind (JPEG, PNG, GIF, WebP); send it as a file, then all that is hidden in it stays in it")
	ErrLarge  = errors.New("media: the picture is too large to be opened here; make it smaller first")
	ErrBroken = errors.New("media: the picture is damaged")
	ErrSize   = errors.New("media: a photo is small, large or original")
)

// Size is how large a photo is sent.
type Size string

// Sizes of a photo by its longer side.
const (
	Small    Size = "small"    // at most 1,280 points
	Large    Size = "large"    // at most 2,560 points
	Original Size = "original" // all points
)

// side and quality of each size; a side of 0 is without limit.
func (s Size) rule() (side, quality int, err error) {
	switch s {
	case Small:
		return 1280, 70, nil
	case Large:
		return 2560, 80, nil
	case Original:
		return 0, 90, nil
	}
	return 0, 0, fmt.Errorf("%w, not %q", ErrSize, string(s))
}

// NoticeSide is the longest side of a photo that goes to everybody.
const NoticeSide = 1280

const (
	maxBytes  = 64 << 20  // of a source
	maxMemory = 320 << 20 // bytes that decoding may take
	maxSide   = 30_000    // points
)

// Photo is a picture that may leave the device.
type Photo struct {
	JPEG          []byte
	Width, Height int
	Preview       []byte // at most MaxPreview bytes; see Picture
}

// Shrink makes a photo of the bytes of a JPEG, PNG, GIF (its first picture) or
// WebP. Errors: ErrFormat, ErrLarge, ErrBroken, ErrSize.
func Shrink(src []byte, size Size) (Photo, error) {
	side, quality, err := size.rule()
	if err != nil {
		return Photo{}, err
	}
	img, err := open(src, side == 0)
	if err != nil {
		return Photo{}, err
	}
	img = turn(fit(img, side), orientation(src))
	p := Photo{Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}
	if p.JPEG, err = encode(img, quality); err != nil {
		return Photo{}, err
	}
	p.Preview, err = preview(img)
	return p, err
}

// Fit makes a photo of at most most bytes, as large and as clear as that allows:
// up to NoticeSide points long. Preview is empty. Errors as of Shrink; ErrLarge when
// even 160 points are too much.
func Fit(src []byte, most int) (Photo, error) {
	img, err := open(src, false)
	if err != nil {
		return Photo{}, err
	}
	img = turn(fit(img, NoticeSide), orientation(src))
	for _, side := range []int{NoticeSide, 1024, 800, 640, 480, 320, 160} {
		small := fit(img, side)
		for _, quality := range []int{75, 60, 45} {
			b, err := encode(small, quality)
			if err != nil {
				return Photo{}, err
			}
			if len(b) <= most {
				return Photo{JPEG: b, Width: small.Bounds().Dx(), Height: small.Bounds().Dy()}, nil
			}
		}
	}
	return Photo{}, fmt.Errorf("%w: it does not become as small as %d bytes", ErrLarge, most)
}

// Redraw encodes a picture that arrived anew, upright and at most 2,560 points
// long, for a browser to show. Errors as of Shrink.
func Redraw(src []byte) ([]byte, error) {
	img, err := open(src, false)
	if err != nil {
		return nil, err
	}
	return encode(turn(fit(img, 2560), orientation(src)), 85)
}

// RedrawSmall is Redraw for what must be a JPEG of at most side points each way:
// anything else is refused before its points are decoded. Errors as of Shrink.
func RedrawSmall(src []byte, side int) ([]byte, error) {
	if !begins(src, "\xff\xd8\xff") {
		return nil, ErrFormat
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(src))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBroken, err)
	}
	if c.Width > side || c.Height > side {
		return nil, fmt.Errorf("%w: %d by %d points, at most %d", ErrLarge, c.Width, c.Height, side)
	}
	return Redraw(src)
}

func encode(img image.Image, quality int) ([]byte, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("media: encoding: %w", err)
	}
	return b.Bytes(), nil
}

// format is one kind of picture that can be opened.
type format struct {
	magic  string // '?' stands for any byte
	config func([]byte) (image.Config, error)
	decode func([]byte) (image.Image, error)
}

func formats() []format {
	return []format{
		{"\xff\xd8\xff",
			func(b []byte) (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) }},
		{"\x89PNG\r\n\x1a\n",
			func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) }},
		{"GIF8",
			func(b []byte) (image.Config, error) { return gif.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return gif.Decode(bytes.NewReader(b)) }},
		{"RIFF????WEBPVP8",
			func(b []byte) (image.Config, error) { return webp.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return webp.Decode(bytes.NewReader(b)) }},
	}
}

func begins(b []byte, magic string) bool {
	if len(b) < len(magic) {
		return false
	}
	for i, c := range []byte(magic) {
		if c != '?' && b[i] != c {
			return false
		}
	}
	return true
}

// open decodes a picture unless it would take too much memory. whole says that
// all points are needed once more, as for a turned picture.
func open(src []byte, whole bool) (img image.Image, err error) {
	if len(src) > maxBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrLarge, len(src), maxBytes)
	}
	for _, f := range formats() {
		if !begins(src, f.magic) {
			continue
		}
		c, err := f.config(src)
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrBroken, err)
		}
		if c.Width <= 0 || c.Height <= 0 {
			return nil, ErrBroken
		}
		each := memory(src, c.ColorModel)
		if whole {
			each += 4
		}
		if c.Width > maxSide || c.Height > maxSide || int64(c.Width)*int64(c.Height)*each > maxMemory {
			return nil, fmt.Errorf("%w: %d by %d points", ErrLarge, c.Width, c.Height)
		}
		if img, err = f.decode(src); err != nil {
			return nil, fmt.Errorf("%w: %v", ErrBroken, err)
		}
		// What the header promised was what the limit was for.
		if b := img.Bounds(); b.Dx() != c.Width && b.Dx() > maxSide || b.Dy() != c.Height && b.Dy() > maxSide {
			return nil, ErrBroken
		}
		return img, nil
	}
	return nil, ErrFormat
}

// memory is how many bytes a decoder takes for one point.
func memory(src []byte, m color.Model) int64 {
	switch m {
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	case color.YCbCrModel, color.GrayModel, color.CMYKModel:
		if begins(src, "\xff\xd8\xff") && progressive(src) {
			return 16 // all coefficients at once
		}
		return 4
	}
	return 5
}

// fit makes a picture at most side points long: whole blocks of points are
// averaged, what remains is less than a half and interpolated.
func fit(img image.Image, side int) image.Image {
	b := img.Bounds()
	long := max(b.Dx(), b.Dy())
	if side == 0 || long <= side {
		side = long
	}
	img = average(img, max(long/side, 1))
	w, h := scaled(b.Dx(), side, long), scaled(b.Dy(), side, long)
	if b = img.Bounds(); b.Dx() == w && b.Dy() == h {
		return img
	}
	return shrink.RGBA(img, w, h)
}

func scaled(n, side, long int) int { return max((n*side+long/2)/long, 1) }

// average makes one point of n by n, on white where the source is transparent.
func average(img image.Image, n int) *image.RGBA {
	b := img.Bounds()
	w, h := max(b.Dx()/n, 1), max(b.Dy()/n, 1)
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	row := image.NewRGBA(image.Rect(0, 0, b.Dx(), 1))
	sums := make([]uint32, 3*w)
	for y := range h {
		clear(sums)
		rows := min(n, b.Dy()-y*n)
		for i := range rows {
			draw.Draw(row, row.Bounds(), image.White, image.Point{}, draw.Src)
			draw.Draw(row, row.Bounds(), img, image.Pt(b.Min.X, b.Min.Y+y*n+i), draw.Over)
			for x := range w {
				for _, p := range chunk(row.Pix, x*n, min(n, b.Dx()-x*n)) {
					sums[3*x] += uint32(p[0])
					sums[3*x+1] += uint32(p[1])
					sums[3*x+2] += uint32(p[2])
				}
			}
		}
		for x := range w {
			all := uint32(rows * min(n, b.Dx()-x*n))
			o := out.Pix[out.PixOffset(x, y):]
			for c := range 3 {
				o[c] = uint8((sums[3*x+c] + all/2) / all)
			}
			o[3] = 0xff
		}
	}
	return out
}

// chunk gives n points of a row from x on.
func chunk(pix []byte, x, n int) func(func(int, []byte) bool) {
	return func(yield func(int, []byte) bool) {
		for i := range n {
			if !yield(i, pix[4*(x+i):4*(x+i)+3]) {
				return
			}
		}
	}
}
