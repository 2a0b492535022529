package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web/api"
)

// TestMetered: a link to a relay keeps to its budget and to the owner's order, also
// after a restart; the rest goes the next day.
func TestMetered(t *testing.T) {
	r, err := OpenRelay(RelayOptions{Dir: t.TempDir(), Listen: "127.0.0.1:0", Quota: 100 << 20})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- r.Serve(t.Context()) }()
	h := showing(at("2026-11-25"))
	a, b := newOne(t, "Aigerim", h.now), newOne(t, "Dana", h.now)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	a.down()
	b.down()
	start := func(o *one, m config.Metered) *Daemon {
		t.Helper()
		c := config.Default()
		c.Listen, c.Multicast, c.Relays, c.Poll, c.Metered = "off", false, []string{r.Addr()}, 100*time.Millisecond, m
		d, err := Open(Options{Dir: o.dir, Config: c, Now: h.now, Prompt: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		o.open = d
		return d
	}
	budget := config.Metered{Budget: 100_000, Order: config.OrderTexts}
	d := start(a, budget)
	photo := make([]byte, 60_000)
	if _, err := d.Send(t.Context(), api.SendAsk{To: "Dana", Text: "first", Files: []api.SendFile{{Name: "photo.jpg", Data: photo}}}); err != nil {
		t.Fatal(err)
	}
	e := start(b, config.Metered{Order: config.OrderAll})
	eventually(t, "the text", func() bool { return len(texts(t, e, "Aigerim")) == 1 })
	st, err := d.Status(t.Context())
	if err != nil || st.Metered == nil || st.Metered.Left <= 0 || st.Metered.Left >= 100_000 || st.Metered.Order != "texts" {
		t.Fatalf("the status says %+v, %v", st.Metered, err)
	}
	// Texts until nothing is left: 200 kB of them do not fit.
	line := strings.Repeat("a word ", 1000)
	for range 28 {
		if _, err := d.Send(t.Context(), api.SendAsk{To: "Dana", Text: line}); err != nil {
			t.Fatal(err)
		}
	}
	spent := func(d *Daemon) bool {
		st, err := d.Status(t.Context())
		return err == nil && st.Metered.Left == 0 && len(st.Links) == 1 && st.Links[0].State != "up" && strings.Contains(st.Links[0].Error, "budget")
	}
	eventually(t, "the end of the budget", func() bool { return spent(d) })
	d.metered.mu.Lock()
	used := d.metered.used
	d.metered.mu.Unlock()
	if used > 180_000 {
		t.Errorf("%d bytes were used of a budget of 100,000", used)
	}
	a.down()
	d = start(a, budget)
	eventually(t, "the same budget after a restart", func() bool { return spent(d) })
	if got := texts(t, e, "Aigerim"); len(got) > 28 {
		t.Errorf("all %d letters arrived within the budget", len(got))
	}
	h.set(h.now().Add(24 * time.Hour))
	budget = config.Metered{Budget: 10_000_000, Order: config.OrderTexts}
	a.down()
	d = start(a, budget)
	eventually(t, "the rest", func() bool { return len(texts(t, e, "Aigerim")) == 29 })
	whole := func() bool {
		list, err := e.Read(t.Context(), api.ReadAsk{From: "Aigerim"})
		return err == nil && len(list) > 0 && len(list[0].Attachments) == 1 && list[0].Attachments[0].Have == 60_000
	}
	if whole() {
		t.Error("a photo went over a link for texts only")
	}
	a.down()
	budget.Order = config.OrderPhotos
	start(a, budget)
	eventually(t, "the photo", whole)
	a.down()
	b.down()
}

// eventually polls for a fact.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}
