package lan

import (
	"encoding/binary"
	"syscall"
)

// udpSegment is UDP_SEGMENT of linux/udp.h: the size of each of the datagrams that one call
// hands over.
const udpSegment = 103

// segment is that size; 0 when the call is for one datagram.
func segment(oob []byte) int {
	if len(oob) == 0 {
		return 0
	}
	list, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for _, m := range list {
		if m.Header.Level == syscall.IPPROTO_UDP && m.Header.Type == udpSegment && len(m.Data) >= 2 {
			return int(binary.NativeEndian.Uint16(m.Data))
		}
	}
	return 0
}
