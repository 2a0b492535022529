package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/seal"
)

// The seeds come from the vectors, because workers are processes of their own
// and must know the same keys. go test -fuzz X -fuzzminimizetime 1x.

// stored loads a vector file for seeds.
func stored[V any](f *testing.F, name string) file[V] {
	f.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, name))
	if err != nil {
		f.Fatal(err)
	}
	var v file[V]
	if err := json.Unmarshal(b, &v); err != nil {
		f.Fatal(err)
	}
	return v
}

// FuzzEnvelope: both decoders read every unit alike.
func FuzzEnvelope(f *testing.F) {
	for c := range 9 {
		n := envelope.Class(c).Size()
		f.Add(append([]byte{0x10 | byte(c)}, make([]byte, n-1)...))
		f.Add(append([]byte{0x10 | byte(c)}, make([]byte, n)...))
	}
	for _, v := range append(stored[unitVector](f, "envelope.json").Vectors, stored[unitVector](f, "proof.json").Vectors...) {
		f.Add(append(unhex(f, v.Unit), make([]byte, v.Zeros)...))
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		e, err := envelope.Parse(b)
		u, ok := secondUnit(b)
		if ok != (err == nil) {
			t.Fatalf("first: %v, second: %v", err, ok)
		}
		if err != nil {
			return
		}
		tag, id, key, proves := e.Tag(), e.ID(), e.Key(), e.Proves()
		if e.Class() == envelope.Done != (u.proves != "") || e.Class() == envelope.Stamp != (u.stamped != "") {
			t.Fatal("proof or stamp")
		}
		stamped, issuer := e.Stamped(), e.Issuer()
		if u.stamped != "" && (string(stamped[:]) != u.stamped || string(issuer[:]) != u.issuer) || string(e.RSA()) != u.rsa {
			t.Fatalf("the decoders differ about the stamp %x", b)
		}
		if int(e.Class()) != u.class || int(e.Shard()) != u.shard || int(e.Expiry()) != u.expiry ||
			string(tag[:]) != u.tag || string(id[:]) != u.id || string(key[:]) != u.key ||
			string(e.Header()) != u.head || string(e.Body()) != u.body || u.proves != "" && string(proves[:]) != u.proves {
			t.Fatalf("the decoders differ about %x", b[:min(len(b), 128)])
		}
		e.Verify()
	})
}

// FuzzParseCard: both decoders read every card alike.
func FuzzParseCard(f *testing.F) {
	for _, v := range stored[cardVector](f, "card.json").Vectors {
		if v.Invite == "" {
			f.Add(unhex(f, v.Card))
		}
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		c, err := identity.ParseCard(b)
		k, ok := secondCard(b)
		if ok != (err == nil) {
			t.Fatalf("first: %v, second: %v", err, ok)
		}
		if err != nil {
			return
		}
		id, pub, spk := c.ID(), c.Public(), c.Prekey()
		kem, _ := c.KEM()
		if c.Full() != k.full || string(id[:]) != k.id || string(pub.Sig[:]) != k.sig || string(pub.DH[:]) != k.dh ||
			string(spk[:]) != k.spk || k.full && string(kem[:]) != k.kem || c.Name() != k.name || int(c.Shard()) != k.shard {
			t.Fatalf("the decoders differ about %x", b)
		}
		if !bytes.Equal(c.Bytes(), b) {
			t.Fatal("a card does not come back the same")
		}
	})
}

func verdict(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, seal.ErrUpdate):
		return "update"
	case errors.Is(err, seal.ErrMalformed):
		return "malformed"
	}
	return err.Error()
}

// sameLetter compares what the decoders read.
func sameLetter(l seal.Letter, k secondLetterFields) bool {
	if uint64(l.Own) != k.own || uint64(l.AckEpoch) != k.ackEpoch || uint64(l.AckNext) != k.ackNext || l.AckBits != k.ackBits {
		return false
	}
	parts := append(append([]seal.Part(nil), l.Ours...), l.Parts...)
	if len(parts) != len(k.parts) {
		return false
	}
	for i, p := range parts {
		if p.Kind != k.parts[i].kind || string(p.Body) != k.parts[i].body {
			return false
		}
	}
	return true
}

