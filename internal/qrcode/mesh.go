package qrcode

import "math"

// mesh is a plane with how far from it the alignment patterns were seen: a code
// on curved paper, or behind a lens that bends lines.
type mesh struct {
	plane
	lines []float64    // where the middles of alignment patterns are, in modules
	off   [][2]float64 // of each of them, row by row, in points
}

func (m *mesh) at(u, v float64) (x, y float64) {
	x, y = m.plane.at(u, v)
	k := len(m.lines)
	if len(m.off) == 0 {
		return x, y
	}
	i, fu := m.cell(u)
	j, fv := m.cell(v)
	for c := range 2 {
		a := m.off[j*k+i][c]*(1-fu) + m.off[j*k+i+1][c]*fu
		b := m.off[(j+1)*k+i][c]*(1-fu) + m.off[(j+1)*k+i+1][c]*fu
		if c == 0 {
			x += a*(1-fv) + b*fv
		} else {
			y += a*(1-fv) + b*fv
		}
	}
	return x, y
}

// cell is between which lines a place is, and where between them.
func (m *mesh) cell(u float64) (i int, f float64) {
	for i < len(m.lines)-2 && u > m.lines[i+1] {
		i++
	}
	f = (u - m.lines[i]) / (m.lines[i+1] - m.lines[i])
	return i, min(max(f, -0.3), 1.3)
}

// lines are the middles of the alignment patterns of a version (ISO/IEC 18004,
// annex E).
func lines(version int) []float64 {
	if version < 2 {
		return nil
	}
	n := 4*version + 17
	count := version/7 + 2
	step := 0
	if count > 2 {
		step = (n - 13 + count - 2) / (count - 1)
		step += step % 2
		if version == 32 {
			step = 26
		}
	}
	list := make([]float64, count)
	list[0] = 6.5
	for i := 1; i < count; i++ {
		list[i] = float64(n-7-(count-1-i)*step) + 0.5
	}
	return list
}

// mark is a pattern of squares around a middle.
type mark struct {
	reach int // modules from the middle to the edge
	white int // how far from the middle the white ring is
}

// The marks of a code (ISO/IEC 18004, 6.3.3 and 6.3.6).
func finder() mark    { return mark{3, 2} }
func alignment() mark { return mark{2, 1} }

// place is where a mark's modules would be seen, and how far a module goes.
type place struct {
	mark
	x, y           [49]float64
	ax, ay, bx, by float64
}

func placed(k mark, at func(u, v float64) (x, y float64), u, v float64) *place {
	l := &place{mark: k}
	n := 0
	for dy := -k.reach; dy <= k.reach; dy++ {
		for dx := -k.reach; dx <= k.reach; dx++ {
			l.x[n], l.y[n] = at(u+float64(dx), v+float64(dy))
			n++
		}
	}
	side := 2*k.reach + 1
	mid := n / 2
	l.ax, l.ay, l.bx, l.by = l.x[mid+1]-l.x[mid], l.y[mid+1]-l.y[mid], l.x[mid+side]-l.x[mid], l.y[mid+side]-l.y[mid]
	return l
}

// likeness tells how much the picture looks like the mark, -1 to 1, so many
// points away from its place.
func (p *picture) likeness(l *place, ox, oy float64) float64 {
	var s, ss, light float64
	n := 0
	for dy := -l.reach; dy <= l.reach; dy++ {
		for dx := -l.reach; dx <= l.reach; dx++ {
			g := p.at(l.x[n]+ox, l.y[n]+oy)
			s, ss = s+g, ss+g*g
			if max(dx, -dx, dy, -dy) == l.white {
				light += g
			}
			n++
		}
	}
	all, white := float64(n), float64(8*l.white)
	spread := (ss - s*s/all) * (white - white*white/all)
	if spread < all*all {
		return 0
	}
	return (light - s*white/all) / math.Sqrt(spread)
}

// seek finds the mark near its place: how many points away it was seen, when it
// is looked for at most reach modules from ox, oy.
func (p *picture) seek(l *place, ox, oy, reach float64) (fx, fy, like float64) {
	fx, fy = ox, oy
	look := func(reach, step float64) {
		cx, cy, best := fx, fy, -2.0
		for s := -reach; s <= reach+1e-9; s += step {
			for t := -reach; t <= reach+1e-9; t += step {
				px, py := cx+s*l.ax+t*l.bx, cy+s*l.ay+t*l.by
				seen := p.likeness(l, px, py)
				// Of two that look alike the nearer one.
				if w := seen - 0.01*math.Hypot(s, t); w > best {
					best, fx, fy, like = w, px, py, seen
				}
			}
		}
	}
	look(reach, 0.5)
	look(0.3, 0.15)
	return fx, fy, like
}

