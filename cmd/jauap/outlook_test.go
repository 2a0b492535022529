package main

import (
	"testing"

	"github.com/jauap/jauap/web/api"
)

func TestOutlook(t *testing.T) {
	f := &api.Forecast{Opens: &api.Hours{From: "08:15", To: "08:45", Days: 2}, Closes: &api.Hours{From: "12:00", To: "16:00", Days: 2}}
	p := &api.Progress{Sent: 12, Total: 40, Received: 3}
	for want, s := range map[string]api.Status{
		"":                                      {},
		"12 of 40 sent, 3 received":             {Progress: p},
		"usually opens between 08:15 and 08:45": {Forecast: &api.Forecast{Opens: f.Opens}},
		"12 of 40 sent, 3 received; usually closes between 12:00 and 16:00":             {Progress: p, Forecast: f},
		"usually opens between 08:15 and 08:45; usually closes between 12:00 and 16:00": {Forecast: f},
	} {
		if got := outlook(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
