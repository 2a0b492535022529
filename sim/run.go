package sim

import (
	"container/heap"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// firstDay is the day on which every scenario begins.
const firstDay envelope.Day = 4

// quota of each person's shelf in bytes.
const quota = 64 << 20

// buffer is how many bytes a link takes before the first have arrived.
const buffer = 128 << 10

// ErrScenario: a scenario names people or times that cannot be.
var ErrScenario = errors.New("sim: the scenario contradicts itself")

// Run plays a scenario to its end. Errors: ErrScenario, a node's trouble with
// its shelf, or why ctx ended.
func Run(ctx context.Context, s Scenario, seed uint64) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	r, err := newRun(s, seed)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	for n := 0; r.events.Len() > 0; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		e := heap.Pop(&r.events).(*event)
		if e.at > s.End {
			break
		}
		r.now = e.at
		r.play(e)
		if r.failed != nil {
			return Result{}, r.failed
		}
	}
	return r.result(seed), nil
}

func (s Scenario) check() error {
	ok := func(p int) bool { return p >= 0 && p < s.People }
	for _, c := range s.Contacts {
		if !ok(c.A) || !ok(c.B) || c.A == c.B || c.From < 0 || c.To <= c.From {
			return fmt.Errorf("%w: contact %v", ErrScenario, c)
		}
	}
	for _, l := range s.Letters {
		if !ok(l.From) || !ok(l.To) || l.From == l.To || l.At < 0 {
			return fmt.Errorf("%w: letter %v", ErrScenario, l)
		}
	}
	if s.Random > 0 && (s.People < 2 || s.Until <= 0) || s.Class.BodySize() == 0 {
		return fmt.Errorf("%w: random letters or their class", ErrScenario)
	}
	return nil
}

// person is one device.
type person struct {
	n    *node.Node
	sh   *store.Shelf
	tick time.Duration // when a Tick is due; 0: none
	key  string        // of relays
}

// run is a scenario under way.
type run struct {
	s       Scenario
	now     time.Duration
	order   uint64
	events  queue
	people  []*person
	wires   map[node.LinkID]*wire // by either end's name
	letters []Letter
	units   [][]byte
	letter  map[envelope.ID]int
	tally   *tally
	bytes   int64
	steps   int
	hash    hash.Hash
	failed  error
}

// wire is one direction's view of a contact.
type wire struct {
	from, to   int // people
	name, peer node.LinkID
	busy       time.Duration // until when it is sending
	down       bool
}

func newRun(s Scenario, seed uint64) (*run, error) {
	r := &run{s: s, wires: make(map[node.LinkID]*wire), letter: make(map[envelope.ID]int), hash: sha256.New()}
	rng := rand.New(rand.NewPCG(seed, 0x6a61756170))
	r.letters = slices.Clone(s.Letters)
	for range s.Random {
		l := Letter{From: rng.IntN(s.People), To: rng.IntN(s.People - 1), At: time.Duration(rng.Int64N(int64(s.Until)))}
		if l.To >= l.From {
			l.To++
		}
		r.letters = append(r.letters, l)
	}
	r.tally = newTally(r.letters)
	for i, l := range r.letters {
		raw, err := unit(rng, s.Class)
		if err != nil {
			return nil, err
		}
		r.units = append(r.units, raw)
		r.letter[envelope.IDOf(raw)] = i
		r.push(&event{at: l.At, kind: writes, i: i})
	}
	for i, c := range s.Contacts {
		r.push(&event{at: c.From, kind: begins, i: i})
		r.push(&event{at: c.To, kind: ends, i: i})
	}
	for p := range s.People {
		sh, _, err := store.Open(durable.NewMem(), store.Options{Quota: quota, SegmentSize: 1 << 20, Today: firstDay, Shares: routing.Shares()})
		if err != nil {
			return nil, err
		}
		who := &person{sh: sh, n: node.New(node.Config{Today: firstDay}, sh, rand.New(rand.NewPCG(seed, uint64(p)+1)))}
		if slices.Contains(s.Relays, p) {
			who.key = "relay:" + strconv.Itoa(p)
		}
		r.people = append(r.people, who)
	}
	for day := 1; time.Duration(day)*24*time.Hour <= s.End; day++ {
		r.push(&event{at: time.Duration(day) * 24 * time.Hour, kind: dawns, i: day})
	}
	return r, nil
}

func (r *run) close() {
	for _, p := range r.people {
		p.sh.Close()
	}
}

