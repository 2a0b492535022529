package media

import (
	"bytes"
	_ "embed"
	"fmt"
	"image"
	"image/jpeg"

	"github.com/jauap/jauap/internal/shrink"
)

// MaxPreview is the most bytes of a preview.
const MaxPreview = 1024

// Sides of a preview in points: one that does not fit is made again, smaller.
const (
	longest  = 96
	shortest = 8
	quality  = 30
)

// head is the beginning of each preview as a JPEG, up to its scan; it does not
// travel. Height and width stand at sizeAt. See spec/letter.md.
//
//go:embed preview.head
var head []byte

const sizeAt = 141

// preview makes a tiny picture: width u8, height u8, then the scan.
func preview(img image.Image) ([]byte, error) {
	b := img.Bounds()
	for side := longest; side >= shortest; side -= 8 {
		long := max(b.Dx(), b.Dy())
		small := shrink.RGBA(fit(img, 2*side), scaled(b.Dx(), min(side, long), long), scaled(b.Dy(), min(side, long), long))
		full, err := encode(small, quality)
		if err != nil {
			return nil, err
		}
		h := headFor(small.Bounds().Dx(), small.Bounds().Dy())
		if !bytes.HasPrefix(full, h) {
			return nil, fmt.Errorf("media: internal error: the encoder writes another head")
		}
		scan := full[len(h) : len(full)-2]
		if 2+len(scan) <= MaxPreview {
			return append([]byte{byte(small.Bounds().Dx()), byte(small.Bounds().Dy())}, scan...), nil
		}
	}
	return nil, fmt.Errorf("media: internal error: no preview fits")
}

func headFor(w, h int) []byte {
	b := bytes.Clone(head)
	b[sizeAt], b[sizeAt+1], b[sizeAt+2], b[sizeAt+3] = 0, byte(h), 0, byte(w)
	return b
}

// Picture is a preview as a JPEG that was encoded here: ErrBroken, ErrLarge.
func Picture(preview []byte) ([]byte, error) {
	if len(preview) > MaxPreview {
		return nil, fmt.Errorf("%w: a preview of %d bytes, at most %d", ErrLarge, len(preview), MaxPreview)
	}
	if len(preview) < 3 || preview[0] == 0 || preview[1] == 0 {
		return nil, ErrBroken
	}
	whole := append(append(headFor(int(preview[0]), int(preview[1])), preview[2:]...), 0xff, 0xd9)
	img, err := jpeg.Decode(bytes.NewReader(whole))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBroken, err)
	}
	return encode(img, 85)
}
