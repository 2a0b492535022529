package daemon

import (
	"context"
	"sync"
)

// changes is a counter that can be waited for.
type changes struct {
	mu   sync.Mutex
	n    uint64
	next chan struct{} // closed at the next bump
}

func newChanges() *changes { return &changes{n: 1, next: make(chan struct{})} }

func (c *changes) bump() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	close(c.next)
	c.next = make(chan struct{})
}

// wait returns the counter once it is past seen, or with ctx's error.
func (c *changes) wait(ctx context.Context, seen uint64) (uint64, error) {
	for {
		c.mu.Lock()
		n, next := c.n, c.next
		c.mu.Unlock()
		if n > seen {
			return n, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
}
