package early

import (
	"sync"
	"sync/atomic"
	"time"
)

// Most is the longest time for which a Gate stays shut.
const Most = 100 * time.Millisecond

// Gate stands before a socket's reader; its zero value is open.
type Gate struct {
	holder sync.Mutex
	shut   atomic.Pointer[chan struct{}]
}

// Shut waits until the gate is open and shuts it. The caller opens it when its
// stream is there; to open twice does nothing.
func (g *Gate) Shut() (open func()) {
	g.holder.Lock()
	shut := make(chan struct{})
	g.shut.Store(&shut)
	once := sync.OnceFunc(func() {
		g.shut.Store(nil)
		close(shut)
		g.holder.Unlock()
	})
	late := time.AfterFunc(Most, once)
	return func() {
		late.Stop()
		once()
	}
}

// Pass waits while the gate is shut.
func (g *Gate) Pass() {
	if shut := g.shut.Load(); shut != nil {
		<-*shut
	}
}
