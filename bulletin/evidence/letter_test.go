package evidence

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/jauap/jauap/internal/limits"
)

type stampLetters struct {
	Root, Good string
	Bad        []struct{ Name, Letter string }
}

func readStampLetters(t testing.TB) (v stampLetters) {
	t.Helper()
	b, err := os.ReadFile("../../spec/vectors/stamp-letter.json")
	if err := errors.Join(err, json.Unmarshal(b, &v)); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestStampLetters: the bytes of the vectors, both ways, and what is refused.
func TestStampLetters(t *testing.T) {
	v := readStampLetters(t)
	good, err := hex.DecodeString(v.Good)
	if err != nil {
		t.Fatal(err)
	}
	root, list, err := ReadStamps(good)
	if err != nil || root.String() != v.Root || len(list) != 1 || !list[0].Proof() || Holds(root, list[0]) != nil {
		t.Fatalf("%v %v %v", root, list, err)
	}
	if again, err := WriteStamps(root, list); err != nil || !bytes.Equal(again, good) {
		t.Errorf("%x %v", again, err)
	}
	if Holds(Root{1}, list[0]) == nil {
		t.Error("it holds for another root")
	}
	for _, x := range v.Bad {
		b, err := hex.DecodeString(x.Letter)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ReadStamps(b); !errors.Is(err, ErrLetter) {
			t.Errorf("%s: %v", x.Name, err)
		}
	}
	big := File{Name: "a.tsr", Data: make([]byte, maxStamp)}
	full := []File{big, big, big, big, big, big, big, big}
	if b, err := WriteStamps(root, full); err != nil || len(b) != MaxStampLetter {
		t.Errorf("%d %v", len(b), err)
	}
	for name, list := range map[string][]File{"nine": append(full, big), "none": nil, "no kind": {{Name: "a.exe", Data: []byte("x")}}, "empty": {{Name: "a.ots"}}, "too large": {{Name: "a.ots", Data: make([]byte, maxStamp+1)}}} {
		if _, err := WriteStamps(root, list); !errors.Is(err, ErrLetter) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzStampLetter: no bytes make it fall, and what is read is written the same.
func FuzzStampLetter(f *testing.F) {
	v := readStampLetters(f)
	good, _ := hex.DecodeString(v.Good)
	f.Add(good)
	for _, x := range v.Bad {
		b, _ := hex.DecodeString(x.Letter)
		f.Add(b)
	}
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		root, list, err := ReadStamps(b)
		if err != nil {
			return
		}
		if again, err := WriteStamps(root, list); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x, want %x: %v", again, b, err)
		}
	})
}
