package dns

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link/dns/wire"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/boxtest"
)

const zone = wire.Zone("t.example")

var someone = netip.MustParseAddrPort("192.0.2.7:5353")

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// world is a server over a real mailbox in memory.
type world struct {
	*Server
	t   *testing.T
	box relay.Box
	key *wire.Server
	now time.Time
}

func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	key, err := wire.NewServer([32]byte(noise(32)))
	if err != nil {
		t.Fatal(err)
	}
	box := boxtest.NewMemory()
	room := relay.Handler(box, relay.Options{})
	t.Cleanup(func() { room.Close(context.Background()) })
	o.Zone, o.Key, o.Box, o.Deposit = zone, key, box, room.Deposit
	o.Addrs = []netip.Addr{netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("2001:db8::9")}
	return &world{Server: New(o), t: t, box: box, key: key, now: time.Now()}
}

func (w *world) ask(from netip.AddrPort, name string, typ wire.Type) *dnsmessage.Message {
	w.t.Helper()
	q, err := wire.Query(1, name, typ, wire.EDNSSize)
	if err != nil {
		w.t.Fatal(err)
	}
	b := w.Answer(context.Background(), q, from, w.now)
	if b == nil {
		return nil
	}
	var m dnsmessage.Message
	if err := m.Unpack(b); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	if m.Questions[0].Name.String() != name {
		w.t.Errorf("asked for %s, answered %s", name, m.Questions[0].Name)
	}
	return &m
}

// TestZone: what resolvers and curious people ask an authoritative server.
func TestZone(t *testing.T) {
	w := newWorld(t, Options{})
	for _, c := range []struct {
		name      string
		typ       wire.Type
		code      dnsmessage.RCode
		answers   int
		authority bool
	}{
		{"t.example.", dnsmessage.TypeSOA, 0, 1, false},
		{"T.eXample.", dnsmessage.TypeNS, 0, 1, false},
		{"t.example.", dnsmessage.TypeA, 0, 0, true},
		{"t.example.", dnsmessage.TypeALL, 0, 0, true},
		{"ns.t.example.", dnsmessage.TypeA, 0, 1, false},
		{"ns.t.example.", dnsmessage.TypeAAAA, 0, 1, false},
		{"www.t.example.", dnsmessage.TypeA, 0, 0, true},
		{strings.Repeat("a", 53) + ".t.example.", dnsmessage.TypeA, 0, 0, true},
		{strings.Repeat("a", 20) + ".t.example.", dnsmessage.TypeTXT, 0, 0, true},
		{"example.", dnsmessage.TypeA, dnsmessage.RCodeRefused, 0, false},
		{"xt.example.", dnsmessage.TypeA, dnsmessage.RCodeRefused, 0, false},
		{"www.example.org.", dnsmessage.TypeA, dnsmessage.RCodeRefused, 0, false},
		{".", dnsmessage.TypeNS, dnsmessage.RCodeRefused, 0, false},
	} {
		m := w.ask(someone, c.name, c.typ)
		switch {
		case m == nil:
			t.Errorf("%s %v: no answer", c.name, c.typ)
		case m.RCode != c.code || len(m.Answers) != c.answers || (len(m.Authorities) == 1) != c.authority || m.RecursionAvailable || m.Authoritative != (c.code == 0):
			t.Errorf("%s %v: %+v", c.name, c.typ, m)
		}
	}
	for _, b := range [][]byte{nil, noise(5), noise(40), make([]byte, 12), bytes.Repeat([]byte{0xc0, 0x0c}, 200)} {
		if out := w.Answer(context.Background(), b, someone, w.now); len(out) > len(b)+20 {
			t.Errorf("%d bytes of rubbish are answered with %d", len(b), len(out))
		}
	}
	q, _ := wire.Query(9, "t.example.", dnsmessage.TypeSOA, 0)
	q[2] |= 5 << 3 // an update
	if out := w.Answer(context.Background(), q, someone, w.now); out == nil || out[3]&0xf != byte(dnsmessage.RCodeNotImplemented) {
		t.Errorf("an update is answered with %x", out)
	}
	q[2] |= 0x80 // an answer
	if out := w.Answer(context.Background(), q, someone, w.now); out != nil {
		t.Error("an answer is answered")
	}
}

