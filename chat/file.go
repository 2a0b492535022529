package chat

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// file is an attachment, or a long text, as it is kept.
type file struct {
	name   string
	size   int64 // unknownSize while only pieces of it came
	sum    [32]byte
	got    spans
	sent   int64 // of ours: how much was cut off for envelopes
	broken bool
	asked  seal.Tick // held: when the reader last asked for it, plus one
	About
}

const unknownSize = -1

func fileKey(owner account.ContactID, id account.LetterID, index int) []byte {
	k := append(make([]byte, 0, 37), owner[:]...)
	return append(append(k, id[:]...), byte(index))
}

func (f *file) record() []byte {
	r := account.NewRecord(2).Text(f.name).Int(f.size).Raw(f.sum[:]).Int(f.sent).Flag(f.broken)
	f.got.record(r)
	f.About.record(r)
	return r.Int(int64(f.asked)).Bytes()
}

func getFile(tx account.Tx, key []byte) (*file, error) {
	b, err := tx.Get(tableFiles, key)
	if err != nil || b == nil {
		return nil, err
	}
	r := account.ReadRecord(b)
	version := r.Version(2)
	f := &file{name: r.Text(), size: r.Int(), sum: [32]byte(r.Raw(32)), sent: r.Int(), broken: r.Flag()}
	f.got = parseSpans(r)
	if version > 1 {
		f.About, f.asked = aboutFrom(r), seal.Tick(r.Int())
	}
	return f, r.Done()
}

func putBytes(tx account.Tx, key []byte, at int64, b []byte) error {
	return tx.Put(tableBytes, binary.BigEndian.AppendUint32(key[:len(key):len(key)], uint32(at)), b)
}

// expect notes what a letter says of a file; pieces of it may be here already.
func (c *Chat) expect(tx account.Tx, from account.ContactID, wire account.LetterID, index int, p filePart) error {
	key := fileKey(from, wire, index)
	f, err := getFile(tx, key)
	if err != nil {
		return err
	}
	if f == nil {
		f = &file{}
	} else if f.size == unknownSize {
		if err := orphan(tx, from, -f.got.have(), -1); err != nil {
			return err
		}
	}
	f.name, f.size, f.sum, f.About = cleanFileName(p.name), p.size, p.sum, p.About
	if n := len(f.got); n > 0 && f.got[n-1].to > f.size {
		// Pieces beyond the end: none of them can be believed.
		if err := dropBytes(tx, key); err != nil {
			return err
		}
		f.got = nil
	}
	if index > 0 && f.got.have() == f.size {
		return checkSum(tx, key, f)
	}
	return tx.Put(tableFiles, key, f.record())
}

