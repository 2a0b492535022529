package daemon

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/link/folder"
	"github.com/jauap/jauap/web/api"
)

// babble is text that does not pack.
func babble(r *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteRune(rune('a' + r.IntN(26)))
	}
	return b.String()
}

func mustCarry(t *testing.T, d *Daemon, ask api.CarryAsk) api.Haul {
	t.Helper()
	h, err := d.Carry(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestStickBringsWhatIsLacked: three devices and one small stick that goes back
// and forth. What the far end lacks goes onto it before what it has.
func TestStickBringsWhatIsLacked(t *testing.T) {
	near, far, writer, reader := newOne(t, "Near", time.Now), newOne(t, "Far", time.Now), newOne(t, "Writer", time.Now), newOne(t, "Reader", time.Now)
	befriend(t, writer.up(), reader.up(), "Writer", "Reader")
	near.up()
	far.up()
	r := rand.New(rand.NewPCG(1, 1))
	write := func(n int) {
		for i := range n {
			if _, err := writer.open.Send(t.Context(), api.SendAsk{To: "Reader", Text: fmt.Sprint(i, babble(r, 3000))}); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(100)
	carry(t, t.TempDir(), writer.open, near.open, far.open) // both have the old
	write(20)
	carry(t, t.TempDir(), writer.open, far.open) // one has the new

	stick := t.TempDir()
	mustCarry(t, near.open, api.CarryAsk{Path: stick, Max: 1000}) // no room but for what it asks
	h := mustCarry(t, far.open, api.CarryAsk{Path: stick, Max: 200_000})
	if h.Asked == 0 || h.Asked > h.Written || h.Written == 0 {
		t.Fatalf("%d were asked for and %d written", h.Asked, h.Written)
	}
	if back := mustCarry(t, near.open, api.CarryAsk{Path: stick, Max: 1000}); back.Read != h.Asked {
		t.Errorf("the stick brought %d of the %d that were asked for", back.Read, h.Asked)
	}
	// Now both hold the same: nothing is asked for, and nothing changes any more.
	if h := mustCarry(t, far.open, api.CarryAsk{Path: stick, Max: 1000}); h.Asked != 0 {
		t.Errorf("%d are asked for although all is there", h.Asked)
	}
	mustCarry(t, near.open, api.CarryAsk{Path: stick, Max: 1000})
	before := listing(t, stick)
	mustCarry(t, far.open, api.CarryAsk{Path: stick, Max: 1000})
	mustCarry(t, near.open, api.CarryAsk{Path: stick, Max: 1000})
	if after := listing(t, stick); before != after {
		t.Errorf("two devices that agree still write:\n%s\n%s", before, after)
	}
	for _, d := range []*one{near, far, writer, reader} {
		d.down()
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(list)
}

// TestVisitTellsProgress: a visit is told of while it runs, with nothing locked.
func TestVisitTellsProgress(t *testing.T) {
	a := newOne(t, "Aigerim", time.Now)
	d := a.up()
	d.progressOf("/media/usb")(folder.Progress{Phase: folder.Writing, Done: 10, Total: 40})
	s, err := d.Sticks(t.Context())
	if err != nil || s.Visit == nil || s.Visit.Phase != "writing" || s.Visit.Done != 10 || s.Visit.Total != 40 {
		t.Errorf("%+v, %v", s.Visit, err)
	}
	mustCarry(t, d, api.CarryAsk{Path: t.TempDir()})
	if s, err := d.Sticks(t.Context()); err != nil || s.Visit != nil {
		t.Errorf("a visit that ended is told of: %+v, %v", s, err)
	}
	a.down()
}
