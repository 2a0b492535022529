package seal_test

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/jauap/jauap/envelope"
)

// look is what a classifier keeps of an envelope.
type look struct {
	conv   int
	class  envelope.Class
	shard  uint8
	expiry int
	at     float64 // hours, when it came to the shelf
	first  [firstSeen]byte
	tail   [tailSeen]byte
	histo  [256]uint16 // of the body as far as it is seen: of more it would tell the size
	mean   float64
}

const (
	firstSeen = 1020          // key, signature, 924 bytes of the body: all of an S1
	headSeen  = 32 + 64 + 128 // of them, bit by bit
	tailSeen  = 32
	bitwise   = headSeen + tailSeen
	byBytes   = bitwise + 4
	ofThree   = byBytes + bitwise
	byShown   = 64 + 10 + 1 + 10
	features  = byBytes + byShown
)

func lookAt(raw []byte, conv int, at float64) *look {
	l := &look{conv: conv, class: envelope.Class(raw[0] & 15), shard: raw[1], expiry: int(raw[2])<<8 | int(raw[3]), at: at}
	copy(l.first[:], raw[4:])
	copy(l.tail[:], raw[len(raw)-tailSeen:])
	for _, b := range l.first[96:] {
		l.histo[b]++
		l.mean += float64(b) / (firstSeen - 96)
	}
	return l
}

// example is some envelopes of which it is known whether all are of one
// conversation. Of two, x says which bits differ at each place of key, signature
// and the body's ends, how many bytes are equal, how alike the histograms are;
// and what carriers are shown on purpose: class, shard, day, and when each came.
// Of three it is the sum of that over all pairs, and at each place how odd they are.
type example struct {
	x    []float32
	a, b *look
	same bool
}

func pairOf(a, b *look) example {
	x := make([]float32, features)
	fill(x, a, b)
	at := byBytes
	one := func(i, of int) { x[at+min(i, of-1)] = 1; at += of }
	one(int(min(a.class, b.class, 7))*8+int(min(max(a.class, b.class), 7)), 64)
	one(max(a.expiry-b.expiry, b.expiry-a.expiry), 10)
	if a.shard == b.shard {
		x[at] = 1
	}
	at++
	one(int(math.Log2(1+10*math.Abs(a.at-b.at))), 10)
	return example{x: x, a: a, b: b, same: a.conv == b.conv}
}

// fill adds what the bytes of two envelopes say.
func fill(x []float32, a, b *look) {
	for i := range headSeen {
		x[i] += float32(bits.OnesCount8(a.first[i] ^ b.first[i]))
	}
	for i := range a.tail {
		x[headSeen+i] += float32(bits.OnesCount8(a.tail[i] ^ b.tail[i]))
	}
	equal, differ, apart := 0, 0, uint16(0)
	for i := 96; i < firstSeen; i++ {
		d := a.first[i] ^ b.first[i]
		if d == 0 {
			equal++
		}
		differ += bits.OnesCount8(d)
	}
	for i := range a.histo {
		apart += max(a.histo[i]-b.histo[i], b.histo[i]-a.histo[i])
	}
	x[bitwise] += float32(equal)
	x[bitwise+1] += float32(differ)
	x[bitwise+2] += float32(apart)
	x[bitwise+3] += float32(math.Abs(a.mean - b.mean))
}

func threeOf(a, b, c *look) example {
	x := make([]float32, ofThree)
	fill(x, a, b)
	fill(x, a, c)
	fill(x, b, c)
	for i := range headSeen {
		x[byBytes+i] = float32(bits.OnesCount8(a.first[i] ^ b.first[i] ^ c.first[i]))
	}
	for i := range a.tail {
		x[byBytes+headSeen+i] = float32(bits.OnesCount8(a.tail[i] ^ b.tail[i] ^ c.tail[i]))
	}
	return example{x: x, same: a.conv == b.conv && a.conv == c.conv}
}

// window is the part of the past from which pairs and threes are drawn.
type window struct {
	rng    *rand.Rand
	recent []*look
}

const windowSize = 800

