package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// model is a shelf as a map, and drives a real one beside it. What was not
// synced may or may not outlive a crash; everything else is known.
type model struct {
	t       testing.TB
	rng     *rand.Rand
	fs      *durable.Mem
	o       Options
	s       *Shelf
	units   map[envelope.ID]*modelUnit
	order   []envelope.ID                 // in which they were first seen, so that a seed repeats
	of      map[envelope.ID][]envelope.ID // stamps by what they pay for
	marks   map[string]*modelMark
	today   envelope.Day
	top     uint64 // the highest seq ever seen
	epoch   [8]byte
	tight   bool // evictions may happen
	made    uint64
	crashes int
	faulty  bool   // the disk fails: files may be left that only Open finds
	say     string // what was done last
}

type modelUnit struct {
	e     envelope.Envelope
	id    envelope.ID
	here  bool
	own   bool
	loose bool // changed since the last Sync
	until envelope.Day
	seq   uint64
}

type modelMark struct {
	now   string
	since []string // the value at the last Sync and all later ones but now
}

func newModel(t testing.TB, seed uint64, o Options) *model {
	m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 7)), fs: durable.NewMem(), o: o,
		units: map[envelope.ID]*modelUnit{}, of: map[envelope.ID][]envelope.ID{}, marks: map[string]*modelMark{}, today: o.Today}
	m.reopen()
	return m
}

func (m *model) fail(format string, a ...any) {
	m.t.Helper()
	m.t.Fatalf("after %s: %s", m.say, fmt.Sprintf(format, a...))
}

func (m *model) reopen() {
	m.o.Today = m.today
	s, rep, err := Open(m.fs, m.o)
	if err != nil {
		m.fail("open: %v", err)
	}
	if m.epoch != [8]byte{} && (rep.NewEpoch || s.Epoch() != m.epoch) {
		m.fail("the epoch changed: %+v", rep)
	}
	if len(rep.Ignored) > 0 {
		m.fail("files of unknown use: %v", rep.Ignored)
	}
	m.s, m.epoch, m.faulty = s, s.Epoch(), false
}

// verify compares the shelf with the map. crashed allows for what was loose.
func (m *model) verify(crashed bool) {
	m.t.Helper()
	seen := map[envelope.ID]bool{}
	last := uint64(0)
	for _, e := range m.s.Since(0, 1<<30) {
		u := m.units[e.ID]
		if u == nil {
			m.fail("unit %v was never put", e.ID)
		}
		if e.Seq <= last {
			m.fail("seq %d after %d", e.Seq, last)
		}
		last = e.Seq
		if !u.here && !(crashed && u.loose) {
			m.fail("unit %v came back", e.ID)
		}
		if u.here && !u.loose && e.Seq != u.seq {
			m.fail("unit %v had seq %d and has %d", e.ID, u.seq, e.Seq)
		}
		if u.here && u.own && !u.loose && !e.Own {
			m.fail("unit %v is not own any more", e.ID)
		}
		b, err := m.s.Get(e.ID)
		if err != nil || string(b) != string(u.e.Bytes()) {
			m.fail("get %v: %v", e.ID, err)
		}
		seen[e.ID] = true
		if p, ok := m.s.Entry(u.e.Proves()); ok && e.Class == envelope.Done {
			m.fail("envelope %v stands beside its proof, or beside a bogus one", p.ID)
		}
		if e.Class == envelope.Stamp && m.s.Done(u.e.Stamped()) {
			m.fail("a stamp %v stands beside a proof", e.ID)
		}
		if e.Class == envelope.Stamp && !m.s.Stamped(u.e.Stamped()) {
			m.fail("stamp %v is not found by its envelope", e.ID)
		}
		m.top = max(m.top, e.Seq)
	}
	for _, id := range m.order {
		u := m.units[id]
		if n := m.stamps(id, seen); n > maxAlike || m.s.Stamped(id) != (n > 0) {
			m.fail("%v has %d stamps, the shelf says %v", id, n, m.s.Stamped(id))
		}
		if u.here && !seen[id] && !(crashed && u.loose) {
			m.fail("unit %v of seq %d is lost", id, u.seq)
		}
		if crashed {
			// What Open found it has flushed, so it is sure from here on.
			e, _ := m.s.Entry(id)
			u.here, u.own, u.loose, u.seq = seen[id], e.Own, false, e.Seq
		}
	}
	for name, k := range m.marks {
		v := string(m.s.Mark(name))
		if v != k.now && !(crashed && slices.Contains(k.since, v)) {
			m.fail("mark %q is %q, not %q or %q", name, v, k.now, k.since)
		}
		if crashed {
			k.now, k.since = v, nil
		}
	}
	st := m.s.Stats()
	if st.Bytes > st.Quota || m.fs.Used() > st.Bytes && !m.faulty || st.Envelopes != len(seen) {
		m.fail("stats %+v, %d bytes on disk, %d units", st, m.fs.Used(), len(seen))
	}
}

