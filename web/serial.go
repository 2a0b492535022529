package web

import "time"

// seconds rounds airtime up: nothing is 0, and a little is one second.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
