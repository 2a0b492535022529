package fold

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jauap/jauap/seal"
)

func letters(n int, text string) (list []seal.Part) {
	for i := range n {
		list = append(list, seal.Part{Kind: 0x50 | critical, Body: fmt.Appendf(nil, "%016d%s", i*7919, text)})
	}
	return list
}

// TestFold: parts come back as they were, and letters get smaller.
func TestFold(t *testing.T) {
	for name, c := range map[string]struct {
		parts []seal.Part
		most  float64
	}{
		"nothing":  {nil, 0},
		"one":      {letters(1, "Мы дома, свет есть, телефон не работает. Как вы?"), 1},
		"empty":    {[]seal.Part{{Kind: 0x52}}, 10},
		"Russian":  {letters(20, "Мы дома, свет есть, телефон не работает. Как вы?"), 0.4},
		"Kazakh":   {letters(20, "Біз үйдеміз, жарық бар, телефон істемейді."), 0.4},
		"megabyte": {letters(64, strings.Repeat("x", 4000)), 0.1},
	} {
		b, err := Fold(c.parts)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := Unfold(b)
		if err != nil || len(got) != len(c.parts) {
			t.Fatalf("%s: %d of %d parts, %v", name, len(got), len(c.parts), err)
		}
		size := 0
		for i, p := range c.parts {
			if size += seal.PartSize(p); got[i].Kind != p.Kind || !bytes.Equal(got[i].Body, p.Body) {
				t.Fatalf("%s: part %d changed", name, i)
			}
		}
		if c.most > 0 && float64(len(b)) > c.most*float64(size) {
			t.Errorf("%s: %d bytes of %d", name, len(b), size)
		}
	}
}

// TestHostile: bombs, nests and cut parts are refused.
func TestHostile(t *testing.T) {
	deflate := func(b []byte) []byte {
		var out bytes.Buffer
		w, _ := flate.NewWriter(&out, 9)
		_, _ = w.Write(b)
		_ = w.Close()
		return out.Bytes()
	}
	if _, err := Fold([]seal.Part{{Kind: Kind | critical}}); !errors.Is(err, ErrMalformed) {
		t.Errorf("a nest is folded: %v", err)
	}
	for name, b := range map[string][]byte{
		"bomb":   deflate(make([]byte, 64<<20)),
		"many":   deflate(bytes.Repeat([]byte{0x50, 0}, maxParts+1)),
		"nest":   deflate([]byte{Kind, 0}),
		"cut":    deflate([]byte{0x50, 5, 1}),
		"length": deflate([]byte{0x50, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
		"kind":   deflate([]byte{0x50}),
		"noise":  {0xff, 0xff},
		"empty":  {},
	} {
		if p, err := Unfold(b); !errors.Is(err, ErrMalformed) || p != nil {
			t.Errorf("%s: %d parts, %v", name, len(p), err)
		}
	}
}

func FuzzUnfold(f *testing.F) {
	for _, n := range []int{0, 1, 3} {
		b, _ := Fold(letters(n, "text"))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		parts, err := Unfold(b)
		if err != nil {
			return
		}
		again, err := Fold(parts)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unfold(again)
		if err != nil || len(got) != len(parts) {
			t.Fatalf("%d of %d parts, %v", len(got), len(parts), err)
		}
	})
}
