package durable

import (
	"errors"
	"io"
	"slices"
)

// ErrUnread: the disk does not give what stands at a place, or does not open a file.
var ErrUnread = errors.New("durable: the disk cannot read this")

// Block is how much an Around gives up at once, in bytes: what file systems and
// most disks handle in one piece.
const Block = 4096

// Around reads a file past the places that its disk does not give: zeros stand
// for them. What is read in one piece is read again block by block if that
// fails, which is the second try for a sound block; a block that fails then, too,
// is given up and not tried again.
type Around struct {
	File io.ReaderAt
	Size int64 // of the file
	// Left is how many blocks that fail are looked at one by one: a disk may take
	// seconds for each. With none left all of a piece that fails is given up.
	Left *int
	// There says whether the disk answers at all. While it does not, nothing is
	// given up and ReadAt fails.
	There func() bool

	bad []int64 // numbers of blocks, in order
}

// Bad is how many blocks were given up.
func (a *Around) Bad() int { return len(a.bad) }

// ReadAt is io.ReaderAt. Errors: io.EOF, ErrClosed; others while the disk is away.
func (a *Around) ReadAt(b []byte, off int64) (n int, err error) {
	want := int(min(int64(len(b)), max(a.Size-off, 0)))
	n, err = a.File.ReadAt(b[:want], off)
	if err != nil && !errors.Is(err, io.EOF) {
		n, err = a.pieces(b[:want], off, err)
	}
	if err == nil && n < len(b) {
		err = io.EOF
	}
	return n, err
}

// pieces is ReadAt by blocks, after why.
func (a *Around) pieces(b []byte, off int64, why error) (n int, err error) {
	if errors.Is(why, ErrClosed) {
		return 0, why
	}
	for n < len(b) {
		block := (off + int64(n)) / Block
		p := b[n:min(int64(len(b)), (block+1)*Block-off)]
		got, err := len(p), why
		k, known := slices.BinarySearch(a.bad, block)
		if !known && *a.Left > 0 {
			if got, err = a.File.ReadAt(p, off+int64(n)); errors.Is(err, io.EOF) || errors.Is(err, ErrClosed) {
				return n + got, err
			}
		}
		if err != nil && !known {
			if !a.There() {
				return n, err
			}
			*a.Left = max(*a.Left-1, 0)
			a.bad = slices.Insert(a.bad, k, block)
		}
		if err != nil {
			clear(p)
			got = len(p)
		}
		n += got
	}
	return n, nil
}
