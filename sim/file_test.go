package sim

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
)

const village = `
name = "village"
people = 4
hours = 2
class = "S2"
friends = 2
proofs = 0.1
postage = "honest"
junk_stamps = 5
junk_proofs = 0.5
[trace]
file = "one.txt"
kind = "one"
[[contact]]
a = 2
b = 3
from = 1
to = 1.1
[[letter]]
from = 0
to = 3
at = 0.1
[[window]]
from = 1
to = 1.5
`

func opener(text string) func(string) (io.ReadCloser, error) {
	return func(name string) (io.ReadCloser, error) {
		if name != "one.txt" {
			return nil, errors.New("no such file")
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}
}

func TestScenarioFile(t *testing.T) {
	s, err := Read(strings.NewReader(village), opener("900 CONN 0 2 up\n930 CONN 0 2 down\n"))
	if err == nil {
		t.Fatal("a trace beside contacts of its own was read")
	}
	s, err = Read(strings.NewReader(strings.Replace(village, "[[contact]]\na = 2\nb = 3\nfrom = 1\nto = 1.1\n", "", 1)),
		opener("900 CONN 0 2 up\n930 CONN 0 2 down\n3600 CONN 2 3 up\n3700 CONN 2 3 down\n"))
	if err != nil || s.People != 4 || len(s.Contacts) != 2 || s.Class != envelope.S2 || len(s.Friends) != 4 || len(s.Windows) != 1 || s.Postage != Honest || s.Bought != 5 || s.JunkProofs != 30*time.Minute {
		t.Fatalf("%+v %v", s, err)
	}
	r := play(t, s, 1)
	if r.Delivered != 1 || r.Arrivals[0] < time.Hour || r.Arrivals[0] > time.Hour+time.Minute {
		t.Fatalf("%+v", r.Outcome)
	}
	d := xml.NewDecoder(strings.NewReader(r.SVG()))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the picture is not XML: %v", err)
		}
	}
	for _, bad := range []string{"people = 3\nhours = 1\ncolour = 1", "people = 2\nhours = 1\nclass = \"S9\"", "people = 2\nhours = 1\n[trace]\nfile = \"none\"\nkind = \"one\"",
		"people = 2\nhours = 1\nrelays = [7]", "people = 3\nhours = 1\nletters = 99999999", "people = -1", "hours = nan", "people = 2\nhours = 1\npairs = [[0, 5]]"} {
		if _, err := Read(strings.NewReader(bad), opener("")); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzScenario(f *testing.F) {
	f.Add(village)
	f.Add("people = 3\nhours = 1\nletters = 5\n")
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, in string) {
		defer limits.Watch(t, len(in))()
		s, err := Read(strings.NewReader(in), opener("900 CONN 0 2 up\n930 CONN 0 2 down\n"))
		if err == nil && (s.Check() != nil || s.People > maxPeople) {
			t.Fatal("a bad scenario was read")
		}
	})
}
