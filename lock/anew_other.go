//go:build !unix

package lock

import (
	"errors"
	"os"
)

const canReplace = false

func replace(_, _ *os.File) error { return errors.ErrUnsupported }
