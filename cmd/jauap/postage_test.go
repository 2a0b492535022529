package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
	"github.com/jauap/jauap/web/api"
)

// ranks are those of the sealed units and of the stamps on a shelf that nobody has open.
func (p program) ranks() (units, stamps map[uint8]int) {
	p.t.Helper()
	fsys, err := durable.OS(filepath.Join(p.dir, "shelf"))
	if err != nil {
		p.t.Fatal(err)
	}
	sh, _, err := store.Open(fsys, store.Options{Quota: 1 << 30, Today: envelope.DayOf(time.Now()), Shares: routing.Shares()})
	if err != nil {
		p.t.Fatal(err)
	}
	defer sh.Close()
	units, stamps = map[uint8]int{}, map[uint8]int{}
	sh.Each(0, math.MaxInt, func(e store.Entry) {
		switch {
		case e.Class == envelope.Stamp:
			stamps[e.Rank]++
		case e.Class.Sealed():
			units[e.Rank]++
		}
	})
	return units, stamps
}

// TestPostage runs real processes: while there is a relay, two people who do not know
// each other get tokens; when it is gone the letter of one goes over the phone of the
// other with postage, and that of somebody who never met the relay without.
func TestPostage(t *testing.T) {
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("waits until links are idle, most of a minute; set JAUAP_TEST=all to run it")
	}
	t.Parallel()
	r := program{t, filepath.Join(t.TempDir(), "relay")}
	if _, errs, code := r.try("relay", "--listen", "127.0.0.1:0", "--postage=-3"); code != exitUsage || !strings.Contains(errs, "0 for none") {
		t.Fatalf("a negative number of tokens: exit %d, %q", code, errs)
	}
	relay := r.start([]string{"relay"}, "relay", "--listen", "127.0.0.1:0", "--quota", "1GB")
	timur, aigerim, other := newProgram(t, "Timur"), newProgram(t, "Aigerim"), newProgram(t, "Saule")
	lan := []string{"--listen", "127.0.0.1:0", "--no-multicast", "--no-sweep", "--page", "127.0.0.1:0"}
	up := func(p program, more ...string) *running {
		return p.start([]string{"page", "listening"}, append(append([]string{"up", "--no-browser"}, lan...), more...)...)
	}
	b := up(timur, "--relay", relay.lines["relay"])
	a := up(aigerim, "--relay", relay.lines["relay"], "--link", b.lines["listening"])
	tokens := func(p program) int {
		var s api.Status
		p.json(&s, "status", "--json")
		if s.Postage == nil || len(s.Postage.Issuers) != 2 {
			return 0
		}
		return s.Postage.Tokens
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for late := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("waited two minutes for %s; %s", what, aigerim.ok("status"))
			}
		}
	}
	until("tokens of both", func() bool { return tokens(aigerim) > 0 && tokens(timur) > 0 })
	relay.stop()
	until("the dark", func() bool {
		var s api.Status
		aigerim.json(&s, "status", "--json")
		for _, l := range s.Links {
			if l.Kind == "relay" && l.State == "up" {
				return false
			}
		}
		return true
	})
	before := tokens(aigerim)
	for i, p := range []program{aigerim, other} {
		dana := newProgram(t, []string{"Dana", "Arman"}[i])
		p.ok("accept", dana.invite(), "--name", "Dana")
		if p == other {
			up(other, "--link", b.lines["listening"])
		}
		p.awaitState(p.send("Dana", "From the dark."), api.Carried)
	}
	paid := before - tokens(aigerim) // a first letter may be two envelopes
	if paid < 1 || paid > 3 {
		t.Errorf("%d tokens of %d are spent", paid, before)
	}
	a.stop()
	b.stop()
	units, stamps := timur.ranks()
	if units[routing.Paid] != paid || stamps[routing.Paid] != paid || units[routing.Other] < 1 || len(units) != 2 {
		t.Errorf("%d are paid; units by rank %v, stamps %v", paid, units, stamps)
	}
}
