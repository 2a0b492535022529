package media

import (
	"encoding/binary"
	"image"
)

// segments walks through the marker segments of a JPEG up to its first scan.
func segments(b []byte, f func(marker byte, body []byte) bool) {
	if !begins(b, "\xff\xd8") {
		return
	}
	for b = b[2:]; len(b) >= 4 && b[0] == 0xff; {
		if b[1] == 0xff { // padding
			b = b[1:]
			continue
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 2 || len(b) < 2+n || b[1] == 0xda || !f(b[1], b[4:2+n]) {
			return
		}
		b = b[2+n:]
	}
}

// progressive tells whether a JPEG comes in several scans. (ITU-T T.81, B.1.1.3)
func progressive(b []byte) (yes bool) {
	segments(b, func(m byte, _ []byte) bool {
		yes = m == 0xc2
		return m < 0xc0 || m > 0xc2
	})
	return yes
}

// orientation is how a camera was held: 1 to 8 of EXIF, 1 when it does not say.
// Of all that a camera writes it is the only thing that is looked at.
func orientation(b []byte) (o int) {
	o = 1
	segments(b, func(m byte, body []byte) bool {
		if m != 0xe1 || !begins(body, "Exif\x00\x00") {
			return true
		}
		o = fromTIFF(body[6:])
		return false
	})
	return o
}

// fromTIFF reads tag 0x0112 of the first directory. (EXIF 2.3, 4.6.4)
func fromTIFF(b []byte) int {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case begins(b, "MM\x00\x2a"):
		order = binary.BigEndian
	case !begins(b, "II\x2a\x00"):
		return 1
	}
	if len(b) < 8 {
		return 1
	}
	at := uint64(order.Uint32(b[4:]))
	if at+2 > uint64(len(b)) {
		return 1
	}
	n := int(order.Uint16(b[at:]))
	for e := b[at+2:]; n > 0 && len(e) >= 12; n, e = n-1, e[12:] {
		if order.Uint16(e) == 0x0112 && order.Uint16(e[2:]) == 3 {
			if o := int(order.Uint16(e[8:])); o >= 1 && o <= 8 {
				return o
			}
		}
	}
	return 1
}

// turn puts a picture upright. (EXIF 2.3, table 6)
func turn(img image.Image, o int) image.Image {
	if o <= 1 || o > 8 {
		return img
	}
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	src, ok := img.(*image.RGBA)
	if !ok {
		src = average(img, 1)
		b = src.Bounds()
	}
	ow, oh := w, h
	if o >= 5 {
		ow, oh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, ow, oh))
	for y := range h {
		for x := range w {
			dx, dy := x, y
			switch o {
			case 2:
				dx = w - 1 - x
			case 3:
				dx, dy = w-1-x, h-1-y
			case 4:
				dy = h - 1 - y
			case 5:
				dx, dy = y, x
			case 6:
				dx, dy = h-1-y, x
			case 7:
				dx, dy = h-1-y, w-1-x
			case 8:
				dx, dy = y, w-1-x
			}
			copy(out.Pix[out.PixOffset(dx, dy):][:4], src.Pix[src.PixOffset(b.Min.X+x, b.Min.Y+y):][:4])
		}
	}
	return out
}
