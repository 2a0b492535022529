package bundle

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors/bundle.json anew")

const vectorFile = "../../spec/vectors/bundle.json"

func eid(t testing.TB, s string) EID {
	t.Helper()
	e, err := ParseEID(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func label(t testing.TB) Label {
	return Label{To: eid(t, "dtn://jauap/~mail"), Now: noon, Rand: rand.Reader}
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{1, 23, 24, 96, 255, 256, 1024, 65535, 65536, MaxUnit} {
		for _, change := range []func(*Label){
			func(*Label) {},
			func(l *Label) { l.To = eid(t, "ipn:977000.268.77") },
			func(l *Label) { l.Bare, l.Life = true, time.Hour },
			func(l *Label) { l.Now = time.Time{} },
		} {
			l := label(t)
			change(&l)
			unit := make([]byte, n)
			_, _ = rand.Read(unit)
			raw, err := Pack(unit, l)
			if err != nil {
				t.Fatal(err)
			}
			b, err := Parse(raw)
			if err != nil || !bytes.Equal(b.Payload, unit) || b.To != l.To || !b.From.None() {
				t.Fatalf("%d bytes, %+v: %v", n, l, err)
			}
			if to, ok := For(raw[:min(len(raw), 60)]); !ok || to != l.To {
				t.Errorf("For: %v, %v", to, ok)
			}
			if !l.Now.IsZero() && (b.Created.After(noon) || noon.Sub(b.Created) > time.Hour) || l.Now.IsZero() != b.Created.IsZero() {
				t.Errorf("created %v", b.Created)
			}
			if over := len(raw) - n; over > 90 {
				t.Errorf("%d bytes around a unit of %d", over, n)
			}
		}
	}
}

// TestNothingStays: two bundles of one hour have only what all have in common.
func TestNothingStays(t *testing.T) {
	seen := map[uint64]bool{}
	for range 200 {
		raw, err := Pack([]byte("x"), label(t))
		if err != nil {
			t.Fatal(err)
		}
		b, err := Parse(raw)
		if err != nil || seen[b.Sequence] {
			t.Fatalf("%v, sequence %d again", err, b.Sequence)
		}
		seen[b.Sequence] = true
	}
}

func TestRefusals(t *testing.T) {
	for name, l := range map[string]Label{
		"nobody":     {Rand: rand.Reader},
		"too long":   {To: eid(t, "ipn:1.1"), Life: 61 * 24 * time.Hour, Rand: rand.Reader},
		"too short":  {To: eid(t, "ipn:1.1"), Life: time.Second, Rand: rand.Reader},
		"no dice":    {To: eid(t, "ipn:1.1"), Rand: strings.NewReader("x")},
		"no content": label(t),
	} {
		unit := []byte("x")
		if name == "no content" {
			unit = nil
		}
		if _, err := Pack(unit, l); err == nil {
			t.Errorf("%s: packed", name)
		}
	}
	if _, err := Pack(make([]byte, MaxUnit+1), label(t)); !errors.Is(err, ErrUnit) {
		t.Errorf("too large: %v", err)
	}
}

func TestEIDs(t *testing.T) {
	for _, good := range []string{"dtn://a/", "dtn://node-7/mail", "dtn://jauap/~mail", "ipn:1.0", "ipn:268485000.77", "ipn:977000.1.0"} {
		e := eid(t, good)
		c := &cursor{b: appendEID(nil, e)}
		if back := c.eid(); c.bad || back != e || e.String() != good {
			t.Errorf("%s: %v, %v", good, e, back)
		}
	}
	for s, node := range map[string]string{"dtn://a/b/c": "dtn://a/", "ipn:7.9": "ipn:7.0", "dtn://a/~g": "dtn://a/"} {
		if e := eid(t, s); e.Node().String() != node || e.Group() != strings.Contains(s, "~") {
			t.Errorf("%s: node %v, group %v", s, e.Node(), e.Group())
		}
	}
	for _, bad := range []string{"", "dtn:none", "dtn://", "dtn:///x", "dtn://a", "dtn://a b/", "dtn://a,b/", "dtn://" + strings.Repeat("a", 260) + "/",
		"ipn:", "ipn:1", "ipn:0.0", "ipn:0.5", "ipn:01.5", "ipn:4294967295.1", "ipn:4294967296.1", "ipn:1.2.3.4", "ipn:-1.2", "ipn:1.x"} {
		if e, err := ParseEID(bad); err == nil {
			t.Errorf("%q was taken as %v", bad, e)
		}
	}
}

// vector is one bundle and what comes of it.
type vector struct {
	Name    string `json:"name"`
	Expect  string `json:"expect"` // ok, malformed, crc, too large, fragment, report, alien
	Bundle  string `json:"bundle"`
	To      string `json:"to,omitempty"`
	Created string `json:"created,omitempty"`
	Life    int64  `json:"life_ms,omitempty"`
	Expired bool   `json:"expired,omitempty"` // at the file's moment
	Payload string `json:"payload,omitempty"`
}

type vectors struct {
	About   string   `json:"about"`
	Moment  string   `json:"moment"`
	Vectors []vector `json:"vectors"`
}

func class(err error) string {
	for class, is := range map[string]error{"ok": nil, "malformed": ErrMalformed, "crc": ErrCRC, "too large": ErrTooLarge, "fragment": ErrFragment, "report": ErrReport, "alien": ErrAlien} {
		if errors.Is(err, is) {
			return class
		}
	}
	return "?"
}

// build makes any bundle, right or wrong.
type build struct {
	primary []byte
	fields  int
	kind    uint64
	blocks  []byte
}

func (b build) bytes(t testing.TB, to EID, flags, created, life uint64, from EID) []byte {
	fields, kind := 9, uint64(crc32Kind)
	if b.fields != 0 {
		fields, kind = b.fields, b.kind
	}
	out := []byte{openArray}
	start := len(out)
	out = appendHead(out, cborArray, uint64(fields))
	for _, n := range []uint64{7, flags, kind} {
		out = appendHead(out, cborUint, n)
	}
	out = appendEID(appendEID(appendEID(out, to), from), EID{})
	out = appendHead(appendHead(appendHead(out, cborArray, 2), cborUint, created), cborUint, 77)
	out = append(appendHead(out, cborUint, life), b.primary...)
	switch kind {
	case crc32Kind:
		out = appendCRC(out, start)
	case crc16Kind:
		out = append(appendHead(out, cborBytes, 2), 0, 0)
		sum := x25(out[start:])
		out[len(out)-2], out[len(out)-1] = byte(sum>>8), byte(sum)
	}
	return append(append(out, b.blocks...), breakByte)
}

// makeVectors makes them all anew.
func makeVectors(t testing.TB) (list []vector) {
	to, someone := eid(t, "dtn://jauap/~mail"), eid(t, "dtn://someone/")
	unit := bytes.Repeat([]byte{0x5a}, 96)
	payload := appendBlock(nil, payloadType, 1, crc32Kind, unit)
	bare := appendBlock(nil, payloadType, 1, crcNone, unit)
	created, month := uint64(noon.UnixMilli()-epochUnix*1000)-1000, uint64(DefaultLife.Milliseconds())
	add := func(name string, raw []byte) {
		list = append(list, vector{Name: name, Bundle: hex.EncodeToString(raw)})
	}
	plain := func(b build) []byte { return b.bytes(t, to, mustNotFragm, created, month, EID{}) }
	good := plain(build{blocks: payload})
	add("as Pack makes them", good)
	add("to an ipn endpoint", build{blocks: payload}.bytes(t, eid(t, "ipn:20.7"), mustNotFragm, created, month, EID{}))
	add("from a node that has a name, with reports", build{blocks: payload}.bytes(t, to, wantsReports|appAck, created, month, someone))
	add("no checksum in the payload block", plain(build{blocks: bare}))
	add("CRC-16 in the primary block", plain(build{fields: 9, kind: crc16Kind, blocks: bare}))
	add("reserved flags are looked over", build{blocks: payload}.bytes(t, to, mustNotFragm|1<<20|8, created, month, EID{}))
	add("nodes added a hop count and their name", plain(build{blocks: append(appendBlock(appendBlock(nil, 10, 3, crcNone, []byte{0x82, 0x18, 30, 1}), 6, 4, crc32Kind, appendEID(nil, someone)), payload...)}))
	add("an unknown block of no importance", plain(build{blocks: append(appendBlock(nil, 200, 9, crcNone, []byte("hm")), payload...)}))
	add("no time, with its age", build{blocks: append(appendBlock(nil, ageType, 2, crcNone, []byte{0x19, 0x03, 0xe8}), payload...)}.bytes(t, to, mustNotFragm, 0, month, EID{}))
	add("no time and no age", build{blocks: payload}.bytes(t, to, mustNotFragm, 0, month, EID{}))
	add("expired", build{blocks: payload}.bytes(t, to, mustNotFragm, created-86_400_000, 3_600_000, EID{}))
	add("too old by its age", build{blocks: append(appendBlock(nil, ageType, 2, crcNone, []byte{0x1a, 0, 0x5b, 0x8d, 0x80}), payload...)}.bytes(t, to, mustNotFragm, 0, 3_600_000, EID{}))
	add("no checksum in the primary block", plain(build{fields: 8, blocks: payload}))
	add("none there, but integrity of BPSec", plain(build{fields: 8, blocks: append(appendBlock(nil, integrityType, 2, crcNone, []byte{0x81, 0x00, 0x01, 0x00}), payload...)}))
	add("a flipped bit in the payload", flip(good, len(good)-40))
	add("a flipped bit in the primary block", flip(good, 12))
	add("cut", good[:len(good)-1])
	add("something behind it", append(bytes.Clone(good), 0))
	add("an array of known length", append([]byte{0x82}, good[1:len(good)-1]...))
	add("version 6", flip(good, 2))
	add("nobody's, and may be fragmented", build{blocks: payload}.bytes(t, to, 0, created, month, EID{}))
	add("nobody's, and to be reported on", build{blocks: payload}.bytes(t, to, mustNotFragm|0x40000, created, month, EID{}))
	add("payload in block number 2", plain(build{blocks: appendBlock(nil, payloadType, 2, crc32Kind, unit)}))
	add("payload is not the last", plain(build{blocks: append(bytes.Clone(payload), appendBlock(nil, 10, 3, crcNone, []byte{1})...)}))
	add("two blocks of one number", plain(build{blocks: append(append(appendBlock(nil, 10, 3, crcNone, []byte{1}), appendBlock(nil, 6, 3, crcNone, []byte{1})...), payload...)}))
	add("no payload", plain(build{}))
	add("an unknown block that forbids use", plain(build{blocks: append(alien(), payload...)}))
	add("a fragment", build{fields: 11, kind: crc32Kind, primary: []byte{0x00, 0x18, 0x60}, blocks: payload}.bytes(t, to, isFragment, created, month, someone))
	add("a report", build{blocks: payload}.bytes(t, to, isAdmin, created, month, someone))
	add("a scheme that nobody knows", plain(build{blocks: payload, primary: nil})[:4])
	add("endless length", append(bytes.Clone(good[:len(good)-110]), 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
	return list
}

func alien() []byte {
	b := appendBlock(nil, 200, 9, crcNone, []byte("hm"))
	b[4] = deleteIfAlien // after the array, the type in two bytes and the number
	return b
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

func TestVectors(t *testing.T) {
	moment := noon
	if *writeVectors {
		list := makeVectors(t)
		for i := range list {
			v := &list[i]
			raw, _ := hex.DecodeString(v.Bundle)
			b, err := Parse(raw)
			if v.Expect = class(err); err == nil {
				v.To, v.Life, v.Expired, v.Payload = b.To.String(), b.Life.Milliseconds(), b.Expired(moment), hex.EncodeToString(b.Payload)
				if !b.Created.IsZero() {
					v.Created = b.Created.Format(time.RFC3339Nano)
				}
			}
		}
		b, err := json.MarshalIndent(vectors{"Bundles (spec/bp.md) and what a reader makes of them.", moment.Format(time.RFC3339), list}, "", "\t")
		if err == nil {
			err = os.WriteFile(vectorFile, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var file vectors
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if moment, err = time.Parse(time.RFC3339, file.Moment); err != nil || len(file.Vectors) < 30 {
		t.Fatalf("%v, %d vectors", err, len(file.Vectors))
	}
	for _, v := range file.Vectors {
		raw, err := hex.DecodeString(v.Bundle)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Parse(raw)
		if class(err) != v.Expect {
			t.Errorf("%s: %v, want %s", v.Name, err, v.Expect)
			continue
		}
		if err != nil {
			continue
		}
		created := ""
		if !b.Created.IsZero() {
			created = b.Created.Format(time.RFC3339Nano)
		}
		if b.To.String() != v.To || b.Life.Milliseconds() != v.Life || b.Expired(moment) != v.Expired || hex.EncodeToString(b.Payload) != v.Payload || created != v.Created {
			t.Errorf("%s: %+v", v.Name, b)
		}
		if b.Expired(time.Time{}) && b.Age == 0 {
			t.Errorf("%s: expired on a device that does not know the time", v.Name)
		}
	}
}

func TestChecksums(t *testing.T) {
	if got := x25([]byte("123456789")); got != 0x906e {
		t.Errorf("CRC-16 X.25 of the usual digits is %04x, want 906e", got)
	}
}

func TestTooLarge(t *testing.T) {
	raw := build{blocks: appendBlock(nil, payloadType, 1, crc32Kind, make([]byte, MaxUnit+1))}.bytes(t, eid(t, "ipn:1.1"), mustNotFragm, 1, 1, EID{})
	if _, err := Parse(raw); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a payload of one byte too many: %v", err)
	}
	if _, err := Parse(make([]byte, MaxBundle+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a bundle of one byte too many: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range makeVectors(f) {
		raw, _ := hex.DecodeString(v.Bundle)
		f.Add(raw)
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer limits.Watch(t, len(raw))()
		to, ok := For(raw)
		b, err := Parse(raw)
		if err != nil {
			return
		}
		if !ok || to != b.To || len(b.Payload) > MaxUnit {
			t.Fatalf("For says %v, %v, and Parse %v", to, ok, b.To)
		}
		// What was read can be said again.
		if b.To.None() || len(b.Payload) == 0 {
			return
		}
		again, err := Pack(b.Payload, Label{To: b.To, Now: noon, Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		if c, err := Parse(again); err != nil || !bytes.Equal(c.Payload, b.Payload) || c.To != b.To {
			t.Fatalf("%v, %v", err, c.To)
		}
	})
}

func BenchmarkPack(b *testing.B) {
	unit, l := make([]byte, 1024), label(b)
	for b.Loop() {
		if _, err := Pack(unit, l); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	raw, err := Pack(make([]byte, 1024), label(b))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}
