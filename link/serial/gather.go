package serial

import (
	"math/rand/v2"
	"time"
)

// Limits of what is gathered.
const (
	maxOpen   = 64  // units begun
	maxShards = 112 // kept of one, wrong ones included
	maxTwins  = 2   // for one point
	maxTries  = 64  // sets of shards tried for one piece
)

// gather puts pieces together. Anybody can send wrong ones under a right name:
// the set that gives the name is looked for.
type gather struct {
	open map[name]*begun
	rng  *rand.Rand
}

type begun struct {
	shape
	shards []shard
	used   time.Time
}

// add takes a piece and answers the unit when it is whole.
func (g *gather) add(now time.Time, p piece) (unit []byte) {
	b := g.open[p.name]
	if b == nil || b.shape != p.shape && len(b.shards) == 1 {
		g.room()
		b = &begun{shape: p.shape}
		g.open[p.name] = b
	}
	if b.shape != p.shape || len(b.shards) == maxShards {
		return nil
	}
	twins := 0
	for _, s := range b.shards {
		if s.index == p.index {
			if string(s.data) == string(p.data) {
				return nil
			}
			if twins++; twins == maxTwins {
				return nil
			}
		}
	}
	b.used = now
	b.shards = append(b.shards, shard{p.index, append([]byte(nil), p.data...)})
	unit = b.solve(p.name, g.rng)
	if unit != nil {
		delete(g.open, p.name)
	}
	return unit
}

// room lets go of the unit that nothing was heard of for longest.
func (g *gather) room() {
	if len(g.open) < maxOpen {
		return
	}
	var oldest name
	var found *begun
	for n, b := range g.open {
		if found == nil || b.used.Before(found.used) {
			oldest, found = n, b
		}
	}
	delete(g.open, oldest)
}

// solve tries sets of k shards, all with the newest: the oldest others first, then
// any.
func (b *begun) solve(n name, rng *rand.Rand) []byte {
	last := len(b.shards) - 1
	points := map[byte]bool{}
	for _, s := range b.shards {
		points[s.index] = true
	}
	if len(points) < b.k {
		return nil
	}
	tries := 1
	if len(b.shards) > b.k {
		tries = maxTries // somebody sent what does not fit
	}
	for t := range tries {
		set, taken := []shard{b.shards[last]}, map[byte]bool{b.shards[last].index: true}
		order := rng.Perm(last)
		for i := 0; i < last && len(set) < b.k; i++ {
			s := b.shards[i]
			if t > 0 {
				s = b.shards[order[i]]
			}
			if !taken[s.index] {
				set, taken[s.index] = append(set, s), true
			}
		}
		if u := b.join(set); IDOf(u).name() == n {
			return u
		}
	}
	return nil
}

// join brings a unit back from k shards, right or wrong.
func (b *begun) join(set []shard) []byte {
	unit := make([]byte, 0, b.k*b.long())
	for i := range b.k {
		unit = append(unit, value(set, byte(i))...)
	}
	return unit[:b.size]
}
