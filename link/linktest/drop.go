package linktest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/jauap/jauap/link"
)

// Place makes a fresh, empty place and answers a function that opens it anew
// at each call, as the next person who gets the stick does. A place whose Traits
// name a Unit is given units up to it only.
type Place func(t *testing.T) (open func() link.Drop)

// RunDrop checks that the drops of place do what link.Drop promises. The place
// must hold at least 24 MiB.
func RunDrop(t *testing.T, place Place) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*testing.T, Place)
	}{
		{"traits are sane", dropTraits},
		{"an empty place", dropEmpty},
		{"each gives back what leave wrote", dropRoundTrip},
		{"leaves add up", dropAddUp},
		{"a unit that is too large is refused and not cut", dropTooLarge},
		{"an error of take ends the walk", dropTakeError},
		{"a done context ends both", dropContext},
		{"buffers may be used again", dropBufferReuse},
		{"given units may be kept", dropKept},
		{"leave and each at once", dropAtOnce},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, place) })
	}
}

// From makes a next for Leave that hands out units in order.
func From(units [][]byte) func() ([]byte, bool) {
	i := 0
	return func() ([]byte, bool) {
		if i == len(units) {
			return nil, false
		}
		i++
		return units[i-1], true
	}
}

// Units are n units of the sizes that shelves hold, from a seed.
func Units(seed uint64, n int) [][]byte {
	return UnitsOf(seed, n, 262144)
}

// UnitsOf is Units of at most so many bytes.
func UnitsOf(seed uint64, n, most int) [][]byte {
	sizes := []int{96, 116, 160, 222, 1024, 1024, 2048, 4096, 16384, 65536, 262144}
	sizes = slices.DeleteFunc(sizes, func(size int) bool { return size > most })
	units := make([][]byte, n)
	for i := range units {
		units[i] = noise(seed<<8+uint64(i%251), sizes[i%len(sizes)])
		copy(units[i], []byte{byte(i), byte(i >> 8), byte(seed)}) // no two alike
	}
	return units
}

type tally map[[32]byte]int

func tallyOf(units [][]byte) tally {
	t := make(tally)
	for _, u := range units {
		t[sha256.Sum256(u)]++
	}
	return t
}

