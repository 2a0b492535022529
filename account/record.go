package account

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Record builds the bytes of one record of a vault: a version, then fields in
// a fixed order. Fields reads them back. The App's rooms use the same form.
type Record struct{ b []byte }

// NewRecord begins a record.
func NewRecord(version byte) *Record { return &Record{[]byte{version}} }

// Bytes are the record so far.
func (r *Record) Bytes() []byte { return r.b }

// Uint adds a number.
func (r *Record) Uint(n uint64) *Record {
	r.b = binary.AppendUvarint(r.b, n)
	return r
}

// Int adds a number that may be negative.
func (r *Record) Int(n int64) *Record {
	r.b = binary.AppendVarint(r.b, n)
	return r
}

// Flag adds a boolean.
func (r *Record) Flag(f bool) *Record {
	if f {
		return r.Uint(1)
	}
	return r.Uint(0)
}

// Blob adds bytes with their length.
func (r *Record) Blob(b []byte) *Record {
	r.Uint(uint64(len(b)))
	r.b = append(r.b, b...)
	return r
}

// Text adds a string with its length.
func (r *Record) Text(s string) *Record { return r.Blob([]byte(s)) }

// Raw adds bytes whose length the reader knows.
func (r *Record) Raw(b []byte) *Record {
	r.b = append(r.b, b...)
	return r
}

// Time adds an instant in milliseconds; the zero time stays the zero time.
func (r *Record) Time(t time.Time) *Record {
	if t.IsZero() {
		return r.Flag(false)
	}
	return r.Flag(true).Int(t.UnixMilli())
}

// Fields reads a Record. After the first error all answers are zero and Done
// tells.
type Fields struct {
	b   []byte
	bad bool
}

// ReadRecord begins reading a record; Version must be asked first.
func ReadRecord(b []byte) *Fields { return &Fields{b: b} }

// Version reads the version and spoils the record when it is above newest: a
// newer Jauap wrote it.
func (f *Fields) Version(newest byte) byte {
	if len(f.b) == 0 || f.b[0] > newest {
		f.bad = true
		return 0
	}
	v := f.b[0]
	f.b = f.b[1:]
	return v
}

// Uint reads a number.
func (f *Fields) Uint() uint64 {
	n, size := binary.Uvarint(f.b)
	return f.took(n, size)
}

func (f *Fields) took(n uint64, size int) uint64 {
	if f.bad || size <= 0 {
		f.bad = true
		return 0
	}
	f.b = f.b[size:]
	return n
}

// Int reads a number that may be negative.
func (f *Fields) Int() int64 {
	n, size := binary.Varint(f.b)
	return int64(f.took(uint64(n), size))
}

// Flag reads a boolean.
func (f *Fields) Flag() bool { return f.Uint() == 1 }

// Blob reads bytes with their length; they alias the record.
func (f *Fields) Blob() []byte {
	n := f.Uint()
	if f.bad || n > uint64(len(f.b)) {
		f.bad = true
		return nil
	}
	return f.Raw(int(n))
}

// Text reads a string.
func (f *Fields) Text() string { return string(f.Blob()) }

// Raw reads n bytes; they alias the record.
func (f *Fields) Raw(n int) []byte {
	if f.bad || n > len(f.b) {
		f.bad = true
		return make([]byte, min(n, 64)) // of the length that array conversions expect
	}
	b := f.b[:n:n]
	f.b = f.b[n:]
	return b
}

// Time reads an instant, in UTC.
func (f *Fields) Time() time.Time {
	if !f.Flag() {
		return time.Time{}
	}
	return time.UnixMilli(f.Int()).UTC()
}

// Count reads the number of things that follow, each of at least size bytes,
// so that a damaged record cannot make the reader allocate much.
func (f *Fields) Count(size int) int {
	n := f.Uint()
	if n > uint64(len(f.b)/max(size, 1)) {
		f.bad = true
		return 0
	}
	return int(n)
}

// More tells whether fields are left: a newer version may have added some.
func (f *Fields) More() bool { return !f.bad && len(f.b) > 0 }

// Done is ErrDamaged when a field was missing.
func (f *Fields) Done() error {
	if f.bad {
		return fmt.Errorf("%w: a record cannot be read; it may be of a newer Jauap", ErrDamaged)
	}
	return nil
}
