package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// TestSafe: a word, its replacement, a promise, a mention and an SMS between
// three people who have only a stick.
func TestSafe(t *testing.T) {
	t.Parallel()
	aigerim, dana, timur := newProgram(t, "Aigerim"), newProgram(t, "Dana"), newProgram(t, "Timur")
	pair(t, aigerim, dana, "Aigerim", "Dana")
	pair(t, aigerim, timur, "Aigerim", "Timur")
	pair(t, dana, timur, "Dana", "Timur")
	stick := t.TempDir()
	carry := func() {
		t.Helper()
		for range 2 {
			for _, p := range []program{aigerim, dana, timur} {
				p.ok("carry", stick)
			}
		}
	}
	person := func(p program, name string) (found api.Person) {
		t.Helper()
		var list []api.Person
		p.json(&list, "people", "--json")
		for _, q := range list {
			if q.Name == name {
				found = q
			}
		}
		return found
	}
	carry()
	aigerim.ok("safe", "--hurt", "--to", "Dana")
	aigerim.ok("checkin", "--by", "2h", "--to", "Dana")
	if out := aigerim.ok("safe", "--place", "Алматы", "--network", "Kcell", "--note", "Біз аманбыз", "--with", "Timur", "--to", "Dana"); !strings.Contains(out, "Saved for Dana.") {
		t.Error(out)
	}
	var told []api.Told
	aigerim.json(&told, "told", "--json")
	if len(told) != 2 || told[0].To[0].State != api.Saved || told[1].To[0].State != api.Replaced {
		t.Fatalf("%+v", told)
	}
	carry()
	a := person(dana, "Aigerim")
	if a.Word == nil || a.Word.Kind != "safe" || a.Word.Town != "Алматы" || a.Word.Note != "Біз аманбыз" || len(a.Word.With) != 1 || a.Word.With[0] != "Timur" {
		t.Fatalf("%+v", a.Word)
	}
	if a.WroteAt == nil || a.PlaceAnsweredAt == nil || a.Place != "Алматы Kcell" || a.Promise == nil || a.Promise.Verdict != "reported" {
		t.Errorf("%+v %+v", a, a.Promise)
	}
	if s := person(dana, "Timur"); s.SeenAt == nil || s.SeenBy != "Aigerim" {
		t.Errorf("Timur was not seen: %+v", s)
	}
	if out := dana.ok("people"); !strings.Contains(out, "safe · Алматы Kcell · Біз аманбыз · with Timur") {
		t.Error(out)
	}
	aigerim.json(&told, "told", "--json")
	if told[0].To[0].State != api.Carried { // that it arrived is said later, among other things
		t.Errorf("%+v", told[0].To)
	}

	// Only SMS works: it is typed by hand, and filed once.
	var said struct {
		api.Told
		Notes []api.Note
	}
	aigerim.json(&said, "safe", "--moved", "--place", "Тараз", "--sms", "--lang", "kk", "--to", "Dana", "--json")
	if len(said.Notes) != 1 || said.Notes[0].Units > 70 || !strings.HasPrefix(said.Notes[0].Text, "Аманмын, басқа жердемін @Тараз. #") {
		t.Fatalf("%+v", said.Notes)
	}
	typed := strings.ToLower(strings.ReplaceAll(said.Notes[0].Text, "-", " "))
	if out := dana.ok("sms", typed); !strings.Contains(out, "from Aigerim") || !strings.Contains(out, "safe, in another place · тараз") {
		t.Error(out)
	}
	if a := person(dana, "Aigerim"); a.Word.Kind != "moved" || !a.Word.Noted {
		t.Errorf("%+v", a.Word)
	}
	// On paper: a photo of the printed code; and several at once, as copied.
	folder := t.TempDir()
	aigerim.json(&said, "safe", "--hurt", "--note", "Көмек керек", "--qr", folder, "--lang", "kk", "--to", "Dana", "--json")
	if out := dana.ok("note", filepath.Join(folder, "Dana.png")); !strings.Contains(out, "from Aigerim") || !strings.Contains(out, "NEEDS HELP · Көмек керек") {
		t.Error(out)
	}
	block := "[22:41] Mama: " + said.Notes[0].Text + "\n[22:42] x: hello #000000-000000-000000"
	if out := dana.ok("accept", block); !strings.Contains(out, "It was here already") || !strings.Contains(out, "NOT filed: ") || strings.Contains(out, "mistyped") {
		t.Error(out)
	}
	aigerim.json(&said, "safe", "--moved", "--place", "Тараз", "--sms", "--lang", "kk", "--to", "Dana", "--json")
	dana.ok("sms", said.Notes[0].Text)
	carry() // and then the sealed one comes: all of it, once
	if a := person(dana, "Aigerim"); a.Word.Kind != "moved" || a.Word.Noted || a.Word.Town != "Тараз" {
		t.Errorf("%+v", a.Word)
	}

	// Promises.
	if out := aigerim.ok("checkin", "--by", "23h59m"); !strings.Contains(out, "Promised to report") {
		t.Error(out)
	}
	carry()
	if p := person(dana, "Aigerim").Promise; p == nil || p.Verdict != "waiting" || time.Until(p.By) > 24*time.Hour {
		t.Errorf("%+v", p)
	}
	aigerim.ok("checkin", "--cancel")
	carry()
	if out := dana.ok("checkin"); !strings.Contains(out, "taken back") {
		t.Error(out)
	}

	code := said.Notes[0].Code
	for _, c := range []struct {
		text string
		args []string
	}{
		{"one of --moved", []string{"safe", "--moved", "--hurt"}},
		{"nobody of that name", []string{"safe", "--to", "Nobody"}},
		{"a word is short", []string{"safe", "--note", strings.Repeat("x", 281)}},
		{"no code", []string{"sms", "Аманмын"}},
		{"none of your people", []string{"sms", "x #000000-000000-000000"}},
		{"wrong character", []string{"sms", "x #" + twoWrong(code)}},
		{"", []string{"sms"}},
		{"is no hour", []string{"checkin", "--by", "soon"}},
		{"must lie ahead", []string{"checkin", "--by", "200h"}},
		{"not found", []string{"checkin", "--cancel"}},
	} {
		if _, errs, code := dana.try(c.args...); code == exitOK || !strings.Contains(errs, c.text) {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
}

// twoWrong spoils two characters of a code.
func twoWrong(code string) string {
	b := []byte(code)
	for _, i := range []int{1, 9} {
		if b[i] == 'Z' {
			b[i] = 0x58
		} else {
			b[i] = 'Z'
		}
	}
	return string(b)
}

func TestHour(t *testing.T) {
	zone := time.FixedZone("QYZT", 5*3600)
	now := time.Date(2026, 1, 6, 17, 30, 0, 0, zone)
	for in, want := range map[string]string{
		"18:00": "2026-01-06T18:00:00+05:00", "17:30": "2026-01-07T17:30:00+05:00", "3h": "2026-01-06T20:30:00+05:00",
		"2026-01-08T09:15": "2026-01-08T09:15:00+05:00", "2026-01-08 09:15": "2026-01-08T09:15:00+05:00", "2026-01-08T09:15:00Z": "2026-01-08T09:15:00Z",
	} {
		if got, err := hour(in, now); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: %v %v, want %s", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "soon", "25:00", "18"} {
		if _, err := hour(bad, now); err == nil {
			t.Errorf("%q is an hour", bad)
		}
	}
}
