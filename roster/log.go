package roster

import (
	"bytes"
	"fmt"
	"slices"
)

// MaxEntries bounds a log.
const MaxEntries = 4096

// Log is the entries of one group that are known here. The zero value takes a
// first entry, which founds it. It is not safe for concurrent use.
type Log struct {
	group ID
	list  []*node // each after its parents
	by    map[ID]int
	heads map[ID]bool
	state *State
}

type node struct {
	Entry
	id    ID
	raw   []byte
	place int
	depth int
	past  set // places of the entries before it
}

// set is a set of places.
type set []uint64

func (s set) has(i int) bool { return i/64 < len(s) && s[i/64]>>(i%64)&1 == 1 }

func (s set) with(i int) set {
	for len(s) <= i/64 {
		s = append(s, 0)
	}
	s[i/64] |= 1 << (i % 64)
	return s
}

func (s set) and(o set) set {
	for len(s) < len(o) {
		s = append(s, 0)
	}
	for i, w := range o {
		s[i] |= w
	}
	return s
}

// Take adds an entry. added is false for one that is here already. Errors: those
// of Parse, ErrMissing, ErrForbidden, ErrFull; none changes anything.
func (l *Log) Take(raw []byte) (added bool, err error) {
	id := IDOf(raw)
	if _, known := l.by[id]; known {
		return false, nil
	}
	e, err := Parse(raw)
	if err != nil {
		return false, err
	}
	if len(l.list) == 0 {
		if e.Kind != Found {
			return false, ErrMissing
		}
		l.group, l.by, l.heads = id, map[ID]int{}, map[ID]bool{}
	} else if e.Kind == Found || e.Group != l.group {
		return false, fmt.Errorf("%w: of another group", ErrForbidden)
	}
	if len(l.list) >= MaxEntries {
		return false, ErrFull
	}
	n := &node{Entry: e, id: id, raw: bytes.Clone(raw), place: len(l.list)}
	for _, p := range e.Parents {
		at, ok := l.by[p]
		if !ok {
			return false, ErrMissing
		}
		parent := l.list[at]
		n.depth = max(n.depth, parent.depth+1)
		n.past = n.past.and(parent.past).with(at)
	}
	if !l.may(n) {
		return false, ErrForbidden
	}
	l.list = append(l.list, n)
	l.by[id] = n.place
	for _, p := range e.Parents {
		delete(l.heads, p)
	}
	l.heads[id] = true
	l.state = nil
	return true, nil
}

// may reports whether the author had the right to an entry, by its past.
func (l *Log) may(n *node) bool {
	if n.Kind == Found {
		return true
	}
	s := l.eval(n.past)
	m, member := s.Members[n.Author]
	switch n.Kind {
	case Leave:
		return member
	case Remove:
		_, was := s.ever[n.Subject]
		return member && m.Admin && was
	case Grant:
		_, is := s.Members[n.Subject]
		return member && m.Admin && is
	}
	return member && m.Admin && n.Subject != n.Author
}

// Group is the id of the group; zero before the first entry.
func (l *Log) Group() ID { return l.group }

// Len is the number of entries.
func (l *Log) Len() int { return len(l.list) }

// Has reports whether an entry is here.
func (l *Log) Has(id ID) bool { _, ok := l.by[id]; return ok }

// Heads are the last entries, ascending.
func (l *Log) Heads() []ID {
	list := make([]ID, 0, len(l.heads))
	for id := range l.heads {
		list = append(list, id)
	}
	slices.SortFunc(list, compare)
	return list
}

func compare(a, b ID) int { return bytes.Compare(a[:], b[:]) }

// Parents are the heads that a new entry names: at most MaxParents.
func (l *Log) Parents() []ID {
	h := l.Heads()
	return h[:min(len(h), MaxParents)]
}

// Raw is an entry's bytes; nil when it is not here.
func (l *Log) Raw(id ID) []byte {
	if at, ok := l.by[id]; ok {
		return l.list[at].raw
	}
	return nil
}

// Lacks lists, parents first, the entries that somebody lacks who has these
// heads and all before them. Heads that are not here count for nothing.
func (l *Log) Lacks(heads []ID) (list []ID) {
	has := l.upTo(heads)
	for _, n := range l.list {
		if !has.has(n.place) {
			list = append(list, n.id)
		}
	}
	return list
}

// Covers reports whether an entry is one of these heads or before them.
func (l *Log) Covers(heads []ID, id ID) bool {
	at, ok := l.by[id]
	return ok && l.upTo(heads).has(at)
}

func (l *Log) upTo(heads []ID) (s set) {
	for _, h := range heads {
		if at, ok := l.by[h]; ok {
			s = s.and(l.list[at].past).with(at)
		}
	}
	return s
}

// Entry is one of the log with its id.
type Listed struct {
	Entry
	ID ID
}

// List is every entry, parents first.
func (l *Log) List() []Listed {
	out := make([]Listed, len(l.list))
	for i, n := range l.list {
		out[i] = Listed{n.Entry, n.id}
	}
	return out
}
