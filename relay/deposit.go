package relay

import (
	"context"
	"errors"
	"time"
)

// Deposit puts one unit into the box for a client that comes by another way
// than a session; remote is the address of whoever brought it, for the shares of a
// full box. nil means on stable storage. Errors: those of Check and of Box.
func (m *Mailbox) Deposit(ctx context.Context, raw []byte, remote string) error {
	today, now := m.opts.Today(), time.Now()
	e, err := Check(raw, today)
	if err != nil {
		return err
	}
	d := Deposit{Unit: e, Today: today}
	if m.isFull(now) {
		return ErrFull
	}
	if err := m.box.Judge(ctx, d); err != nil {
		if errors.Is(err, ErrFull) {
			m.full(now, err)
		}
		return err
	}
	d.Rank = m.loads.brought(remote, len(raw), now)
	results, err := m.box.Put(ctx, []Deposit{d})
	if err != nil {
		m.full(now, err)
		return err
	}
	if err := results[0]; err != nil {
		if errors.Is(err, ErrFull) {
			m.full(now, err)
		}
		return err
	}
	m.hub.ring(SlotsOf(e.Shard()), now)
	return nil
}

// brought counts n bytes deposited from an address without a connection.
func (t *loads) brought(remote string, n int, now time.Time) uint8 {
	key, _ := t.prefixOf(remote)
	t.mu.Lock()
	l := t.find(key, now)
	t.mu.Unlock()
	return t.deposited(l, n, now)
}
