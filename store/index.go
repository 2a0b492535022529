package store

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/jauap/jauap/envelope"
)

// unit is what memory holds of a unit: 96 bytes.
type unit struct {
	id         envelope.ID
	tag        envelope.Tag
	proves     envelope.ID // of a proof, and of a stamp: what it speaks of
	seq        uint64      // 0: the slot is free
	file, off  uint32
	size       uint32
	from       uint32 // who brought it
	next       uint32 // slot with the same tag, or proving the same envelope; of a free slot the next free
	prev, succ uint32 // in the bucket
	beside     uint32 // of a stamp: slot of another for the same envelope
	until      envelope.Day
	expiry     envelope.Day
	shard      uint8
	rank       uint8
	class      envelope.Class
	flags      uint8
}

func (u *unit) own() bool { return u.flags&ownFlag != 0 }

// ails says that it could not be read and counts as lacking.
func (u *unit) ails() bool { return u.flags&ailFlag != 0 }

// stays says that the unit is never evicted.
func (u *unit) stays() bool { return u.flags&(ownFlag|fixFlag) != 0 }

// fixed is what the unit adds to Stats.Fixed.
func (u *unit) fixed() int64 {
	if u.own() || u.flags&fixFlag == 0 {
		return 0
	}
	return u.cost()
}

// record is the head under which the unit is written, its place left open.
func (u *unit) record() record {
	return record{kind: unitRecord, flags: u.flags &^ ailFlag, class: u.class, shard: u.shard, rank: u.rank, from: u.from,
		until: u.until, expiry: u.expiry, size: u.size, seq: u.seq, id: u.id, tag: u.tag, proves: u.proves}
}

// total is the length of its record.
func (u *unit) total() int64 { return recordTotal(unitRecord, u.class, u.size) }

// cost is what it takes on disk in the end: record and sidecar entry.
func (u *unit) cost() int64 { return u.total() + int64(headSize(unitRecord, u.class)) }

// bulk is what the unit adds to Stats.Bulk.
func (u *unit) bulk() int64 {
	if u.own() || u.class != envelope.S4 && u.class != envelope.S5 {
		return 0
	}
	return int64(u.size)
}

func (u *unit) entry() Entry {
	return Entry{ID: u.id, Tag: u.tag, Class: u.class, Shard: u.shard, Expiry: u.expiry,
		Size: u.size, Seq: u.seq, Own: u.own(), Fixed: u.flags&fixFlag != 0, Rank: u.rank, From: u.from}
}

// chunkUnits is how many units are allotted at once: few, since a simulated
// country has thousands of small shelves.
const chunkUnits = 32

// index finds units. Slots are numbered from 1; 0 is none.
type index struct {
	seed    maphash.Seed
	chunks  []*[chunkUnits]unit
	slots   uint32 // ever used
	free    uint32 // first free slot
	byID    table
	byTag   table // first envelope with the tag
	byProof table // first proof of the envelope
	byStamp table // first stamp of the envelope
	built   bool  // runs and buckets are kept, too
	runs    []run
	buckets []bucket
	count   int
	owned   int
	cost    int64
	bulk    int64 // bytes of S4 and S5 that are not own
	fixed   int64 // cost of what is not evicted and not own
	shared  shared
}

func newIndex(shares [Ranks]int) index {
	return index{seed: maphash.MakeSeed(), shared: newShared(shares)}
}

func (x *index) at(slot uint32) *unit {
	return &x.chunks[(slot-1)/chunkUnits][(slot-1)%chunkUnits]
}

func idOf(u *unit) [16]byte     { return u.id }
func tagOf(u *unit) [16]byte    { return u.tag }
func provesOf(u *unit) [16]byte { return u.proves }

func (x *index) find(id envelope.ID) uint32   { return x.byID.find(x, id, idOf) }
func (x *index) tagged(t envelope.Tag) uint32 { return x.byTag.find(x, t, tagOf) }
func (x *index) proofs(id envelope.ID) uint32 { return x.byProof.find(x, id, provesOf) }
func (x *index) hash(key [16]byte) uint32     { return uint32(maphash.Bytes(x.seed, key[:])) }

// chain is the table in which the unit stands with its like, and by what.
func (x *index) chain(u *unit) (*table, keyFunc) {
	if u.class == envelope.Done {
		return &x.byProof, provesOf
	}
	return &x.byTag, tagOf
}

