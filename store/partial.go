package store

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// A partial is a unit of which only the beginning is here. Its file holds
// pieces with a checksum each, written without a flush: after a power cut what
// is torn is cut and asked for again. spec/store.md, 5.

// maxPartials is how many there may be; the oldest makes place.
const maxPartials = 256

const pieceHead = 8 // checksum u32, length u32

type parts struct {
	all   map[envelope.ID]*part
	bytes int64 // on disk
}

type part struct {
	id     envelope.ID
	began  envelope.Day
	order  uint64 // who began first has the lowest
	salt   uint32
	size   int   // of the unit
	have   int   // bytes of it
	extent int64 // of the file
}

func (p *part) name() string { return "part-" + hex.EncodeToString(p.id[:]) }

// head is the file's head: the epoch's place has the first half of the id,
// base the order, and 36.. size and id.
func (p *part) head() []byte {
	h := fileHead{kind: partialFile, day: p.began, base: p.order, salt: p.salt}
	b := h.encode()
	binary.LittleEndian.PutUint32(b[36:], uint32(p.size))
	copy(b[40:], p.id[:])
	binary.LittleEndian.PutUint32(b[60:], checksum(0, b[:60]))
	return b
}

func parsePart(b []byte) (*part, error) {
	h, err := parseFileHead(b)
	if err != nil || h.kind != partialFile {
		return nil, errFormat
	}
	p := &part{began: h.day, order: h.base, salt: h.salt, id: envelope.ID(b[40:56])}
	p.size = int(binary.LittleEndian.Uint32(b[36:]))
	if p.size <= 0 || p.size > envelope.MaxSize {
		return nil, errFormat
	}
	return p, nil
}

// pieces reads the pieces of a partial's file that are whole: at most size
// bytes. end is where the next piece belongs.
func (p *part) pieces(b []byte) (data []byte, end int64) {
	at := fileHeadSize
	for len(b)-at >= pieceHead {
		n := int(binary.LittleEndian.Uint32(b[at+4:]))
		if n <= 0 || n > len(b)-at-pieceHead || n > p.size-len(data) {
			break
		}
		piece := b[at+pieceHead:][:n]
		if binary.LittleEndian.Uint32(b[at:]) != p.sum(len(data), piece) {
			break
		}
		data = append(data, piece...)
		at += pieceHead + n
	}
	return data, int64(at)
}

func (p *part) sum(off int, piece []byte) uint32 {
	return checksum(p.salt^uint32(off)*0x9e3779b1, piece)
}

// maxPartFile bounds the reading of a partial's file, in bytes: pieces of one
// byte each are the worst that AddPartial writes.
const maxPartFile = fileHeadSize + envelope.MaxSize*(1+pieceHead)

// PartialSize is the number of bytes held of a unit that is not whole yet.
func (s *Shelf) PartialSize(id envelope.ID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.parts.all[id]; p != nil {
		return p.have
	}
	return 0
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
	have := 0
	if p != nil {
		have = p.have
	}
	if size <= 0 || size > envelope.MaxSize || off != 0 && off != have ||
		len(data) > size-off || p != nil && off != 0 && size != p.size {
		return fmt.Errorf("%w: bytes %d to %d of %d, with %d here", ErrPartial, off, off+len(data), size, have)
	}
	if len(data) == 0 {
		return nil
	}
	if p != nil && off == 0 {
		s.dropPart(id)
		p = nil
	}
	n := int64(pieceHead + len(data))
	if p == nil {
		n += fileHeadSize
	}
	if err := s.placeForPart(id, n); err != nil {
		return err
	}
	if p == nil {
		p = &part{id: id, began: s.today, order: s.next, salt: newSalt(), size: size}
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
	for !s.fits(n) {
		moved, err := s.step(true)
		if err != nil {
			return err
		}
		if moved == 0 && !s.dropOldestPart(id) {
			return ErrFull
		}
	}
	return nil
}

// writePiece appends to the partial's file, which it makes if need be.
func (s *Shelf) writePiece(p *part, data []byte) error {
	var b []byte
	mode := durable.Write
	if p.extent == 0 {
		mode, b = durable.Create, p.head()
	}
	f, err := s.fs.Open(p.name(), mode)
	if err != nil {
		return fmt.Errorf("store: partial: %w", err)
	}
	defer f.Close()
	b = le32(b, p.sum(p.have, data))
	b = le32(b, uint32(len(data)))
	b = append(b, data...)
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
	b, err := durable.ReadFile(s.fs, p.name(), maxPartFile)
	if err != nil {
		return nil, fmt.Errorf("store: partial: %w", err)
	}
	data, _ := p.pieces(b)
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
	return p.order < o.order || p.order == o.order && slices.Compare(p.id[:], o.id[:]) < 0
}

// expireParts drops what was begun a lifetime ago.
func (s *Shelf) expireParts(today envelope.Day) {
	for id, p := range s.parts.all {
		if p.began.Add(envelope.Lifetime) < today {
			s.dropPart(id)
		}
	}
}

// loadPart finds a partial again, and removes what is none.
func (s *Shelf) loadPart(name string, rep *Report) error {
	b, err := durable.ReadFile(s.fs, name, maxPartFile)
	if err != nil && !errors.Is(err, durable.ErrTooLarge) {
		return fmt.Errorf("store: partial: %w", err)
	}
	p, perr := parsePart(b)
	if err != nil || perr != nil || p.name() != name {
		rep.Cut += int64(len(b))
		_ = s.fs.Remove(name)
		return nil
	}
	data, end := p.pieces(b)
	p.have, p.extent = len(data), end
	if end < int64(len(b)) {
		rep.Cut += int64(len(b)) - end
		if err := truncate(s.fs, name, end); err != nil {
			return fmt.Errorf("store: partial: %w", err)
		}
	}
	s.parts.all[p.id] = p
	s.parts.bytes += p.extent
	s.disk += p.extent
	if p.have == 0 || s.x.find(p.id) != 0 || len(s.parts.all) > maxPartials {
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

func isPart(name string) bool { return strings.HasPrefix(name, "part-") }

// readFull reads all of b at off, or as much as there is.
func readFull(r io.ReaderAt, b []byte, off int64) (int, error) {
	n, err := r.ReadAt(b, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("store: read: %w", err)
	}
	return n, err
}
