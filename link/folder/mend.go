package folder

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jauap/jauap/link/fountain"
)

const (
	mendPacks  = 8    // packs that are restored at a time: 64 MiB
	maxOdd     = 4096 // files of which only the head may be rotten
	eagerExtra = 4    // symbols beyond the least number, at the first try
)

// foundPack is a pack that a walk came across.
type foundPack struct {
	name    string
	trouble string // what is wrong with it
	set     bool   // belongs to a set, which goes as a whole
	knownPack
}

// foundSpare is a spare file that a walk came across.
type foundSpare struct {
	name string
	salt saltOf
	knownPack
}

// oddFile has a name of ours and a head that is none.
type oddFile struct {
	name string
	size int64
}

func (w *walk) strange(name string, size int64) {
	stem, ok := strings.CutSuffix(filepath.Base(name), packSuffix)
	if ok && ourName(stem) && size <= maxSpare && len(w.odd) < maxOdd {
		w.odd = append(w.odd, oddFile{name, size})
	}
}

// spare looks into a spare file only as far as needed to know its set.
func (w *walk) spare(name string, f file, head []byte, info interface{ Size() int64 }) error {
	s := foundSpare{name: name, salt: saltOf(head)}
	s.size = info.Size()
	if st, err := f.Stat(); err == nil {
		s.time = st.ModTime()
	}
	var set setID
	known := false
	for _, most := range []int64{min(s.size, headSize+recordHead+partHead+partSize), min(s.size, maxSpare)} {
		b := w.read(f, most)
		if b == nil {
			return errLimit
		}
		_, err := readPack(b, func(u []byte) error {
			if len(u) > setIDSize && (u[0] == partMark || u[0] == symbolMark) {
				set, known = setID(u[1:]), true
				return errEnough
			}
			return nil
		})
		if known || err != nil {
			break
		}
	}
	if !known {
		w.note(name, "a spare file of which nothing is left")
		return nil
	}
	w.sets[set] = append(w.sets[set], s)
	return nil
}

// read reads the beginning of a file, at least a head; nil when that would be
// more than the walk may read.
func (w *walk) read(f io.ReaderAt, most int64) []byte {
	if w.bytes+most > w.f.o.MaxBytes {
		w.limit = fmt.Sprintf("more than %d bytes to read: the rest was not looked at", w.f.o.MaxBytes)
		return nil
	}
	b := make([]byte, max(most, headSize))
	n, _ := f.ReadAt(b, 0)
	w.bytes += int64(n)
	return b[:max(n, headSize)]
}

// mend restores what spare files can, and settles what is known of each file.
func (w *walk) mend() error {
	ids := make([]setID, 0, len(w.sets))
	for id := range w.sets {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b setID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		p := w.planOf(id)
		if p == nil {
			w.note(w.sets[id][0].name, "spare files that are too rotten to be of use")
			continue
		}
		if err := w.set(p); err != nil {
			return err
		}
	}
	for _, k := range w.packs {
		w.marked = append(w.marked, k)
	}
	slices.SortFunc(w.marked, func(a, b *foundPack) int { return cmp.Compare(a.name, b.name) })
	for _, k := range w.marked {
		switch {
		case k.trouble != "":
			w.note(k.name, "%s", k.trouble)
		case strings.HasSuffix(k.name, packSuffix): // a temporary file may not be on the medium yet
			w.f.remember(k.name, k.knownPack)
		}
	}
	return nil
}

