package qrcode

import (
	"bytes"
	"image"
)

// picture is grey points with a threshold for each block of 8 by 8 of them.
type picture struct {
	pix       []byte
	stride    int
	w, h      int
	across    int    // blocks in a row
	threshold []byte // of blocks: what is darker is black
}

const block = 8 // points

// grey takes a picture's grey values where it has them, and copies them only
// where it has none.
func grey(img image.Image) *picture {
	b := img.Bounds()
	p := &picture{w: b.Dx(), h: b.Dy()}
	switch v := img.(type) {
	case *image.YCbCr:
		p.pix, p.stride = v.Y[v.YOffset(b.Min.X, b.Min.Y):], v.YStride
	case *image.Gray:
		p.pix, p.stride = v.Pix[v.PixOffset(b.Min.X, b.Min.Y):], v.Stride
	case *image.Paletted:
		var table [256]byte
		for i, c := range v.Palette {
			table[i] = luma(c.RGBA())
		}
		p.pix, p.stride = make([]byte, p.w*p.h), p.w
		for y := range p.h {
			from := v.Pix[v.PixOffset(b.Min.X, b.Min.Y+y):]
			for x := range p.w {
				p.pix[y*p.w+x] = table[from[x]]
			}
		}
	case image.RGBA64Image: // all others of the standard library
		p.pix, p.stride = make([]byte, p.w*p.h), p.w
		for y := range p.h {
			for x := range p.w {
				c := v.RGBA64At(b.Min.X+x, b.Min.Y+y)
				p.pix[y*p.w+x] = luma(uint32(c.R), uint32(c.G), uint32(c.B), uint32(c.A))
			}
		}
	default:
		return nil
	}
	p.across = (p.w + block - 1) / block
	return p
}

// luma is the grey value as JPEG has it; what can be looked through lies on white.
func luma(r, g, b, a uint32) byte {
	return byte((19595*r + 38470*g + 7471*b + 1<<15 + 65536*(0xffff-a)) >> 24)
}

// half is the picture of half as many points in each direction.
func (p *picture) half() *picture {
	h := &picture{w: p.w / 2, h: p.h / 2}
	h.pix, h.stride, h.across = make([]byte, h.w*h.h), h.w, (h.w+block-1)/block
	for y := range h.h {
		up, down := p.pix[2*y*p.stride:], p.pix[(2*y+1)*p.stride:]
		row := h.pix[y*h.w : (y+1)*h.w]
		for x := range row {
			row[x] = byte((int(up[2*x]) + int(up[2*x+1]) + int(down[2*x]) + int(down[2*x+1]) + 2) / 4)
		}
	}
	return h
}

// larger is the picture with each point as a square of three by three.
func (p *picture) larger() *picture {
	l := &picture{w: 3 * p.w, h: 3 * p.h}
	l.pix, l.stride, l.across = make([]byte, l.w*l.h), l.w, (l.w+block-1)/block
	for y := range l.h {
		for x := range l.w {
			l.pix[y*l.w+x] = p.pix[y/3*p.stride+x/3]
		}
	}
	return l
}

func (p *picture) black(x, y int) bool {
	return p.pix[y*p.stride+x] < p.threshold[y/block*p.across+x/block]
}

// at is the value at a place between points, 0 to 255; the centre of the first
// is (0.5, 0.5). Outside is what the edge is.
func (p *picture) at(x, y float64) float64 {
	x, y = min(max(x-0.5, 0), float64(p.w-1)), min(max(y-0.5, 0), float64(p.h-1))
	i, j := int(x), int(y)
	k, l := min(i+1, p.w-1), min(j+1, p.h-1)
	fx, fy := x-float64(i), y-float64(j)
	up, down := p.pix[j*p.stride:], p.pix[l*p.stride:]
	a := float64(up[i]) + fx*(float64(up[k])-float64(up[i]))
	b := float64(down[i]) + fx*(float64(down[k])-float64(down[i]))
	return a + fy*(b-a)
}

