package town

import (
	"container/heap"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// late is a conversation of two whole accounts whose envelopes take up to
// three days, are lost and doubled, while somebody copies a device now and
// then and gives it back.
type late struct {
	t      *testing.T
	rng    *rand.Rand
	delay  func(*rand.Rand) time.Duration
	perDay float64 // letters of each
	loss   float64
	now    time.Duration
	ends   [2]*lateEnd
	way    posts
	taken  []theft
}

type lateEnd struct {
	name   string
	vault  *account.MemVault
	acc    *account.Account
	talk   *chat.Chat
	peer   account.ContactID
	next   time.Duration // when it writes
	count  int
	sealed []post // all, in order
	says   []said // under which epoch it seals, as its meeting key
	texts  []string
}

type said struct {
	at  time.Duration
	key [32]byte
}

type post struct {
	at  time.Duration // of arrival; in sealed: of sealing
	to  int
	raw []byte
}

type posts []post

func (h posts) Len() int           { return len(h) }
func (h posts) Less(i, j int) bool { return h[i].at < h[j].at }
func (h posts) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *posts) Push(x any)        { *h = append(*h, x.(post)) }
func (h *posts) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// theft is a copy of all that a device holds.
type theft struct {
	at    time.Duration
	of    int
	vault *account.MemVault
}

func lateMoment(d time.Duration) account.Moment {
	wall := firstDay.Start().Add(d)
	return account.Moment{Wall: wall, Tick: seal.Tick(d/time.Second) + 1000, Day: envelope.DayOf(wall)}
}

func (m *late) open(v *account.MemVault, at time.Duration) (*account.Account, *chat.Chat) {
	a, err := account.Open(v, lateMoment(at))
	if err != nil {
		m.t.Fatal(err)
	}
	c := account.DefaultConfig()
	c.Rand = m.rng
	a.Configure(c)
	return a, chat.New(a, chat.Config{Rand: m.rng, ReceiptMin: 10 * time.Minute, ReceiptMax: 2 * time.Hour})
}

