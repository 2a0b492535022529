package fountain

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// Limits of a block. spec/fountain.md, 6.
const (
	MaxSymbols = 1002    // source symbols of a block
	MinSymbol  = 64      // bytes
	MaxSymbol  = 2048    // bytes
	MaxBlock   = 1 << 20 // bytes of data in a block
	MaxUnit    = 262144  // bytes of one unit

	version    = 1
	headSize   = 26
	hashSize   = 8
	minLeaves  = 16
	maxDepth   = 11
	lengthSize = 3 // before each unit in a block
)

// Errors, usable with errors.Is.
var (
	ErrPacket = errors.New("fountain: no packet of a block")
	ErrForged = errors.New("fountain: the packet does not belong to the block that it names")
	ErrSize   = errors.New("fountain: a block has 1 byte to 1 MiB in at most 1002 symbols of 64 to 2048 bytes")
	ErrUnit   = errors.New("fountain: a unit has 1 to 262144 bytes")
	ErrCode   = errors.New("fountain: the erasure code failed")
	ErrBlock  = errors.New("fountain: the block is not what its packets promised")
)

// shape are the sizes of a block, from which the rest follows.
type shape struct {
	size   int // bytes of data
	symbol int // bytes of a symbol
	k      int // source symbols
	depth  int // of the tree over all symbols
}

func shapeOf(size, symbol int) (s shape, ok bool) {
	if size < 1 || size > MaxBlock || symbol < MinSymbol || symbol > MaxSymbol {
		return s, false
	}
	s = shape{size: size, symbol: symbol, k: (size + symbol - 1) / symbol}
	s.depth = bits.Len(uint(max(2*s.k, minLeaves) - 1))
	return s, s.k <= MaxSymbols
}

// leaves is how many different symbols a block has.
func (s shape) leaves() int { return 1 << s.depth }

func (s shape) packetSize() int { return headSize + s.depth*hashSize + s.symbol }

// PacketSize is the size of the packets of a block of size bytes in symbols of
// symbol bytes: ErrSize when there is no such block.
func PacketSize(size, symbol int) (int, error) {
	s, ok := shapeOf(size, symbol)
	if !ok {
		return 0, ErrSize
	}
	return s.packetSize(), nil
}

// hash of a node of the tree; spec/fountain.md, 4.
type hash [hashSize]byte

// sumOf is the checksum of a block's data, and the salt of its tree.
func sumOf(data []byte) (h hash) {
	full := sha256.Sum256(data)
	copy(h[:], full[:])
	return h
}

// node hashes what stands below place index of a level: level 0 are symbols.
func (s shape) node(sum hash, level, index int, below ...[]byte) (h hash) {
	buf := make([]byte, 0, 64+MaxSymbol)
	buf = append(buf, "jauap/1 symbol"...)
	buf = append(buf, sum[:]...)
	buf = binary.BigEndian.AppendUint32(buf, uint32(s.size))
	buf = binary.BigEndian.AppendUint16(buf, uint16(s.symbol))
	buf = append(buf, byte(level))
	buf = binary.BigEndian.AppendUint16(buf, uint16(index))
	for _, b := range below {
		buf = append(buf, b...)
	}
	full := sha256.Sum256(buf)
	copy(h[:], full[:])
	return h
}

// packet is one packet taken apart.
type packet struct {
	shape
	esi       int
	sum, root hash
	data      []byte
}

// key names a block: everything that its packets have in common.
type key struct {
	size, symbol int
	sum, root    hash
}

func (p packet) key() key { return key{p.size, p.symbol, p.sum, p.root} }

// parse reads a packet and checks that it belongs to the block that it names.
func parse(b []byte) (p packet, err error) {
	if len(b) < headSize || b[0] != 'J' || b[1] != 'f' || b[2] != version {
		return p, ErrPacket
	}
	size := int(b[3])<<16 | int(b[4])<<8 | int(b[5])
	s, ok := shapeOf(size, int(binary.BigEndian.Uint16(b[6:])))
	if !ok || len(b) != s.packetSize() {
		return p, fmt.Errorf("%w: sizes that do not fit", ErrPacket)
	}
	p = packet{shape: s, esi: int(binary.BigEndian.Uint16(b[8:]))}
	if p.esi >= s.leaves() {
		return p, fmt.Errorf("%w: symbol %d of %d", ErrPacket, p.esi, s.leaves())
	}
	copy(p.sum[:], b[10:])
	copy(p.root[:], b[18:])
	p.data = b[headSize+s.depth*hashSize:]
	h, at := s.node(p.sum, 0, p.esi, p.data), p.esi
	for level := range s.depth {
		beside := b[headSize+level*hashSize:][:hashSize]
		left, right := h[:], beside
		if at&1 == 1 {
			left, right = right, left
		}
		at >>= 1
		h = s.node(p.sum, level+1, at, left, right)
	}
	if h != p.root {
		return p, ErrForged
	}
	return p, nil
}

// Block is one block with all its symbols.
type Block struct {
	shape
	sum     hash
	symbols []byte
	tree    [][]hash // by level, the leaves first
}

// Encode makes a block of data in symbols of symbol bytes. It costs memory of
// about three times the data while the Block is in use. ErrSize, or ErrCode when
// the library fails.
func Encode(data []byte, symbol int) (*Block, error) {
	s, ok := shapeOf(len(data), symbol)
	if !ok {
		return nil, ErrSize
	}
	b := &Block{shape: s, sum: sumOf(data)}
	var err error
	if b.symbols, err = s.encode(data); err != nil {
		return nil, err
	}
	level := make([]hash, s.leaves())
	for i := range level {
		level[i] = s.node(b.sum, 0, i, b.symbols[i*symbol:(i+1)*symbol])
	}
	b.tree = append(b.tree, level)
	for l := 1; l <= s.depth; l++ {
		up := make([]hash, len(level)/2)
		for i := range up {
			up[i] = s.node(b.sum, l, i, level[2*i][:], level[2*i+1][:])
		}
		b.tree = append(b.tree, up)
		level = up
	}
	return b, nil
}

// Needed is how many different packets bring the block back, nearly always.
func (b *Block) Needed() int { return b.k }

// Packets is how many different packets there are.
func (b *Block) Packets() int { return b.leaves() }

// Append appends packet i, counted round and round, to dst.
func (b *Block) Append(dst []byte, i int) []byte {
	i %= b.leaves()
	dst = slices.Grow(dst, b.packetSize())
	dst = append(dst, 'J', 'f', version, byte(b.size>>16), byte(b.size>>8), byte(b.size))
	dst = binary.BigEndian.AppendUint16(dst, uint16(b.symbol))
	dst = binary.BigEndian.AppendUint16(dst, uint16(i))
	dst = append(dst, b.sum[:]...)
	root := b.tree[b.depth][0]
	dst = append(dst, root[:]...)
	for l, at := 0, i; l < b.depth; l, at = l+1, at>>1 {
		dst = append(dst, b.tree[l][at^1][:]...)
	}
	return append(dst, b.symbols[i*b.symbol:(i+1)*b.symbol]...)
}
