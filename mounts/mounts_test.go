package mounts

import (
	"slices"
	"strings"
	"testing"

	"github.com/jauap/jauap/internal/limits"
)

const sample = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
40 22 8:17 / /run/media/dana/MY\040STICK rw,nosuid shared:9 - vfat /dev/sdb1 rw
41 22 8:18 / /media/usb rw - exfat /dev/sdb2 rw
42 22 8:19 / /boot rw - vfat /dev/sda1 rw
43 22 0:50 / /media/share rw - cifs //server/share rw
44 22 8:33 / /mnt/../etc rw - vfat /dev/sdc1 rw
broken line
45 22 8:17 / /media/usb rw - exfat /dev/sdb2 rw
`

func TestParse(t *testing.T) {
	got, err := parse(strings.NewReader(sample))
	if want := []string{"/media/usb", "/run/media/dana/MY STICK"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if got, err := parse(strings.NewReader(strings.Repeat("x", 2*maxLine))); err == nil || len(got) > 0 {
		t.Errorf("an endless line: %q, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add(`1 1 1:1 / /media/\777\04 rw - vfat /dev/x rw`)
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, s string) {
		defer limits.Watch(t, len(s))()
		got, _ := parse(strings.NewReader(s))
		for _, p := range got {
			if !slices.ContainsFunc(places, func(at string) bool { return strings.HasPrefix(p, at) }) || strings.Contains(p, "/../") {
				t.Errorf("%q is no place of a stick", p)
			}
		}
	})
}
