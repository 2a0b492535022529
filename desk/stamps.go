package desk

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/bulletin/evidence"
)

// MaxStamps is how many stamps are kept beside one root.
const MaxStamps = 16

func stampKey(root evidence.Root, n int) []byte { return append(slices.Clone(root[:]), byte(n)) }

// Stamps are those that are kept beside a report's root, oldest first.
func (d *Desk) Stamps(root evidence.Root) (list []evidence.File, err error) {
	err = d.vault.View(func(tx account.Tx) error {
		return tx.Scan(tableStamps, root[:], account.After(root[:]), false, func(_, raw []byte) (bool, error) {
			f := account.ReadRecord(raw)
			f.Version(1)
			x := evidence.File{Name: f.Text(), Data: bytes.Clone(f.Blob())}
			if f.Done() != nil {
				return false, fmt.Errorf("%w: a stamp", account.ErrDamaged)
			}
			list = append(list, x)
			return true, nil
		})
	})
	return list, err
}

// KeepStamps keeps what is beside a root from now on: nil forgets all. Names are
// numbered anew, only their ends stay.
func (d *Desk) KeepStamps(root evidence.Root, list []evidence.File) error {
	if len(list) > MaxStamps {
		return fmt.Errorf("%w: at most %d stamps are kept beside a report", ErrEntry, MaxStamps)
	}
	return d.vault.Update(func(tx account.Tx) error {
		for i := range MaxStamps {
			if i >= len(list) {
				if err := tx.Delete(tableStamps, stampKey(root, i)); err != nil {
					return err
				}
				continue
			}
			x := list[i]
			name := strconv.Itoa(i+1) + x.Name[max(len(x.Name)-4, 0):]
			if err := tx.Put(tableStamps, stampKey(root, i), account.NewRecord(1).Text(name).Blob(x.Data).Bytes()); err != nil {
				return err
			}
		}
		return nil
	})
}
