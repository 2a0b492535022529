package folder

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Sizes and limits of a set, the packs that spare files protect together.
// spec/folder.md, 4.
const (
	spareVersion = 2
	setPacks     = 64       // packs of a set
	maxSpares    = 64       // spare files of a set; we make at most 18
	minChunk     = 1 << 10  // bytes
	maxChunk     = 8 << 10  // bytes
	fineChunks   = 16_000   // chunks of a set, before they become larger
	blockChunks  = 1000     // at most so many chunks in a block
	partSize     = 448      // bytes of a plan in one record, which then is less than a sector
	maxSpare     = 12 << 20 // the largest spare file
	setIDSize    = 8        //
	sumSize      = 8        // of a chunk
	partHead     = 21       // before the bytes of a part
	symbolHead   = 15       // before the bytes of a symbol
	planHead     = 14       // before the packs of a plan
	planPack     = 16 + 4 + sha256.Size
	partMark     = 'm'
	symbolMark   = 's'
)

type (
	setID    [setIDSize]byte
	saltOf   [saltSize]byte
	chunkSum [sumSize]byte
)

// setPack is a pack of a set.
type setPack struct {
	salt saltOf
	size int // of the file
	sum  [sha256.Size]byte
}

// plan tells how the bytes of a set's packs are protected. The chunks of all
// packs stand in one row; chunk g belongs to block g mod blocks.
type plan struct {
	set    setID
	chunk  int // bytes
	blocks int
	each   int // symbols of each block in each spare file
	packs  []setPack
	spares []saltOf
	sums   []chunkSum // of all chunks
}

// sparesFor is how many spare files protect so many packs: more than a fifth of
// all files of the set, so that a tenth and an uneven share of bad luck cost
// nothing.
func sparesFor(packs int) int { return (packs+3)/4 + 2 }

// layOut fills in what follows from the sizes of the packs. The spare files hold
// as many bytes as their number of packs of middle size, and never less than the
// largest packs among a tenth of all files and one more.
func (p *plan) layOut() {
	size := 0
	sizes := make([]int, 0, len(p.packs))
	for _, k := range p.packs {
		size += k.size
		sizes = append(sizes, k.size)
	}
	slices.Sort(sizes)
	p.chunk = minChunk
	for p.chunk < maxChunk && size/p.chunk > fineChunks {
		p.chunk *= 2
	}
	p.blocks = (p.total() + blockChunks - 1) / blockChunks
	m := sparesFor(len(sizes))
	worst := 0
	for i := range min(len(sizes), (len(sizes)+m+9)/10+1) {
		worst += p.chunksOf(sizes[len(sizes)-1-i])
	}
	one := max((p.total()+len(sizes)-1)/len(sizes), (worst+m-1)/m)
	p.each = (one + p.blocks - 1) / p.blocks
	if p.blocks == 1 {
		p.each++ // where no rounding leaves anything over
	}
}

func (p *plan) chunksOf(size int) int { return (size + p.chunk - 1) / p.chunk }

// total is the number of chunks of all packs.
func (p *plan) total() (n int) {
	for _, k := range p.packs {
		n += p.chunksOf(k.size)
	}
	return n
}

// chunks is the number of source symbols of a block.
func (p *plan) chunks(block int) int { return (p.total() - block + p.blocks - 1) / p.blocks }

// eachChunk calls f with the place of every chunk of a block.
func (p *plan) eachChunk(block int, f func(g, pack, at int) error) error {
	first := 0
	for i, k := range p.packs {
		n := p.chunksOf(k.size)
		for j := (block + p.blocks - first%p.blocks) % p.blocks; j < n; j += p.blocks {
			if err := f(first+j, i, j*p.chunk); err != nil {
				return err
			}
		}
		first += n
	}
	return nil
}

// bytes is the plan as it stands in spare files.
func (p *plan) bytes() []byte {
	b := make([]byte, 0, planHead+len(p.packs)*planPack+len(p.spares)*saltSize+len(p.sums)*sumSize)
	b = binary.BigEndian.AppendUint32(b, uint32(p.chunk))
	b = binary.BigEndian.AppendUint16(b, uint16(p.blocks))
	b = binary.BigEndian.AppendUint32(b, uint32(p.each))
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.packs)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.spares)))
	for _, k := range p.packs {
		b = append(b, k.salt[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(k.size))
		b = append(b, k.sum[:]...)
	}
	for _, s := range p.spares {
		b = append(b, s[:]...)
	}
	for _, s := range p.sums {
		b = append(b, s[:]...)
	}
	return b
}

