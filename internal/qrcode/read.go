package qrcode

import (
	"image"
	"math"
)

const smallest = 21 // modules of a side

// Limits of trying.
const (
	fast   = 1600 // points of the longer side of what is looked at first
	least  = 250  // and of what is no more looked at
	maxTry = 60   // maps of codes that are made of one picture
)

// Read finds a QR code in a picture and answers what it says: the bytes of all
// its segments (Kanji as U+FFFD). It takes a few milliseconds for a megapixel.
func Read(img image.Image) (data []byte, ok bool) {
	defer func() {
		if recover() != nil {
			data, ok = nil, false
		}
	}()
	if b := img.Bounds(); b.Dx() < smallest || b.Dy() < smallest {
		return nil, false
	}
	// A picture, halves of it and halves of these: noise goes away in them.
	p := grey(img)
	if p == nil {
		return nil, false
	}
	sizes := []*picture{p}
	first := 0
	for max(p.w, p.h) > 2*least && min(p.w, p.h) > 2*smallest && len(sizes) < first+3 {
		p = p.half()
		sizes = append(sizes, p)
		if max(p.w, p.h) > fast {
			first = len(sizes) - 1
		}
	}
	if max(sizes[0].w, sizes[0].h) < 2*least { // a program's, a point to a module
		sizes = append(sizes, sizes[0].larger())
	}
	tries := maxTry
	for i := range sizes {
		// The one of a fast size, then the smaller ones, then the larger.
		at := first + i
		if at >= len(sizes) {
			at = len(sizes) - 1 - i
		}
		if data, ok = sizes[at].read(&tries); ok {
			return data, true
		}
	}
	return nil, false
}

// read looks for a code in four lights, each of which knows something else: a
// shadow, noise, flash, a dim screen before a bright wall.
func (p *picture) read(tries *int) ([]byte, bool) {
	s := p.blocks()
	for _, light := range []func(){
		func() { p.shaded(s, 2) },
		func() { p.smooth(s, max(max(p.w, p.h)/block/16, 3)) },
		func() { p.even(false) },
		func() { p.even(true) },
	} {
		light()
		for _, t := range triples(p.corners()) {
			if b, ok := p.readTriple(t, tries); ok {
				return b, true
			}
		}
	}
	return nil, false
}

// readTriple reads the code of three corners. How many modules it has is only an
// estimate: its neighbours are tried, too.
func (p *picture) readTriple(t triple, tries *int) ([]byte, bool) {
	modules, g, h := p.scales(t)
	guess := (modules - 17) / 4 // ISO/IEC 18004, 5.3.1: 4V + 17 modules
	v := int(math.Round(guess))
	other := v + 1
	if guess < float64(v) {
		other = v - 1
	}
	for _, version := range []int{v, other, 2*v - other} {
		if version < 1 || version > 40 {
			continue
		}
		n := 4*version + 17
		// Seen from the front, and as it leans by the corners' sizes.
		for _, by := range [2]float64{0, 1} {
			if !p.sharp(&t, n, lean(t, n, by*g, by*h)) {
				continue
			}
			if *tries--; *tries < 0 {
				return nil, false
			}
			m, quality := p.settle(t, version, lean(t, n, by*g, by*h))
			if b, ok := p.readGrid(&m, n); ok {
				return b, true
			}
			if quality > 0.8 {
				break // it was seen well: another size is likelier than another lean
			}
		}
	}
	return nil, false
}

// sharp looks where exactly the three corners are, and whether they are ones.
func (p *picture) sharp(t *triple, n int, first plane) bool {
	far := float64(n) - 3.5
	for _, c := range []struct {
		at   *corner
		u, v float64
	}{{&t.tl, 3.5, 3.5}, {&t.tr, far, 3.5}, {&t.bl, 3.5, far}} {
		fx, fy, like := p.seek(placed(finder(), first.at, c.u, c.v), 0, 0, 0.5)
		if like < near {
			return false
		}
		c.at.x, c.at.y = c.at.x+fx, c.at.y+fy
	}
	return true
}

// readGrid reads the modules where the mesh has them.
func (p *picture) readGrid(m *mesh, n int) ([]byte, bool) {
	if p.timing(m, n) < 0.7 {
		return nil, false
	}
	g := p.sample(m, n)
	for _, sharpen := range []float32{0.1, 0.25, 0} {
		if b, ok := decode(g.black(sharpen), n); ok {
			return b, true
		}
	}
	return nil, false
}

// timing is the share of modules between the corners that alternate as they
// should (ISO/IEC 18004, 6.3.5).
func (p *picture) timing(m *mesh, n int) float64 {
	right, all := 0, 0
	value := func(i int, upright bool) float64 {
		u, v := float64(i)+0.5, 6.5
		if upright {
			u, v = v, u
		}
		return p.at(m.at(u, v))
	}
	for _, upright := range []bool{false, true} {
		for i := 8; i < n-8; i++ {
			around := (value(i-1, upright) + value(i+1, upright)) / 2
			if all++; (value(i, upright) < around) == (i%2 == 0) {
				right++
			}
		}
	}
	return float64(right) / float64(all)
}
