package durable

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// Mem is a folder in memory that remembers which bytes and names a power cut
// would spare. The zero value is not usable: see NewMem.
type Mem struct {
	mu      sync.Mutex
	names   map[string]*inode // as everybody sees them
	kept    map[string]*inode // as they are on stable storage
	pending []nameChange      // what leads from kept to names
	locks   map[string]bool
	life    int // handles of an earlier life are dead
	used    int64
	limit   int64
	calls   int
	reads   int
	wearAt  int // number of the read that finds a bad place; 0: none
	hit     func(name string, off int64)
	fail    failure
	lying   bool
	pool    *Pool // nil: every disk holds its own bytes
}

type failure struct {
	at      int // number of the call that fails; 0: none
	err     error
	forever bool
}

// inode is a file. Its bytes on stable storage are its bytes with all changes
// undone, last first.
type inode struct {
	data    []byte // all but what stands in holes
	changes []change
	pool    *Pool
	holes   []hole // in order
	shared  int64  // bytes of them
	bad     []badPlace
}

// change is a write or truncation that is not on stable storage yet.
type change struct {
	off   int64
	n     int    // bytes written; for a truncation 0
	old   []byte // what stood at off before, as far as there was anything
	size  int64  // of the file before; -1: leave the size alone
	trunc bool
	lost  bool // a Sync failed since: no later Sync saves it
}

// nameChange is one step of the folder: del goes, set names file.
type nameChange struct {
	del, set string
	file     *inode
}

// NewMem makes an empty folder in memory.
func NewMem() *Mem { return (*Pool)(nil).NewMem() }

// NewMem makes an empty folder in memory that shares bytes with others of the
// pool. Of a nil pool it shares nothing.
func (p *Pool) NewMem() *Mem {
	return &Mem{names: map[string]*inode{}, kept: map[string]*inode{}, locks: map[string]bool{}, pool: p}
}

// SetLimit makes the disk full at so many bytes of all files; 0 lifts it.
func (m *Mem) SetLimit(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = bytes
}

// Used are the bytes of all files.
func (m *Mem) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// FailAt lets the n-th call from now (1 is the next) answer err, and with
// forever every call after it too. A write that fails has written its first
// half, a Sync that fails has lost what it should have saved; with ErrClosed,
// which is what a process that was killed would see, it has not. n = 0 ends it.
func (m *Mem) FailAt(n int, err error, forever bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = failure{err: err, forever: forever}
	if n > 0 {
		m.fail.at = m.calls + n
	}
}

// Lie lets every Sync from now on answer nil and put nothing on stable storage,
// as cheap disks do; Lie(false) ends it. What the lies were about then stays
// unsaved until the next Sync of its file.
func (m *Mem) Lie(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lying = on
}

// Lying says whether it lies.
func (m *Mem) Lying() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lying
}

// Image is a copy of all files as somebody would find them who takes the disk.
// It counts as no call.
func (m *Mem) Image() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	image := make(map[string][]byte, len(m.names))
	for name, i := range m.names {
		image[name] = i.bytes()
	}
	return image
}

// Calls is the number of calls made so far on the folder and its files,
// Close left out.
func (m *Mem) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// Kill ends the process that uses the folder: its locks and open files are
// gone, while the system still knows all that it wrote.
func (m *Mem) Kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.life++
	clear(m.locks)
}

// call counts one call and says whether it fails. The lock is held.
func (m *Mem) call() error {
	m.calls++
	f := m.fail
	if f.at > 0 && (m.calls == f.at || f.forever && m.calls > f.at) {
		return fmt.Errorf("durable: injected: %w", f.err)
	}
	return nil
}

// Open is FS.Open.
func (m *Mem) Open(name string, mode Mode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(); err != nil {
		return nil, err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	i := m.names[name]
	switch mode {
	case Create, Lock:
		if mode == Lock && m.locks[name] {
			return nil, ErrLocked
		}
		if mode == Create && i != nil {
			return nil, fmt.Errorf("%w: %s", ErrExist, name)
		}
		if i == nil {
			if m.limit > 0 && m.used >= m.limit {
				return nil, ErrNoSpace
			}
			i = &inode{pool: m.pool}
			m.apply(nameChange{set: name, file: i})
		}
	case Read, Write:
		if i == nil {
			return nil, fmt.Errorf("%w: %s", ErrNotExist, name)
		}
	default:
		return nil, fmt.Errorf("durable: unknown mode %d", mode)
	}
	h := &handle{m: m, i: i, mode: mode, life: m.life}
	if mode == Lock {
		m.locks[name] = true
		h.lock = name
	}
	return h, nil
}

// apply makes a change of names visible. The lock is held.
func (m *Mem) apply(c nameChange) {
	if old := m.names[c.set]; c.set != "" && old != nil {
		m.used -= old.size()
	}
	c.do(m.names)
	m.pending = append(m.pending, c)
}

func (c nameChange) do(names map[string]*inode) {
	if c.del != "" {
		delete(names, c.del)
	}
	if c.set != "" {
		names[c.set] = c.file
	}
}

// List is FS.List.
func (m *Mem) List() ([]Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(); err != nil {
		return nil, err
	}
	list := make([]Info, 0, len(m.names))
	for name, i := range m.names {
		list = append(list, Info{Name: name, Size: i.size()})
	}
	slices.SortStableFunc(list, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Rename is FS.Rename.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(); err != nil {
		return err
	}
	if err := checkName(to); err != nil {
		return err
	}
	i := m.names[from]
	if i == nil {
		return fmt.Errorf("%w: %s", ErrNotExist, from)
	}
	if from != to {
		m.apply(nameChange{del: from, set: to, file: i})
	}
	return nil
}

// Remove is FS.Remove.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(); err != nil {
		return err
	}
	i := m.names[name]
	if i == nil {
		return fmt.Errorf("%w: %s", ErrNotExist, name)
	}
	m.used -= i.size()
	m.apply(nameChange{del: name})
	return nil
}

