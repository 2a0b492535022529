package probe

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"
)

// Change is why Watch thinks that the network may be another one now.
type Change string

const (
	Network Change = "network" // a link, an address or a route
	Woken   Change = "woken"   // the device slept, or its clock was set
)

const (
	// pollEvery is how often the interfaces are compared and the clock is
	// looked at. Where the system tells of changes, this is the second net.
	pollEvery = 2 * time.Second
	// asleep is how far the wall clock may run from the device's own before
	// that counts as sleep.
	asleep = 3 * time.Second
	// gather is how long further changes are collected after the first.
	gather = 50 * time.Millisecond
	// budget changes may be told in quick order, then one each refill: a
	// flapping interface must not make us a flood.
	budget = 16
	refill = 250 * time.Millisecond
)

// Watch tells of changes until ctx ends; then the channel is closed. The first
// change after a pause is told at once. A reader that is busy finds the latest.
func Watch(ctx context.Context) <-chan Change {
	raw := make(chan Change, 1)
	tell := func(c Change) {
		select {
		case raw <- c:
		default: // one is waiting already
		}
	}
	listen(ctx, func() { tell(Network) })
	go poll(ctx, fingerprint, tell)
	out := make(chan Change, 1)
	go smooth(ctx, raw, out)
	return out
}

// smooth passes on the first change at once and gathers those that follow.
func smooth(ctx context.Context, raw <-chan Change, out chan<- Change) {
	defer close(out)
	left, filled := budget, time.Now()
	for {
		var c Change
		select {
		case <-ctx.Done():
			return
		case c = <-raw:
		}
		if n := int(time.Since(filled) / refill); n > 0 {
			left, filled = min(left+n, budget), time.Now()
		}
		pause := gather
		if left--; left <= 0 {
			left, pause = 0, refill
		}
		select {
		case out <- c:
		default:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// poll compares the interfaces, and the wall clock with the device's own.
func poll(ctx context.Context, look func() string, tell func(Change)) {
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	before, last := look(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := time.Now()
		if jumped(now.Sub(last), now.Round(0).Sub(last.Round(0))) {
			tell(Woken)
		}
		last = now
		if seen := look(); seen != before {
			before = seen
			tell(Network)
		}
	}
}

// jumped judges one round of poll: how long it took by the device's own clock,
// which stands still in sleep on some systems and runs on in others, and by
// the wall's.
func jumped(own, wall time.Duration) bool {
	return own > pollEvery+asleep || wall-own > asleep || own-wall > asleep
}

// fingerprint is the interfaces with their addresses in one string, empty
// where the system does not say.
func fingerprint() string {
	list, err := net.Interfaces()
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, i := range list {
		fmt.Fprintf(&b, "%d %s %v", i.Index, i.Name, i.Flags&(net.FlagUp|net.FlagRunning))
		if addrs, err := i.Addrs(); err == nil {
			for _, a := range addrs {
				b.WriteString(" " + a.String())
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
