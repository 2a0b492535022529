package roster

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/jauap/jauap/internal/limits"
)

// second is an entry read by a decoder of its own, from spec/group.md, 6.1; it
// shares nothing with the first.
type second struct {
	kind            byte
	group, author   []byte
	parents         [][]byte
	subject, cut    []byte
	admin, rules    byte
	name            string
	id              [16]byte
	verdict         string
	fields, sigPart []byte
}

func readSecond(b []byte) (s second) {
	s.verdict = "malformed"
	if len(b) < 51+64 || len(b) > 51+16*16+66+64 {
		return s
	}
	s.fields, s.sigPart = b[:len(b)-64], b[len(b)-64:]
	if b[0] != 1 || b[1] > 5 {
		s.verdict = "update"
		return s
	}
	s.kind, s.group, s.author = b[1], b[2:18], b[18:50]
	rest := s.fields[51:]
	count := int(b[50])
	if count > 16 || 16*count > len(rest) {
		return s
	}
	for len(s.parents) < count {
		s.parents, rest = append(s.parents, rest[:16]), rest[16:]
	}
	for i := 1; i < count; i++ {
		if bytes.Compare(s.parents[i-1], s.parents[i]) >= 0 {
			return s
		}
	}
	founds := bytes.Equal(s.group, make([]byte, 16))
	if (s.kind == 1) != (count == 0) || (s.kind == 1) != founds {
		return s
	}
	sizes := map[byte]int{2: 33, 3: 40, 4: 8, 5: 32}
	if s.kind == 1 {
		if len(rest) < 2 || rest[0] > 3 || rest[1] < 1 || rest[1] > 64 || len(rest) != int(rest[1])+2 || !utf8.Valid(rest[2:]) {
			return s
		}
		s.rules, s.name = rest[0], string(rest[2:])
	} else if n, ok := sizes[s.kind]; !ok || len(rest) != n {
		return s
	}
	switch s.kind {
	case 2:
		if s.subject, s.admin = rest[:32], rest[32]; s.admin > 1 {
			return s
		}
	case 3:
		s.subject, s.cut = rest[:32], rest[32:]
	case 4:
		s.cut = rest
	case 5:
		s.subject = rest
	}
	s.verdict = "wrong key"
	if ed25519.Verify(s.author, append([]byte("jauap/1 roster"), s.fields...), s.sigPart) {
		s.verdict = "ok"
	}
	h := sha256.Sum256(append([]byte("jauap/1 roster entry"), b...))
	s.id = [16]byte(h[:16])
	return s
}

func class(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrUpdate):
		return "update"
	case errors.Is(err, ErrSignature):
		return "wrong key"
	case errors.Is(err, ErrMalformed):
		return "malformed"
	case errors.Is(err, ErrForbidden):
		return "refused"
	case errors.Is(err, ErrMissing):
		return "missing"
	}
	return err.Error()
}

func compareSecond(t *testing.T, b []byte) {
	t.Helper()
	e, err := Parse(b)
	s := readSecond(b)
	if class(err) != s.verdict {
		t.Fatalf("%q and %q", class(err), s.verdict)
	}
	if err != nil {
		return
	}
	if byte(e.Kind) != s.kind || !bytes.Equal(e.Author[:], s.author) || len(e.Parents) != len(s.parents) || e.Name != s.name || byte(e.Rules) != s.rules || e.Admin != (s.admin == 1) || ID(s.id) != IDOf(b) ||
		s.subject != nil && !bytes.Equal(s.subject, e.Subject[:]) || s.cut != nil && !bytes.Equal(s.cut, e.Cut.append(nil)) {
		t.Fatal("the two read differently")
	}
	if got := e.append(nil); !bytes.Equal(got, s.fields) {
		t.Fatal("an entry has two forms")
	}
}

var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors/roster.json anew")

const vectorPath = "../spec/vectors/roster.json"

type step struct {
	Entry   string   `json:"entry"`
	ID      string   `json:"id"`
	Class   string   `json:"class"` // when taken after those before it
	Members []string `json:"members"`
	Admins  []string `json:"admins"`
}

type story struct {
	About string `json:"about"`
	Steps []step `json:"steps"`
}

