package daemon

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web/api"
	"github.com/jauap/jauap/web/api/apitest"
)

// one is a person's data folder, opened when a test needs it.
type one struct {
	t    *testing.T
	dir  string
	now  func() time.Time
	open *Daemon
}

func newOne(t *testing.T, name string, now func() time.Time) *one {
	t.Helper()
	o := &one{t: t, dir: filepath.Join(t.TempDir(), name), now: now}
	if err := Init(o.dir, name, nil, now); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *one) up() *Daemon {
	o.t.Helper()
	c := config.Default()
	c.Receipts = config.ReceiptsPrompt
	d, err := Open(Options{Dir: o.dir, Config: c, Now: o.now, Prompt: true})
	if err != nil {
		o.t.Fatal(err)
	}
	o.open = d
	return d
}

func (o *one) down() {
	o.t.Helper()
	if err := o.open.Close(); err != nil {
		o.t.Fatal(err)
	}
}

// befriend lets a hold b's invitation, and b hold a's.
func befriend(t *testing.T, a, b *Daemon, aName, bName string) {
	t.Helper()
	for _, p := range []struct {
		from, to *Daemon
		name     string
	}{{a, b, aName}, {b, a, bName}} {
		i, err := p.from.Invite(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.to.Accept(t.Context(), api.AcceptAsk{Code: i.Link, Name: p.name}); err != nil {
			t.Fatal(err)
		}
	}
}

func carry(t *testing.T, stick string, ds ...*Daemon) {
	t.Helper()
	for _, d := range ds {
		if _, err := d.Carry(t.Context(), api.CarryAsk{Path: stick}); err != nil {
			t.Fatal(err)
		}
	}
}

func texts(t *testing.T, d *Daemon, from string) []string {
	t.Helper()
	list, err := d.Read(t.Context(), api.ReadAsk{From: from})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range list {
		out = append(out, l.Text)
	}
	return out
}

// TestWrongClocks: with a clock in 1970 or 2106 letters are written, kept and
// named; nothing is lost or expired, and all leaves when the clock is right.
func TestWrongClocks(t *testing.T) {
	for _, wrong := range []string{"1970-01-01", "2106-02-07"} {
		t.Run(wrong, func(t *testing.T) {
			h := showing(at("2026-11-22"))
			a, b := newOne(t, "Aigerim", h.now), newOne(t, "Dana", h.now)
			stick := t.TempDir()
			befriend(t, a.up(), b.up(), "Aigerim", "Dana")
			if _, err := a.open.Send(t.Context(), api.SendAsk{To: "Dana", Text: "before"}); err != nil {
				t.Fatal(err)
			}
			carry(t, stick, a.open) // sealed and on the stick, and on both shelves
			a.down()

			h.set(at(wrong))
			d := a.up()
			st, err := d.Status(t.Context())
			if err != nil || !strings.Contains(st.Clock, wrong) {
				t.Errorf("the status says %q of the clock, %v", st.Clock, err)
			}
			if st.Shelf.Envelopes == 0 {
				t.Error("a wrong clock emptied the shelf")
			}
			if _, err := d.Send(t.Context(), api.SendAsk{To: "Dana", Text: "in the wrong year"}); err != nil {
				t.Fatal(err)
			}
			a.down()

			h.set(at("2026-11-24"))
			d = a.up()
			if st, err = d.Status(t.Context()); err != nil || st.Clock != "" {
				t.Errorf("the right clock is doubted: %q, %v", st.Clock, err)
			}
			b.down()
			carry(t, stick, d, b.up())
			got := strings.Join(texts(t, b.open, "Aigerim"), "|")
			if !strings.Contains(got, "before") || !strings.Contains(got, "in the wrong year") {
				t.Errorf("Dana reads %q", got)
			}
			a.down()
			b.down()
		})
	}
}

// TestFirstStartIn1970: on a device that never knew the date letters wait and
// say so.
func TestFirstStartIn1970(t *testing.T) {
	h := showing(at("1970-01-01"))
	right := showing(at("2026-11-22"))
	a, b := newOne(t, "Aigerim", h.now), newOne(t, "Dana", right.now)
	stick := t.TempDir()
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	if _, err := a.open.Send(t.Context(), api.SendAsk{To: "Dana", Text: "what day is it"}); err != nil {
		t.Fatal(err)
	}
	carry(t, stick, a.open, b.open)
	if got := texts(t, b.open, "Aigerim"); len(got) != 0 {
		t.Errorf("sealed without a date: %q", got)
	}
	if st, err := a.open.Status(t.Context()); err != nil || st.Waiting == 0 || st.Clock == "" {
		t.Errorf("status %+v, %v", st, err)
	}
	a.down()
	h.set(right.now())
	carry(t, stick, a.up(), b.open)
	if got := texts(t, b.open, "Aigerim"); len(got) != 1 {
		t.Errorf("Dana reads %q", got)
	}
	a.down()
	b.down()
}

// TestBackend: the daemon answers as every Backend must.
func TestBackend(t *testing.T) {
	a, b := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	apitest.Check(t, a.open)
	a.down()
	b.down()
}

// TestTwoOwners: a second process is told, and harms nothing.
func TestTwoOwners(t *testing.T) {
	a := newOne(t, "Aigerim", time.Now)
	a.up()
	if d, err := Open(Options{Dir: a.dir, Config: config.Default()}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v, %v", d, err)
	}
	a.down()
	if err := Init(a.dir, "again", nil, nil); !errors.Is(err, ErrProfileExists) {
		t.Errorf("made twice: %v", err)
	}
	if _, err := Open(Options{Dir: t.TempDir()}); !errors.Is(err, ErrNoProfile) {
		t.Errorf("opened nothing: %v", err)
	}
}

// TestFullDisk fills the disk under a node: letters are refused in words, what
// was acknowledged stays, and all works again when there is space.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	mount := exec.Command("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", dir)
	if out, err := mount.CombinedOutput(); err != nil {
		if os.Getenv("JAUAP_TEST") == "all" {
			t.Fatalf("JAUAP_TEST=all, and no small disk can be mounted: %v: %s", err, out)
		}
		t.Skipf("no small disk can be mounted here (root is needed): %v", err)
	}
	defer exec.Command("umount", "-l", dir).Run()
	a := &one{t: t, dir: filepath.Join(dir, "Aigerim"), now: time.Now}
	if err := Init(a.dir, "Aigerim", nil, nil); err != nil {
		t.Fatal(err)
	}
	b := newOne(t, "Dana", time.Now)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	ballast := filepath.Join(dir, "ballast")
	fill := func() {
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for n := 1 << 20; n > 0; {
			if _, err := f.Write(make([]byte, n)); err != nil {
				n /= 2
			}
		}
	}
	var acked []string
	refused := false
	text := strings.Repeat("bread ", 3000)
	for i := range 200 {
		if i == 20 {
			fill()
		}
		letter := string(rune('A'+i%26)) + text
		_, err := a.open.Send(t.Context(), api.SendAsk{To: "Dana", Text: letter})
		if err != nil {
			refused = true
			if !errors.Is(err, api.ErrFull) {
				t.Errorf("a full disk says %v", err)
			}
			break
		}
		acked = append(acked, letter)
	}
	if !refused {
		t.Fatal("the disk never became full: the test proves nothing")
	}
	stick := t.TempDir()
	// The shelf cannot take the sealed letters now, or only some: no harm.
	_, _ = a.open.Carry(context.Background(), api.CarryAsk{Path: stick})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := a.open.Close(); err != nil {
		t.Logf("closed after the full disk: %v", err)
	}
	carry(t, stick, a.up(), b.open)
	got := texts(t, b.open, "Aigerim")
	if len(got) != len(acked) {
		t.Errorf("%d letters arrived of %d acknowledged", len(got), len(acked))
	}
	a.down()
	b.down()
}
