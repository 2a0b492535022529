package dns

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/jauap/jauap/relay"
)

// A prefix is one network, as everywhere in a relay: spec/relay.md, 8.
const (
	bits4       = 24
	bits6       = 48
	maxPrefixes = 1 << 16
)

// prefix is a network's keyed hash.
type prefix struct {
	key  uint64
	free bool
}

// prefixes counts what each network gets.
type prefixes struct {
	o    Options
	seed maphash.Seed

	mu    sync.Mutex
	table map[uint64]*usage
}

type usage struct {
	answers, bytes, strange bucket
	used                    time.Time
}

type bucket struct {
	spent float64
	at    time.Time
}

// take spends n where there is so much.
func (b *bucket) take(r relay.Rate, n float64, now time.Time) bool {
	if d := now.Sub(b.at); d > 0 {
		b.spent = max(0, b.spent-d.Seconds()*r.PerSecond)
		b.at = now
	}
	if b.spent+n > r.Burst {
		return false
	}
	b.spent += n
	return true
}

func newPrefixes(o Options) *prefixes {
	return &prefixes{o: o, seed: maphash.MakeSeed(), table: map[uint64]*usage{}}
}

func (p *prefixes) of(from netip.AddrPort) prefix {
	ip := from.Addr().Unmap().WithZone("")
	bits := bits4
	if ip.Is6() {
		bits = bits6
	}
	net, err := ip.Prefix(bits)
	if err != nil {
		return prefix{key: maphash.String(p.seed, "no address")}
	}
	return prefix{maphash.Comparable(p.seed, net), ip.IsLoopback() && p.o.LoopbackFree}
}

// allow counts an answer of so many bytes; false when the prefix has had enough.
// What is not answered is asked again.
func (p *prefixes) allow(at prefix, n int, mine bool, now time.Time) bool {
	if at.free {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.table[at.key]
	if u == nil {
		if len(p.table) >= maxPrefixes {
			p.forget(now)
		}
		u = &usage{}
		p.table[at.key] = u
	}
	u.used = now
	if !mine {
		return u.strange.take(p.o.Strange, 1, now)
	}
	return u.answers.take(p.o.Answers, 1, now) && u.bytes.take(p.o.Bytes, float64(n), now)
}

// forget makes room: what rested for a minute first, then whatever comes.
func (p *prefixes) forget(now time.Time) {
	for k, u := range p.table {
		if now.Sub(u.used) > time.Minute {
			delete(p.table, k)
		}
	}
	for k := range p.table {
		if len(p.table) < maxPrefixes-maxPrefixes/16 {
			return
		}
		delete(p.table, k)
	}
}
