package envelope_test

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
)

func oneTime(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32))
}

func build(t testing.TB, c envelope.Class, osk ed25519.PrivateKey) envelope.Envelope {
	t.Helper()
	e, err := envelope.New(c, 3, 400, osk, bytes.Repeat([]byte{0xab}, c.BodySize()))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRoundTrip(t *testing.T) {
	sizes := map[envelope.Class]int{
		envelope.S1: 1024, envelope.S1b: 2048, envelope.S2: 4096, envelope.S3: 16384, envelope.S4: 65536, envelope.S5: 262144,
	}
	osk := oneTime(1)
	ovk := [32]byte(osk.Public().(ed25519.PublicKey))
	for c, n := range sizes {
		e := build(t, c, osk)
		if len(e.Bytes()) != n {
			t.Fatalf("%v has %d bytes", c, len(e.Bytes()))
		}
		p, err := envelope.Parse(e.Bytes())
		if err != nil || p.Verify() != nil {
			t.Fatalf("%v: %v", c, err)
		}
		if p.Class() != c || p.Shard() != 3 || p.Expiry() != 400 || p.Key() != ovk || p.Tag() != envelope.TagOf(ovk) ||
			p.ID() != e.ID() || len(p.Body()) != c.BodySize() || p.Salt() != [8]byte{} || p.Proves() != (envelope.ID{}) ||
			!bytes.Equal(p.Header(), envelope.Head(c, 3, 400, ovk)) {
			t.Fatalf("%v does not come back the same", c)
		}
		id, err := envelope.ParseID(p.ID().String())
		if err != nil || id != p.ID() {
			t.Fatal("an id does not come back the same")
		}
		if _, err := envelope.New(c, 0, 0, osk, make([]byte, c.BodySize()+1)); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("%v with a longer body: %v", c, err)
		}
	}
	for _, c := range []envelope.Class{envelope.S0, envelope.Done, envelope.Stamp, 9, 15} {
		if _, err := envelope.New(c, 0, 0, osk, nil); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// TestOrder: the sealed classes are walked by size, and compared by it.
func TestOrder(t *testing.T) {
	last := 0
	for i, c := range envelope.Sealed() {
		if c.Size() <= last || !c.Sealed() {
			t.Fatalf("%v has %d bytes, behind %d", c, c.Size(), last)
		}
		for j, other := range envelope.Sealed() {
			if envelope.Compare(c, other) != cmp.Compare(i, j) {
				t.Errorf("%v and %v are compared otherwise than their sizes", c, other)
			}
		}
		if got, ok := envelope.Smallest(last + 1 - envelope.HeaderSize); !ok || got != c {
			t.Errorf("%d bytes go into %v", last+1, got)
		}
		last = c.Size()
		if got, ok := envelope.Smallest(c.BodySize()); !ok || got != c {
			t.Errorf("what fills %v goes into %v", c, got)
		}
	}
	if _, ok := envelope.Smallest(last); ok {
		t.Error("a body is larger than any")
	}
	if envelope.Compare(envelope.Done, envelope.S0) >= 0 || envelope.Compare(envelope.S0, envelope.S1) >= 0 || envelope.Compare(envelope.S5, 9) >= 0 {
		t.Error("proofs, short ones and unknown ones are out of order")
	}
	if envelope.Compare(envelope.Stamp, envelope.S1) != 0 || envelope.Compare(envelope.Stamp, envelope.S0) <= 0 || envelope.Compare(envelope.Stamp, envelope.S1b) >= 0 {
		t.Error("a stamp does not stand where an S1 does")
	}
	all := envelope.Sealed()
	for c := envelope.Class(0); c < 16; c++ {
		if slices.Contains(all[:], c) != c.Sealed() {
			t.Errorf("%v is sealed: %v", c, c.Sealed())
		}
	}
	if s := fmt.Sprint(all, envelope.Done, envelope.Stamp, envelope.Class(9)); s != "[S1 S1b S2 S3 S4 S5] done stamp class(9)" {
		t.Error(s)
	}
}

// Every bit of an envelope, of a proof and of a stamp is signed.
func TestEveryBitIsSigned(t *testing.T) {
	osk := oneTime(2)
	e := build(t, envelope.S1, osk)
	d, err := envelope.NewDone(e, osk)
	if err != nil || d.Verify() != nil {
		t.Fatal(err)
	}
	stamp, err := envelope.NewStamp(e, oneTime(5), envelope.Issuer{1}, [envelope.RSASize]byte{2})
	if err != nil || stamp.Verify() != nil {
		t.Fatal(err)
	}
	for _, u := range []envelope.Envelope{e, d, stamp} {
		raw := bytes.Clone(u.Bytes())
		for at := range raw {
			raw[at] ^= 0x08
			if p, err := envelope.Parse(raw); err == nil && p.Verify() == nil {
				t.Fatalf("%v: byte %d can be altered", u.Class(), at)
			}
			raw[at] ^= 0x08
		}
	}
}

func TestShort(t *testing.T) {
	tag := envelope.ShortTagOf([32]byte{7})
	for n, want := range map[int]int{0: 59, 59: 59, 60: 123, 123: 123, 124: 185, 185: 185} {
		room, ok := envelope.ShortRoom(n)
		if !ok || room != want {
			t.Errorf("%d bytes are padded to %d", n, room)
		}
		e, err := envelope.NewShort(tag, [8]byte{1, 2}, make([]byte, room+16))
		if err != nil {
			t.Fatal(err)
		}
		p, err := envelope.Parse(e.Bytes())
		if err != nil || p.Class() != envelope.S0 || p.Tag() != tag || p.Salt() != [8]byte{1, 2} || p.Shard() != 0 ||
			p.Expiry() != envelope.NoDay || p.Key() != [32]byte{} || len(p.Body()) != room+16 || p.Verify() != nil ||
			!bytes.Equal(p.Header(), envelope.ShortHead(tag)) {
			t.Fatalf("S0 of %d: %v", n, err)
		}
		if _, err := envelope.NewDone(p, oneTime(1)); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("a proof for S0: %v", err)
		}
	}
	if _, ok := envelope.ShortRoom(186); ok {
		t.Error("186 bytes fit an S0")
	}
	if _, err := envelope.NewShort(tag, [8]byte{}, make([]byte, 100)); !errors.Is(err, envelope.ErrMalformed) {
		t.Error(err)
	}
}

func TestDone(t *testing.T) {
	osk := oneTime(3)
	e := build(t, envelope.S2, osk)
	d, err := envelope.NewDone(e, osk)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Bytes()) != envelope.DoneSize || d.Class() != envelope.Done || d.Proves() != e.ID() || d.Key() != e.Key() ||
		d.Tag() != e.Tag() || d.Shard() != e.Shard() || d.Expiry() != e.Expiry() || d.Body() != nil || d.Header() != nil {
		t.Fatal("the proof does not name its envelope")
	}
	if _, err := envelope.NewDone(e, oneTime(4)); !errors.Is(err, envelope.ErrSignature) {
		t.Errorf("a proof by a stranger: %v", err)
	}
	if _, err := envelope.NewDone(d, osk); !errors.Is(err, envelope.ErrMalformed) {
		t.Errorf("a proof of a proof: %v", err)
	}
}

