package probe

import (
	"encoding/binary"
	"runtime"
	"testing"
)

func TestPlace(t *testing.T) {
	if runtime.GOOS != "linux" || binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the tables of this test are those of little-endian Linux")
	}
	const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	const lan = "wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n" +
		"wlan0\t0000A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n"
	const arp = "IP address       HW type     Flags       HW address            Mask     Device\n" +
		"192.168.0.7      0x1         0x2         02:00:00:00:00:07     *        wlan0\n" +
		"192.168.0.1      0x1         0x2         02:fc:00:00:00:05     *        wlan0\n"
	const mobile = "wwan0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0\n"
	for _, c := range []struct{ routes, arp, want string }{
		{"", "", ""},
		{head, arp, ""},
		{head + lan, arp, "gateway 02:fc:00:00:00:05 wlan0"},
		{head + lan, "", ""},
		{head + lan, "192.168.0.1 0x1 0x0 00:00:00:00:00:00 * wlan0\n", ""},
		{head + lan + mobile, arp, "line wwan0"},
		{head + "broken line\n", arp, ""},
	} {
		if got := placeOf(c.routes, c.arp); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	t.Logf("here: %q", Place())
}
