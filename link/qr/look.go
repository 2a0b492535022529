package qr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
)

// Limits of what is looked at. spec/qr.md, 4.
const (
	MaxFile   = 64 << 20    // bytes of a file
	maxPixels = 50_000_000  // of one picture: those of a good phone
	maxMoving = 100_000_000 // of all frames of a GIF
	maxFrames = 100_000     // of a recording
	minSide   = 21          // modules of the smallest code
)

// ErrPicture: the file is no picture that can be looked at.
var ErrPicture = errors.New("qr: not a PNG, JPEG, GIF or MJPEG picture, or too large")

// Seen counts what Look saw.
type Seen struct {
	Frames int // pictures
	Codes  int // of them with a code that could be read
}

// Look finds codes in a picture or in a series of pictures, and calls take with
// what each holds. Frames without a readable code are passed over. Errors:
// ErrPicture, those of ctx and take.
func Look(ctx context.Context, file []byte, take func(packet []byte) error) (seen Seen, err error) {
	if len(file) > MaxFile {
		return seen, ErrPicture
	}
	one := func(img image.Image) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		seen.Frames++
		b, ok := read(img)
		if !ok {
			return nil
		}
		seen.Codes++
		return take(b)
	}
	switch {
	case bytes.HasPrefix(file, []byte("\x89PNG")):
		c, err := png.DecodeConfig(bytes.NewReader(file))
		if err != nil || !fits(c) {
			return seen, ErrPicture
		}
		img, err := png.Decode(bytes.NewReader(file))
		if err != nil {
			return seen, fmt.Errorf("%w: %w", ErrPicture, err)
		}
		return seen, one(img)
	case bytes.HasPrefix(file, []byte("GIF8")):
		return seen, lookGIF(file, one)
	case bytes.HasPrefix(file, []byte("\xff\xd8\xff")):
		err := lookJPEGs(file, one)
		if err == nil && seen.Frames == 0 {
			err = ErrPicture
		}
		return seen, err
	}
	return seen, ErrPicture
}

func fits(c image.Config) bool {
	return c.Width >= minSide && c.Height >= minSide && c.Width <= maxPixels/c.Height
}

func lookGIF(file []byte, one func(image.Image) error) error {
	if n, ok := gifPixels(file); !ok || n > maxMoving {
		return ErrPicture
	}
	g, err := gif.DecodeAll(bytes.NewReader(file))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPicture, err)
	}
	for _, img := range g.Image {
		if b := img.Bounds(); b.Dx() < minSide || b.Dy() < minSide {
			continue
		}
		if err := one(img); err != nil {
			return err
		}
	}
	return nil
}

// gifPixels adds up the pixels of all frames without unpacking any (GIF89a,
// sections 17 to 27); ok is false for what is cut or no GIF.
func gifPixels(b []byte) (pixels int, ok bool) {
	const screen, descriptor = 13, 9
	if len(b) < screen {
		return 0, false
	}
	at := screen + colours(b[10])
	pixels = (int(b[6]) | int(b[7])<<8) * (int(b[8]) | int(b[9])<<8)
	for at < len(b) {
		kind := b[at]
		at++
		switch kind {
		case 0x3b: // the end
			return pixels, true
		case 0x21: // an extension: its label, then blocks
			at++
		case 0x2c: // a frame: its place, its colours, the code size, then blocks
			if at+descriptor >= len(b) {
				return 0, false
			}
			pixels += (int(b[at+4]) | int(b[at+5])<<8) * (int(b[at+6]) | int(b[at+7])<<8)
			at += descriptor + colours(b[at+8]) + 1
		default:
			return 0, false
		}
		if pixels > maxMoving {
			return pixels, true
		}
		for { // blocks, up to an empty one
			if at >= len(b) {
				return 0, false
			}
			n := int(b[at])
			at += 1 + n
			if n == 0 {
				break
			}
		}
	}
	return 0, false
}

// colours is the size of the table of colours that flags announce.
func colours(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// lookJPEGs walks one JPEG, or one after another with anything between.
func lookJPEGs(file []byte, one func(image.Image) error) error {
	begin := []byte("\xff\xd8\xff")
	for n := 0; n < maxFrames; n++ {
		at := bytes.Index(file, begin)
		if at < 0 {
			return nil
		}
		file = file[at:]
		end := len(file)
		if next := bytes.Index(file[3:], begin); next >= 0 {
			end = next + 3
		}
		c, err := jpeg.DecodeConfig(bytes.NewReader(file[:end]))
		if err == nil && fits(c) {
			if img, err := jpeg.Decode(bytes.NewReader(file[:end])); err == nil {
				if err := one(img); err != nil {
					return err
				}
			} else if end < len(file) {
				// A picture within a picture, as cameras put into the head.
				end = 3
			}
		}
		file = file[max(end, 3):]
	}
	return nil
}
