package durable

import (
	"math/rand/v2"
	"slices"
)

// sector is the unit in which a torn write is kept or lost, in bytes.
const sector = 512

// CrashClone is a folder as a power cut at this moment might leave it: what
// was synced is there, what was not is kept, torn or lost as rng decides, each
// write and each change of a name by itself. The Mem itself goes on.
func (m *Mem) CrashClone(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.pool.NewMem()
	names := make(map[string]*inode, len(m.names))
	for name, i := range m.kept {
		names[name] = i
	}
	// Half of the cuts follow the order of a journal, half follow none.
	inOrder := rng.IntN(2) == 0
	upTo := rng.IntN(len(m.pending) + 1)
	for k, c := range m.pending {
		if inOrder && k < upTo || !inOrder && rng.IntN(2) == 0 {
			c.do(names)
		}
	}
	clones := map[*inode]*inode{}
	order := make([]string, 0, len(names))
	for name := range names {
		order = append(order, name)
	}
	slices.Sort(order) // so that one seed gives one outcome
	for _, name := range order {
		i := names[name]
		if clones[i] == nil {
			clones[i] = &inode{data: i.afterCut(rng), pool: m.pool, bad: slices.Clone(i.bad)}
		}
		out.names[name] = clones[i]
		out.kept[name] = clones[i]
		out.used += int64(len(clones[i].data))
	}
	return out
}

// afterCut are bytes that a power cut might leave of the file.
func (i *inode) afterCut(rng *rand.Rand) []byte {
	now := &inode{data: i.bytes()}
	fresh := make([][]byte, len(i.changes))
	for k := len(i.changes) - 1; k >= 0; k-- {
		c := i.changes[k]
		if !c.trunc {
			end := min(c.off+int64(c.n), int64(len(now.data)))
			fresh[k] = slices.Clone(now.data[min(c.off, end):end])
		}
		now.undo(c)
	}
	mood := rng.IntN(4) // 0: all lost, 1: all kept but perhaps the last, 2..3: anything
	for k, c := range i.changes {
		fate := rng.IntN(3)
		switch {
		case mood == 0:
			fate = 0
		case mood == 1 && k < len(i.changes)-1:
			fate = 1
		}
		switch fate {
		case 1:
			now.redo(c, fresh[k], nil)
		case 2:
			now.redo(c, fresh[k], rng)
		}
	}
	return now.data
}

// undo takes one change back.
func (i *inode) undo(c change) {
	if c.size >= 0 && !c.trunc {
		i.resize(min(c.size, int64(len(i.data))))
	}
	if c.trunc {
		i.resize(c.size)
	}
	if c.off < int64(len(i.data)) {
		copy(i.data[c.off:], c.old)
		if c.size < 0 {
			// What lay beyond the end then is zeros now.
			clear(i.data[min(c.off+int64(len(c.old)), int64(len(i.data))):min(c.off+int64(c.n), int64(len(i.data)))])
		}
	}
}

// redo does one change again; with rng torn: any of its sectors may be
// missing, or all after some byte.
func (i *inode) redo(c change, b []byte, rng *rand.Rand) {
	if c.trunc {
		if rng == nil || rng.IntN(2) == 0 {
			i.resize(c.off)
		}
		return
	}
	if rng != nil && rng.IntN(2) == 0 {
		b = b[:rng.IntN(len(b)+1)]
		rng = nil
	}
	if end := c.off + int64(len(b)); end > int64(len(i.data)) {
		i.resize(end)
	}
	for at := 0; at < len(b); {
		n := min(len(b)-at, sector-int((c.off+int64(at))%sector))
		if rng == nil || rng.IntN(2) == 0 {
			copy(i.data[c.off+int64(at):], b[at:at+n])
		}
		at += n
	}
}

// save is a Sync that works: all changes are on stable storage but those that
// an earlier failed Sync has lost and that nobody wrote again.
func (i *inode) save() {
	var lost []change
	for k, c := range i.changes {
		if !c.lost || c.trunc {
			continue
		}
		pieces := []change{c}
		for _, later := range i.changes[k+1:] {
			if !later.lost {
				pieces = cover(pieces, later)
			}
		}
		lost = append(lost, pieces...)
	}
	if lost == nil {
		i.changes = i.changes[:0]
		return
	}
	i.changes = lost
}

// cover takes from the pieces what a later change has written again.
func cover(pieces []change, by change) []change {
	from, to := by.off, by.off+int64(by.n)
	if by.trunc {
		to = 1 << 62
	}
	var out []change
	for _, p := range pieces {
		end := p.off + int64(p.n)
		if by.size >= 0 {
			p.size = -1 // the file's size is that later change's business now
		}
		if to <= p.off || end <= from {
			out = append(out, p)
			continue
		}
		if p.off < from {
			out = append(out, p.part(p.off, from))
		}
		if to < end {
			out = append(out, p.part(to, end))
		}
	}
	return out
}

// part is the change of the bytes [from, to) alone.
func (c change) part(from, to int64) change {
	p := c
	p.off, p.n = from, int(to-from)
	a, b := min(from-c.off, int64(len(c.old))), min(to-c.off, int64(len(c.old)))
	p.old = c.old[a:b]
	return p
}
