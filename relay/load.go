package relay

import (
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
	"time"
)

// bucket is a token bucket that may go below zero: whoever spends first waits
// until it is even again, so that large spends need no splitting.
type bucket struct {
	level float64
	at    time.Time
}

// refill brings the level up to now. A clock that went back adds nothing.
func (b *bucket) refill(r Rate, now time.Time) {
	if b.at.IsZero() {
		b.level = r.Burst
	} else if d := now.Sub(b.at); d > 0 {
		b.level = min(r.Burst, b.level+d.Seconds()*r.PerSecond)
	}
	b.at = now
}

// spend takes n tokens and tells how long to wait before the next use.
func (b *bucket) spend(r Rate, n int, now time.Time) time.Duration {
	b.refill(r, now)
	b.level -= float64(n)
	if b.level >= 0 {
		return 0
	}
	return time.Duration(min(-b.level/r.PerSecond, 3600) * float64(time.Second))
}

// take takes one token if there is one.
func (b *bucket) take(r Rate, now time.Time) bool {
	b.refill(r, now)
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}

// load is what the clients of one address prefix use up together.
type load struct {
	free  bool   // no limits
	conns int    // open now
	fresh bucket // new connections
	in    bucket
	out   bucket
	// given is the bytes deposited, fading by half in a day.
	given   float64
	givenAt time.Time
	// signed is how many tokens were signed for it in the day since.
	signed int
	since  time.Time
}

// maxLoads bounds the table of loads. Past it prefixes share one load, which
// an attacker with that many prefixes shares, too.
const maxLoads = 1 << 16

// loads is the table of address prefixes. It holds no address: only hashes
// under a key that dies with the process.
type loads struct {
	limits Limits
	seed   maphash.Seed
	max    int

	mu    sync.Mutex
	table map[uint64]*load
	open  int    // connections at once, of all
	signs bucket // signatures, of all
}

func newLoads(l Limits) *loads {
	return &loads{limits: l, seed: maphash.MakeSeed(), max: maxLoads, table: map[uint64]*load{}}
}

// prefixOf cuts an address down to what counts as one network. Text that is
// no IP address and port is one network of its own.
func (t *loads) prefixOf(remote string) (key uint64, loopback bool) {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return maphash.String(t.seed, "no address"), false
	}
	ip := ap.Addr().Unmap().WithZone("")
	bits := t.limits.Bits4
	if ip.Is6() {
		bits = t.limits.Bits6
	}
	p, err := ip.Prefix(min(bits, ip.BitLen()))
	if err != nil {
		p = netip.PrefixFrom(ip, ip.BitLen())
	}
	return maphash.Comparable(t.seed, p), ip.IsLoopback()
}

// enter counts a new connection of the remote address, or refuses it with
// false. Whoever entered must leave.
func (t *loads) enter(remote string, now time.Time) (*load, bool) {
	key, loopback := t.prefixOf(remote)
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.find(key, now)
	if loopback && t.limits.LoopbackFree {
		l.free = true
	}
	if t.open >= t.limits.Conns {
		return nil, false
	}
	if !l.free && (l.conns >= t.limits.PrefixConns || !l.fresh.take(t.limits.PrefixNew, now)) {
		return nil, false
	}
	t.open++
	l.conns++
	return l, true
}

// find is the prefix's load, made when needed. Needs t.mu.
func (t *loads) find(key uint64, now time.Time) *load {
	if l := t.table[key]; l != nil {
		return l
	}
	if len(t.table) >= t.max {
		t.sweep(now)
	}
	if len(t.table) >= t.max {
		key = 0
		if l := t.table[key]; l != nil {
			return l
		}
	}
	l := &load{}
	t.table[key] = l
	return l
}

// sweep forgets prefixes that would look the same if they came anew. It
// leaves room for a sixteenth at least, so that it runs seldom: when too few
// are idle, those without a connection go. Needs t.mu.
func (t *loads) sweep(now time.Time) {
	for key, l := range t.table {
		if l.conns == 0 && t.idle(l, now) {
			delete(t.table, key)
		}
	}
	for key, l := range t.table {
		if len(t.table) <= t.max-t.max/16 {
			return
		}
		if l.conns == 0 {
			delete(t.table, key)
		}
	}
}

func (t *loads) idle(l *load, now time.Time) bool {
	l.fresh.refill(t.limits.PrefixNew, now)
	l.in.refill(t.limits.PrefixIn, now)
	l.out.refill(t.limits.PrefixOut, now)
	return l.fresh.level >= t.limits.PrefixNew.Burst && l.in.level >= t.limits.PrefixIn.Burst &&
		l.out.level >= t.limits.PrefixOut.Burst && t.rank(l, now) == rankStranger && l.signedToday(now) == 0
}

func (t *loads) leave(l *load) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
	l.conns--
}

// received counts n bytes from the prefix and tells how long to pause.
func (t *loads) received(l *load, n int, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.free {
		return 0
	}
	return l.in.spend(t.limits.PrefixIn, n, now)
}

// sent counts n bytes to the prefix and tells how long to pause.
func (t *loads) sent(l *load, n int, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.free {
		return 0
	}
	return l.out.spend(t.limits.PrefixOut, n, now)
}

// Ranks of deposits. Own and contacts' units do not exist on a relay.
const (
	rankStranger = 2
	rankLast     = 9
)

// deposited counts n bytes that the prefix leaves in the box and tells their
// rank: whoever filled the box with more than a fair share loses it first.
func (t *loads) deposited(l *load, n int, now time.Time) uint8 {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.fade(now)
	l.given += float64(n)
	if l.free {
		return rankStranger
	}
	return t.rank(l, now)
}

func (l *load) fade(now time.Time) {
	if d := now.Sub(l.givenAt); d > 0 {
		if !l.givenAt.IsZero() {
			l.given *= math.Exp2(-d.Hours() / 24)
		}
		l.givenAt = now
	}
}

func (t *loads) rank(l *load, now time.Time) uint8 {
	l.fade(now)
	rank := rankStranger
	for share := float64(t.limits.FairShare); l.given > share && rank < rankLast; share *= 2 {
		rank++
	}
	return uint8(rank)
}

// crowded tells whether the relay as a whole has no room.
func (t *loads) crowded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open >= t.limits.Conns
}
