package daemon

import (
	"errors"
	"fmt"
	"syscall"

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
	if errors.Is(err, durable.ErrUnread) || errors.Is(err, syscall.EIO) {
		return fmt.Errorf("%w; nothing was changed: the disk fails, so copy what it still gives of %s to another disk before anything else, and try again", err, path)
	}
	return err
}
