//go:build !windows

package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// syncDir makes the names in a file's folder durable.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// diskFull recognises a full disk and a used-up quota.
func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
