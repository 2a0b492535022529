package sim

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"slices"
	"sort"
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

// defaultQuota of each person's shelf in bytes.
const defaultQuota = 64 << 20

// buffer is how many bytes a link takes before the first have arrived: what it
// carries in half a second, as a link would that keeps its queue short.
func (n Network) buffer() int {
	if n.Rate == 0 {
		return 128 << 10
	}
	return min(max(n.Rate/2, 4<<10), 128<<10)
}

// ErrScenario: a scenario names people or times that cannot be.
var ErrScenario = errors.New("sim: the scenario contradicts itself")

// Run plays a scenario to its end. Errors: ErrScenario, a node's trouble with
// its shelf, or why ctx ended.
func Run(ctx context.Context, s Scenario, seed uint64) (Result, error) {
	if err := s.Check(); err != nil {
		return Result{}, err
	}
	r, err := newRun(s, seed)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		e := r.pop()
		if e == nil || e.at > s.End {
			break
		}
		r.now = e.at
		r.play(e)
		r.spare(e)
		if r.failed != nil {
			return Result{}, fmt.Errorf("%w (repeat it: jauap sim %s --seed %d)", r.failed, cmp.Or(s.Repeat, s.Name), seed)
		}
	}
	if err := r.check(); err != nil {
		return Result{}, fmt.Errorf("%w (repeat it: jauap sim %s --seed %d)", err, cmp.Or(s.Repeat, s.Name), seed)
	}
	return r.result(seed), nil
}

// pop is the next event: of the queue, or the beginning of the next contact.
// Contacts stand in order, so that a country's need not lie in the queue.
func (r *run) pop() *event {
	if r.begun < len(r.s.Contacts) {
		c := r.s.Contacts[r.begun]
		if len(r.events) == 0 || c.From < r.events[0].at || c.From == r.events[0].at && r.events[0].kind > begins {
			r.begun++
			r.push(event{at: c.To, kind: ends, i: r.begun - 1})
			return r.event(event{at: c.From, kind: begins, i: r.begun - 1})
		}
	}
	if len(r.events) == 0 {
		return nil
	}
	return heap.Pop(&r.events).(*event)
}

// Check finds what cannot be. Errors: ErrScenario.
func (s Scenario) Check() error {
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
	for _, p := range slices.Concat(s.Relays, s.Sybils, s.Informants) {
		if !ok(p) {
			return fmt.Errorf("%w: person %d", ErrScenario, p)
		}
	}
	for _, f := range s.Friends {
		if !ok(f[0]) || !ok(f[1]) {
			return fmt.Errorf("%w: acquaintance %v", ErrScenario, f)
		}
	}
	if s.Random+s.Background > 0 && s.People-len(s.Relays)-len(s.Sybils)-len(s.Informants) < 3 {
		return fmt.Errorf("%w: too few people write", ErrScenario)
	}
	if s.Bought < 0 || s.JunkProofs < 0 || s.Network.Rate < 0 || s.Network.Latency < 0 {
		return fmt.Errorf("%w: stamps and proofs of junk, rate and latency are not below 0", ErrScenario)
	}
	if s.Random > 0 && s.Until <= s.Since || s.Class.BodySize() == 0 {
		return fmt.Errorf("%w: random letters or their class", ErrScenario)
	}
	return nil
}

// actor is what a person's device does.
type actor interface {
	Step(now time.Time, evs ...node.Event) []node.Effect
	Next() time.Time
}

// person is one device.
type person struct {
	n    actor
	sh   *store.Shelf  // nil for hostile ones
	tick time.Duration // when a Tick is due; 0: none
	key  string        // of relays
}

