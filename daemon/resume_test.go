package daemon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/internal/netem"
	"github.com/jauap/jauap/web/api"
)

// TestResumeElsewhere: a large attachment is cut on a LAN link, over QUIC, and goes on
// over a relay, over TLS, at the byte where it was.
func TestResumeElsewhere(t *testing.T) {
	r, err := OpenRelay(RelayOptions{Dir: t.TempDir(), Listen: "127.0.0.1:0", Quota: 100 << 20})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = r.Serve(t.Context()) }()
	line, err := netem.New(netem.Params{Rate: 2e6, Delay: 5 * time.Millisecond}, 1, [2]netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	a, b := newOne(t, "Aigerim", nil), newOne(t, "Dana", nil)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	a.down()
	b.down()
	start := func(o *one, change func(*config.Config)) *Daemon {
		t.Helper()
		c := config.Default()
		c.Listen, c.Multicast, c.Power = "127.0.0.1:0", false, config.PowerMains
		change(&c)
		d, err := Open(Options{Dir: o.dir, Config: c, Prompt: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		o.open = d
		return d
	}
	e := start(b, func(*config.Config) {})
	line.Lead(1, netip.MustParseAddrPort(e.ListenAddr()))
	d := start(a, func(c *config.Config) { c.Links = []string{line.Addr(0)} })
	line.Lead(0, netip.MustParseAddrPort(d.ListenAddr()))
	const size = 900_000
	file := make([]byte, size)
	for i := range file {
		file[i] = byte(i * i >> 7)
	}
	if _, err := d.Send(t.Context(), api.SendAsk{To: "Dana", Text: "look", Files: []api.SendFile{{Name: "video.mp4", Data: file}}}); err != nil {
		t.Fatal(err)
	}
	in := func(d *Daemon, kind string) (n int64) {
		st, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range st.Links {
			if l.Kind == kind {
				n += l.In
			}
		}
		return n
	}
	line.Up(0)
	eventually(t, "half of it", func() bool { return in(e, "lan") > size/2 })
	line.Down()
	lan := in(e, "lan")
	a.down()
	b.down()
	e = start(b, func(c *config.Config) { c.Relays = []string{r.Addr()} })
	start(a, func(c *config.Config) { c.Relays = []string{r.Addr()} })
	eventually(t, "the whole", func() bool {
		list, err := e.Read(t.Context(), api.ReadAsk{From: "Aigerim"})
		return err == nil && len(list) == 1 && len(list[0].Attachments) == 1 && list[0].Attachments[0].Have == size
	})
	relay := in(e, "relay")
	t.Logf("%d bytes over the LAN, %d over the relay, for %d", lan, relay, size)
	if all := lan + relay; all > size*108/100 {
		t.Errorf("%d bytes arrived for %d: some came twice", all, size)
	}
	a.down()
	b.down()
}
