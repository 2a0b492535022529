package seal_test

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// The model: two people, a carrier that loses 30 % of the letters, doubles
// 20 % of the rest two to four times and delays each copy between a minute
// and ten days; both ends are put back to their last stored state at random
// moments, also between sealing and storing, and between opening and storing.
const (
	modelLetters = 20_000
	modelLoss    = 0.30
	modelDouble  = 0.20
	modelFromA   = 0.60
	modelMean    = 30 * 60.0 // seconds between letters
	modelCrash   = 0.004     // of all operations
	minDelay     = 60.0
	maxDelay     = 10 * 86400.0
)

// modelEnd is one end with what it has on stable storage.
type modelEnd struct {
	*person
	session *seal.Session
	watch   []byte               // the inbox now
	stored  []byte               // the session on stable storage
	inbox   []byte               // the inbox on stable storage
	epochs  map[uint32]seal.Tick // when it first sealed in an epoch
	used    map[[2]uint32]bool
	slots   map[uint32]bool
	waiting int
}

type arrival struct {
	at     float64
	letter uint64
	toB    bool
	raw    []byte
}

type arrivals []arrival

func (h arrivals) Len() int           { return len(h) }
func (h arrivals) Less(i, j int) bool { return h[i].at < h[j].at }
func (h arrivals) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *arrivals) Push(x any)        { *h = append(*h, x.(arrival)) }
func (h *arrivals) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

type model struct {
	t         *testing.T
	rng       *rand.Rand
	a, b      *modelEnd
	way       arrivals
	keys      map[[32]byte]bool // one-time keys that were seen outside
	sent      int
	arrived   map[uint64]bool
	delivered map[uint64]int
	cards     int
	forked    int
	largest   int
	reloads   int
}

func TestModel(t *testing.T) {
	t.Parallel()
	m := &model{
		t: t, rng: rand.New(rand.NewPCG(2022, 1)), keys: map[[32]byte]bool{},
		arrived: map[uint64]bool{}, delivered: map[uint64]int{},
	}
	m.a, m.b = newModelEnd(t, "A"), newModelEnd(t, "B")
	var err error
	m.a.session, err = seal.Start(0, m.a.me, m.a.card, m.b.card.Card(), m.b.card.Key())
	if err != nil {
		t.Fatal(err)
	}
	m.a.save()
	m.run()
	m.judge()
}

func newModelEnd(t *testing.T, name string) *modelEnd {
	e := &modelEnd{person: newPerson(t, name), epochs: map[uint32]seal.Tick{}, used: map[[2]uint32]bool{}, slots: map[uint32]bool{}}
	e.inbox = e.person.inbox.Marshal()
	e.watch = e.inbox
	return e
}

func (e *modelEnd) save() { e.stored, e.inbox = e.session.Marshal(), e.watch }

// crash puts an end back to what it had stored.
func (m *model) crash(e *modelEnd) {
	if e.stored == nil {
		return
	}
	m.reloads++
	s, err := seal.ParseSession(e.stored)
	if err != nil {
		m.t.Fatal(err)
	}
	if !bytes.Equal(s.Marshal(), e.stored) {
		m.t.Fatal("a stored session does not come back the same")
	}
	e.session, e.watch = s, e.inbox
}

func (m *model) run() {
	now, nextDay := 0.0, 86400.0
	for m.sent < modelLetters || len(m.way) > 0 {
		write := math.Inf(1)
		if m.sent < modelLetters {
			write = now + m.rng.ExpFloat64()*modelMean
		}
		for len(m.way) > 0 && m.way[0].at <= write {
			x := heap.Pop(&m.way).(arrival)
			now = x.at
			m.arrive(x)
		}
		if math.IsInf(write, 1) {
			continue
		}
		now = write
		if now > nextDay {
			nextDay += 86400
			for _, e := range []*modelEnd{m.a, m.b} {
				if e.session != nil {
					e.session.Expire(seal.Tick(now))
					e.session.TagsChanged()
					e.save()
				}
			}
		}
		from := m.a
		if m.b.session != nil && m.rng.Float64() >= modelFromA {
			from = m.b
		}
		m.write(from, now)
	}
}

// write seals one letter; at the cap it is not written at all.
func (m *model) write(e *modelEnd, now float64) {
	tick := seal.Tick(now)
	if errors.Is(e.session.CanSeal(tick), seal.ErrCap) {
		e.waiting++
		return
	}
	if e.session.NeedsCard(tick) {
		e.renew(m.t)
		if err := e.session.HandOver(e.card); err != nil {
			m.t.Fatal(err)
		}
	}
	msg := binary.BigEndian.AppendUint64(nil, uint64(m.sent))
	msg = append(msg, make([]byte, m.rng.IntN(800))...)
	class := envelope.S1
	for _, class = range envelope.Sealed() {
		if e.session.Room(class) >= e.session.Wish(tick)+seal.PartSize(seal.Part{Body: msg}) {
			break
		}
	}
	seal1 := func() seal.Sealed {
		var out seal.Sealed
		var err error
		if class == envelope.S1 && len(msg) < 100 && m.rng.IntN(2) == 0 {
			out, err = e.session.SealShort(tick, seal.Part{Kind: kindText, Body: msg})
		} else {
			out, err = e.session.Seal(tick, where(class), []seal.Part{{Kind: kindText, Body: msg}})
		}
		if err != nil {
			m.t.Fatal(err)
		}
		return out
	}
	out := seal1()
	if m.rng.Float64() < modelCrash && e.stored != nil {
		m.crash(e) // before it was stored: nothing has left
		out = seal1()
	}
	e.save()
	m.largest = max(m.largest, len(e.stored))
	m.recognise()
	m.leave(e, out, now)
}

