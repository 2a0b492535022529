package finds

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/seal"
)

// post is an account that only notes what is queued.
type post struct {
	people []account.ContactID
	queued []account.Outgoing
}

func (p *post) Queue(_ account.Tx, _ account.Moment, o account.Outgoing) error {
	p.queued = append(p.queued, o)
	return nil
}

func (p *post) IDs(account.Tx) ([]account.ContactID, error) { return p.people, nil }

func open(t *testing.T, p *post, v account.Vault) *Book {
	t.Helper()
	b, err := New(p, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func relayOf(n byte) (r Relay) {
	r[0] = n
	return r
}

func on(day envelope.Day) account.Moment { return account.Moment{Day: day, Tick: 1000} }

func deliver(t *testing.T, b *Book, from byte, at account.Moment, body []byte) {
	t.Helper()
	err := b.vault.Update(func(tx account.Tx) error {
		return b.Deliver(tx, account.Contact{ID: account.ContactID{from}}, at, seal.Part{Kind: kindFinds, Body: body})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, b *Book, r Relay, today envelope.Day) []Find {
	t.Helper()
	l, err := b.Finds(r, today)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestRemembers: what Flush wrote is there after a restart, in its place and no
// other, and grows old.
func TestRemembers(t *testing.T) {
	v := account.NewMemVault()
	b := open(t, &post{}, v)
	home, cafe := b.Place("gateway 02:fc:00:00:00:05 wlan0"), b.Place("gateway 02:fc:00:00:00:06 wlan0")
	if home == cafe || home == (Place{}) || b.Place("") != (Place{}) {
		t.Fatal("places are not told apart")
	}
	for i := range uint16(5) {
		b.Answered(home, relayOf(1), Way{"192.0.2.1", i%2 == 0, 100 + i}, 20000)
	}
	b.Answered(home, relayOf(1), Way{"192.0.2.1", false, 103}, 20000)
	b.SetTicket(home, relayOf(1), []byte("ticket"), 20000)
	b.SetTicket(Place{}, relayOf(1), []byte("of nowhere"), 20000)
	if err := b.Flush(20000); err != nil {
		t.Fatal(err)
	}
	b = open(t, &post{}, v)
	if b.Place("gateway 02:fc:00:00:00:05 wlan0") != home {
		t.Error("the secret changed")
	}
	want := []Way{{"192.0.2.1", false, 103}, {"192.0.2.1", true, 104}, {"192.0.2.1", true, 102}}
	if got := b.Last(home, relayOf(1)); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if b.Last(cafe, relayOf(1)) != nil || b.Ticket(cafe, relayOf(1), 20000) != nil || b.Ticket(Place{}, relayOf(1), 20000) != nil {
		t.Error("known in another place")
	}
	if string(b.Ticket(home, relayOf(1), 20007)) != "ticket" || b.Ticket(home, relayOf(1), 20008) != nil {
		t.Error("a ticket does not last seven days")
	}
	b.SetTicket(home, relayOf(1), nil, 20001)
	if b.Ticket(home, relayOf(1), 20001) != nil {
		t.Error("a used ticket is still there")
	}
	if err := b.Flush(20001 + lastLife + 1); err != nil {
		t.Fatal(err)
	}
	if b = open(t, &post{}, v); b.Last(home, relayOf(1)) != nil {
		t.Error("remembered for ever")
	}
	for i := range 2 * maxSpots {
		b.Answered(b.Place(string(rune('a'+i))), relayOf(1), Way{"h", true, 1}, envelope.Day(20000+i))
	}
	if len(b.spots) != maxSpots || b.Last(b.Place(string(rune('a'+2*maxSpots-1))), relayOf(1)) == nil {
		t.Errorf("%d spots", len(b.spots))
	}
}

// TestTold: one device's find reaches another's book through a part, once per
// contact and some days.
func TestTold(t *testing.T) {
	p := &post{people: []account.ContactID{{7}, {8}}}
	mine := open(t, p, account.NewMemVault())
	mine.Relays([]Relay{relayOf(1), relayOf(2)})
	for range 3 {
		if err := mine.Tell(on(20000), relayOf(1), false, 3785); err != nil {
			t.Fatal(err)
		}
	}
	if err := mine.Tell(on(20001), relayOf(2), true, 53); err != nil {
		t.Fatal(err)
	}
	if len(p.queued) != 2 || p.queued[0].Alone < 100*24*3600 {
		t.Fatalf("queued: %+v", p.queued)
	}
	var part seal.Part
	err := mine.vault.Update(func(tx account.Tx) error {
		s := p.queued[0].Streams[0]
		if n, err := mine.Left(tx, s); n != 1+2*findSize || err != nil {
			t.Errorf("left %d, %v", n, err)
		}
		if _, ok, err := mine.Cut(tx, s, 10); ok || err != nil {
			t.Errorf("cut into too little room: %v", err)
		}
		var ok bool
		var err error
		if part, ok, err = mine.Cut(tx, s, 100); !ok || err != nil || seal.PartSize(part) > 100 {
			t.Errorf("cut: %v, %v", ok, err)
		}
		if n, _ := mine.Left(tx, s); n != 0 {
			t.Errorf("left %d after it was told", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// spec/relay.md, 12
	if got := hex.EncodeToString(part.Body); got != "025778f985db754c660100354e2101d0fabd251fcbbe000ec94e20" {
		t.Errorf("part %s", got)
	}
	theirs := open(t, &post{}, account.NewMemVault())
	theirs.Relays([]Relay{relayOf(1)})
	deliver(t, theirs, 9, on(20001), part.Body)
	if got := list(t, theirs, relayOf(1), 20001); !slices.Equal(got, []Find{{false, 3785, 20000}}) {
		t.Errorf("found: %v", got)
	}
	if got := list(t, theirs, relayOf(2), 20001); got != nil {
		t.Errorf("of a relay that they do not use: %v", got)
	}
	if list(t, theirs, relayOf(1), 20000+findLife+1) != nil {
		t.Error("worth trying for ever")
	}
	if list(t, mine, relayOf(1), 20001) != nil {
		t.Error("own finds are taken for a contact's")
	}
	// Told again, when it is news again.
	if err := mine.Tell(on(20002), relayOf(1), false, 3785); err != nil || len(p.queued) != 2 {
		t.Errorf("told too often: %v, %v", p.queued, err)
	}
	if err := mine.Tell(on(20003), relayOf(1), false, 3785); err != nil || len(p.queued) != 3 {
		t.Errorf("not told again: %v, %v", p.queued, err)
	}
}

// TestHostileContact: a flood of finds changes little, and none about relays
// that are not used.
func TestHostileContact(t *testing.T) {
	b := open(t, &post{}, account.NewMemVault())
	b.Relays([]Relay{relayOf(1)})
	for from := range byte(20) {
		for port := uint16(1); port < 200; port += 8 {
			body := []byte{8}
			for i := range uint16(8) {
				h := hashOf(relayOf(byte(1 + i%2)))
				body = appendFind(body, h, Find{i%3 == 0, port + i, 20000})
			}
			deliver(t, b, 1+from, on(20000), body)
		}
	}
	if got := list(t, b, relayOf(1), 20000); len(got) > maxOfRelay {
		t.Errorf("%d finds are tried", len(got))
	}
	n := 0
	err := b.vault.View(func(tx account.Tx) error {
		return tx.Scan(tableFinds, nil, nil, false, func(_, _ []byte) (bool, error) { n++; return true, nil })
	})
	if err != nil || n > 20*maxOfContact {
		t.Errorf("%d records, %v", n, err)
	}
	h := hashOf(relayOf(1))
	for _, f := range []Find{{false, 1000, 20000 + lag + 1}, {false, 1001, 20000 - findLife - 1}, {false, 1002, 0xffff}, {false, 0, 20000}} {
		deliver(t, b, 99, on(20000), appendFind([]byte{1}, h, f))
	}
	if got := list(t, b, relayOf(1), 20000); slices.ContainsFunc(got, func(f Find) bool { return f.Port >= 1000 || f.Port == 0 }) {
		t.Errorf("of another time: %v", got)
	}
}

func FuzzParseFinds(f *testing.F) {
	f.Add(appendFind([]byte{1}, hash{1}, Find{true, 53, 20000}))
	f.Add([]byte{2, 0})
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		defer limits.Watch(t, len(body))()
		got, ok := parseFinds(body)
		if !ok && got != nil || len(got) > maxTold {
			t.Fatalf("%v, %v", got, ok)
		}
		again := []byte{byte(len(got))}
		for _, x := range got {
			again = appendFind(again, x.relay, x.Find)
		}
		if same, ok := parseFinds(again); !ok || !slices.Equal(same, got) {
			t.Errorf("%v reads back as %v", got, same)
		}
	})
}

func TestParseSeenDamaged(t *testing.T) {
	s := &seen{last: []Way{{"192.0.2.1", true, 53}}, used: 20000, ticket: []byte("x"), ticketOf: 20000}
	whole := s.record()
	if got, err := parseSeen(whole); err != nil || !bytes.Equal(got.record(), whole) {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range whole {
		if _, err := parseSeen(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken", n, len(whole))
		}
	}
}

// TestOffers: a contact's relays wait for a word, a flood keeps to its bound, and
// what was refused does not come back.
func TestOffers(t *testing.T) {
	p := &post{}
	b := open(t, p, account.NewMemVault())
	if err := b.TellRelay(on(20000), account.ContactID{7}, "https://192.0.2.1/#k", true); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "a b", "https://қ/#k", string(make([]byte, 201))} {
		if b.TellRelay(on(20000), account.ContactID{7}, bad, false) == nil {
			t.Errorf("%q is told", bad)
		}
	}
	if len(p.queued) != 1 || len(p.queued[0].Parts) != 1 || p.queued[0].Parts[0].Kind != kindOffer {
		t.Fatalf("queued %+v", p.queued)
	}
	body := p.queued[0].Parts[0].Body
	// spec/relay.md, 12.1
	if got := hex.EncodeToString(body); got != "0114"+hex.EncodeToString([]byte("https://192.0.2.1/#k")) {
		t.Errorf("part %s", got)
	}
	take := func(from byte, day envelope.Day, body []byte) {
		t.Helper()
		err := b.vault.Update(func(tx account.Tx) error {
			return b.Deliver(tx, account.Contact{ID: account.ContactID{from}}, on(day), seal.Part{Kind: kindOffer, Body: body})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	offered := func() []Offer {
		t.Helper()
		l, err := b.Offers()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	take(1, 20000, body)
	take(1, 20001, append(body, 9)) // again, of a later version
	take(1, 20001, []byte{0, 5, 'a'})
	want := Offer{Addr: "https://192.0.2.1/#k", Inland: true, From: account.ContactID{1}, Day: 20000}
	if got := offered(); !slices.Equal(got, []Offer{want}) {
		t.Fatalf("offered %+v", got)
	}
	if err := b.Settle(want.Addr); err != nil || len(offered()) != 0 {
		t.Errorf("settled: %v, %v", offered(), err)
	}
	take(1, 20002, body)
	if got := offered(); len(got) != 0 {
		t.Errorf("refused, and offered again: %v", got)
	}
	for i := range byte(200) {
		for from := range byte(20) {
			take(from, 20003+envelope.Day(i), []byte{0, 2, 'a' + from, '!' + i%90})
		}
	}
	if got := offered(); len(got) != maxListed {
		t.Errorf("%d are shown", len(got))
	}
	n := 0
	err := b.vault.View(func(tx account.Tx) error {
		id := account.ContactID{3}
		l, err := offers(tx, id[:])
		n = len(l)
		return err
	})
	if err != nil || n == 0 || n > maxOffers {
		t.Errorf("%d are kept of one contact, %v", n, err)
	}
}

func FuzzParseOffer(f *testing.F) {
	f.Add([]byte("\x00\x09https://x"))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		defer limits.Watch(t, len(body))()
		o, ok := parseOffer(body)
		if ok && (!goodAddress(o.Addr) || len(o.Addr) > maxAddress) {
			t.Errorf("%+v", o)
		}
	})
}