// FuzzLetter: both decoders read every plaintext alike, and what was read
// writes the same bytes.
func FuzzLetter(f *testing.F) {
	l := seal.Letter{Own: 3, AckEpoch: 2, AckNext: 9, AckBits: 5, Finals: [4]uint32{7, 8, 9}, Life: 30}
	l.Ours = []seal.Part{{Kind: 0x04, Body: []byte("card")}}
	l.Parts = text("hello")
	b, err := seal.WriteLetter(l, 884)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, uint16(3))
	f.Add(b[:60], uint16(3))
	f.Add(b[:34], uint16(2))
	f.Add(append([]byte{2}, b[1:]...), uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, epoch uint16) {
		defer limits.Watch(t, len(b))()
		l, err := seal.ReadLetter(b, epoch)
		k, second := secondLetter(b, int(epoch))
		if epoch == 65535 && second == "ok" && k.own == 65536 {
			second = "malformed"
		}
		if verdict(err) != second {
			t.Fatalf("first: %v, second: %s", err, second)
		}
		if err != nil {
			return
		}
		if !sameLetter(l, k) || uint64(l.Life) != k.life {
			t.Fatalf("the decoders differ: %+v, %+v", l, k)
		}
		again, err := seal.WriteLetter(l, len(b))
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("a letter does not come back the same: %v", err)
		}
	})
}

// FuzzShort: the same for S0.
func FuzzShort(f *testing.F) {
	b := make([]byte, 59)
	copy(b, []byte{3, 1, 0, 5, kindText, 2, 'h', 'i'})
	f.Add(b, uint16(1), uint16(1))
	f.Add(b[:58], uint16(1), uint16(1))
	f.Add(append(b, make([]byte, 64)...), uint16(300), uint16(299))
	f.Fuzz(func(t *testing.T, b []byte, epoch, sending uint16) {
		defer limits.Watch(t, len(b))()
		l, err := seal.ReadShort(b, epoch, sending)
		k, second := secondShort(b, int(epoch), int(sending))
		if verdict(err) != second {
			t.Fatalf("first: %v, second: %s", err, second)
		}
		if err == nil && !sameLetter(l, k) {
			t.Fatalf("the decoders differ: %+v, %+v", l, k)
		}
	})
}

// FuzzParseSession: what is taken comes back the same and can be used.
func FuzzParseSession(f *testing.F) {
	v := stored[openVector](f, "session.json")
	for _, state := range v.States {
		f.Add(unhex(f, state))
	}
	out := unhex(f, v.Vectors[0].Envelope)
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		// A session is read from this device's own vault, and its keys are computed
		// anew: some milliseconds each for two that the body makes.
		defer limits.Watch(t, len(b), limits.Cost{Time: 50 * time.Millisecond})()
		s, err := seal.ParseSession(b)
		if err != nil {
			if !errors.Is(err, seal.ErrState) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(s.Marshal(), b) {
			t.Fatal("a state does not come back the same")
		}
		s.Wish(1e6)
		s.NeedsCard(1e6)
		s.Seal(1e6, where(envelope.S3), text("x"))
		s.Open(1e6, parse(t, out))
		s.Expire(1e8)
		if _, err := seal.ParseSession(s.Marshal()); err != nil {
			t.Fatalf("a used state is not read back: %v", err)
		}
	})
}

