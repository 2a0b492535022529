package folder

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/link/linktest"
)

// about leaves units whose total length is told in advance, as a visit does.
func about(t testing.TB, f *Folder, units [][]byte) {
	t.Helper()
	total := int64(0)
	for _, u := range units {
		total += int64(len(u))
	}
	n, err := f.LeaveAbout(context.Background(), total, linktest.From(units))
	if err != nil || n != total {
		t.Fatalf("%d of %d bytes left: %v", n, total, err)
	}
}

// harms are what befalls a tenth of a stick.
var harms = []struct {
	name string
	do   func(t *testing.T, dir string, names []string, r *rand.Rand)
}{
	{"files deleted", func(t *testing.T, dir string, names []string, r *rand.Rand) {
		for _, i := range r.Perm(len(names))[:(len(names)+9)/10] {
			harm(t, dir, names[i], func(b []byte) []byte { return nil })
		}
	}},
	{"bits flipped in files", func(t *testing.T, dir string, names []string, r *rand.Rand) {
		for _, i := range r.Perm(len(names))[:(len(names)+9)/10] {
			harm(t, dir, names[i], func(b []byte) []byte {
				for range 1 + len(b)/500 {
					b[r.IntN(len(b))] ^= 1 << r.IntN(8)
				}
				return b
			})
		}
	}},
	{"the largest files deleted", func(t *testing.T, dir string, names []string, r *rand.Rand) {
		slices.SortFunc(names, func(a, b string) int {
			x, _ := os.Stat(filepath.Join(dir, a))
			y, _ := os.Stat(filepath.Join(dir, b))
			return int(y.Size() - x.Size())
		})
		for _, name := range names[:(len(names)+9)/10] {
			harm(t, dir, name, func([]byte) []byte { return nil })
		}
	}},
	{"files cut in the middle", func(t *testing.T, dir string, names []string, r *rand.Rand) {
		for _, i := range r.Perm(len(names))[:(len(names)+9)/10] {
			harm(t, dir, names[i], func(b []byte) []byte { return b[:len(b)/2] })
		}
	}},
	{"sectors in runs", func(t *testing.T, dir string, names []string, r *rand.Rand) { rot(t, dir, names, r, 128) }},
	{"single sectors", func(t *testing.T, dir string, names []string, r *rand.Rand) { rot(t, dir, names, r, 1) }},
}

// rot makes a tenth of all sectors rubbish, in runs of up to most.
func rot(t *testing.T, dir string, names []string, r *rand.Rand, most int) {
	const sector = 512
	total := 0
	sizes := make([]int, len(names))
	for i, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sizes[i] = (int(info.Size()) + sector - 1) / sector
		total += sizes[i]
	}
	bad := make([]bool, total)
	for left := total / 10; left > 0; {
		at := r.IntN(total)
		for range 1 + r.IntN(most) {
			if at < total && !bad[at] && left > 0 {
				bad[at] = true
				left--
			}
			at++
		}
	}
	first := 0
	for i, name := range names {
		harm(t, dir, name, func(b []byte) []byte {
			for s := range sizes[i] {
				if bad[first+s] {
					for j := s * sector; j < min(len(b), (s+1)*sector); j++ {
						b[j] = byte(r.Uint32())
					}
				}
			}
			return b
		})
		first += sizes[i]
	}
}

