package durable

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// TestAround reads a file with bad blocks in pieces of any size: all else is what it
// was, and no block is tried more often than need be.
func TestAround(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 3))
		m := NewMem()
		data := make([]byte, 1+rng.IntN(20*Block))
		for k := range data {
			data[k] = byte(1 + rng.IntN(255))
		}
		if err := WriteFile(m, "f", data); err != nil {
			t.Fatal(err)
		}
		want := bytes.Clone(data)
		bad := map[int]bool{}
		for range rng.IntN(5) {
			at := rng.IntN(len(data))
			m.Spoil("f", int64(at))
			bad[at/Block] = true
			from := at / Block * Block
			clear(want[from:min(from+Block, len(want))])
		}
		m = m.CrashClone(rng) // it stays bad
		f, err := m.Open("f", Read)
		if err != nil {
			t.Fatal(err)
		}
		left, asked := 256, 0
		a := &Around{File: f, Size: int64(len(data)), Left: &left, There: func() bool { asked++; return true }}
		for range 30 {
			at, n := rng.IntN(len(data)), 1+rng.IntN(8*Block)
			b := make([]byte, n)
			got, err := a.ReadAt(b, int64(at))
			end := min(at+n, len(data))
			if !bytes.Equal(b[:got], want[at:end]) || (err == io.EOF) != (at+n > len(data)) || err != nil && err != io.EOF {
				t.Fatalf("seed %d: %d bytes at %d of %d: %d, %v", seed, n, at, len(data), got, err)
			}
		}
		if a.Bad() > len(bad) || asked != a.Bad() || left != 256-asked {
			t.Fatalf("seed %d: %d blocks given up, %d asked for, %d left, of %d", seed, a.Bad(), asked, left, len(bad))
		}
	}
}

// TestAroundGivesUp: with no tries left a piece goes as a whole, and while the disk is
// away nothing does.
func TestAroundGivesUp(t *testing.T) {
	t.Parallel()
	m := NewMem()
	if err := WriteFile(m, "f", bytes.Repeat([]byte{7}, 10*Block)); err != nil {
		t.Fatal(err)
	}
	m.Spoil("f", 3*Block)
	f, err := m.Open("f", Write)
	if err != nil {
		t.Fatal(err)
	}
	left, there := 0, false
	a := &Around{File: f, Size: 10 * Block, Left: &left, There: func() bool { return there }}
	b := make([]byte, 5*Block)
	if _, err := a.ReadAt(b, 0); !errors.Is(err, ErrUnread) || a.Bad() > 0 {
		t.Fatalf("%v, %d blocks", err, a.Bad())
	}
	there = true
	if n, err := a.ReadAt(b, 0); n != len(b) || err != nil || a.Bad() != 5 || b[0] != 0 {
		t.Fatalf("%d, %v, %d blocks", n, err, a.Bad())
	}
	if n, err := a.ReadAt(b, 5*Block); n != len(b) || err != nil || a.Bad() != 5 || b[0] != 7 {
		t.Fatalf("%d, %v, %d blocks", n, err, a.Bad())
	}
	if _, err := f.WriteAt(b[:Block/2], 3*Block); !errors.Is(err, ErrUnread) {
		t.Fatalf("half a bad block was written: %v", err)
	}
	if _, err := f.WriteAt(b[:Block], 3*Block); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatalf("written anew, and still %v", err)
	}
}
