package probe

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strconv"
)

func routes() string     { return read("/proc/self/net/route") }
func neighbours() string { return read("/proc/self/net/arp") }

func read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "" // Android hides it
	}
	return string(b)
}

// dotted reads an address as the kernel prints it: a number in the machine's
// order of bytes.
func dotted(hex string) string {
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		return ""
	}
	var ip [4]byte
	binary.NativeEndian.PutUint32(ip[:], uint32(n))
	return netip.AddrFrom4(ip).String()
}
