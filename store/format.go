package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/jauap/jauap/envelope"
)

// Sizes of the format in bytes. spec/store.md, 2 and 3.
const (
	fileHeadSize   = 64
	recordHeadSize = 72
	provesSize     = 16 // more in the head of a proof's and of a stamp's record
	align          = 8
	maxHeadSize    = recordHeadSize + provesSize
	maxRecordSize  = maxHeadSize + envelope.MaxSize
	scanWindow     = 1 << 20
)

// Kinds of files. spec/store.md, 2.
const (
	journalFile uint8 = 1
	dayFile     uint8 = 2
	marksFile   uint8 = 3
	partialFile uint8 = 4
)

// Kinds of records. spec/store.md, 3.
const (
	unitRecord   uint8 = 1 // a unit; payload: its bytes
	dropRecord   uint8 = 2 // the unit with this id and at most this seq is gone
	markRecord   uint8 = 3 // payload: length of the name u8, name, value
	expireRecord uint8 = 4 // all before it with an earlier until are gone
	deadRecord   uint8 = 5 // payload: offsets u32 of units in this file that are gone
	partRecord   uint8 = 6 // the partial with this id; seq: size of the whole unit
	pieceRecord  uint8 = 7 // payload: the next bytes of the partial
)

// Flags of a unit's record.
const (
	ownFlag  uint8 = 1
	sureFlag uint8 = 2 // of a proof: its key was seen to be the envelope's
	fixFlag  uint8 = 4 // not evicted before its last day
	ailFlag  uint8 = 8 // in memory only: it could not be read
)

const recordMagic = 0x4a52

var fileMagic = [8]byte{'j', 'a', 'u', 'a', 'p', '/', '1', 's'}

var errFormat = errors.New("store: malformed file head")

func checksum(salt uint32, b []byte) uint32 {
	return crc32.Update(salt, crc32.MakeTable(crc32.Castagnoli), b)
}

// fileHead stands at the beginning of every file. The salt goes into every
// checksum of the file, so that neither old disk blocks nor a stranger's bytes
// pass for records.
type fileHead struct {
	kind  uint8
	day   envelope.Day // of a segment: until; of a partial: when it began
	num   uint32
	epoch [8]byte
	base  uint64 // of a journal: the first seq that it may give
	salt  uint32
}

func (h fileHead) encode() []byte {
	b := make([]byte, fileHeadSize)
	copy(b, fileMagic[:])
	b[8] = h.kind
	binary.LittleEndian.PutUint16(b[10:], uint16(h.day))
	binary.LittleEndian.PutUint32(b[12:], h.num)
	copy(b[16:], h.epoch[:])
	binary.LittleEndian.PutUint64(b[24:], h.base)
	binary.LittleEndian.PutUint32(b[32:], h.salt)
	binary.LittleEndian.PutUint32(b[60:], checksum(0, b[:60]))
	return b
}

func parseFileHead(b []byte) (h fileHead, err error) {
	if len(b) < fileHeadSize || [8]byte(b) != fileMagic ||
		binary.LittleEndian.Uint32(b[60:]) != checksum(0, b[:60]) {
		return h, errFormat
	}
	h.kind = b[8]
	h.day = envelope.Day(binary.LittleEndian.Uint16(b[10:]))
	h.num = binary.LittleEndian.Uint32(b[12:])
	copy(h.epoch[:], b[16:])
	h.base = binary.LittleEndian.Uint64(b[24:])
	h.salt = binary.LittleEndian.Uint32(b[32:])
	return h, nil
}

// record is the head of a record.
type record struct {
	kind, flags   uint8
	class         envelope.Class
	shard, rank   uint8
	from          uint32
	until, expiry envelope.Day
	size          uint32 // of the payload
	sum           uint32 // of the payload
	off           uint32 // of the record in its file
	seq           uint64
	id            envelope.ID
	tag           envelope.Tag
	proves        envelope.ID
}

func headSize(kind uint8, c envelope.Class) int {
	if kind == unitRecord && (c == envelope.Done || c == envelope.Stamp) {
		return recordHeadSize + provesSize
	}
	return recordHeadSize
}

func (r *record) head() int { return headSize(r.kind, r.class) }

// total is the length of the record in its file.
func (r *record) total() int64 { return recordTotal(r.kind, r.class, r.size) }

func recordTotal(kind uint8, c envelope.Class, size uint32) int64 {
	n := int64(headSize(kind, c)) + int64(size)
	return (n + align - 1) &^ (align - 1)
}

// append encodes the head.
func (r *record) append(b []byte, salt uint32) []byte {
	at := len(b)
	b = slices.Grow(b, r.head())[:at+r.head()]
	h := b[at:]
	clear(h)
	binary.LittleEndian.PutUint16(h[4:], recordMagic)
	h[6], h[7] = r.kind, r.flags
	binary.LittleEndian.PutUint32(h[8:], r.size)
	binary.LittleEndian.PutUint32(h[12:], r.sum)
	binary.LittleEndian.PutUint64(h[16:], r.seq)
	copy(h[24:], r.id[:])
	copy(h[40:], r.tag[:])
	binary.LittleEndian.PutUint32(h[56:], r.off)
	binary.LittleEndian.PutUint16(h[60:], uint16(r.until))
	binary.LittleEndian.PutUint16(h[62:], uint16(r.expiry))
	h[64], h[65], h[66] = byte(r.class), r.shard, r.rank
	binary.LittleEndian.PutUint32(h[67:], r.from)
	if len(h) > recordHeadSize {
		copy(h[recordHeadSize:], r.proves[:])
	}
	binary.LittleEndian.PutUint32(h, checksum(salt, h[4:]))
	return b
}

