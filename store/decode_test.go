package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/internal/limits"
)

// seal puts right checksums on whatever b holds, so that a fuzzer gets behind
// them: b is taken for a file of records one after the other.
func seal(b []byte, salt uint32) []byte {
	b = bytes.Clone(b)
	for off := fileHeadSize; off+recordHeadSize <= len(b); {
		h := b[off:]
		binary.LittleEndian.PutUint16(h[4:], recordMagic)
		binary.LittleEndian.PutUint32(h[56:], uint32(off))
		clear(h[67:recordHeadSize])
		n := headSize(h[6], envelope.Class(h[64]))
		size := int(binary.LittleEndian.Uint32(h[8:]))
		if n > len(h) {
			break
		}
		if size > len(h)-n {
			size = len(h) - n
			binary.LittleEndian.PutUint32(h[8:], uint32(size))
		}
		binary.LittleEndian.PutUint32(h[12:], checksum(salt, h[n:n+size]))
		binary.LittleEndian.PutUint32(h, checksum(salt, h[4:n]))
		off += (n + size + align - 1) &^ (align - 1)
	}
	return b
}

func fuzzSeeds(f *testing.F) {
	m := durable.NewMem()
	s := open(f, m, small)
	for k := range uint64(4) {
		put(f, s, fake(envelope.Class(k%2), k, testDay+5), Meta{})
	}
	e := fake(envelope.S1, 99, testDay+5)
	put(f, s, proof(e.ID(), e.Key(), testDay+5), Meta{})
	must(f, s.SetMark("name", []byte("value")))
	must(f, s.Drop(fake(envelope.S0, 0, 0).ID()))
	must(f, s.AddPartial(e.ID(), 1024, 0, e.Bytes()[:300]))
	must(f, s.Close())
	infos, err := m.List()
	must(f, err)
	for _, i := range infos {
		b, err := durable.ReadFile(m, i.Name, 1<<20)
		must(f, err)
		f.Add(b, true)
		f.Add(b[:len(b)/2], false)
	}
}

// FuzzRecords walks over any bytes.
func FuzzRecords(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		defer limits.Watch(t, len(b))()
		if len(b) > 64<<10 {
			t.Skip("longer than a frame")
		}
		if sealed {
			b = seal(b, 7)
		}
		last, total := int64(fileHeadSize), 0
		sc := scan{f: bytes.NewReader(b), salt: 7, size: int64(len(b))}
		end, err := sc.records(fileHeadSize, func(r record, payload []byte) error {
			if int64(r.off) < last || len(payload) != int(r.size) {
				t.Fatalf("record at %d of %d bytes", r.off, r.size)
			}
			last = int64(r.off) + r.total()
			total += len(payload)
			again := appendRecord(nil, &r, payload, 7)
			if n := r.head() + len(payload); !bytes.Equal(again[:n], b[r.off:][:n]) {
				t.Fatal("another encoding of the same record")
			}
			if name, v, ok := parseMark(payload); ok && (name == "" || len(name)+len(v) >= len(payload)) {
				t.Fatalf("mark %q %q", name, v)
			}
			return nil
		})
		if err != nil || total > len(b) || end > int64(len(b)) && len(b) > fileHeadSize {
			t.Fatalf("end %d of %d, %d bytes: %v", end, len(b), total, err)
		}
	})
}

// FuzzOpen opens a shelf with any bytes as a journal, segment, sidecar, marks
// or partial.
func FuzzOpen(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		defer limits.Watch(t, len(b))()
		if len(b) > 64<<10 {
			t.Skip("longer than a frame")
		}
		m := durable.NewMem()
		day := fileHead{kind: dayFile, day: testDay + 5, num: 2, salt: 7}
		heads := map[string]fileHead{
			"log-00000001":                          {kind: journalFile, num: 1, salt: 7, base: 1},
			"day-06a9-00000002":                     day,
			"day-06a9-00000002.idx":                 day,
			"marks":                                 {kind: marksFile, salt: 7},
			"part-00000000000000000000000000000000": {kind: partialFile, salt: 7},
		}
		for name, h := range heads {
			c := b
			if sealed {
				c = append(h.encode(), seal(b, 7)[min(len(b), fileHeadSize):]...)
			}
			must(t, durable.WriteFile(m, name, c))
		}
		for range 2 {
			s, _, err := Open(m, small)
			must(t, err)
			last := uint64(0)
			for _, e := range s.Since(0, 1000) {
				if e.Seq <= last {
					t.Fatalf("seq %d after %d", e.Seq, last)
				}
				last = e.Seq
				if b, err := s.Get(e.ID); err == nil && envelope.IDOf(b) != e.ID {
					t.Fatal("other bytes")
				}
			}
			_, err = s.Put(fake(envelope.S1, 12345, testDay+5), Meta{})
			if !isRuled(err) {
				t.Fatal(err)
			}
			must(t, s.Sync())
			_, _ = s.TakePartial(envelope.ID{})
			for n := 1; n > 0; {
				step, err := s.step(true)
				must(t, err)
				n = int(step)
			}
			if _, err := s.Expire(testDay + 6); err != nil {
				t.Fatal(err)
			}
			if st := s.Stats(); st.Bytes < m.Used() || st.Envelopes < 0 {
				t.Fatalf("%+v, %d bytes on disk", st, m.Used())
			}
			must(t, s.Close())
		}
	})
}

