package exchange

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
)

// greeting is what an anonymous side says first.
const greeting = "81 01 00 0800 00"

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes of every frame, as spec/exchange.md has them.
func TestFrameBytes(t *testing.T) {
	a := newShelf(t)
	raw := make([]byte, 160)
	raw[0] = 0x10
	it := a.add(raw, 0, 0)
	relay := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	s := New(Config{Epoch: relay, Top: 300, Serve: true, Shards: []uint8{4, 5}}, a)
	expect := func(what string, got []byte, want string) {
		t.Helper()
		if hex.EncodeToString(got) != strings.ReplaceAll(want, " ", "") {
			t.Fatalf("%s: %x, want %s", what, got, want)
		}
	}
	hear := func(frame string) {
		t.Helper()
		if err := s.Receive(unhex(t, frame)); err != nil {
			t.Fatal(err)
		}
	}
	expect("HELLO", s.Next(MaxFrame), "81 01 03 0800 0102030405060708 ac02 02 04 05")
	if b := s.Next(MaxFrame); b != nil {
		t.Fatalf("%x before the other side spoke", b)
	}
	hear("81 01 04 0800 0102030405060708 00 00 00 ffff") // bytes behind the shards are for later versions
	expect("HAVE", s.Next(MaxFrame), "82 00 01"+hex.EncodeToString(it.ID[:])+"10 00 0007 00")
	expect("END", s.Next(MaxFrame), "83 ac02")
	hear("84 00 9e01") // from byte 158 on
	expect("DATA", s.Next(MaxFrame), "85 00 9e01 0000")
	hear("86 02 00 01")
	if o := s.Take(); len(o.Handed) != 1 || o.Handed[0].ID != it.ID {
		t.Fatalf("handed %v", o.Handed)
	}
	hear("82 00 000102030405060708090a0b0c0d0e0f 06 00 0010 ffffffffffffffffffffffffffffffff 05 03 ffff")
	expect("WANT", s.Next(MaxFrame), "84 00 00 01 00")
	hear("85 00 00") // gone
	expect("GOT", s.Next(MaxFrame), "86 01 00 01")
	hear("05 01 02 03") // a frame of a later version that may be skipped
	s.Bye()
	expect("BYE", s.Next(MaxFrame), "87 00")
}

func TestHelloMark(t *testing.T) {
	h := hello{version: 1, window: 64, since: Mark{Epoch: [8]byte{9}, Seq: 1000}}
	h.since.Lane[lane(envelope.Done, 0)] = 1130
	h.since.Lane[lane(envelope.S2, 0)] = 900 // below Seq: not said
	b := h.encode()
	want := unhex(t, "81 01 04 0040 0900000000000000 e807 01 06 8201 00")
	if string(b) != string(want) {
		t.Fatalf("%x, want %x", b, want)
	}
	got, err := parseHello(fields{b: b[1:]})
	if err != nil || got.since.at(lane(envelope.Done, 0)) != 1130 || got.since.at(0) != 1000 || got.window != 64 {
		t.Fatalf("%+v %v", got, err)
	}
}

// Frames that break a rule end the session and leave the shelf as it was.
func TestBreaches(t *testing.T) {
	const (
		one  = "82 00 000102030405060708090a0b0c0d0e0f 01 00 0010"
		come = "82 01 000102030405060708090a0b0c0d0e0f 01 00 0010"
	)
	cases := map[string][]string{
		"no bytes":                      {""},
		"not HELLO first":               {"83"},
		"HELLO twice":                   {greeting, greeting},
		"HELLO cut":                     {"81 01 00 08"},
		"HELLO cut in the mark":         {"81 01 04 0800 0102030405060708 05 01"},
		"HELLO with a mark for class 8": {"81 01 04 0800 0102030405060708 05 01 08 01 00"},
		"HELLO with shards missing":     {"81 01 00 0800 05 01"},
		"HELLO of version 0":            {"81 00 00 0800 00"},
		"HELLO with a tiny window":      {"81 01 00 0001 00"},
		"unknown critical frame":        {greeting, "90"},
		"HAVE without units":            {greeting, "82 00"},
		"HAVE cut":                      {greeting, "82 00 0001"},
		"HAVE with unknown flags":       {greeting, "82 80" + one[5:]},
		"HAVE of class 9":               {greeting, strings.Replace(one, " 01 00 0010", " 09 00 0010", 1)},
		"HAVE of an S0 without a size":  {greeting, strings.Replace(one, " 01 00 0010", " 30 00 0010", 1)},
		"HAVE of a large unit coming":   {greeting, strings.Replace(come, " 01 00 0010", " 05 00 0010", 1)},
		"END with bytes left over":      {greeting, "83 00"},
		"WANT for nothing":              {greeting, "84"},
		"WANT for an unknown number":    {greeting, "84 09 00"},
		"WANT with an endless varint":   {greeting, "84 ffffffffffffffffffffffff"},
		"DATA cut":                      {greeting, "85 00"},
		"DATA for an unknown number":    {greeting, "85 00 00 aa"},
		"DATA that nobody asked for":    {greeting, one, "85 00 00 aa"},
		"DATA behind a hole":            {greeting, come, "85 00 01 aa"},
		"DATA longer than its unit":     {greeting, come, "85 00 00" + strings.Repeat("aa", 1025)},
		"DATA with the wrong id":        {greeting, come, "85 00 00" + strings.Repeat("aa", 1024)},
		"GOT for an unknown number":     {greeting, "86 02 00 01"},
		"GOT for very many":             {greeting, "86 02 00 ffffffff0f"},
		"GOT with verdict 4":            {greeting, "86 04 00 00"},
		"GOT cut":                       {greeting, "86 02"},
		"sequence numbers that fall": {"81 01 02 0800 0102030405060708 05 00",
			"82 00 05 000102030405060708090a0b0c0d0e0f 01 00 0010 00 100102030405060708090a0b0c0d0e0f 01 00 0010 00"},
	}
	for name, frames := range cases {
		t.Run(name, func(t *testing.T) {
			sh := newShelf(t)
			s := New(Config{}, sh)
			s.Next(MaxFrame)
			for i, f := range frames {
				err := s.Receive(unhex(t, f))
				if last := i == len(frames)-1; last != (err != nil) {
					t.Fatalf("frame %d: %v", i, err)
				}
				if err != nil && !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrVersion) {
					t.Fatalf("another error: %v", err)
				}
			}
			if b := s.Next(MaxFrame); len(b) < 2 || b[0] != frameBye || b[1] != byeProtocol {
				t.Fatalf("last words %x", b)
			}
			if s.Next(MaxFrame) != nil || len(sh.items) != 0 {
				t.Fatal("it goes on after a breach")
			}
		})
	}
}

