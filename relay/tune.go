package relay

import "net"

// Tune prepares a TCP connection for a link on which the order of sending is
// decided late: little waits in the kernel, where nothing can overtake it,
// no keep-alive probes drain a phone, because a Stream has its own, and loss alone
// does not slow it down where the kernel has BBR. What the system does not know is left out.
func Tune(c net.Conn) {
	t := tcpOf(c)
	if t == nil {
		return
	}
	// Errors mean a connection that is gone already; its user will see.
	_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: false})
	if raw, err := t.SyscallConn(); err == nil {
		lowWater(raw)
		congestion(raw, wanted)
	}
}

// wanted is what decides how fast a long lossy line is filled, where the system
// offers it: on such lines loss is not congestion, and what the kernel usually
// runs takes it for that. Elsewhere the system's own stays.
const wanted = "bbr"

// Congestion is the name of what decides how fast a TCP connection sends, empty
// where nobody can tell.
func Congestion(c net.Conn) (name string) {
	if t := tcpOf(c); t != nil {
		if raw, err := t.SyscallConn(); err == nil {
			name = congestionOf(raw)
		}
	}
	return name
}

// CloseWhole closes a connection so that what was written still arrives: the
// system takes it back when bytes that nobody read are waiting, so those are
// thrown away first.
func CloseWhole(c net.Conn) error {
	if t := tcpOf(c); t != nil {
		if raw, err := t.SyscallConn(); err == nil {
			drain(raw)
		}
	}
	return c.Close()
}

// tcpOf is the TCP connection at the bottom, nil where there is none.
func tcpOf(c net.Conn) *net.TCPConn {
	for {
		switch t := c.(type) {
		case *net.TCPConn:
			return t
		case interface{ NetConn() net.Conn }:
			c = t.NetConn()
		default:
			return nil
		}
	}
}

const (
	// unsent is how many bytes may wait in the kernel before they are sent
	// for the first time.
	unsent = 32 << 10
	// maxDrain bounds what CloseWhole throws away, in bytes.
	maxDrain = 4 << 20
)