// TestCaps: one network has its share and no more; others are not hurt.
func TestCaps(t *testing.T) {
	w := newWorld(t, Options{Strange: relay.Rate{PerSecond: 10, Burst: 20}, Answers: relay.Rate{PerSecond: 100, Burst: 200}})
	count := func(from string, n int, name func(int) string) (got int) {
		for i := range n {
			if w.ask(netip.MustParseAddrPort(from), name(i), wire.TXT) != nil {
				got++
			}
		}
		return got
	}
	soa := func(int) string { return "www.t.example." }
	if got := count("198.51.100.1:53", 100, soa); got != 20 {
		t.Errorf("%d answers of 20", got)
	}
	if got := count("198.51.100.200:53", 100, soa); got != 0 {
		t.Errorf("%d answers to a neighbour in the same network", got)
	}
	if got := count("203.0.113.1:53", 10, soa); got != 10 {
		t.Errorf("another network got %d of 10 answers", got)
	}
	client := w.greet(someone)
	ask := func(i int) string {
		return zone.Name(client.SealUp(wire.Up{Count: uint16(i + 1), Kind: wire.Ask, Room: 800}.Bytes()))
	}
	if got := count("198.51.100.1:53", 300, ask); got != 200 {
		t.Errorf("%d answers of 200 to a session", got)
	}
	w.now = w.now.Add(time.Second)
	if got := count("198.51.100.1:53", 300, soa); got != 10 {
		t.Errorf("%d answers of 10 a second later", got)
	}
}

