package daemon

import (
	"net/netip"
	"slices"
	"testing"
)

// TestCallable: a picture cannot make this device call what is not beside it.
func TestCallable(t *testing.T) {
	nets := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("192.168.1.7/24"), netip.MustParsePrefix("203.0.113.9/24"), netip.MustParsePrefix("fe80::1/64")}
	var at []netip.AddrPort
	for _, s := range []string{"192.168.1.14:40123", "192.168.2.14:40123", "203.0.113.7:443", "8.8.8.8:53", "[fe80::77]:9", "[2001:db8::1]:9", "127.0.0.1:8080", "169.254.1.1:80"} {
		at = append(at, netip.MustParseAddrPort(s))
	}
	want := []netip.AddrPort{at[0], at[4], at[6]}
	if got := callable(at, nets); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := shown(nets, 5); len(got) != 1 || got[0].String() != "192.168.1.7:5" {
		t.Errorf("shown %v", got)
	}
}
