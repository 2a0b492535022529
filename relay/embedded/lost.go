package embedded

import (
	"crypto/rand"
	"sync/atomic"

	"github.com/jauap/jauap/relay"
)

// Who gave something believes that it is here. When the disk lost it while the box
// was open there is a new epoch, too, so that it is given again; at most once a day, for
// each costs every client a listing.

// losses is what is known of the shelf's.
type losses struct {
	seen atomic.Uint64 // of shelf.Losses, at the last new epoch
	day  atomic.Uint32 // of that, as in Box.alive; 0: never
	turn atomic.Bool   // somebody is about a new one
}

// lost begins a new epoch if that is due. What cannot be written down is tried again:
// after a start under the old epoch who knew it would believe what is not so.
func (b *Box) lost() {
	n, today := b.shelf.Losses(), b.alive.Load()
	if n == b.losses.seen.Load() || today == b.losses.day.Load() || !b.losses.turn.CompareAndSwap(false, true) {
		return
	}
	defer b.losses.turn.Store(false)
	salt := make([]byte, 8)
	_, _ = rand.Read(salt) // never fails: crypto/rand
	if b.shelf.SetMark(markSalt, salt) != nil || b.sync() != nil {
		return
	}
	b.losses.seen.Store(n)
	b.losses.day.Store(today)
	b.name()
}

// name is the epoch from now on.
func (b *Box) name() {
	e := relay.Epoch(b.shelf.Epoch())
	for i, v := range b.shelf.Mark(markSalt) {
		e[i%len(e)] ^= v
	}
	b.epoch.Store(&e)
}
