package group_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/seal"
	"github.com/jauap/jauap/seal/group"
)

// The vectors were written once with -write-vectors and are fixed: a change
// that breaks one breaks everybody's groups.
var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors/group.json anew")

const vectorPath = "../../spec/vectors/group.json"

type letterVector struct {
	Index    int    `json:"index"`
	Key      string `json:"ovk"`
	Tag      string `json:"tag"`
	Plain    string `json:"plain"` // without the padding
	Envelope string `json:"envelope"`
	Proof    string `json:"proof"`
	Class    string `json:"class"` // ok, or why it is not opened
}

type vectorFile struct {
	About    string         `json:"about"`
	Seed     string         `json:"seed"`
	Pseudo   string         `json:"pseudonym"`
	Group    string         `json:"group"`
	CK       string         `json:"ck"`
	Gen      uint32         `json:"generation"`
	Handout  string         `json:"handout"` // at index 0
	Letters  []letterVector `json:"letters"`
	Handouts []struct {
		Bytes string `json:"bytes"`
		Class string `json:"class"`
	} `json:"handouts"`
}

func un(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func class(err error) string {
	for _, c := range []struct {
		err  error
		name string
	}{{seal.ErrUpdate, "update"}, {seal.ErrMalformed, "malformed"}, {seal.ErrWrongKey, "wrong key"}, {seal.ErrUnknownTag, "not ours"}} {
		if errors.Is(err, c.err) {
			return c.name
		}
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func makeVectors(t *testing.T) (f vectorFile) {
	seed, ck := [32]byte(bytes.Repeat([]byte{7}, 32)), [32]byte(bytes.Repeat([]byte{9}, 32))
	gid := [16]byte(bytes.Repeat([]byte{5}, 16))
	s := group.SecretOf(seed)
	k := s.Key()
	f = vectorFile{About: "spec/group.md, 2 to 4. Hexadecimal. Envelopes and handouts are as they were made once: their nonces were random.",
		Seed: hex.EncodeToString(seed[:]), Pseudo: hex.EncodeToString(k[:]), Group: hex.EncodeToString(gid[:]), CK: hex.EncodeToString(ck[:]), Gen: 3}
	p := group.PenAt(3, 0, ck)
	handout, err := p.HandOut(s, gid, [][8]byte{{1}, {2, 2}, {3}})
	if err != nil {
		t.Fatal(err)
	}
	f.Handout = hex.EncodeToString(handout)
	for _, plain := range [][]byte{
		append([]byte{1, 30, 0}, 0x50, 0, 0, 2, 'h', 'i'),
		append(append([]byte{1, 120, 2}, append(bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 16)...)...), 0xe5, 0, 0, 1, 'x'),
		{1, 1, 0},
		{2, 30, 0}, // a newer version
		{1, 0, 0}, {1, 121, 0}, {1, 30, 5},
		append([]byte{1, 30, 2}, append(bytes.Repeat([]byte{2}, 16), bytes.Repeat([]byte{1}, 16)...)...),
		{1, 30, 0, 0x01, 0, 0, 0},          // a part that is not the application's
		{1, 30, 0, 0x50, 0xff, 0xff, 0xff}, // longer than the letter
		{1, 30, 0, 0x50, 0, 0, 0, 0, 1},    // padding
	} {
		padded := append(bytes.Clone(plain), make([]byte, envelope.S1.BodySize()-40-len(plain))...)
		e := p.SealRaw(s, seal.Where{Class: envelope.S1, Expiry: 1800}, padded)
		key, tag := e.Key(), e.Tag()
		v := letterVector{Index: len(f.Letters), Key: hex.EncodeToString(key[:]), Tag: hex.EncodeToString(tag[:]), Plain: hex.EncodeToString(plain), Envelope: hex.EncodeToString(e.Bytes())}
		_, _, err := group.ReadLetter(padded)
		v.Class = class(err)
		f.Letters = append(f.Letters, v)
	}
	add := func(b []byte) {
		_, err := group.ParseHandout(b)
		f.Handouts = append(f.Handouts, struct {
			Bytes string `json:"bytes"`
			Class string `json:"class"`
		}{hex.EncodeToString(b), class(err)})
	}
	add(handout)
	for _, at := range []int{0, 1, 17, 53, 57, 89, 90, len(handout) - 1} {
		bad := bytes.Clone(handout)
		bad[at] ^= 2
		add(bad)
	}
	add(handout[:len(handout)-1])
	return f
}

func load(t testing.TB) (f vectorFile) {
	t.Helper()
	b, err := os.ReadFile(vectorPath)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestVectors: both implementations read the vectors, and compute the same
// keys, tags and signatures.
func TestVectors(t *testing.T) {
	if *writeVectors {
		b, err := json.MarshalIndent(makeVectors(t), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorPath, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := load(t)
	s := group.SecretOf([32]byte(un(f.Seed)))
	k := s.Key()
	if hex.EncodeToString(k[:]) != f.Pseudo {
		t.Fatal("pseudonym")
	}
	h, err := group.ParseHandout(un(f.Handout))
	if err != nil || h.Gen != f.Gen || h.Next != 0 {
		t.Fatal(err)
	}
	tags, err := h.Ear().Tags()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range f.Letters {
		raw := un(v.Envelope)
		e, err := envelope.Parse(raw)
		if err != nil || e.Verify() != nil {
			t.Fatal(v.Index, err)
		}
		tag := e.Tag()
		if hex.EncodeToString(tag[:]) != v.Tag || tags[v.Index].Tag != tag {
			t.Errorf("letter %d: tag", v.Index)
		}
		_, err = h.Ear().Open(0, e, uint32(v.Index))
		if class(err) != v.Class {
			t.Errorf("letter %d: %q, want %q", v.Index, class(err), v.Class)
		}
		// The second.
		mk, blind := secondKeys(un(f.CK), v.Index)
		ovk := secondOneTime([32]byte(un(f.Pseudo)), blind)
		two := secondTag(ovk)
		if hex.EncodeToString(ovk[:]) != v.Key || hex.EncodeToString(two[:]) != v.Tag {
			t.Errorf("letter %d: the second computes another key", v.Index)
		}
		plain, ok := secondOpen(mk, raw)
		if !ok || !bytes.HasPrefix(plain, un(v.Plain)) {
			t.Errorf("letter %d: the second does not open it", v.Index)
		}
		if _, _, _, verdict := secondLetter(plain); verdict != v.Class {
			t.Errorf("letter %d: the second says %q, want %q", v.Index, verdict, v.Class)
		}
		m := append([]byte("jauap/1 envelope"), append(bytes.Clone(raw[:36]), raw[100:]...)...)
		if !bytes.Equal(secondSign(un(f.Seed), blind, ovk, m), raw[36:100]) {
			t.Errorf("letter %d: the second signs otherwise", v.Index)
		}
	}
	for i, v := range f.Handouts {
		_, err := group.ParseHandout(un(v.Bytes))
		_, verdict := secondChain(un(v.Bytes))
		if class(err) != v.Class || verdict != v.Class && !(v.Class == "malformed" && verdict == "wrong key") {
			t.Errorf("handout %d: %q and %q, want %q", i, class(err), verdict, v.Class)
		}
	}
}

// FuzzLetter: both decoders read every plaintext alike, and what is read is
// written the same.
func FuzzLetter(f *testing.F) {
	for _, v := range load(f).Letters {
		f.Add(un(v.Plain))
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		h, parts, err := group.ReadLetter(b)
		life, heads, second, verdict := secondLetter(b)
		if class(err) != verdict {
			t.Fatalf("%q and %q", class(err), verdict)
		}
		if err != nil {
			return
		}
		if life != h.LifeDays || len(heads) != len(h.Heads) || len(second) != len(parts) {
			t.Fatal("the two read differently")
		}
		for i, p := range parts {
			if second[i].kind != p.Kind || !bytes.Equal(second[i].body, p.Body) {
				t.Fatal("part", i)
			}
		}
		again, err := group.WriteLetter(h, parts, len(b))
		if err != nil || !bytes.Equal(again, b) {
			t.Fatal("not canonical", err)
		}
	})
}

// FuzzHandout: both decoders judge every handed out chain alike, and states
// that are not ours do not harm.
func FuzzHandout(f *testing.F) {
	for _, v := range load(f).Handouts {
		f.Add(un(v.Bytes))
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		h, err := group.ParseHandout(b)
		second, verdict := secondChain(b)
		if got := class(err); got != verdict && !(got == "malformed" && verdict == "wrong key") {
			t.Fatalf("%q and %q", got, verdict)
		}
		if err == nil && (!bytes.Equal(second.key, h.Key[:]) || second.gen != h.Gen || second.next != h.Next || len(second.audience) != len(h.Audience) || !bytes.Equal(h.Bytes(), b)) {
			t.Fatal("the two read differently")
		}
		if e, err := group.ParseEar(b); err == nil && !bytes.Equal(e.Marshal(), b) {
			t.Fatal("a state has two forms")
		}
		if p, err := group.ParsePen(b); err == nil && !bytes.Equal(p.Marshal(), b) {
			t.Fatal("a state has two forms")
		}
	})
}
