package group

import (
	"fmt"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
)

// BenchmarkRekey is what it costs one member of a full group, all of whom are
// contacts, to change the key before a letter: the time to make the chain, hand
// it out in their sessions and seal all of it, and the bytes that leave. After a
// week the sessions have a key exchange to make, too, and take larger envelopes
// for it; after a removal they only carry the news and the chain.
func BenchmarkRekey(b *testing.B) {
	b.Run("week", func(b *testing.B) {
		hub, id := full(b)
		for b.Loop() {
			b.StopTimer()
			hub.pass(8 * 24 * time.Hour)
			hub.pack()
			rekey(b, hub, id)
		}
	})
	b.Run("removal", func(b *testing.B) {
		hub, id := full(b)
		hub.say(id, "the first")
		hub.pack()
		for n := MaxMembers - 1; b.Loop(); n-- {
			b.StopTimer()
			if n < 40 {
				hub, id = full(b)
				hub.say(id, "the first")
				hub.pack()
				n = MaxMembers - 1
			}
			must(b, hub.g.Remove(hub.at, id, fmt.Sprintf("M%02d", n)))
			rekey(b, hub, id)
		}
	})
}

func rekey(b *testing.B, hub *user, id ID) {
	hub.say(id, "a letter of some length, as people write them")
	b.StartTimer()
	packed, err := hub.a.Pack(hub.at, 1<<30)
	must(b, err)
	b.StopTimer()
	size, one := 0, 0
	for _, p := range packed {
		size += len(p.Bytes)
		if p.To == id {
			one += len(p.Bytes)
		}
		must(b, hub.a.Submitted(p.ID))
	}
	b.ReportMetric(float64(len(packed)), "envelopes")
	b.ReportMetric(float64(size), "B")
	b.ReportMetric(float64(one), "B/letter")
	b.StartTimer()
}

// full is a group of fifty, all of whom the hub knows; the others are only as
// much there as is needed to join.
func full(b testing.TB) (*user, ID) {
	hub := newUser(b, "Hub")
	var others []*user
	var ids []account.ContactID
	for i := 1; i < MaxMembers; i++ {
		x := newUser(b, fmt.Sprintf("M%02d", i))
		befriend(b, hub, x)
		others, ids = append(others, x), append(ids, hub.id(x.name))
	}
	id, err := hub.g.Found(hub.at, "All", 0, ids)
	must(b, err)
	hub.pack()
	for _, x := range others {
		for _, raw := range hub.out {
			x.receive(raw)
		}
		must(b, x.g.Join(x.at, id))
		x.pack()
		for _, raw := range x.out {
			hub.receive(raw)
		}
	}
	hub.pack()
	if n := len(hub.info(id).Members); n != MaxMembers {
		b.Fatal(n)
	}
	return hub, id
}
