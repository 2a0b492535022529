package daemon

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/store"
	"github.com/jauap/jauap/web/api"
)

// TestBadPlaceUnderTheShelf: a node whose shelf lies on a place that cannot be read starts, says so,
// and at the next start there is nothing to say.
func TestBadPlaceUnderTheShelf(t *testing.T) {
	a, b := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	defer a.down()
	defer b.down()
	d := a.open
	disk := durable.NewMem()
	shelfOn(t, d, disk)
	for range 5 {
		if _, err := d.Send(t.Context(), api.SendAsk{To: "Dana", Text: strings.Repeat("bread ", 400)}); err != nil {
			t.Fatal(err)
		}
	}
	d.people.Lock()
	d.pack(1 << 20)
	d.people.Unlock()
	bad := 0
	for name, all := range disk.Image() {
		if strings.HasPrefix(name, "log-") && len(all) > durable.Block {
			disk.Spoil(name, int64(len(all))-1)
			bad++
		}
	}
	if bad == 0 {
		t.Fatal("no journal has a block to lose")
	}
	said := func() bool {
		d.courier.Lock()
		defer d.courier.Unlock()
		return slices.ContainsFunc(d.troubles(), func(s string) bool { return strings.Contains(s, "a place of the disk cannot be read") })
	}
	for start := range 2 {
		if err := d.shelf.Close(); err != nil {
			t.Fatal(err)
		}
		d.setTrouble("disk", "")
		sh, report, err := store.Open(disk, store.Options{Quota: d.opts.Config.Quota, Today: d.today()})
		if err != nil {
			t.Fatal(err)
		}
		d.shelf = sh
		d.opened(report)
		if first := start == 0; said() != first || (report.Unread > 0) != first || sh.Losses() > 0 != first {
			t.Fatalf("start %d: said %v, report %+v", start, said(), report)
		}
	}
}
