package relay

import (
	"errors"
	"sync"
)

// inbox holds the frames that arrived while the session was busy, for example
// with the disk: so each wait for the disk serves all that came meanwhile.
type inbox struct {
	ready chan struct{} // something to take, or the end; room for one
	space chan struct{} // something was taken; room for one

	mu     sync.Mutex
	frames [][]byte
	bytes  int
	err    error // why no more will come
}

// maxQueued bounds the bytes in an inbox, but for one frame of any length.
const maxQueued = 64 << 10

func newInbox() *inbox {
	return &inbox{ready: make(chan struct{}, 1), space: make(chan struct{}, 1)}
}

// put adds a frame, which it keeps, and waits while there is no room. It
// answers false when gone is closed.
func (b *inbox) put(frame []byte, gone <-chan struct{}) bool {
	for {
		b.mu.Lock()
		if len(b.frames) == 0 || b.bytes+len(frame) <= maxQueued {
			b.frames = append(b.frames, frame)
			b.bytes += len(frame)
			b.mu.Unlock()
			nudge(b.ready)
			return true
		}
		b.mu.Unlock()
		select {
		case <-b.space:
		case <-gone:
			return false
		}
	}
}

// close says why no more frames will come.
func (b *inbox) close(err error) {
	b.mu.Lock()
	b.err = errors.Join(b.err, err)
	b.mu.Unlock()
	nudge(b.ready)
}

// take answers all frames that wait, and why no more will come once none do.
func (b *inbox) take() ([][]byte, error) {
	b.mu.Lock()
	frames := b.frames
	b.frames, b.bytes = nil, 0
	err := b.err
	b.mu.Unlock()
	if len(frames) == 0 {
		return nil, err
	}
	nudge(b.space)
	if err != nil {
		nudge(b.ready)
	}
	return frames, nil
}

// nudge puts a token into a channel with room for one.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