// recognise: at any moment the devices at both ends recognise each other.
func (m *model) recognise() {
	if m.a.session == nil || m.b.session == nil {
		return
	}
	sayA, hearA := m.a.session.MeetKeys()
	sayB, hearB := m.b.session.MeetKeys()
	if !slices.Contains(hearA, sayB) || !slices.Contains(hearB, sayA) {
		m.t.Fatal("the ends do not recognise each other")
	}
}

func (m *model) leave(e *modelEnd, out seal.Sealed, now float64) {
	at := [2]uint32{out.Epoch, out.Index}
	if out.Start && e.slots[out.Index] || !out.Start && e.used[at] {
		m.t.Fatalf("index %v was used twice", at)
	}
	if out.Start {
		e.slots[out.Index] = true
	} else {
		e.used[at] = true
		if _, ok := e.epochs[out.Epoch]; !ok {
			e.epochs[out.Epoch] = seal.Tick(now)
		}
	}
	env := parse(m.t, out.Bytes)
	if env.Class() != envelope.S0 {
		if m.keys[env.Key()] {
			m.t.Fatal("a one-time key was used twice")
		}
		m.keys[env.Key()] = true
	}
	id := uint64(m.sent)
	m.sent++
	if m.rng.Float64() < modelLoss {
		return
	}
	copies := 1
	if m.rng.Float64() < modelDouble {
		copies = 2 + m.rng.IntN(3)
	}
	for range copies {
		delay := minDelay * math.Exp(m.rng.Float64()*math.Log(maxDelay/minDelay))
		heap.Push(&m.way, arrival{now + delay, id, e == m.a, out.Bytes})
	}
}

func (m *model) arrive(x arrival) {
	e := m.a
	if x.toB {
		e = m.b
	}
	m.arrived[x.letter] = true
	if m.rng.Float64() < modelCrash {
		m.crash(e)
	}
	o, ok := m.open(e, x)
	if ok && m.rng.Float64() < modelCrash && e.stored != nil {
		m.crash(e) // before it was stored: nothing was shown
		if o, ok = m.open(e, x); !ok {
			m.t.Fatal("a letter is lost by a crash")
		}
	}
	if !ok {
		return
	}
	if e.session != nil {
		e.session.TagsChanged()
		e.save()
		m.largest = max(m.largest, len(e.stored))
	}
	if o.RestartCard != nil {
		m.cards++
	}
	if o.Forked {
		m.forked++
	}
	if len(o.Parts) != 1 || binary.BigEndian.Uint64(o.Parts[0].Body) != x.letter {
		m.t.Fatal("a letter says something else")
	}
	m.delivered[x.letter]++
}

// open is what an account does: the session first, then the card.
func (m *model) open(e *modelEnd, x arrival) (seal.Opened, bool) {
	env, tick := parse(m.t, x.raw), seal.Tick(x.at)
	if e.session != nil {
		o, err := e.session.Open(tick, env)
		if err == nil {
			return o, true
		}
		if !errors.Is(err, seal.ErrUnknownTag) && !errors.Is(err, seal.ErrReplay) {
			m.t.Fatalf("letter %d: %v", x.letter, err)
		}
	}
	if !x.toB || envelope.Compare(env.Class(), envelope.S2) < 0 {
		return seal.Opened{}, false
	}
	inbox, err := seal.ParseInbox(e.watch)
	if err != nil {
		m.t.Fatal(err)
	}
	s, _, o, err := inbox.Open(tick, e.me, env)
	if err != nil {
		if !errors.Is(err, seal.ErrUnknownTag) && !errors.Is(err, seal.ErrReplay) {
			m.t.Fatalf("letter %d: %v", x.letter, err)
		}
		return o, false
	}
	if e.session == nil {
		e.session = s
	} else if e.session.ID() != s.ID() {
		m.t.Fatal("another session")
	}
	e.watch = inbox.Marshal()
	return o, true
}

func (m *model) judge() {
	for id := range m.arrived {
		if m.delivered[id] != 1 {
			m.t.Errorf("letter %d arrived and was delivered %d times", id, m.delivered[id])
		}
	}
	if len(m.arrived) < modelLetters/2 || m.forked > 0 || m.cards == 0 || m.reloads < 50 {
		m.t.Errorf("%d arrived, %d forks, %d cards, %d reloads", len(m.arrived), m.forked, m.cards, m.reloads)
	}
	first := map[uint32]seal.Tick{}
	for _, e := range []*modelEnd{m.a, m.b} {
		for n, at := range e.epochs {
			if f, ok := first[n]; !ok || at < f {
				first[n] = at
			}
		}
	}
	var gaps []float64
	for n := uint32(1); n < uint32(len(first)); n++ {
		gaps = append(gaps, float64(first[n]-first[n-1])/3600)
	}
	slices.Sort(gaps)
	if len(gaps) < 100 {
		m.t.Fatalf("%d epochs in %d letters", len(gaps), m.sent)
	}
	median, p90 := gaps[len(gaps)/2], gaps[len(gaps)*9/10]
	m.t.Logf("%d letters, %d arrived, each once; %d epochs, every %.1f h median, %.1f h p90; largest state %d B; %d times at the cap; %d reloads; %d cards",
		m.sent, len(m.arrived), len(gaps), median, p90, m.largest, m.a.waiting+m.b.waiting, m.reloads, m.cards)
	if median < 12 || p90 > 48 || m.largest > 64<<10 {
		m.t.Errorf("epochs every %.1f h (median), %.1f h (p90); the largest state has %d B", median, p90, m.largest)
	}
}