func TestPartials(t *testing.T) {
	m := durable.NewMem()
	o := Options{Quota: 32 << 20, Today: testDay}
	s := open(t, m, o)
	e := fake(envelope.S5, 1, testDay+9)
	id, b := e.ID(), e.Bytes()
	_, err := s.TakePartial(id)
	wantErr(t, err, ErrMissing)
	must(t, s.AddPartial(id, len(b), 0, b[:1000]))
	for _, bad := range [][3]int{{len(b), 999, 10}, {len(b), 1001, 10}, {len(b) - 1, 1000, 10}, {len(b), 1000, len(b) - 999},
		{envelope.MaxSize + 1, 0, 1}, {0, 0, 0}, {-1, -1, 0}, {10, 0, 11}} {
		wantErr(t, s.AddPartial(id, bad[0], bad[1], make([]byte, bad[2])), ErrPartial)
	}
	_, err = s.TakePartial(id)
	wantErr(t, err, ErrPartial)
	rng := rand.New(rand.NewPCG(1, 1))
	for s.PartialSize(id) < len(b) {
		have := s.PartialSize(id)
		n := min(1+rng.IntN(20000), len(b)-have)
		must(t, s.AddPartial(id, len(b), have, b[have:have+n]))
		if rng.IntN(3) == 0 {
			m.Kill()
			s = open(t, m, o)
			if s.PartialSize(id) != have+n {
				t.Fatalf("%d bytes after a restart, %d before", s.PartialSize(id), have+n)
			}
		}
	}
	if st := s.Stats(); st.Partials != 1 {
		t.Fatalf("%+v", st)
	}
	got, err := s.TakePartial(id)
	must(t, err)
	if !bytes.Equal(got, b) || s.PartialSize(id) != 0 || s.Stats().Partials != 0 {
		t.Fatal("other bytes, or still there")
	}

	// Wrong bytes are found out and forgotten.
	must(t, s.AddPartial(id, len(b), 0, b[:5000]))
	must(t, s.AddPartial(id, len(b), 5000, make([]byte, len(b)-5000)))
	_, err = s.TakePartial(id)
	wantErr(t, err, ErrCorrupt)
	if s.PartialSize(id) != 0 {
		t.Fatal("kept wrong bytes")
	}
	// Beginning anew is possible, and a whole unit ends its partial.
	must(t, s.AddPartial(id, len(b), 0, b[:5000]))
	must(t, s.AddPartial(id, len(b), 0, b[:100]))
	if s.PartialSize(id) != 100 {
		t.Fatal("not begun anew")
	}
	put(t, s, e, Meta{})
	if s.PartialSize(id) != 0 {
		t.Fatal("the partial outlived its unit")
	}
	must(t, s.Drop(id))
	// Crumbs cost more than they bring.
	err = nil
	for k := 0; err == nil && k < len(b); k++ {
		err = s.AddPartial(id, len(b), k, b[k:k+1])
	}
	wantErr(t, err, ErrPartial)
	check(t, s, m)
}

func TestPartialsAreBounded(t *testing.T) {
	m := durable.NewMem()
	o := Options{Quota: 4 << 20, Today: testDay}
	s := open(t, m, o)
	for k := range uint64(3000) {
		if _, err := s.Put(fake(envelope.S1, k, testDay+9), Meta{Rank: 2}); !isRuled(err) {
			t.Fatal(err)
		}
	}
	must(t, s.Sync())
	units := s.Stats().Envelopes
	one := func(k int, size int) envelope.ID {
		t.Helper()
		e := fake(envelope.S4, 1<<30+uint64(k), testDay+9)
		must(t, s.AddPartial(e.ID(), len(e.Bytes()), 0, e.Bytes()[:size]))
		return e.ID()
	}
	var ids []envelope.ID
	for k := range 300 {
		ids = append(ids, one(k, 100))
	}
	if n := s.Stats().Partials; n != maxPartials {
		t.Fatalf("%d partials", n)
	}
	m.Kill()
	s = open(t, m, o)
	if n := s.Stats().Partials; n != maxPartials {
		t.Fatalf("%d partials after a restart", n)
	}
	kept := 0
	for k := range 100 {
		ids = append(ids, one(1000+k, 60000))
		if m.Used() > o.Quota {
			t.Fatalf("%d bytes", m.Used())
		}
		kept = 0
		for _, id := range ids {
			if s.PartialSize(id) > 0 {
				kept++
			}
		}
	}
	if s.PartialSize(ids[len(ids)-1]) == 0 || s.PartialSize(ids[0]) > 0 || s.parts.bytes > o.Quota/4 || kept < 3 {
		t.Fatalf("%d kept, %d bytes", kept, s.parts.bytes)
	}
	if s.Stats().Envelopes != units {
		t.Fatal("partials displaced whole units")
	}
	_, err := s.Expire(testDay + envelope.Lifetime + 1)
	must(t, err)
	if n := s.Stats().Partials; n != 0 {
		t.Fatalf("%d partials are left after a lifetime", n)
	}
}

