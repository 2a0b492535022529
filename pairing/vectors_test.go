package pairing

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
)

var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors/pairing.json anew")

// vector is one drop and the code under which it is looked for.
type vector struct {
	Name   string   `json:"name"`
	Expect string   `json:"expect"`
	Typed  string   `json:"typed"`            // what a person typed
	Digits string   `json:"digits,omitempty"` // the same code, as it is written
	Words  []string `json:"words,omitempty"`  // and in English words
	Key    string   `json:"key,omitempty"`    // of the drop
	Shard  uint8    `json:"shard,omitempty"`
	Drop   string   `json:"drop,omitempty"`
	Invite string   `json:"invite,omitempty"` // what the drop holds, as a link
}

type vectorFile struct {
	About   string   `json:"about"`
	Vectors []vector `json:"vectors"`
}

// read is the failure class of a vector. spec/pairing.md, 7.
func (v vector) read(t *testing.T) (class string, c Code, p place, i identity.Invite) {
	t.Helper()
	c, err := ParseCode(v.Typed)
	if errors.Is(err, ErrMistyped) {
		return "mistyped", c, p, i
	}
	p = placeOf(c, codeMemory)
	raw, err := hex.DecodeString(v.Drop)
	if err != nil {
		t.Fatal(err)
	}
	e, err := envelope.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	i, err = openDrop(p, e)
	switch {
	case errors.Is(err, errNotIt):
		return "not it", c, p, i
	case err != nil:
		return "malformed", c, p, i
	case CodeOf(i) != c:
		return "false card", c, p, i
	}
	return "ok", c, p, i
}

func TestVectors(t *testing.T) {
	path := filepath.Join("..", "spec", "vectors", "pairing.json")
	if *writeVectors {
		b, err := json.MarshalIndent(vectorFile{"Codes read aloud and the drops that they lead to: spec/pairing.md, 3 and 7.", makeVectors(t)}, "", " ")
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
	var f vectorFile
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, v := range f.Vectors {
		class, c, p, i := v.read(t)
		seen[class] = true
		if class != v.Expect {
			t.Errorf("%s: %s, want %s", v.Name, class, v.Expect)
			continue
		}
		if class == "mistyped" {
			continue
		}
		if c.Digits() != v.Digits || strings.Join(c.Words("en"), " ") != strings.Join(v.Words, " ") || hex.EncodeToString(p.key[:]) != v.Key || p.shard != v.Shard {
			t.Errorf("%s: %s, %v, %x, %d", v.Name, c.Digits(), c.Words("en"), p.key, p.shard)
		}
		if v.Invite != "" && i.Link() != v.Invite {
			t.Errorf("%s: another invitation", v.Name)
		}
	}
	for _, c := range []string{"ok", "mistyped", "not it", "malformed", "false card"} {
		if !seen[c] {
			t.Errorf("no vector of class %s", c)
		}
	}
}

func makeVectors(t *testing.T) (list []vector) {
	i, spy := stranger(t, "Айгерім"), stranger(t, "Айгерім")
	c := CodeOf(i)
	p := placeOf(c, codeMemory)
	add := func(name, expect, typed string, e envelope.Envelope, inside identity.Invite) {
		v := vector{Name: name, Expect: expect, Typed: typed, Drop: hex.EncodeToString(e.Bytes())}
		if expect != "mistyped" {
			o, err := ParseCode(typed)
			if err != nil {
				t.Fatal(err)
			}
			q := placeOf(o, codeMemory)
			v.Digits, v.Words, v.Key, v.Shard = o.Digits(), o.Words("en"), hex.EncodeToString(q.key[:]), q.shard
		} else {
			v.Drop = ""
		}
		if !inside.Card.IsZero() {
			v.Invite = inside.Link()
		}
		list = append(list, v)
	}
	drop := func(p place, i identity.Invite) envelope.Envelope {
		e, _, err := newDrop(p, i, testDay)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	good := drop(p, i)
	add("digits", "ok", c.Digits(), good, i)
	add("words", "ok", strings.Join(c.Words("en"), " "), good, i)
	add("words cut short, capitals", "ok", strings.ToUpper(short(c.Words("en"))), good, i)
	wrong := []byte(c.all())
	wrong[7] = '0' + (wrong[7]-'0'+1)%10
	add("one digit wrong", "mistyped", string(wrong), good, identity.Invite{})
	add("two words exchanged", "mistyped", exchanged(c.Words("en")), good, identity.Invite{})
	add("seven words", "mistyped", strings.Join(c.Words("en")[:7], " "), good, identity.Invite{})
	add("another's card", "false card", c.Digits(), drop(p, spy), spy)
	other := i
	other.Key[0] ^= 1
	add("the card with another key", "false card", c.Digits(), drop(p, other), other)
	noKey := i
	noKey.Key = [32]byte{}
	add("no key", "malformed", c.Digits(), drop(p, noKey), identity.Invite{})
	far := placeOf(CodeOf(spy), codeMemory)
	add("another drop", "not it", c.Digits(), drop(far, spy), identity.Invite{})
	return list
}

func short(w []string) string {
	out := make([]string, len(w))
	for i := range w {
		out[i] = w[i][:min(len(w[i]), 4)]
	}
	return strings.Join(out, " ")
}

func exchanged(w []string) string {
	out := append([]string(nil), w...)
	out[0], out[7] = out[7], out[0]
	return strings.Join(out, " ")
}
