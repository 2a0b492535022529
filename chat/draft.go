package chat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
)

// Draft is what the owner has not sent yet to a contact.
type Draft struct {
	Text  string
	At    time.Time // of the last change; zero when there is none
	Files []DraftFile
}

// DraftFile is a file of a draft, ready to be sent.
type DraftFile struct {
	Key   uint32 // names it within its draft
	Name  string
	Bytes int64
	About
}

type draft struct {
	Draft
	next uint32 // key of the next file
}

func (d *draft) record() []byte {
	r := account.NewRecord(1).Text(d.Text).Time(d.At).Uint(uint64(d.next)).Uint(uint64(len(d.Files)))
	for _, f := range d.Files {
		r.Uint(uint64(f.Key)).Text(f.Name).Int(f.Bytes)
		f.About.record(r)
	}
	return r.Bytes()
}

func getDraft(tx account.Tx, with account.ContactID) (*draft, error) {
	b, err := tx.Get(tableDrafts, with[:])
	if err != nil || b == nil {
		return &draft{}, err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	d := &draft{Draft: Draft{Text: f.Text(), At: f.Time()}, next: uint32(f.Uint())}
	for range f.Count(9) {
		d.Files = append(d.Files, DraftFile{Key: uint32(f.Uint()), Name: f.Text(), Bytes: f.Int(), About: aboutFrom(f)})
	}
	return d, f.Done()
}

func (d *draft) put(tx account.Tx, with account.ContactID) error {
	if d.Text == "" && len(d.Files) == 0 {
		return tx.Delete(tableDrafts, with[:])
	}
	return tx.Put(tableDrafts, with[:], d.record())
}

// Draft is what stands in the draft to a contact; it outlives a crash.
func (c *Chat) Draft(with account.ContactID) (out Draft, err error) {
	err = c.vault.View(func(tx account.Tx) error {
		d, err := getDraft(tx, with)
		if err == nil {
			out = d.Draft
			for i := range out.Files {
				out.Files[i].Preview = append([]byte(nil), out.Files[i].Preview...)
			}
		}
		return err
	})
	return out, err
}

// KeepText puts a text into the draft instead of the one that is there.
// ErrTooLarge above MaxText.
func (c *Chat) KeepText(at account.Moment, with account.ContactID, text string) error {
	if text = strings.ToValidUTF8(text, "\uFFFD"); len(text) > MaxText {
		return fmt.Errorf("%w: a text of %d bytes, at most %d; attach it as a file", ErrTooLarge, len(text), MaxText)
	}
	return c.changeDraft(at, with, func(_ account.Tx, d *draft) error {
		d.Text = text
		return nil
	})
}

// KeepFiles adds files to the draft: ErrTooLarge when they are more than one
// letter takes.
func (c *Chat) KeepFiles(at account.Moment, with account.ContactID, files ...Attachment) error {
	return c.changeDraft(at, with, func(tx account.Tx, d *draft) error {
		total := int64(0)
		for _, f := range d.Files {
			total += f.Bytes
		}
		for _, f := range files {
			if total += int64(len(f.Data)); total > MaxBytes || len(d.Files) >= MaxFiles || len(f.Preview) > maxGlimpse {
				return fmt.Errorf("%w: at most %d files and %d bytes in one letter", ErrTooLarge, MaxFiles, MaxBytes)
			}
			key := draftKey(with, d.next)
			for off := 0; off < len(f.Data); off += rowSize {
				row := f.Data[off:min(off+rowSize, len(f.Data))]
				if err := tx.Put(tableKept, binary.BigEndian.AppendUint32(key[:len(key):len(key)], uint32(off)), row); err != nil {
					return err
				}
			}
			d.Files = append(d.Files, DraftFile{d.next, cleanFileName(f.Name), int64(len(f.Data)), f.About})
			d.next++
		}
		return nil
	})
}

// DropFile takes a file out of the draft; an unknown key is passed over.
func (c *Chat) DropFile(at account.Moment, with account.ContactID, key uint32) error {
	return c.changeDraft(at, with, func(tx account.Tx, d *draft) error {
		for i, f := range d.Files {
			if f.Key == key {
				d.Files = append(d.Files[:i:i], d.Files[i+1:]...)
				return dropKept(tx, draftKey(with, key))
			}
		}
		return nil
	})
}

func (c *Chat) changeDraft(at account.Moment, with account.ContactID, f func(account.Tx, *draft) error) error {
	return c.vault.Update(func(tx account.Tx) error {
		d, err := getDraft(tx, with)
		if err != nil {
			return err
		}
		d.At = at.Wall
		return errors.Join(f(tx, d), d.put(tx, with))
	})
}

func draftKey(with account.ContactID, key uint32) []byte {
	return binary.BigEndian.AppendUint32(append([]byte(nil), with[:]...), key)
}

func dropKept(tx account.Tx, prefix []byte) error {
	var keys [][]byte
	err := tx.Scan(tableKept, prefix, account.After(prefix), false, func(k, _ []byte) (bool, error) {
		keys = append(keys, k)
		return true, nil
	})
	for _, k := range keys {
		if err == nil {
			err = tx.Delete(tableKept, k)
		}
	}
	return err
}

// draftFiles reads the files of a draft whole.
func draftFiles(tx account.Tx, with account.ContactID) (list []Attachment, err error) {
	d, err := getDraft(tx, with)
	if err != nil {
		return nil, err
	}
	for _, f := range d.Files {
		data := make([]byte, 0, f.Bytes)
		key := draftKey(with, f.Key)
		err := tx.Scan(tableKept, key, account.After(key), false, func(_, v []byte) (bool, error) {
			data = append(data, v...)
			return true, nil
		})
		if err != nil {
			return nil, err
		}
		list = append(list, Attachment{f.Name, data, f.About})
	}
	return list, nil
}

func clearDraft(tx account.Tx, with account.ContactID) error {
	if err := dropKept(tx, with[:]); err != nil {
		return err
	}
	return tx.Delete(tableDrafts, with[:])
}
