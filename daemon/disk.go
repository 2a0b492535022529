package daemon

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/account/sqlite"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/store"
)

// opened tells of what the shelf met on its disk. What it could not read it gave up and
// wrote all else anew, so that it is said once.
func (d *Daemon) opened(r store.Report) {
	logReport(d.log, r)
	if r.Unread > 0 {
		d.setTrouble("disk", "a place of the disk cannot be read: what was carried there is fetched again from whoever has it; such a disk may fail soon, so save what matters elsewhere")
	}
}

// ofDisk adds to an error of reading what is needed to start what a person can do about it.
func ofDisk(path string, err error) error {
	switch {
	case errors.Is(err, durable.ErrUnread), errors.Is(err, syscall.EIO), errors.Is(err, sqlite.ErrDisk):
		return fmt.Errorf("%w; nothing was changed: the disk fails, so copy what it still gives of %s to another disk before anything else, and try again", err, path)
	case errors.Is(err, account.ErrDamaged):
		// Not that a backup may take its place: it would seal under old keys.
		return fmt.Errorf("%w; nothing was changed: keep a copy of %s as it is and try again, since a disk may read better another time; if it stays so, make a new pseudonym in another folder", err, path)
	}
	return err
}
