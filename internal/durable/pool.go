package durable

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sync"
)

// minShared is the shortest piece that a Pool keeps once for all disks; what a
// shorter one costs on each is not worth looking for it.
const minShared = 64

// Pool holds bytes that stand on the disks of many Mems alike, such as the units that
// a whole city carries, so that memory holds them once. What a disk does is not
// changed by it. Pieces are found in a write where they begin at a multiple of
// eight bytes of the file.
type Pool struct {
	mu     sync.RWMutex
	blobs  [][]byte
	byHash map[uint64][]uint32
	maybe  [1 << 10]uint64 // a bit for each hash that is there
}

// NewPool makes a pool without anything in it.
func NewPool() *Pool { return &Pool{byHash: make(map[uint64][]uint32)} }

// Add lets the pool know bytes that will be written often. They must not be
// changed any more. Fewer than 64 are passed over.
func (p *Pool) Add(b []byte) {
	if len(b) < minShared {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	h := hashAt(b)
	for _, k := range p.byHash[h] {
		if bytes.Equal(p.blobs[k], b) {
			return
		}
	}
	p.byHash[h] = append(p.byHash[h], uint32(len(p.blobs)))
	p.blobs = append(p.blobs, b)
	p.maybe[h>>54] |= 1 << (h >> 48 & 63)
}

// hashAt is by what a piece is looked for: 16 bytes behind a head that many share.
func hashAt(b []byte) uint64 {
	const odd = 0x9e3779b97f4a7c15
	h := binary.LittleEndian.Uint64(b[8:])*odd ^ binary.LittleEndian.Uint64(b[16:])
	return h * odd
}

// hole is where a shared piece stands in a file. Its other bytes are in inode.data.
type hole struct {
	at   uint32 // in the file
	own  uint32 // bytes of data before it
	blob uint32
}

// maxPooled bounds files with holes, in bytes.
const maxPooled = 1<<32 - 1

// split finds the pieces of b, which is to stand at off, and calls take for what
// stands before each and for the piece. It answers what is behind the last.
func (p *Pool) split(b []byte, off int64, take func(before []byte, blob uint32, n int)) (rest []byte) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for k := int(-off & 7); k+minShared <= len(b); {
		h := hashAt(b[k:])
		if p.maybe[h>>54]&(1<<(h>>48&63)) == 0 {
			k += 8
			continue
		}
		blob, n := p.find(h, b[k:])
		if n == 0 {
			k += 8
			continue
		}
		take(b[:k], blob, n)
		b, off = b[k+n:], off+int64(k+n)
		k = int(-off & 7)
	}
	return b
}

func (p *Pool) find(h uint64, b []byte) (blob uint32, n int) {
	for _, k := range p.byHash[h] {
		if bytes.HasPrefix(b, p.blobs[k]) {
			return k, len(p.blobs[k])
		}
	}
	return 0, 0
}

// size of the file in bytes.
func (i *inode) size() int64 { return int64(len(i.data)) + i.shared }

// grow appends b.
func (i *inode) grow(b []byte) {
	if i.pool != nil && i.size()+int64(len(b)) <= maxPooled {
		b = i.pool.split(b, i.size(), func(before []byte, blob uint32, n int) {
			i.data = append(room(i.data, len(before)), before...)
			i.holes = append(room(i.holes, 1), hole{uint32(i.size()), uint32(len(i.data)), blob})
			i.shared += int64(n)
		})
		i.data = room(i.data, len(b))
	}
	i.data = append(i.data, b...)
}

// room makes place for n more without the spare half that append takes: there are
// a hundred thousand disks.
func room[T any](list []T, n int) []T {
	if need := len(list) + n; need > cap(list) {
		return append(make([]T, 0, need+need/8), list...)
	}
	return list
}

// flatten brings all bytes into data, before some that stand there change. What
// shelves wrote they hardly ever write over.
func (i *inode) flatten() {
	if len(i.holes) > 0 {
		i.data, i.holes, i.shared = i.bytes(), nil, 0
	}
}

// bytes is a copy of all of the file.
func (i *inode) bytes() []byte {
	b := make([]byte, i.size())
	i.read(b, 0)
	return b
}

// read copies what stands from off on and answers how much that is.
func (i *inode) read(b []byte, off int64) (n int) {
	if len(i.holes) == 0 {
		return copy(b, i.data[min(off, int64(len(i.data))):])
	}
	i.pool.mu.RLock()
	defer i.pool.mu.RUnlock()
	k, found := slices.BinarySearchFunc(i.holes, off, func(h hole, off int64) int { return cmp.Compare(int64(h.at), off) })
	if !found {
		k--
	}
	if k < 0 {
		n = part(b, i.data[:i.holes[0].own], off)
		k = 0
	}
	for ; k < len(i.holes) && n < len(b); k++ {
		h := i.holes[k]
		piece, own := i.pool.blobs[h.blob], i.data[h.own:]
		if k+1 < len(i.holes) {
			own = own[:i.holes[k+1].own-h.own]
		}
		n += part(b[n:], piece, off+int64(n)-int64(h.at))
		n += part(b[n:], own, off+int64(n)-int64(h.at)-int64(len(piece)))
	}
	return n
}

// part copies what stands in from at off, if anything does.
func part(b, from []byte, off int64) int {
	if off < 0 || off >= int64(len(from)) {
		return 0
	}
	return copy(b, from[off:])
}
