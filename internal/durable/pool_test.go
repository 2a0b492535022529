package durable

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// units are pieces as they stand on many disks.
func units(rng *rand.Rand, p *Pool) (all [][]byte) {
	for k := range 12 {
		b := make([]byte, []int{8, 63, 64, 116, 1024, 4096}[k%6])
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		copy(b, "the same head")
		p.Add(b)
		p.Add(slices.Clone(b))
		all = append(all, b)
	}
	return all
}

// TestPoolChangesNothing does the same to a disk that shares and to one that does
// not: whatever is read, and whatever a power cut leaves, is the same.
func TestPoolChangesNothing(t *testing.T) {
	shared := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		pool := NewPool()
		all := units(rng, pool)
		disks := [2]*Mem{NewMem(), pool.NewMem()}
		files := [2]File{}
		for k, m := range disks {
			f, err := m.Open("a", Create)
			must(t, err)
			files[k] = f
			must(t, m.Sync())
		}
		for range 40 {
			mutate(t, rng, files, all)
			shared += len(disks[1].names["a"].holes)
			same(t, rng, disks, files)
			if rng.IntN(20) == 0 {
				cut := rng.Uint64()
				for k, m := range disks {
					disks[k] = m.CrashClone(rand.New(rand.NewPCG(cut, 2)))
					f, err := disks[k].Open("a", Write)
					must(t, err)
					files[k] = f
				}
			}
		}
	}
	if shared < 1000 {
		t.Fatalf("only %d pieces were shared", shared)
	}
}

// mutate writes, cuts or syncs both alike.
func mutate(t *testing.T, rng *rand.Rand, files [2]File, all [][]byte) {
	var b []byte
	for range 1 + rng.IntN(3) {
		b = append(b, make([]byte, 8*rng.IntN(12)+rng.IntN(2)*rng.IntN(8))...)
		unit := all[rng.IntN(len(all))]
		b = append(b, unit[:len(unit)-rng.IntN(2)*rng.IntN(3)]...)
	}
	size := sizeOf(t, files[0])
	what, at := rng.IntN(40), rng.Int64N(size+1)
	for _, f := range files {
		switch {
		case what < 30:
			_, err := f.WriteAt(b, size)
			must(t, err)
		case what == 30:
			_, err := f.WriteAt(b, at)
			must(t, err)
		case what == 31:
			_, err := f.WriteAt(b, size+at)
			must(t, err)
		case what == 32:
			must(t, f.Truncate(at))
		default:
			must(t, f.Sync())
		}
	}
}

func sizeOf(t *testing.T, f File) int64 { return f.(*handle).i.size() }

func same(t *testing.T, rng *rand.Rand, disks [2]*Mem, files [2]File) {
	t.Helper()
	eq := func(a, b []byte) bool { return bytes.Equal(a, b) }
	if a, b := disks[0].Image(), disks[1].Image(); !maps.EqualFunc(a, b, eq) || disks[0].Used() != disks[1].Used() {
		t.Fatalf("images differ: %d and %d bytes", len(a["a"]), len(b["a"]))
	}
	for range 4 {
		off, n := rng.Int64N(sizeOf(t, files[0])+10), rng.IntN(3000)
		a, b := make([]byte, n), make([]byte, n)
		n1, err1 := files[0].ReadAt(a, off)
		n2, err2 := files[1].ReadAt(b, off)
		if n1 != n2 || err1 != err2 || !bytes.Equal(a, b) {
			t.Fatalf("read of %d at %d: %d %v and %d %v", n, off, n1, err1, n2, err2)
		}
	}
	seed := rng.Uint64()
	a := disks[0].CrashClone(rand.New(rand.NewPCG(seed, 3))).Image()
	b := disks[1].CrashClone(rand.New(rand.NewPCG(seed, 3))).Image()
	if !maps.EqualFunc(a, b, eq) {
		t.Fatal("a power cut leaves other bytes")
	}
}
