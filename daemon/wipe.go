package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/jauap/jauap/account/sqlite"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/web/api"
)

// profileFiles are what a node keeps in its folder besides the vault.
func profileFiles() []string {
	return []string{"shelf", "clock", "windows.json", "metered.json", "airtime.json", "door.json", "jauap.conf", "postage", "lock"}
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
	left, err = erase(dir)
	return left, inUse, err
}

// erase may be called again for what was in use before.
func erase(dir string) (left []string, err error) {
	errs := []error{sqlite.Erase(vaultPath(dir))}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	for _, e := range entries {
		name := e.Name()
		if slices.Contains(profileFiles(), strings.TrimSuffix(name, ".new")) {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, name)))
		} else if !strings.HasPrefix(name, "vault.db") {
			left = append(left, name)
		}
	}
	return left, errors.Join(errs...)
}

// end is how a node learns that its profile was erased under it.
type end struct {
	sync.Mutex
	gone  chan struct{} // nil: nobody would close the node; set by Open
	wiped bool
}

// Gone is closed when the profile was erased under this node: who runs the node
// closes it then. It is nil without Options.Erasable.
func (d *Daemon) Gone() <-chan struct{} { return d.end.gone }

// Wipe implements api.Eraser. The key goes first and at once; what is in use
// still, and what the node writes as it ends, goes in Close.
func (d *Daemon) Wipe(_ context.Context, ask api.WipeAsk) (api.Wiped, error) {
	if !ask.Sure {
		return api.Wiped{}, fmt.Errorf("%w: this erases all letters, contacts and keys for good; be sure", api.ErrUsage)
	}
	d.end.Lock()
	defer d.end.Unlock()
	if d.end.gone == nil {
		return api.Wiped{}, cause.ErrNotEnded
	}
	if err := sqlite.EraseKey(vaultPath(d.opts.Dir)); err != nil {
		return api.Wiped{}, err
	}
	left, err := erase(d.opts.Dir)
	if err != nil {
		d.log.Warn("wipe: once more as the node ends", "error", err)
	}
	if !d.end.wiped {
		d.end.wiped = true
		close(d.end.gone)
	}
	return api.Wiped{Left: left}, nil
}

// erased reports whether the profile is gone.
func (d *Daemon) erased() bool {
	d.end.Lock()
	defer d.end.Unlock()
	return d.end.wiped
}
