package qrcode

import (
	mathbits "math/bits"

	"rsc.io/qr/coding"
)

// grid is the grey values of a code's modules, with one module of what is around.
type grid struct {
	n int // modules of a side
	v []float32
}

func (p *picture) sample(m *mesh, n int) *grid {
	s := n + 2
	g := &grid{n, make([]float32, s*s)}
	for j := range s {
		for i := range s {
			u, v := float64(i)-0.5, float64(j)-0.5
			x, y := m.at(u, v)
			x1, y1 := m.plane.at(u+0.22, v)
			x2, y2 := m.plane.at(u, v+0.22)
			x0, y0 := m.plane.at(u, v)
			ax, ay, bx, by := x1-x0, y1-y0, x2-x0, y2-y0
			sum := 2 * p.at(x, y)
			sum += p.at(x+ax+bx, y+ay+by) + p.at(x-ax+bx, y-ay+by) + p.at(x+ax-bx, y+ay-by) + p.at(x-ax-bx, y-ay-by)
			g.v[j*s+i] = float32(sum / 6)
		}
	}
	return g
}

// black decides each module by what is around it; sharpen takes back what blur
// mixed in from its neighbours.
func (g *grid) black(sharpen float32) []bool {
	s := g.n + 2
	level := make([]float32, s*s)
	for j := range s {
		for i := range s {
			at := j*s + i
			v := g.v[at]
			if i > 0 && j > 0 && i < s-1 && j < s-1 {
				v += sharpen * (4*v - g.v[at-1] - g.v[at+1] - g.v[at-s] - g.v[at+s])
			}
			level[at] = v
		}
	}
	const reach = 4
	sums := make([]float32, (s+1)*(s+1))
	for j := range s {
		row := float32(0)
		for i := range s {
			row += level[j*s+i] - 128
			sums[(j+1)*(s+1)+i+1] = sums[j*(s+1)+i+1] + row
		}
	}
	out := make([]bool, g.n*g.n)
	for j := range g.n {
		for i := range g.n {
			top, end, left, right := max(1, j+1-reach), min(s-1, j+2+reach), max(1, i+1-reach), min(s-1, i+2+reach)
			sum := sums[end*(s+1)+right] - sums[top*(s+1)+right] - sums[end*(s+1)+left] + sums[top*(s+1)+left]
			out[j*g.n+i] = level[(j+1)*s+i+1]-128 < sum/float32((end-top)*(right-left))
		}
	}
	return out
}

// decode reads a code's modules, from above or, when it is a reflection, from
// behind.
func decode(black []bool, n int) ([]byte, bool) {
	if b, ok := decodeAs(black, n); ok {
		return b, true
	}
	behind := make([]bool, len(black))
	for y := range n {
		for x := range n {
			behind[x*n+y] = black[y*n+x]
		}
	}
	return decodeAs(behind, n)
}

func decodeAs(black []bool, n int) ([]byte, bool) {
	level, mask, ok := format(black, n)
	if !ok {
		return nil, false
	}
	version := (n - 17) / 4
	plan, err := coding.NewPlan(coding.Version(version), level, mask)
	if err != nil {
		return nil, false
	}
	all := make([]byte, plan.DataBytes+plan.CheckBytes)
	for y, row := range plan.Pixel {
		for x, pix := range row {
			if r := pix.Role(); r != coding.Data && r != coding.Check {
				continue
			}
			if black[y*n+x] != (pix&coding.Black != 0) {
				o := pix.Offset()
				all[o/8] |= 0x80 >> (o % 8)
			}
		}
	}
	data, check := all[:plan.DataBytes], all[plan.DataBytes:]
	size, longer := plan.DataBytes/plan.Blocks, plan.DataBytes%plan.Blocks
	each := plan.CheckBytes / plan.Blocks
	out := make([]byte, 0, len(data))
	for i := range plan.Blocks {
		if i == plan.Blocks-longer {
			size++
		}
		b := append(append(make([]byte, 0, size+each), data[:size]...), check[:each]...)
		data, check = data[size:], check[each:]
		if !correct(b, each) {
			return nil, false
		}
		out = append(out, b[:size]...)
	}
	return segments(out, version)
}

// format reads the level of error correction and the mask, which stand in the
// code twice (ISO/IEC 18004, 7.9).
func format(black []bool, n int) (coding.Level, coding.Mask, bool) {
	var one, two uint
	for i := range 15 {
		x, y := 8, i
		switch {
		case i >= 9:
			x, y = 14-i, 8
		case i == 8:
			x, y = 7, 8
		case i >= 6:
			y = i + 1
		}
		if black[y*n+x] {
			one |= 1 << i
		}
		if x, y = n-1-i, 8; i >= 8 {
			x, y = 8, n-15+i
		}
		if black[y*n+x] {
			two |= 1 << i
		}
	}
	best, at := 4, uint(0) // three wrong bits are mended
	for f := range uint(32) {
		code := f << 10
		for i := 4; i >= 0; i-- {
			if code&(1<<(10+i)) != 0 {
				code ^= 0x537 << i
			}
		}
		code = (code | f<<10) ^ 0x5412
		if d := min(mathbits.OnesCount(code^one), mathbits.OnesCount(code^two)); d < best {
			best, at = d, f
		}
	}
	return coding.Level(at>>3) ^ 1, coding.Mask(at & 7), best < 4
}
