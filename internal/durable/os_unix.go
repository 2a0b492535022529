//go:build unix && !solaris && !illumos && !aix

package durable

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

// lockFile holds the file by flock, which ends with the process however it
// ends, and which two opens in one process also exclude.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrLocked
	}
	return nil, &os.PathError{Op: "lock", Path: path, Err: err}
}

// syncFolder puts the names of a folder on stable storage. File systems that
// cannot do this for folders (some network and FUSE ones) answer EINVAL or
// ENOTSUP; there it is as good as it gets.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// unread says whether a place of the disk is bad, or what the file system keeps there.
func unread(err error) bool {
	const malformed = syscall.Errno(117) // EUCLEAN of Linux; package syscall names it there alone
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EBADMSG) || runtime.GOOS == "linux" && errors.Is(err, malformed)
}
