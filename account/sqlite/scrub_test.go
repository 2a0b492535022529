package sqlite

import (
	"bytes"
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"

	"github.com/jauap/jauap/account"
)

// clearCopy keeps what SQLite writes before it is encrypted: the disk as who has
// the key sees it, the log, freed pages and slack included.
type clearCopy struct {
	vfs.VFS
	files map[string][]byte
}

func (c *clearCopy) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := c.VFS.(vfs.VFSFilename).OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &clearFile{f, c, filepath.Base(name.String())}, flags, nil
}

type clearFile struct {
	vfs.File
	disk *clearCopy
	name string
}

// Unwrap lets the log find the key of its data file.
func (f *clearFile) Unwrap() vfs.File { return f.File }

func (f *clearFile) Pragma(name, value string) (string, error) {
	return f.File.(vfs.FilePragma).Pragma(name, value)
}

func (f *clearFile) WriteAt(p []byte, off int64) (int, error) {
	b := f.disk.files[f.name]
	if grow := int(off) + len(p) - len(b); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	copy(b[off:], p)
	f.disk.files[f.name] = b
	return f.File.WriteAt(p, off)
}

func (f *clearFile) Truncate(size int64) error {
	if b := f.disk.files[f.name]; int64(len(b)) > size {
		f.disk.files[f.name] = b[:size]
	}
	return f.File.Truncate(size)
}

// pieces counts how many pieces of a stored value stand anywhere on the disk.
func (c *clearCopy) pieces(value []byte) (n int) {
	const size = 32
	for at := 0; at+size <= len(value); at += size {
		for _, b := range c.files {
			if bytes.Contains(b, value[at:at+size]) {
				n++
				break
			}
		}
	}
	return n
}

// TestScrub: what was deleted or overwritten stands nowhere on the disk after a
// Scrub, not even for who has the vault's key: not in the log, not in freed pages.
func TestScrub(t *testing.T) {
	disk := &clearCopy{VFS: adiantum.Wrap(vfs.Find(""), nil), files: map[string][]byte{}}
	vfs.Register("jauap-clear-copy", disk)
	_, path := openNew(t)
	data, root := path+"2", bytes.Repeat([]byte{7}, 32)
	if err := makeData(data, root); err != nil {
		t.Fatal(err)
	}
	v, err := connect(data, root, "jauap-clear-copy")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	change := func(f func(account.Tx) error) {
		t.Helper()
		if err := v.Update(f); err != nil {
			t.Fatal(err)
		}
	}
	put := func(table account.Table, key string, size int) {
		value := make([]byte, size)
		rand.Read(value)
		change(func(tx account.Tx) error { return tx.Put(table, []byte(key), value) })
	}
	const others, secrets = 60, 61
	for i := range 50 {
		put(others, string(rune('a'+i)), 700)
	}
	put(secrets, "a session", 900) // its keys, of which the next letter erases the old ones
	put(secrets, "a letter", 20_000)
	for i := range 50 {
		put(others, string(rune('b'+i)), 500)
	}
	stored := values(t, v, secrets)
	if len(stored) != 2 {
		t.Fatalf("%d values are stored", len(stored))
	}
	whole := len(stored[0])/32 + len(stored[1])/32
	there := func() int { return disk.pieces(stored[0]) + disk.pieces(stored[1]) }
	if there() < whole*9/10 { // a few stand on two pages
		t.Fatalf("the test finds %d of %d pieces that are there", there(), whole)
	}
	put(secrets, "a session", 900)
	change(func(tx account.Tx) error { return tx.Delete(secrets, []byte("a letter")) })
	t.Logf("deleted, %d of %d pieces are still in the log and the data file", there(), whole)
	if there() == 0 {
		t.Fatal("nothing is left to scrub: the test proves nothing")
	}
	if err := v.Scrub(); err != nil {
		t.Fatal(err)
	}
	if n := there(); n > 0 {
		t.Errorf("scrubbed, %d of %d pieces of what was deleted are on the disk", n, whole)
	}
	if now := values(t, v, secrets); len(now) != 1 || disk.pieces(now[0]) == 0 {
		t.Error("the test no longer finds what is there")
	}
}

// values are those of a table as they are stored.
func values(t *testing.T, v *Vault, table account.Table) (list [][]byte) {
	t.Helper()
	s, _, err := v.db.Prepare("SELECT v FROM kv WHERE t=?")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.BindInt(1, int(table)); err != nil {
		t.Fatal(err)
	}
	for s.Step() {
		list = append(list, bytes.Clone(s.ColumnRawBlob(0)))
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