// stamps counts those of an envelope among what was seen.
func (m *model) stamps(id envelope.ID, seen map[envelope.ID]bool) (n int) {
	for _, s := range m.of[id] {
		if seen[s] {
			n++
		}
	}
	return n
}

// useless notes that the stamps of an envelope went with it.
func (m *model) useless(id envelope.ID) {
	for _, s := range m.of[id] {
		if u := m.units[s]; u.here && !m.s.Has(s) {
			u.here, u.loose = false, true
		} else if u.here {
			m.fail("stamp %v outlived its envelope's proof", s)
		}
	}
}

// sweep notes what eviction took.
func (m *model) sweep() {
	for _, id := range m.order {
		u := m.units[id]
		if u.here && !m.s.Has(id) {
			if !m.tight || u.own {
				m.fail("unit %v is gone, own: %v", id, u.own)
			}
			u.here, u.loose = false, true
		}
	}
}

// put puts a unit and notes what that does. It answers the error.
func (m *model) put(e envelope.Envelope, meta Meta) error {
	id := e.ID()
	m.say = "put " + id.String()
	entry, err := m.s.Put(e, meta)
	u := m.units[id]
	if u == nil {
		u = &modelUnit{e: e, id: id}
		m.units[id] = u
		m.order = append(m.order, id)
		if e.Class() == envelope.Stamp {
			m.of[e.Stamped()] = append(m.of[e.Stamped()], id)
		}
	}
	switch {
	case err == nil:
		if entry.Seq <= m.top {
			m.fail("seq %d again, the highest was %d", entry.Seq, m.top)
		}
		m.top = entry.Seq
		if u.here {
			m.fail("put twice")
		}
		until := min(e.Expiry(), meta.Today+122)
		if e.Expiry() == envelope.NoDay {
			until = meta.Today + 30
		}
		*u = modelUnit{e: e, id: id, here: true, own: meta.Own, loose: true, until: until, seq: entry.Seq}
	case errors.Is(err, ErrHave) && u.here && meta.Own && !u.own:
		if now, _ := m.s.Entry(id); now.Own {
			u.own, u.loose = true, true
		}
	case errors.Is(err, ErrHave) && !u.here && e.Class() != envelope.Done:
		m.fail("have it, says the shelf")
	}
	if err == nil || errors.Is(err, ErrFull) {
		if err == nil && e.Class() == envelope.Done {
			if p := m.units[e.Proves()]; p != nil && p.here {
				if p.e.Key() != e.Key() {
					m.fail("took a bogus proof")
				}
				p.here, p.loose = false, true
				m.useless(p.id)
			}
		} else if err == nil {
			for _, o := range m.order { // bogus proofs give way
				if p := m.units[o]; p.here && p.e.Proves() == id {
					p.here, p.loose = false, true
				}
			}
		}
	}
	if errors.Is(err, ErrDone) && e.Class() != envelope.Stamp {
		m.useless(id)
	}
	if m.tight {
		m.sweep()
	}
	return err
}

func (m *model) drop(id envelope.ID) error {
	m.say = fmt.Sprintf("drop %v", id)
	err := m.s.Drop(id)
	if u := m.units[id]; err == nil && u.here {
		u.here, u.loose = false, true
	}
	return err
}

