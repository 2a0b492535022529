package relay

import "net"

// Tune prepares a TCP connection for a link on which the order of sending is
// decided late: little waits in the kernel, where nothing can overtake it,
// and no keep-alive probes drain a phone, because a Stream has its own. What
// the system does not know is left out.
func Tune(c net.Conn) {
	t := tcpOf(c)
	if t == nil {
		return
	}
	// Errors mean a connection that is gone already; its user will see.
	_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: false})
	if raw, err := t.SyscallConn(); err == nil {
		lowWater(raw)
	}
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
