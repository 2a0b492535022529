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

// maxBrought is how many stamps letters fill up to, so that those who know a root
// leave room for those that the desk asks for itself.
const maxBrought = MaxStamps / 2

// Stamped takes a letter with stamps of a report; done is false while the report
// is not here. Those that hold are kept beside it, each once; fault is why others
// were not.
func (d *Desk) Stamped(b []byte) (done bool, fault, err error) {
	root, list, fault := evidence.ReadStamps(b)
	if fault != nil {
		return true, fault, nil
	}
	v, err := d.View()
	if err != nil || v.Report(root.String()) == nil {
		return false, nil, err
	}
	had, err := d.Stamps(root)
	if err != nil {
		return false, nil, err
	}
	n := len(had)
	for _, f := range list {
		if bad := evidence.Holds(root, f); bad != nil {
			fault = bad
			continue
		}
		known := slices.ContainsFunc(had, func(x evidence.File) bool { return bytes.Equal(x.Data, f.Data) })
		if !known && len(had) < maxBrought {
			had = append(had, f)
		}
	}
	if len(had) == n {
		return true, fault, nil
	}
	return true, fault, d.KeepStamps(root, had)
}