func (m *model) sync() error {
	m.say = "sync"
	if err := m.s.Sync(); err != nil {
		return err
	}
	for _, id := range m.order {
		m.units[id].loose = false
	}
	for _, k := range m.marks {
		k.since = nil
	}
	return nil
}

func (m *model) mark(name, v string) error {
	m.say = "mark"
	if m.marks[name] == nil {
		m.marks[name] = &modelMark{}
	}
	err := m.s.SetMark(name, []byte(v))
	if k := m.marks[name]; err == nil {
		k.since, k.now = append(k.since, k.now), v
	}
	return err
}

func (m *model) expire(day envelope.Day) error {
	m.say = fmt.Sprintf("expire %d", day)
	m.today = day
	_, err := m.s.Expire(day)
	for _, id := range m.order {
		if u := m.units[id]; u.here && u.until < day && !m.s.Has(id) {
			u.here, u.loose = false, true
		} else if u.here && u.until < day && err == nil {
			m.fail("unit %v until %d is still here", id, u.until)
		}
	}
	return err
}

// crash cuts the power and opens what is left.
func (m *model) crash() {
	m.say += ", crash"
	m.crashes++
	m.fs = m.fs.CrashClone(m.rng)
	m.reopen()
	m.verify(true)
}

// crashAmid cuts the power in the midst of some call.
func (m *model) crashAmid() {
	m.faulty = true
	m.fs.FailAt(1+m.rng.IntN(12), durable.ErrClosed, true)
	for range 60 {
		err := m.act()
		if errors.Is(err, durable.ErrClosed) {
			break
		}
		if !isRuled(err) {
			m.fail("%v", err)
		}
	}
	m.fs.FailAt(0, nil, false)
	m.crash()
}

// kill ends the process and opens anew.
func (m *model) kill() {
	m.say += ", kill"
	m.fs.Kill()
	m.reopen()
	m.verify(true)
}

func (m *model) close() {
	m.say = "close"
	must(m.t, m.s.Close())
	for _, id := range m.order {
		m.units[id].loose = false
	}
	for _, k := range m.marks {
		k.since = nil
	}
	m.reopen()
	m.verify(false)
}

// fresh makes a unit that was never seen.
func (m *model) fresh() envelope.Envelope {
	m.made++
	class := []envelope.Class{envelope.S0, envelope.S0, envelope.S1, envelope.S1, envelope.S1b, envelope.S2}[m.rng.IntN(6)]
	if m.tight && m.rng.IntN(3) == 0 {
		class = envelope.S3
	}
	return fake(class, m.made<<20|m.rng.Uint64N(1<<20), m.today+envelope.Day(m.rng.IntN(6)))
}

func (m *model) any() *modelUnit {
	if len(m.order) == 0 {
		return nil
	}
	return m.units[m.order[m.rng.IntN(len(m.order))]]
}

// act does something at random. Errors of the shelf's rules are expected;
// disk says whether the disk may fail, too.
func (m *model) act() error {
	u := m.any()
	meta := Meta{Own: m.rng.IntN(4) == 0, Rank: uint8(m.rng.IntN(3)), Today: m.today}
	switch k := m.rng.IntN(40); {
	case k < 18 || u == nil:
		return m.put(m.fresh(), meta)
	case k < 20:
		return m.put(u.e, meta)
	case k < 21 && u.e.Class() == envelope.Stamp: // the token once more
		other := stampOf(envelope.ID{byte(m.rng.IntN(3))}, 0, u.e.Expiry()).Bytes()
		key := u.e.Key()
		copy(other[20:], key[:])
		e, _ := envelope.Parse(other)
		err := m.put(e, meta)
		if u.here && e.ID() != u.id && err == nil {
			m.fail("a token pays twice")
		}
		return err
	case k < 21 && u.e.Class() != envelope.Done:
		err := m.put(body(u.e, 1), meta)
		if u.here && u.e.Class() != envelope.S0 && err == nil {
			m.fail("two bodies under one key")
		}
		return err
	case k < 23 && u.e.Class().Sealed():
		m.made++
		return m.stamp(u, meta)
	case k < 25 && u.e.Class().Sealed():
		return m.put(proof(u.id, u.e.Key(), u.e.Expiry()), meta)
	case k < 26 && u.e.Class() != envelope.Done:
		key := [32]byte{1, byte(m.rng.IntN(5))}
		if u.e.Class() == envelope.Stamp && m.rng.IntN(2) == 0 {
			key = u.e.Key()
		}
		err := m.put(proof(u.id, key, m.today+5), meta)
		if u.here && err == nil {
			m.fail("took a bogus proof for %v", u.id)
		}
		return err
	case k < 31:
		return m.drop(u.id)
	case k < 33:
		return m.mark(fmt.Sprint("m", m.rng.IntN(5)), fmt.Sprint(m.rng.IntN(100)))
	case k < 34 && m.rng.IntN(3) == 0:
		return m.expire(m.today + envelope.Day(m.rng.IntN(2)))
	case k < 35:
		return m.partial(u)
	case k < 40:
		return m.sync()
	}
	return nil
}

