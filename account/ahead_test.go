package account

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
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
			list, err := a.a.PackAhead(a.at, most, Ahead{Unsent: unsent})
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

// attach queues files of so many bytes for B, each in a letter of its own.
func (u *user) attach(n int, size uint64) {
	u.t.Helper()
	c := u.contact("B")
	for i := range n {
		name := fmt.Sprint("file", i)
		err := u.vault.Update(func(tx Tx) error {
			if err := tx.Put(tableNotes, []byte("left"+name), binary.BigEndian.AppendUint64(nil, size)); err != nil {
				return err
			}
			return u.a.Queue(tx, u.at, Outgoing{To: c.ID, Letter: LetterID{byte(i + 1)}, Parts: []seal.Part{{Kind: kindNote}}, Streams: []StreamID{StreamID(name)}, Follows: true})
		})
		if err != nil {
			u.t.Fatal(err)
		}
	}
}

func (u *user) ahead(max int, h Ahead) []Packed {
	u.t.Helper()
	list, err := u.a.PackAhead(u.at, max, h)
	if err != nil {
		u.t.Fatal(err)
	}
	return list
}

// TestPackSlow: for a slow link photos are sealed small, one after the other, so that of
// the same bytes more are whole; for others as before.
func TestPackSlow(t *testing.T) {
	const photo, photos = 60_000, 14
	for _, slow := range []bool{true, false} {
		a, b := newUser(t, "A"), newUser(t, "B")
		befriend(t, a, b)
		exchange(t, a, b)
		a.attach(photos, photo)
		var list []Packed
		for unsent := 0; len(list) < 60; {
			more := a.ahead(128<<10, Ahead{Unsent: unsent, Slow: slow})
			if len(more) == 0 {
				break
			}
			list, unsent = append(list, more...), 2*envelope.S4.Size()
		}
		whole, bytes, sizes := 0, 0, map[int]int{}
		last := map[LetterID]int{} // the envelope in which it ends
		for i, p := range list {
			for _, l := range p.Letters {
				last[l] = i
			}
		}
		for i, p := range list {
			bytes += len(p.Bytes)
			sizes[len(p.Bytes)]++
			b.receive(p.Bytes)
			if i > 0 && slices.Contains(p.Letters, LetterID{byte(whole + 2)}) && last[LetterID{byte(whole + 1)}] > i {
				t.Errorf("slow %v: photo %d is begun before %d is whole", slow, whole+2, whole+1)
			}
			for last[LetterID{byte(whole + 1)}] == i && whole < photos-1 {
				whole++
			}
			// What 64 kbit/s bring in two minutes beside 500 texts.
			if bytes <= 763_000 && bytes+len(p.Bytes) > 763_000 {
				if want := map[bool]int{true: 12, false: 11}[slow]; whole != want {
					t.Errorf("slow %v: %d photos are whole after %d bytes, want %d; %v", slow, whole, bytes, want, sizes)
				}
			}
		}
		if n := sizes[envelope.S4.Size()] + sizes[envelope.S5.Size()]; slow && n > 0 || !slow && n == 0 || bytes < 763_000 {
			t.Errorf("slow %v: %d bytes in envelopes %v", slow, bytes, sizes)
		}
	}
}

// TestPackSlowKeys: where nobody answers, attachments are cut small only as long as many
// keys are left, and films never are.
func TestPackSlowKeys(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	a.attach(30, 60_000)
	var small, large int
	for range 40 {
		for _, p := range a.ahead(1<<20, Ahead{Unsent: 1 << 20, Slow: true}) {
			if len(p.Bytes) > envelope.S3.Size() {
				large++
			} else if large == 0 { // what is left at the end is small again
				small++
			}
		}
	}
	if small == 0 || small > soonKeys || large == 0 {
		t.Errorf("%d small and %d large envelopes without an answer", small, large)
	}
	c, d := newUser(t, "C"), newUser(t, "B")
	befriend(t, c, d)
	exchange(t, c, d)
	c.attach(1, 2_000_000)
	for _, p := range c.ahead(1<<20, Ahead{Slow: true}) {
		if len(p.Bytes) < envelope.S4.Size() && len(p.Letters) > 0 && len(p.Bytes) > envelope.S2.Size() {
			t.Errorf("%d bytes around a piece of a film", len(p.Bytes))
		}
	}
}

// TestPackSlowTexts: a text that is written while photos are under way does not get in
// line behind them: what holds it is smaller.
func TestPackSlowTexts(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	a.attach(3, 60_000)
	a.ahead(64<<10, Ahead{Slow: true})
	for i := range 60 {
		a.write("B", fmt.Sprint(i, strings.Repeat(" news", 40)))
	}
	n := 0
	for _, p := range a.ahead(2<<20, Ahead{Unsent: 64 << 10, Slow: true, Texts: true}) {
		if n++; len(p.Bytes) > envelope.S2.Size() {
			t.Errorf("texts in %d bytes", len(p.Bytes))
		}
	}
	if n < 3 {
		t.Errorf("only %d envelopes", n)
	}
}

// TestPackFollows: what is said of photos without a word does not overtake a long queue of
// texts in an envelope of its own. It comes with the first photo; where nothing waits before it,
// and where the link is fast, at once.
func TestPackFollows(t *testing.T) {
	const photos = 20
	for _, c := range []struct {
		texts       int
		slow, early bool
	}{{200, true, false}, {200, false, true}, {1, true, true}, {0, true, true}} {
		a, b := newUser(t, "A"), newUser(t, "B")
		befriend(t, a, b)
		exchange(t, a, b)
		for i := range c.texts {
			a.write("B", fmt.Sprint(i, strings.Repeat(" news", 40)))
		}
		a.attach(photos, 60_000)
		told, alone, first := map[LetterID]bool{}, 0, -1
		for unsent := range 3 { // the texts, more of them, and then the photos
			for _, p := range a.ahead(128<<10, Ahead{Unsent: unsent << 14, Slow: c.slow, Texts: unsent == 1}) {
				b.receive(p.Bytes)
				if len(p.Bytes) >= envelope.S4.Size() && first < 0 {
					first = len(told)
				}
				n := 0
				for _, l := range p.Letters {
					if l == (LetterID{l[0]}) {
						told[l] = true
						n++
					}
				}
				if n == len(p.Letters) && n > 1 && len(p.Bytes) < envelope.S3.Size() {
					alone++
				}
			}
		}
		if len(told) != photos || alone > 0 && !c.early || alone == 0 && c.texts == 0 || !c.slow && first != photos {
			t.Errorf("%+v: %d photos are told of, %d before the first, %d envelopes for nothing else", c, len(told), first, alone)
		}
	}
}
