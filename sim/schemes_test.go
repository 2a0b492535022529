package sim

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// What carriers could do with a large letter, played on contacts alone: no bytes, no
// time to send them, whoever is connected at a moment shares it. docs/reliability.md, "Letters of 64 KiB".

// cargo is a letter in a scheme.
type cargo struct {
	Letter
	id             uint64
	pieces         []uint64 // by person
	heard, wants   []bool
	done           []bool // heard that it arrived
	hops           []int  // of the want, from the reader
	tokens         []int
	level          []float64
	until, inAll   int
	arrived        time.Duration
	need, ofPieces int
}

// scheme says how many pieces of a letter v may hold when u, who holds some, meets it.
type scheme struct {
	name   string
	tokens int
	need   int // pieces that make the letter; 0: it is not cut
	want   bool
	proof  time.Duration // until the reader's proof leaves; negative: never
	blind  bool          // nobody knows its reader
	take   func(x *yard, l *cargo, u, v int) int
}

// yard is who is in contact, and who met whom how often and last.
type yard struct {
	now  time.Duration
	near [][]int
	last []map[int]time.Duration
	met  []map[int]int
}

func (x *yard) recent(p int, d time.Duration) (n float64) {
	for _, at := range x.last[p] {
		if x.now-at <= d {
			n++
		}
	}
	return n
}

func share(a, b uint64) float64 {
	z := a*0x9e3779b97f4a7c15 ^ b
	for range 2 {
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
	}
	return float64(z>>11) / (1 << 53)
}

// pass lets v take from u what it may, and says whether anything changed.
func (l *cargo) pass(x *yard, s *scheme, u, v int) (changed bool) {
	set := func(b []bool, on bool) {
		if on && !b[v] {
			b[v], changed = true, true
		}
	}
	set(l.heard, l.heard[u])
	set(l.done, l.done[u])
	if s.want && l.heard[v] && v == l.To {
		set(l.wants, true)
	}
	if l.wants[u] && !l.wants[v] {
		l.hops[v] = l.hops[u] + 1
		set(l.wants, true)
	}
	lacks := l.pieces[u] &^ l.pieces[v]
	if lacks == 0 || l.done[u] || l.done[v] {
		return changed
	}
	room := l.need
	if v != l.To || s.blind {
		room = s.take(x, l, u, v)
	}
	had := bits.OnesCount64(l.pieces[v])
	for ; lacks != 0 && had < room; had++ {
		best := -1
		for k := range l.ofPieces {
			if lacks>>k&1 == 1 && (best < 0 || share(uint64(v*64+k), l.id) < share(uint64(v*64+best), l.id)) {
				best = k
			}
		}
		l.pieces[v] |= 1 << best
		lacks &^= 1 << best
		l.inAll++
		if l.arrived < 0 {
			l.until++
		}
		changed = true
	}
	if v == l.To && had >= l.need && l.arrived < 0 {
		l.arrived = x.now
		l.done[v] = s.proof == 0
	}
	return changed
}

func (l *cargo) spread(x *yard, s *scheme, work ...int) {
	for len(work) > 0 {
		u := work[len(work)-1]
		work = work[:len(work)-1]
		for _, v := range x.near[u] {
			if l.pass(x, s, u, v) {
				work = append(work, v)
			}
			if l.pass(x, s, v, u) {
				work = append(work, u)
			}
		}
	}
}

func (s *scheme) load(in Scenario, letters []Letter) (list []*cargo) {
	for i, letter := range letters {
		n := in.People
		l := &cargo{Letter: letter, id: uint64(i)*7919 + uint64(letter.At), pieces: make([]uint64, n), heard: make([]bool, n), wants: make([]bool, n), done: make([]bool, n),
			hops: make([]int, n), tokens: make([]int, n), level: make([]float64, n), arrived: -1, need: max(s.need, 1), ofPieces: 1}
		if s.need > 1 {
			l.ofPieces = min(8*s.need, 60)
		}
		l.heard[l.From], l.pieces[l.From], l.tokens[l.From] = true, 1<<l.ofPieces-1, s.tokens
		list = append(list, l)
	}
	return list
}

