package store

import (
	"errors"
	"fmt"
	"io"

	"github.com/jauap/jauap/internal/durable"
)

// Disown makes all units on the shelf in the folder, which is not open, a stranger's:
// none is own or kept for a contact, rank says what each becomes, and who brought
// those that change is forgotten. Heads of records are written over where they stand,
// also of units that are gone. A power cut may cost units whose heads were under way;
// Disown can be repeated. Errors: durable.ErrLocked; others tell of the disk.
func Disown(fs durable.FS, rank func(uint8) uint8) error {
	lock, err := fs.Open(lockName, durable.Lock)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer lock.Close()
	infos, err := fs.List()
	if err != nil {
		return fmt.Errorf("store: list the folder: %w", err)
	}
	for _, i := range infos {
		_, side, ok := parseName(i.Name)
		switch {
		case ok && side: // it repeats heads
			err = blank(fs, i)
		case ok:
			err = disown(fs, i, rank)
		}
		if err != nil {
			return fmt.Errorf("store: %s: %w", i.Name, err)
		}
	}
	return fs.Sync()
}

func blank(fs durable.FS, i durable.Info) error {
	f, err := fs.Open(i.Name, durable.Write)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(make([]byte, i.Size), 0); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), fs.Remove(i.Name))
}

func disown(fs durable.FS, i durable.Info, rank func(uint8) uint8) error {
	f, err := fs.Open(i.Name, durable.Write)
	if err != nil {
		return err
	}
	defer f.Close()
	h, err := readHead(f)
	if err != nil {
		return nil // nothing in it is read
	}
	b := make([]byte, maxHeadSize)
	for off := int64(fileHeadSize); off+recordHeadSize <= i.Size; {
		n, err := f.ReadAt(b, off)
		if err != nil && !errors.Is(err, io.EOF) {
			off = (off/durable.Block + 1) * durable.Block // as Open: around it
			continue
		}
		r, ok := parseRecord(b[:n], h.salt, off)
		if !ok {
			off += align
			continue
		}
		next := off + r.total()
		if r.kind == unitRecord {
			was := r
			if r.flags, r.rank = r.flags&^(ownFlag|fixFlag), rank(r.rank); r.rank != was.rank {
				r.from = 0
			}
			if r != was {
				if _, err := f.WriteAt(r.append(nil, h.salt), off); err != nil {
					return err
				}
			}
		}
		off = next
	}
	return f.Sync()
}
