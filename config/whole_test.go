package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestCutShort: wherever a file that the program wrote is cut, it is refused or says
// the same as before.
func TestCutShort(t *testing.T) {
	c := Default()
	c.Tor, c.Bridges = true, []string{"obfs4 192.0.2.1:443 0123 cert=abc iat-mode=0"}
	c.Relays = []string{"https://192.0.2.1:443/#abc"}
	now := c.Text()
	before := strings.Replace(strings.Replace(now, head, old, 1), tail+"\n", "", 1)
	for name, text := range map[string]string{"now": now, "before": before, "from Windows": strings.ReplaceAll(now, "\n", "\r\n")} {
		kept := 0
		for n := range len(text) + 1 {
			got, err := ParseFile([]byte(text[:n]))
			if err == nil {
				if kept++; !reflect.DeepEqual(got, c) {
					t.Fatalf("%s: the first %d of %d bytes mean %+v", name, n, len(text), got)
				}
			} else if !errors.Is(err, ErrShort) {
				t.Fatalf("%s: the first %d of %d bytes: %v", name, n, len(text), err)
			}
		}
		if kept == 0 || kept > 3 {
			t.Errorf("%s: %d beginnings are whole", name, kept)
		}
	}
}

// TestByHand: what people write with an editor is read, and what they add to a
// file of the program is too.
func TestByHand(t *testing.T) {
	for text, want := range map[string]string{
		"tor = on\n":                            "",
		"#\n# my settings\n\ntor=on\n\n":        "",
		"\n tor = on \r\n":                      "",
		Default().Text() + "tor = on\n":         "",
		"tor = on\n" + Default().Text():         "",
		"tor = on":                              "press Enter behind",
		"relay = https://192.0.2.1:1/#ab":       "press Enter behind",
		Default().Text() + "tor = on":           "press Enter behind",
		"":                                      "nothing is left",
		" \n":                                   "nothing is left",
		old + "\ntor = on\n":                    "it lacks the line",
		"tor = on\n" + head + "\nmultic":        "it lacks the line",
		head + "\ntor = on\n":                   "it lacks the line",
		old + "\nmetered-order = all\ntor=on\n": "",
	} {
		c, err := ParseFile([]byte(text))
		if want == "" && (err != nil || !c.Tor) {
			t.Errorf("%.40q: %v", text, err)
		}
		if want != "" && (!errors.Is(err, ErrShort) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
	if _, err := ParseFile([]byte("torr = on\n")); !errors.Is(err, ErrSyntax) {
		t.Error(err)
	}
}