// parsePlan reads what bytes wrote, or whatever a stranger put in its place.
func parsePlan(set setID, b []byte) (*plan, bool) {
	if len(b) < planHead {
		return nil, false
	}
	p := &plan{set: set, chunk: int(binary.BigEndian.Uint32(b)), blocks: int(binary.BigEndian.Uint16(b[4:]))}
	each := binary.BigEndian.Uint32(b[6:])
	packs, spares := int(binary.BigEndian.Uint16(b[10:])), int(binary.BigEndian.Uint16(b[12:]))
	b = b[planHead:]
	fits := p.chunk >= minChunk && p.chunk <= maxChunk && p.chunk&(p.chunk-1) == 0 && p.blocks >= 1 &&
		each >= 1 && each <= MaxPack/minChunk+1 && packs >= 1 && packs <= setPacks && spares >= 1 && spares <= maxSpares
	if !fits || len(b) < packs*planPack+spares*saltSize {
		return nil, false
	}
	p.each = int(each)
	for range packs {
		k := setPack{salt: saltOf(b), size: int(min(binary.BigEndian.Uint32(b[saltSize:]), MaxPack+1)), sum: [sha256.Size]byte(b[saltSize+4:])}
		if k.size < headSize || k.size > MaxPack {
			return nil, false
		}
		p.packs, b = append(p.packs, k), b[planPack:]
	}
	for range spares {
		p.spares, b = append(p.spares, saltOf(b)), b[saltSize:]
	}
	n := p.total()
	if len(b) != n*sumSize || p.blocks > n || p.chunks(0) > blockChunks || p.size() > maxSpare {
		return nil, false
	}
	for range n {
		p.sums, b = append(p.sums, chunkSum(b)), b[sumSize:]
	}
	return p, true
}

// parts are the records' contents in which the plan stands.
func (p *plan) parts() (list [][]byte) {
	b := p.bytes()
	sum := sha256.Sum256(b)
	n := (len(b) + partSize - 1) / partSize
	for i := range n {
		piece := b[i*partSize : min(len(b), (i+1)*partSize)]
		u := append(make([]byte, 0, partHead+len(piece)), partMark)
		u = append(u, p.set[:]...)
		u = binary.BigEndian.AppendUint16(u, uint16(i))
		u = binary.BigEndian.AppendUint16(u, uint16(n))
		u = append(u, sum[:sumSize]...)
		list = append(list, append(u, piece...))
	}
	return list
}

// begin is where the symbols of a spare file begin.
func (p *plan) begin() int {
	n := planHead + len(p.packs)*planPack + len(p.spares)*saltSize + p.total()*sumSize
	return headSize + n + (n+partSize-1)/partSize*(recordHead+partHead)
}

// step is the size of a symbol's record.
func (p *plan) step() int { return recordHead + symbolHead + p.chunk }

// size is that of a spare file without padding.
func (p *plan) size() int { return p.begin() + p.blocks*p.each*p.step() + trailerSize }

// place is where symbol t of a block stands in a spare file.
func (p *plan) place(block, t int) int { return p.begin() + (block*p.each+t)*p.step() }

// appendSymbolHead appends what stands before a symbol's bytes in its record.
func (p *plan) appendSymbolHead(b []byte, block, number int) []byte {
	b = append(append(b, symbolMark), p.set[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(block))
	return binary.BigEndian.AppendUint32(b, uint32(number))
}

func sumOfChunk(b []byte) (s chunkSum) {
	full := sha256.Sum256(b)
	copy(s[:], full[:])
	return s
}

// maskFrom is the mask of the file's bytes from offset at on, which is at least
// saltSize.
func maskFrom(salt []byte, at int) cipher.Stream {
	key := sha256.Sum256(append([]byte("jauap/1 pack"), salt...))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("folder: internal error: " + err.Error()) // the key has 32 bytes
	}
	var counter [aes.BlockSize]byte
	at -= saltSize
	binary.BigEndian.PutUint64(counter[8:], uint64(at/aes.BlockSize))
	s := cipher.NewCTR(block, counter[:])
	skip := make([]byte, at%aes.BlockSize)
	s.XORKeyStream(skip, skip)
	return s
}
