package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jauap/jauap/web/api"
)

// TestAskInbox: Dana abroad knows nobody inside and has only a hospital's card.
// A stranger's stick takes her question there; a colleague of who opened the
// inbox calls, and the answer comes back the same way, under the inbox's name
// alone.
func TestAskInbox(t *testing.T) {
	t.Parallel()
	dana, door, saule, courier := newProgram(t, "Dana"), newProgram(t, "Timur"), newProgram(t, "Saule"), newProgram(t, "Courier")
	pair(t, door, saule, "Timur", "Saule")
	door.ok("slips", "team", "Saule")
	saule.ok("slips", "team", "Timur")
	var box api.Inbox
	door.json(&box, "inbox", "open", "Қалалық аурухана", "--json")
	inside, border := t.TempDir(), t.TempDir()
	cross := func() {
		t.Helper()
		for _, c := range []struct {
			p     program
			stick string
		}{{dana, border}, {courier, border}, {courier, inside}, {door, inside}, {saule, inside}, {door, inside}, {courier, inside}, {courier, border}, {dana, border}} {
			c.p.ok("carry", c.stick)
		}
	}
	slips := func(p program, args ...string) (list []api.Slip) {
		t.Helper()
		p.json(&list, append([]string{"slips", "--json"}, args...)...)
		return list
	}
	dana.ok("ask", "Гүлнар Ахметова", "--inbox", box.Card, "--phone", "+7 701 123 45 67", "--question", "Is she alive?", "--from", "her daughter in Berlin", "--say", "We love you.")
	mine := slips(dana, "--mine")
	if len(mine) != 1 || mine[0].Via != "Қалалық аурухана" || mine[0].Arrived {
		t.Fatalf("%+v", mine)
	}
	if out := dana.ok("slips"); !strings.Contains(out, "on its way to Қалалық аурухана") {
		t.Error(out)
	}
	cross()
	got := slips(saule)
	if len(got) != 1 || got[0].Phone != "+7 701 123 45 67" || got[0].State != "open" {
		t.Fatalf("%+v", got)
	}
	id := got[0].ID[:8]
	if out := door.ok("slips"); !strings.Contains(out, "through the public inbox Қалалық аурухана") {
		t.Error(out)
	}
	saule.ok("slips", "take", id)
	cross()
	if mine = slips(dana, "--mine"); mine[0].State != "taken" || !mine[0].Arrived || strings.Join(mine[0].Takers, ",") != "Қалалық аурухана" {
		t.Errorf("%+v", mine[0])
	}
	saule.ok("answer", id, "spoke", "She is well, she has bread.")
	cross()
	mine = slips(dana, "--mine")
	e := mine[0].Events[len(mine[0].Events)-1]
	if mine[0].State != "answered" || e.Text != "She is well, she has bread." || e.Outcome != "spoke" || e.Who != "Қалалық аурухана" || e.Via != e.Who {
		t.Fatalf("%+v", mine[0])
	}

	// Who helped forgot whom it was about; who carried never knew; and the two
	// ends learned no name of each other.
	for _, p := range []program{door, saule} {
		if out := p.ok("slips", "--all"); strings.Contains(out, "Гүлнар") || strings.Contains(out, "123 45 67") {
			t.Errorf("a helper's device still tells whom it was about: %s", out)
		}
	}
	for _, c := range []struct {
		p     program
		words []string
	}{{courier, []string{"Гүлнар", "123 45 67", "bread", "Saule"}}, {dana, []string{"Saule", "Timur"}}, {door, []string{"Dana"}}, {saule, []string{"Dana"}}} {
		words := append([]string{}, c.words...)
		err := filepath.WalkDir(c.p.dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			for _, w := range words {
				if strings.Contains(string(b), w) {
					t.Errorf("%s holds %q", path, w)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}

	// A second one is taken back on the way, and a list of people goes there, too.
	dana.ok("ask", "Марат", "--inbox", "қалалық аурухана")
	for _, s := range slips(dana, "--mine") {
		if s.State == "open" {
			dana.ok("slips", "withdraw", s.ID[:8])
			break
		}
	}
	table := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(table, []byte("phone,name\n+7 702 1,Айша\n+7 702 2,Ерлан\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := dana.ok("ask", "--inbox", box.Card, "--csv", table); !strings.Contains(out, "2 slips saved") {
		t.Error(out)
	}
	cross()
	if got = slips(door); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	if mine = slips(dana, "--mine"); len(mine) != 4 || mine[1].State != "withdrawn" {
		t.Errorf("%+v", mine)
	}
	dana.ok("slips", "delete", mine[0].ID)
	for _, c := range []struct {
		text string
		args []string
	}{
		{"--to NAME, or which public inbox", []string{"ask", "X", "--to", "Timur", "--inbox", box.Card}},
		{"not an inbox's card", []string{"ask", "X", "--inbox", "jauap-inbox:1:abc"}},
		{"0 inboxes are called", []string{"ask", "X", "--inbox", "nobody"}},
		{"say whom to ask after", []string{"ask", "--inbox", box.Card}},
	} {
		if _, errs, code := dana.try(c.args...); code == exitOK || !strings.Contains(errs, c.text) {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
}
