package serial

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// TestKISS: every frame comes back, whatever is between, and what is broken costs
// only itself.
func TestKISS(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var line []byte
	var want [][]byte
	for i := range 200 {
		data := bytesOf(rng.IntN(300), rng)
		line = appendKISS(line, byte(i), data)
		want = append(want, append([]byte{byte(i)}, data...))
		switch i % 4 {
		case 1:
			line = append(line, fend, fend, fesc, 0x17, 'x', fend)
		case 2:
			line = append(append(line, bytes.Repeat([]byte{7}, 3*maxKISS)...), fend)
		case 3:
			line = append(line, 'x', fesc, fend)
		}
	}
	var got [][]byte
	var u unkiss
	for len(line) > 0 {
		n := min(1+rng.IntN(90), len(line))
		u.feed(line[:n], func(c byte, data []byte) { got = append(got, append([]byte{c}, data...)) })
		line = line[n:]
	}
	if len(got) != len(want) {
		t.Fatalf("%d frames of %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("frame %d: % x, want % x", i, got[i], want[i])
		}
	}
}

// TestPieces: any k pieces of a unit bring it back.
func TestPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, size := range []int{1, 100, 222, 1024, 4096} {
		for _, frame := range []int{MinFrame, 184, 255} {
			unit := bytesOf(size, rng)
			s := shapeFor(size, frame)
			if !s.ok() {
				t.Fatalf("%d bytes in frames of %d: %+v", size, frame, s)
			}
			g := gather{open: map[name]*begun{}, rng: rng}
			order := rng.Perm(maxPoints)
			for i, at := range order[:s.k] {
				f := cut(unit, IDOf(unit), s, at).frame()
				if len(f) > frame {
					t.Fatalf("a frame of %d bytes, at most %d", len(f), frame)
				}
				_, rest, err := opened(f)
				if err != nil {
					t.Fatal(err)
				}
				p, err := parsePiece(rest)
				if err != nil {
					t.Fatal(err)
				}
				got := g.add(noon, p)
				if whole := bytes.Equal(got, unit); whole != (i == s.k-1) {
					t.Fatalf("%d bytes, %d of %d pieces: whole is %v", size, i+1, s.k, whole)
				}
			}
		}
	}
}

// TestPoison: somebody sends wrong pieces under a right name, before and between the
// right ones.
func TestPoison(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for trial := range 50 {
		unit := bytesOf(1024, rng)
		s := shapeFor(len(unit), 184)
		g := gather{open: map[name]*begun{}, rng: rng}
		lie := func(at int) piece {
			p := cut(unit, IDOf(unit), s, at)
			p.data = bytesOf(len(p.data), rng)
			return p
		}
		g.add(noon, lie(rng.IntN(20)))
		done := false
		for i := 0; i < 24 && !done; i++ {
			if i == 3 {
				g.add(noon, lie(i))
			}
			done = bytes.Equal(g.add(noon, cut(unit, IDOf(unit), s, i)), unit)
		}
		if !done {
			t.Fatalf("trial %d: two lies keep a unit away", trial)
		}
	}
	// Whoever begins units without end takes no more room than allowed.
	g := gather{open: map[name]*begun{}, rng: rng}
	for range 1000 {
		g.add(noon, cut(bytesOf(1024, rng), IDOf(bytesOf(9, rng)), shapeFor(1024, 184), 1))
	}
	if len(g.open) > maxOpen {
		t.Errorf("%d units begun", len(g.open))
	}
}

// TestHave: a digest knows what is held, and rarely claims more; with more than fit
// it tells of a part, another each time.
func TestHave(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var ids, others []ID
	for range 1000 {
		ids, others = append(ids, ID(bytesOf(16, rng))), append(others, ID(bytesOf(16, rng)))
	}
	told, wrong, asked := map[ID]bool{}, 0, 0
	for range 200 {
		_, rest, err := opened(makeHave(ids, 184, rng))
		if err != nil {
			t.Fatal(err)
		}
		h, err := parseHave(rest)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range ids {
			in, held := h.holds(id)
			if in && !held {
				t.Fatal("a unit that is held is missing")
			}
			if in {
				told[id] = true
			}
			if in, held := h.holds(others[i]); in {
				asked++
				if held {
					wrong++
				}
			}
		}
	}
	if len(told) < 990 || wrong*100 > asked*4 {
		t.Errorf("%d of 1000 were told, %d of %d claims wrong", len(told), wrong, asked)
	}
	t.Logf("%.1f %% of claims are wrong", 100*float64(wrong)/float64(asked))
	_, rest, _ := opened(makeHave(nil, 184, rng))
	h, err := parseHave(rest)
	if err != nil {
		t.Fatal(err)
	}
	if in, held := h.holds(ids[0]); !in || held {
		t.Error("who has nothing does not say so")
	}
}