func TestTooManyOpen(t *testing.T) {
	s := New(Config{MaxItems: 64}, newShelf(t))
	s.Receive(unhex(t, greeting))
	frame := []byte{frameHave, 0}
	for i := range 65 {
		frame = appendEntry(frame, Item{ID: id{byte(i)}, Class: envelope.S1, Size: 1024})
	}
	if err := s.Receive(frame); !errors.Is(err, ErrProtocol) {
		t.Fatalf("65 open units: %v", err)
	}
}

func TestTooManyComing(t *testing.T) {
	s := New(Config{}, newShelf(t))
	s.Receive(unhex(t, greeting))
	frame := []byte{frameHave, haveComing}
	for i := range 65 {
		frame = appendEntry(frame, Item{ID: id{byte(i)}, Class: envelope.S1, Size: 1024})
	}
	if err := s.Receive(frame); !errors.Is(err, ErrProtocol) {
		t.Fatalf("65 coming units: %v", err)
	}
}

func TestWantTooOften(t *testing.T) {
	a := newShelf(t)
	a.add(unit(seeded(1), envelope.S1), 0, 0)
	s := New(Config{}, a)
	s.Next(MaxFrame)
	s.Receive(unhex(t, greeting))
	s.Next(MaxFrame)
	for i := range 4 {
		err := s.Receive(unhex(t, "84 00 00"))
		if (err != nil) != (i == 3) {
			t.Fatalf("time %d: %v", i, err)
		}
	}
}

// FuzzReceive plays any frames to a session that has something to give and to
// take. Nothing may panic, grow without bounds or reach the shelf unchecked.
func FuzzReceive(f *testing.F) {
	join := func(frames ...string) (b []byte) {
		for _, h := range frames {
			raw := unhex(f, h)
			b = binary.BigEndian.AppendUint16(b, uint16(len(raw)))
			b = append(b, raw...)
		}
		return b
	}
	f.Add(join(greeting, "82 00 000102030405060708090a0b0c0d0e0f 01 00 0010", "85 00 00 aa", "83"))
	f.Add(join("81 01 06 0800 0102030405060708 05 0102030405060708 05 01 06 01 00", "84 00 00 01 05", "86 02 00 02", "83 05"))
	f.Add(join(greeting, "82 01 000102030405060708090a0b0c0d0e0f 06 00 0010", "85 00 00 aaaaaaaa", "86 00 00 01 01 01 01", "87 00"))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		defer limits.Watch(t, len(in))()
		if len(in) > 64<<10 {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a := newShelf(t)
		rng := seeded(1)
		for _, c := range []envelope.Class{0, 1, 6, 8, 2, 7} {
			a.add(unit(rng, c), 0, 0)
		}
		own := len(a.items)
		s := New(Config{MaxItems: 64, First: 1024}, a)
		said := 0
		for len(in) >= 2 {
			n := min(int(binary.BigEndian.Uint16(in)), len(in)-2)
			err := s.Receive(in[2 : 2+n])
			in = in[2+n:]
			for b := s.Next(MinRoom); b != nil; b = s.Next(MinRoom) {
				if said++; said > 1<<16 {
					t.Fatal("it does not stop talking")
				}
			}
			s.Take()
			if len(s.take.open) > 64 || len(s.give.open) > 64 || len(s.known) > maxKnown {
				t.Fatal("bounds broken")
			}
			if err != nil {
				break
			}
		}
		for _, it := range a.items[own:] {
			if envelope.IDOf(a.bytes[it.ID]) != it.ID {
				t.Fatal("an unchecked unit is on the shelf")
			}
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
			t.Fatalf("%d bytes allocated in all", n)
		}
	})
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0x83})
	f.Add([]byte{0, 1, 0, 0x83})
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		defer limits.Watch(t, len(in))()
		b, err := ReadFrame(strings.NewReader(string(in)), nil)
		if err == nil && (len(b) == 0 || len(b) > MaxFrame || string(in[3:3+len(b)]) != string(b)) {
			t.Fatalf("read %d bytes", len(b))
		}
		if torn := Torn(b); torn != nil && (torn[0] != frameData || len(torn) < 4 || len(torn) != len(b)) {
			t.Fatalf("% x of a frame % x", torn, b)
		}
		if cap(b) > 4*len(in)+8<<10 {
			t.Fatalf("%d bytes for %d", cap(b), len(in))
		}
	})
}
