package scan

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"

	"github.com/jauap/jauap/internal/qrcode"
	"github.com/jauap/jauap/internal/shrink"
)

// Limits of a picture.
const (
	MaxBytes = 16 << 20
	maxJPEG  = 64_000_000 // points; 1.5 bytes each when unpacked
	maxPNG   = 24_000_000 // points; up to 8 bytes each
	maxText  = 4096       // bytes read out of a code
	workSide = 1600       // the longest side of what is searched
)

// Errors of Read, usable with errors.Is.
var (
	ErrPicture = errors.New("scan: this is no picture that can be read; take a JPEG or PNG")
	ErrLarge   = errors.New("scan: this picture is too large")
	ErrNone    = errors.New("scan: no code was found in this picture")
)

// Read finds the QR code in a JPEG or PNG. Errors: ErrPicture, ErrLarge,
// ErrNone. It may take a second for a large photo and needs up to 300 MB.
func Read(b []byte) (text string, err error) {
	img, err := unpack(b)
	if err != nil {
		return "", err
	}
	if _, photo := img.(*image.YCbCr); photo { // its grey values are there
		if code, ok := qrcode.Read(img); ok && len(code) <= maxText {
			return qrcode.Text(code), nil
		}
	}
	long := max(img.Bounds().Dx(), img.Bounds().Dy())
	work := min(workSide, long)
	for _, side := range []int{work, work * 7 / 10} {
		if code, ok := qrcode.Read(smaller(img, side)); ok && len(code) <= maxText {
			return qrcode.Text(code), nil
		}
	}
	return "", ErrNone
}

func unpack(b []byte) (image.Image, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("%w: at most %d MiB", ErrLarge, MaxBytes>>20)
	}
	look, open, most := jpeg.DecodeConfig, jpeg.Decode, maxJPEG
	if bytes.HasPrefix(b, []byte("\x89PNG")) {
		look, open, most = png.DecodeConfig, png.Decode, maxPNG
	}
	c, err := look(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrPicture, err)
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > most/c.Height {
		return nil, fmt.Errorf("%w: %d×%d points", ErrLarge, c.Width, c.Height)
	}
	img, err := open(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrPicture, err)
	}
	return img, nil
}

// smaller makes a grey picture with no side longer than most.
func smaller(img image.Image, most int) *image.Gray {
	r := img.Bounds()
	w, h := r.Dx(), r.Dy()
	if long := max(w, h); long > most {
		w, h = max(w*most/long, 1), max(h*most/long, 1)
	}
	if w == r.Dx() && h == r.Dy() {
		out := image.NewGray(image.Rect(0, 0, w, h))
		draw.Draw(out, out.Bounds(), img, r.Min, draw.Src)
		return out
	}
	return shrink.Gray(img, w, h)
}
