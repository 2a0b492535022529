package daemon

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/store"
	"github.com/jauap/jauap/web/api"
)

// TestLostLetterIsSaid: of a letter that the disk spoiled before anybody took it its
// writer is told, until somebody turns out to have it; of one that left nothing is said.
func TestLostLetterIsSaid(t *testing.T) {
	a, b := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	defer a.down()
	defer b.down()
	d := a.open
	disk := shelfOn(t, d, durable.NewMem())
	said := func() bool {
		t.Helper()
		d.step(node.Tick{})
		d.retry()
		d.courier.Lock()
		defer d.courier.Unlock()
		return slices.ContainsFunc(d.troubles(), func(s string) bool { return strings.Contains(s, "lost letters to Dana") })
	}
	send := func(text string) (unit []byte, id envelope.ID) {
		t.Helper()
		top := d.shelf.Top()
		if _, err := d.Send(t.Context(), api.SendAsk{To: "Dana", Text: text}); err != nil {
			t.Fatal(err)
		}
		d.people.Lock()
		d.pack(1 << 20) // else it waits for somebody to take it
		d.people.Unlock()
		d.shelf.Each(top, 1, func(e store.Entry) { id = e.ID })
		unit, err := d.shelf.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		return unit, id
	}
	spoil := func(unit []byte, id envelope.ID) {
		t.Helper()
		for name, all := range disk.Image() {
			if at := bytes.Index(all, unit); at >= 0 {
				f, err := disk.Open(name, durable.Write)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteAt([]byte{^unit[200]}, int64(at)+200); err != nil {
					t.Fatal(err)
				}
				_ = f.Close()
			}
		}
		if _, err := d.shelf.Get(id); err == nil || d.shelf.Has(id) {
			t.Fatalf("read what was spoiled, error %v", err)
		}
	}
	carried, id := send("taken")
	carry(t, t.TempDir(), d)
	spoil(carried, id)
	if said() {
		t.Error("said of a letter that left")
	}
	unit, id := send("bread")
	if said() {
		t.Error("said of a letter that is there")
	}
	spoil(unit, id)
	if !said() {
		t.Fatal("nobody is told that a letter is lost")
	}
	d.step(node.Found{Raw: unit})
	if said() || !d.shelf.Has(id) {
		t.Error("still said when it came back")
	}
}
