package config

import "fmt"

// Sticks says which sticks are visited by themselves when they appear.
type Sticks string

const (
	SticksKnown Sticks = "known" // those on which this device was before; for others it asks
	SticksAny   Sticks = "any"
	SticksOff   Sticks = "off" // none, and nobody is asked
)

func parseSticks(s string) (Sticks, error) {
	switch v := Sticks(s); v {
	case SticksKnown, SticksAny, SticksOff:
		return v, nil
	}
	return "", fmt.Errorf("expected known, any or off, not %q", s)
}
