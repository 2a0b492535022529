package seal

import (
	"encoding/binary"
	"fmt"
)

// writer appends the fields of a state; reader takes them back and remembers
// the first failure, so that a parser is one straight list of fields. Both
// are only for states kept by this device: nothing of them travels.
type writer struct{ b []byte }

func (w *writer) u8(v uint8)     { w.b = append(w.b, v) }
func (w *writer) u16(v uint16)   { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *writer) u32(v uint32)   { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64)   { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) tick(t Tick)    { w.u64(uint64(t)) }
func (w *writer) bytes(b []byte) { w.b = append(w.b, b...) }

func (w *writer) flags(set ...bool) {
	var v uint8
	for i, s := range set {
		if s {
			v |= 1 << i
		}
	}
	w.u8(v)
}

func (w *writer) ack(a ack) {
	w.u16(a.epoch)
	w.u32(a.next)
	w.u64(a.bits)
}

type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrState, what)
	}
	r.b = nil
}

// take is the next n bytes; zeros after a failure.
func (r *reader) take(n int) []byte {
	if r.err == nil && n > len(r.b) {
		r.fail("cut short")
	}
	if r.err != nil {
		return make([]byte, n)
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() uint8    { return r.take(1)[0] }
func (r *reader) u16() uint16  { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32  { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64  { return binary.BigEndian.Uint64(r.take(8)) }
func (r *reader) key() key     { return key(r.take(32)) }
func (r *reader) check() check { return check(r.take(8)) }

// tick reads a time that was kept; never before the first one.
func (r *reader) tick() Tick {
	t := Tick(r.u64())
	if t < noTick {
		r.fail("time")
	}
	return t
}

// copied is n bytes that do not alias the input.
func (r *reader) copied(n int) []byte { return append([]byte(nil), r.take(n)...) }

// flags reads n flags and refuses others.
func (r *reader) flags(n int) []bool {
	v := r.u8()
	set := make([]bool, n)
	for i := range set {
		set[i] = v>>i&1 == 1
	}
	if v>>n != 0 {
		r.fail("flags")
	}
	return set
}

func (r *reader) ack() ack {
	a := ack{r.u16(), r.u32(), r.u64()}
	if !a.canonical() {
		r.fail("acknowledgement")
	}
	return a
}

// count reads a number of at most limit elements of at least size bytes, so
// that nothing is allocated for bytes that are not there.
func (r *reader) count(limit, size int) int {
	n := int(r.u16())
	if n > limit || n*size > len(r.b) {
		r.fail("count")
		return 0
	}
	return n
}

func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		r.fail("bytes after the end")
	}
	return r.err
}
