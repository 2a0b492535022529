package daemon

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web/api"
)

// TestTunnel: two devices that have nothing but names write to each other, also for
// the first time (4,096 bytes), and the tunnel rests as soon as a relay is reached.
func TestTunnel(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	place := pc.LocalAddr().String()
	pc.Close()
	r, err := OpenRelay(RelayOptions{Dir: t.TempDir(), Listen: "127.0.0.1:0", Quota: 100 << 20, DNS: place, Zone: "t.example"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	defer func() {
		stop()
		<-served
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	a, b := newOne(t, "Aigerim", nil), newOne(t, "Dana", nil)
	befriend(t, a.up(), b.up(), "Aigerim", "Dana")
	a.down()
	b.down()
	start := func(o *one, c config.Config) *Daemon {
		c.Listen, c.Multicast, c.Receipts, c.DNS = "off", false, config.ReceiptsPrompt, []string{r.Tunnel() + "@" + place}
		d, err := Open(Options{Dir: o.dir, Config: c, Now: o.now, Prompt: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		o.open = d
		return d
	}
	d, e := start(a, config.Default()), start(b, config.Default())
	sent, err := d.Send(t.Context(), api.SendAsk{To: "Dana", Text: "we are alive"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first letter", func() bool { return len(texts(t, e, "Aigerim")) == 1 })
	if _, err := e.Send(t.Context(), api.SendAsk{To: "Aigerim", Text: "thank God"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the answer", func() bool { return len(texts(t, d, "Dana")) == 1 })
	eventually(t, "the receipt", func() bool {
		list, err := d.Outbox(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			if o.ID == sent.ID {
				return o.State == api.Delivered || o.State == api.Read
			}
		}
		return false
	})
	state := func(d *Daemon) (kind map[string]string) {
		st, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		kind = map[string]string{}
		for _, l := range st.Links {
			kind[l.Kind] = l.State
		}
		return kind
	}
	if got := state(d)["dns"]; got != "up" {
		t.Errorf("the tunnel is %q", got)
	}
	a.down()
	c := config.Default()
	c.Relays = []string{r.Addr()}
	d = start(a, c)
	eventually(t, "the tunnel rests", func() bool { s := state(d); return s["relay"] == "up" && s["dns"] == "resting" })
	a.down()
	b.down()

	c = config.Default()
	c.DNS = []string{"t.example"}
	bad, err := Open(Options{Dir: a.dir, Config: c, Prompt: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := bad.Start(); err == nil || !strings.Contains(err.Error(), "ZONE#KEY") {
		t.Errorf("an address without a key: %v", err)
	}
	if err := bad.Close(); err != nil {
		t.Error(err)
	}
}