func TestStamp(t *testing.T) {
	token := oneTime(6)
	issuer := envelope.Issuer{1, 2, 3, 4, 5, 6, 7, 8}
	var rsa [envelope.RSASize]byte
	rsa[0], rsa[255] = 0xaa, 0xbb
	for c := envelope.Class(0); c < 16; c++ {
		may := c == envelope.S1 || c == envelope.S1b || c == envelope.S2 || c == envelope.S3
		if c.Stampable() != may {
			t.Errorf("%v may have a stamp: %v", c, !may)
		}
	}
	for _, c := range envelope.Sealed() {
		e := build(t, c, oneTime(3))
		s, err := envelope.NewStamp(e, token, issuer, rsa)
		if !c.Stampable() {
			if !errors.Is(err, envelope.ErrMalformed) {
				t.Errorf("a stamp for %v: %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		p, err := envelope.Parse(s.Bytes())
		if err != nil || p.Verify() != nil {
			t.Fatal(err)
		}
		if len(p.Bytes()) != envelope.StampSize || p.Class() != envelope.Stamp || p.Stamped() != e.ID() || p.Proves() != (envelope.ID{}) ||
			p.Key() != [32]byte(token.Public().(ed25519.PublicKey)) || p.Shard() != e.Shard() || p.Expiry() != e.Expiry() ||
			p.Issuer() != issuer || !bytes.Equal(p.RSA(), rsa[:]) || p.Body() != nil || p.Header() != nil || p.Salt() != [8]byte{} {
			t.Fatal("a stamp does not come back the same")
		}
		if e.Stamped() != (envelope.ID{}) || e.Issuer() != (envelope.Issuer{}) || e.RSA() != nil {
			t.Fatal("an envelope is taken for a stamp")
		}
		for _, none := range []func() (envelope.Envelope, error){
			func() (envelope.Envelope, error) { return envelope.NewStamp(s, token, issuer, rsa) },
			func() (envelope.Envelope, error) { return envelope.NewDone(s, token) },
		} {
			if _, err := none(); !errors.Is(err, envelope.ErrMalformed) {
				t.Errorf("of a stamp: %v", err)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, x := range []struct {
		raw  []byte
		want error
	}{
		{nil, envelope.ErrMalformed},
		{[]byte{0x11}, envelope.ErrMalformed},
		{append([]byte{0x17}, make([]byte, 1023)...), envelope.ErrMalformed},
		{append([]byte{0x18}, make([]byte, 2047)...), envelope.ErrMalformed},
		{append([]byte{0x18}, make([]byte, 380)...), envelope.ErrMalformed},
		{append([]byte{0x18}, make([]byte, 378)...), envelope.ErrMalformed},
		{append([]byte{0x19}, make([]byte, 379)...), envelope.ErrMalformed},
		{append([]byte{0x12}, make([]byte, 2047)...), envelope.ErrMalformed},
		{append([]byte{0x01}, make([]byte, 1023)...), envelope.ErrVersion},
		{append([]byte{0x21}, make([]byte, 1023)...), envelope.ErrVersion},
		{append([]byte{0x12}, make([]byte, 1023)...), envelope.ErrMalformed},
		{append([]byte{0x10}, make([]byte, 221-1)...), envelope.ErrMalformed},
		{make([]byte, envelope.MaxSize+1), envelope.ErrTooLarge},
	} {
		if _, err := envelope.Parse(x.raw); !errors.Is(err, x.want) {
			t.Errorf("%d bytes: %v, want %v", len(x.raw), err, x.want)
		}
	}
	for _, s := range []string{"", "00", "zz", string(make([]byte, 32))} {
		if _, err := envelope.ParseID(s); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("id %q: %v", s, err)
		}
	}
}

func TestDays(t *testing.T) {
	d := envelope.DayOf(time.Date(2022, 1, 5, 23, 59, 59, 0, time.UTC))
	if d != 4 || d.String() != "2022-01-05" || !d.Start().Equal(time.Date(2022, 1, 5, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("day %d, %v", d, d)
	}
	if envelope.DayOf(time.Unix(0, 0)) != 0 || envelope.DayOf(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)) != envelope.NoDay-1 {
		t.Error("times out of range")
	}
	if d.Add(30) != 34 || d.Add(-9) != 0 || d.Add(math.MaxInt16*3) != envelope.NoDay-1 || envelope.NoDay.String() != "none" {
		t.Error("sums out of range")
	}
}

// Parsing allocates nothing, whatever comes.
func TestParseAllocatesNothing(t *testing.T) {
	raw := build(t, envelope.S5, oneTime(5)).Bytes()
	n := testing.AllocsPerRun(100, func() {
		e, err := envelope.Parse(raw)
		if err != nil || len(e.Body()) == 0 {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkVerifyS1(b *testing.B) {
	e := build(b, envelope.S1, oneTime(6))
	for b.Loop() {
		if e.Verify() != nil {
			b.Fatal("wrong signature")
		}
	}
}
