package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jauap/jauap/account/sqlite"
)

// profileFiles are what a node keeps in its folder besides the vault.
func profileFiles() []string {
	return []string{"shelf", "clock", "windows.json", "metered.json", "airtime.json", "door.json", "jauap.conf", "lock"}
}

// Wipe erases a profile for good: first the key of the vault, then all that the
// node keeps in the folder. It needs no passphrase and waits for nobody; inUse
// says that a node still runs, which has its keys in memory until it ends. Left
// are names in the folder that are not Jauap's. Errors: ErrNoProfile.
func Wipe(dir string) (left []string, inUse bool, err error) {
	if !Exists(dir) {
		return nil, false, fmt.Errorf("%w (%s)", ErrNoProfile, dir)
	}
	unlock, lockErr := lockDir(dir)
	if inUse = errors.Is(lockErr, ErrInUse); lockErr == nil {
		defer unlock()
	}
	errs := []error{sqlite.Erase(vaultPath(dir))}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, inUse, errors.Join(append(errs, err)...)
	}
	for _, e := range entries {
		name := e.Name()
		if slices.Contains(profileFiles(), strings.TrimSuffix(name, ".new")) {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, name)))
		} else if !strings.HasPrefix(name, "vault.db") {
			left = append(left, name)
		}
	}
	return left, inUse, errors.Join(errs...)
}
