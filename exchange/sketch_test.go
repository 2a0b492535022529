package exchange

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
)

func randomID(rng *rand.Rand) (x id) {
	for i := range x {
		x[i] = byte(rng.Uint32())
	}
	return x
}

// split makes two sets that share some units and differ in others, by their
// short names, and the difference.
func split(rng *rand.Rand, k *keyed, shared, apart int) (a, b []uint64, diff map[uint64]bool) {
	diff = make(map[uint64]bool)
	for range shared {
		x := randomID(rng)
		a, b = append(a, k.short(&x)), append(b, k.short(&x))
	}
	for range apart {
		x := randomID(rng)
		h := k.short(&x)
		diff[h] = true
		if rng.IntN(2) == 0 {
			a = append(a, h)
		} else {
			b = append(b, h)
		}
	}
	return a, b, diff
}

func sketchOf(n int, sets ...[]uint64) sketch {
	s := make(sketch, n)
	for _, set := range sets {
		for _, h := range set {
			s.toggle(h)
		}
	}
	return s
}

// Random sets of any size and difference: whatever solves, solves exactly, and
// twice the difference is enough.
func TestSketchSolvesExactly(t *testing.T) {
	for seed := range uint64(150) {
		rng := seeded(seed)
		shared, apart := rng.IntN(5001), rng.IntN(5001)
		if seed%3 > 0 {
			apart = rng.IntN(60)
		}
		a, b, want := split(rng, newKeyed(nonce{byte(seed)}, nonce{1}), shared, apart)
		n := 1 + rng.IntN(max(apart, 1))
		for ; ; n *= 2 {
			got, ok := sketchOf(n, a, b).solve()
			if ok {
				if len(got) != len(want) {
					t.Fatalf("seed %d: %d of %d units from %d symbols", seed, len(got), len(want), n)
				}
				for h := range want {
					if !got[h] {
						t.Fatalf("seed %d: %x is missing", seed, h)
					}
				}
				break
			}
			if n > 4*apart+64 {
				t.Fatalf("seed %d: %d symbols for %d units are not enough", seed, n, apart)
			}
		}
	}
}

// The estimate is within a factor of three, and exact about equality.
func TestApart(t *testing.T) {
	rng := seeded(40)
	for n := range 300 {
		shared, apart := 4+rng.IntN(2000), rng.IntN(400)
		k := newKeyed(nonce{byte(n), byte(n >> 8)}, nonce{})
		var a, b summary
		for i := range shared + apart {
			x := randomID(rng)
			h := k.hash(&x)
			if i < shared || i%2 == 0 {
				a.add(h)
			}
			if i < shared || i%2 == 1 {
				b.add(h)
			}
		}
		got := a.apart(&b)
		if (got == 0) != (apart == 0) {
			t.Fatalf("%d apart are taken for %d", apart, got)
		}
		if apart > 20 && (got > 3*apart || 4*got < apart) {
			t.Fatalf("%d apart are taken for %d", apart, got)
		}
		// Shelves of very different size differ at least by that.
		if b = (summary{count: 4}); a.apart(&b) < int(a.count)-4 {
			t.Fatalf("%d and 4 units are taken for %d apart", a.count, a.apart(&b))
		}
	}
}

// The numbers of spec/exchange.md, 11.6.
func TestSketchVector(t *testing.T) {
	var x id
	for i := range x {
		x[i] = byte(i)
	}
	k := newKeyed(nonce{0, 1, 2, 3, 4, 5, 6, 7}, nonce{8, 9, 10, 11, 12, 13, 14, 15})
	if got := hex.EncodeToString(k.hash(&x)[:]); got != "0a940bb5416ef045f1c39458c653ea5a" {
		t.Fatalf("hash %s", got)
	}
	short := k.short(&x)
	if short != 0x0a940bb5416e || checkOf(short) != 0x6a4325d1 {
		t.Fatalf("short %012x, check %08x", short, checkOf(short))
	}
	w := walkOf(short)
	for i, want := range []uint64{0, 3, 4, 12, 20, 41, 50, 92, 338, 809} {
		if w.at != want {
			t.Fatalf("symbol %d of the walk is %d, want %d", i, w.at, want)
		}
		w.next()
	}
	var m summary
	m.add(k.hash(&x))
	if got := hex.EncodeToString(m.append(nil)); got != "0000000000000000"+"01"+"c653ea5a"+"0000000101000100000001000100000101010000" {
		t.Fatalf("summary %s", got)
	}
}

// A sketch of nonsense takes bounded time and is never taken for sense.
func TestSolveNonsense(t *testing.T) {
	rng := seeded(41)
	for _, n := range []int{1, 7, 1000, maxSymbols} {
		random, ones := make(sketch, n), make(sketch, n)
		for i := range random {
			random[i] = symbol{rng.Uint64() >> 16, rng.Uint32()}
			// Each symbol looks like one unit alone.
			h := rng.Uint64() >> 16
			ones[i] = symbol{h, checkOf(h)}
		}
		begin := time.Now()
		_, ok1 := random.solve()
		_, ok2 := ones.solve()
		if n > 1 && (ok1 || ok2) {
			t.Fatalf("%d random symbols solved", n)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Fatalf("%d symbols took %v", n, took)
		}
	}
}

func BenchmarkSketch(b *testing.B) {
	rng := seeded(1)
	ids := make([]envelope.ID, 10_000)
	for i := range ids {
		ids[i] = randomID(rng)
	}
	k := newKeyed(nonce{1}, nonce{2})
	b.Run("summary of 10,000", func(b *testing.B) {
		for b.Loop() {
			var m summary
			for i := range ids {
				m.add(k.hash(&ids[i]))
			}
		}
	})
	b.Run("256 symbols of 10,000", func(b *testing.B) {
		for b.Loop() {
			s := make(sketch, 256)
			for i := range ids {
				s.toggle(k.short(&ids[i]))
			}
		}
	})
	b.Run("solve 100 of 256", func(b *testing.B) {
		_, _, diff := split(rng, k, 0, 100)
		full := make(sketch, 256)
		for h := range diff {
			full.toggle(h)
		}
		s := make(sketch, len(full))
		for b.Loop() {
			copy(s, full)
			s.solve()
		}
	})
}