// planOf puts a plan together from the parts that are not rotten, of whichever
// spare files.
func (w *walk) planOf(id setID) *plan {
	type whole struct {
		sum [sumSize]byte
		n   int
	}
	pieces := map[whole]map[int][]byte{}
	for _, s := range w.sets[id] {
		f, err := w.d.Open(s.name)
		if err != nil {
			continue
		}
		const most = headSize + (planHead + setPacks*planPack + maxSpares*saltSize + (setPacks*(MaxPack/maxChunk+1)+fineChunks)*sumSize)
		b := w.read(f, min(s.size, most+most/partSize*64+partSize))
		_ = f.Close()
		if b == nil {
			return nil
		}
		var found *plan
		takeParts(b, func(set setID, i, n int, sum, piece []byte) {
			k := whole{[sumSize]byte(sum), n}
			if set != id || i >= n || n > most/partSize+1 || found != nil {
				return
			}
			if pieces[k] == nil {
				pieces[k] = map[int][]byte{}
			}
			pieces[k][i] = piece
			if len(pieces[k]) == n {
				var all []byte
				for i := range n {
					all = append(all, pieces[k][i]...)
				}
				if full := sha256.Sum256(all); bytes.Equal(full[:sumSize], sum) {
					found, _ = parsePlan(id, all)
				}
				delete(pieces, k)
			}
		})
		if found != nil {
			return found
		}
	}
	return nil
}

// set restores what is rotten or missing of a set.
func (w *walk) set(p *plan) error {
	var lost []int
	missing := 0
	useless := w.f.o.Keep != nil
	for i, k := range p.packs {
		f := w.packs[k.salt]
		switch {
		case f == nil:
			missing++
			lost = append(lost, i)
		case f.trouble != "":
			lost = append(lost, i)
		}
		if f != nil {
			useless = useless && f.useless
			f.set = true
		}
	}
	back, idle := 0, true
	if len(lost) > 0 {
		var err error
		if back, idle, err = w.restore(p, lost); err != nil {
			return err
		}
	}
	switch {
	case back < len(lost):
		useless = false
		w.note(w.sets[p.set][0].name, "%d of %d files are rotten or missing; %d of them could be restored from its spare files", len(lost), len(p.packs), back)
	case back > 0:
		w.note(w.sets[p.set][0].name, "%d of %d files are rotten or missing; all was restored from its spare files", len(lost), len(p.packs))
	}
	useless = useless && idle
	for _, k := range p.packs {
		if f := w.packs[k.salt]; f != nil {
			f.useless = useless
			if useless {
				f.trouble = ""
			}
		}
	}
	for _, s := range w.sets[p.set] {
		s.useless = useless
		w.f.remember(s.name, s.knownPack)
	}
	return nil
}

// sources are the open files of a set; nil where there is none.
type sources struct {
	packs, spares []file
	budget        *int64 // bytes that may still be read
}

// restore takes the units of packs that are lost. back counts those that came
// back whole, idle says that nobody needs any of their units.
func (w *walk) restore(p *plan, lost []int) (back int, idle bool, err error) {
	src := w.sources(p)
	defer closeAll(src.packs)
	defer closeAll(src.spares)
	left := w.f.o.MaxBytes - w.bytes
	src.budget = &left
	idle = true
	for group := range slices.Chunk(lost, mendPacks) {
		bufs := map[int][]byte{}
		for _, i := range group {
			bufs[i] = make([]byte, p.chunksOf(p.packs[i].size)*p.chunk)
		}
		for b := range p.blocks {
			if err := w.ctx.Err(); err != nil {
				return back, false, err
			}
			src.block(p, b, bufs)
			w.f.tell(Restoring, int64(b+1)*int64(p.chunk*blockChunks), int64(p.blocks)*int64(p.chunk*blockChunks))
		}
		for _, i := range group {
			b := bufs[i][:p.packs[i].size]
			whole := sha256.Sum256(b) == p.packs[i].sum
			if _, ok := isPack(b); !ok {
				continue
			}
			var known knownPack
			if _, err := w.units(b, &known); err != nil {
				return back, false, err
			}
			idle = idle && known.useless
			if whole {
				back++
				if f := w.packs[p.packs[i].salt]; f != nil {
					f.trouble = fmt.Sprintf("%s; the spare files brought the rest back", f.trouble)
				}
			}
		}
	}
	w.bytes = w.f.o.MaxBytes - left
	return back, idle, nil
}

