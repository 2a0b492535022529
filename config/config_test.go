package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

func TestTextReadsBack(t *testing.T) {
	c := Default()
	c.Links = []string{"10.0.0.2:7728"}
	c.Relays = []string{"https://192.0.2.1:443/#abc", "https://192.0.2.2:179/#def"}
	c.TSA, c.Calendars = []string{"https://tsa.example"}, []string{"https://calendar.example"}
	c.Inland, c.Power = []string{"https://192.0.2.3:443/#ghi"}, PowerBattery
	c.Proxy, c.Receipts, c.Poll, c.Multicast, c.Tickets = "http://proxy:3128", ReceiptsPrompt, 5*time.Second, false, false
	got, err := Parse(strings.NewReader(c.Text()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, c) {
		t.Errorf("read back %+v, wrote %+v", got, c)
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"\n\nquotta = 5GB":       `line 3: unknown key "quotta"`,
		"quota = 1MB":            "line 1: quota is at least",
		"quota = many":           "expected a size such as",
		"quota = 99999999999GB":  "expected a size such as",
		"poll = 1us":             "poll is a time",
		"receipts = sometimes":   "late, prompt or off",
		"power = wind":           "auto, mains or battery",
		"relay-inland =":         "expected an address",
		"multicast = perhaps":    "expected on or off",
		"relay":                  "expected key = value",
		"relay =":                "expected an address",
		strings.Repeat("x", 1e5): "line 1",
	} {
		_, err := Parse(strings.NewReader(text))
		if !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: got %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Default().Text())
	f.Add("quota = 1e9GB\nlink = x")
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, text string) {
		defer limits.Watch(t, len(text))()
		if whole, err := ParseFile([]byte(text)); err == nil {
			if c, err := Parse(strings.NewReader(text)); err != nil || !reflect.DeepEqual(whole, c) {
				t.Errorf("a whole file means %+v, and %+v, %v", whole, c, err)
			}
		}
		c, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		if again, err := ParseFile([]byte(c.Text())); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%+v reads back as %+v, %v", c, again, err)
		}
	})
}
