package daemon

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
	"github.com/jauap/jauap/web/api"
)

// TestRoomAgain: a disk without room for a while makes letters wait, not for
// the next start but for the room, at both ends.
func TestRoomAgain(t *testing.T) {
	a, b := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	defer a.down()
	defer b.down()
	disk := durable.NewMem()
	today := envelope.DayOf(time.Now())
	sh, _, err := store.Open(disk, store.Options{Quota: 1 << 20, Today: today, Shares: routing.Shares()})
	if err != nil {
		t.Fatal(err)
	}
	d := a.open
	if err := d.shelf.Close(); err != nil {
		t.Fatal(err)
	}
	d.shelf, d.node = sh, node.New(node.Config{Today: today}, sh, rand.New(rand.NewPCG(1, 1)))
	stick := t.TempDir()
	disk.SetLimit(disk.Used() + 1)
	if _, err := d.Send(t.Context(), api.SendAsk{To: "Dana", Text: "bread"}); err != nil {
		t.Fatal(err)
	}
	_, _ = d.Carry(t.Context(), api.CarryAsk{Path: stick}) // the shelf takes nothing
	disk.SetLimit(0)
	d.retry()
	carry(t, stick, d)
	b.open.acc.Use(nil) // a vault that refuses
	_, _ = b.open.Carry(t.Context(), api.CarryAsk{Path: stick})
	if got := texts(t, b.open, "Aigerim"); len(got) != 0 {
		t.Fatalf("read %q: the vault refused nothing, the test proves nothing", got)
	}
	b.open.acc.Use(b.open.chat)
	b.open.retry()
	if got := texts(t, b.open, "Aigerim"); !slices.Equal(got, []string{"bread"}) {
		t.Fatalf("read %q", got)
	}
}