// stories are histories whose meaning the vectors fix.
func stories(t *testing.T) (list []story) {
	tell := func(about string, logs ...*Log) {
		l, s := &Log{}, story{About: about}
		for _, from := range logs {
			for _, e := range from.List() {
				raw := from.Raw(e.ID)
				if _, known := l.by[e.ID]; known {
					continue
				}
				_, err := l.Take(raw)
				s.Steps = append(s.Steps, stepOf(l, raw, err))
			}
		}
		list = append(list, s)
	}
	a := found(t, 0, 0)
	a.add(1, true)
	a.add(2, false)
	b := a.join(1)
	b.add(3, false)
	a.hear(b)
	a.remove(1)
	b.add(4, true)
	must(t, b.write(Entry{Kind: Grant, Subject: keyOf(2)}))
	b.remove(2)
	tell("an admin is removed and goes on as if it had not heard: its adds do not count, its removal stands", a.log, b.log)
	a = found(t, 0, TwoToAdd)
	a.add(1, true)
	a.add(2, false)
	b = a.join(1)
	b.add(2, false)
	must(t, b.write(Entry{Kind: Leave, Cut: Cut{2, 9}}))
	tell("two admins must add; one of them leaves afterwards", b.log)
	a = found(t, 0, AllAdmins)
	a.add(1, false)
	b = a.join(1)
	a.remove(1)
	b.remove(0)
	tell("two remove each other: both are out", a.log, b.log)
	a = found(t, 0, 0)
	a.add(1, false)
	c := a.join(1)
	raw, err := Entry{Kind: Add, Group: c.log.Group(), Parents: c.log.Heads(), Subject: keyOf(5)}.Sign(who(1))
	must(t, err)
	tell("who is no admin adds somebody", a.log)
	last := &list[len(list)-1]
	last.Steps = append(last.Steps, stepOf(a.log, raw, taking(a.log, raw)))
	bad := bytes.Clone(raw)
	bad[2] ^= 1
	last.Steps = append(last.Steps, stepOf(a.log, bad, taking(a.log, bad)))
	return list
}

func taking(l *Log, raw []byte) error { _, err := l.Take(raw); return err }

func stepOf(l *Log, raw []byte, err error) (s step) {
	id := IDOf(raw)
	s = step{Entry: hex.EncodeToString(raw), ID: hex.EncodeToString(id[:]), Class: class(err), Members: []string{}, Admins: []string{}}
	for k, m := range l.State().Members {
		s.Members = append(s.Members, hex.EncodeToString(k[:]))
		if m.Admin {
			s.Admins = append(s.Admins, hex.EncodeToString(k[:]))
		}
	}
	slices.Sort(s.Members)
	slices.Sort(s.Admins)
	return s
}

// TestVectors: entries and what they mean are fixed.
func TestVectors(t *testing.T) {
	if *writeVectors {
		b, err := json.MarshalIndent(stories(t), "", " ")
		must(t, err)
		must(t, os.WriteFile(vectorPath, append(b, '\n'), 0o644))
	}
	b, err := os.ReadFile(vectorPath)
	must(t, err)
	var list []story
	must(t, json.Unmarshal(b, &list))
	if len(list) == 0 {
		t.Fatal("no vectors")
	}
	for _, s := range list {
		l := &Log{}
		for i, v := range s.Steps {
			raw, err := hex.DecodeString(v.Entry)
			must(t, err)
			compareSecond(t, raw)
			_, err = l.Take(raw)
			if got := stepOf(l, raw, err); got.Class != v.Class || got.ID != v.ID || !slices.Equal(got.Members, v.Members) || !slices.Equal(got.Admins, v.Admins) {
				t.Errorf("%s: step %d: %+v", s.About, i, got)
			}
		}
	}
}

// FuzzEntry: both decoders read every entry alike.
func FuzzEntry(f *testing.F) {
	b, err := os.ReadFile(vectorPath)
	must(f, err)
	var list []story
	must(f, json.Unmarshal(b, &list))
	for _, s := range list {
		for _, v := range s.Steps {
			raw, err := hex.DecodeString(v.Entry)
			must(f, err)
			f.Add(raw)
		}
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		compareSecond(t, b)
	})
}
