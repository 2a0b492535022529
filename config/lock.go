package config

import (
	"fmt"
	"time"
)

// parseLock reads how long a node without a person stays open.
func parseLock(value string) (time.Duration, error) {
	t, err := time.ParseDuration(value)
	if err != nil || t != 0 && (t < time.Minute || t > 24*time.Hour) {
		return 0, fmt.Errorf("lock is a time from 1m to 24h, or 0 for never, not %q", value)
	}
	return t, nil
}
