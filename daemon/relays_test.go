package daemon

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/web/api"
)

// TestRelayOffered: what a contact tells of a relay is a proposal: nothing goes
// there until the person says so, and then letters do, now and after a restart.
func TestRelayOffered(t *testing.T) {
	t.Parallel()
	theirs, _ := startRelay(t)
	const dead = "https://192.0.2.1:443/#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	aigerim, dana := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	a := aigerim.reopen(theirs, func(c *config.Config) { c.Inland = []string{dead} })
	defer aigerim.down()
	none := func(c *config.Config) { c.Relays = nil }
	b := dana.reopen("", none)
	defer func() { dana.down() }()
	befriend(t, a, b, "Aigerim", "Dana")
	stick := t.TempDir()
	carry(t, stick, a, b, a, b) // their first greetings
	do := func(d *Daemon, act, addr, to string) (api.Relays, error) {
		return d.ChangeRelays(t.Context(), api.RelayAsk{Relay: api.Relay{Addr: addr}, Do: act, To: to})
	}
	if _, err := do(a, "tell", "https://192.0.2.9:443/"+strings.TrimPrefix(dead, "https://192.0.2.1:443/"), "Dana"); !errors.Is(err, api.ErrUsage) {
		t.Errorf("told of a relay that is not used here: %v", err)
	}
	if _, err := do(a, "tell", theirs, "Nobody"); !errors.Is(err, api.ErrUnknownPerson) {
		t.Errorf("told nobody: %v", err)
	}
	if _, err := do(a, "tell", "http://x", "Dana"); !errors.Is(err, api.ErrUsage) {
		t.Errorf("told of no address: %v", err)
	}
	for _, addr := range []string{theirs, dead} {
		if _, err := do(a, "tell", addr, "Dana"); err != nil {
			t.Fatal(err)
		}
	}
	carry(t, stick, a, b)
	got, err := b.Relays(t.Context())
	if err != nil || len(got.Mine) != 0 || len(got.Offered) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, o := range got.Offered {
		if o.From != "Aigerim" || o.Inland != (o.Addr == dead) || len(o.Day) != len(time.DateOnly) {
			t.Errorf("offered %+v", o)
		}
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	if s, err := b.Status(t.Context()); err != nil || len(s.Links) != 0 {
		t.Errorf("a relay is used before anybody said so: %+v, %v", s.Links, err)
	}
	if got, err = do(b, "refuse", dead, ""); err != nil || len(got.Offered) != 1 {
		t.Errorf("refused: %+v, %v", got, err)
	}
	if got, err = do(b, "use", theirs, ""); err != nil || len(got.Offered) != 0 || len(got.Mine) != 1 || got.Later {
		t.Fatalf("used: %+v, %v", got, err)
	}
	awaitState(t, b, send(t, b, "Aigerim", "By your relay."), api.Left)
	// Told again, it stays refused; and the taken one is in the settings.
	if _, err := do(a, "tell", dead, "Dana"); err != nil {
		t.Fatal(err)
	}
	carry(t, stick, a, b)
	dana.down()
	c, err := LoadConfig(dana.dir)
	if err != nil || len(c.Relays) != 1 || c.Relays[0] != theirs {
		t.Fatalf("settings: %v, %v", c.Relays, err)
	}
	b = dana.reopen("", func(to *config.Config) { to.Relays = c.Relays })
	if got, err = b.Relays(t.Context()); err != nil || len(got.Offered) != 0 || len(got.Mine) != 1 {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
	if _, err = b.ChangeRelays(t.Context(), api.RelayAsk{Relay: api.Relay{Addr: dead, Inland: true}, Do: "use"}); err != nil {
		t.Error(err)
	}
	if c, err = LoadConfig(dana.dir); err != nil || len(c.Inland) != 1 {
		t.Errorf("settings: %v, %v", c.Inland, err)
	}
}