// draw finds each envelope of a shelf one other, and every second two others: of
// its own conversation in half of the cases, else all of different ones.
func (w *window) draw(shelf []*look) (pairs, threes []example) {
	var drawn [][3]*look
	for k, l := range shelf {
		if len(w.recent) < windowSize {
			w.recent = append(w.recent, l)
			continue
		}
		d := [3]*look{l}
		same := w.rng.IntN(2) == 0
		if d[1] = w.other(l, l, same); d[1] != nil && k%2 == 0 {
			d[2] = w.other(l, d[1], same)
		}
		if d[1] != nil {
			drawn = append(drawn, d)
		}
		w.recent[w.rng.IntN(windowSize)] = l
	}
	pairs, threes = make([]example, len(drawn)), make([]example, len(drawn))
	onAllCores(len(drawn), func(k int) {
		d := drawn[k]
		pairs[k] = pairOf(d[0], d[1])
		if d[2] != nil {
			threes[k] = threeOf(d[0], d[1], d[2])
		}
	})
	return pairs, slices.DeleteFunc(threes, func(e example) bool { return e.x == nil })
}

// other draws one that is neither a nor b: of a's conversation, or of neither's.
func (w *window) other(a, b *look, same bool) *look {
	for range 4000 {
		o := w.recent[w.rng.IntN(len(w.recent))]
		if o != b && (o.conv == a.conv) == same && (o.conv == b.conv) == same {
			return o
		}
	}
	return nil
}

// learner is told examples shelf by shelf, then guesses: a score above 0 says
// that all are of one conversation.
type learner interface {
	learn(list []example, last bool, rng *rand.Rand)
	score(*example) float64
}

// regression is a logistic one over some of the features.
type regression struct {
	from, to         int
	n, steps         float64
	sum, square      []float64
	mean, scale      []float64
	weight, centered []float64
	bias             float64
}

func newRegression(from, to int) *regression {
	r := &regression{from: from, to: to}
	for _, v := range []*[]float64{&r.sum, &r.square, &r.mean, &r.scale, &r.weight, &r.centered} {
		*v = make([]float64, to-from)
	}
	return r
}

func (r *regression) learn(list []example, _ bool, rng *rand.Rand) {
	for k := range list {
		for i, v := range list[k].x[r.from:r.to] {
			r.sum[i] += float64(v)
			r.square[i] += float64(v) * float64(v)
		}
	}
	r.n += float64(len(list))
	for i := range r.mean {
		r.mean[i] = r.sum[i] / r.n
		// What is always the same says nothing.
		if dev := math.Sqrt(max(r.square[i]/r.n-r.mean[i]*r.mean[i], 0)); dev > 1e-4 {
			r.scale[i] = 1 / dev
		}
	}
	for range 4 {
		for _, k := range rng.Perm(len(list)) {
			r.steps++
			rate := 0.01 / math.Sqrt(1+r.steps/5000)
			wrong := -1 / (1 + math.Exp(-r.score(&list[k])))
			if list[k].same {
				wrong++
			}
			r.bias += rate * wrong
			for i, v := range r.centered {
				r.weight[i] += rate * (wrong*v - 1e-3*r.weight[i])
			}
		}
	}
}

func (r *regression) score(e *example) float64 {
	s := r.bias
	for i, v := range e.x[r.from:r.to] {
		r.centered[i] = (float64(v) - r.mean[i]) * r.scale[i]
		s += r.weight[i] * r.centered[i]
	}
	return s
}

// stumps adds up many rules of one feature and one threshold, each chosen to mend
// what those before it have wrong. It finds what is not a straight line.
type stumps struct {
	from, to int
	edges    [][]float32 // per feature, ascending
	columns  [][]uint8   // per feature, of each example its place between the edges
	same     []bool
	rules    []stump
}

type stump struct {
	feature   int
	edge      float32
	low, high float64
}

const (
	bins        = 16
	rounds      = 60
	mostLearned = 200_000 // examples
)

func newStumps(from, to int) *stumps { return &stumps{from: from, to: to} }

func (s *stumps) learn(list []example, last bool, _ *rand.Rand) {
	if len(list) > 0 && s.edges == nil {
		s.cut(list)
	}
	for k := range list[:min(len(list), mostLearned-len(s.same))] {
		for i, v := range list[k].x[s.from:s.to] {
			at, found := slices.BinarySearch(s.edges[i], v)
			if found {
				at++
			}
			s.columns[i] = append(s.columns[i], uint8(at))
		}
		s.same = append(s.same, list[k].same)
	}
	if last {
		s.boost()
		s.columns = nil
	}
}

