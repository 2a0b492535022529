package wire

import (
	"bytes"
	"crypto/rand"
	mrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/jauap/jauap/internal/limits"
	"pgregory.net/rapid"
)

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// Any K symbols bring a unit back, K-1 never.
func TestAnyKSymbols(t *testing.T) {
	r := mrand.New(mrand.NewPCG(1, 2))
	for c := size96; c <= size1024; c++ {
		unit := noise(c.Size())
		s := NewSpread(c, unit)
		for trial := range 30 {
			g := NewGather(c)
			order := r.Perm(256)
			if trial == 0 { // only repair symbols
				order = order[:0]
				for i := c.K(); i < 256; i++ {
					order = append(order, i)
				}
			}
			for n, i := range order {
				got, whole := g.Add(uint8(i), s.Append(nil, uint8(i)))
				if whole != (n >= c.K()-1) {
					t.Fatalf("size %d: whole is %v after %d of %d symbols", c.Size(), whole, n+1, c.K())
				}
				if whole {
					if !bytes.Equal(got, unit) {
						t.Fatalf("size %d: another unit came back", c.Size())
					}
					break
				}
			}
		}
	}
	if _, err := Cut(make([]byte, 100)); err == nil {
		t.Error("a unit of 100 bytes was taken")
	}
	for _, size := range []int{96, 116, 160, 222, 1024, 2048, 4096, 16384} {
		unit := noise(size)
		list, err := Cut(unit)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for i, s := range list {
			if s.Code.N() != i || s.Code.Unit() != size || s.Code.Blocks() != len(list) || s.Code.First() != list[0].Code {
				t.Fatalf("block %d of a unit of %d bytes says %d of %d, %d bytes", i, size, s.Code.N(), s.Code.Blocks(), s.Code.Unit())
			}
			got = append(got, s.data[:s.Code.Size()]...)
		}
		if !bytes.Equal(got, unit) {
			t.Fatalf("the blocks of %d bytes are not the unit", size)
		}
	}
}

func pair(t testing.TB) (*Session, *Server, *Session) {
	t.Helper()
	server, err := NewServer([32]byte(noise(32)))
	if err != nil {
		t.Fatal(err)
	}
	client, err := Client(server.Public())
	if err != nil {
		t.Fatal(err)
	}
	var halves [2]Half
	for i := range halves {
		sid, h, greeting, ok := server.Look(client.Hello(i))
		if !ok || !greeting || sid != client.SID {
			t.Fatalf("half %d: sid %x, greeting %v, ok %v", i, sid, greeting, ok)
		}
		halves[i] = h
	}
	far, ok := server.Accept(halves[1], halves[0])
	if !ok {
		t.Fatal("the greeting was not accepted")
	}
	return client, server, far
}

func TestSession(t *testing.T) {
	client, server, far := pair(t)
	plain := Up{Count: 1, Kind: Ask, Gen: 3, Room: 800}.Bytes()
	sealed := client.SealUp(plain)
	if sid, _, greeting, ok := server.Look(sealed); !ok || greeting || sid != client.SID {
		t.Fatal("the server does not know whose message it is")
	}
	if got, ok := far.OpenUp(sealed); !ok || !bytes.Equal(got, plain) {
		t.Fatal("a message up does not open")
	}
	answer := far.SealDown(Down{Count: 1}.Bytes())
	if got, lost, ok := client.OpenDown(answer); !ok || lost || len(got) != plainDown {
		t.Fatal("an answer does not open")
	}
	for i := range sealed {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		if _, ok := far.OpenUp(b); ok && (i < tagSize || i >= headUp) {
			t.Fatalf("byte %d can be changed", i)
		}
		if sid, _, greeting, _ := server.Look(b); i < headUp && sid == client.SID && !greeting {
			t.Fatalf("byte %d of the head can be changed", i)
		}
	}
	for i := range answer {
		b := bytes.Clone(answer)
		b[i] ^= 1
		if _, _, ok := client.OpenDown(b); ok {
			t.Fatalf("byte %d of an answer can be changed", i)
		}
	}
	if _, ok := far.OpenUp(answer); ok {
		t.Error("an answer opens as a message up")
	}
	if _, lost, ok := client.OpenDown(server.Lost(client.SID)); !lost || ok {
		t.Error("a lost session is not noticed")
	}
	if _, lost, _ := client.OpenDown(server.Lost(client.SID + 1)); lost {
		t.Error("another's lost session counts as ours")
	}
	other, _, _ := pair(t)
	if _, _, ok := other.OpenDown(answer); ok {
		t.Error("another session opens the answer")
	}
	_, h0, _, _ := server.Look(client.Hello(0))
	if _, ok := server.Accept(h0, h0); ok {
		t.Error("one half twice is taken for a greeting")
	}
}

