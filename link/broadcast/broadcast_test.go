package broadcast

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/linktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRecordingPasses(t *testing.T) {
	linktest.RunDrop(t, func(t *testing.T) func() link.Drop {
		path := filepath.Join(t.TempDir(), "air.ts")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return func() link.Drop { return open(t, path, RecordOptions{}) }
	})
}

func open(t testing.TB, path string, o RecordOptions) *Recording {
	t.Helper()
	r, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// air is a transport stream that holds units, as bytes.
func air(t testing.TB, units [][]byte, o RecordOptions) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "air.ts")
	if _, err := open(t, path, o).Leave(context.Background(), linktest.From(units)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// heard are the units that a recording of these bytes holds, without copies.
func heard(t testing.TB, b []byte) (units [][]byte, notes []link.Note) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.ts")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[Key]bool{}
	notes, err := open(t, path, RecordOptions{}).Each(context.Background(), func(u []byte) error {
		if !seen[KeyOf(u)] {
			seen[KeyOf(u)] = true
			units = append(units, u)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return units, notes
}

func same(t *testing.T, got, want [][]byte) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.SortFunc(got, bytes.Compare)
	slices.SortFunc(want, bytes.Compare)
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d units were heard, want the %d that were sent", len(got), len(want))
	}
}

// TestStreamIsWellFormed walks the cells as a demultiplexer by the standard does.
func TestStreamIsWellFormed(t *testing.T) {
	b := air(t, linktest.Units(1, 60), RecordOptions{PID: 0x123})
	if len(b)%cellSize != 0 {
		t.Fatalf("%d bytes are no whole cells", len(b))
	}
	counters := map[int]int{}
	sections := map[int]int{}
	under := map[int][]byte{} // the section under way, by PID
	// whole cuts sections off and answers what is left of the last.
	whole := func(pid int, b []byte) []byte {
		for len(b) >= 3 && b[0] != stuffing {
			size := 3 + int(b[1]&15)<<8 + int(b[2])
			if len(b) < size {
				break
			}
			sections[pid]++
			b = b[size:]
		}
		return b
	}
	for c := range slices.Chunk(b, cellSize) {
		pid := int(c[1]&0x1f)<<8 | int(c[2])
		if c[0] != syncByte || c[1]&0x80 != 0 || c[3]&0xc0 != 0 {
			t.Fatalf("a cell begins with % x", c[:4])
		}
		if last, ok := counters[pid]; ok && int(c[3]&15) != (last+1)&15 {
			t.Fatalf("PID %x: counter %d follows %d", pid, c[3]&15, last)
		}
		counters[pid] = int(c[3] & 15)
		body := c[4:]
		if c[3]&0x20 != 0 {
			body = body[1+int(body[0]):]
		}
		if c[1]&0x40 == 0 {
			if len(under[pid]) == 0 {
				t.Fatalf("PID %x: a cell without a section", pid)
			}
			under[pid] = append(under[pid], body...)
			if rest := whole(pid, under[pid]); len(rest) == 0 || rest[0] == stuffing {
				under[pid] = nil
			} else if len(rest) < len(under[pid]) {
				t.Fatalf("PID %x: a section begins where no cell says so", pid)
			}
			continue
		}
		if int(body[0]) >= len(body)-1 {
			t.Fatalf("PID %x: pointer %d", pid, body[0])
		}
		before, body := append(under[pid], body[1:1+int(body[0])]...), body[1+int(body[0]):]
		if rest := whole(pid, before); len(rest) > 0 {
			t.Fatalf("PID %x: %d bytes of a section are lost", pid, len(rest))
		}
		under[pid] = slices.Clone(whole(pid, body))
		if len(under[pid]) > 0 && under[pid][0] == stuffing {
			under[pid] = nil
		}
	}
	if sections[0] == 0 || sections[0] != sections[pmtPID] || sections[0x123] < 100 || len(sections) != 3 {
		t.Errorf("sections by PID: %v", sections)
	}
	if crc := crcSection([]byte("123456789"))[9:]; !bytes.Equal(crc, []byte{0x03, 0x76, 0xe6, 0xe7}) {
		t.Errorf("CRC-32/MPEG-2 of 123456789 is % x", crc)
	}
}

// TestRecordingsOfEveryKind plays a stream to a recorder that spoils it.
func TestRecordingsOfEveryKind(t *testing.T) {
	units := linktest.Units(2, 44)
	b := air(t, units, RecordOptions{})
	r := rand.New(rand.NewPCG(1, 1))
	null := slices.Concat([]byte{syncByte, 0x1f, 0xff, 0x10}, bytes.Repeat([]byte{0xff}, 184))
	each := func(f func(i int, c []byte) []byte) (out []byte) {
		i := 0
		for c := range slices.Chunk(b, cellSize) {
			out = append(out, f(i, slices.Clone(c))...)
			i++
		}
		return out
	}
	video := slices.Concat([]byte{syncByte, 0x41, 0x00, 0x10, 0, 0, 1, 0xe0}, bytes.Repeat([]byte{tableID}, 180))
	for name, stream := range map[string][]byte{
		"joined in the middle of a cell, padded behind": append(slices.Clone(b[1000:]), b[:100_000]...),
		"null packets and video between": each(func(i int, c []byte) []byte {
			return slices.Concat(null, c, bytes.Repeat(null, i%3), video)
		}),
		"every cell twice": each(func(i int, c []byte) []byte { return append(c, c...) }),
		"192 bytes a cell": each(func(i int, c []byte) []byte {
			return append([]byte{byte(i >> 6), byte(i << 2), byte(i * 7), byte(i * 29)}, c...)
		}),
		"204 bytes a cell":    each(func(i int, c []byte) []byte { return append(c, make([]byte, 16)...) }),
		"3 % of cells lost":   each(func(i int, c []byte) []byte { return c[:len(c)*min(1, r.IntN(33))] }),
		"bytes lost in plain": slices.Concat(b[:70_001], b[70_500:700_000], []byte("GGGGGG"), b[700_000:]),
		"1 % of cells broken": each(func(i int, c []byte) []byte {
			if r.IntN(100) == 0 {
				c[r.IntN(188)] ^= 0xff
			}
			return c
		}),
	} {
		got, notes := heard(t, stream)
		if len(got) != len(units) {
			t.Errorf("%s: %d of %d units, %v", name, len(got), len(units), notes)
		}
	}
}

func TestNothingOfOurs(t *testing.T) {
	b := make([]byte, 400_000)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	for _, stream := range [][]byte{b, bytes.Repeat([]byte{syncByte}, 100_000), nil, []byte("a text")} {
		got, notes := heard(t, stream)
		if len(got) != 0 || len(notes) == 0 {
			t.Errorf("%d units out of nothing, notes %v", len(got), notes)
		}
	}
	if _, err := open(t, filepath.Join(t.TempDir(), "absent"), RecordOptions{}).Each(context.Background(), nil); !errors.Is(err, ErrRecording) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Open(t.TempDir(), RecordOptions{}); !errors.Is(err, ErrRecording) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Open("x", RecordOptions{PID: pmtPID}); !errors.Is(err, ErrRecording) {
		t.Errorf("the PID of a table: %v", err)
	}
}

// round sends one round of a programme to listeners who lose and forge packets.
func round(t *testing.T, p *Programme, units [][]byte, hear ...func([]byte) error) {
	t.Helper()
	byKey := map[Key][]byte{}
	var list []Ref
	for _, u := range units {
		byKey[KeyOf(u)] = u
		list = append(list, Ref{KeyOf(u), len(u)})
	}
	p.Update(list)
	get := func(k Key) ([]byte, bool) { u, ok := byKey[k]; return u, ok }
	_, err := p.Round(context.Background(), get, func(b []byte) error {
		for _, f := range hear {
			if err := f(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOneRoundSurvivesLossAndForgery(t *testing.T) {
	units := linktest.Units(3, 200)
	var got [][]byte
	s := newSieve(func(u [][]byte) error { got = append(got, u...); return nil })
	r := rand.New(rand.NewPCG(2, 2))
	round(t, &Programme{}, units, func(b []byte) error {
		if r.IntN(2) == 0 { // as many forged ones as true ones
			bad := slices.Clone(b)
			bad[len(bad)-1-r.IntN(1200)] ^= 0x20
			if err := s.packet(bad); err != nil {
				return err
			}
		}
		if r.IntN(10) < 3 {
			return nil
		}
		return s.packet(b)
	})
	same(t, got, units)
	if st, _ := s.counts(); st.Forged == 0 || st.Blocks == 0 {
		t.Errorf("stats %+v", st)
	}
}

// TestRoundsAddUp: who loses 70 % needs more rounds, and no more than that, while
// new units come in and old ones go.
func TestRoundsAddUp(t *testing.T) {
	units := linktest.Units(4, 120)
	var p Programme
	got := map[Key]bool{}
	s := newSieve(func(units [][]byte) error {
		for _, u := range units {
			got[KeyOf(u)] = true
		}
		return nil
	})
	r := rand.New(rand.NewPCG(3, 3))
	lossy := func(b []byte) error {
		if r.IntN(10) < 7 {
			return nil
		}
		return s.packet(b)
	}
	for i := range 3 {
		round(t, &p, append(slices.Clone(units), linktest.Units(uint64(50+i), 10*i)...), lossy)
	}
	for _, u := range units {
		if !got[KeyOf(u)] {
			t.Fatalf("after three rounds a unit of %d bytes is missing", len(u))
		}
	}
	before := p.Blocks()
	round(t, &p, units[:20])
	if p.Blocks() >= before {
		t.Errorf("%d blocks remain of %d when most units went", p.Blocks(), before)
	}
}

func TestOverTheAir(t *testing.T) {
	units := linktest.Units(5, 40)
	var mu sync.Mutex
	seen := map[Key]bool{}
	ear, err := Listen("127.0.0.1:"+freePort(t), func(units [][]byte) error {
		mu.Lock()
		defer mu.Unlock()
		for _, u := range units {
			seen[KeyOf(u)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ear.Run(ctx) }()
	all := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) == len(units)
	}
	a, err := Dial(ear.Addr(), 400_000_000)
	if err != nil {
		t.Fatal(err)
	}
	p := &Programme{}
	for begin := time.Now(); !all() && time.Since(begin) < 30*time.Second; {
		round(t, p, units, func(b []byte) error { return a.Send(ctx, b) })
	}
	if !all() {
		st, _, _ := ear.Counts()
		t.Errorf("%d of %d units were heard: %+v", len(seen), len(units), st)
	}
	// Television over IP sends cells, seven in a datagram.
	late := linktest.Units(6, 6)
	stream := air(t, late, RecordOptions{})
	heardLate := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, u := range late {
			if seen[KeyOf(u)] {
				n++
			}
		}
		return n
	}
	for begin := time.Now(); heardLate() < len(late) && time.Since(begin) < 30*time.Second; {
		for d := range slices.Chunk(stream, 7*cellSize) {
			if err := a.Send(ctx, d); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := heardLate(); n != len(late) {
		t.Errorf("%d of %d units came in cells", n, len(late))
	}
	cancel()
	if err := errors.Join(a.Close(), <-done); !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
}

func freePort(t *testing.T) string {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	return port
}

func TestPace(t *testing.T) {
	a, err := Dial("127.0.0.1:9", 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	begin := time.Now()
	for range 25 { // 1,000 bytes and heads: 8.2 ms each
		if err := a.Send(context.Background(), make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took < 180*time.Millisecond {
		t.Errorf("25 kB at 1 Mbit/s took %v", took)
	}
	for _, addr := range []string{"x", "1.2.3.4", "1.2.3.4:0", "host:80"} {
		if _, err := Dial(addr, 0); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if _, err := Dial("", 999); err == nil {
		t.Error("a rate of 999 bit/s was taken")
	}
}

func FuzzDemux(f *testing.F) {
	b := newMux(DefaultPID).batch(nil, [][]byte{bytes.Repeat([]byte("x"), 400), []byte("y")})
	f.Add(b)
	f.Add(append([]byte("junk"), b...))
	f.Add(bytes.Repeat([]byte{syncByte}, 1000))
	f.Add(slices.Concat(b[:cellSize*2], b[cellSize*2+1:]))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		defer limits.Watch(t, len(data))()
		total := 0
		d := demux{take: func(p []byte) error { total += len(p); return nil }}
		for c := range slices.Chunk(data, 333) {
			if err := d.feed(c); err != nil {
				t.Fatal(err)
			}
			if len(d.buf) > 333+2*204 {
				t.Fatalf("%d bytes are held back", len(d.buf))
			}
		}
		if err := d.end(); err != nil {
			t.Fatal(err)
		}
		if total > len(data) {
			t.Errorf("%d bytes of packets out of %d", total, len(data))
		}
		s := newSieve(func([][]byte) error { return nil })
		if err := s.packet(data); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkLeave makes a transport stream of about 10 MiB, with fsync.
func BenchmarkLeave(b *testing.B) {
	units := linktest.Units(1, 300)
	size := int64(0)
	for _, u := range units {
		size += int64(len(u))
	}
	b.SetBytes(size)
	path := filepath.Join(b.TempDir(), "air.ts")
	for b.Loop() {
		os.Remove(path)
		if _, err := open(b, path, RecordOptions{}).Leave(context.Background(), linktest.From(units)); err != nil {
			b.Fatal(err)
		}
	}
	info, _ := os.Stat(path)
	b.ReportMetric(float64(info.Size())/float64(size), "file/units")
}

// BenchmarkEach reads it again.
func BenchmarkEach(b *testing.B) {
	units := linktest.Units(1, 300)
	path := filepath.Join(b.TempDir(), "air.ts")
	if _, err := open(b, path, RecordOptions{}).Leave(context.Background(), linktest.From(units)); err != nil {
		b.Fatal(err)
	}
	info, _ := os.Stat(path)
	b.SetBytes(info.Size())
	for b.Loop() {
		if _, err := open(b, path, RecordOptions{}).Each(context.Background(), func([]byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
