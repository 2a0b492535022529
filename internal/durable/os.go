package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// OS is the folder dir on a real disk, made if it is absent and readable by
// its owner alone. Errors are those of the system, in plain words first.
func OS(dir string) (FS, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = makeFolder(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("durable: make the folder: %w", plain(err))
	}
	return folder(dir), nil
}

// makeFolder makes dir and what is missing above it, each name sure before it
// is used.
func makeFolder(dir string) error {
	i, err := os.Stat(dir)
	if err == nil && !i.IsDir() {
		return fmt.Errorf("%s is a file", dir)
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeFolder(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	err = syncFolder(above)
	if errors.Is(err, fs.ErrPermission) {
		err = nil // it may be written but not read: no more can be done
	}
	return err
}

type folder string

func (d folder) path(name string) string { return filepath.Join(string(d), name) }

func (d folder) Open(name string, mode Mode) (File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	switch mode {
	case Lock:
		f, err := lockFile(d.path(name))
		if err != nil {
			return nil, fmt.Errorf("%w (folder %s)", plain(err), string(d))
		}
		return osFile{f}, nil
	case Read:
		return openFile(d.path(name), os.O_RDONLY)
	case Write:
		return openFile(d.path(name), os.O_RDWR)
	case Create:
		return openFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL)
	}
	return nil, fmt.Errorf("durable: unknown mode %d", mode)
}

func openFile(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, plain(err)
	}
	return osFile{f}, nil
}

func (d folder) List() ([]Info, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, plain(err)
	}
	var list []Info
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		i, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, plain(err)
		}
		list = append(list, Info{Name: e.Name(), Size: i.Size()})
	}
	return list, nil
}

func (d folder) Rename(from, to string) error {
	if err := errors.Join(checkName(from), checkName(to)); err != nil {
		return err
	}
	return plain(os.Rename(d.path(from), d.path(to)))
}

func (d folder) Remove(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return plain(os.Remove(d.path(name)))
}

func (d folder) Sync() error { return plain(syncFolder(string(d))) }

type osFile struct{ f *os.File }

// ReadAt keeps io.EOF as it is, as io.ReaderAt demands.
func (f osFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.f.ReadAt(b, off)
	return n, plain(err)
}

func (f osFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := f.f.WriteAt(b, off)
	return n, plain(err)
}

func (f osFile) Truncate(size int64) error { return plain(f.f.Truncate(size)) }
func (f osFile) Sync() error               { return plain(f.f.Sync()) }
func (f osFile) Close() error              { return plain(f.f.Close()) }

// plain puts our word for an error of the system in front of it.
func plain(err error) error {
	var ours error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		ours = ErrNotExist
	case errors.Is(err, fs.ErrExist):
		ours = ErrExist
	case errors.Is(err, fs.ErrClosed):
		ours = ErrClosed
	case noSpace(err):
		ours = ErrNoSpace
	case unread(err):
		ours = ErrUnread
	default:
		return err
	}
	return fmt.Errorf("%w: %w", ours, err)
}