// A name is short, survives any case, and does not repeat.
func TestNames(t *testing.T) {
	z, err := ParseZone("T.jauap.example.")
	if err != nil || z != "t.jauap.example" || !z.Fits() {
		t.Fatalf("%q, %v, fits %v", z, err, z.Fits())
	}
	client, _, far := pair(t)
	seen := map[string]bool{}
	r := mrand.New(mrand.NewPCG(3, 4))
	for n := range 200 {
		sealed := client.Hello(n % 2)
		if n%3 > 0 {
			sealed = client.SealUp(Up{Count: uint16(n + 1), Kind: Put, Code: size96, Slot: 1, Pieces: make([]Piece, 1)}.Bytes())
		}
		name := z.Name(sealed)
		if len(name)+1 > ShortName {
			t.Fatalf("a name of %d bytes on the wire, at most %d: %s", len(name)+1, ShortName, name)
		}
		if seen[name] {
			t.Fatal("a name came twice")
		}
		seen[name] = true
		mixed := strings.Map(func(c rune) rune {
			if r.IntN(2) == 0 && c >= 'a' && c <= 'z' {
				return c - 32
			}
			return c
		}, name)
		if got, ok := z.Sealed(mixed); !ok || !bytes.Equal(got, sealed) {
			t.Fatalf("%s does not read back", mixed)
		}
	}
	if n := z.Symbols(ShortName); n != 1 {
		t.Errorf("%d symbols in a short name", n)
	}
	long := z.Symbols(longName)
	up := Up{Count: 7, Kind: Put, Code: size1024, Pieces: make([]Piece, long)}
	name := z.Name(client.SealUp(up.Bytes()))
	if len(name)+1 > longName || long < 5 {
		t.Fatalf("%d symbols in a long name of %d bytes", long, len(name)+1)
	}
	sealed, _ := z.Sealed(name)
	plain, ok := far.OpenUp(sealed)
	if got, err := ParseUp(plain); !ok || err != nil || len(got.Pieces) != long {
		t.Fatalf("a long name does not read back: %v, %v", ok, err)
	}
	for _, bad := range []string{"", ".", "a..b", "-a.example", "exa mple", strings.Repeat("a", 64) + ".example"} {
		if _, err := ParseZone(bad); err == nil {
			t.Errorf("zone %q was taken", bad)
		}
	}
}

func TestMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := Up{Count: rapid.Uint16Min(1).Draw(t, "count"), Kind: Kind(rapid.IntRange(0, int(kinds)-1).Draw(t, "kind"))}
		if u.Kind != Ask {
			u.Code = Code(rapid.IntRange(1, int(codes)-1).Draw(t, "code"))
		}
		switch u.Kind {
		case Put:
			u.Slot = rapid.Uint8().Draw(t, "slot")
			for range rapid.IntRange(1, 8).Draw(t, "n") {
				u.Pieces = append(u.Pieces, Piece{rapid.Uint8().Draw(t, "i"), [Symbol]byte(noise(Symbol))})
			}
		case Have:
			u.Slot, u.ID = rapid.Uint8().Draw(t, "slot"), [16]byte(noise(16))
		case Open:
			u.Gen, u.Epoch, u.Mine = rapid.Uint8().Draw(t, "gen"), rapid.Uint32().Draw(t, "epoch"), rapid.Bool().Draw(t, "mine")
			u.Mark = rapid.Uint64Range(0, maxMark).Draw(t, "mark")
			u.Shards = append([]uint8(nil), noise(rapid.IntRange(0, MaxShards).Draw(t, "shards"))...)
		case Ask:
			u.Gen, u.Base, u.Came = rapid.Uint8().Draw(t, "gen"), rapid.Uint8().Draw(t, "base"), rapid.Uint64().Draw(t, "came")
			u.Room, u.Cookie = RoomUnit*rapid.IntRange(0, 255).Draw(t, "room"), rapid.Uint16().Draw(t, "cookie")
		}
		b := u.Bytes()
		got, err := ParseUp(b)
		if err != nil || !bytes.Equal(got.Bytes(), b) {
			t.Fatalf("%+v read back as %+v, %v", u, got, err)
		}
	})
}

