package embedded

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/store"
)

// Options of Open.
type Options struct {
	Quota int64        // bytes on disk, never exceeded; at least store.MinQuota
	Today envelope.Day // by which the box sees how long it was away
	// Renew forgets the order of marks, so that every client lists the whole
	// box once: for an operator who restored an old copy.
	Renew bool
}

// Box is a relay.Box on a shelf.
type Box struct {
	shelf  *store.Shelf
	epoch  atomic.Pointer[relay.Epoch]
	losses losses
	alive  atomic.Uint32 // the day last written down, plus 1

	durable atomic.Uint64 // newest Seq on stable storage

	mu    sync.Mutex
	queue []*waiter // who waits for the next batch
	busy  bool      // a batch is on its way, or its leader is named

	known *verdicts
	lines lines
}

var _ relay.Box = (*Box)(nil)

// Names of the values that the box keeps in its shelf.
const (
	markAlive = "relay alive" // the last day on which the box was in use
	markSalt  = "relay salt"  // mixed into the epoch
)

// awayDays is after how many days without use a box takes itself for an old
// copy. One that was really off so long costs its clients one listing.
const awayDays = 2

// Open opens the box in the folder, or makes one. An old copy of a box that
// clients knew in a later state must have a new epoch, or they would skip what
// is new under numbers that they saw before and not offer again what was lost.
// A copy cannot be told from the box itself, but one that was not in use for
// two days is taken for one. So has a box whose disk lost something, then or later (lost.go):
// who gave it believes that it is here. Errors: those of store.Open.
func Open(fs durable.FS, o Options) (*Box, store.Report, error) {
	shelf, report, err := store.Open(fs, store.Options{Quota: o.Quota, Today: o.Today})
	if err != nil {
		return nil, report, err
	}
	b := &Box{shelf: shelf, known: newVerdicts()}
	old := shelf.Mark(markAlive)
	away := len(old) == 2 && int(o.Today)-int(binary.BigEndian.Uint16(old)) >= awayDays
	if away || o.Renew || report.Damaged+report.Unread > 0 {
		salt := make([]byte, 8)
		_, _ = rand.Read(salt) // never fails: crypto/rand
		err = shelf.SetMark(markSalt, salt)
		report.NewEpoch = true
	}
	if err == nil {
		err = b.live(o.Today)
	}
	if err == nil {
		err = shelf.Sync()
	}
	if err != nil {
		return nil, report, errors.Join(fmt.Errorf("embedded: open: %w", err), shelf.Close())
	}
	b.losses.seen.Store(shelf.Losses())
	b.name()
	b.durable.Store(shelf.Top())
	for page := shelf.Since(0, scan); len(page) > 0; page = shelf.Since(page[len(page)-1].Seq, scan) {
		for _, e := range page {
			b.lines.add(e.Shard, e.Seq, e.ID)
		}
	}
	return b, report, nil
}

// Close syncs and gives the folder free.
func (b *Box) Close() error { return b.shelf.Close() }

// Stats are the figures of the shelf.
func (b *Box) Stats() store.Stats { return b.shelf.Stats() }

// live writes down that the box is in use on this day.
func (b *Box) live(today envelope.Day) error {
	was := b.alive.Load()
	if uint32(today)+1 <= was || !b.alive.CompareAndSwap(was, uint32(today)+1) {
		return nil
	}
	return b.shelf.SetMark(markAlive, binary.BigEndian.AppendUint16(nil, uint16(today)))
}

// Head tells the epoch and the newest durable mark.
func (b *Box) Head(context.Context) (relay.Head, error) {
	b.lost()
	return relay.Head{Epoch: *b.epoch.Load(), Top: relay.Mark(b.durable.Load())}, nil
}

// Judge tells what Put would answer, as far as that is known without Put.
func (b *Box) Judge(_ context.Context, d relay.Deposit) error {
	e := d.Unit
	if e.Expiry() < d.Today {
		return relay.ErrExpired
	}
	id := e.ID()
	if b.shelf.Done(id) {
		return relay.ErrDelivered
	}
	if err := b.known.of(id); err != nil {
		return err
	}
	switch e.Class() {
	case envelope.S0:
	case envelope.Done:
		if held, ok := b.shelf.Entry(e.Proves()); ok && held.Tag != e.Tag() {
			return relay.ErrBogus
		}
	default:
		if held, ok := b.shelf.ByTag(e.Tag()); ok && held.ID != id {
			return relay.ErrTaken
		}
	}
	return nil
}

