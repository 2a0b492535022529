//go:build !linux

package limits

import "time"

// threadTime is not known here: memory alone is held.
func threadTime() time.Duration { return 0 }
