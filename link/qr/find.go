package qr

import (
	"image"

	"github.com/jauap/jauap/internal/qrcode"
)

// read finds one code in a picture.
func read(img image.Image) ([]byte, bool) { return qrcode.Read(img) }