// cut chooses the edges so that the bins are about equally full.
func (s *stumps) cut(list []example) {
	s.edges, s.columns = make([][]float32, s.to-s.from), make([][]uint8, s.to-s.from)
	values := make([]float32, len(list))
	for i := range s.edges {
		for k := range list {
			values[k] = list[k].x[s.from+i]
		}
		slices.Sort(values)
		for b := 1; b < bins; b++ {
			if v := values[len(values)*b/bins]; v > values[0] {
				s.edges[i] = append(s.edges[i], v)
			}
		}
		s.edges[i] = slices.Compact(s.edges[i])
	}
}

func (s *stumps) boost() {
	n := len(s.same)
	score, pull, firm := make([]float64, n), make([]float32, n), make([]float32, n)
	for range rounds {
		for k := range score {
			p := 1 / (1 + math.Exp(-score[k]))
			pull[k], firm[k] = float32(-p), float32(p*(1-p))
			if s.same[k] {
				pull[k]++
			}
		}
		best, gain, at := stump{}, 0.0, uint8(0)
		for i, column := range s.columns {
			r, b, g := s.split(i, column, pull, firm)
			if g > gain {
				best, gain, at = r, g, b
			}
		}
		if gain == 0 {
			return
		}
		s.rules = append(s.rules, best)
		for k, b := range s.columns[best.feature-s.from] {
			if b >= at {
				score[k] += best.high
			} else {
				score[k] += best.low
			}
		}
	}
}

// split finds the best edge of a feature: of the bins from b on is high.
func (s *stumps) split(i int, column []uint8, pull, firm []float32) (best stump, b uint8, gain float64) {
	var g, h [bins]float64
	for k, c := range column {
		g[c] += float64(pull[k])
		h[c] += float64(firm[k])
	}
	var allG, allH, lowG, lowH float64
	for c := range g {
		allG, allH = allG+g[c], allH+h[c]
	}
	const calm, rate = 1.0, 0.3
	of := func(g, h float64) float64 { return g * g / (h + calm) }
	for c, edge := range s.edges[i] {
		lowG, lowH = lowG+g[c], lowH+h[c]
		highG, highH := allG-lowG, allH-lowH
		if won := of(lowG, lowH) + of(highG, highH) - of(allG, allH); won > gain {
			gain, b = won, uint8(c+1)
			best = stump{s.from + i, edge, rate * lowG / (lowH + calm), rate * highG / (highH + calm)}
		}
	}
	return best, b, gain
}

func (s *stumps) score(e *example) float64 {
	sum := 0.0
	for _, r := range s.rules {
		if e.x[r.feature] >= r.edge {
			sum += r.high
		} else {
			sum += r.low
		}
	}
	return sum
}

// places counts at every byte of an S1 how often each difference of two stands in
// pairs of one conversation and of different ones. It knows nothing of bits, so it
// finds what differs in any way, and at places that the others do not look at.
type places struct {
	count  [2][firstSeen][256]float32
	of     [2]float64
	says   [firstSeen][256]float32
	speaks []int // places that say more than chance does
}

func (p *places) learn(list []example, last bool, _ *rand.Rand) {
	for k := range list {
		kind := 0
		if list[k].same {
			kind = 1
		}
		p.of[kind]++
		for i := range firstSeen {
			p.count[kind][i][list[k].a.first[i]^list[k].b.first[i]]++
		}
	}
	if last {
		p.weigh()
	}
}

func (p *places) weigh() {
	for i := range firstSeen {
		far, free := 0.0, -1.0 // chi square, and its degrees of freedom
		for v := range 256 {
			no, yes := float64(p.count[0][i][v]), float64(p.count[1][i][v])
			if no+yes == 0 {
				continue
			}
			want := (no + yes) / (p.of[0] + p.of[1])
			far += (no-want*p.of[0])*(no-want*p.of[0])/(want*p.of[0]) + (yes-want*p.of[1])*(yes-want*p.of[1])/(want*p.of[1])
			free++
			p.says[i][v] = float32(math.Log((yes + 1) / (p.of[1] + 256) * (p.of[0] + 256) / (no + 1)))
		}
		if far > free+3*math.Sqrt(2*free) {
			p.speaks = append(p.speaks, i)
		}
	}
}

func (p *places) score(e *example) float64 {
	sum := 0.0
	for _, i := range p.speaks {
		sum += float64(p.says[i][e.a.first[i]^e.b.first[i]])
	}
	return sum
}