func TestPackets(t *testing.T) {
	z := Zone("t.example")
	for _, typ := range []Type{TXT, NULL, AAAA} {
		for _, edns := range []int{0, EDNSSize} {
			query, err := Query(77, z.Name(noise(plainUp)), typ, edns)
			if err != nil {
				t.Fatal(err)
			}
			q, ok, err := ParseQuestion(query)
			if err != nil || !ok || q.Type != typ || q.EDNS != (edns > 0) {
				t.Fatalf("%v: %+v, %v, %v", typ, q, ok, err)
			}
			payload := noise(q.Room(EDNSSize))
			b, err := Reply(q, payload)
			if err != nil || len(b) > q.Size {
				t.Fatalf("%v, EDNS %d: an answer of %d bytes, at most %d, %v", typ, edns, len(b), q.Size, err)
			}
			if q.Size-len(b) > rrSize+16 && len(payload) != quads*quad-2 {
				t.Errorf("%v, EDNS %d: %d bytes were left unused", typ, edns, q.Size-len(b))
			}
			id, name, got, err := Payload(b)
			if err != nil || id != 77 || name != q.Name.String() || !bytes.Equal(got, payload) {
				t.Fatalf("%v: the payload does not read back: %v", typ, err)
			}
		}
	}
}

func FuzzWire(f *testing.F) {
	client, server, far := pair(f)
	z := Zone("t.example")
	query, err := Query(1, z.Name(client.SealUp(Up{Count: 1, Kind: Put, Code: size96, Pieces: make([]Piece, 3)}.Bytes())), TXT, EDNSSize)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(query)
	q, _, _ := ParseQuestion(query)
	for _, typ := range []Type{TXT, NULL, AAAA} {
		q.Type = typ
		b, err := Reply(q, far.SealDown(Down{Runs: []Run{{Code: size96, Symbols: make([]byte, 32)}}}.Bytes()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(Up{Count: 9, Kind: Open, Code: size222, Shards: []uint8{1}}.Bytes())
	f.Add(Down{Runs: []Run{{Code: size96, Symbols: make([]byte, 32)}}}.Bytes())
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if u, err := ParseUp(b); err == nil {
			again, err := ParseUp(u.Bytes())
			if err != nil || !bytes.Equal(again.Bytes(), u.Bytes()) {
				t.Fatalf("%+v became %+v", u, again)
			}
		}
		if d, err := ParseDown(b); err == nil {
			for _, r := range d.Runs {
				if len(r.Symbols)%Symbol != 0 || len(r.Symbols) > 255*Symbol {
					t.Fatalf("a run of %d bytes", len(r.Symbols))
				}
			}
		}
		if q, ok, err := ParseQuestion(b); err == nil && ok {
			if sealed, ok := z.Sealed(q.Name.String()); ok {
				if _, h, greeting, ok := server.Look(sealed); ok && greeting {
					_, _ = server.Accept(h, h)
				}
				_, _ = far.OpenUp(sealed)
			}
			if out, err := Fail(q, 5); err == nil && len(out) > len(b)+optSize {
				t.Fatalf("a failure of %d bytes answers %d", len(out), len(b))
			}
		}
		if _, _, payload, err := Payload(b); err == nil {
			_, _, _ = client.OpenDown(payload)
		}
	})
}
