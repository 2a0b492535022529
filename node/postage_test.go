package node

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
)

// issuers are those that a device knows. A hash stands for their RSA signature.
type issuers map[envelope.Issuer]bool

func (k issuers) Valid(e envelope.Envelope) bool {
	return k[e.Issuer()] && [envelope.RSASize]byte(e.RSA()) == signedBy(e.Issuer(), e.Key())
}

func signedBy(i envelope.Issuer, token [32]byte) (rsa [envelope.RSASize]byte) {
	h := sha256.Sum256(append(append([]byte("the issuer's secret"), i[:]...), token[:]...))
	copy(rsa[:], h[:])
	return rsa
}

var post, bank = envelope.Issuer{1}, envelope.Issuer{2}

// stampFor makes a good stamp of a unit.
func stampFor(t testing.TB, token ed25519.PrivateKey, i envelope.Issuer, unit []byte) []byte {
	e, err := envelope.Parse(unit)
	if err != nil {
		t.Fatal(err)
	}
	s, err := envelope.NewStamp(e, token, i, signedBy(i, [32]byte(token.Public().(ed25519.PublicKey))))
	if err != nil {
		t.Fatal(err)
	}
	return s.Bytes()
}

func knowing(list ...envelope.Issuer) Config {
	k := issuers{}
	for _, i := range list {
		k[i] = true
	}
	return Config{Postage: k}
}

// quiet fails when somebody above was told of a stamp.
func (p *person) quiet(stamp []byte) {
	p.t.Helper()
	if id := envelope.IDOf(stamp); p.arrived[id] || p.handed[id] > 0 {
		p.t.Error("a stamp was told of as if it were a letter")
	}
}

// Who meets a stranger takes a unit with postage before one without, whichever of the two
// comes first, over links and out of drops.
func TestPostage(t *testing.T) {
	w := newWorld(t, 1)
	writer, carrier, last := newPerson(t, 1, knowing()), newPerson(t, 2, knowing(post)), newPerson(t, 3, knowing(post, bank))
	first, second, junk := sealed(t, w.rng, envelope.S1), sealed(t, w.rng, envelope.S3), sealed(t, w.rng, envelope.S1)
	stamps := [][]byte{stampFor(t, keyOf(w.rng), post, first), stampFor(t, keyOf(w.rng), post, second)}
	w.step(writer, Submit{Raw: stamps[0]}, Submit{Raw: first}, Submit{Raw: second}, Submit{Raw: junk})
	if writer.stored[envelope.IDOf(stamps[0])] || !writer.stored[envelope.IDOf(first)] || writer.rankOf(stamps[0]) != routing.Own {
		t.Fatal("an own stamp is not own, or it was told of")
	}
	x := w.meet(writer, carrier, -1)
	w.run()
	if carrier.rankOf(first) != routing.Paid || carrier.rankOf(stamps[0]) != routing.Paid || carrier.rankOf(second) != routing.Other || carrier.rankOf(junk) != routing.Other {
		t.Fatalf("ranks %d %d %d %d", carrier.rankOf(first), carrier.rankOf(stamps[0]), carrier.rankOf(second), carrier.rankOf(junk))
	}
	before, _ := carrier.sh.Entry(envelope.IDOf(second))
	w.step(writer, Submit{Raw: stamps[1]})
	w.run()
	after, _ := carrier.sh.Entry(envelope.IDOf(second))
	if after.Rank != routing.Paid || after.From != before.From || after.Seq != before.Seq {
		t.Fatalf("a stamp that comes later makes of %+v %+v", before, after)
	}
	w.end(x)
	carrier.restart()
	w.meet(carrier, last, -1)
	w.run()
	if last.rankOf(first) != routing.Paid || last.rankOf(second) != routing.Paid || last.rankOf(junk) != routing.Other {
		t.Fatal("the next hop does not see the postage")
	}
	for _, s := range stamps {
		for _, p := range []*person{writer, carrier, last} {
			p.quiet(s)
		}
	}
	// Out of drops: unit first, and stamp first.
	late, early := newPerson(t, 4, knowing(post)), newPerson(t, 5, knowing(post))
	w.step(late, Found{first})
	if late.rankOf(first) != routing.Other {
		t.Fatal("paid without a stamp")
	}
	w.step(late, Found{stamps[0]})
	w.step(early, Found{stamps[0]}, Found{first})
	if late.rankOf(first) != routing.Paid || early.rankOf(first) != routing.Paid || early.rankOf(stamps[0]) != routing.Paid {
		t.Fatalf("found: %d, %d", late.rankOf(first), early.rankOf(first))
	}
	late.quiet(stamps[0])
}

