package sqlite

import (
	"errors"
	"syscall"
)

// syncDir has nothing to do on Windows: NTFS journals names itself.
func syncDir(string) error { return nil }

// diskFull recognises ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL.
func diskFull(err error) bool {
	return errors.Is(err, syscall.Errno(39)) || errors.Is(err, syscall.Errno(112))
}
