package probe

import (
	"strconv"
	"strings"
)

// Place names the network that this device's way out goes through, by facts
// that this device knows without asking: the hardware address of the gateway
// and the interface. It is the same text each time the device is there, and
// empty where nothing is known or the gateway was not heard of yet. It never
// holds the name of a wireless network. Callers keep it hashed under a secret.
func Place() string { return placeOf(routes(), neighbours()) }

// isUp reads a route's flags.
func isUp(hex string) bool {
	n, err := strconv.ParseUint(hex, 16, 16)
	return err == nil && n&1 != 0
}

// placeOf picks the default route of the least cost from a table in the form
// of Linux' /proc/net/route, and the gateway's hardware address from one in the
// form of /proc/net/arp.
func placeOf(routes, neighbours string) string {
	iface, gateway, best := "", "", ""
	for _, line := range strings.Split(routes, "\n")[1:] {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" || !isUp(f[3]) {
			continue
		}
		if best == "" || len(f[6]) < len(best) || len(f[6]) == len(best) && f[6] < best {
			iface, gateway, best = f[0], f[2], f[6]
		}
	}
	switch {
	case iface == "":
		return ""
	case gateway == "00000000": // a line to one operator
		return "line " + iface
	}
	ip := dotted(gateway)
	for _, line := range strings.Split(neighbours, "\n") {
		f := strings.Fields(line)
		if len(f) >= 6 && f[0] == ip && f[5] == iface && f[3] != "00:00:00:00:00:00" {
			return "gateway " + f[3] + " " + iface
		}
	}
	return ""
}
