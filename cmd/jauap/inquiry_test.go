package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/web/api"
)

// TestAskAfter: Dana abroad asks after her mother by way of Timur, who shares
// slips with Saule; Saule calls, and the answer comes back, over sticks.
func TestAskAfter(t *testing.T) {
	t.Parallel()
	dana, timur, saule := newProgram(t, "Dana"), newProgram(t, "Timur"), newProgram(t, "Saule")
	pair(t, dana, timur, "Dana", "Timur")
	pair(t, timur, saule, "Timur", "Saule")
	timur.ok("slips", "team", "Saule")
	saule.ok("slips", "team", "Timur")
	stick := t.TempDir()
	// Each meeting goes twice round: a second visit takes what the first caused.
	carry := func(among ...program) {
		t.Helper()
		for range 2 {
			for _, p := range among {
				p.ok("carry", stick)
			}
		}
	}
	dana.ok("ask", "Гүлнар Ахметова", "--to", "Timur", "--phone", "+7 701 123 45 67", "--question", "Is she alive?", "--from", "her daughter Dana", "--say", "We love you.")
	carry(dana, timur, saule)

	slips := func(p program, args ...string) (list []api.Slip) {
		t.Helper()
		p.json(&list, append([]string{"slips", "--json"}, args...)...)
		return list
	}
	got := slips(saule)
	if len(got) != 1 || got[0].Phone != "+7 701 123 45 67" || got[0].State != "open" || got[0].Via != "Timur" {
		t.Fatalf("%+v", got)
	}
	id := got[0].ID[:8]
	saule.ok("slips", "take", id)
	paper := saule.ok("slips", "print", id, "--lang", "kk")
	code := ""
	for line := range strings.Lines(paper) {
		if strings.Contains(line, "Өзімен сөйлестік") {
			code = strings.Fields(line)[2]
		}
	}
	if !strings.Contains(paper, "+7 701 123 45 67") || len(code) != 13 {
		t.Fatalf("%q on:\n%s", code, paper)
	}
	page := filepath.Join(t.TempDir(), "slip.pdf")
	saule.ok("slips", "print", id, "--pdf", page)
	if b, err := os.ReadFile(page); err != nil || !strings.HasPrefix(string(b), "%PDF-") {
		t.Error(err)
	}
	if _, errs, ok := saule.try("answer", "--code", code[:12]+"U"); ok == exitOK || !strings.Contains(errs, "typed wrong") {
		t.Errorf("a code that was typed wrong: %s", errs)
	}
	if out := saule.ok("answer", "--code", code, "--look"); !strings.Contains(out, "spoke: Гүлнар Ахметова") || slips(saule)[0].State != "taken" {
		t.Error(out)
	}
	saule.ok("answer", "--code", strings.ToLower(code), "She is well, she has bread.")
	if list := slips(saule); len(list) != 0 {
		t.Errorf("the helper still has %+v", list)
	}
	if out := saule.ok("slips", "--all"); strings.Contains(out, "Гүлнар") || strings.Contains(out, "123 45 67") {
		t.Errorf("the helper's device still tells whom it was about: %s", out)
	}
	carry(saule, timur, dana)
	got = slips(dana, "--mine")
	if len(got) != 1 || got[0].State != "answered" || got[0].Name != "Гүлнар Ахметова" {
		t.Fatalf("%+v", got)
	}
	e := got[0].Events[len(got[0].Events)-1]
	if e.Text != "She is well, she has bread." || e.Outcome != "spoke" || e.Who != "Saule" || e.Via != "Timur" || time.Since(e.At) > time.Hour {
		t.Errorf("%+v", e)
	}
	if out := dana.ok("slips", "--export", "pfif", "--lang", "kk"); strings.Contains(out, "<author_name></author_name>") || !strings.Contains(out, "<status>believed_alive</status>") {
		t.Errorf("PFIF: %s", out)
	}

	// A list of people, as other programs write it.
	table := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(table, []byte("\uFEFFphone,name\n+7 702 1,Марат\n,\n+7 702 2,Айша\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := dana.ok("ask", "--to", "Timur", "--csv", table); !strings.Contains(out, "2 slips saved") || !strings.Contains(out, "row 3") {
		t.Errorf("the table: %s", out)
	}
	for _, c := range []struct {
		text string
		args []string
	}{
		{"say which of your contacts", []string{"ask", "X"}},
		{"nobody of that name", []string{"ask", "X", "--to", "Nobody"}},
		{"say whom to ask after", []string{"ask", "--to", "Timur"}},
		{"outcome is one of", []string{"answer", got[0].ID, "maybe"}},
		{"not found", []string{"slips", "take", "ffffffff"}},
		{"only others can answer", []string{"answer", got[0].ID, "spoke"}},
	} {
		if _, errs, code := dana.try(c.args...); code == exitOK || !strings.Contains(errs, c.text) {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
}
