package probe

import (
	"syscall"
	"time"
)

// Pulse is what the system knows of a TCP connection.
type Pulse struct {
	// Unconfirmed says that the far end has not confirmed all that was sent.
	Unconfirmed bool
	// Silent is how long nothing at all came from it, confirmations included.
	Silent time.Duration
	// Trip is the smoothed time there and back.
	Trip time.Duration
}

// PulseOf asks the system; ok is false where it does not say. Behind a proxy
// the far end is the proxy.
func PulseOf(c syscall.Conn) (p Pulse, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return p, false
	}
	return pulse(raw)
}
