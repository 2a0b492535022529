//go:build !linux

package relay

import "syscall"

func lowWater(syscall.RawConn) { _ = unsent }

func congestion(syscall.RawConn, string) {}

func congestionOf(syscall.RawConn) string { return "" }

func drain(syscall.RawConn) { _ = maxDrain }
