package sqlite

import "github.com/jauap/jauap/account"

// Scrub brings what was committed into the data file, where deleted records are
// overwritten (secure_delete), and cuts the log to nothing: it held them too.
// Copies that a flash disk's own controller keeps are out of reach; they are
// encrypted like everything here.
func (v *Vault) Scrub() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.db == nil {
		return account.ErrClosed
	}
	return fault(v.db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"))
}
