package qrcode

import "math"

// plane maps places in a code, in modules from its upper left edge, to points of
// the picture, as a flat code is seen from anywhere (a homography).
type plane [8]float64

func (h *plane) at(u, v float64) (x, y float64) {
	w := h[6]*u + h[7]*v + 1
	return (h[0]*u + h[1]*v + h[2]) / w, (h[3]*u + h[4]*v + h[5]) / w
}

// pair is a place in the code and where it was seen.
type pair struct{ u, v, x, y float64 }

// fit is the plane that leaves the smallest squares, of four pairs or more.
func fit(pairs []pair) (h plane, ok bool) {
	var n float64
	for _, p := range pairs {
		n = max(n, p.u, p.v)
	}
	// Places between 0 and 1 and points around 0 keep the sums well conditioned.
	cx, cy := pairs[0].x, pairs[0].y
	size := 1.0
	for _, p := range pairs {
		size = max(size, math.Abs(p.x-cx), math.Abs(p.y-cy))
	}
	var m [8][9]float64
	for _, p := range pairs {
		u, v, x, y := p.u/n, p.v/n, (p.x-cx)/size, (p.y-cy)/size
		for _, row := range [2][9]float64{{u, v, 1, 0, 0, 0, -u * x, -v * x, x}, {0, 0, 0, u, v, 1, -u * y, -v * y, y}} {
			for i := range 8 {
				for j := range 9 {
					m[i][j] += row[i] * row[j]
				}
			}
		}
	}
	if !solve(&m) {
		return h, false
	}
	for i := range 8 {
		h[i] = m[i][8]
	}
	// Back to modules and points.
	for i := range 3 {
		h[i] = h[i]*size + cx*([3]float64{h[6], h[7], 1}[i])
		h[3+i] = h[3+i]*size + cy*([3]float64{h[6], h[7], 1}[i])
	}
	for _, i := range []int{0, 1, 3, 4, 6, 7} {
		h[i] /= n
	}
	return h, true
}

// solve leaves the solution in the last column.
func solve(m *[8][9]float64) bool {
	for i := range 8 {
		best := i
		for j := i + 1; j < 8; j++ {
			if math.Abs(m[j][i]) > math.Abs(m[best][i]) {
				best = j
			}
		}
		m[i], m[best] = m[best], m[i]
		if math.Abs(m[i][i]) < 1e-12 {
			return false
		}
		for j := range 8 {
			if j == i {
				continue
			}
			f := m[j][i] / m[i][i]
			for k := i; k < 9; k++ {
				m[j][k] -= f * m[i][k]
			}
		}
	}
	for i := range 8 {
		m[i][8] /= m[i][i]
	}
	return true
}

// lean is the plane through the middles of three corners of a code of n modules,
// which grows by the factors g and h towards the left and the top: 0 is one that
// is seen from the front.
func lean(t triple, n int, g, h float64) plane {
	d := float64(n - 7)
	// In coordinates of which the corners are (0, 0), (1, 0), (0, 1).
	ax, ay := (t.tr.x-t.tl.x)*(1+g), (t.tr.y-t.tl.y)*(1+g)
	bx, by := (t.bl.x-t.tl.x)*(1+h), (t.bl.y-t.tl.y)*(1+h)
	// x = tl + (a·s + b·t) / (1 + g·s + h·t), s = (u-3.5)/d, t = (v-3.5)/d
	w := 1 - 3.5*(g+h)/d
	p := plane{
		(ax + t.tl.x*g) / d, (bx + t.tl.x*h) / d, t.tl.x*w - 3.5*(ax+bx)/d,
		(ay + t.tl.y*g) / d, (by + t.tl.y*h) / d, t.tl.y*w - 3.5*(ay+by)/d,
		g / d, h / d,
	}
	for i := range p {
		p[i] /= w
	}
	return p
}

// width is how long the seven modules of a corner are along a direction of
// length 1, in points.
func (p *picture) width(c corner, dx, dy float64) float64 {
	const step = 0.25
	low, high := 255.0, 0.0
	reach := 6 * c.module
	for r := -reach; r <= reach; r += 0.5 {
		v := p.at(c.x+r*dx, c.y+r*dy)
		low, high = min(low, v), max(high, v)
	}
	level := (low + high) / 2 // between black and white, by what lies across the mark
	sum := 0.0
	for _, sign := range [2]float64{1, -1} {
		edges, black, last := 0, true, p.at(c.x, c.y)
		for r := step; r < reach; r += step {
			v := p.at(c.x+sign*r*dx, c.y+sign*r*dy)
			if (v < level) != black {
				black = !black
				if edges++; edges == 3 {
					sum += r - step + step*(level-last)/(v-last)
					break
				}
			}
			last = v
		}
		if edges < 3 {
			return 0
		}
	}
	return sum
}

// scales are how large a module is at the corners along the code's sides, and
// what that tells of the code's size and of how it leans.
func (p *picture) scales(t triple) (modules, g, h float64) {
	across, down := math.Hypot(t.tr.x-t.tl.x, t.tr.y-t.tl.y), math.Hypot(t.bl.x-t.tl.x, t.bl.y-t.tl.y)
	ax, ay, bx, by := (t.tr.x-t.tl.x)/across, (t.tr.y-t.tl.y)/across, (t.bl.x-t.tl.x)/down, (t.bl.y-t.tl.y)/down
	lx, rx := p.width(t.tl, ax, ay)/7, p.width(t.tr, ax, ay)/7
	ty, dy := p.width(t.tl, bx, by)/7, p.width(t.bl, bx, by)/7
	if lx == 0 || rx == 0 || ty == 0 || dy == 0 {
		return ((across+down)/2)/((t.tl.module+t.tr.module+t.bl.module)/3) + 7, 0, 0
	}
	// Along a line x(s) = a·s/(1+g·s) a module is a/(1+g·s)² wide.
	g, h = math.Sqrt(lx/rx)-1, math.Sqrt(ty/dy)-1
	modules = (across/math.Sqrt(lx*rx)+down/math.Sqrt(ty*dy))/2 + 7
	return modules, min(max(g, -0.4), 0.4), min(max(h, -0.4), 0.4)
}
