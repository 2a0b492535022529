package fold

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/jauap/jauap/seal"
)

// Kind of the part that holds folded ones; its body is what Fold wrote.
const Kind = 0x41

// Bounds of what is unfolded.
const (
	maxBytes = 256 << 10
	maxParts = 1024
	critical = 0x80
)

// ErrMalformed: the bytes are not folded parts, or more than there may be.
var ErrMalformed = errors.New("fold: not folded parts")

// Fold compresses parts. Each is kind u8, length uvarint, body.
func Fold(parts []seal.Part) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("fold: %w", err)
	}
	for _, p := range parts {
		if p.Kind&^critical == Kind {
			return nil, fmt.Errorf("%w: a folded part within", ErrMalformed)
		}
		head := binary.AppendUvarint([]byte{p.Kind}, uint64(len(p.Body)))
		_, _ = w.Write(head) // a Buffer never fails
		_, _ = w.Write(p.Body)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("fold: %w", err)
	}
	return out.Bytes(), nil
}

// Unfold reads what Fold wrote. Error: ErrMalformed.
func Unfold(b []byte) (parts []seal.Part, err error) {
	r := flate.NewReader(bytes.NewReader(b))
	flat, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(flat) > maxBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrMalformed, maxBytes)
	}
	for len(flat) > 0 {
		kind := flat[0]
		n, size := binary.Uvarint(flat[1:])
		if size <= 0 || n > uint64(len(flat)-1-size) {
			return nil, fmt.Errorf("%w: a part is cut", ErrMalformed)
		}
		if kind&^critical == Kind || len(parts) == maxParts {
			return nil, fmt.Errorf("%w: folded twice, or more than %d parts", ErrMalformed, maxParts)
		}
		body := flat[1+size:][:n]
		parts = append(parts, seal.Part{Kind: kind, Body: body[:n:n]})
		flat = flat[1+size+int(n):]
	}
	return parts, nil
}
