package store

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// A partial is a unit of which only the beginning is here. Its file holds
// pieces as records, written without a flush: after a power cut what is torn
// is cut and asked for again. spec/store.md, 5.

// maxPartials is how many there may be; the oldest makes place.
const maxPartials = 256

type parts struct {
	all   map[envelope.ID]*part
	bytes int64 // on disk
}

type part struct {
	fileHead // day: when it began; base: who began first has the lowest
	id       envelope.ID
	size     int   // of the unit
	have     int   // bytes of it
	extent   int64 // of the file; 0: not made yet
}

func (p *part) name() string { return "part-" + hex.EncodeToString(p.id[:]) }

func isPart(name string) bool { return strings.HasPrefix(name, "part-") }

// readPart reads a partial's file of size bytes as far as it is whole, and
// calls take for each piece.
func (s *Shelf) readPart(name string, size int64, take func(piece []byte)) (*part, error) {
	p := &part{extent: fileHeadSize}
	h, _, err := s.scanFile(name, partialFile, size, func(r record, payload []byte) error {
		first := p.extent == fileHeadSize
		switch {
		case int64(r.off) != p.extent || first != (r.kind == partRecord):
			return nil // behind a torn place, or not ours
		case first:
			p.id, p.size = r.id, int(r.seq)
		case p.have+len(payload) > p.size:
			return nil
		default:
			p.have += len(payload)
			take(payload)
		}
		p.extent += r.total()
		return nil
	})
	if err == nil && p.name() != name {
		err = errFormat
	}
	p.fileHead = h
	return p, err
}

// PartialSize is the number of bytes held of a unit that is not whole yet.
func (s *Shelf) PartialSize(id envelope.ID) int { return s.PartialOf(id, 0) }

// PartialOf is PartialSize of a partial whose whole unit is said to have size
// bytes, and 0 for one that was begun under another size; size 0 means any.
func (s *Shelf) PartialOf(id envelope.ID, size int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.parts.all[id]; p != nil && (size == 0 || p.size == size) {
		return p.have
	}
	return 0
}

// Partial is what is held of a unit that is not whole yet.
type Partial struct {
	ID         envelope.ID
	Size, Have int // bytes of the unit, and of those here
}

// Partials are those that lack something, those first that were begun last.
func (s *Shelf) Partials() []Partial {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*part, 0, len(s.parts.all))
	for _, p := range s.parts.all {
		if p.have < p.size {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *part) int {
		return cmp.Or(cmp.Compare(b.base, a.base), bytes.Compare(a.id[:], b.id[:]))
	})
	told := make([]Partial, len(list))
	for i, p := range list {
		told[i] = Partial{ID: p.id, Size: p.size, Have: p.have}
	}
	return told
}

// AddPartial adds the piece that begins at byte off of a unit of size bytes.
// off must be PartialSize, or 0 to begin anew. There are at most 256 partials
// with at most a quarter of the quota and 64 MiB; the oldest make place. It
// survives a restart, and a power cut as far as the system got. Errors:
// ErrPartial, ErrFull; others tell of the disk.
func (s *Shelf) AddPartial(id envelope.ID, size, off int, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	p := s.parts.all[id]
	if p == nil {
		p = &part{id: id}
	}
	if size <= 0 || size > envelope.MaxSize || off != 0 && (off != p.have || size != p.size) || len(data) > size-off {
		return fmt.Errorf("%w: bytes %d to %d of %d, with %d here", ErrPartial, off, off+len(data), size, p.have)
	}
	if len(data) == 0 {
		return nil
	}
	if p.extent > 2*int64(p.size)+64<<10 {
		// Somebody sends crumbs, of which each costs a head.
		s.dropPart(id)
		return fmt.Errorf("%w: too many small pieces", ErrPartial)
	}
	n := recordTotal(pieceRecord, 0, uint32(len(data)))
	if off == 0 {
		s.dropPart(id)
		h := fileHead{kind: partialFile, day: s.today, base: s.next, salt: newSalt()}
		p = &part{fileHead: h, id: id, size: size}
		n += fileHeadSize + recordHeadSize
	}
	if err := s.placeForPart(id, n); err != nil {
		return err
	}
	return s.writePiece(p, data)
}

// placeForPart makes place for n bytes of a partial.
func (s *Shelf) placeForPart(id envelope.ID, n int64) error {
	for s.parts.bytes+n > s.ceiling || s.parts.all[id] == nil && len(s.parts.all) >= maxPartials {
		if !s.dropOldestPart(id) {
			return ErrFull
		}
	}
	return s.makeSpace(n, id)
}

