package qrcode

import (
	"math"
	"sort"
)

// Limits of looking for corners.
const (
	maxMarks   = 400     // places that look like a corner
	maxHits    = 200_000 // lines through such places
	maxCentres = 26      // of these, best first, that are put together
	maxTriples = 10      // of them that are tried
)

// corner is a finder pattern: its centre and the size of a module, in points.
type corner struct {
	x, y, module float64
	count        float64 // lines that went through it
}

// corners finds marks whose middle is black, white, black, white, black in the
// widths 1, 1, 3, 1, 1 (ISO/IEC 18004, 6.3.3), in each direction.
func (p *picture) corners() []corner {
	var found []corner
	hits := 0
	step := max(2, p.h/800)
	for y := step / 2; y < p.h; y += step {
		var run [5]int
		at := 0 // the run that grows; even ones are black
		for x := 0; x <= p.w; x++ {
			black := x < p.w && p.black(x, y)
			if black == (at%2 == 0) {
				run[at]++
				continue
			}
			switch {
			case at == 4 && x > 0:
				if proportional(run) {
					if hits++; hits > maxHits {
						return found
					}
					mid := float64(x-run[4]-run[3]) - float64(run[2])/2
					if c, ok := p.cross(mid, y, run); ok {
						found = merge(found, c)
					}
				}
				copy(run[:], run[2:])
				run[3], run[4], at = 1, 0, 3
			case at == 0 && run[0] == 0: // white before anything black
			default:
				at++
				run[at] = 1
			}
		}
	}
	return found
}

// proportional tells whether five runs are near enough to 1, 1, 3, 1, 1.
func proportional(run [5]int) bool {
	sum := 0
	for _, r := range run {
		if r == 0 {
			return false
		}
		sum += r
	}
	if sum < 7 {
		return false
	}
	m := float64(sum) / 7
	slack := m/2 + 0.4
	off := func(r int, want float64) float64 { return math.Abs(float64(r) - want*m) }
	return off(run[0], 1) < slack && off(run[1], 1) < slack && off(run[2], 3) < 3*slack && off(run[3], 1) < slack && off(run[4], 1) < slack
}

// cross looks at the other directions through what might be a corner's middle.
func (p *picture) cross(mid float64, y int, run [5]int) (corner, bool) {
	wide := 0
	for _, r := range run {
		wide += r
	}
	x := int(mid)
	down, tall, ok := p.through(x, y, 0, 1, wide)
	if !ok {
		return corner{}, false
	}
	cy := float64(y) + 0.5 + down
	across, wide, ok := p.through(x, int(cy), 1, 0, tall)
	if !ok {
		return corner{}, false
	}
	cx := float64(x) + 0.5 + across
	if _, _, ok := p.through(int(cx), int(cy), 1, 1, max(wide, tall)); !ok {
		return corner{}, false
	}
	return corner{cx, cy, float64(wide+tall) / 14, 1}, true
}

// through measures the five runs through a black point along a direction: how
// far their middle is from that point, and how long they are together. size is
// what was measured in another direction.
func (p *picture) through(x, y, dx, dy, size int) (off float64, length int, ok bool) {
	if x < 0 || y < 0 || x >= p.w || y >= p.h || !p.black(x, y) {
		return 0, 0, false
	}
	var run [5]int
	most := size
	back, ok := p.runs(x, y, -dx, -dy, most)
	if !ok {
		return 0, 0, false
	}
	forth, ok := p.runs(x, y, dx, dy, most)
	if !ok {
		return 0, 0, false
	}
	run = [5]int{back[2], back[1], back[0] + forth[0] + 1, forth[1], forth[2]}
	for _, r := range run {
		length += r
	}
	if !proportional(run) || length > 2*size || size > 2*length {
		return 0, 0, false
	}
	return float64(forth[0]-back[0]) / 2, length, true
}

// runs are the lengths of the rest of the middle, of white and of black from a
// point on, none longer than most.
func (p *picture) runs(x, y, dx, dy, most int) (run [3]int, ok bool) {
	for at := range 3 {
		for {
			if x+dx < 0 || y+dy < 0 || x+dx >= p.w || y+dy >= p.h {
				return run, at == 2 && run[2] > 0
			}
			if p.black(x+dx, y+dy) != (at%2 == 0) {
				break
			}
			x, y = x+dx, y+dy
			if run[at]++; run[at] > most {
				return run, false
			}
		}
		if at > 0 && run[at] == 0 {
			return run, false
		}
	}
	return run, true
}

// merge adds what a line saw to the corner that other lines saw.
func merge(found []corner, c corner) []corner {
	for i := range found {
		f := &found[i]
		if math.Abs(f.x-c.x) > f.module*1.2 || math.Abs(f.y-c.y) > f.module*1.2 || c.module > 1.6*f.module || f.module > 1.6*c.module {
			continue
		}
		n := f.count
		f.x, f.y, f.module = (f.x*n+c.x)/(n+1), (f.y*n+c.y)/(n+1), (f.module*n+c.module)/(n+1)
		f.count++
		return found
	}
	if len(found) >= maxMarks {
		return found
	}
	return append(found, c)
}

// triple is three corners: the one between the others, the one to the right of
// it, the one below.
type triple struct {
	tl, tr, bl corner
	bad        float64
}

// triples are the sets of three corners that look most like those of one square,
// best first.
func triples(found []corner) []triple {
	// More lines go through larger ones: that is no merit.
	sort.SliceStable(found, func(i, j int) bool { return found[i].count/found[i].module > found[j].count/found[j].module })
	found = found[:min(len(found), maxCentres)]
	var list []triple
	for i, a := range found {
		for j, b := range found[:i] {
			for _, c := range found[:j] {
				if t, ok := square(a, b, c); ok {
					list = append(list, t)
				}
			}
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].bad < list[j].bad })
	return list[:min(len(list), maxTriples)]
}

// square orders three corners and tells how little they look like those of a
// square of which the sides are as long as those of a code; 0 is a perfect one.
func square(a, b, c corner) (triple, bool) {
	far := func(p, q corner) float64 { return math.Hypot(p.x-q.x, p.y-q.y) }
	ab, bc, ac := far(a, b), far(b, c), far(a, c)
	switch { // the longest side is opposite to the corner between
	case ab >= bc && ab >= ac:
		a, b, c = c, a, b
	case ac >= bc:
		a, b = b, a
	}
	if (b.x-a.x)*(c.y-a.y) < (b.y-a.y)*(c.x-a.x) { // y grows downwards
		b, c = c, b
	}
	l, r, d := far(a, b), far(a, c), far(b, c)
	small, large := min(a.module, b.module, c.module), max(a.module, b.module, c.module)
	module := (a.module + b.module + c.module) / 3
	side := (l + r) / 2 / module // in modules, between centres
	if small < 1 || large > 1.8*small || side < 11 || side > 200 {
		return triple{}, false
	}
	bad := math.Abs(l-r)/max(l, r) + math.Abs(d*d-l*l-r*r)/(d*d) + (large-small)/module/4
	return triple{a, b, c, bad}, bad < 1
}
