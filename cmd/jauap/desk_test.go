package main

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestDesk: two reports reach a desk, one by its inbox and one as a file; a
// person joins them, another desk merges, and what leaves obeys consent.
func TestDesk(t *testing.T) {
	desk, witness, other := newProgram(t, "Desk"), newProgram(t, "Witness"), newProgram(t, "Other")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	var box api.Inbox
	desk.json(&box, "inbox", "open", "Newsroom", "--json")
	form := func(consent, number string) []string {
		return []string{"--what", "Shots fired at the square, " + consent, "--when", "2022-01-05T17:00:00+06:00", "--where", "Almaty, Republic Square", "--at", "43.2389,76.945,300", "--basis", "witnessed", "--number", number, "--consent", consent}
	}
	witness.ok(append([]string{"report", "--to", box.Card}, form("publish", "killed=4-12")...)...)
	witness.ok(append([]string{"report", at("r.zip")}, form("private", "killed=9")...)...)
	stick := t.TempDir()
	witness.ok("carry", stick)
	desk.ok("carry", stick)
	desk.ok("desk", "name", "Azattyq")
	if out := desk.ok("desk", "take", at("r.zip")); !strings.Contains(out, "1 new") {
		t.Error(out)
	}
	b, err := os.ReadFile(at("r.zip"))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"cut": b[:len(b)-30], "changed": []byte(strings.Replace(string(b), "Shots", "Songs", 1)), "text": []byte("hello")} {
		if err := os.WriteFile(at(name), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, errs, code := desk.try("desk", "take", at(name)); code != exitFailed || !strings.Contains(out, "broken (") || !strings.Contains(errs, "do not hold") {
			t.Errorf("%s: exit %d: %s%s", name, code, out, errs)
		}
	}
	var now api.Desk
	desk.json(&now, "desk", "--json")
	if now.By != "Azattyq" || now.Waiting != 2 || len(now.Queue) != 2 || now.All != 0 {
		t.Fatalf("%+v", now)
	}
	open, closed := now.Queue[0], now.Queue[1]
	if open.Consent != "publish" {
		open, closed = closed, open
	}
	var e api.DeskEntry
	desk.json(&e, "desk", "put", open.Root[:10], "new", "The square", "--json")
	if out := desk.ok("desk", "report", closed.Root[:10]); !strings.Contains(out, "Perhaps The square (within a day, near, 3 words alike)") || strings.Contains(out, "Its package") {
		t.Error(out)
	}
	if out := desk.ok("desk", "report", open.Root[:10]); !strings.Contains(out, "proven      Nothing was added") || !strings.Contains(out, "killed: 4 to 12") || !strings.Contains(out, "Its package: jauap inbox get") {
		t.Error(out)
	}
	desk.ok("desk", "put", closed.Root, e.Into)
	desk.ok("desk", "grade", e.Into, "fair")
	desk.ok("desk", "note", e.Into, "Compare with the hospital")
	var claim api.DeskEntry
	desk.json(&claim, "desk", "claim", "--topic", "January", "--who", "Ministry of Health", "--side", "official", "--number", "killed=164", "--said", "2022-01-09", "--json")
	desk.ok("desk", "status", claim.Name, "withdrawn", "a technical error")
	if out := desk.ok("desk", "claims"); !strings.Contains(out, "164  Ministry of Health (official), withdrawn") || !strings.Contains(out, "a technical error") {
		t.Error(out)
	}
	if out := desk.ok("desk", "incident", e.Into); !strings.Contains(out, "2 reports from 2 sources, 2 saw it: killed 4 to 12") || !strings.Contains(out, "The square: fair") {
		t.Error(out)
	}
	desk.ok("desk", "give", at("entries"))
	if out := other.ok("desk", "take", at("entries")); !strings.Contains(out, "0 refused") {
		t.Error(out)
	}
	other.json(&now, "desk", "--json")
	if now.Reports != 1 || now.All != 1 || now.Incidents[0].Grade != "fair" || now.Claims[0].State != "withdrawn" {
		t.Errorf("%+v", now)
	}
	desk.ok("desk", "export", at("x.zip"), "--lang", "kk")
	z, err := zip.OpenReader(at("x.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) != 11 || z.File[8].Name != "report.pdf" {
		t.Errorf("%d files", len(z.File))
	}
	if b, _ := os.ReadFile(at("x.zip")); strings.Contains(string(b), "square, private") || !strings.Contains(string(b), "square, publish") {
		t.Error("consent is not obeyed")
	}
	for _, c := range []struct {
		text string
		args []string
	}{
		{"0 things of the desk begin", []string{"desk", "put", "abcdef", "new"}},
		{"is not about that", []string{"desk", "grade", open.Root, "fair"}},
		{"a grade is one of", []string{"desk", "grade", e.Into, "true"}},
		{"put takes", []string{"desk", "put", "abcdef"}},
		{"an export is full or redacted", []string{"desk", "export", at("y.zip"), "--level", "all"}},
	} {
		if _, errs, code := desk.try(c.args...); code == exitOK || !strings.Contains(errs, c.text) {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
	desk.ok("desk", "undo", e.Name)
	if out := desk.ok("desk", "log"); !strings.Contains(out, "(does not count)") {
		t.Error(out)
	}
	desk.json(&now, "desk", "--json")
	if now.Waiting != 1 {
		t.Errorf("%d wait after the undo", now.Waiting)
	}
}