// unit makes an envelope that verifies and that nobody can open.
func unit(rng *rand.Rand, c envelope.Class) ([]byte, error) {
	random := func(b []byte) []byte {
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	osk := ed25519.NewKeyFromSeed(random(make([]byte, ed25519.SeedSize)))
	e, err := envelope.New(c, 0, firstDay+envelope.Lifetime, osk, random(make([]byte, c.BodySize())))
	return e.Bytes(), err
}

// play one event.
func (r *run) play(e *event) {
	r.record(e)
	switch e.kind {
	case begins:
		r.begin(e.i)
	case ends:
		for _, name := range names(e.i) {
			w := r.wires[name]
			w.down = true
			delete(r.wires, name)
			r.step(w.from, node.Down{Link: name})
		}
	case writes:
		l := r.letters[e.i]
		r.tally.holder(e.i, l.From, r.now)
		r.step(l.From, node.Submit{Raw: r.units[e.i]})
	case dawns:
		for p := range r.people {
			r.step(p, node.Day{Today: firstDay.Add(e.i)})
		}
	case arrives:
		if !e.w.down {
			r.step(e.w.to, node.Frame{Link: e.w.peer, Data: e.data})
		}
		if !e.w.down {
			r.step(e.w.from, node.Ready{Link: e.w.name, Bytes: len(e.data) + exchange.Prefix})
		}
	case ticks:
		if p := r.people[e.i]; p.tick == e.at {
			p.tick = 0
			r.step(e.i, node.Tick{})
		}
	}
}

// record puts an event into the hash.
func (r *run) record(e *event) {
	var b [26]byte
	binary.BigEndian.PutUint64(b[:], uint64(e.at))
	b[8] = byte(e.kind)
	binary.BigEndian.PutUint64(b[9:], uint64(e.i))
	if e.w != nil {
		binary.BigEndian.PutUint64(b[17:], uint64(e.w.name))
	}
	r.hash.Write(b[:])
	r.hash.Write(e.data)
}

// names of the two ends of a contact's link.
func names(contact int) [2]node.LinkID {
	return [2]node.LinkID{node.LinkID(2*contact + 1), node.LinkID(2*contact + 2)}
}

func (r *run) begin(contact int) {
	c := r.s.Contacts[contact]
	name, ends := names(contact), [2]int{c.A, c.B}
	for i := range ends {
		r.wires[name[i]] = &wire{from: ends[i], to: ends[1-i], name: name[i], peer: name[1-i]}
	}
	for i := range ends {
		far := r.people[ends[1-i]]
		r.step(ends[i],
			node.Up{
				Link:   name[i],
				Peer:   link.Peer{Key: far.key, Relay: far.key != "", Abroad: far.key != ""},
				Traits: link.Traits{Latency: r.s.Network.Latency, Exposure: link.Nearby},
			},
			node.Ready{Link: name[i], Bytes: buffer})
	}
}

// step runs one node and does what it says.
func (r *run) step(p int, evs ...node.Event) {
	r.steps++
	who := r.people[p]
	for _, e := range who.n.Step(r.wall(), evs...) {
		switch e := e.(type) {
		case node.Send:
			r.send(r.wires[e.Link], e.Data)
		case node.Close:
			r.failed = fmt.Errorf("sim: person %d closed a link: %w", p, e.Reason)
		case node.Trouble:
			r.failed = fmt.Errorf("sim: person %d: %w", p, e.Err)
		case node.Arrived:
			if l, ok := r.letter[e.ID]; ok {
				r.tally.holder(l, p, r.now)
			}
		}
	}
	next := who.n.Next()
	if next.IsZero() {
		who.tick = 0
		return
	}
	at := max(next.Sub(firstDay.Start()), r.now+1)
	if who.tick == 0 || at < who.tick {
		who.tick = at
		r.push(&event{at: at, kind: ticks, i: p})
	}
}

func (r *run) wall() time.Time { return firstDay.Start().Add(r.now) }

// send puts a frame on its way.
func (r *run) send(w *wire, data []byte) {
	if w == nil || w.down {
		return
	}
	n := len(data) + exchange.Prefix
	r.bytes += int64(n)
	w.busy = max(w.busy, r.now)
	if r.s.Network.Rate > 0 {
		w.busy += time.Duration(n) * time.Second / time.Duration(r.s.Network.Rate)
	}
	r.push(&event{at: w.busy + r.s.Network.Latency, kind: arrives, w: w, data: data})
}

func (r *run) result(seed uint64) Result {
	res := Result{
		Scenario: r.s.Name, Seed: seed, People: r.s.People, Contacts: len(r.s.Contacts), Letters: len(r.letters),
		Outcome: r.tally.outcome(), Bytes: r.bytes, Ideal: flood(r.s, r.letters).outcome(), Steps: r.steps,
		Hash: hex.EncodeToString(r.hash.Sum(nil)), Arrivals: r.tally.arrived,
	}
	if res.Delivered > 0 {
		res.BytesPerDelivered = float64(res.Bytes) / float64(res.Delivered)
	}
	return res
}

// kind of an event. The order is that of events at the same time.
type kind uint8

const (
	begins kind = iota
	writes
	arrives
	ticks
	dawns
	ends
)

type event struct {
	at    time.Duration
	kind  kind
	order uint64 // of making, among events of the same time and kind
	i     int    // contact, letter, person or day
	w     *wire
	data  []byte
}

func (r *run) push(e *event) {
	r.order++
	e.order = r.order
	heap.Push(&r.events, e)
}

// queue is the heap of events to come.
type queue []*event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	a, b := q[i], q[j]
	if a.at != b.at {
		return a.at < b.at
	}
	if a.kind != b.kind {
		return a.kind < b.kind
	}
	return a.order < b.order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
