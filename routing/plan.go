package routing

import (
	"container/heap"
	"slices"

	"github.com/jauap/jauap/envelope"
)

// Turns is the order in which to offer units to somebody who is met. Ranks get
// their Shares of what is spent, in bytes; within a rank all who brought
// something take turns, byte for byte by their Weight; of each those with words go
// first, then the smallest, then the oldest. What the far end brought itself goes last. Towards a contact own
// units go before all; towards a stranger they are what one depositor among
// others of rank Near brought. Spent is what a unit takes of the link: a line
// in a listing, and its bytes once they are asked for. So a listing of near
// units that the far end holds already does not make room for junk, which it
// never holds. Bytes of units of higher ranks count from their listing on, and
// are given back when the far end holds them.
type Turns struct {
	contact bool
	nonce   uint64
	shares  [4]int
	ranks   [backRank + 1]line
	n       int
}

// backRank is that of units which the far end brought.
const backRank = Other + 1

// line is the givers of a rank.
type line struct {
	spent  uint64
	n      int // units
	now    uint64
	queue  givers // those with units, who spent least first
	givers map[uint32]*giver
}

// giver is what somebody brought.
type giver struct {
	spent uint64
	tie   uint64
	at    int // in the queue; -1: nothing is left
	units waiting
}

// NewTurns begins a meeting. Nonce orders equal turns, so that two meetings
// differ; it must be secret.
func NewTurns(contact bool, nonce uint64, r Rules) *Turns {
	return &Turns{contact: contact, nonce: nonce, shares: r.Shares}
}

// Len is how many units wait.
func (t *Turns) Len() int { return t.n }

// rank is the line a unit stands in.
func (t *Turns) rank(u Unit) uint8 {
	switch {
	case u.Rank == Own && !t.contact:
		return Near
	case u.Back && u.Rank != Own:
		return backRank
	}
	return min(u.Rank, Other)
}

// Befriend says that the far end turned out to be a contact.
func (t *Turns) Befriend() {
	if t.contact {
		return
	}
	var own []Unit
	for _, g := range t.ranks[Near].givers {
		for _, u := range g.units {
			if u.Rank == Own {
				own = append(own, u)
			}
		}
	}
	for _, u := range own {
		t.remove(u)
	}
	t.contact = true
	for _, u := range own {
		t.Add(u)
	}
}

// remove takes a unit out of line.
func (t *Turns) remove(u Unit) {
	l, g := t.giver(u)
	t.pull(l, g, slices.Index(g.units, u))
}

// pull takes the k-th unit of a giver out of line.
func (t *Turns) pull(l *line, g *giver, k int) {
	g.units.remove(k)
	if len(g.units) == 0 {
		heap.Remove(&l.queue, g.at)
	}
	l.n--
	t.n--
}

func (t *Turns) giver(u Unit) (*line, *giver) {
	l := &t.ranks[t.rank(u)]
	g := l.givers[u.From]
	if g == nil {
		if l.givers == nil {
			l.givers = make(map[uint32]*giver)
		}
		g = &giver{tie: mix(uint64(u.From) ^ t.nonce), at: -1}
		l.givers[u.From] = g
	}
	return l, g
}

// Add puts a unit in line. Who has nothing in line has no claim to what others
// got meanwhile.
func (t *Turns) Add(u Unit) {
	l, g := t.giver(u)
	if l.n == 0 {
		if _, first := t.first(); first != nil {
			l.spent = max(l.spent, first.spent)
		}
	}
	g.units.push(u)
	if g.at < 0 {
		g.spent = max(g.spent, l.now)
		heap.Push(&l.queue, g)
	}
	l.n++
	t.n++
}

// first is the line whose turn it is, and its rank.
func (t *Turns) first() (rank uint8, best *line) {
	for r := range t.ranks {
		l := &t.ranks[r]
		if l.n == 0 {
			continue
		}
		if uint8(r) == Own {
			return Own, l
		}
		if best == nil || l.spent < best.spent && uint8(r) != backRank {
			rank, best = uint8(r), l
		}
	}
	return rank, best
}

