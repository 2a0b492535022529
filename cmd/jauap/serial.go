package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jauap/jauap/link/serial"
	"github.com/jauap/jauap/web/api"
)

// absent lists the ports of the settings that this device has not, as far as its
// files tell.
func absent(radios []string) (ports []string) {
	for _, text := range radios {
		s, err := serial.Parse(text)
		if err != nil || !strings.HasPrefix(s.Port, "/") {
			continue
		}
		if _, err := os.Stat(s.Port); os.IsNotExist(err) {
			ports = append(ports, s.Port)
		}
	}
	return ports
}

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