// What nobody known here issued, or who cannot be checked, is neither kept nor passed on, and
// not fetched again that day; from contacts too.
func TestForgedPostage(t *testing.T) {
	for _, peer := range []link.Peer{{}, {Key: "friend"}} {
		w := newWorld(t, 1)
		a, b := newPerson(t, 1, knowing()), newPerson(t, 2, knowing(post))
		unit := sealed(t, w.rng, envelope.S1)
		unknown, wrong := stampFor(t, keyOf(w.rng), bank, unit), stampFor(t, keyOf(w.rng), post, unit)
		token := keyOf(w.rng)
		e, err := envelope.Parse(unit)
		if err != nil {
			t.Fatal(err)
		}
		forged, err := envelope.NewStamp(e, token, post, [envelope.RSASize]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		wrong[330] ^= 1 // the signature under the token's key
		x := w.meetAs(a, b, peer, peer, -1)
		// a is taken in by none of it: it has them as its own, but for the one that is wrong in itself.
		w.step(a, Submit{Raw: unit}, Submit{Raw: unknown}, Submit{Raw: forged.Bytes()}, Submit{Raw: wrong})
		w.run()
		if a.sh.Has(envelope.IDOf(wrong)) || !a.sh.Has(envelope.IDOf(unknown)) || !a.sh.Has(forged.ID()) {
			t.Fatal("the writer's shelf")
		}
		rank := routing.Other
		if peer.Key != "" {
			rank = routing.Near
		}
		if b.rankOf(unit) != rank || b.sh.Stats().Envelopes != 1 {
			t.Fatalf("rank %d, %d units", b.rankOf(unit), b.sh.Stats().Envelopes)
		}
		for _, r := range a.trouble {
			t.Error(r)
		}
		w.end(x)
		b.n.c.Postage = knowing(post, bank).Postage
		again := func() (sent int) {
			x := w.meetAs(a, b, peer, peer, -1)
			w.run()
			w.end(x)
			return x.data[0]
		}
		if n := again(); n != 0 || b.sh.Has(envelope.IDOf(unknown)) {
			t.Errorf("%d bytes were fetched again on the same day", n)
		}
		w.step(b, Day{today + 1})
		if n := again(); n < 2*envelope.StampSize || !b.sh.Has(envelope.IDOf(unknown)) || b.sh.Has(forged.ID()) {
			t.Errorf("on another day %d bytes were fetched, the stamp is here: %v", n, b.sh.Has(envelope.IDOf(unknown)))
		}
		if b.rankOf(unit) > routing.Paid {
			t.Error("the unit was not raised")
		}
	}
	// Without a keyring nothing is fetched.
	w := newWorld(t, 2)
	a, b := newPerson(t, 1, knowing()), newPerson(t, 2, Config{})
	unit := sealed(t, w.rng, envelope.S1)
	w.step(a, Submit{Raw: stampFor(t, keyOf(w.rng), post, unit)}, Submit{Raw: unit})
	x := w.meet(a, b, -1)
	w.run()
	if b.sh.Stats().Envelopes != 1 || x.data[0] > envelope.S1.Size()+64 || x.data[0] < envelope.S1.Size() {
		t.Errorf("%d units, %d bytes", b.sh.Stats().Envelopes, x.data[0])
	}
}

// Relays are offered no stamps, not in a first flight either, and none is taken from them.
func TestRelaysGetNoStamps(t *testing.T) {
	for _, up := range []bool{true, false} {
		w := newWorld(t, 1)
		a, b := newPerson(t, 1, knowing(post)), newPerson(t, 2, knowing(post))
		unit := sealed(t, w.rng, envelope.S1)
		stamp := stampFor(t, keyOf(w.rng), post, unit)
		w.step(a, Submit{Raw: stamp}, Submit{Raw: unit})
		relay := link.Peer{Key: "relay", Relay: true}
		if up {
			w.meetAs(a, b, relay, link.Peer{}, -1)
		} else {
			w.meetAs(a, b, link.Peer{}, relay, -1)
		}
		w.run()
		if b.sh.Has(envelope.IDOf(stamp)) || !b.sh.Has(envelope.IDOf(unit)) {
			t.Errorf("up %v: the stamp went over, or the unit did not", up)
		}
		a.quiet(stamp)
	}
}

// A token pays once on each shelf, and the second use is not fetched at each meeting.
func TestTokenUsedTwice(t *testing.T) {
	w := newWorld(t, 1)
	a, b, c := newPerson(t, 1, knowing(post)), newPerson(t, 2, knowing(post)), newPerson(t, 3, knowing(post))
	token := keyOf(w.rng)
	one, two := sealed(t, w.rng, envelope.S1), sealed(t, w.rng, envelope.S1)
	s1, s2 := stampFor(t, token, post, one), stampFor(t, token, post, two)
	w.step(a, Submit{Raw: s1}, Submit{Raw: one}, Submit{Raw: two})
	w.step(b, Submit{Raw: s2}, Submit{Raw: one}, Submit{Raw: two})
	w.meet(a, c, -1)
	w.run()
	for k := range 3 {
		x := w.meet(b, c, -1)
		w.run()
		w.end(x)
		if c.rankOf(one) != routing.Paid || c.rankOf(two) != routing.Other || c.sh.Has(envelope.IDOf(s2)) {
			t.Fatalf("ranks %d, %d", c.rankOf(one), c.rankOf(two))
		}
		if k > 0 && x.data[0] > 0 {
			t.Fatalf("meeting %d: %d bytes for a token that is used", k, x.data[0])
		}
	}
	w.step(a, Submit{Raw: s2})
	if a.sh.Has(envelope.IDOf(s2)) {
		t.Fatal("an own token was used twice")
	}
}

// A contact's stamps are paid, whatever it says of them: they cost nothing of its credit and
// of its reserved lane.
func TestStampsOfContacts(t *testing.T) {
	w := newWorld(t, 1)
	a, b := newPerson(t, 1, knowing()), newPerson(t, 2, knowing(post))
	var units [][]byte
	for range routing.FirstUnits {
		unit := sealed(t, w.rng, envelope.S1)
		units = append(units, stampFor(t, keyOf(w.rng), post, unit), unit)
		w.step(a, Submit{Raw: units[len(units)-2]}, Submit{Raw: unit})
	}
	w.meetAs(a, b, link.Peer{Key: "b"}, link.Peer{Key: "a"}, -1)
	w.run()
	for k, raw := range units {
		e, _ := b.sh.Entry(envelope.IDOf(raw))
		if e.Rank != []uint8{routing.Paid, routing.Near}[k%2] || e.Fixed != (k%2 == 1) {
			t.Fatalf("%+v", e)
		}
	}
	m := b.n.meetings[0].edge.Edge
	if int(m.First) != routing.FirstUnits || m.Spent != 0 || int(m.Brought) != routing.FirstUnits {
		t.Fatalf("%+v", m)
	}
}

// A proof makes a stamp useless: it leaves all shelves that the proof reaches and is not
// taken any more; and whoever has it offers it no more.
func TestProofEndsPostage(t *testing.T) {
	w := newWorld(t, 1)
	a, b, c := newPerson(t, 1, knowing(post)), newPerson(t, 2, knowing(post)), newPerson(t, 3, knowing(post))
	osk := keyOf(w.rng)
	e, err := envelope.New(envelope.S1, 0, today+30, osk, make([]byte, envelope.S1.BodySize()))
	if err != nil {
		t.Fatal(err)
	}
	stamp := stampFor(t, keyOf(w.rng), post, e.Bytes())
	done, err := envelope.NewDone(e, osk)
	if err != nil {
		t.Fatal(err)
	}
	w.step(a, Submit{Raw: stamp}, Submit{Raw: e.Bytes()})
	for _, p := range []*person{b, c} {
		w.end(w.meeting(a, p))
	}
	w.step(c, Blend{done.Bytes()})
	if c.sh.Has(envelope.IDOf(stamp)) || c.sh.Has(e.ID()) {
		t.Fatal("the proof left the stamp")
	}
	for range 2 {
		x := w.meeting(b, c)
		if c.sh.Has(envelope.IDOf(stamp)) || b.sh.Has(envelope.IDOf(stamp)) || b.sh.Has(e.ID()) {
			t.Fatal("the stamp stayed, or came back")
		}
		w.end(x)
	}
	w.step(c, Found{stamp})
	if c.sh.Has(envelope.IDOf(stamp)) {
		t.Fatal("a stamp of what is delivered was taken")
	}
}

func (w *world) meeting(a, b *person) *wire {
	x := w.meet(a, b, -1)
	w.run()
	return x
}

// Drops get stamps; tunnels, radios, broadcasts and bundles do not.
func TestStampsInDrops(t *testing.T) {
	w := newWorld(t, 1)
	a := newPerson(t, 1, knowing(post))
	unit := sealed(t, w.rng, envelope.S1)
	stamp := stampFor(t, keyOf(w.rng), post, unit)
	w.step(a, Submit{Raw: stamp}, Submit{Raw: unit})
	o := a.n.Offer(time.Time{}, link.Traits{})
	if n := o.About(); n != int64(len(unit)+len(stamp)) {
		t.Errorf("about %d bytes", n)
	}
	for name, list := range map[string][]Listed{"rest": o.Rest(), "ranked": o.Ranked()} {
		if len(list) != 1 || list[0].ID != envelope.IDOf(unit) {
			t.Errorf("%s: %v", name, list)
		}
	}
	for _, want := range [][]byte{stamp, unit} {
		if got, ok := o.Next(); !ok || string(got) != string(want) {
			t.Error("a drop gets the stamp before its unit")
		}
	}
	if left := o.Left(); len(left) != 1 || left[0] != envelope.IDOf(unit) {
		t.Errorf("left: %v", left)
	}
	out := a.n.Outlet("x", link.Traits{})
	if id, _, ok := out.Next(); !ok || id != envelope.IDOf(unit) {
		t.Error("an outlet's first is not the unit")
	}
	if _, _, ok := out.Next(); ok {
		t.Error("an outlet has more than the unit")
	}
}

// Meetings that are cut, power cuts and restarts: at last everybody holds all units and stamps,
// and what is paid for is paid everywhere.
func TestPostageThroughCuts(t *testing.T) {
	for seed := range uint64(6) {
		w := newWorld(t, seed)
		var people []*person
		for i := range uint64(4) {
			people = append(people, newPerson(t, seed*10+i, knowing(post)))
		}
		var paid, plain, all [][]byte
		for range 12 {
			unit := sealed(t, w.rng, []envelope.Class{1, 1, 7, 2, 3}[w.rng.IntN(5)])
			p := people[w.rng.IntN(4)]
			if all = append(all, unit); w.rng.IntN(3) == 0 {
				plain = append(plain, unit)
				w.step(p, Submit{Raw: unit})
				continue
			}
			stamp := stampFor(t, keyOf(w.rng), post, unit)
			paid, all = append(paid, unit), append(all, stamp)
			w.step(p, Submit{Raw: stamp}, Submit{Raw: unit})
			a, b := w.rng.IntN(4), w.rng.IntN(4)
			if a == b {
				continue
			}
			x := w.meet(people[a], people[b], w.rng.IntN(20_000))
			w.run()
			w.end(x)
			if w.rng.IntN(3) == 0 {
				w.crash(people[w.rng.IntN(4)])
			}
		}
		for range 3 {
			for i := range people {
				for j := range i {
					w.end(w.meeting(people[i], people[j]))
				}
			}
		}
		for _, p := range people {
			for _, raw := range all {
				if !p.sh.Has(envelope.IDOf(raw)) {
					t.Fatalf("seed %d: not everybody has everything", seed)
				}
			}
			for k, raws := range [][][]byte{plain, paid} {
				for _, raw := range raws {
					if r, want := p.rankOf(raw), []uint8{routing.Other, routing.Paid}[k]; r != routing.Own && r != want {
						t.Fatalf("seed %d: rank %d, want %d", seed, r, want)
					}
				}
			}
		}
	}
}

func (p *person) rankOf(raw []byte) uint8 {
	e, ok := p.sh.Entry(envelope.IDOf(raw))
	if !ok {
		return 99
	}
	return e.Rank
}
