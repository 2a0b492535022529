package main

import (
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestRelays: a relay is listed, taken and told of by number or address, by the
// real program.
func TestRelays(t *testing.T) {
	p := newProgram(t, "Aigerim")
	const addr = "https://192.0.2.1:443/#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if out := p.ok("relays"); !strings.Contains(out, "no relay is set up") {
		t.Errorf("%s", out)
	}
	if out := p.ok("relays", "use", "--inland", addr); !strings.Contains(out, "1. "+addr+"\n   in use, inside the country") {
		t.Errorf("%s", out)
	}
	var list api.Relays
	if p.json(&list, "relays", "--json"); len(list.Mine) != 1 || list.Mine[0] != (api.Relay{Addr: addr, Inland: true}) {
		t.Errorf("%+v", list)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"use", "nonsense"}, "address"}, {[]string{"use", "7"}, "1 relays"}, {[]string{"tell", "1"}, "NAME"}, {[]string{"tell", "1", "Nobody"}, "Nobody"},
	} {
		if _, errs, code := p.try(append([]string{"relays"}, c.args...)...); code == 0 || !strings.Contains(errs, c.want) {
			t.Errorf("%q: %d, %s", c.args, code, errs)
		}
	}
}