// want checks that d holds every unit of units, and nothing else but copies of
// them: a drop may carry copies.
func want(t *testing.T, d link.Drop, units [][]byte) {
	t.Helper()
	left := tallyOf(units)
	seen := make(tally)
	notes, err := d.Each(context.Background(), func(u []byte) error {
		seen[sha256.Sum256(u)]++
		if left[sha256.Sum256(u)] == 0 {
			t.Errorf("a unit of %d bytes was found that nobody left", len(u))
		}
		return nil
	})
	if err != nil {
		t.Errorf("each: %v", err)
	}
	for _, n := range notes {
		if n.What == "" {
			t.Errorf("a note about %q says nothing", n.Where)
		}
	}
	missing := 0
	for h := range left {
		if seen[h] == 0 {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d units are missing", missing, len(left))
	}
}

func leave(t *testing.T, d link.Drop, units [][]byte) {
	t.Helper()
	size := int64(0)
	for _, u := range units {
		size += int64(len(u))
	}
	n, err := d.Leave(context.Background(), From(units))
	if err != nil || n != size {
		t.Errorf("leave of %d units: %d bytes, %v; want %d", len(units), n, err, size)
	}
}

func dropTraits(t *testing.T, place Place) {
	tr := place(t)().Traits()
	if tr.Unit < 222 {
		t.Errorf("Unit is %d: the smallest that carries a word has 222 bytes", tr.Unit)
	}
	if tr.Latency <= 0 || tr.Exposure > link.Hidden || tr.Way > link.In {
		t.Errorf("traits make no sense: %+v", tr)
	}
}

func dropEmpty(t *testing.T, place Place) {
	open := place(t)
	d := open()
	want(t, d, nil)
	calls := 0
	n, err := d.Leave(context.Background(), func() ([]byte, bool) { calls++; return nil, false })
	if n != 0 || err != nil || calls != 1 {
		t.Errorf("leave of nothing: %d bytes, %v, %d calls of next", n, err, calls)
	}
	want(t, open(), nil)
}

// some are units that the place takes.
func some(d link.Drop, seed uint64, n int) [][]byte { return UnitsOf(seed, n, d.Traits().Unit) }

func dropRoundTrip(t *testing.T, place Place) {
	open := place(t)
	units := some(open(), 1, 300)
	leave(t, open(), units)
	want(t, open(), units)
}

func dropAddUp(t *testing.T, place Place) {
	open := place(t)
	var all [][]byte
	same := open()
	for i := range 6 {
		d := same
		if i%2 == 1 {
			d = open()
		}
		units := some(d, uint64(10+i), 1+20*i)
		leave(t, d, units)
		all = append(all, units...)
		want(t, d, all)
	}
	want(t, open(), all)
}

func dropTooLarge(t *testing.T, place Place) {
	open := place(t)
	d := open()
	good := some(d, 2, 3)
	bad := append(some(d, 2, 3), make([]byte, d.Traits().Unit+1))
	if _, err := d.Leave(context.Background(), From(bad)); err == nil {
		t.Error("a unit larger than Traits.Unit was taken")
	}
	good = append(good, noise(9, d.Traits().Unit))
	leave(t, open(), good)
	want(t, open(), good) // and nothing else: no piece of the bad one
}

func dropTakeError(t *testing.T, place Place) {
	open := place(t)
	leave(t, open(), some(open(), 3, 20))
	stop := errors.New("enough")
	calls := 0
	_, err := open().Each(context.Background(), func([]byte) error {
		if calls++; calls == 5 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != 5 {
		t.Errorf("each: %v after %d calls; want %q after 5", err, calls, stop)
	}
}

func dropContext(t *testing.T, place Place) {
	open := place(t)
	units := some(open(), 4, 20)
	leave(t, open(), units)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := open().Each(ctx, func([]byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("each in a done context: %v", err)
	}
	if _, err := open().Leave(ctx, From(some(open(), 5, 3))); !errors.Is(err, context.Canceled) {
		t.Errorf("leave in a done context: %v", err)
	}
	seen := make(tally)
	_, _ = open().Each(context.Background(), func(u []byte) error { seen[sha256.Sum256(u)]++; return nil })
	for h := range tallyOf(units) {
		if seen[h] == 0 {
			t.Fatal("an ended Leave lost what an earlier one wrote")
		}
	}
}

func dropBufferReuse(t *testing.T, place Place) {
	open := place(t)
	units := some(open(), 6, 60)
	buf := make([]byte, 0, 262144)
	i := 0
	_, err := open().Leave(context.Background(), func() ([]byte, bool) {
		clear(buf)
		if i == len(units) {
			return nil, false
		}
		buf = append(buf[:0], units[i]...)
		i++
		return buf, true
	})
	if err != nil {
		t.Errorf("leave: %v", err)
	}
	want(t, open(), units)
}

func dropKept(t *testing.T, place Place) {
	open := place(t)
	units := some(open(), 7, 100)
	leave(t, open(), units)
	var kept, copies [][]byte
	_, err := open().Each(context.Background(), func(u []byte) error {
		kept, copies = append(kept, u), append(copies, bytes.Clone(u))
		return nil
	})
	if err != nil {
		t.Errorf("each: %v", err)
	}
	for i := range kept {
		if !bytes.Equal(kept[i], copies[i]) {
			t.Fatalf("unit %d changed after it was given", i)
		}
		_ = append(kept[i], 0xff) // must not run into the next unit
	}
	for i := range kept {
		if !bytes.Equal(kept[i], copies[i]) {
			t.Fatalf("unit %d shares memory with another", i)
		}
	}
}

func dropAtOnce(t *testing.T, place Place) {
	open := place(t)
	shared := open()
	known := make(tally)
	var all [][]byte
	for i := range 4 {
		for h, n := range tallyOf(some(shared, uint64(20+i), 40)) {
			known[h] += n
		}
		all = append(all, some(shared, uint64(20+i), 40)...)
	}
	within(t, "four writers and two readers", func() {
		var g sync.WaitGroup
		for i := range 4 {
			g.Go(func() {
				d := shared
				if i%2 == 0 {
					d = open()
				}
				leave(t, d, some(d, uint64(20+i), 40))
			})
		}
		for range 2 {
			g.Go(func() {
				for range 5 {
					_, err := shared.Each(context.Background(), func(u []byte) error {
						if known[sha256.Sum256(u)] == 0 {
							t.Errorf("a unit of %d bytes was found that nobody left", len(u))
						}
						return nil
					})
					if err != nil {
						t.Errorf("each during leave: %v", err)
					}
				}
			})
		}
		g.Wait()
	})
	want(t, open(), all)
}
