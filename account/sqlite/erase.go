package sqlite

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
)

// Erase makes a vault unreadable for good: what its key follows from is
// overwritten, flushed and removed, even while another process has the vault
// open. Pages that stay anywhere, in the data file, its log or an image of the
// disk without the header, are noise from then on. Copies that a flash disk's
// controller keeps of the two small files are out of reach: a passphrase
// protects those.
func Erase(path string) error {
	errs := []error{EraseKey(path)}
	for _, name := range []string{path + ".tmp", draftPath(path), path, path + "-wal", path + "-shm", path + "-journal"} {
		errs = append(errs, gone(os.Remove(name)))
	}
	return errors.Join(errs...)
}

// EraseKey overwrites and removes the two small files without which the vault is
// noise. A vault that is open stays usable until it is closed.
func EraseKey(path string) error {
	var errs []error
	for _, name := range []string{keyPath(path), headerPath(path)} {
		errs = append(errs, overwrite(name), gone(os.Remove(name)))
	}
	return errors.Join(errs...)
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// overwrite fills a file with noise, where it stands.
func overwrite(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return gone(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	noise := make([]byte, info.Size())
	rand.Read(noise)
	if _, err := f.WriteAt(noise, 0); err != nil {
		return err
	}
	return f.Sync()
}
