package lock

import (
	"context"
	"fmt"

	"github.com/jauap/jauap/web/api"
)

// closed is what is left of the door in an era without a person.
type closed struct {
	k *Keeper
	e *era
}

var _ api.Closed = closed{}

// node is the one that goes on, as soon as there is one.
func (c closed) node() (Node, error) {
	if err := c.e.wait(); err != nil {
		return nil, err
	}
	if c.e.node == nil {
		return nil, fmt.Errorf("locked, and nothing is carried: %w", c.e.err)
	}
	return c.e.node, nil
}

// Lock implements api.Locker.
func (c closed) Lock(ctx context.Context, ask api.LockAsk) (api.LockState, error) {
	return c.k.Lock(ctx, ask)
}

// Unlock implements api.Locker.
func (c closed) Unlock(ctx context.Context, ask api.UnlockAsk) (api.LockState, error) {
	return c.k.Unlock(ctx, ask)
}

// Page implements api.Opener.
func (c closed) Page(ctx context.Context) (string, error) { return c.k.Page(ctx) }

// Status implements api.Net.
func (c closed) Status(ctx context.Context) (api.Status, error) {
	n, err := c.node()
	if err != nil {
		return api.Status{}, err
	}
	return n.Status(ctx)
}

// Carry implements api.Net.
func (c closed) Carry(ctx context.Context, ask api.CarryAsk) (api.Haul, error) {
	n, err := c.node()
	if err != nil {
		return api.Haul{}, err
	}
	return n.Carry(ctx, ask)
}

// Wipe implements api.Eraser. It does not wait until the profile is closed.
func (c closed) Wipe(ctx context.Context, ask api.WipeAsk) (api.Wiped, error) {
	c.k.mu.Lock()
	n := c.e.last
	c.k.mu.Unlock()
	if n == nil {
		var err error
		if n, err = c.node(); err != nil {
			return api.Wiped{}, fmt.Errorf("%w; `jauap wipe --yes` erases it", err)
		}
	}
	return n.Wipe(ctx, ask)
}
