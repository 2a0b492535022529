package town

import (
	"os"
	"strings"
	"testing"
)

// TestEveryEffect lets the same small town be struck once at its n-th place: a phone or
// the relay is killed at the n-th effect or commit, or the n-th call on its disk fails or
// finds no room. JAUAP_TEST=all takes every n, the plain run some of them.
func TestEveryEffect(t *testing.T) {
	for _, p := range swept() {
		step := 16
		switch {
		case p.What == "killed" && p.Of == "relay":
			step = 60
		case p.What == "killed":
			step = 90
		case p.What == "refused": // person0:refused:21 and person1:refused:18 once kept letters
			step = 3
		case p.What == "sector":
			step = 5
		case p.Of == "relay":
			step = 8
		}
		runs := 0
		if os.Getenv("JAUAP_TEST") == "all" {
			step = 1
		}
		for p.N = min(step, 8); ; p.N += step {
			r, err := Run(t.Context(), Small(5, p))
			if err != nil {
				t.Fatal(err)
			}
			if r.Letters == 0 {
				t.Fatalf("%v: no letters: nothing is shown", p)
			}
			if !r.Reached {
				break
			}
			runs++
		}
		t.Logf("%s, %s: %d places", p.Of, p.What, runs)
		if runs < 3 {
			t.Errorf("%s, %s: only %d places were struck", p.Of, p.What, runs)
		}
	}
}

func TestParsePlace(t *testing.T) {
	for _, s := range []string{"", "relay:fails:37", "person1:killed:5", "person0:refused:1", "relay:full:2", "relay:sector:3"} {
		p, err := ParsePlace(s)
		if err != nil || s != "" && p.String() != s {
			t.Errorf("%q: %v %v", s, p, err)
		}
	}
	for _, s := range []string{"relay", "relay:fails:0", "relay:refused:1", "person:full:1", "person-1:full:1", "stranger:full:1", "relay:burns:1", "relay:fails:x"} {
		if p, err := ParsePlace(s); err == nil {
			t.Errorf("%q is read as %v", s, p)
		}
	}
	if _, err := Run(t.Context(), Small(1, Place{"person7", "fails", 1})); err == nil {
		t.Error("a person who is not there was struck")
	}
	if s := Small(5, Place{"relay", "fails", 37}).Command(); !strings.HasSuffix(s, "--apart --place relay:fails:37") {
		t.Error(s)
	}
}
