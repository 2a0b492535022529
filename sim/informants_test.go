package sim

import (
	"os"
	"testing"
)

// One phone in twenty gives its contacts nothing but junk, besides the Sybils.
// What nobody proves weighs little, so mail keeps the larger part of the meetings;
// and where all junk has postage the reserved lane and the share of contacts hold.
func TestInformants(t *testing.T) {
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("two towns of three days take 20 s: JAUAP_TEST=all plays them")
	}
	for name, want := range map[string]int{"informants": 90, "postage": 50} {
		s, err := Named(name, 3, 20)
		if err != nil {
			t.Fatal(err)
		}
		r := play(t, s, 3)
		t.Logf("%s: %+v; %v", name, r.Outcome, r.Lost)
		x := r.Lost
		if r.Delivered < want || r.Delivered+x.Unreachable+x.Unsent+x.Unmet+x.Displaced+x.Crowded != 100 {
			t.Errorf("%s: %d arrived, want %d; %+v", name, r.Delivered, want, x)
		}
	}
}
