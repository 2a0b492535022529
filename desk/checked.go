package desk

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/jauap/jauap/account"
)

// Checked is what became of a package that came: it was filed as a report, or
// it did not hold.
type Checked struct {
	Package string // what the caller calls it, 32 digits
	Root    string // of the report; empty when it did not hold
	Fault   string // class of spec/vectors/evidence.json
	Words   string // why, for a person
	Came    time.Time
}

// maxChecked bounds a list of packages that did not hold.
const maxChecked = 1000

// Note remembers what became of a package, so that it is not checked again.
func (d *Desk) Note(c Checked) error {
	key, err := hex.DecodeString(c.Package)
	if err != nil || len(key) != 16 {
		return ErrUnknown
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(); err != nil {
		return err
	}
	err = d.vault.Update(func(tx account.Tx) error {
		return tx.Put(tableChecked, key, account.NewRecord(1).Text(c.Root).Text(c.Fault).Text(c.Words).Time(c.Came).Bytes())
	})
	if err == nil {
		d.checked[c.Package] = c
		if c.Root != "" {
			d.packages[c.Root] = c.Package
		}
	}
	return err
}

// loadChecked reads what Note kept.
func (d *Desk) loadChecked(tx account.Tx) error {
	d.checked, d.packages = map[string]Checked{}, map[string]string{}
	return tx.Scan(tableChecked, nil, nil, false, func(k, raw []byte) (bool, error) {
		f := account.ReadRecord(raw)
		f.Version(1)
		c := Checked{Package: hex.EncodeToString(k), Root: f.Text(), Fault: f.Text(), Words: f.Text(), Came: f.Time()}
		d.checked[c.Package] = c
		if c.Root != "" {
			d.packages[c.Root] = c.Package
		}
		return true, f.Done()
	})
}

// WasChecked reports whether a package was looked at before.
func (d *Desk) WasChecked(name string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.load()
	_, ok := d.checked[name]
	return ok, err
}

// PackageOf is the package of a report, empty when it is not here.
func (d *Desk) PackageOf(root string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.packages[root]
}

// Forget drops what is remembered of packages that are no longer here.
func (d *Desk) Forget(name string) error {
	key, err := hex.DecodeString(name)
	if err != nil {
		return ErrUnknown
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	err = errors.Join(d.load(), d.vault.Update(func(tx account.Tx) error { return tx.Delete(tableChecked, key) }))
	if err == nil {
		delete(d.packages, d.checked[name].Root)
		delete(d.checked, name)
	}
	return err
}

// Broken are the packages that did not hold, at most a thousand.
func (d *Desk) Broken() ([]Checked, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(); err != nil {
		return nil, err
	}
	var list []Checked
	for _, name := range sortedKeys(d.checked) {
		if c := d.checked[name]; c.Root == "" && c.Fault != "" && len(list) < maxChecked {
			list = append(list, c)
		}
	}
	return list, nil
}
