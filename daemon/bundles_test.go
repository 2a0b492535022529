package daemon

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web/api"
)

// tcpPort is one that nobody uses at the moment.
func tcpPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// linkedBy starts a node whose only link is to a bundle node.
func linkedBy(o *one, bp string) *Daemon {
	o.t.Helper()
	c := config.Default()
	c.Receipts, c.Listen, c.Multicast, c.Bundles = config.ReceiptsPrompt, "off", false, []string{bp}
	d, err := Open(Options{Dir: o.dir, Config: c, Now: o.now, Prompt: true})
	if err == nil {
		err = d.Start()
	}
	if err != nil {
		o.t.Fatal(err)
	}
	o.open = d
	return d
}

// state waits until a letter that d wrote has one of these states.
func state(t *testing.T, d *Daemon, text string, want ...api.State) {
	t.Helper()
	var last []api.Outgoing
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		if last, err = d.Outbox(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, o := range last {
			if o.Text == text && slices.Contains(want, o.State) {
				return
			}
		}
	}
	t.Fatalf("%q is not %v: %+v", text, want, last)
}

// TestLettersByBundles: letters go both ways between a node that listens and one that
// calls, are confirmed, and after a restart nothing is sent anew.
func TestLettersByBundles(t *testing.T) {
	a, b := newOne(t, "aigerim", time.Now), newOne(t, "dana", time.Now)
	addr := tcpPort(t)
	da, db := a.up(), b.up()
	befriend(t, da, db, "aigerim", "dana")
	a.down()
	b.down()
	da = linkedBy(a, "tcpcl://"+addr+",listen")
	defer a.down()
	if _, err := da.Send(t.Context(), api.SendAsk{To: "dana", Text: "by bundle"}); err != nil {
		t.Fatal(err)
	}
	db = linkedBy(b, "tcpcl://"+addr)
	got(t, db, "aigerim", "by bundle")
	if _, err := db.Send(t.Context(), api.SendAsk{To: "aigerim", Text: "and back"}); err != nil {
		t.Fatal(err)
	}
	got(t, da, "dana", "and back")
	state(t, db, "and back", api.Carried, api.Delivered, api.Read)
	state(t, da, "by bundle", api.Delivered, api.Read)
	st, err := db.Status(t.Context())
	if err != nil || !slices.ContainsFunc(st.Links, func(l api.Link) bool { return l.Kind == "dtn" && l.State == "up" && l.In > 0 && l.Out > 0 }) {
		t.Errorf("status %+v, %v", st.Links, err)
	}
	time.Sleep(2 * bundleIdle) // it notes that all is done
	b.down()
	db = linkedBy(b, "tcpcl://"+addr)
	defer b.down()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if st, err = db.Status(t.Context()); err != nil || time.Now().After(end) {
			t.Fatalf("no line after the restart: %+v, %v", st.Links, err)
		}
		if slices.ContainsFunc(st.Links, func(l api.Link) bool { return l.Kind == "dtn" && l.State == "up" }) {
			break
		}
	}
	time.Sleep(2 * bundleIdle)
	if st, err = db.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, l := range st.Links {
		if l.Kind == "dtn" && l.Out > 2048 {
			t.Errorf("%d bytes were sent anew after the restart", l.Out)
		}
	}
}

// got waits for a letter.
func got(t *testing.T, d *Daemon, from, text string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if slices.Contains(texts(t, d, from), text) {
			return
		}
	}
	t.Fatalf("%q did not arrive", text)
}

// TestLetterByBundleFiles: a folder that a node's tools fill and empty.
func TestLetterByBundleFiles(t *testing.T) {
	a, b := newOne(t, "aigerim", time.Now), newOne(t, "dana", time.Now)
	da, db := a.up(), b.up()
	defer a.down()
	defer b.down()
	befriend(t, da, db, "aigerim", "dana")
	if _, err := da.Send(t.Context(), api.SendAsk{To: "dana", Text: "in a file"}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	haul, err := da.Bundles(t.Context(), api.BundlesAsk{Dir: dir, Options: "to=ipn:20.7"})
	if err != nil || haul.Written == 0 || haul.Bytes == 0 {
		t.Fatalf("export: %+v, %v", haul, err)
	}
	state(t, da, "in a file", api.Carried)
	if again, err := da.Bundles(t.Context(), api.BundlesAsk{Dir: dir, Options: "to=ipn:20.7"}); err != nil || again.Written != 0 {
		t.Errorf("a second export left %d, %v", again.Written, err)
	}
	if strange, err := db.Bundles(t.Context(), api.BundlesAsk{Dir: dir, Import: true}); err != nil || strange.Read != 0 || len(strange.Notes) != 1 {
		t.Errorf("bundles for another were taken: %+v, %v", strange, err)
	}
	in, err := db.Bundles(t.Context(), api.BundlesAsk{Dir: dir, Import: true, Options: "as=ipn:20.0"})
	if err != nil || in.Opened != 1 || in.Read != haul.Written {
		t.Errorf("import: %+v, %v", in, err)
	}
	got(t, db, "aigerim", "in a file")
	for _, ask := range []api.BundlesAsk{{Dir: dir + "x"}, {Dir: dir, Options: "to=nobody"}, {Dir: dir, Options: "fast"}} {
		if _, err := da.Bundles(t.Context(), ask); !errors.Is(err, api.ErrUsage) {
			t.Errorf("%+v: %v", ask, err)
		}
	}
}
