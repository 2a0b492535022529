package relay

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func lowWater(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent)
	})
}

// congestion asks for an algorithm. A kernel without it, or one that keeps it for
// the administrator, says no, and nothing changes.
func congestion(raw syscall.RawConn, name string) {
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	})
}

func congestionOf(raw syscall.RawConn) (name string) {
	_ = raw.Control(func(fd uintptr) {
		if s, err := unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION); err == nil {
			name = s
		}
	})
	return name
}

// drain reads without waiting and beside whoever else reads.
func drain(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		var b [4 << 10]byte
		for n := 0; n < maxDrain; {
			got, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_DONTWAIT)
			if err != nil || got == 0 {
				return
			}
			n += got
		}
	})
}