// sources opens what there is of a set.
func (w *walk) sources(p *plan) *sources {
	src := &sources{packs: make([]file, len(p.packs)), spares: make([]file, len(p.spares))}
	for i, k := range p.packs {
		if f := w.packs[k.salt]; f != nil {
			src.packs[i], _ = w.d.Open(f.name)
			continue
		}
		for _, o := range w.odd {
			if o.size == int64(k.size) && src.packs[i] == nil {
				src.packs[i] = w.tryOdd(o, func(f file) bool { return src.good(p, f, i) })
			}
		}
	}
	for i, salt := range p.spares {
		for _, s := range w.sets[p.set] {
			if s.salt == salt && src.spares[i] == nil {
				src.spares[i], _ = w.d.Open(s.name)
			}
		}
		for _, o := range w.odd {
			if spare := o.size - int64(p.size()); spare >= 0 && spare <= maxPadding && src.spares[i] == nil {
				src.spares[i] = w.tryOdd(o, func(f file) bool {
					return slices.ContainsFunc([]int{0, p.blocks / 2, p.blocks - 1}, func(b int) bool { return p.symbolAt(f, i, b, 0) != nil })
				})
			}
		}
	}
	return src
}

// tryOdd opens a file of which the head is rotten, when fits says that the rest
// belongs here.
func (w *walk) tryOdd(o oddFile, fits func(file) bool) file {
	before, err := w.d.Lstat(o.name)
	if err != nil {
		return nil
	}
	f, _ := w.open(o.name, before)
	if f == nil || fits(f) {
		return f
	}
	_ = f.Close()
	return nil
}

// good looks at a few chunks of what may be pack i.
func (s *sources) good(p *plan, f file, i int) bool {
	first := 0
	for _, k := range p.packs[:i] {
		first += p.chunksOf(k.size)
	}
	n := p.chunksOf(p.packs[i].size)
	for _, j := range []int{n - 1, n / 2, n / 3, 1} {
		if j < n && p.chunkAt(f, first+j, p.packs[i].size, j*p.chunk) != nil {
			return true
		}
	}
	return false
}

// chunkAt reads a chunk of a pack of size bytes; nil when it is rotten.
func (p *plan) chunkAt(f io.ReaderAt, g, size, at int) []byte {
	b := make([]byte, p.chunk)
	n := min(p.chunk, size-at)
	if m, err := f.ReadAt(b[:n], int64(at)); m != n || err != nil && !errors.Is(err, io.EOF) || sumOfChunk(b) != p.sums[g] {
		return nil
	}
	return b
}

// block restores one block into the packs of bufs as far as can be.
func (s *sources) block(p *plan, b int, bufs map[int][]byte) {
	have := map[int][]byte{}
	wanting := false
	_ = p.eachChunk(b, func(g, pack, at int) error {
		var c []byte
		if f := s.packs[pack]; f != nil && s.spend(p.chunk) {
			c = p.chunkAt(f, g, p.packs[pack].size, at)
		}
		if c == nil {
			wanting = wanting || bufs[pack] != nil
			return nil
		}
		have[g/p.blocks] = c
		if buf := bufs[pack]; buf != nil {
			copy(buf[at:], c)
		}
		return nil
	})
	if !wanting {
		return
	}
	k := p.chunks(b)
	var source []byte
	ok := false
	for i, f := range s.spares {
		for t := range p.each {
			if f == nil || !s.spend(p.step()) {
				break
			}
			c := p.symbolAt(f, i, b, t)
			if c == nil {
				continue
			}
			have[k+i*p.each+t] = c
			// Nearly always the first try is enough, and trying costs.
			if len(have) == k+eagerExtra {
				if source, ok, _ = fountain.Mend(k, p.chunk, have); ok {
					p.fill(b, source, bufs)
					return
				}
			}
		}
	}
	if source, ok, _ = fountain.Mend(k, p.chunk, have); ok {
		p.fill(b, source, bufs)
	}
}

func (s *sources) spend(n int) bool {
	*s.budget -= int64(n)
	return *s.budget >= 0
}

// fill copies a block's chunks that have the right sum into bufs.
func (p *plan) fill(block int, source []byte, bufs map[int][]byte) {
	_ = p.eachChunk(block, func(g, pack, at int) error {
		c := source[g/p.blocks*p.chunk:][:p.chunk]
		if buf := bufs[pack]; buf != nil && sumOfChunk(c) == p.sums[g] {
			copy(buf[at:], c)
		}
		return nil
	})
}
