package sim

import (
	"os"
	"testing"
	"time"
)

// One phone in twenty gives its contacts nothing but junk, besides the Sybils.
// What nobody proves weighs little and is near for its own contacts alone, so mail keeps
// the larger part of the meetings, with postage and without, also when the informant proves
// its own junk; and where all junk has postage the reserved lane and the share of contacts
// hold.
func TestInformants(t *testing.T) {
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("four towns of three days take 40 s: JAUAP_TEST=all plays them")
	}
	for _, c := range []struct {
		name    string
		postage Postage
		proofs  time.Duration // of the informant for its own junk
		want    int
	}{{"informants", Honest, 0, 95}, {"informants", NoPostage, 0, 95}, {"informants", NoPostage, time.Hour, 95}, {"postage", Everybody, 0, 50}} {
		s, err := Named(c.name, 3, 20)
		if err != nil {
			t.Fatal(err)
		}
		s.Postage, s.JunkProofs = c.postage, c.proofs
		r := play(t, s, 3)
		t.Logf("%s, postage %q, junk proven after %v: %+v; %v", c.name, c.postage, c.proofs, r.Outcome, r.Lost)
		x := r.Lost
		if r.Delivered < c.want || r.Delivered+x.Unreachable+x.Unsent+x.Unmet+x.Displaced+x.Crowded != 100 {
			t.Errorf("%s, postage %q, junk proven after %v: %d arrived, want %d; %+v", c.name, c.postage, c.proofs, r.Delivered, c.want, x)
		}
	}
}