// adopt makes room for a piece of a file that no letter announced yet; others
// like it give way.
func adopt(tx account.Tx, from account.ContactID, key []byte, f *file, got spans) error {
	files, more := 0, got.have()-f.got.have()
	if len(f.got) == 0 {
		files = 1
	}
	bytes, n, err := orphans(tx, from)
	if err != nil {
		return err
	}
	if bytes+more > maxOrphanBytes || n+files > maxOrphanFiles {
		var others [][]byte
		err := tx.Scan(tableFiles, from[:], account.After(from[:]), false, func(k, _ []byte) (bool, error) {
			if string(k) != string(key) {
				others = append(others, k)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		for _, k := range others {
			other, err := getFile(tx, k)
			if err != nil {
				return err
			}
			if other.size != unknownSize {
				continue
			}
			if err := dropFile(tx, k); err != nil {
				return err
			}
			if err := orphan(tx, from, -other.got.have(), -1); err != nil {
				return err
			}
		}
	}
	return orphan(tx, from, more, files)
}

// orphans counts what came before its letter.
func orphans(tx account.Tx, from account.ContactID) (bytes int64, files int, err error) {
	b, err := tx.Get(tableOrphans, from[:])
	if err != nil || b == nil {
		return 0, 0, err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	bytes, files = f.Int(), int(f.Int())
	return bytes, files, f.Done()
}

func orphan(tx account.Tx, from account.ContactID, bytes int64, files int) error {
	b, n, err := orphans(tx, from)
	if err != nil {
		return err
	}
	r := account.NewRecord(1).Int(max(b+bytes, 0)).Int(int64(max(n+files, 0)))
	return tx.Put(tableOrphans, from[:], r.Bytes())
}

// checkSum looks whether a file is what its sender announced; what is not is
// dropped and marked.
func checkSum(tx account.Tx, key []byte, f *file) error {
	h := sha256.New()
	if err := eachRow(tx, key, func(b []byte) { h.Write(b) }); err != nil {
		return err
	}
	if [32]byte(h.Sum(nil)) != f.sum {
		f.broken = true
		if err := dropBytes(tx, key); err != nil {
			return err
		}
	}
	return tx.Put(tableFiles, key, f.record())
}

func eachRow(tx account.Tx, key []byte, f func([]byte)) error {
	return tx.Scan(tableBytes, key, account.After(key), false, func(_, v []byte) (bool, error) {
		f(v)
		return true, nil
	})
}

func readAll(tx account.Tx, key []byte, f *file) ([]byte, error) {
	b := make([]byte, 0, f.size)
	err := eachRow(tx, key, func(row []byte) { b = append(b, row...) })
	return b, err
}

func dropBytes(tx account.Tx, key []byte) error {
	var keys [][]byte
	err := tx.Scan(tableBytes, key, account.After(key), false, func(k, _ []byte) (bool, error) {
		keys = append(keys, k)
		return true, nil
	})
	for _, k := range keys {
		if err == nil {
			err = tx.Delete(tableBytes, k)
		}
	}
	return err
}

func dropFile(tx account.Tx, key []byte) error {
	if err := dropBytes(tx, key); err != nil {
		return err
	}
	return tx.Delete(tableFiles, key)
}

// filesOf lists the files of a letter.
func filesOf(tx account.Tx, l *letter) (list []File, err error) {
	for i := 1; i <= l.fileN; i++ {
		f, err := getFile(tx, fileKey(l.owner(), l.wire, i))
		if err != nil {
			return nil, err
		}
		if f == nil {
			return nil, fmt.Errorf("%w: a file is missing", account.ErrDamaged)
		}
		list = append(list, File{
			ID: fileID(l.ID, i), Name: f.name, Bytes: f.size, Have: f.got.have(), Sent: f.sent, Asked: f.asked > 0, Broken: f.broken, About: f.About,
		})
	}
	return list, nil
}

func filesWhole(tx account.Tx, l *letter) (bool, error) {
	list, err := filesOf(tx, l)
	for _, f := range list {
		if f.missing() {
			return false, err
		}
	}
	return err == nil, err
}

// find is the letter and the file of a File.ID.
func find(tx account.Tx, id string) (l *letter, key []byte, info File, err error) {
	letter, index, err := parseFileID(id)
	if err != nil {
		return nil, nil, info, err
	}
	l, err = get(tx, letter)
	if err != nil {
		return nil, nil, info, err
	}
	if l == nil || index > l.fileN {
		return nil, nil, info, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	list, err := filesOf(tx, l)
	if err != nil {
		return nil, nil, info, err
	}
	return l, fileKey(l.owner(), l.wire, index), list[index-1], nil
}

// File tells of a file by its File.ID, whether its bytes are here or not:
// ErrNotFound.
func (c *Chat) File(id string) (info File, err error) {
	err = c.vault.View(func(tx account.Tx) error {
		_, _, info, err = find(tx, id)
		info.Preview = append([]byte(nil), info.Preview...)
		return err
	})
	return info, err
}

// Attachment opens a file by its File.ID. Errors: ErrNotFound, ErrIncomplete,
// ErrBroken.
func (c *Chat) Attachment(id string) (File, io.ReadCloser, error) {
	r := &reader{vault: c.vault}
	var info File
	err := c.vault.View(func(tx account.Tx) (err error) {
		_, r.key, info, err = find(tx, id)
		r.size = info.Bytes
		return err
	})
	switch {
	case err != nil:
		return File{}, nil, err
	case info.Broken:
		return info, nil, ErrBroken
	case !info.Whole():
		return info, nil, fmt.Errorf("%w: %d of %d bytes", ErrIncomplete, info.Have, info.Bytes)
	}
	return info, r, nil
}

// reader reads a whole file row by row, each in a view of its own.
type reader struct {
	vault account.Vault
	key   []byte
	at    int64 // end of row
	size  int64
	row   []byte
}

func (r *reader) Read(p []byte) (int, error) {
	if len(r.row) == 0 {
		if r.at >= r.size {
			return 0, io.EOF
		}
		err := r.vault.View(func(tx account.Tx) (err error) {
			r.row, err = tx.Get(tableBytes, binary.BigEndian.AppendUint32(r.key[:len(r.key):len(r.key)], uint32(r.at)))
			return err
		})
		if err != nil {
			return 0, err
		}
		if len(r.row) == 0 {
			return 0, fmt.Errorf("%w: a file has a hole", account.ErrDamaged)
		}
		r.at += int64(len(r.row))
	}
	n := copy(p, r.row)
	r.row = r.row[n:]
	return n, nil
}

func (r *reader) Close() error { return nil }
