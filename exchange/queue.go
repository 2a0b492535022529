package exchange

import "github.com/jauap/jauap/envelope"

// sendQueue is a heap of the units in line for DATA.
type sendQueue struct {
	units   []*given
	compare func(a, b Item) int
	line    bool // in the order of listing
}

func (q *sendQueue) Len() int { return len(q.units) }
func (q *sendQueue) Less(i, j int) bool {
	a, b := q.units[i], q.units[j]
	if a.item.Words != b.item.Words {
		return a.item.Words
	}
	// Of one class, what the far end has most of goes first: short windows would
	// else leave many beginnings and nothing whole.
	if envelope.Compare(a.item.Class, b.item.Class) == 0 && a.at != b.at && a.at < a.item.Size && b.at < b.item.Size {
		return a.at > b.at
	}
	if a.behind != b.behind {
		return b.behind
	}
	if q.line {
		return a.number < b.number
	}
	return q.compare(a.item, b.item) < 0
}
func (q *sendQueue) Swap(i, j int) { q.units[i], q.units[j] = q.units[j], q.units[i] }
func (q *sendQueue) Push(x any)    { q.units = append(q.units, x.(*given)) }
func (q *sendQueue) Pop() any {
	last := len(q.units) - 1
	u := q.units[last]
	q.units[last] = nil
	q.units = q.units[:last]
	return u
}