func newLate(t *testing.T, delay func(*rand.Rand) time.Duration, perDay float64) *late {
	m := &late{t: t, rng: rand.New(rand.NewPCG(36, 1)), delay: delay, perDay: perDay, loss: 0.1}
	for i, name := range []string{"A", "B"} {
		e := &lateEnd{name: name, vault: account.NewMemVault()}
		if _, err := account.Create(e.vault, name, lateMoment(0)); err != nil {
			t.Fatal(err)
		}
		e.acc, e.talk = m.open(e.vault, 0)
		m.ends[i] = e
	}
	i, err := m.ends[0].acc.Invite(lateMoment(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.ends[1].acc.Accept(lateMoment(0), i, "", false); err != nil {
		t.Fatal(err)
	}
	return m
}

const lateStep = 10 * time.Minute

// run plays so long; copies are taken every few hours, from day 4 to twelve days before the end.
func (m *late) run(long, every time.Duration) {
	steal := 4 * 24 * time.Hour
	for ; m.now < long; m.now += lateStep {
		for len(m.way) > 0 && m.way[0].at <= m.now {
			p := heap.Pop(&m.way).(post)
			m.arrive(m.ends[p.to], p.raw)
		}
		for i, e := range m.ends {
			m.write(e)
			m.pack(i, e)
			e.note(m.now)
		}
		if m.now >= steal && m.now < long-12*24*time.Hour {
			steal += every
			of := m.rng.IntN(2)
			m.taken = append(m.taken, theft{m.now, of, m.ends[of].vault.Clone()})
		}
	}
	for len(m.way) > 0 {
		p := heap.Pop(&m.way).(post)
		m.arrive(m.ends[p.to], p.raw)
	}
}

func (m *late) write(e *lateEnd) {
	list := e.acc.Contacts()
	if len(list) == 0 || m.now < e.next {
		return
	}
	e.peer = list[0].ID
	e.next = m.now + time.Duration(m.rng.ExpFloat64()/m.perDay*24*float64(time.Hour))
	e.count++
	text := fmt.Sprintf("%s%d", e.name, e.count)
	if _, err := e.talk.Send(lateMoment(m.now), e.peer, text, nil, 0); err != nil {
		m.t.Fatal(err)
	}
	e.texts = append(e.texts, text)
}

func (m *late) pack(i int, e *lateEnd) {
	list, err := e.acc.Pack(lateMoment(m.now), 1<<20)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, p := range list {
		e.sealed = append(e.sealed, post{m.now, 1 - i, p.Bytes})
		if err := e.acc.Submitted(p.ID); err != nil {
			m.t.Fatal(err)
		}
		if m.rng.Float64() < m.loss {
			continue
		}
		for range 1 + m.rng.IntN(3)/2 {
			heap.Push(&m.way, post{m.now + m.delay(m.rng), 1 - i, p.Bytes})
		}
	}
}

func (m *late) arrive(e *lateEnd, raw []byte) {
	if _, err := e.acc.Receive(lateMoment(m.now), raw); err != nil && !errors.Is(err, account.ErrNotOurs) {
		m.t.Fatal(err)
	}
}

// note remembers under which epoch e seals now: what it says when devices meet
// is of the same.
func (e *lateEnd) note(now time.Duration) {
	near := e.acc.Near()
	if len(near) != 1 {
		return
	}
	if n := len(e.says); n == 0 || e.says[n-1].key != near[0].Say[0] {
		e.says = append(e.says, said{now, near[0].Say[0]})
	}
}

// heal is how long after a theft both ends seal under keys that the thief, who
// has the copy and every envelope, does not get.
func (m *late) heal(x theft) (time.Duration, bool) {
	a, _ := m.open(x.vault, x.at)
	known := map[[32]byte]bool{}
	look := func() {
		for _, n := range a.Near() {
			for _, k := range n.Hear {
				known[k] = true
			}
		}
	}
	look()
	for _, p := range m.ends[1-x.of].sealed {
		if p.at < x.at-4*24*time.Hour || p.at > x.at+12*24*time.Hour {
			continue
		}
		if _, err := a.Receive(lateMoment(max(p.at, x.at)), p.raw); err != nil && !errors.Is(err, account.ErrNotOurs) {
			m.t.Fatal(err)
		}
		look()
	}
	var healed time.Duration
	for _, e := range m.ends {
		end := false
		for _, s := range e.says {
			if s.at >= x.at && !known[s.key] {
				healed, end = max(healed, s.at-x.at), true
				break
			}
		}
		if !end {
			return 0, false
		}
	}
	return healed, true
}

// judge: all that arrived is shown once.
func (m *late) judge() (shown int) {
	for i, e := range m.ends {
		seen := map[string]int{}
		from := m.ends[1-i]
		if err := (&device{talk: e.talk}).conversation(e.acc.Contacts()[0].ID, func(l chat.Letter) {
			if !l.Mine {
				seen[l.Text]++
			}
		}); err != nil {
			m.t.Fatal(err)
		}
		for text, n := range seen {
			if n != 1 || !slices.Contains(from.texts, text) {
				m.t.Fatalf("%q is shown %d times", text, n)
			}
			shown++
		}
	}
	return shown
}

// upTo draws delays of which each order of magnitude is as likely as another.
func upTo(most time.Duration) func(*rand.Rand) time.Duration {
	return func(rng *rand.Rand) time.Duration {
		return time.Duration(float64(time.Minute) * math.Exp(rng.Float64()*math.Log(float64(most/time.Minute))))
	}
}

// TestHeal says how long a copied device reads on: until both ends seal under keys
// that who has the copy and all envelopes does not get. The plain run plays one mix
// of delays for three weeks; JAUAP_TEST=all all of them for a year each.
func TestHeal(t *testing.T) {
	mixes := []struct {
		name   string
		delay  func(*rand.Rand) time.Duration
		perDay float64
		most   float64 // hours, p90
	}{
		{"a minute to three days, 4 letters a day", upTo(72 * time.Hour), 4, 38},
		{"a minute to three days, 1 letter a day", upTo(72 * time.Hour), 1, 115},
		{"evenly up to three days, 4 letters a day", evenly(72 * time.Hour), 4, 120},
		{"a minute to six hours, 4 letters a day", upTo(6 * time.Hour), 4, 32},
	}
	seeds, days := 8, 45
	if os.Getenv("JAUAP_TEST") != "all" {
		mixes, seeds, days = mixes[:1], 1, 21
		mixes[0].most = 72
	}
	for _, c := range mixes {
		var heals []float64
		written, shown, envelopes, bytes := 0, 0, 0, 0
		for seed := range seeds {
			m := newLate(t, c.delay, c.perDay)
			m.rng = rand.New(rand.NewPCG(uint64(seed), 36))
			m.run(time.Duration(days)*24*time.Hour, 7*time.Hour)
			shown += m.judge()
			for _, e := range m.ends {
				written += len(e.texts)
				for _, p := range e.sealed {
					envelopes++
					bytes += len(p.raw)
				}
			}
			for _, x := range m.taken {
				d, ok := m.heal(x)
				if !ok {
					d = 30 * 24 * time.Hour // not within the run
				}
				heals = append(heals, d.Hours())
			}
		}
		slices.Sort(heals)
		q := func(f float64) float64 { return heals[min(int(f*float64(len(heals))), len(heals)-1)] }
		t.Logf("%s: %d written, %d shown once, %d envelopes of %d bytes; %d copies read on for %.1f h p50, %.1f h p90, %.1f h at most",
			c.name, written, shown, envelopes, bytes/envelopes, len(heals), q(.5), q(.9), q(1))
		if c.most > 0 && q(.9) > c.most {
			t.Errorf("%s: %.1f h p90, at most %.1f h", c.name, q(.9), c.most)
		}
	}
}

func evenly(most time.Duration) func(*rand.Rand) time.Duration {
	return func(rng *rand.Rand) time.Duration { return time.Duration(rng.Int64N(int64(most))) }
}
