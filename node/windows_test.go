package node

import (
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
)

// TestWordsFirstInEachWindow: a slow line between two contacts opens for some seconds again
// and again. What was in the air at a cut is offered again at once, words arrive before any
// attachment, in no more windows than their bytes need, and hardly a byte comes twice.
func TestWordsFirstInEachWindow(t *testing.T) {
	const words, photos, window = 8, 6, 56_000
	for seed := range uint64(8) {
		b := newBroken(t, 70+seed)
		for range 12 { // old envelopes, so that both have a list worth a sketch
			old := sealed(t, b.rng, envelope.S1)
			for _, p := range b.people {
				p.step(b.now, Found{old})
			}
		}
		var said, seen []envelope.ID
		submit := func(n int, words bool) (ids []envelope.ID) {
			for range n {
				raw := sealed(t, b.rng, envelope.S3)
				b.people[0].step(b.now, Submit{Raw: raw, Words: words})
				ids = append(ids, envelope.IDOf(raw))
			}
			return ids
		}
		arrived := func(ids []envelope.ID) (n int) {
			for _, id := range ids {
				if b.people[1].arrived[id] {
					n++
				}
			}
			return n
		}
		seen, said = submit(photos, false), submit(words, true)
		before := b.people[1].n.Came()
		for i := 0; arrived(said) < words; i++ {
			if i == 4 {
				t.Fatalf("seed %d: after %d windows only %d of %d units with words arrived", seed, i, arrived(said), words)
			}
			cut := window + b.rng.IntN(16<<10)
			l := &airline{rate: 8000, delay: 300 * time.Millisecond, left: [2]int{cut, cut}}
			one, other := b.device(0, link.Peer{}, l.delay), b.device(1, link.Peer{}, l.delay)
			one.name, other.name = "1", "0"
			l.ends = [2]lineEnd{one, other}
			b.now, _ = l.run(b.now)
			b.now = b.now.Add(time.Minute)
			if n := arrived(seen); n > 0 && arrived(said) < words {
				t.Errorf("seed %d: in window %d there were %d attachments and only %d of %d units with words", seed, i+1, n, arrived(said), words)
			}
		}
		came, held := b.people[1].n.Came()-before, int64(0)
		for id := range b.people[1].arrived {
			if e, ok := b.people[1].sh.Entry(id); ok && e.Class == envelope.S3 {
				held += int64(e.Size)
			}
		}
		for _, p := range b.people[1].sh.Partials() {
			held += int64(p.Have)
		}
		if waste := came - held; waste*50 > held {
			t.Errorf("seed %d: %d of %d bytes came twice", seed, waste, held)
		}
	}
}
