package evidence

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

func report() Report {
	lat, lon, near, most := 43.2567, 76.9286, 500, 12
	return Report{
		What: "Shots were fired at the square; I saw people fall. <b>Көрдім</b>",
		From: "2022-01-05T17:00:00+06:00", To: "2022-01-05T17:40:00+06:00",
		Place: Place{Name: "Almaty, Republic Square", Lat: &lat, Lon: &lon, PrecisionM: &near}, Basis: "witnessed",
		Numbers: []Numbers{{What: "killed", Min: 4, Max: &most}, {What: "injured", Min: 20}},
		Actors:  []string{"soldiers without insignia"}, Source: "witness", Consent: "desk",
		Made: "2022-01-05T21:10:00+06:00", Clock: "not set for 61 h", Tool: "jauap test",
	}
}

func original(name string, b []byte) Original {
	return Original{Name: name, Type: "image/jpeg", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

type author struct {
	pub  ed25519.PublicKey
	key  ed25519.PrivateKey
	salt [32]byte
}

func newAuthor(t testing.TB) (a author) {
	t.Helper()
	var err error
	if a.pub, a.key, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	rand.Read(a.salt[:])
	return a
}

// made is a package with two media, made for an author.
func made(t testing.TB, a author) ([]byte, Written) { return sized(t, a, 200_000, 65_536) }

func sized(t testing.TB, a author, one, two int) ([]byte, Written) {
	t.Helper()
	var b bytes.Buffer
	sum := sha256.Sum256([]byte("bulletin"))
	w, err := Write(&b, report(), []Original{original("one.jpg", noise(one)), original("two.mp4", noise(two))},
		[]Anchor{{Kind: "bulletin", SHA256: hex.EncodeToString(sum[:]), Note: "of 5 January"}}, Author{a.pub, a.salt})
	if err != nil {
		t.Fatal(err)
	}
	if w.Bytes != int64(b.Len()) {
		t.Errorf("says %d bytes of %d", w.Bytes, b.Len())
	}
	return b.Bytes(), w
}

func check(t testing.TB, b []byte) Verdict {
	t.Helper()
	v, err := Check(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func has(v Verdict, c Class, about string) bool {
	for _, f := range v.Findings {
		if f.Class == c && f.About == about {
			return true
		}
	}
	return false
}

// TestPackage makes a report, has it countersigned and claimed, and checks
// what a stranger is told at each step.
func TestPackage(t *testing.T) {
	a, neighbour := newAuthor(t), newAuthor(t)
	b, w := made(t, a)
	v := check(t, b)
	if v.Broken() || v.Root != w.Root || v.Manifest.Report.What != report().What {
		t.Fatalf("%+v", v)
	}
	for _, f := range []struct {
		c     Class
		about string
	}{{Proven, "media"}, {Proven, "report"}, {Claimed, "report"}, {Claimed, "time"}, {Claimed, "place"}, {NotProven, "seen"}, {Proven, "after"}, {NotProven, "author"}} {
		if !has(v, f.c, f.about) {
			t.Errorf("nothing %s about %s: %+v", f.c, f.about, v.Findings)
		}
	}

	s := Countersign(w.Root, neighbour.key, time.Date(2022, 1, 5, 16, 0, 0, 0, time.UTC), "neighbour")
	claim := Claiming(w.Root, a.key, a.salt)
	var out bytes.Buffer
	n, err := Add(bytes.NewReader(b), int64(len(b)), &out, []Seen{s, s}, &claim)
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	v = check(t, out.Bytes())
	if v.Broken() || !has(v, Proven, "seen") || !has(v, Proven, "author") || v.Author != claim.Key || len(v.Seen) != 1 {
		t.Fatalf("%+v", v)
	}
	// Once more: the same signer adds nothing, the claim stays.
	var again bytes.Buffer
	if n, err = Add(bytes.NewReader(out.Bytes()), int64(out.Len()), &again, []Seen{s}, nil); err != nil || n != 0 || !bytes.Equal(again.Bytes(), out.Bytes()) {
		t.Fatal(n, err, again.Len(), out.Len())
	}
}

// TestForeignReader opens a package with nothing of ours.
func TestForeignReader(t *testing.T) {
	b, _ := made(t, newAuthor(t))
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open() // checks the CRC
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// rebuilt is a package with some entries changed, each stored as it should be.
func rebuilt(t testing.TB, b []byte, change func(name string, body []byte) (string, []byte)) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name, body := change(f.Name, body)
		if name == "" {
			continue
		}
		if err := stored(w, name, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sample is a file and the class that a check must give it.
type sample struct {
	name, class string
	b           []byte
}

// broken is every way of breaking a package that we could think of, with the
// class that a check must give.
func broken(t testing.TB, size int) []sample {
	a := newAuthor(t)
	b, w := sized(t, a, size, size)
	claim := Claiming(w.Root, a.key, a.salt)
	var full bytes.Buffer
	if _, err := Add(bytes.NewReader(b), int64(len(b)), &full, []Seen{Countersign(w.Root, a.key, time.Unix(0, 0), "relay")}, &claim); err != nil {
		t.Fatal(err)
	}
	with := func(entry string, f func(body []byte) []byte) []byte {
		return rebuilt(t, full.Bytes(), func(n string, body []byte) (string, []byte) {
			if n == entry {
				body = f(bytes.Clone(body))
			}
			return n, body
		})
	}
	named := func(from, to string) []byte {
		return rebuilt(t, full.Bytes(), func(n string, body []byte) (string, []byte) {
			if n == from {
				n = to
			}
			return n, body
		})
	}
	replace := func(from, to string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.Replace(b, []byte(from), []byte(to), 1) }
	}
	var squeezed bytes.Buffer
	z := zip.NewWriter(&squeezed)
	for _, n := range []string{"manifest.json", "manifest.sig"} {
		e, _ := z.Create(n)
		e.Write(make([]byte, 100*size)) // a bomb
	}
	z.Close()
	twisted := bytes.Replace(full.Bytes(), []byte("media/one.jpg"), []byte("media/two.jpg"), 1) // in the local header only
	return []sample{
		{"whole", "", full.Bytes()},
		{"without others' words", "", b},
		{"nothing", "not a package", nil},
		{"words", "not a package", []byte("GIF89a")},
		{"cut", "not a package", full.Bytes()[:full.Len()/2]},
		{"another zip", "not a package", rebuilt(t, b, func(n string, body []byte) (string, []byte) { return "x" + n, body })},
		{"compressed", "layout", squeezed.Bytes()},
		{"two names", "layout", twisted},
		{"something before", "layout", append([]byte("#!/bin/sh\n"), full.Bytes()...)},
		{"climbing name", "layout", named("claim.json", "../../etc/passwd")},
		{"stranger inside", "layout", named("claim.json", "extra.exe")},
		{"no media", "media", rebuilt(t, full.Bytes(), func(n string, body []byte) (string, []byte) {
			if n == "media/two.mp4" {
				n = ""
			}
			return n, body
		})},
		{"swapped media", "media", rebuilt(t, full.Bytes(), func(n string, body []byte) (string, []byte) {
			if n == "media/two.mp4" {
				body = noise(len(body))
			}
			return n, body
		})},
		{"one bit", "media", with("media/one.jpg", func(b []byte) []byte { b[77] ^= 1; return b })},
		{"longer", "media", with("media/one.jpg", func(b []byte) []byte { return append(b, 0) })},
		{"other words", "signature", with("manifest.json", replace("Shots", "Fires"))},
		{"other key", "signature", with("manifest.json", func(m []byte) []byte {
			i := bytes.Index(m, []byte(`"key":"`)) + 7
			copy(m[i:], hex.EncodeToString(a.pub))
			return m
		})},
		{"signature", "signature", with("manifest.sig", func(b []byte) []byte { b[0] ^= 1; return b })},
		{"short signature", "signature", with("manifest.sig", func(b []byte) []byte { return b[:63] })},
		{"spaces", "manifest", with("manifest.json", replace(`"key":`, `"key": `))},
		{"said twice", "manifest", with("manifest.json", replace(`"consent":"desk"`, `"consent":"publish","consent":"desk"`))},
		{"unknown field", "manifest", with("manifest.json", replace(`"tool":`, `"police":"x","tool":`))},
		{"newer", "newer", with("manifest.json", replace("jauap-evidence/1", "jauap-evidence/2"))},
		{"impossible numbers", "manifest", with("manifest.json", replace(`"min":4,"max":12`, `"min":14,"max":12`))},
		{"seen at another time", "seen", with("seen/1.json", replace("1970", "2022"))},
		{"seen twice over", "seen", with("seen/1.json", func(b []byte) []byte { return bytes.Repeat(b, 2) })},
		{"claimed by another", "claim", with("claim.json", func([]byte) []byte {
			c := Claiming(w.Root, newAuthor(t).key, a.salt)
			b, _ := canonical(c)
			return b
		})},
	}
}

func TestBroken(t *testing.T) {
	for _, c := range broken(t, 100_000) {
		v := check(t, c.b)
		if v.Fault() != c.class {
			t.Errorf("%s: %q, want %q (%s)", c.name, v.Fault(), c.class, v.first())
		}
		if c.class == "" {
			continue
		}
		if v.first() == "" || strings.ContainsAny(v.first(), "\x1b\n") {
			t.Errorf("%s: says %q", c.name, v.first())
		}
		if _, err := Add(bytes.NewReader(c.b), int64(len(c.b)), io.Discard, nil, nil); c.class != "media" && !errors.Is(err, ErrBroken) {
			t.Errorf("%s: was extended: %v", c.name, err)
		}
	}
}

// TestChangedMeanwhile shows that a medium that changes between the two
// readings is not put into a package.
func TestChangedMeanwhile(t *testing.T) {
	n := 0
	o := Original{Name: "a", Open: func() (io.ReadCloser, error) {
		n++
		return io.NopCloser(strings.NewReader(strings.Repeat(string(rune(64+n)), 10))), nil
	}}
	if _, err := Write(io.Discard, report(), []Original{o}, nil, Author{}); err == nil || !strings.Contains(err.Error(), "changed while") {
		t.Fatal(err)
	}
}

// TestReportCheck shows that a person is told what to fill in.
func TestReportCheck(t *testing.T) {
	for _, c := range []struct {
		change func(*Report)
		text   string
	}{
		{func(r *Report) { r.What = " " }, "what happened"},
		{func(r *Report) { r.From = "yesterday" }, "say when"},
		{func(r *Report) { r.To = "2021-01-05T17:00:00+06:00" }, "ends before"},
		{func(r *Report) { r.Place.Name = "" }, "where"},
		{func(r *Report) { r.Place.Lat = nil }, "go together"},
		{func(r *Report) { x := 91.0; r.Place.Lat = &x }, "-90 to 90"},
		{func(r *Report) { r.Basis = "sure" }, "how it is known"},
		{func(r *Report) { r.Consent = "" }, "who may have it"},
		{func(r *Report) { r.Source = "Aigerim" }, "kind"},
		{func(r *Report) { r.Numbers[0].What = "angry" }, "numbers"},
		{func(r *Report) { r.Numbers = append(r.Numbers, r.Numbers[0]) }, "once"},
	} {
		r := report()
		c.change(&r)
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

// TestTree compares the tree with a plain recursive one.
func TestTree(t *testing.T) {
	var plain func(b []byte) [32]byte
	plain = func(b []byte) [32]byte { // RFC 6962, 2.1
		n := (len(b) + pieceSize - 1) / pieceSize
		switch n {
		case 0:
			return sha256.Sum256(nil)
		case 1:
			return sha256.Sum256(append([]byte{0}, b...))
		}
		k := 1
		for k*2 < n {
			k *= 2
		}
		return join(plain(b[:k*pieceSize]), plain(b[k*pieceSize:]))
	}
	for _, n := range []int{0, 1, pieceSize - 1, pieceSize, pieceSize + 1, 2 * pieceSize, 3*pieceSize + 5, 7 * pieceSize, 8*pieceSize + 1} {
		b := noise(n)
		s := newSums()
		for rest := b; len(rest) > 0; { // in uneven writes
			k := min(len(rest), 1+len(rest)/3)
			s.Write(rest[:k])
			rest = rest[k:]
		}
		sum, root := s.end()
		if sum != sha256.Sum256(b) || root != plain(b) {
			t.Errorf("%d bytes: wrong", n)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, c := range broken(f, 100) {
		f.Add(c.b)
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		v, err := Check(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err) // memory does not fail
		}
		if !v.Broken() && v.Manifest == nil {
			t.Fatal("nothing wrong and nothing read")
		}
		for _, x := range v.Findings {
			if (x.Class == Broken) != (x.Fault != "") || x.Words == "" {
				t.Fatalf("%+v", x)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	var buf bytes.Buffer
	if _, err := Write(&buf, report(), []Original{original("v.mp4", noise(32<<20))}, nil, Author{}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(buf.Len()))
	for b.Loop() {
		if v := check(b, buf.Bytes()); v.Broken() {
			b.Fatal(v.first())
		}
	}
}

var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors anew")

// TestVectors holds this reader to spec/vectors/evidence.json.
func TestVectors(t *testing.T) {
	const path = "../../spec/vectors/evidence.json"
	type vector struct {
		Name   string `json:"name"`
		Expect string `json:"expect"` // a class of failure, or ok
		File   []byte `json:"file"`   // base64
	}
	var all struct {
		About   string   `json:"about"`
		Vectors []vector `json:"vectors"`
	}
	if *writeVectors {
		all.About = "Evidence packages: spec/evidence.md, 6."
		for _, c := range broken(t, 100) {
			all.Vectors = append(all.Vectors, vector{c.name, cmp.Or(c.class, "ok"), c.b})
		}
		b, err := json.MarshalIndent(all, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil || len(all.Vectors) < 20 {
		t.Fatal(len(all.Vectors), err)
	}
	for _, c := range all.Vectors {
		if v := check(t, c.File); cmp.Or(v.Fault(), "ok") != c.Expect {
			t.Errorf("%s: %q, want %q", c.Name, v.Fault(), c.Expect)
		}
	}
}
