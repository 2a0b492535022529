package routing

import (
	"cmp"
	"slices"
)

// Plan is the order in which to offer units to somebody who is met, as indexes
// of units. Ranks get their Shares of the bytes; within a rank all who brought
// something take turns, byte for byte; of each the smallest go first, then the
// oldest. Towards a contact own units go before all; towards a stranger they
// are what one depositor among others of rank Near brought. Nonce orders equal
// turns, so that two meetings differ; it must be secret.
func Plan(units []Unit, contact bool, nonce uint64) []int {
	list := make([]turn, len(units))
	for i, u := range units {
		list[i] = turn{i: i, rank: u.Rank, from: u.From}
		if u.Rank == Own && !contact {
			list[i].rank = Near
		}
	}
	slices.SortFunc(list, func(a, b turn) int {
		u, v := units[a.i], units[b.i]
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.from, b.from),
			cmp.Compare(size(u.Class), size(v.Class)), cmp.Compare(u.Seq, v.Seq))
	})
	// The time at which each unit would be through if all givers of its rank
	// sent at once.
	sum := uint64(0)
	for k := range list {
		t := &list[k]
		if k == 0 || list[k-1].rank != t.rank || list[k-1].from != t.from {
			sum = 0
		}
		sum += uint64(units[t.i].Size)
		t.at, t.tie = sum, mix(uint64(t.from)^nonce)
	}
	slices.SortFunc(list, func(a, b turn) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.at, b.at), cmp.Compare(a.tie, b.tie), cmp.Compare(units[a.i].Seq, units[b.i].Seq))
	})
	// The same for ranks, by their shares.
	shares := Shares()
	for k := range list {
		t := &list[k]
		if k == 0 || list[k-1].rank != t.rank {
			sum = 0
		}
		sum += uint64(units[t.i].Size)
		switch t.rank {
		case Own:
			t.at = 0
		default:
			t.at = sum * 300 / uint64(shares[min(t.rank, Other)])
		}
	}
	slices.SortStableFunc(list, func(a, b turn) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rank, b.rank))
	})
	order := make([]int, len(list))
	for k, t := range list {
		order[k] = t.i
	}
	return order
}

// turn is a unit's place in a plan.
type turn struct {
	i    int
	rank uint8
	from uint32
	at   uint64
	tie  uint64
}

// mix is the finalizer of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