func TestSpec(t *testing.T) {
	for _, text := range []string{
		"", ",kiss", "/dev/x,morse", "/dev/x,kiss,rate", "/dev/x,kiss,rate=1", "/dev/x,kiss,sf=7", "/dev/x,rnode,sf=13", "/dev/x,rnode,frame=255",
		"/dev/x,rnode,rate=1200", "/dev/x,meshcore,sf=8", "/dev/x,kiss,duty=0", "/dev/x,kiss,duty=NaN", "/dev/x,kiss,call=TOOLONG1", "/dev/x,kiss,frame=999",
	} {
		if _, err := Parse(text); !errors.Is(err, ErrSpec) {
			t.Errorf("%q: %v", text, err)
		}
	}
	s, err := Parse("/dev/ttyUSB0, RNode, freq=869.525, bw=250, sf=11, cr=5, duty=10, power=20")
	if err != nil || s.LoRa != (LoRa{869_525_000, 250_000, 11, 5, 18}) || s.Limit() != 6*time.Minute || s.Frame != 254 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err = Parse("COM3"); err != nil || s.Dialect != KISS || s.Limit() != 36*time.Second {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestAX25: a frame in an AX.25 header comes out of it, also by way of repeaters.
func TestAX25(t *testing.T) {
	f := whole([]byte("unit"))
	b := wrap("UN7ABC-5", f)
	if len(b) != len(f)+axSize || !bytes.Equal(unwrap(b), f) || !bytes.Equal(unwrap(f), f) {
		t.Errorf("% x", b)
	}
	far := slices.Clone(b[:14])
	far[13] &^= 1
	hop, _ := address("RPTR", true)
	far = append(append(far, hop[:]...), b[14:]...)
	if !bytes.Equal(unwrap(far), f) {
		t.Error("a repeater's frame is not read")
	}
}

// FuzzAir feeds a line's bytes to everything that reads them.
func FuzzAir(f *testing.F) {
	rng := rand.New(rand.NewPCG(9, 9))
	unit := bytesOf(1024, rng)
	f.Add(appendKISS(nil, 0, whole(unit[:222])))
	f.Add(appendKISS(appendKISS(nil, 0, cut(unit, IDOf(unit), shapeFor(1024, 184), 3).frame()), 0x0f, []byte{fend, fesc}))
	f.Add(appendKISS(nil, 0, makeHave([]ID{{1}, {2}}, 184, rng)))
	f.Add(appendKISS(nil, 0, wrap("UN7ABC", whole(unit[:90]))))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		defer limits.Watch(t, len(line))()
		m := map[ID][]byte{IDOf(unit): unit}
		st := NewStation(Config{
			Frame: 184, Airtime: Tone{Rate: 5000}.Airtime, Budget: &Budget{Limit: time.Hour}, Rand: rand.New(rand.NewPCG(1, 1)),
			Get: func(id ID) ([]byte, bool) { u, ok := m[id]; return u, ok },
		}, noon)
		st.Update(noon, []Item{{IDOf(unit), len(unit), true}})
		var u unkiss
		take := func(_ byte, data []byte) {
			// The fuzzer cannot make checksums: it gets them.
			for _, frame := range [][]byte{unwrap(data), sealed(append([]byte(nil), unwrap(data)...))} {
				if got := st.Heard(noon, frame); len(got) > MaxUnit {
					t.Fatalf("a unit of %d bytes", len(got))
				}
			}
		}
		u.feed(line, take)
		for now := noon; now.Before(noon.Add(time.Minute)); {
			frame, at := st.Next(now)
			if len(frame) > 184 {
				t.Fatalf("a frame of %d bytes", len(frame))
			}
			if !at.After(now) {
				t.Fatal("time stands still")
			}
			now = at
		}
	})
}
