package town

import (
	"slices"
	"strconv"
	"time"

	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/node"
)

// wire is a link between two devices.
type wire struct {
	w     *world
	ends  [2]*device
	names [2]node.LinkID
	pipe  [2][][]byte // from each end
	left  int         // frames until it breaks
	rough bool        // frames are damaged, doubled, lost and change places
	down  bool
}

func (l *wire) send(from *device, data []byte) {
	if l.down {
		return
	}
	k := 0
	if from == l.ends[1] {
		k = 1
	}
	l.w.watch.frame(data)
	if l.rough {
		l.mishap(k, data)
		return
	}
	l.pipe[k] = append(l.pipe[k], data)
}

// mishap is what a bad link does to a frame.
func (l *wire) mishap(k int, data []byte) {
	rng := l.w.rng
	switch rng.IntN(24) {
	case 0: // a bit turns over
		data = slices.Clone(data)
		data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
	case 1: // twice
		l.pipe[k] = append(l.pipe[k], data)
	case 2: // lost
		return
	case 3: // before others
		at := rng.IntN(len(l.pipe[k]) + 1)
		l.pipe[k] = slices.Insert(l.pipe[k], at, data)
		return
	case 4: // cut
		data = data[:rng.IntN(len(data)+1)]
		if len(data) == 0 {
			return
		}
	}
	l.pipe[k] = append(l.pipe[k], data)
}

// end takes the link down at both ends.
func (l *wire) end() {
	if l.down {
		return
	}
	l.down = true
	for k, d := range l.ends {
		if d.links[l.names[k]] == l {
			delete(d.links, l.names[k])
			d.life(func() { d.step(node.Down{Link: l.names[k]}) })
		}
	}
}

// peer is how a's link names b.
func (w *world) peer(a, b *device) link.Peer {
	switch {
	case b.relay:
		return link.Peer{Key: "relay:" + strconv.Itoa(b.i), Relay: true}
	case a.name != "" && b.name != "" && w.friends(a.i, b.i):
		return link.Peer{Key: "contact:" + strconv.Itoa(b.i)}
	}
	return link.Peer{}
}

const buffer = 64 << 10

// connect brings a link up.
func (w *world) connect(a, b *device, rough bool, frames int) *wire {
	if !a.up() || !b.up() || a == b {
		return nil
	}
	w.lastLink += 2
	l := &wire{w: w, ends: [2]*device{a, b}, names: [2]node.LinkID{w.lastLink, w.lastLink + 1}, rough: rough, left: frames}
	for k, d := range l.ends {
		if l.down || !d.up() {
			break
		}
		d.links[l.names[k]] = l
		d.life(func() {
			d.step(node.Up{Link: l.names[k], Peer: w.peer(d, l.ends[1-k]), Traits: link.Traits{Latency: 5 * time.Millisecond, Exposure: link.Nearby}},
				node.Ready{Link: l.names[k], Bytes: buffer})
			d.settle()
		})
	}
	return l
}

// run carries frames over all links at once until nothing moves.
func (w *world) run(links []*wire) {
	for quiet := 0; quiet < 8 && w.failed == nil; {
		if w.deliver(links) {
			quiet = 0
			continue
		}
		quiet++
		w.now += 4 * time.Second
		w.pass()
		for _, l := range links {
			for _, d := range l.ends {
				d.life(func() { d.step(node.Tick{}); d.settle() })
			}
		}
	}
	for _, l := range links {
		l.end()
	}
	for _, l := range links {
		for _, d := range l.ends {
			d.life(d.settle)
		}
	}
}

// deliver carries one frame, of a random link and direction, if there is any.
func (w *world) deliver(links []*wire) bool {
	first := w.rng.IntN(2 * len(links))
	for at := range 2 * len(links) {
		l, k := links[(first+at)/2%len(links)], (first+at)%2
		if l.down || len(l.pipe[k]) == 0 {
			continue
		}
		data := l.pipe[k][0]
		l.pipe[k] = l.pipe[k][1:]
		from, to := l.ends[k], l.ends[1-k]
		w.frames++
		w.now += 5 * time.Millisecond
		to.life(func() { to.step(node.Frame{Link: l.names[1-k], Data: data}) })
		from.life(func() { from.step(node.Ready{Link: l.names[k], Bytes: len(data) + exchange.Prefix}) })
		if w.rng.IntN(6) == 0 {
			to.life(to.settle)
		}
		if l.left--; l.left == 0 {
			l.end()
		}
		return true
	}
	return false
}
