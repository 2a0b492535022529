package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestRenameStaysHere: a name given to a contact is shown everywhere here and
// reaches nobody: neither whom the contact is introduced to nor who hears of the
// company.
func TestRenameStaysHere(t *testing.T) {
	t.Parallel()
	aigerim, dana, timur := newProgram(t, "Aigerim"), newProgram(t, "Dana"), newProgram(t, "Timur")
	aigerim.ok("accept", dana.invite())
	aigerim.ok("accept", timur.invite())
	var p api.Person
	aigerim.json(&p, "rename", "dana", "Source 7", "--json")
	if p.Name != "Source 7" {
		t.Fatalf("%+v", p)
	}
	for name, want := range map[string]string{"TIMUR": "has this name", strings.Repeat("я", 33): "at most 64 bytes"} {
		if _, errs, code := aigerim.try("rename", p.ID, name); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%q: exit %d, %s", name, code, errs)
		}
	}
	if _, errs, code := aigerim.try("rename", "Dana", "Source 8"); code != exitFailed || !strings.Contains(errs, "nobody of that name") {
		t.Errorf("the old name: exit %d, %s", code, errs)
	}
	if out := aigerim.ok("people"); !strings.Contains(out, "Source 7\n") || strings.Contains(out, "Dana") {
		t.Errorf("people: %s", out)
	}

	aigerim.ok("introduce", "Source 7", "Timur")
	aigerim.ok("safe", "--to", "Timur", "--with", "Source 7")
	if out := aigerim.ok("told"); !strings.Contains(out, "Source 7") {
		t.Errorf("told: %s", out)
	}
	stick := t.TempDir()
	aigerim.ok("carry", stick)
	timur.ok("carry", stick)
	var asked []api.Introduction
	timur.json(&asked, "introductions", "--json")
	var people []api.Person
	timur.json(&people, "people", "--json")
	if len(asked) != 1 || asked[0].Name != "Dana" || len(people) != 1 || people[0].Word == nil || strings.Join(people[0].Word.With, "") != "Dana" {
		t.Errorf("Timur has %+v and %+v", asked, people)
	}
	if b, err := json.Marshal([]any{asked, people}); err != nil || strings.Contains(string(b), "Source") {
		t.Errorf("the name reached Timur: %s, %v", b, err)
	}
}