// greet begins a session.
func (w *world) greet(from netip.AddrPort) *wire.Session {
	w.t.Helper()
	s, err := wire.Client(w.key.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range 2 {
		w.ask(from, zone.Name(s.Hello(i)), wire.TXT)
	}
	return s
}

// say sends one message and opens the answer.
func (w *world) say(s *wire.Session, u wire.Up) wire.Down {
	w.t.Helper()
	q, err := wire.Query(3, zone.Name(s.SealUp(u.Bytes())), wire.TXT, wire.EDNSSize)
	if err != nil {
		w.t.Fatal(err)
	}
	_, _, payload, err := wire.Payload(w.Answer(context.Background(), q, someone, w.now))
	if err != nil {
		w.t.Fatal(err)
	}
	plain, _, ok := s.OpenDown(payload)
	if !ok {
		w.t.Fatal("the answer does not open")
	}
	d, err := wire.ParseDown(plain)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// short is an S0, which anybody may make.
func short(t *testing.T) []byte {
	t.Helper()
	var tag envelope.Tag
	copy(tag[:12], noise(12))
	e, err := envelope.NewShort(tag, [8]byte(noise(8)), noise(222-21))
	if err != nil {
		t.Fatal(err)
	}
	return e.Bytes()
}

// TestUpload: a unit is held when it is whole and right, and only then; what comes
// twice changes nothing; what is wrong is refused.
func TestUpload(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.greet(someone)
	unit := short(t)
	list, err := wire.Cut(unit)
	if err != nil {
		t.Fatal(err)
	}
	put := func(count uint16, slot uint8, from *wire.Spread, i uint8) wire.Down {
		return w.say(s, wire.Up{Count: count, Kind: wire.Put, Code: from.Code, Slot: slot, Pieces: []wire.Piece{{Index: i, Symbol: [16]byte(from.Append(nil, i))}}})
	}
	for i := range uint8(14) {
		d := put(uint16(i)+1, 7, list[0], i+100)
		want := wire.Under
		if i == 13 {
			want = wire.Held
		}
		if d.Newest != 7 || d.States[0] != want || i < 13 && d.Have != i+1 {
			t.Fatalf("after %d symbols: %+v", i+1, d)
		}
		if i == 5 { // a resolver asks again, with other symbols by a liar's hand: the first counts
			if d := put(uint16(i)+1, 7, list[0], 3); d.Have != 6 {
				t.Fatalf("a repeated message counted: %+v", d)
			}
		}
	}
	if got, err := w.box.Get(context.Background(), envelope.IDOf(unit), 0, 300); err != nil || !bytes.Equal(got, unit) {
		t.Fatalf("the box has %d bytes, %v", len(got), err)
	}
	if d := w.say(s, wire.Up{Count: 20, Kind: wire.Have, Code: list[0].Code, Slot: 8, ID: envelope.IDOf(unit)}); d.States[0] != wire.Held {
		t.Errorf("what is here is not known: %+v", d)
	}
	bad, _ := wire.Cut(append([]byte{0x77}, unit[1:]...))
	var d wire.Down
	for i := range uint8(14) {
		d = put(uint16(i)+30, 9, bad[0], i)
	}
	if d.States[0] != wire.Refused {
		t.Errorf("what is no unit got %v", d.States[0])
	}
	if d := put(50, 250, list[0], 0); d.Newest != 9 {
		t.Errorf("an old slot became the newest: %+v", d)
	}
	if d := w.say(s, wire.Up{Count: 51, Kind: wire.Ask}); d.Flags&wire.FlagNone == 0 {
		t.Errorf("no stream is open, and that is not said: %+v", d)
	}
}

// TestStream: units are numbered in the order of marks; what came is not sent
// again, and marks follow only what came without a gap.
func TestStream(t *testing.T) {
	w := newWorld(t, Options{})
	for range 5 {
		if err := w.o.Deposit(context.Background(), short(t), someone.String()); err != nil {
			t.Fatal(err)
		}
	}
	head, err := w.box.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	s := w.greet(someone)
	first := w.say(s, wire.Up{Count: 1, Kind: wire.Open, Code: wire.Small(), Gen: 1})
	if first.Gen != 1 || first.Epoch != binary.BigEndian.Uint32(head.Epoch[:]) || first.Mark != 0 || len(first.Runs) == 0 {
		t.Fatalf("%+v", first)
	}
	d := w.say(s, wire.Up{Count: 2, Kind: wire.Ask, Gen: 1, Room: 1100, Cookie: first.Cookie, Base: 0, Came: 0b10})
	if d.Mark != 0 {
		t.Fatalf("the mark went past what is missing: %+v", d)
	}
	d = w.say(s, wire.Up{Count: 3, Kind: wire.Ask, Gen: 1, Room: 1100, Cookie: d.Cookie, Base: 2, Came: 0b10})
	if d.Mark == 0 || d.Flags&wire.FlagDry != 0 {
		t.Fatalf("%+v", d)
	}
	mark := d.Mark
	w.now = w.now.Add(time.Second)
	seen := map[uint8]bool{}
	for i := range uint16(4) {
		for _, r := range w.say(s, wire.Up{Count: 4 + i, Kind: wire.Ask, Gen: 1, Room: 1100, Cookie: d.Cookie, Base: 2, Came: 0b10}).Runs {
			seen[r.No] = true
		}
	}
	if len(seen) != 2 || !seen[2] || !seen[4] {
		t.Errorf("numbers 2 and 4 are missing, sent were %v", seen)
	}
	if d = w.say(s, wire.Up{Count: 9, Kind: wire.Ask, Gen: 1, Room: 1100, Base: 5}); d.Flags&wire.FlagDry == 0 || d.Mark != uint64(head.Top) {
		t.Errorf("all came, and the answer is %+v", d)
	}
	d = w.say(s, wire.Up{Count: 10, Kind: wire.Open, Code: wire.Small(), Gen: 2, Epoch: d.Epoch, Mark: mark})
	d = w.say(s, wire.Up{Count: 11, Kind: wire.Ask, Gen: 2, Room: 1100, Base: 3})
	if d.Flags&wire.FlagDry == 0 {
		t.Errorf("after the mark there were three: %+v", d)
	}
	d = w.say(s, wire.Up{Count: 12, Kind: wire.Open, Code: wire.Large(), Gen: 3})
	if d.Flags&wire.FlagDry == 0 || len(d.Runs) > 0 {
		t.Errorf("there are no large units: %+v", d)
	}
}