func (s *scheme) play(in Scenario, letters []Letter) []*cargo {
	x := &yard{near: make([][]int, in.People), last: make([]map[int]time.Duration, in.People), met: make([]map[int]int, in.People)}
	for p := range x.last {
		x.last[p], x.met[p] = map[int]time.Duration{}, map[int]int{}
	}
	list := s.load(in, letters)
	events, _ := eventsOf(in, letters)
	for _, e := range events {
		x.now = e.at
		if e.kind == 1 {
			list[e.i].spread(x, s, list[e.i].From)
			continue
		}
		c := in.Contacts[e.i]
		for _, d := range [][2]int{{c.A, c.B}, {c.B, c.A}} {
			if e.kind == 2 {
				k := slices.Index(x.near[d[0]], d[1])
				x.near[d[0]] = slices.Delete(x.near[d[0]], k, k+1)
				continue
			}
			x.near[d[0]] = append(x.near[d[0]], d[1])
			x.last[d[0]][d[1]] = e.at
			x.met[d[0]][d[1]]++
		}
		if e.kind == 2 {
			continue
		}
		for _, l := range list {
			if l.At > x.now {
				continue
			}
			if l.arrived >= 0 && s.proof > 0 && x.now >= (l.arrived+s.proof).Truncate(30*time.Minute)+30*time.Minute && !l.done[l.To] {
				l.done[l.To] = true
				l.spread(x, s, l.To)
			}
			if l.heard[c.A] || l.heard[c.B] {
				l.spread(x, s, c.A, c.B)
			}
		}
	}
	return list
}

// The ways to decide. Each answers for a whole letter: need, or 0.

func everybody(_ *yard, l *cargo, _, _ int) int { return l.need }

func yes(l *cargo, ok bool) int {
	if ok {
		return l.need
	}
	return 0
}

func halve(_ *yard, l *cargo, u, v int) int {
	k := l.tokens[u] / 2
	if k > 0 {
		l.tokens[u], l.tokens[v] = l.tokens[u]-k, k
	}
	return yes(l, k > 0)
}

func coin(part float64) func(*yard, *cargo, int, int) int {
	return func(_ *yard, l *cargo, _, v int) int { return yes(l, share(uint64(v), l.id) < part) }
}

// delegate hands on to who is better than all that this copy met: Erramilli and others, MobiHoc 2008.
func delegate(quality func(*yard, *cargo, int) float64) func(*yard, *cargo, int, int) int {
	return func(x *yard, l *cargo, u, v int) int {
		q := quality(x, l, v)
		if l.level[u] == 0 {
			l.level[u] = quality(x, l, u)
		}
		if q <= l.level[u] {
			return 0
		}
		l.level[u], l.level[v] = q, q
		return l.need
	}
}

func gives(k int) func(*yard, *cargo, int, int) int {
	return func(_ *yard, l *cargo, u, _ int) int {
		if u != l.From && l.tokens[u] >= k {
			return 0
		}
		l.tokens[u]++
		return l.need
	}
}

// busiest is the part of the people who meet most others in the whole trace: nobody knows that beforehand.
func busiest(in Scenario, part float64) func(*yard, *cargo, int, int) int {
	met := make([]map[int]bool, in.People)
	for p := range met {
		met[p] = map[int]bool{}
	}
	for _, c := range in.Contacts {
		met[c.A][c.B], met[c.B][c.A] = true, true
	}
	order := seq(in.People)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(met[b]), len(met[a])) })
	top := make([]bool, in.People)
	for _, p := range order[:int(part*float64(in.People))] {
		top[p] = true
	}
	return func(_ *yard, l *cargo, _, v int) int { return yes(l, top[v]) }
}

// toWant lets the letter follow a want to where it came from, and else does what other says.
func toWant(other func(*yard, *cargo, int, int) int) func(*yard, *cargo, int, int) int {
	return func(x *yard, l *cargo, u, v int) int {
		if l.wants[v] && (!l.wants[u] || l.hops[v] < l.hops[u]) {
			return l.need
		}
		return other(x, l, u, v)
	}
}