// Put takes units and waits until they are on stable storage. While a batch
// is on its way to the disk, all who come form the next one together; the
// first of them leads it.
func (b *Box) Put(_ context.Context, units []relay.Deposit) ([]error, error) {
	w := &waiter{units: units, results: make([]error, len(units)), turn: make(chan bool, 1)}
	b.mu.Lock()
	b.queue = append(b.queue, w)
	if !b.busy {
		b.busy = true
		w.turn <- true
	}
	b.mu.Unlock()
	if leads := <-w.turn; leads {
		b.lead()
	}
	return w.results, w.err
}

// waiter is one call of Put.
type waiter struct {
	units   []relay.Deposit
	results []error
	err     error
	turn    chan bool // true: lead the batch; false: it is done
}

// lead takes everybody who waits through one Sync, and names the next leader.
func (b *Box) lead() {
	b.mu.Lock()
	batch := b.queue
	b.queue = nil
	b.mu.Unlock()
	var need uint64
	for _, w := range batch {
		need = max(need, b.take(w))
	}
	if need > b.durable.Load() {
		if err := b.sync(); err != nil {
			for _, w := range batch {
				w.err = err
			}
		}
	}
	for _, w := range batch[1:] { // the first is the leader itself
		w.turn <- false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.busy = false
		return
	}
	b.queue[0].turn <- true
}

// take hands the units of one call to the shelf and answers the number up to
// which a Sync is needed before any may be acknowledged.
func (b *Box) take(w *waiter) (need uint64) {
	for i, d := range w.units {
		err := b.live(d.Today)
		if err == nil {
			var seq uint64
			seq, err = b.put(d)
			need = max(need, seq)
		}
		if err != nil && !answer(err) {
			w.err = fmt.Errorf("embedded: put: %w", err)
			return need
		}
		w.results[i] = err
	}
	return need
}

// put hands one unit to the shelf. need is its number there.
func (b *Box) put(d relay.Deposit) (need uint64, err error) {
	e := d.Unit
	meta := store.Meta{Rank: d.Rank, Today: d.Today}
	if e.Class() == envelope.S0 {
		meta.Until = d.Today.Add(envelope.Lifetime)
	}
	entry, err := b.shelf.Put(e, meta)
	switch {
	case err == nil:
		b.lines.add(entry.Shard, entry.Seq, entry.ID)
		return entry.Seq, nil
	case errors.Is(err, store.ErrHave):
		return entry.Seq, nil // perhaps not durable yet
	case errors.Is(err, store.ErrDone):
		return 0, relay.ErrDelivered
	case errors.Is(err, store.ErrTaken):
		b.known.set(e.ID(), relay.ErrTaken)
		return 0, relay.ErrTaken
	case errors.Is(err, store.ErrBogus):
		b.known.set(e.ID(), relay.ErrBogus)
		return 0, relay.ErrBogus
	case errors.Is(err, store.ErrExpired):
		return 0, relay.ErrExpired
	case errors.Is(err, store.ErrFull):
		return 0, relay.ErrFull
	}
	return 0, err
}

