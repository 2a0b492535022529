package daemon

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
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
	d.sticks.Progress("/media/usb")(folder.Progress{Phase: folder.Writing, Done: 10, Total: 40})
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

// TestStickIsNoticed: a known stick is visited when it is plugged in, for another
// the page asks, and one that is gone is not asked for any more.
func TestStickIsNoticed(t *testing.T) {
	a, b := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	known, strange := t.TempDir(), t.TempDir()
	mustCarry(t, b.open, api.CarryAsk{Path: known})
	mustCarry(t, a.open, api.CarryAsk{Path: strange})
	if _, err := a.open.Send(t.Context(), api.SendAsk{To: "Dana", Text: "by a stick"}); err != nil {
		t.Fatal(err)
	}
	mustCarry(t, a.open, api.CarryAsk{Path: known})
	b.down()

	c := config.Default()
	c.Listen, c.Multicast, c.Tune = "off", false, []string{"off"}
	plug := make(chan []string)
	d, err := Open(Options{Dir: b.dir, Config: c, Prompt: true, Plugged: func(ctx context.Context, tell func([]string)) error {
		for {
			select {
			case list := <-plug:
				tell(list)
			case <-ctx.Done():
				return nil
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.open = d
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	before := listing(t, strange)
	plug <- []string{strange, known}
	until(t, "the letter on a known stick", func() bool { return len(texts(t, d, "Aigerim")) == 1 })
	until(t, "the question about the other", func() bool {
		s, err := d.Sticks(t.Context())
		return err == nil && len(s.Appeared) == 1 && s.Appeared[0].Path == strange
	})
	if listing(t, strange) != before {
		t.Error("something was written without a word")
	}
	plug <- []string{known}
	until(t, "the end of the question", func() bool {
		s, err := d.Sticks(t.Context())
		return err == nil && len(s.Appeared) == 0
	})
	a.down()
	b.down()
}

// TestSynchronisedFolder: two devices that share a folder, in which another
// program leaves what it is still writing, and that fall silent when all is there.
func TestSynchronisedFolder(t *testing.T) {
	a, b := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	shared := t.TempDir()
	if err := os.WriteFile(filepath.Join(shared, ".syncthing.ABCDEFGH.DAT.tmp"), make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.open.Send(t.Context(), api.SendAsk{To: "Dana", Text: "through a share"}); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*Daemon{a.open, b.open} {
		d.spawn(func() { d.keepFolder(shared, 20*time.Millisecond) })
	}
	until(t, "the letter", func() bool { return len(texts(t, b.open, "Aigerim")) == 1 })
	if _, err := b.open.Send(t.Context(), api.SendAsk{To: "Aigerim", Text: "and back"}); err != nil {
		t.Fatal(err)
	}
	until(t, "the answer", func() bool { return len(texts(t, a.open, "Dana")) == 1 })
	quiet, last := 0, ""
	until(t, "an end of writing", func() bool {
		now := listing(t, shared)
		if quiet++; now != last {
			quiet, last = 0, now
		}
		return quiet > 30
	})
	if _, err := os.Stat(filepath.Join(shared, ".syncthing.ABCDEFGH.DAT.tmp")); err != nil {
		t.Error(err)
	}
	a.down()
	b.down()
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("%s does not come", what)
		}
	}
}
