package store

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// benchUnits is the size of the large shelf; JAUAP_BENCH_UNITS=1000000 is the
// figure that the project states.
func benchUnits(b *testing.B) int {
	if v := os.Getenv("JAUAP_BENCH_UNITS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return 100_000
}

func benchShelf(b *testing.B, dir string) *Shelf {
	fs, err := durable.OS(dir)
	must(b, err)
	return open(b, fs, Options{Quota: 4 << 30, Today: testDay})
}

// fill puts n S1 over 30 days in batches of 1,000, each synced, and answers
// how long the slowest single call took.
func fill(b *testing.B, s *Shelf, from, n int) (worst time.Duration) {
	timed := func(from time.Time) { worst = max(worst, time.Since(from)) }
	for k := from; k < from+n; k++ {
		e := fake(envelope.S1, uint64(k), testDay+envelope.Day(k%30))
		began := time.Now()
		if _, err := s.Put(e, Meta{Rank: 2}); err != nil {
			b.Fatal(err)
		}
		timed(began)
		if k%1000 == 999 {
			began = time.Now()
			must(b, s.Sync())
			timed(began)
		}
	}
	must(b, s.Sync())
	return worst
}

func BenchmarkPut(b *testing.B) {
	s := benchShelf(b, b.TempDir())
	b.SetBytes(1024)
	b.ResetTimer()
	worst := fill(b, s, 0, b.N)
	b.StopTimer()
	b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
	must(b, s.Close())
}

// BenchmarkPutFull puts into a shelf that has to let another go each time.
func BenchmarkPutFull(b *testing.B) {
	fs, err := durable.OS(b.TempDir())
	must(b, err)
	s := open(b, fs, Options{Quota: 64 << 20, Today: testDay})
	fill(b, s, 0, 50_000)
	b.SetBytes(1024)
	b.ResetTimer()
	worst := fill(b, s, 50_000, b.N)
	b.StopTimer()
	b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
	if n := s.Stats().Envelopes; n > 45_000 {
		b.Fatalf("%d units: it was not full", n)
	}
	must(b, s.Close())
}

func BenchmarkGet(b *testing.B) {
	s := benchShelf(b, b.TempDir())
	n := benchUnits(b)
	fill(b, s, 0, n)
	ids := make([]envelope.ID, 0, n)
	for _, e := range s.Since(0, n) {
		ids = append(ids, e.ID)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	b.SetBytes(1024)
	b.ResetTimer()
	for b.Loop() {
		if _, err := s.Get(ids[rng.IntN(n)]); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	must(b, s.Close())
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkOpen1e6(b *testing.B) {
	dir := b.TempDir()
	n := benchUnits(b)
	s := benchShelf(b, dir)
	fill(b, s, 0, n)
	must(b, s.Close())
	s = nil
	before := heapInUse()
	var used uint64
	for b.Loop() {
		s := benchShelf(b, dir)
		b.StopTimer()
		if s.Stats().Envelopes != n {
			b.Fatalf("%d units", s.Stats().Envelopes)
		}
		used = heapInUse() - before
		must(b, s.Close())
		b.StartTimer()
	}
	b.ReportMetric(float64(used)/float64(n), "mem-B/unit")
	b.ReportMetric(float64(n), "units")
}

func BenchmarkForeignTag(b *testing.B) {
	s := benchShelf(b, b.TempDir())
	n := benchUnits(b)
	fill(b, s, 0, n)
	rng := rand.New(rand.NewPCG(1, 2))
	tags := make([]envelope.Tag, 1<<16)
	for k := range tags {
		for i := range tags[k] {
			tags[k][i] = byte(rng.Uint32())
		}
	}
	b.ResetTimer()
	k := 0
	for b.Loop() {
		if _, ok := s.ByTag(tags[k&0xffff]); ok {
			b.Fatal("found")
		}
		k++
	}
	b.StopTimer()
	must(b, s.Close())
}