// blocks is what a pass over the picture keeps of each block.
type blocks struct{ mean, low, high []byte }

func (p *picture) blocks() blocks {
	down := (p.h + block - 1) / block
	n := p.across * down
	s := blocks{make([]byte, n), make([]byte, n), make([]byte, n)}
	for j := range down {
		for i := range p.across {
			sum, count, low, high := 0, 0, byte(255), byte(0)
			for y := j * block; y < min(p.h, (j+1)*block); y++ {
				row := p.pix[y*p.stride+i*block : y*p.stride+min(p.w, (i+1)*block)]
				for _, v := range row {
					sum += int(v)
					low, high = min(low, v), max(high, v)
				}
				count += len(row)
			}
			at := j*p.across + i
			s.mean[at], s.low[at], s.high[at] = byte(sum/count), low, high
		}
	}
	return s
}

// flat is how far noise alone spreads the values of a block.
const flat = 24

// shaded sets a threshold for each block by what is around it, which withstands
// shadows. A block of one colour is white, unless what stands before it is so
// much brighter that it is the inside of something black.
func (p *picture) shaded(s blocks, reach int) {
	n := len(s.mean)
	down := n / p.across
	level := make([]byte, n)
	for j := range down {
		for i := range p.across {
			at := j*p.across + i
			v := s.mean[at]
			if s.high[at]-s.low[at] <= flat {
				v = s.low[at] / 2
				if i > 0 && j > 0 {
					before := (int(level[at-p.across]) + 2*int(level[at-1]) + int(level[at-p.across-1])) / 4
					if int(s.low[at]) < before {
						v = byte(before)
					}
				}
			}
			level[at] = v
		}
	}
	p.threshold = around(level, p.across, down, reach)
}

// smooth sets thresholds by the mean of a wide surrounding.
func (p *picture) smooth(s blocks, reach int) {
	p.threshold = around(s.mean, p.across, len(s.mean)/p.across, reach)
}

// around is the mean of each value's neighbours no farther than reach.
func around(v []byte, across, down, reach int) []byte {
	sums := make([]int32, (across+1)*(down+1)) // of all above and to the left
	for j := range down {
		row := int32(0)
		for i := range across {
			row += int32(v[j*across+i])
			sums[(j+1)*(across+1)+i+1] = sums[j*(across+1)+i+1] + row
		}
	}
	out := make([]byte, len(v))
	for j := range down {
		top, end := max(0, j-reach), min(down, j+reach+1)
		for i := range across {
			left, right := max(0, i-reach), min(across, i+reach+1)
			sum := sums[end*(across+1)+right] - sums[top*(across+1)+right] - sums[end*(across+1)+left] + sums[top*(across+1)+left]
			out[j*across+i] = byte(int(sum) / ((end - top) * (right - left)))
		}
	}
	return out
}

// even sets one threshold for all: the one that parts the values into the two
// groups that are farthest apart (Otsu 1979), or those below it once more.
func (p *picture) even(darker bool) {
	var count [256]int
	step := max(1, p.h/400)
	for y := 0; y < p.h; y += step {
		for _, v := range p.pix[y*p.stride : y*p.stride+p.w] {
			count[v]++
		}
	}
	at := parting(count[:])
	if darker {
		at = parting(count[:at])
	}
	p.threshold = bytes.Repeat([]byte{byte(at)}, p.across*((p.h+block-1)/block))
}

func parting(count []int) (at int) {
	n, sum := 0, 0
	for v, c := range count {
		n, sum = n+c, sum+v*c
	}
	best := -1.0
	dark, darkSum := 0, 0
	for v := range len(count) - 1 {
		dark, darkSum = dark+count[v], darkSum+v*count[v]
		if dark == 0 || dark == n {
			continue
		}
		apart := float64(darkSum)/float64(dark) - float64(sum-darkSum)/float64(n-dark)
		if b := float64(dark) * float64(n-dark) * apart * apart; b > best {
			best, at = b, v+1
		}
	}
	return at
}
