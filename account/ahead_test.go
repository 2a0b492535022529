package account

import (
	"encoding/binary"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// TestPackAhead: the end of the attachments is not sealed while large envelopes are
// before it, and is when they have gone; Pack takes all at once.
func TestPackAhead(t *testing.T) {
	classes := func(list []Packed) (large, small int) {
		for _, p := range list {
			if len(p.Bytes) >= envelope.S4.Size() {
				large++
			} else {
				small++
			}
		}
		return large, small
	}
	for _, ahead := range []bool{true, false} {
		a, b := newUser(t, "A"), newUser(t, "B")
		befriend(t, a, b)
		exchange(t, a, b)
		c := a.contact("B")
		err := a.vault.Update(func(tx Tx) error {
			if err := tx.Put(tableNotes, []byte("leftbig"), binary.BigEndian.AppendUint64(nil, 170_000)); err != nil {
				return err
			}
			return a.a.Queue(tx, a.at, Outgoing{To: c.ID, Letter: LetterID{1}, Parts: []seal.Part{{Kind: kindNote}}, Streams: []StreamID{"big"}})
		})
		if err != nil {
			t.Fatal(err)
		}
		const most = 2 << 20
		if !ahead {
			list := a.pack(most)
			if large, small := classes(list); large != 2 || small < 3 {
				t.Errorf("at one go: %d large, %d small", large, small)
			}
			continue
		}
		seal := func(unsent int) (large, small int) {
			list, err := a.a.PackAhead(a.at, most, unsent)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range list {
				b.receive(p.Bytes)
			}
			return classes(list)
		}
		if large, small := seal(0); large != 2 || small != 1 {
			t.Errorf("at first: %d large, %d small", large, small)
		}
		if large, small := seal(2 * envelope.S4.Size()); large+small != 0 {
			t.Errorf("before they have gone: %d large, %d small", large, small)
		}
		if large, small := seal(1000); large != 0 || small < 2 {
			t.Errorf("afterwards: %d large, %d small", large, small)
		}
		if got := b.streamed(); got != 170_000 {
			t.Errorf("%d bytes arrived", got)
		}
	}
}
