package node

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"hash"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

const today envelope.Day = 1000

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// sealed makes a unit that verifies.
func sealed(t testing.TB, rng *rand.Rand, c envelope.Class) []byte {
	var seed [32]byte
	fillRandom(rng, seed[:])
	body := make([]byte, c.BodySize())
	fillRandom(rng, body[:min(len(body), 64)])
	e, err := envelope.New(c, 0, today+30, ed25519.NewKeyFromSeed(seed[:]), body)
	if err != nil {
		t.Fatal(err)
	}
	return e.Bytes()
}

func fillRandom(rng *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
}

// forged looks like an envelope and has a wrong signature.
func forged(t testing.TB, rng *rand.Rand, c envelope.Class) []byte {
	raw := sealed(t, rng, c)
	raw[len(raw)-1] ^= 1
	return raw
}

// person is one node with its disk, and what its effects told.
type person struct {
	t       testing.TB
	fs      *durable.Mem
	sh      *store.Shelf
	n       *Node
	arrived map[envelope.ID]bool
	stored  map[envelope.ID]bool
	handed  map[envelope.ID]int
	closed  map[LinkID]error
	trouble []error
	quota   int64
	log     hash.Hash
}

func newPerson(t testing.TB, seed uint64, c Config) *person {
	p := &person{
		t: t, fs: durable.NewMem(), quota: 64 << 20, log: sha256.New(),
		arrived: map[envelope.ID]bool{}, stored: map[envelope.ID]bool{},
		handed: map[envelope.ID]int{}, closed: map[LinkID]error{},
	}
	p.open(seed, c)
	return p
}

func (p *person) open(seed uint64, c Config) {
	c.Today = today
	sh, _, err := store.Open(p.fs, store.Options{Quota: p.quota, Today: today, Shares: routing.Shares()})
	if err != nil {
		p.t.Fatal(err)
	}
	p.sh, p.n = sh, New(c, sh, seeded(seed))
}

// crash loses what is not durable and starts again.
func (p *person) crash(rng *rand.Rand) {
	p.fs = p.fs.CrashClone(rng)
	p.open(rng.Uint64(), p.n.c)
}

// restart kills the process; the disk keeps what the system was given.
func (p *person) restart() {
	p.fs.Kill()
	p.open(1, p.n.c)
}

// step runs the node, notes what it tells and answers what it sends.
func (p *person) step(now time.Time, evs ...Event) (sends []Send) {
	for _, e := range p.n.Step(now, evs...) {
		switch e := e.(type) {
		case Send:
			fmt.Fprintf(p.log, "send %d", e.Link)
			p.log.Write(e.Data)
			sends = append(sends, e)
		case Arrived:
			if p.arrived[e.ID] {
				p.t.Fatalf("%v arrived twice", e.ID)
			}
			if envelope.IDOf(e.Raw) != e.ID {
				p.t.Fatalf("%v arrived with other bytes", e.ID)
			}
			p.arrived[e.ID] = true
			p.log.Write(e.Raw)
		case Stored:
			p.stored[e.ID] = true
		case Handed:
			p.handed[e.ID]++
		case Close:
			p.closed[e.Link] = e.Reason
		case Progress, Even, Refused:
			fmt.Fprintf(p.log, "%T%v", e, e)
		case Trouble:
			p.trouble = append(p.trouble, e.Err)
		}
	}
	return sends
}

// wire is a link between two persons.
type wire struct {
	id   [2]LinkID
	ends [2]*person
	pipe [2][]Send // from each end
	cut  int       // bytes until it breaks; negative: never
	data [2]int    // payload bytes that left each end
	all  int       // bytes that left either end
	down bool
}

// world joins persons.
type world struct {
	t     testing.TB
	now   time.Time
	rng   *rand.Rand
	wires []*wire
	next  LinkID
}

func newWorld(t testing.TB, seed uint64) *world {
	return &world{t: t, now: today.Start(), rng: seeded(seed), next: 1}
}

const credit = 64 << 10

func (w *world) meet(a, b *person, cut int) *wire {
	return w.meetAs(a, b, link.Peer{}, link.Peer{}, cut)
}

func (w *world) meetAs(a, b *person, seenByA, seenByB link.Peer, cut int) *wire {
	x := &wire{id: [2]LinkID{w.next, w.next + 1}, ends: [2]*person{a, b}, cut: cut}
	w.next += 2
	w.wires = append(w.wires, x)
	peers := [2]link.Peer{seenByA, seenByB}
	for i, p := range x.ends {
		w.step(p, Up{Link: x.id[i], Peer: peers[i]}, Ready{Link: x.id[i], Bytes: credit})
	}
	return x
}

func (w *world) step(p *person, evs ...Event) {
	for _, s := range p.step(w.now, evs...) {
		for _, x := range w.wires {
			for i := range x.ends {
				if x.ends[i] == p && x.id[i] == s.Link && !x.down {
					x.pipe[i] = append(x.pipe[i], s)
					n := len(s.Data) + exchange.Prefix
					x.all += n
					if s.Data[0] == 0x85 {
						x.data[i] += n
					}
				}
			}
		}
	}
}

func (w *world) end(x *wire) {
	if x.down {
		return
	}
	x.down = true
	for i, p := range x.ends {
		x.pipe[i] = nil
		w.step(p, Down{Link: x.id[i]})
	}
}

// crash cuts a person's power: links go down, what is not durable is lost,
// and what was told as stored, arrived or handed must still be there.
func (w *world) crash(p *person) {
	for _, x := range w.wires {
		for i := range x.ends {
			if x.ends[i] == p && !x.down {
				x.down = true
				x.pipe = [2][]Send{}
				w.step(x.ends[1-i], Down{Link: x.id[1-i]})
			}
		}
	}
	p.crash(w.rng)
	held := p.ids()
	for _, told := range []map[envelope.ID]bool{p.stored, p.arrived} {
		for id := range told {
			if !held[id] {
				w.t.Fatalf("%v was told and is lost", id)
			}
		}
	}
}

// run delivers frames in random order until nothing moves.
func (w *world) run() { w.most(1 << 30) }

// most does the same for at most so many frames.
func (w *world) most(frames int) {
	for range frames {
		var live []*wire
		for _, x := range w.wires {
			if !x.down && len(x.pipe[0])+len(x.pipe[1]) > 0 {
				live = append(live, x)
			}
		}
		if len(live) == 0 {
			return
		}
		x := live[w.rng.IntN(len(live))]
		i := w.rng.IntN(2)
		if len(x.pipe[i]) == 0 {
			i = 1 - i
		}
		s := x.pipe[i][0]
		x.pipe[i] = x.pipe[i][1:]
		n := len(s.Data) + exchange.Prefix
		if x.cut >= 0 {
			if x.cut -= n; x.cut < 0 {
				w.end(x)
				continue
			}
		}
		w.now = w.now.Add(time.Millisecond)
		w.step(x.ends[1-i], Frame{Link: x.id[1-i], Data: s.Data})
		if _, closed := x.ends[1-i].closed[x.id[1-i]]; closed {
			w.end(x)
			continue
		}
		w.step(x.ends[i], Ready{Link: x.id[i], Bytes: n})
	}
}

func (p *person) ids() map[envelope.ID]bool {
	all := map[envelope.ID]bool{}
	for seq := uint64(0); ; {
		page := p.sh.Since(seq, 100)
		if len(page) == 0 {
			return all
		}
		for _, e := range page {
			all[e.ID] = true
			seq = e.Seq
		}
	}
}
