package limits

import (
	"syscall"
	"time"
)

// threadTime is how long this thread has computed.
func threadTime() time.Duration {
	const rusageThread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if syscall.Getrusage(rusageThread, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
