package probe

import (
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/jauap/jauap/observe"
)

// Supply is what this device runs on. Where the system does not say, it is
// mains.
func Supply() observe.Power { return supply(os.DirFS("/sys/class/power_supply")) }

// supply reads Linux's list: battery when one of the device itself is being
// drained and no other source is plugged in.
func supply(dir fs.FS) observe.Power {
	list, err := fs.ReadDir(dir, ".")
	if err != nil {
		return observe.Mains
	}
	power := observe.Mains
	for _, e := range list {
		read := func(name string) string {
			b, err := fs.ReadFile(dir, path.Join(e.Name(), name))
			if err != nil {
				return ""
			}
			return strings.TrimSpace(string(b))
		}
		switch {
		case read("scope") == "Device": // a mouse's
		case read("type") == "Battery":
			if read("status") == "Discharging" {
				power = observe.Battery
			}
		case read("online") == "1":
			return observe.Mains
		}
	}
	return power
}
