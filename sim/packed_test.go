package sim

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"flag"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// go test ./sim -run TestPacked -pack FILE packs positions (.npy.gz, in
// centimetres) or contacts (.dat.gz) into a file beside it.
var packFile = flag.String("pack", "", "a trace to pack into a file beside it")

// packWalk writes positions in units of a metre.
func packWalk(at [][][2]float64, unit int) []byte {
	b := binary.AppendUvarint([]byte(walkMagic), uint64(len(at[0])))
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(len(at))), uint64(unit))
	for p := range at[0] {
		for k := range 2 {
			var here, before int64
			for s := range at {
				next := int64(math.Round(at[s][p][k] * float64(unit)))
				b = binary.AppendVarint(b, next-(2*here-before))
				if before = here; s == 0 {
					before = next
				}
				here = next
			}
		}
	}
	return b
}

func packMeet(contacts []Contact, people int, unit time.Duration) []byte {
	b := binary.AppendUvarint([]byte(meetMagic), uint64(people))
	b = binary.AppendUvarint(b, uint64(unit/time.Second))
	last := time.Duration(0)
	for _, c := range contacts {
		for _, v := range []int{int((c.From - last) / unit), c.A, c.B - c.A, int((c.To - c.From) / unit)} {
			b = binary.AppendUvarint(b, uint64(v))
		}
		last = c.From
	}
	return b
}

func zip(t *testing.T, b []byte) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unzip(t *testing.T, b []byte) []byte {
	r, err := unpack(b)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What is embedded is what the packer makes of it, byte for byte.
func TestPacked(t *testing.T) {
	if *packFile != "" {
		pack(t, *packFile)
		return
	}
	for name, packed := range map[string][]byte{"march": march, "blockade": blockade} {
		raw := unzip(t, packed)
		at, err := ReadWalk(bytes.NewReader(raw))
		if err != nil || len(at) != 1835 || len(at[0]) != 50 || !bytes.Equal(packWalk(at, 100), raw) {
			t.Fatalf("%s: %d seconds, %v", name, len(at), err)
		}
	}
	for name, packed := range map[string][]byte{"conference": sfhh, "office": invs} {
		raw := unzip(t, packed)
		contacts, people, err := ReadMeet(bytes.NewReader(raw))
		if err != nil || !bytes.Equal(packMeet(contacts, people, step), raw) {
			t.Fatalf("%s: %d contacts, %v", name, len(contacts), err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	at := make([][][2]float64, 30)
	for s := range at {
		at[s] = [][2]float64{{float64(rng.IntN(20000)-10000) / 100, -3}, {0, float64(s) * 1.25}}
	}
	whole := packWalk(at, 100)
	got, err := ReadWalk(bytes.NewReader(whole))
	if err != nil || len(got) != len(at) {
		t.Fatal(err)
	}
	for s := range at {
		if !slices.Equal(got[s], at[s]) {
			t.Fatalf("second %d: %v, want %v", s, got[s], at[s])
		}
	}
	for n := range len(whole) {
		if _, err := ReadWalk(bytes.NewReader(whole[:n])); err == nil {
			t.Fatalf("%d bytes of %d were read", n, len(whole))
		}
	}
	for _, bad := range []string{meetMagic + "\x02\x14\x00\x00\x00\x01", meetMagic + "\x02\x14\x00\x00\x01", meetMagic + "\x02\x14\x00\x01\x01\x01", meetMagic + "\x02\x00"} {
		if c, _, err := ReadMeet(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read: %v", bad, c)
		}
	}
}

func pack(t *testing.T, name string) {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	raw := unzip(t, b)
	out, ok := strings.CutSuffix(name, ".npy.gz")
	if ok {
		at, err := ReadPositions(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		out, raw = out+".walk.gz", packWalk(at, 100)
	} else {
		contacts, people, err := ReadTrace(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		sortContacts(contacts)
		out, raw = strings.TrimSuffix(name, ".dat.gz")+".meet.gz", packMeet(contacts, people, step)
	}
	if err := os.WriteFile(out, zip(t, raw), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d bytes of %d", out, len(zip(t, raw)), len(b))
}
