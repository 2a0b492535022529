package seal

import (
	"github.com/jauap/jauap/envelope"
)

// sending is the chain of the epoch in which letters are sealed.
type sending struct {
	epoch  uint16
	next   uint32 // index of the next letter
	ck     key
	counts [4]uint32 // final counts of the four epochs before
	after  *key      // first chain key of the next epoch, when that is known
}

// advance moves on to the next epoch. spec/seal.md, 6.3.
func (c *sending) advance() {
	copy(c.counts[1:], c.counts[:3])
	c.counts[0] = c.next
	c.epoch++
	c.next = 0
	c.ck = *c.after
	clear(c.after[:])
	c.after = nil
}

// receiving is the chain of one epoch of the other end's letters. All indexes
// from base on are still to come; missing ones were overtaken.
type receiving struct {
	epoch   uint16
	base    uint32
	ck      key
	closed  bool // nothing at or after base will come
	missing []missed

	ahead   []expected // base to base+window-1, derived when first needed
	derived bool
}

type expected struct {
	seed, next key
	tags       [2]envelope.Tag // of S1..S5, of S0
}

type missed struct {
	index  uint32
	passed Tick // when it was overtaken
	seed   key
	tags   [2]envelope.Tag
}

func expect(ck *key) (e expected) {
	e.next, e.seed = step(ck)
	e.tags = tagsOfSeed(&e.seed)
	return e
}

func tagsOfSeed(seed *key) (t [2]envelope.Tag) {
	mk, osk := letterKeys(seed)
	t[0], t[1] = tagsOf(osk)
	clear(mk[:])
	clear(osk)
	return t
}

// changes are the tags that came and went since the caller asked.
type changes struct{ added, removed []envelope.Tag }

// derive fills what is not kept in the state: tags, and the keys ahead. It
// costs about 25 µs per key.
func (r *receiving) derive() {
	if r.derived {
		return
	}
	r.derived = true
	for i := range r.missing {
		r.missing[i].tags = tagsOfSeed(&r.missing[i].seed)
	}
	r.fill(nil)
}

// fill derives keys until the window is whole again.
func (r *receiving) fill(c *changes) {
	if r.closed {
		return
	}
	ck := r.ck
	if n := len(r.ahead); n > 0 {
		ck = r.ahead[n-1].next
	}
	for len(r.ahead) < window {
		e := expect(&ck)
		ck = e.next
		r.ahead = append(r.ahead, e)
		if c != nil {
			c.added = append(c.added, e.tags[:]...)
		}
	}
}

// place is where a tag was found: at[i] of ahead or of missing.
type place struct {
	ahead bool
	i     int
}

func (r *receiving) find(t envelope.Tag, which int) (place, bool) {
	for i := range r.ahead {
		if r.ahead[i].tags[which] == t {
			return place{true, i}, true
		}
	}
	for i := range r.missing {
		if r.missing[i].tags[which] == t {
			return place{false, i}, true
		}
	}
	return place{}, false
}

// at is the index and the seed of a place.
func (r *receiving) at(p place) (index uint32, seed *key) {
	if p.ahead {
		return r.base + uint32(p.i), &r.ahead[p.i].seed
	}
	return r.missing[p.i].index, &r.missing[p.i].seed
}

// take erases the key of a place that was opened and moves the window.
func (r *receiving) take(now Tick, p place, c *changes) {
	if !p.ahead {
		r.drop(p.i, c)
		return
	}
	r.pass(now, p.i, c)
	e := &r.ahead[0]
	c.removed = append(c.removed, e.tags[:]...)
	r.shift(1)
	r.fill(c)
}

// pass makes the first n keys ahead missing ones.
func (r *receiving) pass(now Tick, n int, c *changes) {
	for i := range n {
		e := &r.ahead[i]
		r.missing = append(r.missing, missed{r.base + uint32(i), now, e.seed, e.tags})
	}
	r.shift(n)
}

// shift forgets the first n keys ahead, which must have been used or kept.
func (r *receiving) shift(n int) {
	if n == 0 {
		return
	}
	r.ck = r.ahead[n-1].next
	r.base += uint32(n)
	copy(r.ahead, r.ahead[n:])
	clear(r.ahead[len(r.ahead)-n:])
	r.ahead = r.ahead[:len(r.ahead)-n]
}

// drop erases a missing key.
func (r *receiving) drop(i int, c *changes) {
	c.removed = append(c.removed, r.missing[i].tags[:]...)
	copy(r.missing[i:], r.missing[i+1:])
	clear(r.missing[len(r.missing)-1:])
	r.missing = r.missing[:len(r.missing)-1]
}

// close ends an epoch of which count letters were sealed: those that did not
// come are missing, the rest will never be. spec/seal.md, 6.4.
func (r *receiving) close(now Tick, count uint32, c *changes) {
	if r.closed {
		return
	}
	if count > r.base {
		r.pass(now, int(min(count-r.base, uint32(len(r.ahead)))), c)
	}
	for i := range r.ahead {
		c.removed = append(c.removed, r.ahead[i].tags[:]...)
	}
	clear(r.ahead)
	clear(r.ck[:])
	r.ahead, r.closed = nil, true
}
