package folder

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/link/linktest"
)

func packOf(units [][]byte) []byte {
	p := newPacker()
	for _, u := range units {
		p.add(u)
	}
	return p.file()
}

// parse reads a copy of b.
func parse(t testing.TB, b []byte) ([][]byte, verdict) {
	b = bytes.Clone(b)
	if v, ok := isPack(b); !ok || v != packVersion {
		return nil, verdict{}
	}
	var units [][]byte
	v, err := readPack(b, func(u []byte) error { units = append(units, u); return nil })
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return units, v
}

func TestPackRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 7, 60} {
		units := linktest.Units(1, n)
		got, v := parse(t, packOf(units))
		if !v.whole || v.units != n || v.torn {
			t.Errorf("%d units: %+v", n, v)
		}
		for i := range units {
			if !bytes.Equal(got[i], units[i]) {
				t.Errorf("unit %d of %d changed", i, n)
			}
		}
	}
}

func TestPacksHaveNothingInCommon(t *testing.T) {
	a, b := packOf(linktest.Units(1, 1)), packOf(linktest.Units(1, 1))
	equal := 0
	for i := range min(len(a), len(b), 64) {
		if a[i] == b[i] {
			equal++
		}
	}
	if equal > 6 { // 64/256 by chance; more than 6 happens once in 10^8 runs
		t.Errorf("%d of the first 64 bytes of two packs are equal", equal)
	}
	sizes := make(map[int]bool)
	for range 20 {
		sizes[len(packOf(linktest.Units(1, 1)))] = true
	}
	if len(sizes) < 5 {
		t.Errorf("20 packs of one unit have only %d sizes", len(sizes))
	}
}

func TestTornAtEveryByte(t *testing.T) {
	units := linktest.Units(1, 8)
	p := newPacker()
	for _, u := range units {
		p.add(u)
	}
	file := p.file()
	end := len(p.buf) + trailerSize
	for n := range len(file) {
		if n > 2000 && n < len(p.buf)-200 && n%17 != 0 { // the middle of large units is all alike
			continue
		}
		want := 0
		for i := range units {
			if p.marks[i]+recordHead+len(units[i]) <= n {
				want++
			}
		}
		got, v := parse(t, file[:n])
		if len(got) != want || v.whole != (n >= end) || n >= headSize && v.torn == v.whole {
			t.Fatalf("torn at %d of %d: %d units, want %d; %+v", n, len(file), len(got), want, v)
		}
		for i := range got {
			if !bytes.Equal(got[i], units[i]) {
				t.Fatalf("torn at %d: unit %d changed", n, i)
			}
		}
	}
}

func TestFlippedBitCostsOneUnit(t *testing.T) {
	units := linktest.Units(1, 7)
	p := newPacker()
	for _, u := range units {
		p.add(u)
	}
	file := p.file()
	end := len(p.buf) + trailerSize
	for at := range len(file) {
		file[at] ^= 1 << (at % 8)
		got, v := parse(t, file)
		file[at] ^= 1 << (at % 8)
		lost := len(units) - len(got)
		switch {
		case at >= saltSize+markSize+1 && at < headSize && v.whole:
			t.Fatalf("bit at %d: reserved bytes are not covered", at)
		case at >= headSize && (lost > 1 || v.whole != (at >= end)):
			t.Fatalf("bit at %d of %d: %d units lost, %+v", at, len(file), lost, v)
		}
		for _, u := range got {
			found := false
			for _, w := range units {
				found = found || bytes.Equal(u, w)
			}
			if !found {
				t.Fatalf("bit at %d: a changed unit came through", at)
			}
		}
	}
}

// TestForgedHeads shows that a pack made of heads that promise large units
// costs no more than its own length.
func TestForgedHeads(t *testing.T) {
	p := newPacker()
	for len(p.buf) < 1<<20 {
		p.buf = appendHead(p.buf, MaxUnit, 0)
	}
	_, v := parse(t, p.file())
	if v.whole || v.lost > 5 {
		t.Errorf("%+v", v)
	}
	p = newPacker()
	p.buf = appendHead(p.buf, 0, 0)
	p.buf = appendHead(p.buf, MaxUnit+1, 0)
	p.buf = appendHead(p.buf, trailerMark-1, 0)
	if got, v := parse(t, p.file()); v.whole || len(got) != 0 {
		t.Errorf("%+v", v)
	}
}

func FuzzPack(f *testing.F) {
	good := packOf(linktest.Units(1, 4))
	f.Add(good, false)
	f.Add(good[:700], false)
	plain := bytes.Clone(good[headSize:])
	f.Add(plain, true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, b []byte, inside bool) {
		defer limits.Watch(t, len(b))()
		if inside { // let the fuzzer work behind the mask and the checksums of heads
			p := newPacker()
			for len(b) >= 5 {
				n := min(int(b[0]), len(b)-1)
				switch b[0] % 4 {
				case 0:
					p.add(b[:n+1])
				case 1:
					p.buf = appendHead(p.buf, binary.BigEndian.Uint32(b[1:]), uint32(n))
				default:
					p.buf = append(p.buf, b[1:n+1]...)
				}
				b = b[n+1:]
			}
			b = p.file()
		}
		units, v := parse(t, b)
		size := 0
		for _, u := range units {
			if len(u) == 0 || len(u) > MaxUnit {
				t.Fatalf("a unit of %d bytes", len(u))
			}
			size += len(u) + recordHead
		}
		if size > len(b) || v.units != len(units) || v.whole && (v.torn || v.lost+v.skipped > 0) {
			t.Fatalf("%d bytes gave %d; %+v", len(b), size, v)
		}
		if again, w := parse(t, packOf(units)); !w.whole || len(again) != len(units) {
			t.Fatalf("what was read does not survive writing: %+v", w)
		}
	})
}

func BenchmarkPack(b *testing.B) {
	units := linktest.Units(1, 200)
	p := newPacker()
	for _, u := range units {
		if p.size(len(u)) > MaxPack {
			break
		}
		p.add(u)
	}
	file := p.file()
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		for b.Loop() {
			p.file()
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		work := make([]byte, len(file))
		for b.Loop() {
			copy(work, file)
			_, _ = readPack(work, func([]byte) error { return nil })
		}
	})
	b.Run("foreign", func(b *testing.B) {
		for b.Loop() {
			isPack(file[100:])
		}
	})
}
