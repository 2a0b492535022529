package api

import "time"

// Airtime is how long a radio was on the air in the last hour, and how long it may
// be.
type Airtime struct {
	Used  time.Duration `json:"used"` // ns
	Limit time.Duration `json:"limit"`
	// LastHeard is when another station of ours was heard; nil: never since the start.
	LastHeard *time.Time `json:"last_heard,omitempty"`
}

// Left is how long it may still be on the air in this hour.
func (a Airtime) Left() time.Duration { return max(a.Limit-a.Used, 0) }
