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
	return errors.Join(EraseKey(path), files{path: path}.removeData())
}

// EraseKey overwrites and removes the two small files without which the vault is
// noise. A vault that is open stays usable until it is closed.
func EraseKey(path string) error {
	f := files{path: path}
	return errors.Join(f.destroy(keyPath(path)), f.destroy(headerPath(path)), f.tidy())
}

// removeData removes the data, which is noise when its key is gone.
func (f files) removeData() error {
	var errs []error
	for _, name := range []string{draftPath(f.path), f.path, f.path + "-wal", f.path + "-shm", f.path + "-journal"} {
		errs = append(errs, f.remove(name))
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
	return noise(f)
}

func noise(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, info.Size())
	rand.Read(b)
	if _, err := f.WriteAt(b, 0); err != nil {
		return err
	}
	return f.Sync()
}