// Next is the unit to offer next; Take takes it out of line. False when none
// waits.
func (t *Turns) Next() (Unit, bool) {
	_, l := t.first()
	if l == nil {
		return Unit{}, false
	}
	return l.queue[0].units[0], true
}

// Take takes Next's unit out of line. Nothing is spent by that.
func (t *Turns) Take() {
	_, l := t.first()
	if l == nil {
		return
	}
	l.now = l.queue[0].spent
	t.pull(l, l.queue[0], 0)
}

// listed is what a unit takes in a listing, in bytes: spec/exchange.md, 7.
const listed = 20

// Listed, Asked and Held say what became of a unit that was taken out of line:
// the far end heard of it; it asked for so many bytes; it has it already.
func (t *Turns) Listed(u Unit) {
	n := listed
	if t.rank(u) > Near {
		n += u.Size
	}
	t.spend(u, n)
}

// Asked: see Listed.
func (t *Turns) Asked(u Unit, bytes int) {
	if t.rank(u) <= Near {
		t.spend(u, bytes)
	}
}

// Held: see Listed.
func (t *Turns) Held(u Unit) {
	if t.rank(u) > Near {
		t.spend(u, -u.Size)
	}
}

// unitsOfTime make whole numbers of bytes divided by shares.
const unitsOfTime = 1 << 16

func (t *Turns) spend(u Unit, bytes int) {
	l, g := t.giver(u)
	share := 1
	if r := t.rank(u); r != Own && r != backRank {
		share = max(t.shares[r], 1)
	}
	l.spent = add(l.spent, int64(bytes)*unitsOfTime/int64(share))
	g.spent = add(g.spent, int64(bytes)*unitsOfTime/int64(weight(u)))
	if g.at >= 0 {
		heap.Fix(&l.queue, g.at)
	}
}

func weight(u Unit) uint8 {
	if u.Weight == 0 {
		return Whole
	}
	return u.Weight
}

// add never goes below 0.
func add(a uint64, b int64) uint64 {
	if b < 0 && a < uint64(-b) {
		return 0
	}
	return a + uint64(b)
}

// waiting are a giver's units, as a heap: those with words first, then the smallest,
// then the oldest. It is container/heap, written out for units, of which a meeting has
// thousands: as values of an interface each would be allotted, twice.
type waiting []Unit

func before(a, b *Unit) bool {
	if a.Words != b.Words {
		return a.Words
	}
	if c := envelope.Compare(a.Class, b.Class); c != 0 {
		return c < 0
	}
	return a.Seq < b.Seq
}

func (w *waiting) push(u Unit) {
	*w = append(*w, u)
	w.up(len(*w)-1, u)
}

// remove takes the unit at k out.
func (w *waiting) remove(k int) {
	last := len(*w) - 1
	u := (*w)[last]
	*w = (*w)[:last]
	if k == last {
		return
	}
	if k > 0 && before(&u, &(*w)[(k-1)/2]) {
		w.up(k, u)
	} else {
		w.down(k, u)
	}
}

// up puts u at k or above.
func (w waiting) up(k int, u Unit) {
	for k > 0 && before(&u, &w[(k-1)/2]) {
		w[k] = w[(k-1)/2]
		k = (k - 1) / 2
	}
	w[k] = u
}

// down puts u at k or below.
func (w waiting) down(k int, u Unit) {
	for {
		child := 2*k + 1
		if child+1 < len(w) && before(&w[child+1], &w[child]) {
			child++
		}
		if child >= len(w) || !before(&w[child], &u) {
			break
		}
		w[k] = w[child]
		k = child
	}
	w[k] = u
}

// givers is a heap: who spent least is first.
type givers []*giver

func (q givers) Len() int { return len(q) }
func (q givers) Less(i, j int) bool {
	return q[i].spent < q[j].spent || q[i].spent == q[j].spent && q[i].tie < q[j].tie
}
func (q givers) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}
func (q *givers) Push(x any) {
	g := x.(*giver)
	g.at = len(*q)
	*q = append(*q, g)
}
func (q *givers) Pop() any {
	last := len(*q) - 1
	g := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	g.at = -1
	return g
}

// mix is the finalizer of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
