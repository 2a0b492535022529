//go:build !linux

package relay

import "syscall"

func lowWater(syscall.RawConn) { _ = unsent }

func drain(syscall.RawConn) { _ = maxDrain }
