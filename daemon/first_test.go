package daemon

import (
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/web/api"
)

// TestPackFirst: while no link is there a text is sealed for the first flight, and no
// piece of an attachment, which would leave before the next text.
func TestPackFirst(t *testing.T) {
	a, b := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	defer a.down()
	defer b.down()
	stick, d := t.TempDir(), a.open
	for _, ask := range []api.SendAsk{
		{To: "Dana", Text: "bread"},
		{To: "Dana", Text: "", Files: []api.SendFile{{Name: "video.mp4", Data: make([]byte, 200_000)}}},
	} {
		if _, err := d.Send(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
		if ask.Files == nil {
			for range 2 {
				carry(t, stick, d)
				carry(t, stick, b.open)
			}
		}
	}
	sealed := func() int {
		d.courier.Lock()
		d.firstUnit, d.firstLook = envelope.ID{}, 0
		d.courier.Unlock()
		d.packFirst()
		d.courier.Lock()
		defer d.courier.Unlock()
		return len(d.ahead)
	}
	named := sealed()
	if n := sealed(); d.acc.Waiting() == 0 || n != named {
		t.Fatalf("%d envelopes are sealed, %d after the name of a file left; %d entries wait", n, named, d.acc.Waiting())
	}
	if _, err := d.Send(t.Context(), api.SendAsk{To: "Dana", Text: "water"}); err != nil {
		t.Fatal(err)
	}
	if n := sealed(); n != named+1 {
		t.Fatalf("a text is not sealed for the first flight: %d envelopes, %d before", n, named)
	}
}
