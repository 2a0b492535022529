package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// disk is what a Folder needs of the file system, so that tests can make it
// fail anywhere. Names are relative to the folder.
type disk interface {
	List(dir string, batch func([]fs.DirEntry) error) error
	Lstat(name string) (fs.FileInfo, error)
	Open(name string) (file, error)   // to read; never blocks on a pipe
	Create(name string) (file, error) // to write; fails when the name exists
	Mkdir(name string) error
	Rename(from, to string) error
	Remove(name string) error
	SyncDir(name string) error
	Free() (bytes, step int64, ok bool) // that can still be written
	Close() error
}

type file interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
}

// rootDisk is the real one. It is opened for one call of Each or Leave, so
// that the stick can be unmounted between calls.
type rootDisk struct{ *os.Root }

func openRoot(path string) (disk, error) {
	r, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return rootDisk{r}, nil
}

// openFlags keep an open from waiting for the other end of a named pipe, should
// one take the place of a file between the look and the open.
func openFlags() int {
	if runtime.GOOS == "windows" { // has no such files
		return os.O_RDONLY
	}
	return os.O_RDONLY | syscall.O_NONBLOCK
}

func (d rootDisk) List(dir string, batch func([]fs.DirEntry) error) error {
	f, err := d.Root.OpenFile(dir, openFlags(), 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(128) // a folder with a million entries must not fill the memory
		if len(entries) > 0 {
			if err := batch(entries); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (d rootDisk) Open(name string) (file, error) {
	f, err := d.Root.OpenFile(name, openFlags(), 0)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d rootDisk) Create(name string) (file, error) {
	// 0644: whoever gets the stick next has another user number. What lies
	// there is sealed.
	f, err := d.Root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d rootDisk) Free() (bytes, step int64, ok bool) { return freeBytes(d.Root.Name()) }

func (d rootDisk) Mkdir(name string) error { return d.Root.Mkdir(name, 0o755) }

func (d rootDisk) SyncDir(name string) error {
	if runtime.GOOS == "windows" { // cannot flush a folder; a rename is in its journal or lost whole
		return nil
	}
	f, err := d.Root.OpenFile(name, openFlags(), 0)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	// Some drivers for foreign file systems cannot flush a folder. There is
	// nothing better to do then.
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

// explain turns the system's error for a failed write into ours.
func explain(err error) error {
	const diskFull, handleFull = syscall.Errno(112), syscall.Errno(39) // Windows' numbers
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT),
		runtime.GOOS == "windows" && (errors.Is(err, diskFull) || errors.Is(err, handleFull)):
		return fmt.Errorf("%w (%v)", ErrFull, err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (%v)", ErrReadOnly, err)
	}
	return fmt.Errorf("folder: write: %w", err)
}