// writePiece appends to the partial's file, which it makes if need be.
func (s *Shelf) writePiece(p *part, data []byte) error {
	var b []byte
	mode := durable.Write
	if p.extent == 0 {
		mode = durable.Create
		r := record{kind: partRecord, id: p.id, seq: uint64(p.size), off: fileHeadSize}
		b = appendRecord(p.encode(), &r, nil, p.salt)
	}
	r := record{kind: pieceRecord, off: uint32(p.extent) + uint32(len(b))}
	b = appendRecord(b, &r, data, p.salt)
	f, err := s.fs.Open(p.name(), mode)
	if p.extent == 0 && errors.Is(err, durable.ErrExist) {
		// One that a failing disk did not remove when it was given up.
		if err = s.fs.Remove(p.name()); err == nil {
			f, err = s.fs.Open(p.name(), mode)
		}
	}
	if err != nil {
		return fmt.Errorf("store: partial: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, p.extent); err != nil {
		if p.extent == 0 || f.Truncate(p.extent) != nil {
			// What it takes on disk is not known any more.
			s.parts.all[p.id] = p
			s.dropPart(p.id)
		}
		return fmt.Errorf("store: partial: %w", err)
	}
	s.parts.all[p.id] = p
	p.have += len(data)
	p.extent += int64(len(b))
	s.parts.bytes += int64(len(b))
	s.disk += int64(len(b))
	return nil
}

// TakePartial gives the whole bytes, checked against the id, and forgets them
// here. Errors: ErrMissing if there are none, ErrPartial if some are lacking,
// ErrCorrupt if the bytes have another id: then they are forgotten as well.
func (s *Shelf) TakePartial(id envelope.ID) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	p := s.parts.all[id]
	if p == nil {
		return nil, ErrMissing
	}
	if p.have < p.size {
		return nil, fmt.Errorf("%w: %d of %d bytes", ErrPartial, p.have, p.size)
	}
	data := make([]byte, 0, p.size)
	_, err := s.readPart(p.name(), p.extent, func(piece []byte) { data = append(data, piece...) })
	if err != nil && !errors.Is(err, errFormat) && !errors.Is(err, durable.ErrUnread) {
		return nil, fmt.Errorf("store: partial: %w", err)
	}
	s.dropPart(id)
	if len(data) != p.size || envelope.IDOf(data) != id {
		return nil, ErrCorrupt
	}
	return data, nil
}

// dropPart removes a partial, if there is one. A file that cannot be removed
// now is found again by Open.
func (s *Shelf) dropPart(id envelope.ID) {
	p := s.parts.all[id]
	if p == nil {
		return
	}
	_ = s.fs.Remove(p.name())
	s.parts.bytes -= p.extent
	s.disk -= p.extent
	delete(s.parts.all, id)
}

// dropOldestPart makes place, sparing one. It answers false if there is none.
func (s *Shelf) dropOldestPart(spare envelope.ID) bool {
	var oldest *part
	for _, p := range s.parts.all {
		if p.id != spare && (oldest == nil || p.before(oldest)) {
			oldest = p
		}
	}
	if oldest == nil {
		return false
	}
	s.dropPart(oldest.id)
	return true
}

func (p *part) before(o *part) bool {
	return p.base < o.base || p.base == o.base && slices.Compare(p.id[:], o.id[:]) < 0
}

// expireParts drops what was begun a lifetime ago.
func (s *Shelf) expireParts(today envelope.Day) {
	for id, p := range s.parts.all {
		if p.day.Add(envelope.Lifetime) < today {
			s.dropPart(id)
		}
	}
}

// loadPart finds a partial again, and removes what is none.
func (s *Shelf) loadPart(name string, size int64, rep *Report) error {
	p, err := s.readPart(name, size, func([]byte) {})
	if errors.Is(err, errFormat) || errors.Is(err, durable.ErrUnread) || err == nil && p.have == 0 {
		rep.Cut += size
		_ = s.fs.Remove(name)
		return nil
	}
	if err == nil && p.extent < size {
		rep.Cut += size - p.extent
		if err = truncate(s.fs, name, p.extent); errors.Is(err, durable.ErrUnread) {
			_ = s.fs.Remove(name)
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("store: partial: %w", err)
	}
	s.parts.all[p.id] = p
	s.parts.bytes += p.extent
	s.disk += p.extent
	if s.x.find(p.id) != 0 || len(s.parts.all) > maxPartials {
		s.dropPart(p.id)
	}
	return nil
}

func truncate(fs durable.FS, name string, size int64) error {
	f, err := fs.Open(name, durable.Write)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}