// appendRecord encodes the whole record, to stand at r.off.
func appendRecord(b []byte, r *record, payload []byte, salt uint32) []byte {
	at := len(b)
	r.size = uint32(len(payload))
	r.sum = checksum(salt, payload)
	b = r.append(b, salt)
	b = append(b, payload...)
	var zeros [align]byte
	return append(b, zeros[:int(r.total())-(len(b)-at)]...)
}

// parseRecord reads the head that should stand at off.
func parseRecord(b []byte, salt uint32, off int64) (r record, ok bool) {
	if len(b) < recordHeadSize || binary.LittleEndian.Uint16(b[4:]) != recordMagic {
		return r, false
	}
	r.kind, r.flags, r.class = b[6], b[7], envelope.Class(b[64])
	n := r.head()
	if len(b) < n || binary.LittleEndian.Uint32(b) != checksum(salt, b[4:n]) {
		return r, false
	}
	r.size = binary.LittleEndian.Uint32(b[8:])
	r.sum = binary.LittleEndian.Uint32(b[12:])
	r.seq = binary.LittleEndian.Uint64(b[16:])
	r.id, r.tag = envelope.ID(b[24:]), envelope.Tag(b[40:])
	r.off = binary.LittleEndian.Uint32(b[56:])
	r.until = envelope.Day(binary.LittleEndian.Uint16(b[60:]))
	r.expiry = envelope.Day(binary.LittleEndian.Uint16(b[62:]))
	r.shard, r.rank, r.from = b[65], b[66], binary.LittleEndian.Uint32(b[67:])
	if n > recordHeadSize {
		r.proves = envelope.ID(b[recordHeadSize:])
	}
	return r, int64(r.off) == off && b[71] == 0 && r.plausible()
}

func (r *record) plausible() bool {
	switch r.kind {
	case unitRecord:
		limit := r.class.Size()
		if r.class == envelope.S0 {
			return r.seq > 0 && r.size > 0 && r.size <= uint32(limit)
		}
		return r.seq > 0 && limit > 0 && r.size == uint32(limit)
	case dropRecord, expireRecord:
		return r.size == 0
	case markRecord:
		return r.size <= maxMarkSize
	case partRecord:
		return r.size == 0 && r.seq > 0 && r.seq <= envelope.MaxSize
	case pieceRecord:
		return r.size > 0 && r.size <= envelope.MaxSize
	case deadRecord:
		return r.size <= 4*maxDeadOffsets && r.size%4 == 0
	}
	return false
}

// scan is a walk over the records of a file.
type scan struct {
	f       io.ReaderAt
	salt    uint32
	size    int64 // of the file
	damaged int   // places that held no record, with records behind them
	window  []byte
	at      int64 // of the window in the file
}

// bytes answers n bytes at off; fewer at the end of the file.
func (s *scan) bytes(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), max(s.size-off, 0)))
	if off < s.at || off+int64(n) > s.at+int64(len(s.window)) {
		if s.window == nil {
			s.window = make([]byte, 0, min(max(s.size-off, 0), scanWindow))
		}
		want := int(min(int64(max(n, scanWindow)), s.size-off))
		if cap(s.window) < want {
			s.window = make([]byte, want)
		}
		got, err := s.f.ReadAt(s.window[:want], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("store: read: %w", err)
		}
		s.at, s.window = off, s.window[:got]
		if err != nil && off+int64(got) < s.size {
			s.size = off + int64(got)
		}
	}
	b := s.window[off-s.at:]
	return b[:min(n, len(b))], nil
}

// whole reads the record at off and checks its payload.
func (s *scan) whole(off int64) (r record, payload []byte, ok bool, err error) {
	b, err := s.bytes(off, maxHeadSize)
	if err != nil {
		return r, nil, false, err
	}
	if r, ok = parseRecord(b, s.salt, off); !ok {
		return r, nil, false, nil
	}
	b, err = s.bytes(off, int(r.total()))
	if err != nil || len(b) < int(r.total()) {
		return r, nil, false, err
	}
	payload = b[r.head():][:r.size]
	return r, payload, checksum(s.salt, payload) == r.sum, nil
}

// records calls take for each record from off on and answers the end of the
// last one. Places that hold none are passed over if records follow. The
// payload is valid during the call. Only reading and take cause errors.
func (s *scan) records(off int64, take func(r record, payload []byte) error) (end int64, err error) {
	end = off
	for off+recordHeadSize <= s.size {
		r, payload, ok, err := s.whole(off)
		if err != nil {
			return end, err
		}
		if !ok {
			off += align
			continue
		}
		if off != end {
			s.damaged++
		}
		if err := take(r, payload); err != nil {
			return end, err
		}
		off += r.total()
		end = off
	}
	return end, nil
}