// FuzzInbox: the same for the state of an inbox.
func FuzzInbox(f *testing.F) {
	v := stored[openVector](f, "start.json")
	for _, x := range v.Vectors {
		f.Add(unhex(f, v.States[x.Inbox]))
	}
	out := unhex(f, v.Vectors[0].Envelope)
	me, err := identity.ParseMe(unhex(f, v.States[v.Vectors[0].Me]))
	if err != nil {
		f.Fatal(err)
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		// An inbox is read from this device's own vault, twice, and opens a Start.
		defer limits.Watch(t, len(raw), limits.Cost{Time: 50 * time.Millisecond})()
		i, err := seal.ParseInbox(raw)
		if err != nil {
			if !errors.Is(err, seal.ErrState) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(i.Marshal(), raw) {
			t.Fatal("a state does not come back the same")
		}
		i.Open(0, me, parse(t, out))
		i.Retire()
		if _, err := seal.ParseInbox(i.Marshal()); err != nil {
			t.Fatalf("a used state is not read back: %v", err)
		}
	})
}

// FuzzOpen: what comes under a known tag opens only if it was sealed.
func FuzzOpen(f *testing.F) {
	v := stored[openVector](f, "session.json")
	var state, good []byte
	for _, x := range v.Vectors {
		if x.Name == "first letter after the start" {
			state, good = unhex(f, v.States[x.State]), unhex(f, x.Envelope)
		}
	}
	f.Add(good)
	f.Add(flipped(good, 200))
	s, err := seal.ParseSession(state)
	if err != nil {
		f.Fatal(err)
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer limits.Watch(t, len(raw), limits.Cost{Time: 15 * time.Millisecond})() // an opening with an offer makes keys of X-Wing
		e, err := envelope.Parse(raw)
		if err != nil {
			return
		}
		_, err = s.Open(0, e)
		if (err == nil) != bytes.Equal(raw, good) && !errors.Is(err, seal.ErrReplay) {
			t.Fatalf("opened: %v", err)
		}
		if err == nil {
			if s, err = seal.ParseSession(state); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(s.Marshal(), state) {
			t.Fatal("an error changed the state")
		}
	})
}

// FuzzPeer: a peer with the right keys writes whatever it likes. Nothing
// panics, errors change nothing, and the state stays one that is read back.
func FuzzPeer(f *testing.F) {
	a, b := newPerson(f, "A"), newPerson(f, "B")
	sa, sb := confirmed(f, a, b, 0, true)
	mustSeal(f, sb, 90_000, envelope.S3, "with an offer")
	writer, reader := sa.Marshal(), sb.Marshal()
	size := envelope.S3.BodySize() - 40
	kem, _ := a.card.Card().KEM()
	key := a.card.Key()
	for _, ours := range [][]seal.Part{
		nil,
		{{Kind: 1, Body: append([]byte{0, 3}, kem[:]...)}},
		{{Kind: 1, Body: append([]byte{0, 1}, kem[:]...)}},
		{{Kind: 2, Body: append([]byte{0, 2}, make([]byte, 1128)...)}},
		{{Kind: 4, Body: append(a.card.Card().Bytes(), key[:]...)}},
	} {
		l := sa.NextLetter()
		l.Ours, l.Parts = ours, text("x")
		plain, err := seal.WriteLetter(l, size)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.TrimRight(plain, "\x00"))
	}
	to, err := seal.ParseSession(reader)
	if err != nil {
		f.Fatal(err)
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, plain []byte) {
		defer limits.Watch(t, len(plain))()
		if len(plain) > size {
			return
		}
		from, err := seal.ParseSession(writer)
		if err != nil {
			t.Fatal(err)
		}
		e := from.SealRaw(where(envelope.S3), append(bytes.Clone(plain), make([]byte, size-len(plain))...))
		_, err = to.Open(91_000, e)
		if err != nil {
			if !bytes.Equal(to.Marshal(), reader) {
				t.Fatalf("%v changed the state", err)
			}
			return
		}
		after := to.Marshal()
		if s, err := seal.ParseSession(after); err != nil || !bytes.Equal(s.Marshal(), after) {
			t.Fatalf("the state is not read back: %v", err)
		}
		to.Seal(92_000, where(envelope.S3), text("x"))
		if to, err = seal.ParseSession(reader); err != nil {
			t.Fatal(err)
		}
	})
}
