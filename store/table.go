package store

import "math/bits"

// table is a hash table of slots with open addressing. A cell holds a slot
// below and the hash of its key above; the keys are in the units.
type table struct {
	cells []uint64
	used  int
}

type keyFunc func(*unit) [16]byte

func (t *table) find(x *index, key [16]byte, of keyFunc) uint32 {
	return t.findHash(x, x.hash(key), key, of)
}

func (t *table) findHash(x *index, h uint32, key [16]byte, of keyFunc) uint32 {
	if t.used == 0 {
		return 0
	}
	mask := uint32(len(t.cells) - 1)
	for i := h & mask; t.cells[i] != 0; i = (i + 1) & mask {
		c := t.cells[i]
		if uint32(c>>32) == h && of(x.at(uint32(c))) == key {
			return uint32(c)
		}
	}
	return 0
}

// insert adds a slot that is not there.
func (t *table) insert(h, slot uint32) {
	if 4*(t.used+1) > 3*len(t.cells) {
		t.resize(max(16, 2*len(t.cells)))
	}
	t.set(uint64(h)<<32 | uint64(slot))
	t.used++
}

func (t *table) set(cell uint64) {
	mask := uint32(len(t.cells) - 1)
	i := uint32(cell>>32) & mask
	for t.cells[i] != 0 {
		i = (i + 1) & mask
	}
	t.cells[i] = cell
}

func (t *table) resize(n int) {
	old := t.cells
	t.cells = make([]uint64, 1<<bits.Len(uint(n-1)))
	for _, c := range old {
		if c != 0 {
			t.set(c)
		}
	}
}

// cellOf is the place of a slot that is there.
func (t *table) cellOf(h, slot uint32) uint32 {
	mask := uint32(len(t.cells) - 1)
	for i, n := h&mask, 0; n < len(t.cells); i, n = (i+1)&mask, n+1 {
		if t.cells[i] == uint64(h)<<32|uint64(slot) {
			return i
		}
	}
	panic("store: internal error: a slot is in no cell")
}

// replace puts another slot with the same key in the place of one.
func (t *table) replace(h, slot, by uint32) {
	t.cells[t.cellOf(h, slot)] = uint64(h)<<32 | uint64(by)
}

// remove takes a slot out and moves up what had to stand behind it.
func (t *table) remove(h, slot uint32) {
	mask := uint32(len(t.cells) - 1)
	hole := t.cellOf(h, slot)
	for i := (hole + 1) & mask; t.cells[i] != 0; i = (i + 1) & mask {
		home := uint32(t.cells[i]>>32) & mask
		if (i-home)&mask >= (i-hole)&mask {
			t.cells[hole] = t.cells[i]
			hole = i
		}
	}
	t.cells[hole] = 0
	t.used--
	if len(t.cells) > 64 && 8*t.used < len(t.cells) {
		t.resize(len(t.cells) / 4)
	}
}
