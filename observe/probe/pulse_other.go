//go:build !linux

package probe

import "syscall"

func pulse(syscall.RawConn) (p Pulse, ok bool) { return p, false }
