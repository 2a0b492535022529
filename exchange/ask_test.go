package exchange

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
)

func shelfOf(from, to int) func(func(envelope.ID)) {
	return func(f func(envelope.ID)) {
		for i := from; i < to; i++ {
			var id envelope.ID
			binary.BigEndian.PutUint64(id[:], uint64(i)*0x9e3779b97f4a7c15)
			f(id)
		}
	}
}

func TestAskFindsWhatIsLacked(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ theirs, shared, mine int }{
		{0, 0, 0}, {0, 0, 20}, {20, 0, 0}, {0, 5000, 0}, {3, 5000, 7}, {500, 20_000, 1500}, {0, 0, 30}, {30, 3, 1},
	} {
		var nonce [AskNonce]byte
		for i := range nonce {
			nonce[i] = byte(r.Uint32())
		}
		ask := Ask(nonce, shelfOf(0, c.theirs+c.shared))
		if len(ask) > AskNonce+maxAsk*symbolSize {
			t.Fatalf("%+v: %d bytes", c, len(ask))
		}
		lacks, even, ok := Lacking(ask, shelfOf(c.theirs, c.theirs+c.shared+c.mine))
		if !ok || len(lacks) != c.mine || even != (c.mine+c.theirs == 0) {
			t.Errorf("%+v: %d lacked, even %v, ok %v", c, len(lacks), even, ok)
		}
		shelfOf(c.theirs+c.shared, c.theirs+c.shared+c.mine)(func(id envelope.ID) {
			if !lacks[id] {
				t.Fatalf("%+v: a unit is not named", c)
			}
		})
	}
	if _, _, ok := Lacking(Ask([AskNonce]byte{1}, shelfOf(0, 10_000)), shelfOf(20_000, 30_000)); ok {
		t.Error("20,000 differences were found in 4,096 symbols")
	}
}

// TestAsksHaveNothingInCommon: two asks of one shelf.
func TestAsksHaveNothingInCommon(t *testing.T) {
	a, b := Ask([AskNonce]byte{1}, shelfOf(0, 900)), Ask([AskNonce]byte{2}, shelfOf(0, 900))
	same := 0
	for i := AskNonce; i+symbolSize <= len(a); i += symbolSize {
		if string(a[i:i+4]) == string(b[i:i+4]) {
			same++
		}
	}
	if same > 8+len(a)/symbolSize/8 { // empty symbols are alike
		t.Errorf("%d of %d symbols are alike", same, len(a)/symbolSize)
	}
}

func FuzzLacking(f *testing.F) {
	f.Add(Ask([AskNonce]byte{1}, shelfOf(0, 40)))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, ask []byte) {
		defer limits.Watch(t, len(ask))()
		lacks, _, _ := Lacking(ask, shelfOf(0, 50))
		if len(lacks) > 50 {
			t.Fatal("more is lacked than there is")
		}
	})
}