// answer tells the results that Put gives for one unit.
func answer(err error) bool {
	for _, known := range []error{relay.ErrDelivered, relay.ErrTaken, relay.ErrBogus, relay.ErrExpired, relay.ErrFull} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// sync brings everything so far to stable storage.
func (b *Box) sync() error {
	top := b.shelf.Top()
	if err := b.shelf.Sync(); err != nil {
		return fmt.Errorf("embedded: sync: %w", err)
	}
	for was := b.durable.Load(); was < top && !b.durable.CompareAndSwap(was, top); {
		was = b.durable.Load()
	}
	return nil
}

// scan is how many entries are read at a time.
const scan = 512

// List tells what is above a mark, up to the durable one.
func (b *Box) List(ctx context.Context, after relay.Mark, slots relay.Slots, max int) ([]relay.Entry, relay.Mark, error) {
	top := b.durable.Load()
	if uint64(after) >= top || max <= 0 {
		return nil, after, ctx.Err()
	}
	if s, ok := few(slots); ok {
		return b.listFew(ctx, after, s, top, max)
	}
	return b.listMany(ctx, after, slots, top, max)
}

// listFew follows the lines of some slots.
func (b *Box) listFew(ctx context.Context, after relay.Mark, slots []relay.Slot, top uint64, max int) ([]relay.Entry, relay.Mark, error) {
	var found []relay.Entry
	for len(found) < max {
		if err := ctx.Err(); err != nil {
			return nil, after, err
		}
		n := max - len(found)
		page := b.lines.page(slots, uint64(after), top, n)
		for _, p := range page {
			after = relay.Mark(p.seq)
			if e, ok := b.shelf.Entry(p.id); ok && e.Seq == p.seq {
				found = append(found, entryOf(e))
			}
		}
		if len(page) < n {
			return found, relay.Mark(top), nil
		}
	}
	return found, after, nil
}

// listMany follows the whole order.
func (b *Box) listMany(ctx context.Context, after relay.Mark, slots relay.Slots, top uint64, max int) ([]relay.Entry, relay.Mark, error) {
	var found []relay.Entry
	for len(found) < max {
		if err := ctx.Err(); err != nil {
			return nil, after, err
		}
		page := b.shelf.Since(uint64(after), scan)
		for _, e := range page {
			if e.Seq > top || len(found) == max {
				return found, after, nil
			}
			after = relay.Mark(e.Seq)
			if slots.Has(e.Shard) {
				found = append(found, entryOf(e))
			}
		}
		if len(page) < scan {
			return found, relay.Mark(top), nil
		}
	}
	return found, after, nil
}

func entryOf(e store.Entry) relay.Entry {
	return relay.Entry{ID: e.ID, Class: e.Class, Slot: e.Shard, Size: int(e.Size), Expiry: e.Expiry, Mark: relay.Mark(e.Seq)}
}

// Get reads bytes of a unit that is on stable storage.
func (b *Box) Get(_ context.Context, id envelope.ID, off, n int) ([]byte, error) {
	e, ok := b.shelf.Entry(id)
	switch {
	case !ok || e.Seq > b.durable.Load():
		if b.shelf.Done(id) {
			return nil, relay.ErrDelivered
		}
		return nil, relay.ErrMissing
	case n <= 0 || off >= int(e.Size):
		return nil, nil
	}
	raw, err := b.read(id, off, min(n, int(e.Size)-off), int(e.Size))
	switch {
	case errors.Is(err, store.ErrMissing), errors.Is(err, store.ErrCorrupt):
		return nil, relay.ErrMissing
	case err != nil:
		return nil, fmt.Errorf("embedded: get: %w", err)
	}
	return raw, nil
}

// read checks the bytes against the id where it reads them all.
func (b *Box) read(id envelope.ID, off, n, size int) ([]byte, error) {
	if n == size {
		return b.shelf.Get(id)
	}
	return b.shelf.ReadAt(id, off, n)
}

// Drop removes a unit for good.
func (b *Box) Drop(_ context.Context, id envelope.ID) error {
	switch err := b.shelf.Drop(id); {
	case errors.Is(err, store.ErrMissing):
		return nil
	case err != nil:
		return fmt.Errorf("embedded: drop: %w", err)
	}
	return b.sync()
}

// recheckUnits is how many units that the disk did not give are tried again at
// each Expire.
const recheckUnits = 64

// Expire removes what no carrier keeps on that day, and tries again what could
// not be read.
func (b *Box) Expire(_ context.Context, today envelope.Day) (int, error) {
	n, err := b.shelf.Expire(today)
	if err == nil {
		err = b.live(today)
	}
	if err != nil {
		return n, fmt.Errorf("embedded: expire: %w", err)
	}
	for _, u := range b.shelf.Recheck(recheckUnits) {
		b.lines.add(u.Shard, u.Seq, u.ID)
	}
	b.lines.sweep(func(p place) bool {
		e, ok := b.shelf.Entry(p.id)
		return ok && e.Seq == p.seq
	})
	return n, b.sync()
}