// Sync is FS.Sync.
func (m *Mem) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(); err != nil {
		return err
	}
	if m.lying {
		return nil
	}
	for _, c := range m.pending {
		c.do(m.kept)
	}
	clear(m.pending) // a file without a name is not to be held
	m.pending = m.pending[:0]
	return nil
}

// handle is an open file of a Mem.
type handle struct {
	m      *Mem
	i      *inode
	mode   Mode
	lock   string
	life   int
	closed bool
}

// usable checks the handle. The lock is held.
func (h *handle) usable(writes bool) error {
	if h.closed || h.life != h.m.life {
		return ErrClosed
	}
	if writes && h.mode != Write && h.mode != Create {
		return errors.New("durable: the file is not open for writing")
	}
	return nil
}

// enter checks the handle and counts the call. The lock is held.
func (h *handle) enter(writes bool) error {
	if err := h.usable(writes); err != nil {
		return err
	}
	return h.m.call()
}

func (h *handle) ReadAt(b []byte, off int64) (int, error) {
	h.m.wear(h.i, off)
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.enter(false); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, fmt.Errorf("durable: read at %d", off)
	}
	if off >= h.i.size() {
		return 0, io.EOF
	}
	if h.i.spoilt(off, int64(len(b))) {
		return 0, ErrUnread
	}
	n := h.i.read(b, off)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(b []byte, off int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.usable(true); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, fmt.Errorf("durable: write at %d", off)
	}
	if err := h.i.overwrite(off, int64(len(b))); err != nil {
		return 0, err
	}
	err := h.m.call()
	if err != nil {
		b = b[:len(b)/2]
	}
	grow := off + int64(len(b)) - h.i.size()
	if room := h.m.limit - h.m.used; h.m.limit > 0 && grow > room {
		b = b[:max(0, int64(len(b))-(grow-max(room, 0)))]
		if err == nil {
			err = ErrNoSpace
		}
	}
	h.m.used += h.i.write(b, off)
	return len(b), err
}

// write changes the bytes and remembers how to undo it. It answers by how
// much the file grew.
func (i *inode) write(b []byte, off int64) int64 {
	if len(b) == 0 {
		return 0
	}
	was := i.size()
	end := off + int64(len(b))
	c := change{off: off, n: len(b), size: was}
	if off == was {
		i.grow(b)
	} else {
		i.flatten()
		if off < was {
			c.old = slices.Clone(i.data[off:min(end, was)])
		}
		if end > was {
			i.resize(end)
		}
		copy(i.data[off:], b)
	}
	i.changes = append(i.changes, c)
	return i.size() - was
}

// resize cuts the bytes or appends zeros. There are no holes.
func (i *inode) resize(size int64) {
	if was := int64(len(i.data)); size > was {
		i.data = append(i.data, make([]byte, size-was)...)
	} else {
		i.data = i.data[:size]
	}
}

func (h *handle) Truncate(size int64) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.enter(true); err != nil {
		return err
	}
	if size < 0 {
		return fmt.Errorf("durable: truncate to %d", size)
	}
	was := h.i.size()
	if room := h.m.limit - h.m.used; h.m.limit > 0 && size-was > room {
		return ErrNoSpace
	}
	if err := h.i.cutPlace(size); err != nil {
		return err
	}
	c := change{off: size, size: was, trunc: true}
	h.i.flatten()
	if size < was {
		c.old = slices.Clone(h.i.data[size:])
	}
	h.i.resize(size)
	h.i.changes = append(h.i.changes, c)
	h.m.used += size - was
	return nil
}

func (h *handle) Sync() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.usable(false); err != nil {
		return err
	}
	if err := h.m.call(); err != nil {
		for k := range h.i.changes {
			h.i.changes[k].lost = h.i.changes[k].lost || !errors.Is(err, ErrClosed)
		}
		return err
	}
	if !h.m.lying {
		h.i.save()
	}
	return nil
}

func (h *handle) Close() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	h.closed = true
	if h.lock != "" && h.life == h.m.life {
		delete(h.m.locks, h.lock)
	}
	return nil
}
