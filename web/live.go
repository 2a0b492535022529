package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/jauap/jauap/web/api"
)

const (
	heartbeat = 20 * time.Second       // a comment, so that a dead browser is noticed
	breath    = 200 * time.Millisecond // between two events at least
)

// events tells the browser that something changed. It says nothing else: the
// page then asks for itself again.
func (x *turn) events() error {
	end, ok := x.p.gate.stream()
	if !ok {
		x.w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	defer end()
	ctx, cancel := untilStop(x.ctx())
	defer cancel()
	changes := make(chan string)
	watch(ctx, x.p.b.Wait, "page", changes)
	streamTo(ctx, x.w, changes)
	return nil
}

// untilStop ends with the request or with the server's shutdown.
func untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := api.Stopping(ctx)
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// watch starts to say name at each change of the counter behind wait, until
// ctx ends. Every change after watch returned is told.
func watch(ctx context.Context, wait func(context.Context, uint64) (uint64, error), name string, changes chan<- string) {
	// When this fails, seen is 0, and the next wait answers at once: one event
	// too many, none too few.
	seen, _ := wait(ctx, 0)
	go func() {
		for ctx.Err() == nil {
			n, err := wait(ctx, seen)
			if err != nil {
				if !pause(ctx, heartbeat) { // trouble behind: ask again later
					return
				}
				continue
			}
			seen = n
			select {
			case changes <- name:
			case <-ctx.Done():
			}
		}
	}()
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// streamTo writes changes as server-sent events until ctx ends.
func streamTo(ctx context.Context, w http.ResponseWriter, changes <-chan string) {
	w.Header().Set("Content-Type", "text/event-stream")
	c := http.NewResponseController(w)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	say := func(line string) bool {
		api.AnswerDeadline(w, 0)
		_, err := fmt.Fprint(w, line, "\n\n")
		return err == nil && c.Flush() == nil
	}
	ok := say("retry: 3000")
	for n := 0; ok; n++ {
		select {
		case name := <-changes:
			ok = say("id: "+strconv.Itoa(n)+"\ndata: "+name) && pause(ctx, breath)
		case <-beat.C:
			ok = say(": here")
		case <-ctx.Done():
			return
		}
	}
}
