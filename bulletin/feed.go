package bulletin

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"

	"github.com/jauap/jauap/account"
)

// feedKeySize is long enough that nobody guesses an address.
const feedKeySize = 32

// Feed is what lets a feed reader of this device in: the id of its feed, 32
// hexadecimal digits that stay, and the key of its address, "" while there is
// none.
func (s *Boards) Feed() (id, key string, err error) {
	err = s.vault.View(func(tx account.Tx) error {
		b, err := tx.Get(tableFeed, nil)
		if err != nil || len(b) < 16 {
			return err
		}
		id = hex.EncodeToString(b[:16])
		if len(b) == 16+feedKeySize {
			key = base64.RawURLEncoding.EncodeToString(b[16:])
		}
		return nil
	})
	return id, key, err
}

// NewFeed makes an address; the one before lets nobody in any more.
func (s *Boards) NewFeed() error {
	key := make([]byte, feedKeySize)
	rand.Read(key)
	return s.setFeed(key)
}

// EndFeed leaves no address.
func (s *Boards) EndFeed() error { return s.setFeed(nil) }

func (s *Boards) setFeed(key []byte) error {
	return s.vault.Update(func(tx account.Tx) error {
		b, err := tx.Get(tableFeed, nil)
		if err != nil {
			return err
		}
		id := make([]byte, 16)
		if rand.Read(id); len(b) >= 16 {
			copy(id, b)
		}
		return tx.Put(tableFeed, nil, append(id, key...))
	})
}
