package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ErrShort: a file of settings lost its end, and nobody knows what stood there.
var ErrShort = errors.New("config: this file was cut short")

// The first and last line of what Text writes; old is the first line from when there
// was no last one, and the last setting was lastSetting.
const (
	head        = "# Settings of this Jauap node, up to the line that says so. Lines that begin with # are explanations."
	old         = "# Settings of this Jauap node. Lines that begin with # are explanations."
	lastSetting = "metered-order"
	tail        = "# These are all settings. If this line is lost, the file was cut short and no node starts on it."
)

// ParseFile is Parse for a whole file, hand-written or from Text: a setting that was
// cut off, as the one that keeps a node from calling past Tor, is never taken
// for its default. Errors: ErrSyntax, ErrShort.
func ParseFile(b []byte) (Config, error) {
	if err := whole(string(b)); err != nil {
		return Config{}, err
	}
	return Parse(bytes.NewReader(b))
}

func whole(text string) error {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	has := func(mark string) bool {
		for _, l := range lines {
			if key, _, _ := strings.Cut(l, "="); l == mark || strings.TrimSpace(key) == mark {
				return true
			}
		}
		return false
	}
	first, last := lines[0], lines[len(lines)-1]
	switch {
	case first == "":
		return fmt.Errorf("%w: nothing is left of it", ErrShort)
	case len(lines) == 1 && (strings.HasPrefix(head, first) || strings.HasPrefix(old, first)),
		has(head) && !has(tail), has(old) && !has(lastSetting) && !has(tail):
		return fmt.Errorf("%w: it lacks the line %q", ErrShort, tail)
	case last != tail && !strings.HasSuffix(strings.TrimRight(text, " \t"), "\n"):
		return fmt.Errorf("%w: its last line, %.40q, has no end (if that line is whole, press Enter behind it)", ErrShort, last)
	}
	return nil
}
