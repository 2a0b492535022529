package durable

import (
	"errors"
	"os"
	"slices"
	"syscall"
)

// Codes of the system that package syscall does not name.
const (
	errSharing    = syscall.Errno(32)
	errHandleFull = syscall.Errno(39)
	errDiskFull   = syscall.Errno(112)
	errSum        = syscall.Errno(23)
	errSector     = syscall.Errno(27)
	errRead       = syscall.Errno(30)
	errDevice     = syscall.Errno(1117)
	errFile       = syscall.Errno(1392)
)

// lockFile opens the file so that nobody else can open it; the system ends
// that with the process however it ends.
func lockFile(path string) (*os.File, error) {
	p, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(p, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharing) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// syncFolder flushes the folder's own records. NTFS journals names, so where
// the right to flush a folder is missing nothing worse than a late rename is
// at stake.
func syncFolder(dir string) error {
	p, err := syscall.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	h, err := syscall.CreateFile(p, syscall.GENERIC_READ|syscall.GENERIC_WRITE,
		syscall.FILE_SHARE_READ|syscall.FILE_SHARE_WRITE|syscall.FILE_SHARE_DELETE, nil,
		syscall.OPEN_EXISTING, syscall.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if errors.Is(err, syscall.ERROR_ACCESS_DENIED) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "sync", Path: dir, Err: err}
	}
	err = syscall.FlushFileBuffers(h)
	if errors.Is(err, syscall.ERROR_ACCESS_DENIED) || errors.Is(err, syscall.Errno(1)) {
		err = nil // no right, or a file system without the notion (FAT)
	}
	if cerr := syscall.CloseHandle(h); err == nil {
		err = cerr
	}
	return err
}

func noSpace(err error) bool {
	return errors.Is(err, errDiskFull) || errors.Is(err, errHandleFull)
}

// unread says whether a place of the disk is bad, or what the file system keeps there.
func unread(err error) bool {
	return slices.ContainsFunc([]error{errSum, errSector, errRead, errDevice, errFile}, func(e error) bool { return errors.Is(err, e) })
}
