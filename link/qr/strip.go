package qr

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"

	"rsc.io/qr"

	"github.com/jauap/jauap/link/fountain"
)

// Bytes that one code holds: QR versions in byte mode at error correction level
// L (ISO/IEC 18004, table 7).
const (
	Coarse = 425  // version 13: for weak cameras and for terminals
	Fine   = 1273 // version 25: for a phone's camera at an arm's length
)

// MaxBytes is what a Strip carries at most: about 12 seconds of Fine frames.
const MaxBytes = 100_000

// PerSecond is how many frames a second a moving picture shows: a camera of 30
// pictures a second has each code in two of them.
const PerSecond = 12

const quiet = 4 // modules of white around a code (ISO/IEC 18004, 5.3.8)

// Errors, usable with errors.Is.
var (
	ErrEmpty = errors.New("qr: there is nothing to show")
	ErrRoom  = errors.New("qr: a strip holds at most 100000 bytes, and a code 425 or 1273 bytes")
)

// Strip is a series of codes that is shown over and over.
type Strip struct {
	Units  int   // in it
	Bytes  int64 // of these
	Needed int   // frames that suffice, nearly always
	frames []*qr.Code
}

// Make puts units into a strip of codes of room bytes (Coarse or Fine), in this
// order and as many as there is room for. ErrEmpty when there are none.
func Make(next func() (unit []byte, ok bool), room int) (*Strip, error) {
	return fill(next, room, MaxBytes)
}

// MakeStill puts as many units into one code as it holds. ErrEmpty when not even
// the first has room.
func MakeStill(next func() (unit []byte, ok bool), room int) (*Strip, error) {
	head, err := fountain.PacketSize(fountain.MinSymbol, fountain.MinSymbol) // of a block of one symbol
	if err != nil {
		return nil, err
	}
	return fill(next, room, room-(head-fountain.MinSymbol))
}

// fill puts units of at most most bytes, packed, into a strip.
func fill(next func() (unit []byte, ok bool), room, most int) (*Strip, error) {
	if room != Coarse && room != Fine {
		return nil, ErrRoom
	}
	s := &Strip{}
	var data []byte
	for {
		u, ok := next()
		if !ok || len(data)+fountain.PackedSize(len(u)) > most {
			break
		}
		var err error
		if data, err = fountain.Pack(data, u); err != nil {
			return nil, err
		}
		s.Units++
		s.Bytes += int64(len(u))
	}
	if s.Units == 0 {
		return nil, ErrEmpty
	}
	size, err := symbolOf(len(data), room)
	if err != nil {
		return nil, err
	}
	b, err := fountain.Encode(data, size)
	if err != nil {
		return nil, err
	}
	s.Needed = b.Needed()
	n := b.Packets()
	if s.Needed == 1 {
		n = 1
	}
	for i := range n {
		c, err := qr.Encode(string(b.Append(nil, i)), qr.L)
		if err != nil {
			return nil, fmt.Errorf("qr: %w", err)
		}
		s.frames = append(s.frames, c)
	}
	return s, nil
}

// symbolOf is the size of symbols with which packets just fit into a code: the
// fewest frames, and these as small as they can be.
func symbolOf(size, room int) (int, error) {
	for t := room; t >= fountain.MinSymbol; t-- {
		p, err := fountain.PacketSize(size, t)
		if err != nil || p > room {
			continue
		}
		frames := (size + t - 1) / t
		return max((size+frames-1)/frames, fountain.MinSymbol), nil
	}
	return 0, ErrRoom
}

// Frames is how many codes the strip has; 1 is a still picture.
func (s *Strip) Frames() int { return len(s.frames) }

// Side is the width and height of Frame(i, 1) in pixels.
func (s *Strip) Side() int { return s.frames[0].Size + 2*quiet }

// Black says whether a module of code i is black; x and y count from the corner
// of the quiet zone.
func (s *Strip) Black(i, x, y int) bool { return s.frames[i].Black(x-quiet, y-quiet) }

// Frame is code i with so many pixels to a module's side.
func (s *Strip) Frame(i, scale int) *image.Paletted {
	n := s.Side()
	img := image.NewPaletted(image.Rect(0, 0, n*scale, n*scale), color.Palette{color.White, color.Black})
	for y := range n * scale {
		row := img.Pix[y*img.Stride:]
		for x := range n * scale {
			if s.Black(i, x/scale, y/scale) {
				row[x] = 1
			}
		}
	}
	return img
}

// PNG is code i as a picture.
func (s *Strip) PNG(i, scale int) ([]byte, error) {
	var b bytes.Buffer
	err := png.Encode(&b, s.Frame(i, scale))
	return b.Bytes(), err
}

// GIF is the whole strip as one picture, which moves without any script. It
// never ends.
func (s *Strip) GIF(scale int) ([]byte, error) {
	g := &gif.GIF{}
	for i := range s.frames {
		g.Image = append(g.Image, s.Frame(i, scale))
		g.Delay = append(g.Delay, (i+1)*100/PerSecond-i*100/PerSecond) // hundredths
	}
	var b bytes.Buffer
	err := gif.EncodeAll(&b, g)
	return b.Bytes(), err
}
