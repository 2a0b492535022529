package exchange

import (
	"testing"

	"github.com/jauap/jauap/envelope"
)

// TestBehindWhatWasCut: texts that left in a window which ended before they arrived are
// asked for in the next; attachments that leave unasked meanwhile only fill the time until
// then, and go on after them.
func TestBehindWhatWasCut(t *testing.T) {
	for giver := range 2 { // the second writes the sketch, and sends what is lacking unasked
		testBehind(t, giver)
	}
}

func testBehind(t *testing.T, giver int) {
	rng := seeded(12)
	a, b := twins(t, 12, 40)
	const texts, photos = 3, 5
	late := map[envelope.ID]bool{}
	for range texts {
		late[a.add(unit(rng, envelope.S3), 0, 0).ID] = true
	}
	for i := range a.items {
		a.items[i].Flown = late[a.items[i].ID]
	}
	for range photos {
		a.add(unit(rng, envelope.S3), 0, 0)
	}
	c := Config{First: 128 << 10, FirstLarge: true, Chunk: 4096, Order: func() Order { return &bySeq{} }}
	sides := [2]*shelf{a, b}
	if giver == 1 {
		sides = [2]*shelf{b, a}
	}
	m := meet(t, [2]Config{c, c}, sides[0], sides[1])
	for range 3 { // HELLO, HAVE and DATA, before a word is heard
		m.pipe[giver] = append(m.pipe[giver], m.s[giver].Next(MaxFrame))
	}
	m.run(rng, never)
	if !same(a, b) {
		t.Fatal("not all arrived")
	}
	missing, before := texts, 0
	for _, it := range b.items {
		switch {
		case late[it.ID]:
			missing--
		case it.Class == envelope.S3 && missing > 0:
			before++
		}
	}
	if before > 1 {
		t.Errorf("giver %d: %d of %d attachments arrived before the texts", giver, before, photos)
	}
	if n := len(m.s[giver].give.flown); n != photos+texts {
		t.Errorf("giver %d: %d units left unasked", giver, n)
	}
}

// bySeq is the order of arrival.
type bySeq struct{ list []Item }

func (o *bySeq) Add(it Item) { o.list = append(o.list, it) }
func (o *bySeq) Next() (it Item, ok bool) {
	if len(o.list) == 0 {
		return it, false
	}
	return o.list[0], true
}
func (o *bySeq) Len() int        { return len(o.list) }
func (o *bySeq) Take()           { o.list = o.list[1:] }
func (o *bySeq) Listed(Item)     {}
func (o *bySeq) Asked(Item, int) {}
func (o *bySeq) Held(Item)       {}