// Likeness that is believed: anywhere near, and far away.
const (
	near = 0.55
	far  = 0.7
)

// settle finds the code's alignment patterns from the corners on, and the plane
// and the mesh that fit them. quality is how much they looked like ones.
func (p *picture) settle(t triple, version int, first plane) (m mesh, quality float64) {
	n := float64(4*version + 17)
	m.plane = first
	list := lines(version)
	if len(list) == 0 {
		return m, 0
	}
	pairs := []pair{{3.5, 3.5, t.tl.x, t.tl.y}, {n - 3.5, 3.5, t.tr.x, t.tr.y}, {3.5, n - 3.5, t.bl.x, t.bl.y}}
	if len(list) == 2 {
		u := list[1]
		fx, fy, like := p.seek(placed(alignment(), first.at, u, u), 0, 0, 3)
		if like < far {
			fx, fy, like = p.seek(placed(alignment(), first.at, u, u), 0, 0, 7)
		}
		if like > far {
			x, y := first.at(u, u)
			if h, ok := fit(append(pairs, pair{u, u, x + fx, y + fy})); ok {
				m.plane = h
			}
		}
		return m, like
	}
	seen, offs, count := p.grow(&m, list)
	if count*3 < len(seen) {
		return m, 0
	}
	for i, ok := range seen {
		if ok {
			u, v := list[i%len(list)], list[i/len(list)]
			x, y := first.at(u, v)
			pairs = append(pairs, pair{u, v, x + offs[i][0], y + offs[i][1]})
		}
	}
	if len(pairs) < 4 {
		return m, 0
	}
	h, ok := fit(pairs)
	if !ok {
		return m, 0
	}
	m.plane = h
	return p.bend(m, list)
}

// grow finds alignment patterns in the order in which their neighbours above and
// to the left tell where they must be.
func (p *picture) grow(m *mesh, list []float64) (seen []bool, offs [][2]float64, count int) {
	k, tried := len(list), 0
	seen, offs = make([]bool, k*k), make([][2]float64, k*k)
	for sum := 0; sum <= 2*(k-1); sum++ {
		for j := max(0, sum-k+1); j <= min(sum, k-1); j++ {
			i := sum - j
			at := j*k + i
			if (i == 0 || i == k-1) && (j == 0 || j == k-1) && !(i == k-1 && j == k-1) {
				continue // a corner of the code, where the first plane is right
			}
			var guess [2]float64
			for c := range 2 {
				switch {
				case i > 0 && j > 0:
					guess[c] = offs[at-1][c] + offs[at-k][c] - offs[at-k-1][c]
				case i > 1:
					guess[c] = 2*offs[at-1][c] - offs[at-2][c]
				case j > 1:
					guess[c] = 2*offs[at-k][c] - offs[at-2*k][c]
				}
			}
			l := placed(alignment(), m.plane.at, list[i], list[j])
			fx, fy, like := p.seek(l, guess[0], guess[1], 2)
			if like < near {
				if fx, fy, like = p.seek(l, guess[0], guess[1], 4); like < far {
					like = 0
				}
			}
			if like > near {
				seen[at], offs[at] = true, [2]float64{fx, fy}
				count++
			} else {
				offs[at] = guess
			}
			if tried++; tried == 6 && count < 2 {
				return seen, offs, 0
			}
		}
	}
	return seen, offs, count
}

// bend looks once more where each pattern is, now near the plane that fits all.
func (p *picture) bend(m mesh, list []float64) (mesh, float64) {
	k := len(list)
	m.lines = list
	off := make([][2]float64, k*k)
	seen := make([]bool, k*k)
	sum, count := 0.0, 0
	for j := range k {
		for i := range k {
			if (i == 0 || i == k-1) && (j == 0 || j == k-1) && !(i == k-1 && j == k-1) {
				continue
			}
			fx, fy, like := p.seek(placed(alignment(), m.plane.at, list[i], list[j]), 0, 0, 1)
			sum, count = sum+like, count+1
			if like > near {
				seen[j*k+i], off[j*k+i] = true, [2]float64{fx, fy}
			}
		}
	}
	// Where none was seen, what the neighbours say.
	for at := range off {
		if seen[at] {
			continue
		}
		around := 0.0
		var s [2]float64
		for j := max(0, at/k-1); j <= min(k-1, at/k+1); j++ {
			for i := max(0, at%k-1); i <= min(k-1, at%k+1); i++ {
				if seen[j*k+i] {
					around++
					s[0], s[1] = s[0]+off[j*k+i][0], s[1]+off[j*k+i][1]
				}
			}
		}
		if around > 0 {
			off[at] = [2]float64{s[0] / around, s[1] / around}
		}
	}
	m.off = off
	return m, sum / float64(count)
}
