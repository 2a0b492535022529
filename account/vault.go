package account

import "errors"

// Errors that a Vault returns, usable with errors.Is.
var (
	ErrFull    = errors.New("account: the disk is full: free some space and try again; nothing that was saved is lost")
	ErrDamaged = errors.New("account: the vault is damaged")
	ErrClosed  = errors.New("account: the vault is closed")
	ErrTx      = errors.New("account: internal error: transaction misused")
)

// Table separates kinds of records in a vault. Tables below 32 belong to this
// room, those from 32 on to the App.
type Table uint8

// FirstAppTable is the first table that an App may use.
const FirstAppTable Table = 32

// The tables of this room, each with its key and record.
const (
	tableMe       Table = iota + 1 // name of a single record -> record
	tableContacts                  // contact id -> contact
	tableCards                     // card id -> outstanding card with its inbox
	tableSessions                  // contact id, session id -> session
	tableQueue                     // contact id, class, sequence -> what waits
	tableSealed                    // envelope id -> bytes until the shelf has them
	tableSent                      // envelope id -> sent envelope until proven or expired
	tableLetters                   // letter id -> progress
	tableProofs                    // due, envelope id -> proof
	tableExpiry                    // letter.indexKey -> tick of the last change
	tableWaiting                   // contact id, letter id of those that no other device holds
	tableAcks                      // session id, epoch, index -> envelope id
	tableAgain                     // id of a Start -> its parts, until they are known to have arrived
	tableDone                      // id of a Guest's envelope -> its proof, until all its letters are known to have arrived
	tableWaits                     // contact id -> how many of tableWaiting are theirs, 8 bytes
)

// Vault keeps records on stable storage. All rooms share one.
type Vault interface {
	// View runs f on a state that does not change meanwhile.
	View(f func(Tx) error) error
	// Update runs f and makes its changes durable, all or none: after nil they
	// survive a power cut, after an error nothing changed. Updates run one after
	// the other; f must not call View or Update again.
	Update(f func(Tx) error) error
	// Close ends the use of the vault. It waits for running transactions.
	Close() error
}

// Tx is the inside of a transaction. It must not be used after it ended.
type Tx interface {
	// Get answers nil, nil when there is no such record. The caller must not
	// change the slice.
	Get(t Table, key []byte) ([]byte, error)
	Put(t Table, key, val []byte) error
	// Delete of an absent record is not an error.
	Delete(t Table, key []byte) error
	// Scan calls f for the keys with from <= key < to in the order of their
	// bytes, or backwards. A nil to means to the end of the table. f may read
	// but must not Put or Delete (ErrTx): collect first, change afterwards.
	Scan(t Table, from, to []byte, reverse bool, f func(k, v []byte) (more bool, err error)) error
}

// After is the first key that does not start with prefix: the end of a Scan
// over all keys that do. It is nil when there is none.
func After(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] != 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
