package inquiry

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
)

// TestReply: a code survives how people type it, and one wrong character or two
// that changed places are noticed.
func TestReply(t *testing.T) {
	missed, tried := 0, 0
	for range 200 {
		var id ID
		rand.Read(id[:])
		for _, o := range Outcomes() {
			code := ReplyCode(id, o)
			for _, s := range []string{code, strings.ToLower(code), " " + strings.ReplaceAll(code, "-", " ") + "\n", ReplyQR(id, o), strings.ReplaceAll(code, "0", "o"), strings.ReplaceAll(code, "1", "l")} {
				if begin, got, err := ParseReply(s); err != nil || got != o || !strings.HasPrefix(id.String(), begin) || len(begin) != 10 {
					t.Fatalf("%q: %q %v %v", s, begin, got, err)
				}
			}
			b := []byte(strings.ReplaceAll(code, "-", ""))
			b[tried%11] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(strings.IndexByte("0123456789ABCDEFGHJKMNPQRSTVWXYZ", b[tried%11])+1+tried%31)%32]
			tried++
			if _, _, err := ParseReply(string(b)); err == nil {
				missed++
			} else if !errors.Is(err, ErrReply) {
				t.Fatal(err)
			}
		}
	}
	if missed > tried/100 { // one in 1,024 by chance
		t.Errorf("%d of %d wrong codes were taken", missed, tried)
	}
	for _, s := range []string{"", "JAUAP-REPLY:1:", "AAAA-AAAA-AAA", strings.Repeat("Ү", 11), strings.Repeat("A", 1000)} {
		if _, _, err := ParseReply(s); !errors.Is(err, ErrReply) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
