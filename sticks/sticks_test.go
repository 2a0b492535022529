package sticks

import (
	"testing"
	"time"

	"github.com/jauap/jauap/link/folder"
)

// TestTimeLeft: what a phase still takes follows from what it took so far.
func TestTimeLeft(t *testing.T) {
	now, told := time.Unix(1000, 0), 0
	d := Desk{Now: func() time.Time { return now }, Changed: func() { told++ }}
	tell := d.Progress("/media/usb")
	tell(folder.Progress{Phase: folder.Writing, Total: 400})
	for range 100 { // ten seconds of ten looks each
		now = now.Add(100 * time.Millisecond)
		tell(folder.Progress{Phase: folder.Writing, Done: int64(now.Sub(time.Unix(1000, 0)) / (100 * time.Millisecond)), Total: 400})
	}
	v, _ := d.State()
	if v == nil || v.Done != 100 || v.Left != 30*time.Second {
		t.Errorf("%+v; want 30 s left", v)
	}
	if told > 11 {
		t.Errorf("%d changes were told of in ten seconds", told)
	}
	tell(folder.Progress{Phase: folder.Protecting, Done: 10, Total: 20})
	if v, _ := d.State(); v.Left != 0 {
		t.Errorf("the rate of one phase was taken for another's: %v", v.Left)
	}
	d.End("/media/usb")
	if v, _ := d.State(); v != nil {
		t.Error("a visit that ended is told of")
	}
}
