package account

import (
	"slices"
	"sort"

	"github.com/jauap/jauap/fold"
	"github.com/jauap/jauap/seal"
)

// kindFolded is a part that holds others: a reader must not pass over it.
const kindFolded = fold.Kind | Critical

// folder folds the first letters of a list, and remembers how small they get.
type folder struct {
	list []*waiting // without streams
	done map[int]seal.Part
}

// newFolder takes the letters at the beginning of a list that can be folded.
func newFolder(list []*waiting) *folder {
	n := slices.IndexFunc(list, func(w *waiting) bool { return w.stream != "" })
	if n < 0 {
		n = len(list)
	}
	return &folder{list: list[:n], done: map[int]seal.Part{}}
}

func (f *folder) parts(n int) (all []seal.Part) {
	for _, w := range f.list[:n] {
		all = append(all, w.parts...)
	}
	return all
}

// folded is one part of the first n letters.
func (f *folder) folded(n int) (seal.Part, error) {
	if p, ok := f.done[n]; ok {
		return p, nil
	}
	b, err := fold.Fold(f.parts(n))
	if err != nil {
		return seal.Part{}, err
	}
	p := seal.Part{Kind: kindFolded, Body: b}
	f.done[n] = p
	return p, nil
}

// fits is how many letters fit a room when they are folded, if those are more than n.
func (f *folder) fits(n, room int) int {
	if f == nil || n >= len(f.list) {
		return n
	}
	// More letters never fold to less.
	more := sort.Search(len(f.list)-n, func(i int) bool {
		p, err := f.folded(n + i + 1)
		return err != nil || seal.PartSize(p) > room
	})
	return n + more
}

// unfold puts what is in folded parts in their place. What is malformed is dropped.
func unfold(parts []seal.Part) (all []seal.Part) {
	for _, p := range parts {
		if p.Kind != kindFolded {
			all = append(all, p)
			continue
		}
		if inner, err := fold.Unfold(p.Body); err == nil {
			all = append(all, inner...)
		}
	}
	return all
}
