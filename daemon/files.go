package daemon

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/jauap/jauap/internal/durable"
)

// replaceFile puts b into a file as a whole or not at all.
func replaceFile(path string, b []byte) error {
	fsys, err := durable.OS(filepath.Dir(path))
	if err != nil {
		return err
	}
	return durable.WriteFile(fsys, filepath.Base(path), b)
}

// lockDir makes this process the owner of a data folder until unlock.
func lockDir(dir string) (unlock func() error, err error) {
	fsys, err := durable.OS(dir)
	if err != nil {
		return nil, err
	}
	f, err := fsys.Open("lock", durable.Lock)
	if errors.Is(err, durable.ErrLocked) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}