// add takes a unit whose id is not here yet. Once the index is built its seq
// must be above all others.
func (x *index) add(u unit) uint32 {
	slot := x.free
	if slot != 0 {
		x.free = x.at(slot).next
	} else {
		if int(x.slots) == len(x.chunks)*chunkUnits {
			x.chunks = append(x.chunks, new([chunkUnits]unit))
		}
		x.slots++
		slot = x.slots
	}
	t, key := x.chain(&u)
	h := x.hash(key(&u))
	u.next = t.findHash(x, h, key(&u), key)
	*x.at(slot) = u
	if u.next != 0 {
		t.replace(h, u.next, slot)
	} else {
		t.insert(h, slot)
	}
	x.byID.insert(x.hash(u.id), slot)
	if u.class == envelope.Stamp {
		x.stamp(slot)
	}
	x.count++
	x.cost += u.cost()
	if u.own() {
		x.owned++
	}
	x.bulk += u.bulk()
	x.fixed += u.fixed()
	if x.built {
		x.place(slot)
	}
	return slot
}

// remove frees the slot.
func (x *index) remove(slot uint32) {
	u := x.at(slot)
	x.byID.remove(x.hash(u.id), slot)
	if u.class == envelope.Stamp {
		x.unstamp(slot)
	}
	t, key := x.chain(u)
	h := x.hash(key(u))
	switch first := t.findHash(x, h, key(u), key); {
	case first == slot && u.next == 0:
		t.remove(h, slot)
	case first == slot:
		t.replace(h, slot, u.next)
	default:
		for p := first; p != 0; p = x.at(p).next {
			if x.at(p).next == slot {
				x.at(p).next = u.next
				break
			}
		}
	}
	if x.built {
		x.unlink(slot)
		x.leave(slot)
	}
	x.count--
	x.cost -= u.cost()
	if u.own() {
		x.owned--
	}
	x.bulk -= u.bulk()
	x.fixed -= u.fixed()
	*u = unit{next: x.free}
	x.free = slot
}

// build puts all units in order, after they were added in any. Those with the
// seq of another, which no shelf writes, are taken out by forget.
func (x *index) build(forget func(slot uint32)) {
	all := make([]uint32, 0, x.count)
	for slot := uint32(1); slot <= x.slots; slot++ {
		if x.at(slot).seq != 0 {
			all = append(all, slot)
		}
	}
	slices.SortFunc(all, func(a, b uint32) int { return cmp.Compare(x.at(a).seq, x.at(b).seq) })
	last := uint64(0)
	for k, slot := range all {
		if seq := x.at(slot).seq; seq == last {
			forget(slot)
			all[k] = 0
		} else {
			last = seq
		}
	}
	x.built = true
	for _, slot := range all {
		if slot != 0 {
			x.place(slot)
		}
	}
}

// unruly lists units that break a rule beside others, as a crash in the midst
// of a Put may leave them: what a proof speaks of, proofs under another key,
// what is older of several bodies under one key, and stamps of what is proven.
func (x *index) unruly() (list []uint32) {
	for slot := uint32(1); slot <= x.slots; slot++ {
		u := x.at(slot)
		if u.seq == 0 {
			continue
		}
		if u.class == envelope.Done {
			if e := x.find(u.proves); e == 0 {
				continue
			} else if x.at(e).tag == u.tag && x.at(e).class != envelope.Stamp {
				u.flags |= sureFlag
				list = append(list, e)
			} else {
				list = append(list, slot)
			}
			continue
		}
		alike, older := 0, true
		for o := x.tagged(u.tag); o != 0; o = x.at(o).next {
			alike++
			older = older && x.at(o).seq >= u.seq
		}
		if alike > 1 && older && (u.class != envelope.S0 || alike > maxAlike) {
			list = append(list, slot)
		}
	}
	for slot := uint32(1); slot <= x.slots; slot++ { // now it is known which proofs are sure
		if u := x.at(slot); u.seq != 0 && u.class == envelope.Stamp && x.proven(u.proves) {
			list = append(list, slot)
		}
	}
	return list
}

func (x *index) place(slot uint32) {
	x.arrive(slot)
	x.link(slot)
}

// run is a stretch of the order of arrival.
type run struct {
	first uint64
	live  int
	items []arrival
}

type arrival struct {
	delta uint32 // seq - first
	slot  uint32 // 0: gone
}

const runItems = 512

// arrive appends the slot to the order of arrival.
func (x *index) arrive(slot uint32) {
	seq := x.at(slot).seq
	if n := len(x.runs); n > 0 {
		r := &x.runs[n-1]
		if len(r.items) < runItems && seq-r.first < 1<<32 {
			r.items = append(r.items, arrival{uint32(seq - r.first), slot})
			r.live++
			return
		}
		r.items = slices.Clip(r.items)
	}
	x.runs = append(x.runs, run{first: seq, live: 1, items: []arrival{{0, slot}}})
}

