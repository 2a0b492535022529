package daemon

import (
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/web/api"
)

// TestShortCode: between friends a short letter leaves as one S0 in one coarse code,
// the same S0 is on the stick that goes to the friend, too, and it is opened once.
func TestShortCode(t *testing.T) {
	h := showing(at("2026-11-22"))
	a, b := newOne(t, "aigerim", h.now), newOne(t, "dana", h.now)
	da, db := a.up(), b.up()
	defer a.down()
	defer b.down()
	befriend(t, da, db, "aigerim", "dana")
	stick := t.TempDir()
	if _, err := da.Send(t.Context(), api.SendAsk{To: "dana", Text: "before"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		carry(t, stick, da, db)
	}
	if _, err := db.Send(t.Context(), api.SendAsk{To: "aigerim", Text: "I am safe"}); err != nil {
		t.Fatal(err)
	}
	seen := map[envelope.ID]bool{}
	for _, u := range db.node.Offer(h.now(), airTraits).Rest() {
		seen[u.ID] = true
	}
	codes, err := db.ShowCodes(t.Context(), api.CodesAsk{Coarse: true})
	if err != nil {
		t.Fatal(err)
	}
	var fresh []int
	for _, u := range db.node.Offer(h.now(), airTraits).Rest() {
		if !seen[u.ID] {
			fresh = append(fresh, u.Size)
		}
	}
	if len(fresh) != 1 || fresh[0] != 96 {
		t.Fatalf("sealed %v", fresh)
	}
	got, err := da.LookAt(t.Context(), codes.Picture)
	if err != nil || got.Opened != 1 {
		t.Fatalf("looked: %+v, %v", got, err)
	}
	carry(t, stick, db, da)
	if list := texts(t, da, "dana"); len(list) != 1 || list[0] != "I am safe" {
		t.Fatalf("read %q", list)
	}
	// What aigerim's device answers names it.
	h.set(h.now().Add(2 * time.Second))
	carry(t, stick, da, db)
	out, err := db.Outbox(t.Context())
	if err != nil || len(out) != 1 || out[0].State != api.Read || out[0].Carriers != 0 {
		t.Fatalf("outbox %+v, %v: the answer proves it", out, err)
	}
}
