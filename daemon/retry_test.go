package daemon

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
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
	d := a.open
	disk := shelfOn(t, d, durable.NewMem())
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

// TestUnreadAgain: a letter that came while the vault had no room, and that a failing
// disk does not give back at the first attempt, is opened when the disk does, not at the
// next start.
func TestUnreadAgain(t *testing.T) {
	a, b := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	defer a.down()
	defer b.down()
	disk := shelfOn(t, b.open, durable.NewMem())
	stick := t.TempDir()
	if _, err := a.open.Send(t.Context(), api.SendAsk{To: "Dana", Text: "bread"}); err != nil {
		t.Fatal(err)
	}
	carry(t, stick, a.open)
	d := b.open
	d.acc.Use(nil) // a vault that refuses
	_, _ = d.Carry(t.Context(), api.CarryAsk{Path: stick})
	d.acc.Use(d.chat)
	disk.FailAt(1, errors.New("input/output error"), true)
	d.retry()
	if got := texts(t, d, "Aigerim"); len(got) != 0 {
		t.Fatalf("read %q: the disk gave what it should not, the test proves nothing", got)
	}
	waits := func() bool {
		d.courier.Lock()
		defer d.courier.Unlock()
		return slices.ContainsFunc(d.troubles(), func(s string) bool { return strings.Contains(s, "the shelf cannot be read") })
	}
	if !waits() {
		t.Error("nobody is told that a letter waits")
	}
	disk.FailAt(0, nil, false)
	d.retry()
	if got := texts(t, d, "Aigerim"); !slices.Equal(got, []string{"bread"}) || waits() {
		t.Fatalf("read %q, trouble %v", got, waits())
	}
}

// shelfOn gives an open node a shelf on another disk.
func shelfOn(t *testing.T, d *Daemon, disk *durable.Mem) *durable.Mem {
	t.Helper()
	today := envelope.DayOf(time.Now())
	sh, _, err := store.Open(disk, store.Options{Quota: 1 << 20, Today: today, Shares: routing.Shares()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.shelf.Close(); err != nil {
		t.Fatal(err)
	}
	d.shelf, d.node = sh, node.New(node.Config{Today: today}, sh, rand.New(rand.NewPCG(1, 1)))
	return disk
}
