package durable

import (
	"errors"
	"fmt"
	"io"
)

// Errors of every FS, usable with errors.Is.
var (
	ErrNotExist = errors.New("durable: no such file")
	ErrExist    = errors.New("durable: the file exists already")
	ErrLocked   = errors.New("durable: another process uses this folder; end it first")
	ErrNoSpace  = errors.New("durable: the disk is full; free some space")
	ErrClosed   = errors.New("durable: the file is closed")
	ErrName     = errors.New("durable: a name may hold letters, digits, '.', '-' and '_' only")
	ErrTooLarge = errors.New("durable: the file is larger than allowed")
)

// Mode says how Open opens a file.
type Mode uint8

const (
	// Read opens an existing file for reading.
	Read Mode = iota
	// Write opens an existing file for reading and writing.
	Write
	// Create makes an empty file for reading and writing; ErrExist if the
	// name is taken.
	Create
	// Lock opens the file, made if absent, and holds it until Close; ErrLocked
	// if anybody else holds it. Nothing is written to it.
	Lock
)

// Info is one file of a folder.
type Info struct {
	Name string
	Size int64 // bytes
}

// FS is one flat folder. Its methods may be used by several goroutines.
type FS interface {
	// Open opens the named file. Errors: ErrNotExist, ErrExist, ErrLocked,
	// ErrName, ErrNoSpace.
	Open(name string, mode Mode) (File, error)
	// List tells the files of the folder, sorted by name; subfolders and
	// what is no plain file are left out.
	List() ([]Info, error)
	// Rename gives a file another name and replaces what had it, at once for
	// everybody who looks. It survives a power cut after Sync.
	Rename(from, to string) error
	// Remove takes the name away. Files that are open stay readable where the
	// system allows; close them first.
	Remove(name string) error
	// Sync puts the names (created, renamed, removed) on stable storage.
	Sync() error
}

// File is an open file. Reads may go on beside each other and beside a write
// of other bytes.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	// Sync puts the bytes on stable storage. If it fails, what was written
	// since the last Sync must be written again, best to another file.
	Sync() error
	Close() error
}

// newSuffix marks the file that WriteFile writes before it takes its name.
// Whoever finds one after a crash may remove it.
const newSuffix = ".new"

// Unfinished says whether the name is one that WriteFile left behind when it
// was cut short.
func Unfinished(name string) bool {
	return len(name) > len(newSuffix) && name[len(name)-len(newSuffix):] == newSuffix
}

// WriteFile replaces the named file by data, whole or not at all, whatever is
// cut in between, and returns nil when it is on stable storage.
func WriteFile(fs FS, name string, data []byte) error {
	tmp := name + newSuffix
	f, err := fs.Open(tmp, Create)
	if errors.Is(err, ErrExist) {
		if err = fs.Remove(tmp); err == nil {
			f, err = fs.Open(tmp, Create)
		}
	}
	if err != nil {
		return fmt.Errorf("durable: write %s: %w", name, err)
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fs.Rename(tmp, name)
	}
	if err != nil {
		_ = fs.Remove(tmp) // the error that stopped us tells more
		return fmt.Errorf("durable: write %s: %w", name, err)
	}
	if err := fs.Sync(); err != nil {
		return fmt.Errorf("durable: write %s: %w", name, err)
	}
	return nil
}

// ReadFile reads the named file whole. Errors: ErrNotExist, ErrTooLarge when
// it has more than limit bytes.
func ReadFile(fs FS, name string, limit int) ([]byte, error) {
	f, err := fs.Open(name, Read)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const step = 64 << 10
	var b []byte
	for {
		if len(b) > limit {
			return nil, fmt.Errorf("%w: %s, at most %d bytes", ErrTooLarge, name, limit)
		}
		at := len(b)
		b = append(b, make([]byte, min(step, limit+1-at))...)
		n, err := f.ReadAt(b[at:], int64(at))
		b = b[:at+n]
		if err == io.EOF {
			if len(b) > limit {
				continue
			}
			return b, nil
		}
		if err != nil {
			return nil, fmt.Errorf("durable: read %s: %w", name, err)
		}
	}
}

// checkName lets through what is a plain name on every system that we know.
func checkName(name string) error {
	if name == "" || len(name) > 128 || name[0] == '.' {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	for i := range len(name) {
		c := name[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '.' || c == '-' || c == '_'
		if !plain {
			return fmt.Errorf("%w: %q", ErrName, name)
		}
	}
	return nil
}