func schemes(in Scenario) []scheme {
	met1h := func(x *yard, _ *cargo, p int) float64 { return x.recent(p, time.Hour) }
	// Whoever met the reader often, and with less weight who met somebody who did.
	reader := func(x *yard, l *cargo, p int) float64 {
		sum := float64(x.met[p][l.To])
		for q, n := range x.met[p] {
			sum += float64(min(n, x.met[q][l.To])) / 4
		}
		return sum
	}
	half := func(x *yard, l *cargo, u, v int) int {
		return yes(l, 2*len(x.met[v]) >= len(x.met[u]))
	}
	one := func(*yard, *cargo, int, int) int { return 1 }
	nobody := func(*yard, *cargo, int, int) int { return 0 }
	reads := delegate(reader)
	return []scheme{
		{name: "flooding", take: everybody, proof: -1},
		{name: "flooding, proofs at once", take: everybody},
		{name: "flooding, proofs after 1 h", take: everybody, proof: time.Hour},
		{name: "each gives 1, proofs after 1 h, reader unknown", take: gives(1), proof: time.Hour, blind: true},
		{name: "each gives 2, proofs after 1 h, reader unknown", take: gives(2), proof: time.Hour, blind: true},
		{name: "each gives 4, proofs after 1 h, reader unknown", take: gives(4), proof: time.Hour, blind: true},
		{name: "each gives 1", take: gives(1)},
		{name: "spray 32", take: halve, tokens: 32},
		{name: "spray 64", take: halve, tokens: 64},
		{name: "coin 20 %", take: coin(0.2)},
		{name: "coin 50 %", take: coin(0.5)},
		{name: "delegation by who met most in 1 h", take: delegate(met1h)},
		{name: "who met half as many as the giver", take: half},
		{name: "busiest 20 %", take: busiest(in, 0.2)},
		{name: "busiest 50 %", take: busiest(in, 0.5)},
		{name: "want", take: toWant(nobody), want: true},
		{name: "want, spray 32", take: toWant(halve), want: true, tokens: 32},
		{name: "want, spray 64", take: toWant(halve), want: true, tokens: 64},
		{name: "want, delegation", take: toWant(delegate(met1h)), want: true},
		{name: "want, busiest 50 %", take: toWant(busiest(in, 0.5)), want: true},
		{name: "who met the reader, spray 16", tokens: 16, take: func(x *yard, l *cargo, u, v int) int {
			return max(reads(x, l, u, v), halve(x, l, u, v))
		}},
		{name: "2 of 16 pieces, one each, want", need: 2, take: toWant(one), want: true},
		{name: "4 of 32 pieces, one each, want", need: 4, take: toWant(one), want: true},
	}
}

// BenchmarkSchemes plays 600 letters once for each: -benchtime 1x. Copies are those of a
// letter, until it arrived and in all.
func BenchmarkSchemes(b *testing.B) {
	for _, name := range []string{"conference", "office"} {
		in, err := Named(name, 1, 0)
		if err != nil {
			b.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(7, 1))
		var letters []Letter
		for len(letters) < 600 {
			if from, to := rng.IntN(in.People), rng.IntN(in.People); from != to {
				letters = append(letters, Letter{From: from, To: to, At: time.Duration(rng.Int64N(int64(in.End * 6 / 10)))})
			}
		}
		for _, s := range schemes(in) {
			b.Run(name+"/"+s.name, func(b *testing.B) {
				for range b.N {
					report(b, s.play(in, letters))
				}
			})
		}
	}
}

func report(b *testing.B, list []*cargo) {
	var arrived, within, until, all float64
	for _, l := range list {
		if l.arrived >= 0 {
			arrived++
			if l.arrived-l.At <= 6*time.Hour {
				within++
			}
		}
		until += float64(l.until) / float64(l.need)
		all += float64(l.inAll) / float64(l.need)
	}
	n := float64(len(list))
	b.ReportMetric(100*arrived/n, "%")
	b.ReportMetric(100*within/n, "%6h")
	b.ReportMetric(until/n, "until")
	b.ReportMetric(all/n, "inall")
}

// Flooding here is flooding there, and no scheme beats it.
func TestSchemesAreNoBetterThanFlooding(t *testing.T) {
	in := morning(t)
	rng := rand.New(rand.NewPCG(3, 3))
	var letters []Letter
	for len(letters) < 20 {
		if from, to := rng.IntN(in.People), rng.IntN(in.People); from != to {
			letters = append(letters, Letter{From: from, To: to, At: time.Duration(rng.Int64N(int64(2 * time.Hour)))})
		}
	}
	in.Contacts = slices.DeleteFunc(in.Contacts, func(c Contact) bool { return c.From > 4*time.Hour })
	ideal := flood(in, letters)
	for _, s := range schemes(in) {
		copies := 0
		for i, l := range s.play(in, letters) {
			copies += l.inAll
			switch {
			case s.name == "flooding" && l.arrived != ideal.arrived[i]:
				t.Fatalf("letter %d at %v, ideally %v", i, l.arrived, ideal.arrived[i])
			case l.arrived >= 0 && (ideal.arrived[i] < 0 || l.arrived < ideal.arrived[i]):
				t.Fatalf("%s: letter %d at %v, ideally %v", s.name, i, l.arrived, ideal.arrived[i])
			}
		}
		if s.name == "flooding" && copies != ideal.inAll {
			t.Fatalf("%d copies, ideally %d", copies, ideal.inAll)
		}
	}
}
