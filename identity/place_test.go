package identity_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/internal/limits"
)

func TestPlaces(t *testing.T) {
	i := newCard(t, newMe(t, "Dana")).Invite()
	at := []netip.AddrPort{netip.MustParseAddrPort("192.168.1.14:40123"), netip.MustParseAddrPort("[fe80::1:2]:7")}
	s := i.QRTextAt(at...)
	for _, r := range s {
		if !strings.ContainsRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ:/.", r) {
			t.Fatalf("%q is not in the QR alphabet", r)
		}
	}
	for _, s := range []string{s, strings.ToLower(s), " " + s + "\n"} {
		invite, got := identity.SplitPlaces(s)
		if !slices.Equal(got, at) {
			t.Errorf("%v", got)
		}
		if back, err := identity.ParseInvite(invite); err != nil || back.Key != i.Key {
			t.Errorf("%v", err)
		}
		// Who knows no addresses reads the invitation all the same.
		if back, err := identity.ParseInvite(s); err != nil || back.Key != i.Key {
			t.Errorf("with addresses: %v", err)
		}
	}
	many := slices.Repeat(at, 4)
	if _, got := identity.SplitPlaces(i.QRTextAt(many...)); len(got) != identity.MaxPlaces {
		t.Errorf("%d addresses", len(got))
	}
	for _, bad := range []string{"/", "//", "/1.2.3.4", "/1.2.3.4:0", "/1.2.3.4:70000", "/1.2.3.4:+1", "/host:1", "/fe80::1%eth0:4", "/:1", "/1.2.3.4:01x", strings.Repeat("/1.2.3.4:5", 200)} {
		invite, got := identity.SplitPlaces(i.QRText() + bad)
		if len(got) > 0 {
			t.Errorf("%q: %v", bad, got)
		}
		if _, err := identity.ParseInvite(invite); err != nil {
			t.Errorf("%q spoils the invitation: %v", bad, err)
		}
	}
}

func FuzzSplitPlaces(f *testing.F) {
	f.Add("JAUAP:1:X/192.168.1.14:40123/FE80::1:7")
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, s string) {
		defer limits.Watch(t, len(s))()
		_, at := identity.SplitPlaces(s)
		for _, a := range at {
			if !a.IsValid() || a.Port() == 0 {
				t.Fatal(a)
			}
		}
	})
}