// run is a scenario under way.
type run struct {
	s       Scenario
	seed    uint64
	now     time.Duration
	order   uint64
	events  queue
	begun   int // contacts that have begun
	people  []*person
	friends map[[2]int]bool
	wires   map[node.LinkID]*wire // by either end's name
	letters []Letter
	units   []sealed
	mint    mint
	stamps  [][]byte      // of units; nil where nobody has any
	ids     []envelope.ID // of units
	letter  map[envelope.ID]int
	good    map[oneTime][]byte // units whose signature was checked
	pool    *durable.Pool      // the bytes of letters and proofs, once for all disks
	tally   *tally
	fates   []fate // by letter
	watch   watch
	bytes   int64
	steps   int
	hash    hash.Hash
	line    [26]byte // scratch of record
	spares  []*event // played
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
	r := &run{s: s, seed: seed, mint: newMint(seed), wires: make(map[node.LinkID]*wire), letter: make(map[envelope.ID]int), hash: sha256.New(),
		friends: make(map[[2]int]bool), good: make(map[oneTime][]byte), pool: durable.NewPool()}
	if r.s.Quota == 0 {
		r.s.Quota = defaultQuota
	}
	if r.s.Batch == 0 {
		r.s.Batch = 30 * time.Minute
	}
	if r.s.Rules == (routing.Rules{}) {
		r.s.Rules = routing.Default()
	}
	for _, f := range s.Friends {
		r.friends[[2]int{min(f[0], f[1]), max(f[0], f[1])}] = true
	}
	sort.SliceStable(r.s.Contacts, func(i, j int) bool { return r.s.Contacts[i].From < r.s.Contacts[j].From })
	rng := rand.New(rand.NewPCG(seed, 0x6a61756170))
	if err := r.write(rng); err != nil {
		return nil, err
	}
	for p := range s.People {
		if err := r.admit(p, rng); err != nil {
			return nil, err
		}
	}
	for day := 1; time.Duration(day)*24*time.Hour <= s.End; day++ {
		r.push(event{at: time.Duration(day) * 24 * time.Hour, kind: dawns, i: day})
	}
	return r, nil
}

// write makes the letters.
func (r *run) write(rng *rand.Rand) error {
	r.letters = slices.Clone(r.s.Letters)
	honest := slices.DeleteFunc(seq(r.s.People), func(p int) bool {
		return slices.Contains(r.s.Sybils, p) || slices.Contains(r.s.Informants, p) || slices.Contains(r.s.Relays, p)
	})
	for k := range r.s.Random + r.s.Background {
		l := Letter{Noise: k >= r.s.Random}
		from, to := r.s.Since, r.s.Until
		if l.Noise {
			from, to = 0, r.s.End
		}
		for l.From == l.To || !l.Noise && r.s.Apart && r.known(l.From, l.To) {
			l.From, l.To = honest[rng.IntN(len(honest))], honest[rng.IntN(len(honest))]
		}
		l.At = from + time.Duration(rng.Int64N(int64(to-from)))
		r.letters = append(r.letters, l)
	}
	r.tally, r.fates = newTally(r.letters), make([]fate, len(r.letters))
	for i, l := range r.letters {
		u, err := unitOf(rng, r.s.Class, r.shard(l.To), firstDay+envelope.Lifetime)
		if err != nil {
			return err
		}
		r.units = append(r.units, u)
		r.pool.Add(u.bytes)
		r.ids = append(r.ids, envelope.IDOf(u.bytes))
		r.letter[r.ids[i]] = i
		if err := r.stamp(i, u); err != nil {
			return err
		}
		r.push(event{at: l.At, kind: writes, i: i})
	}
	return nil
}