func harm(t *testing.T, dir, name string, how func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b = how(b); b == nil {
		err = os.Remove(path)
	} else {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestATenthCostsNothing: whatever befalls a tenth of the files or of the
// sectors, every unit is read.
func TestATenthCostsNothing(t *testing.T) {
	rounds := 1
	if os.Getenv("JAUAP_TEST") == "all" {
		rounds = 4
	}
	for _, n := range []int{1, 3, 40, 150} {
		units := linktest.Units(uint64(n), n)
		for _, h := range harms {
			t.Run(fmt.Sprintf("%d units, %s", n, h.name), func(t *testing.T) {
				for round := range rounds {
					dir := t.TempDir()
					about(t, faulty(t, dir, &faults{fast: true, budget: -1}), units)
					r := rand.New(rand.NewPCG(uint64(n), uint64(round)))
					h.do(t, dir, files(t, dir), r)
					got, notes := each(t, open(t, dir, Options{}))
					if got = slices.CompactFunc(got, bytes.Equal); len(got) != len(units) {
						t.Fatalf("%d of %d units were read; %v", len(got), len(units), notes)
					}
					sameUnits(t, got, units)
				}
			})
		}
	}
}

// TestMoreThanCanBeRestored: then what is left is read, and a note says so as long
// as a spare file is there. Which files are spare is chance: eight sticks are tried.
func TestMoreThanCanBeRestored(t *testing.T) {
	read, told := 0, 0
	for range 8 {
		dir := t.TempDir()
		units := linktest.Units(3, 40)
		about(t, open(t, dir, Options{}), units)
		all, gone := 0, 0
		size := func(name string) int {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			return len(b)
		}
		names := files(t, dir)
		for _, name := range names {
			all += size(name)
		}
		for _, name := range names {
			if gone < all*6/10 { // spare files are less than a third
				gone += size(name)
				harm(t, dir, name, func([]byte) []byte { return nil })
			}
		}
		got, notes := each(t, open(t, dir, Options{}))
		if len(got) == len(units) {
			t.Errorf("%d of %d bytes are gone, and all units were read", gone, all)
		}
		read, told = read+len(got), told+len(notes)
	}
	if read == 0 || told == 0 {
		t.Errorf("%d units were read and %d notes told of eight sticks that lost more than half", read, told)
	}
}

// TestSetGoesAsAWhole: a pack of which nobody needs anything stays as long as it
// helps to restore another.
func TestSetGoesAsAWhole(t *testing.T) {
	dir := t.TempDir()
	units := linktest.Units(4, 40)
	about(t, open(t, dir, Options{}), units)
	before := len(files(t, dir))
	needed := map[string]bool{string(units[20]): true}
	f := open(t, dir, Options{Keep: func(u []byte) bool { return needed[string(u)] }})
	each(t, f)
	leave(t, f, nil)
	if n := len(files(t, dir)); n != before {
		t.Errorf("%d of %d files are left, one of them needed", n, before)
	}
	delete(needed, string(units[20]))
	each(t, f)
	leave(t, f, nil)
	if n := files(t, dir); len(n) != 0 {
		t.Errorf("left although useless: %v", n)
	}
}

func TestPlanKeepsItsBytes(t *testing.T) {
	p := planOf3()
	q, ok := parsePlan(p.set, p.bytes())
	if !ok || !bytes.Equal(p.bytes(), q.bytes()) {
		t.Error("a plan does not survive writing and reading")
	}
}

func planOf3() *plan {
	p := &plan{set: setID{1}, packs: []setPack{{size: 5000}, {size: 70_000}, {size: 1234}}, spares: make([]saltOf, sparesFor(3))}
	p.layOut()
	p.sums = make([]chunkSum, p.total())
	return p
}

// FuzzPlan gives a folder whose spare file says whatever a stranger likes, with
// right checksums.
func FuzzPlan(f *testing.F) {
	f.Add(planOf3().bytes(), []byte("symbol"))
	f.Fuzz(func(t *testing.T, b, symbol []byte) {
		defer limits.Watch(t, len(b)+len(symbol))()
		set := setID{1}
		p, ok := parsePlan(set, b)
		if ok {
			if p.size() > maxSpare || p.total()*p.chunk > setPacks*(MaxPack+maxChunk) || !bytes.Equal(p.bytes(), b) {
				t.Fatalf("a plan of %d packs, %d blocks", len(p.packs), p.blocks)
			}
		}
		if len(b) > 2*partSize || ok && p.total() > 3000 {
			return // slow, and no other way
		}
		dir := t.TempDir()
		pack := newPacker()
		sum := sumOfChunk(b)
		u := append([]byte{partMark}, set[:]...)
		u = binary.BigEndian.AppendUint32(u, 1)
		u = append(append(u, sum[:]...), b...)
		pack.add(u)
		pack.add(append(append([]byte{symbolMark}, set[:]...), symbol...))
		pack.buf[saltSize+markSize] = spareVersion
		if err := os.WriteFile(filepath.Join(dir, "AAAAAAAA.DAT"), pack.file(), 0o600); err != nil {
			t.Fatal(err)
		}
		folder, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := folder.Each(context.Background(), func([]byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkMillion leaves a million units of 1,024 bytes, loses a tenth of the
// files, and reads. -benchtime 1x; it needs 1.4 GB of disk.
func BenchmarkMillion(b *testing.B) {
	const units, size = 1_000_000, 1024
	for b.Loop() {
		dir := b.TempDir()
		f, err := Open(dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		unit := make([]byte, size)
		r := rand.NewChaCha8([32]byte{1})
		left := 0
		start := time.Now()
		n, err := f.LeaveAbout(context.Background(), units*size, func() ([]byte, bool) {
			if left == units {
				return nil, false
			}
			_, _ = r.Read(unit)
			binary.BigEndian.PutUint32(unit, uint32(left))
			left++
			return unit, true
		})
		if err != nil || n != units*size {
			b.Fatal(n, err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s-leave")
		b.ReportMetric(float64(peakMemory(b))/1e6, "MB-peak-leave")
		read := func(what string) {
			seen := make([]bool, units)
			start := time.Now()
			f, _ := Open(dir, Options{})
			if _, err := f.Each(context.Background(), func(u []byte) error { seen[binary.BigEndian.Uint32(u)] = true; return nil }); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(time.Since(start).Seconds(), "s-"+what)
			if i := slices.Index(seen, false); i >= 0 {
				b.Errorf("%s: unit %d is missing", what, i)
			}
		}
		read("read")
		list, err := filepath.Glob(filepath.Join(dir, "*.DAT"))
		if err != nil {
			b.Fatal(err)
		}
		total := int64(0)
		for _, name := range list {
			info, _ := os.Stat(name)
			total += info.Size()
		}
		b.ReportMetric(float64(total)/(units*size), "bytes/byte")
		b.ReportMetric(float64(len(list)), "files")
		for i, at := range rand.New(rand.NewPCG(1, 1)).Perm(len(list)) {
			if i < (len(list)+9)/10 {
				_ = os.Remove(list[at])
			}
		}
		read("read-without-a-tenth")
		b.ReportMetric(float64(peakMemory(b))/1e6, "MB-peak")
	}
}

// peakMemory is the most that this process held at once.
func peakMemory(b testing.TB) int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kB int64
	if _, rest, ok := bytes.Cut(data, []byte("VmHWM:")); ok {
		_, _ = fmt.Sscan(string(rest), &kB)
	}
	return kB << 10
}