// TestPartialAfterPowerCut: what is torn is cut, what is there is right.
func TestPartialAfterPowerCut(t *testing.T) {
	e := fake(envelope.S3, 1, testDay+9)
	id, b := e.ID(), e.Bytes()
	kept := 0
	for seed := range uint64(100) {
		m := durable.NewMem()
		s := open(t, m, plain)
		for k := 0; k < 15000; k += 3000 {
			must(t, s.AddPartial(id, len(b), k, b[k:k+3000]))
		}
		s = open(t, m.CrashClone(rand.New(rand.NewPCG(seed, 8))), plain)
		have := s.PartialSize(id)
		if have > 0 {
			kept++
		}
		must(t, s.AddPartial(id, len(b), have, b[have:]))
		got, err := s.TakePartial(id)
		must(t, err)
		if !bytes.Equal(got, b) {
			t.Fatal("other bytes")
		}
	}
	if kept < 10 {
		t.Fatalf("something was kept in %d of 100", kept)
	}
}

func TestMarks(t *testing.T) {
	m := durable.NewMem()
	s := open(t, m, small)
	if s.Mark("none") != nil {
		t.Fatal("a mark from nowhere")
	}
	wantErr(t, s.SetMark("", []byte("x")), ErrMark)
	wantErr(t, s.SetMark("x", make([]byte, maxMarkValue+1)), ErrMark)
	wantErr(t, s.SetMark(string(make([]byte, maxMarkName+1)), []byte("x")), ErrMark)
	n := 0
	for ; ; n++ {
		if err := s.SetMark(fmt.Sprint("m", n), make([]byte, 100)); err != nil {
			wantErr(t, err, ErrMark)
			break
		}
	}
	if n < 50 || n > 1000 {
		t.Fatalf("%d marks", n)
	}
	must(t, s.SetMark("m0", nil))
	must(t, s.SetMark("m.", make([]byte, 100)))
	for k := range 500 { // as cursors do
		must(t, s.SetMark("m1", []byte(fmt.Sprint(k))))
		must(t, s.Sync())
		if k%50 == 0 {
			m.Kill()
			s = open(t, m, small)
			if v := string(s.Mark("m1")); v != fmt.Sprint(k) {
				t.Fatalf("mark %q after %d", v, k)
			}
		}
	}
	if s.Mark("m0") != nil || len(s.Mark("m.")) != 100 || len(s.Mark("m2")) != 100 {
		t.Fatal("other marks")
	}
	check(t, s, m)
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	s := open(t, durable.NewMem(), plain)
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			for k := range uint64(150) {
				e := fake(envelope.S1, g<<32|k, testDay+envelope.Day(k%5))
				if _, err := s.Put(e, Meta{}); err != nil {
					t.Error(err)
				}
				if err := s.Sync(); err != nil {
					t.Error(err)
				}
				if b, err := s.Get(e.ID()); err != nil || !bytes.Equal(b, e.Bytes()) {
					t.Error("other bytes", err)
				}
				s.Since(0, 10)
				s.Stats()
				if k%7 == 0 {
					if err := s.Drop(e.ID()); err != nil && !errors.Is(err, ErrMissing) {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	check(t, s, nil)
}

func TestClosed(t *testing.T) {
	s := open(t, durable.NewMem(), plain)
	must(t, s.Close())
	_, err := s.Put(fake(envelope.S1, 1, testDay), Meta{})
	wantErr(t, err, ErrClosed)
	wantErr(t, s.Sync(), ErrClosed)
	wantErr(t, s.Drop(envelope.ID{}), ErrClosed)
	wantErr(t, s.SetMark("x", []byte("y")), ErrClosed)
	wantErr(t, s.AddPartial(envelope.ID{}, 1, 0, []byte{1}), ErrClosed)
	_, err = s.Expire(testDay)
	wantErr(t, err, ErrClosed)
	wantErr(t, s.Close(), ErrClosed)
}
