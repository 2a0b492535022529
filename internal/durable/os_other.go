//go:build !windows && (!unix || solaris || illumos || aix)

package durable

import (
	"errors"
	"fmt"
	"os"
)

// lockFile refuses: a shelf that two processes write would be lost.
func lockFile(path string) (*os.File, error) {
	return nil, fmt.Errorf("durable: this system has no lock that we know: %w", errors.ErrUnsupported)
}

func syncFolder(dir string) error { return nil }

func noSpace(err error) bool { return false }

func unread(err error) bool { return false }
