package account

import (
	"fmt"
	"hash/fnv"
	"sync"
)

// MemVault is a Vault in memory. Its states are immutable trees, so that a
// transaction is undone by forgetting it and a Clone costs nothing: a Clone
// holds exactly what a power cut at this moment would leave.
type MemVault struct {
	mu     sync.RWMutex
	root   *leaf
	closed bool
}

// NewMemVault makes an empty vault.
func NewMemVault() *MemVault { return &MemVault{} }

// Clone is an independent vault with the records committed so far.
func (m *MemVault) Clone() *MemVault {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return &MemVault{root: m.root}
}

// View implements Vault.
func (m *MemVault) View(f func(Tx) error) error {
	m.mu.RLock()
	root, closed := m.root, m.closed
	m.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	return f(&memTx{root: root, readOnly: true})
}

// Update implements Vault.
func (m *MemVault) Update(f func(Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	tx := &memTx{root: m.root}
	if err := f(tx); err != nil {
		return err
	}
	m.root = tx.root
	return nil
}

// Close implements Vault. The records stay: a Clone can open them again.
func (m *MemVault) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

type memTx struct {
	root     *leaf
	readOnly bool
	scans    int
}

func memKey(t Table, key []byte) string {
	return string(append([]byte{byte(t)}, key...))
}

func (x *memTx) Get(t Table, key []byte) ([]byte, error) {
	k := memKey(t, key)
	for n := x.root; n != nil; {
		switch {
		case k < n.key:
			n = n.left
		case k > n.key:
			n = n.right
		default:
			return n.val, nil
		}
	}
	return nil, nil
}

func (x *memTx) mayWrite() error {
	if x.readOnly {
		return fmt.Errorf("%w: a view does not write", ErrTx)
	}
	if x.scans > 0 {
		return fmt.Errorf("%w: change after the scan", ErrTx)
	}
	return nil
}

func (x *memTx) Put(t Table, key, val []byte) error {
	if err := x.mayWrite(); err != nil {
		return err
	}
	k := memKey(t, key)
	h := fnv.New64a()
	h.Write([]byte(k)) // never fails: hash.Hash
	x.root = x.root.put(k, append(make([]byte, 0, len(val)), val...), mix(h.Sum64()))
	return nil
}

// mix spreads the bits of a sum of which neighbours differ little.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

func (x *memTx) Delete(t Table, key []byte) error {
	if err := x.mayWrite(); err != nil {
		return err
	}
	x.root = x.root.drop(memKey(t, key))
	return nil
}

func (x *memTx) Scan(t Table, from, to []byte, reverse bool, f func(k, v []byte) (bool, error)) error {
	lo, hi := memKey(t, from), memKey(t+1, nil)
	if to != nil {
		hi = memKey(t, to)
	}
	x.scans++
	defer func() { x.scans-- }()
	_, err := x.root.scan(lo, hi, reverse, f)
	return err
}

// leaf is a node of a treap: ordered by key, heaped by a hash of the key, and
// never changed once it is reachable.
type leaf struct {
	key         string
	val         []byte
	rank        uint64
	left, right *leaf
}

func (n *leaf) with(left, right *leaf) *leaf {
	return &leaf{n.key, n.val, n.rank, left, right}
}

func (n *leaf) put(key string, val []byte, rank uint64) *leaf {
	switch {
	case n == nil:
		return &leaf{key: key, val: val, rank: rank}
	case key < n.key:
		l := n.left.put(key, val, rank)
		if l.rank > n.rank {
			return l.with(l.left, n.with(l.right, n.right))
		}
		return n.with(l, n.right)
	case key > n.key:
		r := n.right.put(key, val, rank)
		if r.rank > n.rank {
			return r.with(n.with(n.left, r.left), r.right)
		}
		return n.with(n.left, r)
	}
	return &leaf{key, val, rank, n.left, n.right}
}

func (n *leaf) drop(key string) *leaf {
	switch {
	case n == nil:
		return nil
	case key < n.key:
		return n.with(n.left.drop(key), n.right)
	case key > n.key:
		return n.with(n.left, n.right.drop(key))
	}
	return join(n.left, n.right)
}

// join makes one tree of two, every key of a before every key of b.
func join(a, b *leaf) *leaf {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.rank > b.rank:
		return a.with(a.left, join(a.right, b))
	}
	return b.with(join(a, b.left), b.right)
}

func (n *leaf) scan(lo, hi string, reverse bool, f func(k, v []byte) (bool, error)) (more bool, err error) {
	if n == nil {
		return true, nil
	}
	first, second := n.left, n.right
	goFirst, goSecond := n.key > lo, n.key < hi
	if reverse {
		first, second, goFirst, goSecond = second, first, goSecond, goFirst
	}
	if goFirst {
		if more, err = first.scan(lo, hi, reverse, f); !more || err != nil {
			return false, err
		}
	}
	if n.key >= lo && n.key < hi {
		if more, err = f([]byte(n.key[1:]), n.val); !more || err != nil {
			return false, err
		}
	}
	if goSecond {
		return second.scan(lo, hi, reverse, f)
	}
	return true, nil
}
