package main

import (
	"fmt"
	"time"

	"github.com/jauap/jauap/web/api"
)

// airtime says what a radio used of its time on the air; nothing for other links.
func airtime(a *api.Airtime) string {
	if a == nil {
		return ""
	}
	heard := "no other station heard yet"
	if a.LastHeard != nil {
		heard = "another station heard " + age(a.LastHeard)
	}
	return fmt.Sprintf(" (on the air %v of %v in this hour, %v left; %s)", a.Used.Round(100*time.Millisecond), a.Limit, a.Left().Round(100*time.Millisecond), heard)
}
