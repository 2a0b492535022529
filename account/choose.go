package account

import "github.com/jauap/jauap/envelope"

// load is what choose knows about the letters that wait for one contact.
type load struct {
	sizes []int                    // of the entries in their order
	more  bool                     // there are more than these
	room  func(envelope.Class) int // of the session
	wish  int                      // room that the session asks for
	first bool                     // nothing was sealed for this contact yet in this round
	most  int                      // bytes that the envelope may have
	top   envelope.Class           // no larger one unless a single entry needs it
}

// fill is how many entries fit the class, in order, and their bytes.
func (l load) fill(c envelope.Class) (n, bytes int) {
	room := l.room(c) - l.wish
	if room <= 0 || c.Size() > l.most {
		return 0, 0
	}
	for _, size := range l.sizes {
		if bytes+size > room {
			break
		}
		bytes += size
		n++
	}
	return n, bytes
}

// choose takes the class in which the fewest bytes are padding; among nearly
// equal ones the larger, which costs fewer keys. Texts do not go above top
// unless a single one needs it: what is small leaves early. For the same
// reason the first envelope of a long queue is small. n is 0 when
// nothing fits.
func (l load) choose() (best envelope.Class, n int) {
	total := 0
	for _, size := range l.sizes {
		total += size
	}
	if l.first && (l.more || total > longQueue) {
		for _, c := range []envelope.Class{envelope.S1, envelope.S1b} {
			if n, _ := l.fill(c); n > 0 {
				return c, n
			}
		}
	}
	share := -1.0
	for _, c := range envelope.Sealed() {
		if envelope.Compare(c, l.top) > 0 && n > 0 {
			break
		}
		fits, bytes := l.fill(c)
		if fits == 0 {
			continue
		}
		if s := float64(bytes+l.wish) / float64(c.Size()); s > 0.97*share {
			best, n, share = c, fits, max(s, share)
		}
	}
	return l.one(best, n)
}

// grant chooses with room for a wish of the session, and without it where that leaves
// no room for letters, or would cost more than wishMost and dear says that it must not.
func (l *load) grant(wish int, dear bool) (c envelope.Class, n int) {
	c, n = l.choose()
	if wish == 0 || n == 0 {
		return c, n
	}
	_, bytes := l.fill(c)
	with := *l
	with.wish = wish
	larger, fits := with.choose()
	_, left := with.fill(larger)
	if fits == 0 || larger.Size()-left-(c.Size()-bytes) > wishMost && !dear {
		return c, n
	}
	l.wish = wish
	return larger, fits
}

// one takes the class up to S2 that holds all that waits, where that costs no more
// bytes than the chosen one and another for the rest would: it costs fewer keys.
func (l load) one(best envelope.Class, n int) (envelope.Class, int) {
	if n == 0 || n == len(l.sizes) || l.more {
		return best, n
	}
	rest := 0
	for _, size := range l.sizes[n:] {
		rest += size
	}
	two := best.Size()
	for _, c := range []envelope.Class{envelope.S1, envelope.S1b, envelope.S2} {
		if rest <= l.room(c) || c == envelope.S2 {
			two += c.Size()
			break
		}
	}
	for _, c := range []envelope.Class{envelope.S1b, envelope.S2} {
		if all, _ := l.fill(c); all == len(l.sizes) && c.Size() <= two {
			return c, all
		}
	}
	return best, n
}

// chooseStream takes the class for streams of which about left bytes wait, and about
// next of the one that goes first. A photo does not wait for its neighbours: where an
// S4 holds what is left of it, there is no S5 around it.
func chooseStream(left, next int64, room func(envelope.Class) int, most int) (best envelope.Class) {
	share := -1.0
	for _, c := range envelope.Sealed() {
		r := room(c)
		if r < minCut || c.Size() > most {
			continue
		}
		if s := float64(min(left, int64(r))) / float64(c.Size()); s > 0.97*share {
			best, share = c, max(s, share)
		}
	}
	if best == envelope.S5 && next <= int64(room(envelope.S4)) {
		return envelope.S4
	}
	return best
}

// longQueue is a second of a slow link (64 kbit/s), in bytes.
const longQueue = 8000

// minCut is the least room that is worth a piece of a stream, in bytes.
const minCut = 192
