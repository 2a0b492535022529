package durable

import "slices"

// badPlace is a sector, or a block, of a file that cannot be read, nor written but whole.
type badPlace struct{ off, n int64 }

// Spoil makes the block with byte off of a file unreadable, in copies after a power
// cut, too, until all of it is written anew: disks put a fresh place under it then.
func (m *Mem) Spoil(name string, off int64) { m.SpoilPlace(name, off, 1, Block) }

// SpoilPlace does so to all sectors of so many bytes that hold one of n bytes at off,
// as far as the file goes. It answers how many there are.
func (m *Mem) SpoilPlace(name string, off, n, sector int64) (sectors int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.names[name]; i != nil && off >= 0 {
		for at := off / sector * sector; at < min(off+n, i.size()); at += sector {
			i.bad = append(i.bad, badPlace{at, sector})
			sectors++
		}
	}
	return sectors
}

// SpoilRead lets the n-th read from now (1 is the next) find its block unreadable, as
// after Spoil, and says which. n = 0 ends it.
func (m *Mem) SpoilRead(n int, hit func(name string, off int64)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wearAt, m.hit = 0, hit; n > 0 {
		m.wearAt = m.reads + n
	}
}

// Reads is the number of reads so far.
func (m *Mem) Reads() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

// wear counts a read and lets its block go bad if that is due.
func (m *Mem) wear(i *inode, off int64) {
	m.mu.Lock()
	due := false
	if m.reads++; m.reads == m.wearAt {
		if due = off >= 0 && off < i.size(); !due {
			m.wearAt++ // nothing was to be read there
		}
	}
	name := ""
	if due {
		off = off / Block * Block
		i.bad = append(i.bad, badPlace{off, Block})
		for n, of := range m.names {
			if of == i {
				name = n
			}
		}
	}
	hit := m.hit
	m.mu.Unlock()
	if due && hit != nil {
		hit(name, off)
	}
}

// Mend makes everything readable again.
func (m *Mem) Mend() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range m.names {
		i.bad = nil
	}
}

// MendPlace makes n bytes at off of a file readable again, and what shares a sector with them.
func (m *Mem) MendPlace(name string, off, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.names[name]; i != nil {
		i.bad = slices.DeleteFunc(i.bad, func(p badPlace) bool { return p.meets(off, n) })
	}
}

// Spoilt says whether one of n bytes at off of a file cannot be read.
func (m *Mem) Spoilt(name string, off, n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.names[name]
	return i != nil && i.spoilt(off, n)
}

func (p badPlace) meets(off, n int64) bool { return off < p.off+p.n && p.off < off+n }

func (i *inode) spoilt(off, n int64) bool {
	return slices.ContainsFunc(i.bad, func(p badPlace) bool { return p.meets(off, n) })
}

// overwrite is before a write of n bytes at off: what is written whole is sound again.
func (i *inode) overwrite(off, n int64) error {
	end := max(off+n, i.size())
	i.bad = slices.DeleteFunc(i.bad, func(p badPlace) bool { return off <= p.off && min(p.off+p.n, end) <= off+n })
	if n > 0 && i.spoilt(off, n) {
		return ErrUnread // what else stands in the sector would have to be read
	}
	return nil
}

// cutPlace is before a change of the size: what lies behind is gone.
func (i *inode) cutPlace(size int64) error {
	i.bad = slices.DeleteFunc(i.bad, func(p badPlace) bool { return p.off >= size })
	if slices.ContainsFunc(i.bad, func(p badPlace) bool { return p.off < size && size < p.off+p.n }) {
		return ErrUnread // as for a write
	}
	return nil
}
