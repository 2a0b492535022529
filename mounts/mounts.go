package mounts

import (
	"bufio"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// ErrUnsupported: this system's list is not known here.
var ErrUnsupported = errors.New("mounts: sticks are not noticed on this system: say where one is")

const (
	maxLine   = 64 << 10
	maxMounts = 4096
)

// places are the folders in which systems put what is plugged in.
var places = []string{"/media/", "/run/media/", "/mnt/", "/Volumes/"}

// parse reads a table as Linux has it in /proc/self/mountinfo (proc(5)), and
// answers the folders of devices that were plugged in, sorted. Lines that make no
// sense are passed over.
func parse(r io.Reader) (sticks []string, err error) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	for n := 0; n < maxMounts && s.Scan(); n++ {
		// 36 35 98:0 /root /mount/point options [tag…] - type source superoptions
		before, after, ok := strings.Cut(s.Text(), " - ")
		head, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(head) < 6 || len(tail) < 2 || !strings.HasPrefix(tail[1], "/dev/") {
			continue
		}
		at := unescape(head[4])
		if path.Clean(at) != at {
			continue
		}
		for _, p := range places {
			if strings.HasPrefix(at, p) && !slices.Contains(sticks, at) {
				sticks = append(sticks, at)
			}
		}
	}
	slices.Sort(sticks)
	return sticks, s.Err()
}

// unescape brings back what the table writes as a backslash and three octal digits.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
