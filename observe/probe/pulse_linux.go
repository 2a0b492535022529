package probe

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func pulse(raw syscall.RawConn) (p Pulse, ok bool) {
	err := raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		ok = true
		p.Unconfirmed = info.Unacked > 0
		p.Silent = time.Duration(min(info.Last_ack_recv, info.Last_data_recv)) * time.Millisecond
		p.Trip = time.Duration(info.Rtt) * time.Microsecond
	})
	return p, ok && err == nil
}
