package evidence

import (
	"crypto/sha256"
	"hash"
	"math/bits"
)

// pieceSize is a leaf of the tree over a medium. spec/evidence.md, 3.
const pieceSize = 64 << 10

// sums takes a medium's bytes and answers its SHA-256 and its tree's root.
type sums struct {
	whole hash.Hash
	piece hash.Hash
	have  int // bytes in piece
	n     int64
	count uint64     // full leaves
	stack [][32]byte // roots of complete subtrees, largest first
}

func newSums() *sums {
	s := &sums{whole: sha256.New(), piece: sha256.New()}
	s.piece.Write([]byte{0}) // RFC 6962, 2.1: leaf
	return s
}

func (s *sums) Write(p []byte) (int, error) {
	s.whole.Write(p)
	s.n += int64(len(p))
	for rest := p; len(rest) > 0; {
		n := min(len(rest), pieceSize-s.have)
		s.piece.Write(rest[:n])
		s.have += n
		rest = rest[n:]
		if s.have == pieceSize {
			s.leaf()
		}
	}
	return len(p), nil
}

// leaf closes a piece and merges complete subtrees, as many as the count's
// trailing ones.
func (s *sums) leaf() {
	h := [32]byte(s.piece.Sum(nil))
	for range bits.TrailingZeros64(^s.count) {
		h = join(s.stack[len(s.stack)-1], h)
		s.stack = s.stack[:len(s.stack)-1]
	}
	s.stack = append(s.stack, h)
	s.count++
	s.piece.Reset()
	s.piece.Write([]byte{0})
	s.have = 0
}

// end answers both sums; nothing may be written afterwards.
func (s *sums) end() (sum, root [32]byte) {
	if s.have > 0 {
		s.leaf()
	}
	sum = [32]byte(s.whole.Sum(nil))
	if len(s.stack) == 0 {
		return sum, sha256.Sum256(nil) // RFC 6962, 2.1: no leaves
	}
	root = s.stack[len(s.stack)-1]
	for i := len(s.stack) - 2; i >= 0; i-- {
		root = join(s.stack[i], root)
	}
	return sum, root
}

func join(a, b [32]byte) [32]byte {
	return sha256.Sum256(append(append([]byte{1}, a[:]...), b[:]...))
}
