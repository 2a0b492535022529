package limits

import (
	"flag"
	"runtime"
	"testing"
	"time"
)

// What a decoder may cost for each begun Piece of input.
const (
	Piece = 64 << 10
	Bytes = 1 << 20
	Time  = 5 * time.Millisecond
)

// throttled is how much slower than the machine of docs/benchmarks.md another one, or
// the same in a hot hour, may be: what a bound is for costs hundreds of times as much.
const throttled = 4

// Cost allows a body to do more than to decode; the why stands beside it.
type Cost struct {
	Bytes uint64        // instead of Bytes
	Time  time.Duration // instead of Time
}

// Watch begins to measure a body that is given in bytes of input; the function
// that it answers ends that: `defer limits.Watch(t, len(b))()`.
func Watch(t testing.TB, in int, instead ...Cost) func() {
	most := Cost{Bytes, Time}
	for _, c := range instead {
		most.Bytes, most.Time = max(most.Bytes, c.Bytes), max(most.Time, c.Time)
	}
	if fuzzing() {
		// The fuzzer's own memory counts, and it looks for the costliest input:
		// here it may find bombs, not what a saved input costs to the kilobyte.
		most.Bytes *= 16
	}
	pieces := uint64(in/Piece + 1)
	runtime.LockOSThread()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := threadTime()
	return func() {
		took := threadTime() - began
		runtime.ReadMemStats(&after)
		runtime.UnlockOSThread()
		if got := after.TotalAlloc - before.TotalAlloc; got > most.Bytes*pieces {
			t.Errorf("limits: %d bytes of input cost %d bytes of memory, at most %d", in, got, most.Bytes*pieces)
		}
		if allowed := most.Time * time.Duration(pieces); took > throttled*allowed && !slowed() {
			t.Errorf("limits: %d bytes of input cost %v of computing, at most %v", in, took, allowed)
		}
	}
}

// slowed says whether the fuzzer or the race detector counts every step.
func slowed() bool { return racing || fuzzing() || testing.CoverMode() != "" }

// fuzzing says whether inputs are being made, not only the saved ones tried.
func fuzzing() bool {
	for _, name := range []string{"test.fuzz", "test.fuzzworker"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" && f.Value.String() != "false" {
			return true
		}
	}
	return false
}

// Hostile gives a fuzz target a Piece of each kind of bytes that make careless
// decoders spend: lengths and counts as large as can be, nesting, nothing but
// zeros. more are the target's other arguments.
func Hostile(f *testing.F, more ...any) {
	for _, b := range hostile() {
		f.Add(append([]any{b}, more...)...)
	}
}

// HostileText is Hostile for targets that take a string first.
func HostileText(f *testing.F, more ...any) {
	for _, b := range hostile() {
		f.Add(append([]any{string(b)}, more...)...)
	}
}

func hostile() (list [][]byte) {
	fill := func(pattern ...byte) []byte {
		b := make([]byte, Piece)
		for i := range b {
			b[i] = pattern[i%len(pattern)]
		}
		return b
	}
	list = [][]byte{
		fill(0), fill(1), fill(0xff), fill(0x80), fill('['), fill('9'), fill('\n'), fill(' ', 'a'),
		fill(0x00, 0x00, 0xff, 0xff), fill(0xff, 0xff, 0xff, 0xff, 0x0f), fill(0x01, 0x50, 0x00),
	}
	for kind := range byte(16) { // a kind of record or frame, then lengths
		b := fill(0xff, 0xff, 0x03)
		b[0], b[1] = kind, 1
		c := fill(0, 1)
		c[0] = 0x80 | kind
		list = append(list, b, c)
	}
	return list
}
