package chat

import (
	"slices"

	"github.com/jauap/jauap/account"
)

// spans are the stretches of a file that have arrived: ascending, apart.
type spans []span

type span struct{ from, to int64 }

// maxSpans bounds the holes of a file: honest senders make a few hundred.
const maxSpans = 2048

// have is how many bytes have arrived.
func (s spans) have() (n int64) {
	for _, x := range s {
		n += x.to - x.from
	}
	return n
}

// gaps are the parts of [from, to) that have not arrived.
func (s spans) gaps(from, to int64) (list []span) {
	for _, x := range s {
		if x.to <= from {
			continue
		}
		if x.from >= to {
			break
		}
		if x.from > from {
			list = append(list, span{from, x.from})
		}
		from = x.to
	}
	if from < to {
		list = append(list, span{from, to})
	}
	return list
}

// add notes a stretch that has arrived.
func (s spans) add(n span) spans {
	i := 0
	for i < len(s) && s[i].to < n.from {
		i++
	}
	j := i
	for j < len(s) && s[j].from <= n.to {
		n.from, n.to = min(n.from, s[j].from), max(n.to, s[j].to)
		j++
	}
	return slices.Replace(s, i, j, n)
}

func (s spans) record(r *account.Record) {
	r.Uint(uint64(len(s)))
	for _, x := range s {
		r.Uint(uint64(x.from)).Uint(uint64(x.to))
	}
}

func parseSpans(f *account.Fields) (s spans) {
	for range f.Count(2) {
		s = append(s, span{int64(f.Uint()), int64(f.Uint())})
	}
	return s
}