// runAt is the index of the run in which seq stands or would stand.
func (x *index) runAt(seq uint64) int {
	n, found := slices.BinarySearchFunc(x.runs, seq, func(r run, seq uint64) int { return cmp.Compare(r.first, seq) })
	if found {
		return n
	}
	return n - 1
}

// itemAt is the index of the first item of the run with at least seq.
func (r *run) itemAt(seq uint64) int {
	n, _ := slices.BinarySearchFunc(r.items, seq, func(a arrival, seq uint64) int {
		return cmp.Compare(r.first+uint64(a.delta), seq)
	})
	return n
}

// leave takes the slot out of the order of arrival.
func (x *index) leave(slot uint32) {
	seq := x.at(slot).seq
	k := x.runAt(seq)
	r := &x.runs[k]
	r.items[r.itemAt(seq)].slot = 0
	r.live--
	switch {
	case r.live == 0:
		x.runs = slices.Delete(x.runs, k, k+1)
	case len(r.items) > 32 && r.live < len(r.items)/4:
		r.items = slices.Clip(slices.DeleteFunc(slices.Clone(r.items), func(a arrival) bool { return a.slot == 0 }))
	}
}

// since calls take for the units above seq in order of arrival until it
// answers false.
func (x *index) since(seq uint64, take func(*unit) bool) {
	if seq == 1<<64-1 {
		return
	}
	for k := max(x.runAt(seq+1), 0); k < len(x.runs); k++ {
		r := &x.runs[k]
		for _, a := range r.items[r.itemAt(seq+1):] {
			if a.slot != 0 && !take(x.at(a.slot)) {
				return
			}
		}
	}
}

// bucket lists the units that are alike to eviction, oldest first.
type bucket struct {
	key        uint64
	head, tail uint32
	cost       int64
}

// bucketKey orders buckets as they are evicted without shares: high rank
// first, then the nearest last day; what is never evicted comes behind all.
// With shares a giver's buckets lie side by side.
func bucketKey(stays bool, rank uint8, from uint32, until envelope.Day) uint64 {
	k := uint64(255-rank)<<48 | uint64(from)<<16 | uint64(until)
	if stays {
		k |= staysKey
	}
	return k
}

const staysKey = 1 << 56

// key of the unit's bucket. Without shares nobody asks who brought it.
func (x *index) key(u *unit) uint64 {
	from := u.from
	if !x.shared.on {
		from = 0
	}
	return bucketKey(u.stays(), u.rank, from, u.until)
}

// day is the until of the bucket's units.
func (b *bucket) day() envelope.Day { return envelope.Day(b.key) }

func (x *index) bucketAt(key uint64) (int, bool) {
	return slices.BinarySearchFunc(x.buckets, key, func(b bucket, key uint64) int { return cmp.Compare(b.key, key) })
}

// link appends the slot to its bucket.
func (x *index) link(slot uint32) {
	u := x.at(slot)
	n, found := x.bucketAt(x.key(u))
	if !found {
		x.buckets = slices.Insert(x.buckets, n, bucket{key: x.key(u)})
	}
	b := &x.buckets[n]
	u.prev, u.succ = b.tail, 0
	if b.tail != 0 {
		x.at(b.tail).succ = slot
	} else {
		b.head = slot
	}
	b.tail = slot
	b.cost += u.cost()
	if !u.stays() {
		x.shared.add(u.rank, u.from, u.cost())
	}
}

// unlink takes the slot out of its bucket.
func (x *index) unlink(slot uint32) {
	u := x.at(slot)
	n, found := x.bucketAt(x.key(u))
	if !found {
		panic("store: internal error: a unit is in no bucket")
	}
	b := &x.buckets[n]
	if u.prev != 0 {
		x.at(u.prev).succ = u.succ
	} else {
		b.head = u.succ
	}
	if u.succ != 0 {
		x.at(u.succ).prev = u.prev
	} else {
		b.tail = u.prev
	}
	b.cost -= u.cost()
	if !u.stays() {
		x.shared.add(u.rank, u.from, -u.cost())
	}
	if b.head == 0 {
		x.buckets = slices.Delete(x.buckets, n, n+1)
	}
}

// regrade changes what eviction goes by.
func (x *index) regrade(slot uint32, flags, rank uint8, from uint32) {
	u := x.at(slot)
	x.unlink(slot)
	x.bulk -= u.bulk()
	x.fixed -= u.fixed()
	if flags&ownFlag != 0 && !u.own() {
		x.owned++
	}
	u.flags, u.rank, u.from = flags, rank, from
	x.bulk += u.bulk()
	x.fixed += u.fixed()
	x.link(slot)
}