// stamp puts a new stamp of a unit.
func (m *model) stamp(u *modelUnit, meta Meta) error {
	done := m.s.Done(u.id)
	err := m.put(stampOf(u.id, m.made, u.e.Expiry()), meta)
	if err == nil && (done || u.here && !u.e.Class().Stampable()) {
		m.fail("took a stamp of %v, proven %v", u.id, done)
	}
	return err
}

func (m *model) partial(u *modelUnit) error {
	m.say = "partial"
	have := m.s.PartialSize(u.id)
	b := u.e.Bytes()
	if have == len(b) {
		got, err := m.s.TakePartial(u.id)
		if err == nil && string(got) != string(b) {
			m.fail("partial: other bytes")
		}
		return err
	}
	n := 1 + m.rng.IntN(len(b)-have)
	err := m.s.AddPartial(u.id, len(b), have, b[have:have+n])
	if err == nil && m.s.PartialSize(u.id) != have+n {
		m.fail("partial of %d bytes, want %d", m.s.PartialSize(u.id), have+n)
	}
	return err
}

// ruled are the errors that rules cause, in contrast to the disk.
var ruled = []error{ErrHave, ErrTaken, ErrDone, ErrBogus, ErrExpired, ErrFull, ErrMissing, ErrPartial}

func isRuled(err error) bool {
	return err == nil || slices.ContainsFunc(ruled, func(r error) bool { return errors.Is(err, r) })
}

// TestModel runs random deeds with power cuts, kills and closings in between.
func TestModel(t *testing.T) {
	t.Parallel()
	const seeds = 2400
	crashes := 0
	for seed := range uint64(seeds) {
		crashes += runModel(t, seed)
	}
	if crashes < seeds {
		t.Fatalf("only %d power cuts in %d seeds", crashes, seeds)
	}
}

func runModel(t *testing.T, seed uint64) int {
	o := Options{Quota: 2 << 20, SegmentSize: 4 << 10 << (seed % 4), Today: testDay}
	m := newModel(t, seed, o)
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	if seed%32 == 0 {
		m.o.Quota, m.tight = MinQuota, true
		must(t, m.s.Close())
		m.reopen()
	}
	deeds := 40 + m.rng.IntN(50)
	if m.tight {
		deeds *= 4
	}
	for range deeds {
		switch k := m.rng.IntN(100); {
		case k < 2:
			m.crash()
		case k < 3:
			m.crashAmid()
		case k < 4:
			m.kill()
		case k < 5:
			m.close()
		default:
			if err := m.act(); !isRuled(err) || errors.Is(err, ErrFull) && !m.tight {
				m.fail("%v", err)
			}
		}
		if st := m.s.Stats(); m.fs.Used() > m.o.Quota || st.Bytes > m.o.Quota {
			m.fail("%d bytes on disk, %d counted, quota %d", m.fs.Used(), st.Bytes, m.o.Quota)
		}
	}
	m.verify(false)
	m.crash()
	must(t, m.s.Close())
	return m.crashes
}
