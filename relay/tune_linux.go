package relay

import "syscall"

// tcpNotSentLowat is TCP_NOTSENT_LOWAT of linux/tcp.h, which package syscall
// does not name.
const tcpNotSentLowat = 25

func lowWater(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, unsent)
	})
}

// drain reads without waiting and beside whoever else reads.
func drain(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		var b [4 << 10]byte
		for n := 0; n < maxDrain; {
			got, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_DONTWAIT)
			if err != nil || got == 0 {
				return
			}
			n += got
		}
	})
}