func seq(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// shard of a person's mail; 0, for everybody, where nobody chooses.
func (r *run) shard(p int) uint8 {
	if !r.s.Shards {
		return 0
	}
	return uint8(1 + p%200)
}

func (r *run) known(a, b int) bool { return r.friends[[2]int{min(a, b), max(a, b)}] }

// admit makes a person's device.
func (r *run) admit(p int, rng *rand.Rand) error {
	if slices.Contains(r.s.Sybils, p) || slices.Contains(r.s.Informants, p) {
		h, err := newHostile(rand.New(rand.NewPCG(r.seed, uint64(p)+1)), r.s, firstDay+envelope.Lifetime, r.mint)
		r.people = append(r.people, &person{n: h})
		return err
	}
	sh, _, err := store.Open(r.pool.NewMem(), store.Options{Quota: r.s.Quota, SegmentSize: r.s.Quota / 128, Today: firstDay, Shares: r.s.Rules.Shares})
	if err != nil {
		return err
	}
	c := node.Config{Today: firstDay, Verify: r.verify, Rules: r.s.Rules}
	switch r.s.Postage {
	case Honest:
		c.Postage = r.mint
	case Everybody:
		c.Paid = func(envelope.Envelope) bool { return true }
	}
	who := &person{sh: sh}
	if slices.Contains(r.s.Relays, p) {
		who.key = "relay:" + strconv.Itoa(p)
	} else if r.s.Shards {
		c.Shards = []uint8{r.shard(p)}
	}
	who.n = node.New(c, sh, rand.New(rand.NewPCG(r.seed, uint64(p)+1)))
	r.people = append(r.people, who)
	return nil
}

// oneTime is what few units share: an envelope's key, which its proof has, too.
type oneTime struct {
	class envelope.Class
	key   [32]byte
}

// verify checks each unit's signature once, and knows it by its bytes again.
func (r *run) verify(e envelope.Envelope) error {
	k := oneTime{e.Class(), e.Key()}
	if old, ok := r.good[k]; ok && bytes.Equal(old, e.Bytes()) || junk(e) {
		return nil
	}
	err := e.Verify()
	if err == nil {
		r.good[k] = e.Bytes()
	}
	return err
}

func (r *run) close() {
	for _, p := range r.people {
		if p.sh != nil {
			p.sh.Close()
		}
	}
}

// play one event.
func (r *run) play(e *event) {
	r.record(e)
	switch e.kind {
	case begins:
		r.begin(e.i)
	case ends:
		r.part(r.s.Contacts[e.i])
		for _, name := range names(e.i) {
			w := r.wires[name]
			w.down = true
			delete(r.wires, name)
			r.step(w.from, node.Down{Link: name})
		}
	case writes:
		l := r.letters[e.i]
		r.tally.holder(e.i, l.From, r.now)
		if r.stamps != nil {
			r.step(l.From, node.Submit{Raw: r.stamps[e.i]}, node.Submit{Raw: r.units[e.i].bytes})
			return
		}
		r.step(l.From, node.Submit{Raw: r.units[e.i].bytes})
	case proves:
		r.prove(e.i)
	case dawns:
		if err := r.check(); err != nil {
			r.failed = err
		}
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
	b := &r.line
	clear(b[:])
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
		r.step(ends[i],
			node.Up{
				Link:   name[i],
				Peer:   r.peer(ends[i], ends[1-i]),
				Traits: link.Traits{Latency: r.s.Network.Latency, Exposure: link.Nearby},
			},
			node.Ready{Link: name[i], Bytes: r.s.Network.buffer()})
	}
}

// peer is how a's link names b.
func (r *run) peer(a, b int) link.Peer {
	far := r.people[b]
	switch {
	case far.key != "":
		return link.Peer{Key: far.key, Relay: true, Abroad: true}
	case r.known(a, b):
		return link.Peer{Key: "contact:" + strconv.Itoa(b)}
	}
	return link.Peer{}
}

// prove lets a reader say that a letter arrived.
func (r *run) prove(l int) {
	e, err := envelope.Parse(r.units[l].bytes)
	if err != nil {
		r.failed = err
		return
	}
	done, err := envelope.NewDone(e, r.units[l].key)
	if err != nil {
		r.failed = err
		return
	}
	r.pool.Add(done.Bytes())
	r.step(r.letters[l].To, node.Blend{Raw: done.Bytes()})
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
			if w := r.wires[e.Link]; w != nil && r.people[w.to].sh != nil {
				r.failed = fmt.Errorf("sim: person %d closed a link: %w", p, e.Reason)
			}
		case node.Trouble:
			r.failed = fmt.Errorf("sim: person %d: %w", p, e.Err)
		case node.Arrived:
			if l, ok := r.letter[e.ID]; ok {
				r.tally.holder(l, p, r.now)
				if p == r.letters[l].To && r.s.ProofAfter > 0 && r.tally.arrived[l] == r.now {
					r.push(event{at: (r.now + r.s.ProofAfter).Truncate(r.s.Batch) + r.s.Batch, kind: proves, i: l})
				}
			}
		case node.Stored:
			if l, ok := r.letter[e.ID]; ok {
				r.watch.stored(l)
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
		r.push(event{at: at, kind: ticks, i: p})
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
	r.push(event{at: w.busy + r.s.Network.Latency, kind: arrives, w: w, data: data})
}

// kind of an event. The order is that of events at the same time.
type kind uint8

const (
	begins kind = iota
	writes
	arrives
	ticks
	proves
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

func (r *run) push(e event) {
	r.order++
	e.order = r.order
	heap.Push(&r.events, r.event(e))
}

// event is e in a place where none is any more: a city has hundreds of millions.
func (r *run) event(e event) *event {
	var p *event
	if last := len(r.spares) - 1; last >= 0 {
		p, r.spares = r.spares[last], r.spares[:last]
	} else {
		p = new(event)
	}
	*p = e
	return p
}

// spare gives back the place of an event that was played.
func (r *run) spare(e *event) {
	*e = event{}
	r.spares = append(r.spares, e)
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
